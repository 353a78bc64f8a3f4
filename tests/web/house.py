"""The client API with all below it, on fakes: media opens at once, time is fake, and browsers speak the API."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from fastapi import FastAPI

from bridge.call_record import CallRecord
from bridge.codec.table import AUDIO_CODECS
from bridge.focus import Conferences, Focus
from bridge.leg import Called
from bridge.media import contract
from bridge.metrics import Metrics
from bridge.reception import Reception
from bridge.rooms.directory import Directory
from bridge.rooms.gallery import Canvas
from bridge.rooms.participant import Role
from bridge.rooms.pins import hash_pin
from bridge.screens import Screens
from bridge.sdp.local import PicturePolicy
from bridge.seats import Seats
from bridge.store import Store
from bridge.switchboard import Switchboard
from bridge.web.client_api import client_router
from bridge.web.clients import Clients, Invitation, Servers
from bridge.web.media import WebTerms
from config.model import LimitsConfig, Room, RoomKind
from config.secret import Secret
from tests.faketime import run
from tests.studio import QUALITY, FakeLeg, FakeProjector, FakeStudio
from tests.web.asgi import Reply, Stream, ask

HOST = hash_pin(Secret("246810"), b"0" * 16)
GUEST = hash_pin(Secret("135791"), b"1" * 16)
ROOMS = (
    Room("1001", RoomKind.OPEN, limit=2, chat=True),
    Room("1002", RoomKind.HOST_PIN, host_pin=HOST, aliases=("clinic", "ward@example.org"), name="Ward",
         interpreter_aliases=("signs",)),
    Room("1003", RoomKind.HOST_GUEST_PIN, host_pin=HOST, guest_pin=GUEST),
    Room("1004", RoomKind.AUTO_LOCK, host_pin=HOST, chat=True),
    Room("1005", RoomKind.HOST_PIN, host_pin=HOST, allow_guests=False),
    Room("1006", RoomKind.HOST_PIN, host_pin=HOST, disabled=True),
)  # fmt: skip

OFFER = "\r\n".join((
    "v=0", "o=- 4611731400430051336 2 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0 1",
    "a=extmap-allow-mixed", "a=msid-semantic: WMS", "m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110",
    "c=IN IP4 0.0.0.0", "a=rtcp:9 IN IP4 0.0.0.0", "a=ice-ufrag:UFRAG", "a=ice-pwd:pCyIjjCyYVSCtxhTJpUnZxwF",
    "a=ice-options:trickle",
    "a=fingerprint:sha-256 " + ":".join(["5A"] * 32),
    "a=setup:actpass", "a=mid:0", "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level", "a=sendrecv",
    "a=rtcp-mux", "a=rtcp-rsize", "a=rtpmap:111 opus/48000/2", "a=rtcp-fb:111 transport-cc",
    "a=fmtp:111 minptime=10;useinbandfec=1", "a=rtpmap:9 G722/8000", "a=rtpmap:0 PCMU/8000",
    "a=rtpmap:8 PCMA/8000", "a=rtpmap:110 telephone-event/48000",
    "m=video 9 UDP/TLS/RTP/SAVPF 96", "c=IN IP4 0.0.0.0", "a=ice-ufrag:UFRAG",
    "a=ice-pwd:pCyIjjCyYVSCtxhTJpUnZxwF", "a=fingerprint:sha-256 " + ":".join(["5A"] * 32), "a=setup:actpass",
    "a=mid:1", "a=sendrecv", "a=rtcp-mux", "a=rtpmap:96 VP8/90000", "",
))  # fmt: skip
"""As a browser offers sound and a picture."""


def offer(ufrag: str = "abcd") -> str:
    return OFFER.replace("UFRAG", ufrag)


class RtcStudio(FakeStudio):
    """Media that gives the shared port at the next turn of the loop; paths come up when a test says so."""

    board: Switchboard
    trouble = ""

    def send(self, command: contract.Command) -> None:
        super().send(command)
        event: contract.Event
        match command:
            case contract.OpenLeg() if self.trouble == "silent":
                return
            case contract.OpenLeg() if self.trouble:
                event = contract.OpenFailed(command.leg, self.trouble)
            case contract.OpenLeg():
                event = contract.LegOpened(
                    command.leg, "127.0.0.1", 10000, 10000, ("127.0.0.1",), 10000, b"\x11" * 32
                )
            case contract.CloseLeg():
                event = contract.LegClosed(command.leg, QUALITY)
            case _:
                return
        asyncio.get_running_loop().call_soon(self.board.media_event, event)


class _Current:
    """The clients of the house that a test plays in: making the routes takes longer than most tests."""

    clients: Clients

    def __getattr__(self, name: str) -> Any:
        return getattr(_Current.clients, name)


@functools.cache
def application() -> FastAPI:
    """One application for all tests, one after the other."""
    app = FastAPI()
    app.include_router(client_router(cast(Clients, _Current())))
    return app


@dataclass
class Outside:
    """The rest of the bridge, as web clients see it."""

    trouble: str | None = None
    dialled: list[tuple[str, str, str, Role]] = field(default_factory=list)
    records: list[CallRecord] = field(default_factory=list)

    def refusal(self) -> str | None:
        return self.trouble

    def servers(self, client: str) -> Servers:
        return Servers([{"url": "stun:127.0.0.1:3478"}], [])

    def invitation(self, room: Room) -> Invitation:
        return Invitation(
            room.number,
            f"{room.number}@example.org",
            f"https://example.org/{room.number}",
            "https://example.org/whip",
        )

    def dial(self, by: str, focus: Focus, uri: str, role: Role) -> Called | str:
        self.dialled.append((by, focus.room.number, uri, role))
        return Called("called") if uri == "sip:kari@example.org" else "not-on-the-allow-list"

    def record(self, record: CallRecord) -> None:
        self.records.append(record)


class Browser:
    """Somebody who has a token."""

    def __init__(self, house: House, alias: str, result: dict[str, Any]) -> None:
        self.house = house
        self.alias = alias
        self.given = result
        self.token: str = result["token"]
        self.uuid: str = result["participant_uuid"]

    async def post(self, what: str, body: Any = None, token: str | None = None) -> Reply:
        return await self.house.post(self.alias, what, body, self.token if token is None else token)

    async def get(self, what: str) -> Reply:
        return await self.house.get(self.alias, what, self.token)

    async def on(self, other: str, what: str, body: Any = None) -> Reply:
        """A command to a participant."""
        return await self.post(f"participants/{other}/{what}", body)

    async def own(self, what: str, body: Any = None) -> Reply:
        return await self.on(self.uuid, what, body)

    def stream(self, **headers: str) -> Stream:
        path = f"{self.house.base(self.alias)}/events?token={self.token}"
        return Stream(
            self.house.app, path, {name.replace("_", "-"): value for name, value in headers.items()}
        )

    async def call(self, ufrag: str = "abcd") -> str:
        """Offer, take the answer, and have the path come up; returns the call's name."""
        reply = await self.own("calls", {"call_type": "WEBRTC", "sdp": offer(ufrag), "media_type": "audio"})
        assert reply.status == 200, reply.body
        self.house.switchboard.media_event(contract.Connected(self.uuid, "udp", "AEAD_AES_128_GCM"))
        return str(reply.result["call_uuid"])

    async def refresh(self) -> Reply:
        reply = await self.post("refresh_token")
        if reply.status == 200:
            self.token = reply.result["token"]
        return reply


@dataclass
class House:
    """Reception, conferences, media on fakes, and the client API above them."""

    folder: Path
    limits: LimitsConfig = field(default_factory=LimitsConfig)
    token_s: float = 120.0
    pictures: bool = False

    def __post_init__(self) -> None:
        self.studio = RtcStudio()
        self.lines: list[dict[str, Any]] = []
        self.faults: list[BaseException] = []
        self.outside = Outside()
        self.projector = FakeProjector()
        self.studio.board = self.switchboard = Switchboard(self.studio)
        self.store = Store(self.folder)
        self.seats = Seats(self.store, 300.0, lambda: self.wallclock)
        self.conferences = Conferences(
            Directory(ROOMS),
            self.switchboard,
            self.seats,
            lambda line: self.lines.append(dict(line)),
            "en",
            8,
            Screens(self.projector, Canvas()),
        )
        self.metrics = Metrics()
        self.reception = Reception(
            self.conferences, self.switchboard, self.store, self.limits, "en",
            lambda line: self.lines.append(dict(line)), self.metrics, self.faults.append, lambda: self.wallclock,
        )  # fmt: skip
        pictures = PicturePolicy() if self.pictures else None
        terms = WebTerms("127.0.0.1", AUDIO_CODECS, loopback=True, pictures=pictures)
        self.clients = Clients(
            self.reception, self.switchboard, terms, self.outside, self.token_s, self.faults.append,
            lambda: self.wallclock,
        )  # fmt: skip
        self.app = application()
        _Current.clients = self.clients

    @property
    def wallclock(self) -> float:
        """Unix seconds; they go on with the fake time."""
        return 1_700_000_000.0 + asyncio.get_running_loop().time()

    @staticmethod
    def base(alias: str) -> str:
        return f"/api/client/v2/conferences/{alias}"

    async def post(
        self,
        alias: str,
        what: str,
        body: Any = None,
        token: str = "",
        source: str = "127.0.0.9",
        **headers: str,
    ) -> Reply:
        given = {**headers, **({"token": token} if token else {})}
        return await ask(self.app, "POST", f"{self.base(alias)}/{what}", body, given, source)

    async def get(self, alias: str, what: str, token: str = "") -> Reply:
        return await ask(
            self.app, "GET", f"{self.base(alias)}/{what}", None, {"token": token} if token else {}
        )

    async def enter(
        self, alias: str, name: str, pin: str | None = None, source: str = "127.0.0.9", **more: Any
    ) -> Reply:
        body = {"display_name": name, **({} if pin is None else {"pin": pin}), **more}
        return await self.post(alias, "request_token", body, source=source)

    async def browser(self, alias: str, name: str, pin: str | None = None, **more: Any) -> Browser:
        reply = await self.enter(alias, name, pin, **more)
        assert reply.status == 200, reply.body
        return Browser(self, alias, reply.result)

    async def host(self, alias: str = "1002", name: str = "Host") -> Browser:
        """A host with sound: the conference runs."""
        host = await self.browser(alias, name, "246810")
        await host.call()
        return host

    def phone(self, name: str, number: str, source: str = "127.0.0.8") -> FakeLeg:
        """A telephone at reception."""
        room = self.reception.find(number, "", source, False)
        assert room is not None
        return FakeLeg(name, self.switchboard, source).arrive(lambda leg: self.reception.welcome(leg, room))

    async def close(self) -> None:
        await self.clients.close()
        await self.reception.close()
        self.seats.close()
        self.store.close()
        assert not self.faults, self.faults


def live(scene: Callable[[House], Awaitable[None]], folder: Path, **more: Any) -> House:
    """Build a house, play a scene in it in fake time, and close it."""

    async def whole() -> House:
        house = House(folder, **more)
        try:
            await scene(house)
        finally:
            await house.close()
        return house

    return run(whole())
