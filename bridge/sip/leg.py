"""A SIP call as a leg: joins what the agent says of the dialog to what media says of the sound.

    opening (ports) -> inviting or answering -> up -> over

Media is set going by the ACK and not before: only then is it sure that who called is where he says he is. A media
process that dies does not end the call: the leg takes new ports and offers them in a re-INVITE.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from bridge.codec.table import AudioCodec
from bridge.errors import ProtocolError, Reason
from bridge.leg import Desk
from bridge.media.contract import Quality
from bridge.rooms.events import Event
from bridge.sdp.description import parse
from bridge.sdp.local import Local, SrtpPolicy
from bridge.sdp.negotiate import Agreed, Offer, accept, answer, offer, wants_ipv6
from bridge.sip import commands, events
from bridge.sip.events import Ending
from bridge.switchboard import Switchboard

STATUS: Final = {
    Reason.NORMAL: 480,
    Reason.UNKNOWN_ROOM: 404,
    Reason.NOT_ACCEPTABLE: 488,
    Reason.BAD_PIN: 403,
    Reason.NO_ANSWER: 408,
    Reason.FULL: 486,
    Reason.DECLINED: 603,
    Reason.HOST_ABSENT: 480,
    Reason.KICKED: 403,
    Reason.ENDED: 480,
    Reason.MEDIA_LOST: 480,
    Reason.SIGNALLING_LOST: 480,
    Reason.OVERLOADED: 503,
    Reason.SHUTDOWN: 503,
    Reason.FAULT: 500,
}
"""How a `Reason` sounds in SIP: the status of a refusal, and the cause in the Reason header of a BYE (RFC 3326)."""

ENDINGS: Final = {
    Ending.BYE: Reason.NORMAL,
    Ending.CANCEL: Reason.NORMAL,
    Ending.NO_ACK: Reason.SIGNALLING_LOST,
    Ending.NO_PRACK: Reason.SIGNALLING_LOST,
    Ending.UNANSWERED: Reason.FAULT,
    Ending.SESSION_EXPIRED: Reason.SIGNALLING_LOST,
    Ending.GONE: Reason.SIGNALLING_LOST,
    Ending.FLOW_LOST: Reason.SIGNALLING_LOST,
}


class State(Enum):
    """Where a leg is in its life."""

    OPENING = "opening"  # waits for its ports
    PENDING = "pending"  # an answer or an ACK is awaited
    UP = "up"
    REVIVING = "reviving"  # the media process died; waits for new ports
    OVER = "over"


@dataclass(frozen=True, slots=True)
class LegTerms:
    """What a leg brings to its negotiation. Addresses are local ones, "" where that family is not served.

    `said`: what SDP says instead of the address (behind NAT 1:1), "" = the address itself.
    """

    address4: str
    address6: str
    said: str
    codecs: tuple[AudioCodec, ...]
    srtp: SrtpPolicy
    ptime_ms: int
    latch: bool
    timeout_s: float
    held_timeout_s: float
    forbidden: frozenset[tuple[str, int]]
    loopback: bool


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is at the other end. `source`: the address of its signalling; `display_name` is safe to show."""

    display_name: str
    source: str
    trusted: bool


class SipLeg:
    """One SIP call, in or out. `leg` is our name for it, `call` the agent's.

    `tell` feeds the agent; `arrive` is called once, when the call is up, and returns the desk; `gone` is called once,
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
        self._gone = gone
        self._desk: Desk | None = None
        self._invite: Callable[[bytes], commands.Invite] | None = None
        self._their_offer: bytes | None = None
        self._made: Offer | None = None
        self._agreed: Agreed | None = None
        self._local: Local | None = None
        self._held = False
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

    def notify(self, event: Event) -> None:
        """A telephone learns what happens from prompts."""

    def hang_up(self, reason: Reason) -> None:
        """Refuse, cancel or end the call, whatever is due."""
        if self.state is State.OVER:
            return
        self.reason = reason
        if self.state in (State.UP, State.REVIVING) or self._invite is not None:
            status = STATUS[reason]
            self._tell(commands.Bye(self.call, f'SIP;cause={status};text="{reason.value}"'))
        else:
            self._tell(commands.Reject(self.call, STATUS[reason]))

    # -- the beginning --------------------------------------------------------------------------------------------

    def begin(self, their_offer: bytes | None) -> None:
        """Take an incoming call with its offer, or None for a late one: open ports, then answer."""
        self._their_offer = their_offer
        try:
            six = their_offer is not None and wants_ipv6(parse(their_offer))
        except ProtocolError as fault:
            self._refuse(fault)
            return
        self._open(six)

    def dial(self, invite: Callable[[bytes], commands.Invite], six: bool) -> None:
        """Begin an outgoing call; `invite` makes the command from our offer. `six`: the target is on IPv6."""
        self._invite = invite
        self._open(six)

    def _open(self, six: bool) -> None:
        terms = self._terms
        address = (terms.address6 if six else terms.address4) or terms.address4 or terms.address6
        self._switchboard.open(self.id, self.conference, address, self)

    # -- what media tells -----------------------------------------------------------------------------------------

    def media_opened(self, address: str, port: int, rtcp_port: int) -> None:
        """There are ports: make the answer or the offer that names them."""
        if self.state is State.OVER:
            return
        terms = self._terms
        self._local = local = Local(
            address=terms.said if terms.said and (":" in terms.said) == (":" in address) else address,
            port=port,
            rtcp_port=rtcp_port,
            session_id=self._session_id,
            secret=self._secret,
            codecs=terms.codecs,
            srtp=terms.srtp,
            ptime_ms=terms.ptime_ms,
            loopback=terms.loopback,
            forbidden=terms.forbidden,
        )
        if self.state is State.REVIVING:
            self._made = offer(local, self._agreed, anew=True)
            self._tell(commands.Reinvite(self.call, self._made.body))
            return
        self.state = State.PENDING
        if self._invite is not None:
            self._made = offer(local)
            self._tell(self._invite(self._made.body))
        elif self._their_offer is None:
            self._made = offer(local)
            self._tell(commands.Answer(self.call, self._made.body))
        else:
            try:
                self._agreed = answer(parse(self._their_offer), local)
            except ProtocolError as fault:
                self._refuse(fault)
                return
            self._tell(commands.Answer(self.call, self._agreed.body))

    def media_refused(self, why: str) -> None:
        """There are no ports left."""
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

    def media_closed(self, quality: Quality | None) -> None:
        """The ports are free; if the call is over, so is the leg."""
        self.quality = quality
        if self.state is State.OVER:
            self._gone(self)

    def media_died(self) -> None:
        """The media process is gone: a call that is up gets new ports, any other is refused."""
        if self.state is State.OVER:
            self._gone(self)
        elif self.state in (State.UP, State.REVIVING) and self._agreed is not None:
            self.state = State.REVIVING
            self._open(self._local is not None and ":" in self._local.address)
        else:
            self.hang_up(Reason.FAULT)

    # -- what the agent tells -------------------------------------------------------------------------------------

    def agent_event(self, event: events.Output) -> None:
        """Take one event of this call."""
        match event:
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
            case events.DialAnswered():
                self._dial_answered(event.sdp)
            case events.DialFailed():
                self._over(Reason.NO_ANSWER if event.status in (408, 480, 487) else Reason.DECLINED)
            case events.CallEnded():
                self._over(ENDINGS.get(event.why, self.reason))
            case _:
                pass

    def _acknowledged(self, their_answer: bytes | None) -> None:
        if self._made is not None and not self._accept(their_answer):
            return
        if self.state is State.PENDING:
            self._come_up()

    def _dial_answered(self, their_answer: bytes | None) -> None:
        self.state = State.UP if self._accept(their_answer, configure=False) else self.state
        if self.state is State.UP:
            self._come_up()

    def _come_up(self) -> None:
        self.state = State.UP
        self._configure()
        self._desk = self._arrive(self)
        self._tell_hold()

    def _reoffered(self, their_offer: bytes | None) -> None:
        if self._local is None or self._agreed is None or self.state is State.REVIVING:
            self._tell(commands.AnswerReinvite(self.call, status=491))
            return
        if their_offer is None:
            self._made = offer(self._local, self._agreed, anew=True)
            self._tell(commands.AnswerReinvite(self.call, self._made.body))
            return
        try:
            self._agreed = answer(parse(their_offer), self._local, self._agreed)
        except ProtocolError as fault:
            self._tell(commands.AnswerReinvite(self.call, status=fault.status))
            return
        self._tell(commands.AnswerReinvite(self.call, self._agreed.body))
        self._configure()
        self._tell_hold()

    def _offer_answered(self, sdp: bytes) -> None:
        if self._made is None and self._local is not None:
            self._made = offer(self._local, self._agreed)  # the agent's own refresh said the same again
        if self._accept(sdp):
            self.state = State.UP

    def _offer_refused(self) -> None:
        self._made = None
        if self.state is State.REVIVING:
            self.hang_up(Reason.FAULT)

    def _accept(self, their_answer: bytes | None, configure: bool = True) -> bool:
        """Take the answer to our offer; a call without a usable one ends."""
        made, self._made = self._made, None
        try:
            if made is None or their_answer is None:
                raise ProtocolError("sdp-answer-missing", status=488)
            self._agreed = accept(made, parse(their_answer))
        except ProtocolError:
            if self.state is State.PENDING:
                self.state = State.UP  # the dialog stands already: it must be ended, not refused
            self.hang_up(Reason.NOT_ACCEPTABLE)
            return False
        if configure and self.state is not State.PENDING:
            self._configure()
            self._tell_hold()
        return True

    # -- what follows ---------------------------------------------------------------------------------------------

    def _configure(self) -> None:
        assert self._agreed is not None
        terms = self._terms
        self._switchboard.configure(
            self.id, self._agreed.audio, self.source, terms.latch, terms.timeout_s, terms.held_timeout_s
        )

    def _tell_hold(self) -> None:
        held = self._agreed is not None and self._agreed.audio.held
        if self._desk is not None and held != self._held:
            self._held = held
            self._desk.held(held)

    def _refuse(self, fault: ProtocolError) -> None:
        self.reason = Reason.NOT_ACCEPTABLE
        self._tell(commands.Reject(self.call, fault.status))

    def _over(self, reason: Reason) -> None:
        if self.state is State.OVER:
            return
        self.reason = reason
        self.state = State.OVER
        if self._desk is not None:
            self._desk.left(reason)
        if not self._switchboard.close(self.id):
            self._gone(self)
