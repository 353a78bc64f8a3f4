"""A browser without signalling: aiortc's peer connection, joined by hand to a leg of a media process on loopback."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Iterable
from fractions import Fraction
from typing import Any, NamedTuple

import aioice.ice
import av
import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from bridge.media import contract
from bridge.sdp import description as sdp
from bridge.sdp import negotiate
from bridge.sdp.ice import host_candidates
from bridge.sdp.local import Local, SrtpPolicy
from bridge.sdp.transport import Fingerprint
from tests.peers.sound import sine, tones_in

RATE = 48_000
FRAME = 960


class Heard(NamedTuple):
    """A packet that came; `arrival` in monotonic seconds."""

    arrival: float
    payload: bytes


class Tone(MediaStreamTrack):
    """Says a tone, encoded beforehand."""

    kind = "audio"

    def __init__(self, hz: float) -> None:
        super().__init__()
        encoder = av.CodecContext.create("libopus", "w")
        encoder.sample_rate, encoder.layout, encoder.format = RATE, "mono", "flt"
        encoder.bit_rate = 48_000
        encoder.open()
        self._packets: list[bytes] = []
        wave = sine(hz, 1.0, RATE) if hz else np.zeros(RATE, np.float32)
        for at in range(0, RATE, FRAME):
            frame = av.AudioFrame.from_ndarray(wave[at : at + FRAME].reshape(1, -1), "flt", "mono")
            frame.sample_rate, frame.pts = RATE, at
            self._packets += [bytes(packet) for packet in encoder.encode(frame)]
        self._begun = 0.0
        self._number = 0

    async def recv(self) -> Any:
        """The next 20 ms."""
        now = time.monotonic()
        self._begun = self._begun or now
        await asyncio.sleep(max(0.0, self._begun + self._number * 0.02 - now))
        packet: Any = av.Packet(self._packets[self._number % len(self._packets)])
        packet.pts, packet.time_base = self._number * FRAME, Fraction(1, RATE)
        self._number += 1
        return packet


class WebPeer:
    """One peer connection. `offer`, `answer`, then sound flows; `heard` tells what."""

    def __init__(self, hz: float = 0.0, address: str = "127.0.0.1") -> None:
        self.got: list[Heard] = []
        self.secret = secrets.token_bytes(32)
        self._address = address
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.pc.addTrack(Tone(hz))
        for transceiver in self.pc.getTransceivers():
            receiver: Any = transceiver.receiver
            receiver._handle_rtp_packet = self._keep

    async def _keep(self, packet: Any, arrival_time_ms: int) -> None:
        self.got.append(Heard(time.monotonic(), packet.payload))

    async def offer(self) -> str:
        """An offer with candidates on this machine only."""
        usual = aioice.ice.get_host_addresses
        aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: [self._address]
        try:
            await self.pc.setLocalDescription(await self.pc.createOffer())
        finally:
            aioice.ice.get_host_addresses = usual
        return str(self.pc.localDescription.sdp)

    async def join(self, opened: contract.LegOpened, association: int = 0) -> contract.ConfigureLeg:
        """Offer, negotiate as the bridge does, take the answer; returns what media is to be told."""
        local = Local(
            address=self._address,
            port=opened.port,
            rtcp_port=opened.rtcp_port,
            session_id=1,
            secret=self.secret,
            srtp=SrtpPolicy.REQUIRED,
            loopback=True,
            candidates=host_candidates(opened.addresses, opened.port, opened.tcp_port),
            fingerprint=Fingerprint("sha-256", opened.fingerprint),
            require_dtls=True,
        )
        agreed = negotiate.answer(sdp.parse((await self.offer()).encode()), local, association=association)
        await self.pc.setRemoteDescription(RTCSessionDescription(agreed.body.decode(), "answer"))
        assert agreed.audio is not None
        return contract.ConfigureLeg(opened.leg, agreed.audio, self._address, transport=agreed.transport)

    async def connected(self, timeout: float = 5.0) -> None:
        """Wait until ICE and DTLS are up."""
        async with asyncio.timeout(timeout):
            while self.pc.connectionState != "connected":
                await asyncio.sleep(0.01)

    def heard(self, last: int = 40) -> list[float]:
        """The tones [Hz] in the last packets that came."""
        return tones_of(each.payload for each in self.got[-last:])

    async def close(self) -> None:
        """Hang up."""
        await self.pc.close()


def tones_of(payloads: Iterable[bytes]) -> list[float]:
    """The tones [Hz] in Opus packets, but for the first of them."""
    decoder: Any = av.CodecContext.create("libopus", "r")
    decoder.layout = "mono"
    sound = [frame.to_ndarray().reshape(-1) for each in payloads for frame in decoder.decode(av.Packet(each))]
    if not sound:
        return []
    wave = np.concatenate(sound).astype(np.float32) / np.float32(32768)
    tones = tones_in(wave[RATE // 10 :], RATE)
    # On a busy machine the peers' own packets are late, which is heard as something softer.
    loudest = max((tone.dbfs for tone in tones), default=0.0)
    return [round(tone.hz, -1) for tone in tones if tone.dbfs > loudest - 15]
