"""All web clients: how they come in, how long they stay, and how they come back.

enter: room -> seat, referral or PIN -> leg -> door of the conference -> token
a token that is not refreshed ends its leg; the seat stays for whoever has its key
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol

from bridge.admission import RETRY_AFTER_S
from bridge.bucket import Bucket
from bridge.call_record import CallRecord
from bridge.crew import Crew
from bridge.driver import in_turn
from bridge.errors import Reason
from bridge.focus import Focus
from bridge.leg import Called, Told
from bridge.reception import Reception
from bridge.rooms.budget import household
from bridge.rooms.entry import Asks, asks
from bridge.rooms.participant import Role
from bridge.seats import Seat
from bridge.switchboard import Switchboard
from bridge.text import clean_name
from bridge.web.board import Board
from bridge.web.client import Client
from bridge.web.leg import WebLeg
from bridge.web.media import DIED, OPEN_S, WebTerms
from bridge.web.newcomers import Claim, Entry, Referral, WhipPass
from bridge.web.protocol import BUSY, ICE_FAILURE, SENT_AWAY, SENTENCES, pin_wanted
from bridge.web.refusal import RefusedError, refused
from bridge.web.sources import Sources
from bridge.web.tokens import Tokens
from config.model import Room
from config.secret import Secret

NO_PIN: Final = "none"  # what clients send who come as guests without one
TICKET_S: Final = 60.0
REFERRAL_S: Final = 60.0
WHIP_S: Final = 12 * 3600.0
WHIP_PER_S: Final = 1 / 60  # words for WHIP of one room, which bounds how many there are
WHIP_AT_ONCE: Final = 20.0
GRACE_S: Final = 5.0  # for somebody who was sent to another room to go there by himself
ANSWER_S: Final = 10.0  # for somebody whose media is lost to show that he is there
ENTRIES_PER_S: Final = 20.0  # requests for tokens from one source: many share one address
ENTRIES_AT_ONCE: Final = 200.0
MOST_WAITING: Final = 50  # without a PIN, from one source: else it alone could fill the lobbies of all rooms
SLOWED_PER_S: Final = 1.0  # from one that walks through the numbers, and asks many at a time
SLOWED_AT_ONCE: Final = 10.0
LONGEST_TAG: Final = 64
LONGEST_PIN: Final = 64


class Servers(NamedTuple):
    """STUN and TURN servers as the API lists them, for one client."""

    stun: list[dict[str, Any]]
    turn: list[dict[str, Any]]


class Invitation(NamedTuple):
    """How others find a room. `sip`: "" where it has no address; `whip`: where encoders send to. Never with a PIN."""

    number: str
    sip: str
    link: str
    whip: str


class Surroundings(Protocol):
    """What the rest of the bridge does for web clients."""

    def refusal(self) -> str | None:
        """The name of what stands against newcomers now, or None."""

    def servers(self, client: str) -> Servers:
        """STUN and TURN servers, with credentials for this client."""

    def invitation(self, room: Room) -> Invitation:
        """How others find a room."""

    def dial(self, by: str, focus: Focus, uri: str, role: Role) -> Called | str:
        """A host calls somebody into his room: what is called, or why nothing is."""

    def record(self, record: CallRecord) -> None:
        """A leg has ended."""


class Entered(NamedTuple):
    """Somebody is in: his client, his token, and the key to his seat."""

    client: Client
    token: str
    key: str


class Clients:
    """Everybody who has a token. `epoch` is taken once, so that times shown do not move with the clock."""

    def __init__(
        self,
        reception: Reception,
        switchboard: Switchboard,
        terms: WebTerms,
        surroundings: Surroundings,
        token_s: float,
        on_fault: Callable[[BaseException], None],
        wallclock: Callable[[], float],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.reception = reception
        self.surroundings = surroundings
        self._switchboard = switchboard
        self._terms = terms
        self._wallclock = wallclock
        self.epoch = wallclock() - self._loop.time()
        self._crew = Crew(on_fault)
        self._clients: dict[str, Client] = {}  # by leg; bounded by admission
        self._boards: dict[str, Board] = {}  # by room, of conferences with web clients
        self._records: dict[str, CallRecord] = {}  # by leg, until its port is free
        self._leaving: dict[
            str, asyncio.Future[None]
        ] = {}  # legs that have left, and whose port is not free yet
        self._tokens: Tokens[str] = Tokens(token_s, _draw)
        self._tickets: Tokens[str] = Tokens(TICKET_S, _draw)
        self._referrals: Tokens[Referral] = Tokens(REFERRAL_S, _draw)
        self._whip: Tokens[WhipPass] = Tokens(WHIP_S, _draw)
        self._sources = Sources(lambda: Bucket(ENTRIES_PER_S, ENTRIES_AT_ONCE, self._loop.time()))
        self._slowed = Sources(lambda: Bucket(SLOWED_PER_S, SLOWED_AT_ONCE, self._loop.time()))
        self._whip_pace = Sources(lambda: Bucket(WHIP_PER_S, WHIP_AT_ONCE, self._loop.time()))
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._clients)

    # -- the way in -------------------------------------------------------------------------------------------------

    async def enter(self, entry: Entry) -> Entered:
        """Somebody asks for a token. Raises RefusedError."""
        delay_s = self.reception.delay_s(entry.source, trusted=False)
        pace = self._slowed if delay_s > 0 else self._sources
        if not pace.take(household(entry.source), self._loop.time()):
            raise RefusedError(429, SENTENCES[Reason.OVERLOADED], 1)
        if delay_s > 0:
            await asyncio.sleep(delay_s)
        user, _, host = entry.alias.partition("@")
        room = self.reception.find(user, host, entry.source, trusted=False)
        if room is not None and (seat := await self._seat(room, entry.resume)) is not None:
            return self._come_back(room, seat, entry)
        if (trouble := self.surroundings.refusal()) is not None:
            reason = Reason.SHUTDOWN if trouble == "draining" else Reason.OVERLOADED
            raise refused(reason, RETRY_AFTER_S)
        name = clean_name(entry.display_name) or "Guest"
        claim = Claim(secrets.token_hex(6), name, entry.source)
        role = self._referred_to(room, entry) or await self._admitted(claim, room, entry)
        assert room is not None  # nobody has a role in no room
        key = self.reception.conferences.seats.give(claim.id, name, room.number, role)
        interprets = self.reception.interprets(room, user, host, "")
        client = self._stand(claim, room, entry.call_tag, interprets)
        return Entered(self._bring_in(client, role, None), self._issue(client), key)

    def _referred_to(self, room: Room | None, entry: Entry) -> Role | None:
        referral = self._referrals.spend(entry.referral, self._loop.time()) if entry.referral else None
        return (
            referral.role
            if referral is not None and room is not None and referral.room == room.number
            else None
        )

    async def _admitted(self, claim: Claim, room: Room | None, entry: Entry) -> Role:
        """The role by the PIN that is brought along, or without one."""
        pin = entry.pin if entry.pin not in (None, "", NO_PIN) else None
        if pin is not None:
            # What is no PIN at all is judged like a wrong one, as slowly.
            plausible = len(pin) <= LONGEST_PIN and pin.isascii()
            verdict = await self.reception.admit(
                claim, room, Secret(pin if plausible else "?"), False, entry.alias
            )
        elif room is None:
            raise refused(Reason.UNKNOWN_ROOM)
        elif asks(room) is Asks.PIN or (asks(room) is Asks.PIN_OR_HASH and entry.pin is None):
            raise RefusedError(403, pin_wanted(room))
        elif self._waiting(entry.source) >= MOST_WAITING:
            raise RefusedError(429, SENTENCES[Reason.OVERLOADED], RETRY_AFTER_S)
        else:
            verdict = await self.reception.admit(claim, room, None, True, entry.alias)
        if isinstance(verdict, Reason):
            raise refused(verdict)
        return verdict

    def _waiting(self, source: str) -> int:
        """How many of a source wait or knock where browsers are; 0 for this machine, which may be a proxy."""
        mine = household(source)
        if mine.startswith("127.") or mine == household("::1"):
            return 0
        people = (person for board in self._boards.values() for person in board.focus.conference.people)
        return sum(not person.inside and household(person.source) == mine for person in people)

    async def _seat(self, room: Room, key: str) -> Seat | None:
        """The seat that a key opens, once the port of the leg that had it is free: meanwhile all may have ended."""
        seat = self.reception.conferences.seats.find(key, room.number) if key else None
        if seat is None:
            return None
        if leaving := self._leaving.get(seat.leg):
            await asyncio.wait([leaving], timeout=OPEN_S)
        return self.reception.resume(key, room)

    def _come_back(self, room: Room, seat: Seat, entry: Entry) -> Entered:
        """Somebody has the key to his seat: in his own leg if that still stands, else in one of the same name."""
        client = self._clients.get(seat.leg)
        if client is not None:
            self._tokens.release(client.id)
            self._tickets.release(client.id)
            client.renew(_draw())
            client.leg.drop_media()
            self._boards[room.number].renew(client)
        else:
            claim = Claim(seat.leg, seat.name, entry.source)
            self.reception.audit(room, claim, "returned")
            standing = self._stand(claim, room, entry.call_tag, seat.interpreter)
            client = self._bring_in(standing, seat.role, seat)
        return Entered(client, self._issue(client), entry.resume)

    def _stand(self, claim: Claim, room: Room, call_tag: str, interprets: bool) -> Client:
        client = Client(_draw(), room, clean_name(call_tag)[:LONGEST_TAG], self._loop.time())
        client.leg = WebLeg(
            claim.id, room, claim.display_name, claim.source, self._terms, self._switchboard, self
        )
        client.leg.interpreter = interprets
        self._clients[client.id] = client
        now = self._wallclock()
        self._records[client.id] = CallRecord(
            client.id, room.number, WebLeg.way, "in", claim.source, now, answered=now
        )
        self.reception.metrics.calls_up.inc()
        return client

    def _bring_in(self, client: Client, role: Role, seat: Seat | None) -> Client:
        """To the door of the conference. Raises RefusedError when it does not open."""
        focus = self.reception.conferences.of(client.room)
        board = self._boards.get(client.room.number)
        if board is None or board.focus is not focus:
            board = self._boards[client.room.number] = Board(focus, self.epoch)
        board.add(client)
        leg = client.leg
        try:
            leg.desk = self.reception.attend(leg, client.room, role, seat=seat)
        except Exception:
            leg.hang_up(Reason.FAULT)  # without a desk, and without a token, it would stand for ever
            raise
        if leg.reason is not None:
            leg.desk.left(leg.reason)
            raise refused(leg.reason)
        return client

    def shows(self, room: Room) -> bool:
        """Whether there are pictures in a room."""
        return room.video and self._terms.pictures is not None

    @property
    def now(self) -> float:
        """Monotonic seconds."""
        return self._loop.time()

    # -- tokens -----------------------------------------------------------------------------------------------------

    def _issue(self, client: Client) -> str:
        token = self._tokens.issue(client.id, self._loop.time())
        self._arm()
        return token

    def refresh(self, client: Client) -> str:
        """A new token; the old one stays good until its own end."""
        return self._issue(client)

    def ticket(self, client: Client) -> str:
        """A word that opens an event stream and nothing else, for a short time."""
        return self._tickets.issue(client.id, self._loop.time())

    @property
    def token_s(self) -> int:
        """How long a token is good [s]."""
        return int(self._tokens.life_s)

    @property
    def ticket_s(self) -> int:
        """How long a ticket is good [s]."""
        return int(TICKET_S)

    @property
    def whip_s(self) -> int:
        """How long a word for WHIP is good [s]."""
        return int(WHIP_S)

    def by_token(self, token: str) -> Client | None:
        """Whose token this is."""
        return self._standing(self._tokens.holder(token, self._loop.time()))

    def by_ticket(self, ticket: str) -> Client | None:
        """Whose ticket this is."""
        return self._standing(self._tickets.holder(ticket, self._loop.time()))

    def _standing(self, leg: str | None) -> Client | None:
        return self._clients.get(leg) if leg is not None else None

    def whip_token(self, client: Client, name: str) -> str:
        """A word that lets one camera or encoder into the room of a host, for half a day. Raises RefusedError."""
        if not self._whip_pace.take(client.room.number, self.now):
            raise RefusedError(429, BUSY, round(1 / WHIP_PER_S))
        return self._whip.issue(WhipPass(client.room.number, name, client.id), self._loop.time())

    def whip_pass(self, token: str) -> WhipPass | None:
        """What such a word is good for."""
        return self._whip.holder(token, self._loop.time())

    def whip_over(self, token: str) -> None:
        """Its camera was sent away: the word lets it in no more."""
        self._whip.spend(token, self._loop.time())

    def meets(self, client: Client, alias: str) -> bool:
        """Whether an alias is the room that the client is in."""
        user, _, host = alias.partition("@")
        return self.reception.conferences.directory.find(user, host) is client.room

    def tag(self, leg: str) -> str:
        """The mark that a client has chosen for himself, "" for legs that are none."""
        client = self._clients.get(leg)
        return client.call_tag if client is not None else ""

    def board(self, client: Client) -> Board:
        """The board that the client reads."""
        return self._boards[client.room.number]

    def _arm(self) -> None:
        due = self._tokens.deadline()
        if self._timer is None and due is not None:
            self._timer = self._loop.call_at(due, self._expire)

    def _expire(self) -> None:
        """Who has not refreshed his token has gone away; his seat is kept."""
        self._timer = None
        now = self._loop.time()
        for other in (self._tickets, self._referrals, self._whip):
            other.expire(now)
        late = [client for leg in self._tokens.expire(now) if (client := self._clients.get(leg))]
        self._arm()
        in_turn(lambda client: client.leg.hang_up(Reason.SIGNALLING_LOST), late)

    # -- what befalls them --------------------------------------------------------------------------------------------

    def told(self, leg: WebLeg, event: Told) -> None:
        """Something happened in the conference."""
        if client := self._clients.get(leg.id):
            self._boards[client.room.number].told(client, event)

    def media_quiet(self, leg: WebLeg) -> None:
        """He is asked for a sign of life: his packets may have lost their way, or he may be gone altogether."""
        client = self._clients[leg.id]
        client.asked_at = self.now
        client.tell("refresh_token", None)

    def media_lost(self, leg: WebLeg, call: str, why: str) -> None:
        """Whoever is still there makes a new call; who has shown no sign of life when asked for it has gone away."""
        client = self._clients[leg.id]
        sentence = SENTENCES[Reason.MEDIA_LOST] if why == DIED else ICE_FAILURE
        client.tell("call_disconnected", {"call_uuid": call, "reason": sentence})
        if why != DIED:
            if client.asked_at is None:
                self.media_quiet(leg)
            self._crew.start(self._look_for(client), "web-sign-of-life")

    async def _look_for(self, client: Client) -> None:
        if client.asked_at is not None:
            await asyncio.sleep(client.asked_at + ANSWER_S - self.now)
        if client.asked_at is not None:
            client.leg.hang_up(Reason.MEDIA_LOST)

    def referred(self, leg: WebLeg, room: Room, role: Role | None) -> None:
        """He is told where to go. Without a role the word opens nothing there, and he is asked like anybody."""
        word = _draw()
        if role is not None:
            word = self._referrals.issue(Referral(leg.id, room.number, role), self._loop.time())
        self._clients[leg.id].tell("refer", {"alias": room.number, "token": word})

    def gone(self, leg: WebLeg) -> None:
        """A leg has left: nothing is told to it but that, and its tokens end."""
        client = self._clients.pop(leg.id)
        board = self._boards.get(client.room.number)
        if board is not None:
            board.remove(client)
            if board.empty:
                del self._boards[client.room.number]
        self._tokens.release(client.id)
        self._tickets.release(client.id)
        if leg.reason in SENT_AWAY:
            self._whip.release_those(lambda made: made.by == leg.id)
        assert leg.reason is not None
        self._leaving[leg.id] = self._loop.create_future()
        if leg.reason is Reason.TRANSFERRED and client.streams:
            self._crew.start(self._let_go(client), "web-let-go")
        else:
            client.close(leg.reason)
        self.reception.metrics.calls_up.dec()
        self.reception.metrics.calls.labels(leg.reason.value).inc()

    async def _let_go(self, client: Client) -> None:
        """Some clients would take the end for a fault while they go to the other room."""
        await asyncio.sleep(GRACE_S)
        client.close(Reason.TRANSFERRED)

    def ended(self, leg: WebLeg) -> None:
        """Nothing is left of a leg but its record."""
        if leaving := self._leaving.pop(leg.id, None):
            leaving.set_result(None)
        record = self._records.pop(leg.id, None)
        if record is not None and leg.reason is not None:
            record.ended, record.reason, record.quality = self._wallclock(), leg.reason, leg.quality
            record.protection = "dtls" if leg.quality is not None else ""
            self.surroundings.record(record)

    # -- the end ----------------------------------------------------------------------------------------------------

    def hang_up_all(self, reason: Reason) -> None:
        """End every leg."""
        in_turn(lambda client: client.leg.hang_up(reason), tuple(self._clients.values()))

    async def close(self) -> None:
        """The bridge stops: everybody is told so, and may come back to his seat."""
        self.hang_up_all(Reason.SHUTDOWN)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        await self._crew.close()


def _draw() -> str:
    """A word of 192 bits of chance."""
    return secrets.token_urlsafe(24)
