"""SIP at the rim: joins the agent to the transports, and makes a leg of each call.

    datagram -> Transports -> Agent -> IncomingCall -> admission -> room -> SipLeg

Nothing is decided here that the agent (protocol), the admission (load) or reception (people) can decide.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from time import time as wallclock
from typing import Protocol

from bridge.admission import RETRY_AFTER_S
from bridge.call_record import CallRecord
from bridge.crew import Crew
from bridge.driver import Driver, in_turn
from bridge.errors import Reason
from bridge.leg import Desk
from bridge.log import logger
from bridge.metrics import Metrics
from bridge.rooms.participant import Role
from bridge.sdp.local import SrtpPolicy
from bridge.sip import commands, events
from bridge.sip.agent import Agent
from bridge.sip.dial import hop_towards
from bridge.sip.flow import Flow
from bridge.sip.leg import SipLeg
from bridge.sip.names import shown_name
from bridge.sip.settings import AgentSettings
from bridge.sip.terms import Caller, LegTerms
from bridge.sip.transport import Listener, Transports
from bridge.sip.uri import NameAddr, Uri, dialled, host_port, parse_uri
from bridge.sip.websocket import SocketFlow, Wire
from bridge.switchboard import Switchboard
from config.model import Peer, PeerKind, Room

_log = logger("sip")


class Door(Protocol):
    """What signalling asks of reception: which room is meant, and to take care of who comes."""

    def delay_s(self, source: str, trusted: bool) -> float:
        """How long a call of this source waits for its first answer: it dialled too many unknown numbers."""

    def find(self, dialled: str, host: str, source: str, trusted: bool) -> Room | None:
        """The room that was dialled, or None: unknown, disabled and blocked look alike."""

    def interprets(self, room: Room, dialled: str, host: str, caller: str) -> bool:
        """Whether somebody comes to a room as its interpreter; `caller`: his address if that is proved, else ""."""

    def welcome(self, leg: SipLeg, room: Room) -> Desk:
        """A call is up: take care of it."""

    def welcome_dialled(self, leg: SipLeg, room: Room, role: Role) -> Desk:
        """A call that we made is up: let it in."""

    def move(self, leg: SipLeg, room: Room, role: Role | None) -> Desk:
        """A call is sent here from another room."""


@dataclass(slots=True)
class _Standing:
    """A call that stands: its leg, its record, and when it came [monotonic seconds]."""

    leg: SipLeg
    record: CallRecord
    came: float


class Signalling:
    """All SIP of the bridge.

    `refusal`: the name of what stands against a new call now, or None. `on_record` gets each call's record when the
    call is over.
    """

    def __init__(
        self,
        settings: AgentSettings,
        transports: Callable[[Callable[[bytes, Flow], None], Callable[[Flow], None]], Transports],
        peers: Mapping[str, Peer],
        terms: LegTerms,
        door: Door,
        refusal: Callable[[], str | None],
        switchboard: Switchboard,
        metrics: Metrics,
        on_record: Callable[[CallRecord], None],
        on_fault: Callable[[BaseException], None],
    ) -> None:
        self._driver: Driver[commands.Input, events.Output] = Driver(
            Agent(settings, lambda: secrets.token_hex(8), random.random), self._perform
        )
        self._transports = transports(self._received, self._flow_lost)
        self._peers = peers
        self._terms = terms
        self._door = door
        self._refusal = refusal
        self._switchboard = switchboard
        self._metrics = metrics
        self._on_record = on_record
        self._calls: dict[str, _Standing] = {}
        self._slowed: set[str] = set()  # calls that wait for their turn; the agent bounds how many
        self._crew = Crew(on_fault)
        self._trunks: tuple[str, ...] = ()
        self._unregistering: set[str] = set()
        self._all_gone = asyncio.Event()
        self._all_gone.set()

    # -- life -----------------------------------------------------------------------------------------------------

    async def start(self, listeners: Sequence[Listener], trunks: Sequence[commands.Trunk]) -> None:
        """Listen, and register with the trunks that want it. Raises OSError when an address is taken."""
        await self._transports.start(listeners)
        for trunk in trunks:
            self._driver.feed(commands.Register(trunk))
        self._trunks = tuple(trunk.name for trunk in trunks)

    def drain(self, retry_after_s: int) -> None:
        """Take no new calls from now on."""
        self._driver.feed(commands.Drain(retry_after_s))

    def hang_up_all(self, reason: Reason) -> None:
        """End every call."""
        in_turn(lambda standing: standing.leg.hang_up(reason), tuple(self._calls.values()))

    async def stop(self, grace_s: float = 2.0) -> None:
        """End every call with BYE, wait shortly for the last answers, and close the transports."""
        self.drain(RETRY_AFTER_S)
        for call in tuple(self._slowed):
            self._driver.feed(commands.Reject(call, 503, RETRY_AFTER_S))
        self._slowed.clear()
        self._unregistering.update(self._trunks)
        for trunk in self._trunks:
            self._driver.feed(commands.Unregister(trunk))
        self.hang_up_all(Reason.SHUTDOWN)
        self._look_who_is_left()
        try:
            await asyncio.wait_for(self._all_gone.wait(), grace_s)
        except TimeoutError:
            _log.warning("left-at-stop", count=len(self._calls))
        for standing in tuple(self._calls.values()):
            self._leg_gone(standing.leg)
        await self._crew.close()
        self._driver.close()
        await self._transports.stop()

    def attach(
        self, secure: bool, local: tuple[str, int], remote: tuple[str, int], wire: Wire
    ) -> SocketFlow | None:
        """Take a WebSocket that the web has accepted; see `Transports.attach`."""
        return self._transports.attach(secure, local, remote, wire)

    def reload_certificates(self) -> None:
        """Read the certificate files again; new handshakes use them."""
        for problem in self._transports.reload_certificates():
            _log.error("certificate-refused", detail=problem)

    def keep_known(self) -> None:
        """Say which peers have a call up: they keep their share of our attention in a flood. Called now and then."""
        for standing in self._calls.values():
            if standing.record.answered:
                self._transports.know(standing.leg.source)

    @property
    def drops(self) -> Mapping[str, int]:
        """What the transports dropped, by name."""
        return self._transports.drops

    @property
    def calls(self) -> int:
        """How many calls stand, in set-up included."""
        return len(self._calls)

    # -- calls out ------------------------------------------------------------------------------------------------

    def dial(self, room: Room, target: Uri, trunk: Peer | None, role: Role = Role.GUEST) -> str:
        """Call somebody into a room, and return the name of the leg; whoever answers is let in."""
        call = f"out-{secrets.token_hex(8)}"
        called = f"{target.user}@{target.host}" if trunk is None else ""
        interpreter = self._door.interprets(room, "", "", called)
        caller = Caller(shown_name(NameAddr("", target)), target.host, False, interpreter)
        leg = SipLeg(
            _leg_name(), call, room.number, caller, self._terms_for(trunk, room), self._switchboard, self._driver.feed,
            lambda up: self._came_up(up, self._door.welcome_dialled(up, room, role)), self._door.move, self._leg_gone,
        )  # fmt: skip
        self._stand(leg, "out")
        six = ":" in target.host
        sender = self._sender(room, trunk, six)
        hop = hop_towards(trunk.server) if trunk is not None else None

        def invite(sdp: bytes) -> commands.Invite:
            return commands.Invite(call, str(target), sender, sdp, credentials=_credentials(trunk), hop=hop)

        leg.dial(invite, six)
        return leg.id

    def _sender(self, room: Room, trunk: Peer | None, six: bool) -> str:
        """Who calls: the room at our address, or who the trunk knows us as."""
        if trunk is not None and trunk.user:
            return f"<sip:{trunk.user}@{host_port(parse_uri(trunk.server).host, None)}>"
        terms = self._terms
        ours = terms.said or (terms.address6 if six else terms.address4) or terms.address4 or terms.address6
        return f"<sip:{room.number}@{host_port(ours, None)}>"

    # -- what the transports say ----------------------------------------------------------------------------------

    def _received(self, raw: bytes, flow: Flow) -> None:
        self._driver.feed(commands.MessageReceived(raw, flow))

    def _flow_lost(self, flow: Flow) -> None:
        self._driver.feed(commands.FlowLost(flow))

    # -- what the agent says --------------------------------------------------------------------------------------

    def _perform(self, output: events.Output) -> None:
        match output:
            case events.SendOn():
                self._transports.send(output.data, output.flow)
            case events.Drop():
                self._metrics.drops.labels(output.name).inc()
            case events.Connect():
                self._crew.start(self._connect(output), "sip-connect")
            case events.IncomingCall():
                self._incoming(output)
            case events.Registered():
                _log.info("registered", trunk=output.trunk, seconds=output.expires_s)
                self._registration_told(output.trunk)
            case events.RegistrationFailed():
                _log.warning("registration-failed", trunk=output.trunk, status=output.status)
                self._registration_told(output.trunk)
            case _:
                if standing := self._calls.get(output.call):
                    self._tell(standing.leg, output)
                elif isinstance(output, events.CallEnded):
                    self._slowed.discard(output.call)

    def _tell(self, leg: SipLeg, event: events.Output) -> None:
        """A fault of ours with an event of a call costs that call."""
        try:
            leg.agent_event(event)
        except Exception:
            leg.hang_up(Reason.FAULT)
            raise

    def _registration_told(self, trunk: str) -> None:
        self._unregistering.discard(trunk)
        self._look_who_is_left()

    def _look_who_is_left(self) -> None:
        if self._calls or self._unregistering:
            self._all_gone.clear()
        else:
            self._all_gone.set()

    async def _connect(self, wanted: events.Connect) -> None:
        try:
            flow = await self._transports.connect(wanted.protocol, wanted.host, wanted.port)
        except (OSError, ValueError) as fault:  # ValueError: a host name that no resolver takes
            self._driver.feed(commands.ConnectFailed(wanted.ref, type(fault).__name__))
            return
        self._transports.send(wanted.data, flow)
        self._driver.feed(commands.Connected(wanted.ref, flow))

    def _incoming(self, call: events.IncomingCall) -> None:
        if (trouble := self._refusal()) is not None:
            self._metrics.drops.labels(f"admission-{trouble}").inc()
            self._driver.feed(commands.Reject(call.call, 503, RETRY_AFTER_S))
            return
        peer = self._peers.get(call.endpoint) if call.endpoint else None
        trusted = peer is not None and peer.trusted
        if (delay_s := self._door.delay_s(call.flow.remote[0], trusted)) > 0:
            self._slowed.add(call.call)
            self._crew.start(self._later(delay_s, call, peer), "slowed-call")
        else:
            self._take(call, peer)

    async def _later(self, delay_s: float, call: events.IncomingCall, peer: Peer | None) -> None:
        """Whoever dials many unknown numbers waits, whatever he dials next."""
        await asyncio.sleep(delay_s)
        if call.call in self._slowed:  # else the caller has given up meanwhile
            self._slowed.discard(call.call)
            self._take(call, peer)

    def _take(self, call: events.IncomingCall, peer: Peer | None) -> None:
        source = call.flow.remote[0]
        trusted = peer is not None and peer.trusted
        room = self._door.find(dialled(call.dialled), call.dialled.host, source, trusted)
        if room is None:
            self._metrics.drops.labels("unknown-room").inc()
            self._driver.feed(commands.Reject(call.call, 404))
            return
        sender = call.sender.uri
        # A trunk brings other people's calls, of whom it has proved nothing.
        proved = peer is not None and peer.kind is PeerKind.ENDPOINT
        address = f"{sender.user or ''}@{sender.host}" if proved else ""
        interpreter = self._door.interprets(room, dialled(call.dialled), call.dialled.host, address)
        caller = Caller(shown_name(call.sender), source, trusted, interpreter)
        leg = SipLeg(
            _leg_name(), call.call, room.number, caller, self._terms_for(peer, room),
            self._switchboard, self._driver.feed,
            lambda up: self._came_up(up, self._door.welcome(up, room)), self._door.move, self._leg_gone,
        )  # fmt: skip
        self._stand(leg, "in")
        leg.begin(call.offer)

    def _terms_for(self, peer: Peer | None, room: Room) -> LegTerms:
        terms = self._terms if room.video else replace(self._terms, pictures=None)
        if peer is None:
            return terms
        srtp = SrtpPolicy(peer.srtp.value) if peer.srtp else terms.srtp
        return replace(terms, srtp=srtp, latch=peer.latch)

    def _stand(self, leg: SipLeg, direction: str) -> None:
        record = CallRecord(leg.id, leg.conference, leg.way, direction, leg.source, wallclock())
        self._calls[leg.call] = _Standing(leg, record, asyncio.get_running_loop().time())
        self._look_who_is_left()
        self._metrics.calls_up.inc()

    def _came_up(self, leg: SipLeg, desk: Desk) -> Desk:
        standing = self._calls[leg.call]
        standing.record.answered = wallclock()
        self._transports.know(leg.source)
        self._metrics.setup_seconds.observe(asyncio.get_running_loop().time() - standing.came)
        return desk

    def _leg_gone(self, leg: SipLeg) -> None:
        standing = self._calls.pop(leg.call, None)
        if standing is None:
            return
        record = standing.record
        record.source, record.room = leg.source, leg.conference
        record.ended, record.reason, record.quality = wallclock(), leg.reason, leg.quality
        record.protection = "" if leg.protection is None else leg.protection.value
        self._metrics.calls_up.dec()
        self._metrics.calls.labels(leg.reason.value).inc()
        self._on_record(record)
        self._look_who_is_left()


def _leg_name() -> str:
    """A new name for a leg: random, as it stands in records and logs over many lives of the bridge."""
    return secrets.token_hex(6)


def _credentials(trunk: Peer | None) -> commands.Credentials | None:
    if trunk is None or not trunk.user:
        return None
    return commands.Credentials(trunk.realm, trunk.user, trunk.password.reveal())
