"""A SIP call as a leg: joins what the agent says of the dialog to what media says of sound and pictures.

    opening (ports) -> pending (an answer or an ACK) -> up -> leaving (we end it) -> over

Media is set going by the ACK and not before: only then is it sure that who called is where he says he is. A media
process that dies does not end the call: the leg takes new ports, as soon as there are any, and offers them in a
re-INVITE. So does a leg that is sent to a room whose sound is made by another process.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import replace
from enum import Enum
from typing import Final

from bridge.admission import RETRY_AFTER_S
from bridge.errors import ProtocolError, Reason
from bridge.leg import Desk, Told, pictures_of
from bridge.media.contract import KeyNeeded, LegOpened, Quality, Seen
from bridge.rooms.participant import Pictures, Role
from bridge.sdp.description import parse
from bridge.sdp.local import Local
from bridge.sdp.negotiate import Agreed, Offer, Protection, accept, answer, offer, wants_ice, wants_ipv6
from bridge.sip import commands, events
from bridge.sip.keys import ASK_FOR_PICTURE
from bridge.sip.reasons import ENDINGS, STATUS, of_refusal
from bridge.sip.terms import Caller, LegTerms
from bridge.switchboard import Switchboard
from config.model import Room

REOPEN_S: Final = 0.5  # between two tries to get new ports from a media process that is not up again yet
REOPENS: Final = 40
ASK_PAUSE_S: Final = 1.0  # between two INFOs that ask for a key frame


class State(Enum):
    """Where a leg is in its life."""

    OPENING = "opening"  # waits for its ports
    PENDING = "pending"  # an answer or an ACK is awaited
    UP = "up"
    REVIVING = "reviving"  # its ports are gone; waits for new ones, then for the answer to their offer
    LEAVING = "leaving"  # we end the call; the agent has not said yet that it is over
    OVER = "over"


class SipLeg:
    """One SIP call, in or out. `leg` is our name for it, `call` the agent's.

    `tell` feeds the agent; `arrive` is called once, when the call is up, and returns the desk; `move` is called when it
    is sent to another room, with the role that it has there or None, and returns the desk there; `gone` is called once,
    when call and ports are over.
    """

    way = "sip"

    def __init__(
        self,
        leg: str,
        call: str,
        conference: str,
        caller: Caller,
        terms: LegTerms,
        switchboard: Switchboard,
        tell: Callable[[commands.Input], None],
        arrive: Callable[[SipLeg], Desk],
        move: Callable[[SipLeg, Room, Role | None], Desk],
        gone: Callable[[SipLeg], None],
    ) -> None:
        self.id = leg
        self.call = call
        self.conference = conference
        self.state = State.OPENING
        self.reason = Reason.NORMAL
        self.quality: Quality | None = None
        self._caller = caller
        self._terms = terms
        self._switchboard = switchboard
        self._tell = tell
        self._arrive = arrive
        self._move = move
        self._gone = gone
        self._desk: Desk | None = None
        self._sent_to: tuple[Room, Role | None] | None = None  # where it arrives once it has ports there
        self._invite: Callable[[bytes], commands.Invite] | None = None
        self._their_offer: bytes | None = None
        self._answered = False  # what came in has our 200: it can be refused no more
        self._made: Offer | None = None  # in an INVITE of ours
        self._late: Offer | None = None  # in a 200 of ours: the ACK brings the answer
        self._agreed: Agreed | None = None
        self._local: Local | None = None
        self._six = False  # the offer's address is of IPv6
        self._ice = False  # it is on the port for ICE
        self._told_hold = False
        self._told_encrypted = False
        self._told_pictures = pictures_of(None)
        self._asked = -ASK_PAUSE_S  # when it was asked for a key frame [monotonic seconds]
        self._reopened = 0
        self._gone_told = False
        self._secret = secrets.token_bytes(32)
        self._session_id = secrets.randbits(62)

    # -- what the room sees ---------------------------------------------------------------------------------------

    @property
    def display_name(self) -> str:
        """The name as the caller gave it, made safe to show."""
        return self._caller.display_name

    @property
    def source(self) -> str:
        """The address of the peer's signalling."""
        return self._caller.source

    @property
    def trusted(self) -> bool:
        """Whether the peer is a known endpoint that proved it."""
        return self._caller.trusted

    @property
    def interpreter(self) -> bool:
        """Whether the peer comes as the room's interpreter."""
        return self._caller.interpreter

    @property
    def on_hold(self) -> bool:
        """Whether the peer has put us on hold."""
        return self._agreed is not None and self._agreed.audio.held

    @property
    def has_media(self) -> bool:
        """A call is nothing without its media."""
        return True

    @property
    def encrypted(self) -> bool:
        """Whether all its media is encrypted."""
        return self.protection in (Protection.SDES, Protection.DTLS)

    @property
    def protection(self) -> Protection | None:
        """How its media is protected; None as long as nothing is agreed."""
        return None if self._agreed is None else self._agreed.protection

    @property
    def pictures(self) -> Pictures:
        """What was agreed on pictures."""
        return pictures_of(self._agreed)

    @property
    def outgoing(self) -> bool:
        """Whether we called."""
        return self._invite is not None

    def notify(self, event: Told) -> None:
        """A telephone learns what happens from prompts."""

    def hang_up(self, reason: Reason) -> None:
        """Refuse, cancel or end the call, whatever is due. The first reason counts."""
        if self.state in (State.LEAVING, State.OVER):
            return
        self.reason = reason
        before, self.state = self.state, State.LEAVING
        status = STATUS[reason]
        if before is State.OPENING and self._invite is not None:
            self._over(reason)  # the agent knows nothing of it yet
        elif self._answered or self._invite is not None:
            self._tell(commands.Bye(self.call, f'SIP;cause={status};text="{reason.value}"'))
        else:
            self._tell(commands.Reject(self.call, status, RETRY_AFTER_S if status == 503 else None))

    def refer(self, room: Room, role: Role | None) -> None:
        """Go to another room, inside the bridge; with new ports where another media process serves that room."""
        desk, self._desk = self._desk, None
        if desk is not None:
            desk.left(Reason.TRANSFERRED)
        if self.state not in (State.UP, State.REVIVING):
            return
        self.conference, self._sent_to = room.number, (room, role)
        self._caller = replace(self._caller, interpreter=False)  # the room here knew him as one
        if self.state is State.UP and self._switchboard.move(self.id, room.number):
            self._arrive_there()
        elif self.state is State.UP:
            self.state = State.REVIVING
            self._reopened = 0
            self._switchboard.close(self.id)  # when these ports are free, others are opened

    def _arrive_there(self) -> None:
        if self._sent_to is not None:
            sent_to, self._sent_to = self._sent_to, None
            self._note_told()
            self._desk = self._move(self, *sent_to)

    # -- the beginning --------------------------------------------------------------------------------------------

    def begin(self, their_offer: bytes | None) -> None:
        """Take an incoming call with its offer, or None for a late one: open ports, then answer.

        A peer that offers ICE gets the port for it, and stays there; what we offer ourselves is without.
        """
        self._their_offer = their_offer
        if their_offer is not None:
            try:
                description = parse(their_offer)
            except ProtocolError as fault:
                self._refuse(fault)
                return
            self._six = wants_ipv6(description)
            self._ice = self._terms.ice and wants_ice(description, self._terms.pictures)
        self._open(self._six)

    def dial(self, invite: Callable[[bytes], commands.Invite], six: bool) -> None:
        """Begin an outgoing call; `invite` makes the command from our offer. `six`: the target is on IPv6."""
        self._invite = invite
        self._open(six)

    def _open(self, six: bool) -> None:
        terms = self._terms
        address = (terms.address6 if six else terms.address4) or terms.address4 or terms.address6
        # Pictures may come later, in a re-INVITE, and then need ports that are there.
        video = terms.pictures is not None and not self._ice
        self._switchboard.open(self.id, self.conference, address, self, shared=self._ice, video=video)

    # -- what media tells -----------------------------------------------------------------------------------------

    def media_opened(self, opened: LegOpened) -> None:
        """There are ports: make the answer or the offer that names them."""
        if self.state not in (State.OPENING, State.REVIVING):
            return
        self._local = local = self._terms.side(opened, self._ice, self._session_id, self._secret)
        if self.state is State.REVIVING:
            self._made = offer(local, self._agreed, anew=True)
            self._tell(commands.Reinvite(self.call, self._made.body))
        elif self._invite is not None:
            self.state = State.PENDING
            self._made = offer(local)
            self._tell(self._invite(self._made.body))
        else:
            self._answer(local)

    def _answer(self, local: Local) -> None:
        """Answer the INVITE that began the call: with an answer to its offer, or an offer where it had none."""
        if self._their_offer is None:
            self._late = offer(local)
            body = self._late.body
        else:
            try:
                self._agreed = answer(parse(self._their_offer), local)
            except ProtocolError as fault:
                self._refuse(fault)
                return
            body = self._agreed.body
        self.state = State.PENDING
        self._answered = True
        self._tell(commands.Answer(self.call, body))

    def media_refused(self, why: str) -> None:
        """There are none to be had. Instead of the shared one, ports of its own will do, without ICE."""
        if self.state is State.OVER:
            self._tell_gone()
        if self.state is State.OPENING and self._ice:
            self._ice = False
            self._open(self._six)
        else:
            self.hang_up(Reason.OVERLOADED)

    def media_digit(self, digit: str) -> None:
        """A key came by RFC 4733."""
        if self._desk is not None:
            self._desk.digit(digit)

    def media_silent(self, seconds: float, final: bool) -> None:
        """Nothing is received: first a warning, then the end."""
        if final:
            self.hang_up(Reason.MEDIA_LOST)
        elif self._desk is not None:
            self._desk.silent(True)

    def media_back(self) -> None:
        """Sound comes again."""
        if self._desk is not None:
            self._desk.silent(False)

    def media_connected(self, protocol: str, suite: str) -> None:
        """ICE and DTLS have done their work."""

    def media_failed(self, why: str) -> None:
        """There will be no sound: the keys are not the peer's, or nothing of ICE or DTLS comes through.

        A peer that closes DTLS is about to hang up, which its BYE says better; if none comes, silence ends the call.
        """
        if why != "dtls-closed":
            self.hang_up(Reason.MEDIA_LOST)

    def media_pictures(self, event: Seen | KeyNeeded) -> None:
        """Pictures come or do not; or a key frame is needed, which an INFO asks for, once a second at most."""
        match event:
            case Seen() if self._desk is not None:
                self._desk.seen(event.content, event.on)
            case KeyNeeded() if self.state is State.UP:
                now = asyncio.get_running_loop().time()
                if now - self._asked >= ASK_PAUSE_S:
                    self._asked = now
                    self._tell(commands.SendInfo(self.call, *ASK_FOR_PICTURE))
            case _:
                pass

    def media_closed(self, quality: Quality | None) -> None:
        """The ports are free; if the call is over, so is the leg."""
        self.quality = quality
        if self.state is State.OVER:
            self._tell_gone()
        elif self.state is State.REVIVING:
            self._reopen()

    def media_died(self) -> None:
        """The media process is gone: a call that is up gets new ports, any other ends."""
        match self.state:
            case State.OVER:
                self._tell_gone()
            case State.UP if self._desk is not None:
                self.state = State.REVIVING
                self._reopened = 0
                self._desk.silent(True)
                self._reopen()
            case State.REVIVING if self._reopened < REOPENS:
                self._reopened += 1
                asyncio.get_running_loop().call_later(REOPEN_S, self._reopen)
            case State.LEAVING:
                pass
            case _:
                self.hang_up(Reason.FAULT)

    def _reopen(self) -> None:
        if self.state is State.REVIVING:
            self._open(self._local is not None and ":" in self._local.address)

    # -- what the agent tells -------------------------------------------------------------------------------------

    def agent_event(self, event: events.Output) -> None:
        """Take one event of this call."""
        match event:
            case events.CallEnded():
                self._over(ENDINGS.get(event.why, self.reason))
            case events.DialFailed():
                self._over(self.reason if self.state is State.LEAVING else of_refusal(event.status))
            case _ if self.state in (State.LEAVING, State.OVER):
                pass  # it crossed with what ends the call
            case events.AckReceived():
                self._acknowledged(event.answer)
            case events.Reinvited() | events.UpdateReceived():
                self._reoffered(event.offer)
            case events.OfferAnswered():
                self._offer_answered(event.sdp)
            case events.OfferRefused():
                self._offer_refused()
            case events.DigitReceived():
                self.media_digit(event.digit)
            case events.PictureFastUpdate():
                self._switchboard.want_key(self.id)
            case events.DialAnswered():
                self._dial_answered(event)

    def _acknowledged(self, their_answer: bytes | None) -> None:
        late, self._late = self._late, None
        if late is not None and not self._accept(late, their_answer):
            return
        if self.state is State.PENDING:
            self._come_up()
        elif late is not None:
            self._renew()

    def _dial_answered(self, event: events.DialAnswered) -> None:
        if event.flow is not None:
            self._caller = replace(self._caller, source=event.flow.remote[0])
        made, self._made = self._made, None
        if self._accept(made, event.sdp):
            self._come_up()

    def _come_up(self) -> None:
        self.state = State.UP
        self._configure()
        self._note_told()
        self._desk = self._arrive(self)

    def _note_told(self) -> None:
        """Whoever takes the leg reads these for himself."""
        self._told_hold, self._told_encrypted = self.on_hold, self.encrypted
        self._told_pictures = self.pictures

    def _reoffered(self, their_offer: bytes | None) -> None:
        if self._local is None or self._agreed is None or self.state is State.REVIVING:
            self._tell(commands.AnswerReinvite(self.call, status=491))
            return
        if their_offer is None:
            self._late = offer(self._local, self._agreed, anew=True)
            self._tell(commands.AnswerReinvite(self.call, self._late.body))
            return
        try:
            self._agreed = answer(parse(their_offer), self._local, self._agreed)
        except ProtocolError as fault:
            self._tell(commands.AnswerReinvite(self.call, status=fault.status))
            return
        self._tell(commands.AnswerReinvite(self.call, self._agreed.body))
        self._renew()

    def _offer_answered(self, sdp: bytes) -> None:
        made, self._made = self._made, None
        if made is None and self.state is State.REVIVING:
            return  # to the agent's own refresh, of ports that are gone
        if made is None and self._local is not None:
            made = offer(self._local, self._agreed)  # the agent's own refresh said the same again
        if not self._accept(made, sdp):
            return
        self._renew()
        if self.state is State.REVIVING:
            self.state = State.UP
            self._arrive_there()
            if self._desk is not None:
                self._desk.silent(False)

    def _offer_refused(self) -> None:
        self._made = None
        if self.state is State.REVIVING:
            self.hang_up(Reason.FAULT)

    def _accept(self, made: Offer | None, their_answer: bytes | None) -> bool:
        """Take the answer to an offer of ours; a call without a usable one ends."""
        try:
            if made is None or their_answer is None:
                raise ProtocolError("sdp-answer-missing", status=488)
            self._agreed = accept(made, parse(their_answer))
        except ProtocolError:
            self.hang_up(Reason.NOT_ACCEPTABLE)
            return False
        return True

    # -- what follows ---------------------------------------------------------------------------------------------

    def _configure(self) -> None:
        assert self._agreed is not None
        terms, agreed = self._terms, self._agreed
        times = terms.timeout_s, terms.held_timeout_s
        self._switchboard.configure(
            self.id, agreed.audio, self.source, terms.latch, *times, agreed.transport,
            video=agreed.video, slides=agreed.slides, video_transport=agreed.video_transport,
        )  # fmt: skip

    def _renew(self) -> None:
        """Something else was agreed while the call is up."""
        self._configure()
        if self._desk is not None and self.on_hold != self._told_hold:
            self._told_hold = self.on_hold
            self._desk.held(self.on_hold)
        if self._desk is not None and self.encrypted != self._told_encrypted:
            self._told_encrypted = self.encrypted
            self._desk.media(True, self.encrypted)
        if self._desk is not None and self.pictures != self._told_pictures:
            self._told_pictures = self.pictures
            self._desk.video(self.pictures)

    def _refuse(self, fault: ProtocolError) -> None:
        self.reason = Reason.NOT_ACCEPTABLE
        self.state = State.LEAVING
        self._tell(commands.Reject(self.call, fault.status))

    def _over(self, reason: Reason) -> None:
        if self.state is State.OVER:
            return
        self.reason = reason
        self.state = State.OVER
        desk, self._desk = self._desk, None
        try:
            if desk is not None:
                desk.left(reason)
        finally:
            if not self._switchboard.close(self.id):
                self._tell_gone()

    def _tell_gone(self) -> None:
        if not self._gone_told:
            self._gone_told = True
            self._gone(self)
