"""The composition root: configuration in, a running bridge out. The only file that sees the configuration whole.

start: store -> PINs -> journals -> media -> video -> rooms -> SIP -> web -> management;  stop: the other way round
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import secrets
import ssl
import time
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from bridge import management, settings
from bridge.browsers import Surroundings
from bridge.call_record import CallRecord
from bridge.certificate import CertificateFiles
from bridge.certificates import Certificates
from bridge.crew import Crew
from bridge.errors import Reason
from bridge.focus import Conferences
from bridge.journal import Journal
from bridge.load import LoadWatch
from bridge.log import logger
from bridge.media.contract import Event
from bridge.media.pool import MediaPool
from bridge.metrics import DropCollector, MediaCollector, Metrics, VideoCollector
from bridge.operations import Operations
from bridge.reception import Reception
from bridge.rooms import pins
from bridge.rooms.directory import Directory
from bridge.rooms.pins import MadePin
from bridge.screens import Screens
from bridge.seats import Seats
from bridge.sip.signalling import Signalling
from bridge.sip.transport import Listener, Transports
from bridge.store import Store
from bridge.switchboard import Switchboard
from bridge.video.pool import VideoPool
from bridge.web.application import application
from bridge.web.client_api import client_router
from bridge.web.clients import Clients
from bridge.web.sender import Senders
from bridge.web.serving import WebPort
from bridge.web.sip_socket import sip_router
from bridge.web.whip import whip_router
from config.model import Config, Protocol, Room
from config.secret import Secret

KEEP_KNOWN_S: Final = 60.0  # how often peers with a call are named to the transports
LAST_WORDS_S: Final = 0.1  # for what was said last to be written, before connections are closed
AGAIN_S: Final = 1.0  # after a part that should run for ever has failed

_log = logger("bridge")


class Web(NamedTuple):
    """The web, and who has come in by it."""

    port: WebPort
    clients: Clients
    senders: Senders

    @property
    def legs(self) -> int:
        """How many legs stand."""
        return len(self.clients) + len(self.senders)

    async def stop(self) -> None:
        """Tell everybody that it is over, then let the port come to its end."""
        self.senders.hang_up_all(Reason.SHUTDOWN)
        await self.clients.close()
        await asyncio.sleep(LAST_WORDS_S)
        self.port.stop()


class Bridge:
    """The whole bridge in one process, but for its media processes. `made` holds PINs that were made at this start."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.metrics = Metrics()
        self.made: tuple[MadePin, ...] = ()
        self._folder = Path(config.bridge.state_folder)
        self._known_at = 0.0
        self._certificates = Certificates(self._folder, settings.own_names(config), self.reload_certificates)
        self._web: Web | None = None
        self._up = False
        self._stop = asyncio.Event()

    # -- life -----------------------------------------------------------------------------------------------------

    async def run(self, on_up: Callable[[], None]) -> None:
        """Start, call `on_up`, run until `stop` is called, end all calls, and return.

        Raises OSError when an address is taken or the state folder cannot be used.
        """
        asyncio.get_running_loop().set_exception_handler(self._unexpected)
        async with contextlib.AsyncExitStack() as stack:
            await self._start(stack)
            self._up = True
            crew = Crew(self._fault)
            stack.push_async_callback(crew.close)
            serving = [crew.start(self._management.serve(), "management")]
            if self._web is not None:
                serving.append(crew.start(self._web.port.serve(), "web"))
            crew.start(self._tend(partial(self._load.watch, self._looked)), "load")
            crew.start(self._tend(self._certificates.watch), "certificates")
            on_up()
            self._keep_made_pins()
            await self._stop.wait()
            self._management.stop()
            if self._web is not None:
                # Telephones in browsers are told while their sockets are still there.
                self._signalling.hang_up_all(Reason.SHUTDOWN)
                await self._web.stop()
            await asyncio.wait(serving)

    async def _tend(self, part: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a part for ever: a fault in it is told, costs no call, and the part begins anew."""
        while True:
            try:
                await part()
            except Exception as fault:
                self._fault(fault)
                await asyncio.sleep(AGAIN_S)

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
            settings.media_settings(config),
            self._media_event,
            self._media_lost,
        )
        self._switchboard = Switchboard(self._pool)
        self.metrics.registry.register(
            MediaCollector(lambda: self._pool.figures, lambda: self._pool.restarts)
        )
        self.metrics.registry.register(DropCollector(lambda: self._signalling.drops))
        await self._pool.start()
        stack.push_async_callback(self._pool.stop)
        self._video = VideoPool(settings.video_settings(config), config.video.workers, self._pool.pictures)
        self.metrics.registry.register(
            VideoCollector(
                lambda: self._video.figures, lambda: self._video.restarts, lambda: self._video.refused
            )
        )
        await self._video.start()
        stack.push_async_callback(self._video.stop)
        language = config.bridge.language.value
        seats = Seats(self._store, config.web.seat_s, time.time)
        stack.callback(seats.close)
        self._conferences = Conferences(
            Directory(rooms), self._switchboard, seats, self._audit, language, config.media.loudest,
            Screens(self._video, settings.canvas(config)),
        )  # fmt: skip
        self._reception = Reception(
            self._conferences, self._switchboard, self._store, config.limits, language, self._audit,
            self.metrics, self._fault, time.time,
        )  # fmt: skip
        stack.push_async_callback(self._reception.close)
        self._load = LoadWatch(
            settings.admission(config),
            lambda: self._pool.figures,
            self._legs,
            self.metrics,
        )
        self._signalling = self._make_signalling()
        await self._signalling.start(self._listeners(), settings.trunks(config))
        stack.push_async_callback(self._signalling.stop)
        operations = Operations(
            self._conferences, self._reception, self._signalling, self._load, config.sip.peers, config.dial_out,
            config.bridge.drain_s, self._audit, self._healthy, self.stop,
        )  # fmt: skip
        if config.web.enabled:
            self._web = self._make_web(operations)
            stack.callback(self._web.port.close)
            self.metrics.web_connections.set_function(lambda: self._web.port.connections if self._web else 0)
        self._management = self._make_management(operations)
        stack.callback(self._management.close)

    def _make_management(self, operations: Operations) -> management.ManagementPort:
        address = self.config.management.address
        hosts = frozenset((address, f"[{address}]", "localhost"))
        app = management.application(operations, self.metrics, hosts)
        return management.ManagementPort(app, address, self.config.management.port)

    def _make_web(self, operations: Operations) -> Web:
        config = self.config
        terms = settings.web_terms(config)
        surroundings = Surroundings(
            self._load.refusal, settings.turn_servers(config), settings.web_url(config), settings.sip_host(config),
            operations.dial_for, self._record, time.time,
        )  # fmt: skip
        clients = Clients(
            self._reception,
            self._switchboard,
            terms,
            surroundings,
            config.web.token_s,
            self._fault,
            time.time,
        )
        senders = Senders(
            self._reception, self._switchboard, terms, surroundings, clients.whip_over, time.time
        )
        routers = (
            client_router(clients),
            whip_router(senders, self._reception.room, clients.whip_pass, surroundings.turn),
            sip_router(self._signalling.attach, self._drop),
        )
        app = application(routers, settings.neighbourhood(config), self._drop, self._fault)
        certificate, limits = self._web_certificate(), settings.entrance_limits(config)
        port = WebPort(app, config.web.address, config.web.port, certificate, limits, self._drop)
        return Web(port, clients, senders)

    def _settle_pins(self) -> tuple[Room, ...]:
        """Rooms with hashes in place of "generated" and of digits; `made` are the PINs that were made for that."""
        rooms: list[Room] = []
        made: list[MadePin] = []
        for room in self.config.rooms:
            settled, new = pins.settle(
                room,
                lambda number, role: _secret(self._store.pin_hash(number, role.value)),
                secrets.randbelow,
                lambda: secrets.token_bytes(pins.SALT_BYTES),
            )
            rooms.append(settled)
            made.extend(new)
        self.made = tuple(made)
        return tuple(rooms)

    def _keep_made_pins(self) -> None:
        """Keep the hashes of PINs that were made. Only now that they were shown: nobody will ever see them again."""
        for pin in self.made:
            self._store.save_pin_hash(pin.number, pin.role.value, pin.digest.reveal())

    def _journal(self, stack: contextlib.AsyncExitStack, name: str) -> Journal:
        def trouble(what: str) -> None:
            self.metrics.journal_troubles.inc()
            _log.error(what, file=name)

        journal = Journal(self._folder / name, trouble)
        stack.callback(journal.close)
        return journal

    def _make_signalling(self) -> Signalling:
        config = self.config
        rates, limits = settings.transport_rates(config), settings.connection_limits(config)
        return Signalling(
            settings.agent_settings(config),
            lambda on_message, on_flow_lost: Transports(on_message, on_flow_lost, rates, limits),
            {peer.name: peer for peer in config.sip.peers},
            settings.leg_terms(config),
            self._reception,
            self._load.refusal,
            self._switchboard,
            self.metrics,
            self._record,
            self._fault,
        )

    def _listeners(self) -> list[Listener]:
        sip = self.config.sip
        files = None
        if any(each.protocol is Protocol.TLS for each in sip.listeners):
            files = self._certificates.serve(sip.certificate, sip.key, "sip")
        return [
            Listener(
                each.protocol.value, each.address, each.port, files if each.protocol is Protocol.TLS else None
            )
            for each in sip.listeners
        ]

    def _web_certificate(self) -> CertificateFiles | None:
        """What the web proves itself by; None: it speaks plain HTTP, on loopback."""
        web = self.config.web
        secure = settings.web_is_secure(self.config)
        return self._certificates.serve(web.certificate, web.key, "web") if secure else None

    # -- watching -------------------------------------------------------------------------------------------------

    def _looked(self, now: float) -> None:
        """The load was looked at: tell the figures, keep peers with calls known, end when drained."""
        count = self._conferences.head_count()
        self.metrics.conferences.set(count.conferences)
        self.metrics.participants.set(count.inside)
        self.metrics.waiting.set(count.lobby)
        if now - self._known_at > KEEP_KNOWN_S:
            self._known_at = now
            self._signalling.keep_known()
        if self._load.draining and not self._legs():
            self.stop()

    def _legs(self) -> int:
        """How many legs stand, whatever way they came."""
        return self._signalling.calls + (self._web.legs if self._web is not None else 0)

    def reload_certificates(self) -> None:
        """Read the certificate files again, now (SIGHUP); new handshakes use them."""
        if not self._up:
            return
        self._signalling.reload_certificates()
        if self._web is not None and (problem := self._web.port.reload_certificate()) is not None:
            self._drop("certificate-refused")
            _log.error("certificate-refused", detail=problem)

    def _healthy(self) -> str | None:
        """The name of the part that does not live, or None."""
        return None if self._pool.up == self.config.bridge.media_processes else "media"

    # -- what is written down ---------------------------------------------------------------------------------------

    def _audit(self, line: Mapping[str, Any]) -> None:
        at = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        self._audit_journal.write({"at": at, **line})

    def _record(self, record: CallRecord) -> None:
        self._records.write(record.line())

    def _drop(self, name: str) -> None:
        self.metrics.drops.labels(name).inc()

    def _media_event(self, event: Event) -> None:
        self._switchboard.media_event(event)  # made after the pool, which it needs

    def _media_lost(self, legs: tuple[str, ...]) -> None:
        _log.debug("legs-lost-media", count=len(legs))
        self._switchboard.process_lost(legs)
        self._video.media_lost()

    def _unexpected(self, _: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
        """What nobody caught comes here at last. The values that it was about stay out of the log."""
        fault = context.get("exception")
        if isinstance(fault, (ConnectionError, TimeoutError, ssl.SSLError)):
            self.metrics.drops.labels("connection-broken").inc()  # the peer's doing
        else:
            self._fault(fault or RuntimeError(context.get("message")))

    def _fault(self, fault: BaseException) -> None:
        self.metrics.faults.inc()
        _log.error("fault", exc_info=fault)


def _secret(digest: str | None) -> Secret | None:
    return Secret(digest) if digest is not None else None
