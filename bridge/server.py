"""The composition root: configuration in, a running bridge out. The only file that sees the configuration whole.

start: store -> PINs -> journals -> media -> rooms -> SIP -> management;  stop: the other way round
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from bridge.admission import Admission, Load
from bridge.call_record import CallRecord
from bridge.certificate import self_made
from bridge.codec.table import BY_NAME
from bridge.errors import ProtocolError
from bridge.focus import Conferences
from bridge.journal import Journal
from bridge.leg import Desk, Leg
from bridge.log import logger
from bridge.management import ManagementPort, application
from bridge.media.contract import Event
from bridge.media.pool import MediaPool
from bridge.media.settings import MediaSettings
from bridge.metrics import DropCollector, MediaCollector, Metrics
from bridge.reception import Reception
from bridge.rooms import commands, pins
from bridge.rooms.pins import MadePin
from bridge.sdp.local import SrtpPolicy
from bridge.sip.commands import Credentials, Hop, Trunk
from bridge.sip.connection import ConnectionLimits
from bridge.sip.leg import LegTerms
from bridge.sip.limits import Rate, Rates
from bridge.sip.settings import Advertised, AgentSettings, Endpoint
from bridge.sip.signalling import Signalling
from bridge.sip.tls import CertificateFiles
from bridge.sip.transport import Listener, Transports
from bridge.sip.uri import parse_uri
from bridge.store import Store
from bridge.switchboard import Switchboard
from config.model import Config, Peer, PeerKind, Protocol, Room
from config.secret import Secret

PROMPTS: Final = Path(__file__).parent / "prompts"
CHECK_S: Final = 0.25  # how often the loop's lag is looked at
KEEP_KNOWN_S: Final = 60.0  # how often peers with a call are named to the transports
CERTIFICATES_S: Final = 2.0  # how often certificate files are looked at
OPERATOR: Final = "operator"

_log = logger("bridge")


class Bridge:
    """The whole bridge in one process, but for its media processes. `made` holds PINs that were made at this start."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.metrics = Metrics()
        self.made: tuple[MadePin, ...] = ()
        self._folder = Path(config.bridge.state_folder)
        self._loop_lag_ms = 0.0
        self._skipped_before: dict[int, int] = {}
        self._skipped = 0
        self._draining = False
        self._dialled_at: list[float] = []
        self._stop = asyncio.Event()
        self._admission = Admission(
            config.limits.max_sessions, config.limits.tick_late_ms, config.limits.loop_lag_ms
        )

    # -- life -----------------------------------------------------------------------------------------------------

    async def run(self, on_up: Callable[[], None]) -> None:
        """Start, call `on_up`, run until `stop` is called, end all calls, and return.

        Raises OSError when an address is taken or the state folder cannot be used.
        """
        async with contextlib.AsyncExitStack() as stack:
            await self._start(stack)
            async with asyncio.TaskGroup() as group:
                serving = group.create_task(self._management.serve())
                watching = [
                    group.create_task(work) for work in (self._watch_load(), self._watch_certificates())
                ]
                on_up()
                await self._stop.wait()
                self._management.stop()
                await serving
                for task in watching:
                    task.cancel()

    def stop(self) -> None:
        """Let `run` come to its end."""
        self._stop.set()

    async def _start(self, stack: contextlib.AsyncExitStack) -> None:
        config = self.config
        self._store = Store(self._folder)
        stack.callback(self._store.close)
        if self._store.set_aside:
            _log.error("store-set-aside", file=str(self._store.set_aside))
        rooms = self._settle_pins()
        self._audit_journal = self._journal(stack, "audit.jsonl")
        self._records = self._journal(stack, "calls.jsonl")
        self._pool = MediaPool(
            config.bridge.media_processes,
            media_settings(config),
            self._media_event,
            self._media_lost,
        )
        self._switchboard = Switchboard(self._pool)
        self.metrics.registry.register(MediaCollector(lambda: self._pool.figures))
        self.metrics.registry.register(DropCollector(lambda: self._signalling.drops))
        await self._pool.start()
        stack.push_async_callback(self._pool.stop)
        language = config.bridge.language.value
        self._conferences = Conferences(self._switchboard, self._audit, language, config.media.loudest)
        self._reception = Reception(
            rooms, self._conferences, self._switchboard, self._store, config.limits, language, self._audit,
            self.metrics, self._fault, time.time,
        )  # fmt: skip
        stack.push_async_callback(self._reception.close)
        self._signalling = self._make_signalling()
        await self._signalling.start(self._listeners(), trunks(config))
        stack.push_async_callback(self._signalling.stop)
        management = config.management
        hosts = frozenset((management.address, f"[{management.address}]", "localhost"))
        app = application(self, self.metrics, hosts)
        self._management = ManagementPort(app, management.address, management.port)

    def _settle_pins(self) -> tuple[Room, ...]:
        """Rooms with hashes in place of "generated" and of digits; new PINs are kept as hashes and shown once."""
        rooms: list[Room] = []
        made: list[MadePin] = []
        for room in self.config.rooms:
            settled, new = pins.settle(
                room,
                lambda number, role: _secret(self._store.pin_hash(number, role.value)),
                secrets.randbelow,
                lambda: secrets.token_bytes(pins.SALT_BYTES),
            )
            for pin in new:
                self._store.save_pin_hash(pin.number, pin.role.value, pin.digest.reveal())
            rooms.append(settled)
            made.extend(new)
        self.made = tuple(made)
        return tuple(rooms)

    def _journal(self, stack: contextlib.AsyncExitStack, name: str) -> Journal:
        def trouble(what: str) -> None:
            self.metrics.journal_troubles.inc()
            _log.error(what, file=name)

        journal = Journal(self._folder / name, trouble)
        stack.callback(journal.close)
        return journal

    def _make_signalling(self) -> Signalling:
        config = self.config
        peers = {peer.name: peer for peer in config.sip.peers}
        rates = transport_rates(config)
        limits = ConnectionLimits(per_source=config.sip.connections_per_source, in_all=config.sip.connections)
        return Signalling(
            agent_settings(config),
            lambda on_message, on_flow_lost: Transports(on_message, on_flow_lost, rates, limits),
            peers,
            leg_terms(config),
            self,
            self._switchboard,
            self.metrics,
            self._record,
            self._fault,
        )

    def _listeners(self) -> list[Listener]:
        sip = self.config.sip
        files = None
        if any(each.protocol is Protocol.TLS for each in sip.listeners):
            files = self._certificate()
        self._certificate_files = files
        return [
            Listener(
                each.protocol.value, each.address, each.port, files if each.protocol is Protocol.TLS else None
            )
            for each in sip.listeners
        ]

    def _certificate(self) -> CertificateFiles:
        sip = self.config.sip
        if sip.certificate:
            return CertificateFiles(Path(sip.certificate), Path(sip.key or sip.certificate))
        names = [each.address for each in sip.listeners] + list(sip.domains)
        if sip.public_address:
            names.append(sip.public_address)
        _log.warning(
            "self-made-certificate",
            detail="set [sip] certificate and key to a certificate that your endpoints trust",
        )
        return CertificateFiles(*self_made(self._folder, names, datetime.datetime.now(datetime.UTC)))

    # -- watching -------------------------------------------------------------------------------------------------

    async def _watch_load(self) -> None:
        """Look at the loop's lag and at what media tells, as long as the bridge runs."""
        loop = asyncio.get_running_loop()
        known_at = loop.time()
        while True:
            due = loop.time() + CHECK_S
            await asyncio.sleep(CHECK_S)
            lag = max(0.0, loop.time() - due)
            self.metrics.loop_lag_seconds.observe(lag)
            # The mark is about lasting trouble: one slow moment counts for a quarter.
            self._loop_lag_ms = 0.75 * self._loop_lag_ms + 0.25 * lag * 1000
            self._count_skipped()
            count = self._conferences.head_count()
            self.metrics.conferences.set(count.conferences)
            self.metrics.participants.set(count.inside)
            self.metrics.waiting.set(count.lobby)
            if due - known_at > KEEP_KNOWN_S:
                known_at = due
                self._signalling.keep_known()
            if self._draining and not self._signalling.calls:
                self.stop()

    def _count_skipped(self) -> None:
        now = {process: figures.ticks_skipped for process, figures in self._pool.figures.items()}
        # Figures come once a second; between two of them the last difference stands.
        fresh = {process: count - self._skipped_before.get(process, count) for process, count in now.items()}
        if now != self._skipped_before:
            self._skipped = max(fresh.values(), default=0)
            self._skipped_before = now
        elif self._skipped:
            self._skipped -= 1

    async def _watch_certificates(self) -> None:
        """Notice changed certificate files; new handshakes use them."""
        seen = self._certificate_times()
        while True:
            await asyncio.sleep(CERTIFICATES_S)
            now = self._certificate_times()
            if now != seen:
                seen = now
                self._signalling.reload_certificates()

    def _certificate_times(self) -> tuple[float, ...]:
        files = self._certificate_files
        if files is None:
            return ()
        return tuple(path.stat().st_mtime if path.exists() else 0.0 for path in (files.chain, files.key))

    def reload_certificates(self) -> None:
        """Read the certificate files again, now (SIGHUP)."""
        self._signalling.reload_certificates()

    # -- the door, as signalling sees it ----------------------------------------------------------------------------

    def refusal(self) -> str | None:
        """The name of what stands against any new call now, or None."""
        figures = self._pool.figures.values()
        load = Load(
            calls=self._signalling.calls,
            tick_late_ms=max((each.tick_late_ms_p50 for each in figures), default=0.0),
            ticks_skipped=self._skipped,
            loop_lag_ms=self._loop_lag_ms,
            media_up=self._pool.up > 0,
        )
        return self._admission.refusal(load, self._draining)

    def find(self, dialled: str, host: str, source: str, trusted: bool) -> Room | None:
        """The room that was dialled, or None."""
        return self._reception.find(dialled, host, source, trusted)

    def delay_s(self, source: str, trusted: bool) -> float:
        """How long a call of this source waits for its first answer."""
        return self._reception.delay_s(source, trusted)

    def welcome(self, leg: Leg, room: Room) -> Desk:
        """A call is up: take care of it."""
        return self._reception.welcome(leg, room)

    def welcome_dialled(self, leg: Leg, room: Room) -> Desk:
        """A call that we made is up: let it in."""
        return self._reception.welcome_dialled(leg, room)

    # -- what operators may do --------------------------------------------------------------------------------------

    def ready(self) -> str | None:
        """None when new calls are taken, else the name of what stands against it."""
        return self.refusal()

    def healthy(self) -> str | None:
        """None when all parts live, else the name of the part that does not."""
        return None if self._pool.up == self.config.bridge.media_processes else "media"

    def drain(self) -> None:
        """Take no new calls; end when none is left, or after `drain_s` with BYE."""
        if self._draining:
            return
        self._draining = True
        self._audit({"room": "", "event": "drain", "by": OPERATOR, "how": "operator"})
        self._signalling.drain(retry_after_s=30)
        asyncio.get_running_loop().call_later(self.config.bridge.drain_s, self.stop)

    def conferences(self) -> list[dict[str, Any]]:
        """Numbers and head counts of the conferences that live now; no names."""
        listed = []
        for focus in self._conferences:
            people = focus.conference.people
            inside = [person for person in people if person.inside]
            listed.append({
                "number": focus.room.number, "started": focus.conference.started, "locked": focus.conference.locked,
                "inside": len(inside), "hosts": sum(person.is_host for person in inside),
                "lobby": len(people) - len(inside), "talking": len(focus.talking),
            })  # fmt: skip
        return listed

    def end(self, number: str) -> bool:
        """End a conference for all."""
        focus = self._conferences.get(number)
        if focus is None:
            return False
        focus.command(commands.End(OPERATOR, at_once=True, how=commands.How.OPERATOR))
        return True

    def dial(self, number: str, uri: str) -> str | None:
        """Call somebody into a room; None when the call is under way, else why it is not."""
        room = self._reception.room(number)
        if room is None:
            return "unknown-room"
        if (trouble := self.refusal()) is not None:
            return trouble
        try:
            target = parse_uri(uri)
        except ProtocolError:
            return "not-a-sip-uri"
        if not self._dial_allowed(f"{target.user or ''}@{target.host}"):
            return "not-on-the-allow-list"
        if not self._dial_paced():
            return "too-many-calls-out"
        trunk = next((peer for peer in self.config.sip.peers if _serves(peer, target.host)), None)
        self._audit({"room": room.number, "event": "dial", "by": OPERATOR, "how": "operator"})
        self._signalling.dial(room, target, trunk)
        return None

    def _dial_allowed(self, target: str) -> bool:
        return any(_fits(pattern, target) for pattern in self.config.dial_out.allow)

    def _dial_paced(self) -> bool:
        now = asyncio.get_running_loop().time()
        self._dialled_at = [at for at in self._dialled_at if now - at < 60.0]
        if len(self._dialled_at) >= self.config.dial_out.per_minute:
            return False
        self._dialled_at.append(now)
        return True

    # -- what is written down ---------------------------------------------------------------------------------------

    def _audit(self, line: Mapping[str, Any]) -> None:
        at = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        self._audit_journal.write({"at": at, **line})

    def _record(self, record: CallRecord) -> None:
        self._records.write(record.line())

    def _media_event(self, event: Event) -> None:
        self._switchboard.media_event(event)  # made after the pool, which it needs

    def _media_lost(self, legs: tuple[str, ...]) -> None:
        self.metrics.media_restarts.inc()
        _log.error("media-process-lost", count=len(legs))
        self._switchboard.process_lost(legs)

    def _fault(self, fault: BaseException) -> None:
        self.metrics.faults.inc()
        _log.error("fault", exc_info=fault)


# -- configuration -> the few values that each part needs -------------------------------------------------------------


def media_settings(config: Config) -> MediaSettings:
    """What media processes are told."""
    media = config.media
    return replace(
        MediaSettings(),
        port_first=media.port_low,
        port_last=media.port_high,
        prompt_folders=(*config.bridge.prompt_folders, str(PROMPTS)),
    )


def agent_settings(config: Config) -> AgentSettings:
    """What the SIP agent is told."""
    sip = config.sip
    return AgentSettings(
        listeners=tuple(
            Advertised(
                each.protocol.value, (each.address, each.port), sip.public_address or each.address, each.port
            )
            for each in sip.listeners
        ),
        realm=sip.domains[0] if sip.domains else "samrom",
        endpoints=tuple(endpoint(peer) for peer in sip.peers),
        session_expires_s=sip.session_expires_s,
        min_se_s=sip.min_se_s,
        most_calls=sip.max_calls,
    )


def endpoint(peer: Peer) -> Endpoint:
    """A configured peer as the agent knows it."""
    return Endpoint(
        peer.name,
        peer.user if peer.kind is PeerKind.ENDPOINT else "",
        peer.realm,
        peer.user,
        peer.password.reveal(),
        frozenset(peer.addresses),
    )


def leg_terms(config: Config) -> LegTerms:
    """What a leg brings to its negotiation."""
    sip, media = config.sip, config.media
    local = {each.address for each in sip.listeners} | {media.address}
    return LegTerms(
        address4=next((each for each in (media.address, *sorted(local)) if ":" not in each), ""),
        address6=next((each for each in (media.address, *sorted(local)) if ":" in each), ""),
        said=sip.public_address,
        codecs=tuple(BY_NAME[name.lower()] for name in sip.codecs),
        srtp=SrtpPolicy(sip.srtp.value),
        ptime_ms=sip.ptime_ms,
        latch=False,
        timeout_s=media.rtp_timeout_s,
        held_timeout_s=media.held_timeout_s,
        forbidden=frozenset((each.address, each.port) for each in sip.listeners),
        loopback=any(each.startswith("127.") or each == "::1" for each in local),
    )


def transport_rates(config: Config) -> Rates:
    """How many messages are read, from whom."""
    sip = config.sip
    return Rates(
        source=Rate(sip.rate_source_per_s, sip.rate_source_burst),
        prefix=Rate(sip.rate_prefix_per_s, sip.rate_prefix_burst),
        total=Rate(sip.rate_total_per_s, sip.rate_total_burst),
    )


def trunks(config: Config) -> list[Trunk]:
    """The trunks that we register with."""
    found = []
    for peer in config.sip.peers:
        if not peer.register:
            continue
        server = parse_uri(peer.server)
        credentials = Credentials(peer.realm, peer.user, peer.password.reveal())
        hop = Hop("", server.host, server.port or 5060)
        found.append(
            Trunk(peer.name, peer.server, f"sip:{peer.user}@{server.host}", credentials, hop, peer.expires_s)
        )
    return found


def _serves(peer: Peer, host: str) -> bool:
    """Whether a call out to `host` goes through this trunk."""
    return peer.kind is PeerKind.TRUNK and bool(peer.server) and parse_uri(peer.server).host == host


def _fits(pattern: str, target: str) -> bool:
    """ "*" stands for the rest of the user part: "*@host", "+47*@host"; anything else must be equal."""
    user, _, host = pattern.lower().partition("@")
    dialled, _, at = target.lower().partition("@")
    if host != at:
        return False
    return dialled.startswith(user[:-1]) if user.endswith("*") else dialled == user


def _secret(digest: str | None) -> Secret | None:
    return Secret(digest) if digest is not None else None
