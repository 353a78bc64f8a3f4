"""Somebody at a browser without the browser: aiortc's peer connection speaking the bridge's client API.

An implementation of WebRTC that is not ours, and cheap enough for fifty people at once: a tone is encoded once for all
who send it, and what comes in is kept as it came until somebody wants to listen.

    async with Browser(bridge.web, "Anna", tone=400) as anna:
        await anna.join("1001")
        await anna.connected()
        ...
        assert hears(anna.heard(start), [700]) == ([], [])
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
import time
from collections.abc import Iterator, Mapping
from fractions import Fraction
from functools import cache
from typing import Any, Final, NamedTuple, Self
from urllib.parse import urlsplit

import aioice.ice
import av
import numpy as np
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCSessionDescription,
)
from aiortc.rtcconfiguration import RTCIceTransportPolicy
from aiortc.rtp import RtpPacket

from tests.peers.child import LOOPBACK
from tests.peers.colours import Rgb
from tests.peers.fetch import Connection, Reply, ServerEvent
from tests.peers.sound import Recording, Samples, sine
from tests.peers.webrtc_pictures import Watched, with_camera

API: Final = "/api/client/v2/conferences"
RATE: Final = 48_000
_FRAME: Final = 960  # samples of 20 ms
_BEAT_S: Final = 0.4  # how often somebody silent sends a frame, as Opus does with DTX
_CANDIDATE = re.compile(r"^(a=candidate:(?:\S+ ){5})\d+", re.MULTILINE)


class ApiError(Exception):
    """The API's answer was not a success."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"{reply.status}: {reply.body}")
        self.status = reply.status
        self.result: Any = reply.body.get("result") if isinstance(reply.body, dict) else reply.body


class Arrived(NamedTuple):
    """An RTP packet; `at`: monotonic seconds."""

    at: float
    sequence: int
    timestamp: int
    payload: bytes


@cache
def _encoded(hz: float) -> tuple[bytes, ...]:
    """A second of a tone (0 = silence) as Opus frames that may be repeated without a click."""
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format = RATE, "mono", "flt"
    encoder.bit_rate = 48_000
    encoder.open()
    wave = sine(hz, 2, RATE).reshape(-1, 1, _FRAME)
    found: list[bytes] = []
    for number, part in enumerate(wave):
        frame = av.AudioFrame.from_ndarray(part, format="flt", layout="mono")
        frame.sample_rate, frame.pts = RATE, number * _FRAME
        found += [bytes(packet) for packet in encoder.encode(frame)]
    return tuple(found[-50:])


class Voice(MediaStreamTrack):
    """Says a tone, or next to nothing; what it gives to the sender is encoded already."""

    kind = "audio"

    def __init__(self, tone: float) -> None:
        super().__init__()
        self._frames = itertools.cycle(_encoded(tone) if tone else _encoded(0)[:1])
        self._step = _FRAME if tone else round(_BEAT_S * RATE)
        self._begin = 0.0
        self._position = 0

    async def recv(self) -> av.Packet[Any]:
        """The next frame, when it is due."""
        now = time.monotonic()
        self._begin = self._begin or now
        await asyncio.sleep(self._begin + self._position / RATE - now)
        packet = av.Packet(next(self._frames))
        packet.pts, packet.time_base = self._position, Fraction(1, RATE)
        self._position += self._step
        return packet


class Browser:
    """One person, as an asynchronous context manager; leaving it is as closing the tab without a word.

    `web`: the bridge's origin. `tone` 0: silent. `relay`: over TURN alone. `port`: where to send sound instead of the
    port that the bridge names (a line between both that a test can cut). `colour` ("" = no camera): what it shows.
    """

    def __init__(
        self,
        web: str,
        name: str,
        *,
        tone: float = 0.0,
        relay: bool = False,
        port: int | None = None,
        colour: str = "",
    ) -> None:
        self.name = name
        self.token = self.uuid = self.role = ""
        self.answer = ""  # to the last offer
        self.joined: dict[str, Any] = {}
        self.people: dict[str, dict[str, Any]] = {}
        self.conference: dict[str, Any] = {}
        self.events: list[ServerEvent] = []
        self.packets: list[Arrived] = []
        self._web = web
        self._tone = tone
        self._relay = relay
        self._port = port
        self._colour = colour
        self.watched: Watched | None = None
        self._room = ""
        self._http = Connection(web)
        self._changed = asyncio.Condition()
        self._peer: RTCPeerConnection | None = None
        self._stream: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.vanish()

    async def vanish(self) -> None:
        """Everything stops, and nobody is told."""
        if self._stream is not None:
            self._stream.cancel()
            await asyncio.gather(self._stream, return_exceptions=True)
        await self._http.close()
        await self.hang_up()

    # -- the API -----------------------------------------------------------------------------------------------------

    async def ask(self, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> Any:
        """POST something to the conference, e.g. "lock", and return the result. Raises ApiError."""
        return await self._result("POST", path, {} if body is None else body, headers)

    async def get(self, path: str) -> Any:
        """GET something of the conference. Raises ApiError."""
        return await self._result("GET", path, None, None)

    async def _result(self, method: str, path: str, body: object, headers: Mapping[str, str] | None) -> Any:
        known = {"token": self.token} if self.token else {}
        reply = await self._http.request(
            method, f"{API}/{self._room}/{path}", body, {**known, **(headers or {})}
        )
        if reply.status != 200 or reply.body["status"] != "success":
            raise ApiError(reply)
        return reply.body["result"]

    async def join(self, room: str, pin: str = "", *, sound: bool = True, **more: object) -> None:
        """Get a token (`pin` "none": as a guest), follow the events, and call. `more` goes into the request's body."""
        await self.enter(room, pin, **more)
        await self.follow()
        if sound:
            await self.call()

    async def enter(self, room: str, pin: str = "", **more: object) -> None:
        """Get a token. Raises ApiError, with `result` telling which PINs are asked for."""
        self._room, self.token = room, ""
        asked = {"display_name": self.name, **more}
        self.joined = await self.ask("request_token", asked, {"pin": pin} if pin else {})
        self.token, self.uuid, self.role = (self.joined[key] for key in ("token", "participant_uuid", "role"))

    async def refresh(self) -> None:
        """Make the token live on."""
        self.token = (await self.ask("refresh_token"))["token"]

    async def leave(self) -> None:
        """Leave as a person does who clicks so."""
        await self.ask("release_token")
        await self.hang_up()

    async def about(self, who: Browser | str, what: str, body: object = None) -> Any:
        """Ask something of one participant, e.g. "mute"."""
        uuid = who if isinstance(who, str) else who.uuid
        return await self.ask(f"participants/{uuid}/{what}", body)

    # -- events ------------------------------------------------------------------------------------------------------

    async def follow(self, last: str = "") -> None:
        """Read the event stream from now on (after event `last`), over a connection of its own."""
        ticket = (await self.ask("events_ticket"))["ticket"]
        path = f"{API}/{self._room}/events?ticket={ticket}"
        self._stream = asyncio.create_task(self._read(path, {"Last-Event-ID": last} if last else {}))

    async def _read(self, path: str, headers: Mapping[str, str]) -> None:
        async with Connection(self._web) as connection:
            with contextlib.suppress(OSError):
                async for event in connection.events(path, headers):
                    self._take(event)
                    async with self._changed:
                        self._changed.notify_all()

    def _take(self, event: ServerEvent) -> None:
        self.events.append(event)
        match event.kind:
            case "participant_sync_begin":
                self.people.clear()
            case "participant_create" | "participant_update":
                self.people[event.data["uuid"]] = event.data
            case "participant_delete":
                self.people.pop(event.data["uuid"], None)
            case "conference_update":
                self.conference = event.data

    async def wait(self, check: Any, timeout: float = 10.0) -> None:
        """Wait until `check()` is true; it is asked at every event. Raises TimeoutError."""
        try:
            async with asyncio.timeout(timeout), self._changed:
                await self._changed.wait_for(check)
        except TimeoutError as fault:
            fault.add_note(f"{self.name} knows {self.people}, {self.conference}, {self.events[-5:]}")
            raise

    async def wait_names(self, *names: str, timeout: float = 10.0) -> None:
        """Wait until exactly these people are in the roster."""
        await self.wait(lambda: self.names() == sorted(names), timeout)

    def names(self) -> list[str]:
        """Of those in the roster, in order."""
        return sorted(each["display_name"] for each in self.people.values())

    @property
    def streaming(self) -> bool:
        """Whether its event stream is open."""
        return self._stream is not None and not self._stream.done()

    # -- sound -------------------------------------------------------------------------------------------------------

    async def call(self) -> None:
        """Offer sound, and take the answer. A second call replaces the first."""
        await self.hang_up()
        servers = [
            RTCIceServer(turn["urls"], turn.get("username"), turn.get("credential"))
            for turn in self.joined.get("turn") or []
        ]
        policy = RTCIceTransportPolicy.RELAY if self._relay else RTCIceTransportPolicy.ALL
        peer = self._peer = RTCPeerConnection(
            RTCConfiguration(iceServers=servers if self._relay else [], iceTransportPolicy=policy)
        )
        peer.addTrack(Voice(self._tone))
        for transceiver in peer.getTransceivers():
            self._listen(transceiver.receiver)
        if self._colour:
            self.watched = with_camera(peer, self._colour)
        with only_candidate(urlsplit(self._web).hostname or LOOPBACK):
            await peer.setLocalDescription(await peer.createOffer())
        asked = {"call_type": "WEBRTC", "sdp": peer.localDescription.sdp}
        answer = await self.about(self, "calls", asked)
        sdp = self.answer = answer["sdp"]
        if self._port is not None:
            sdp = _CANDIDATE.sub(rf"\g<1>{self._port}", sdp)
        await peer.setRemoteDescription(RTCSessionDescription(sdp, "answer"))
        await self.about(self, f"calls/{answer['call_uuid']}/ack")

    async def snapshot(self, timeout: float = 10.0) -> Rgb:
        """What it sees. Raises TimeoutError when it is nothing."""
        assert self.watched is not None
        async with asyncio.timeout(timeout):
            while (found := self.watched.picture()) is None:
                await asyncio.sleep(0.1)
        return found

    async def hang_up(self) -> None:
        """Close the peer connection, without asking for that at the API."""
        if self._peer is not None:
            peer, self._peer = self._peer, None
            await peer.close()

    async def connected(self, timeout: float = 15.0) -> None:
        """Wait until ICE and DTLS are up. Raises ConnectionError, TimeoutError."""
        async with asyncio.timeout(timeout):
            while self.state not in ("connected", "failed", "closed"):
                await asyncio.sleep(0.02)
        if self.state != "connected":
            raise ConnectionError(f"{self.name}: {self.state}")

    @property
    def state(self) -> str:
        """Of the peer connection."""
        return "closed" if self._peer is None else str(self._peer.connectionState)

    def _listen(self, receiver: RTCRtpReceiver) -> None:
        """Keep what comes, instead of decoding it at once."""

        async def keep(packet: RtpPacket, arrival_time_ms: int) -> None:
            self.packets.append(
                Arrived(time.monotonic(), packet.sequence_number, packet.timestamp, packet.payload)
            )

        receiver._handle_rtp_packet = keep  # type: ignore[method-assign]

    def heard(self, start: float, end: float | None = None) -> Recording:
        """What came between two times [monotonic s]; where nothing came there is silence."""
        part = [each for each in self.packets if start <= each.at < (end or time.monotonic())]
        if not part:
            return Recording(np.zeros(0, np.float32), RATE)
        first = part[0].timestamp
        decoder = av.CodecContext.create("libopus", "r")
        decoder.layout = "mono"
        pieces: list[tuple[int, Samples]] = []
        for each in part:
            for frame in decoder.decode(av.Packet(each.payload)):
                sound = frame.to_ndarray().reshape(-1).astype(np.float32) / np.float32(32768)
                pieces.append(((each.timestamp - first) % 2**32, sound.astype(np.float32)))
        total = np.zeros(max(position + len(piece) for position, piece in pieces), np.float32)
        for position, piece in pieces:
            total[position : position + len(piece)] = piece
        return Recording(total, RATE)


@contextlib.contextmanager
def only_candidate(address: str) -> Iterator[None]:
    """Let aioice offer this address of loopback, which it leaves out otherwise, and nothing else."""
    usual = aioice.ice.get_host_addresses
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: [address]
    try:
        yield
    finally:
        aioice.ice.get_host_addresses = usual
