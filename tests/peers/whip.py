"""A camera or an encoder that sends into a room by WHIP (RFC 9725): aiortc's peer connection, and bare HTTP.

async with WhipSender(word["url"], word["token"], tone=700) as camera:
    await camera.send()
    await camera.restart("newfrag1", "a password of 22 characters")
    await camera.end()
"""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from typing import NamedTuple, Self
from urllib.parse import urljoin, urlsplit

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from tests.peers.child import LOOPBACK
from tests.peers.webrtc_client import Voice, only_candidate


class WhipReply(NamedTuple):
    """An answer; names of headers in lower case."""

    status: int
    headers: dict[str, str]
    body: str


class WhipSender:
    """One sender, as an asynchronous context manager. `endpoint`: where offers go; `word`: the bearer token."""

    def __init__(self, endpoint: str, word: str, *, tone: float) -> None:
        self.session = ""
        self.answer = ""
        self._endpoint = endpoint
        self._word = word
        self._tag = ""
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._peer.addTransceiver(Voice(tone), direction="sendonly")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._peer.close()

    async def send(self) -> WhipReply:
        """Offer, take the answer, and send."""
        with only_candidate(urlsplit(self._endpoint).hostname or LOOPBACK):
            await self._peer.setLocalDescription(await self._peer.createOffer())
        offer = self._peer.localDescription.sdp
        reply = await self.ask("POST", self._endpoint, offer, {"Content-Type": "application/sdp"})
        if reply.status == 201:
            self.session = urljoin(self._endpoint, reply.headers["location"])
            self._tag, self.answer = reply.headers["etag"], reply.body
            await self._peer.setRemoteDescription(RTCSessionDescription(self.answer, "answer"))
        return reply

    async def restart(self, ufrag: str, password: str) -> WhipReply:
        """Tell of new ICE credentials; the body of the reply has those of the bridge."""
        fragment = (
            f"a=ice-ufrag:{ufrag}\r\na=ice-pwd:{password}\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n"
        )
        headers = {"Content-Type": "application/trickle-ice-sdpfrag", "If-Match": "*"}
        return await self.ask("PATCH", self.session, fragment, headers)

    async def end(self) -> WhipReply:
        """End the session."""
        return await self.ask("DELETE", self.session)

    @property
    def state(self) -> str:
        """Of the peer connection."""
        return str(self._peer.connectionState)

    async def ask(
        self, method: str, url: str, body: str = "", headers: dict[str, str] | None = None
    ) -> WhipReply:
        """One request, with the word in it."""
        told = {"Authorization": f"Bearer {self._word}", **(headers or {})}
        request = urllib.request.Request(url, body.encode() or None, told, method=method)
        return await asyncio.to_thread(_ask, request)


def _ask(request: urllib.request.Request) -> WhipReply:
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:
            headers = {name.lower(): value for name, value in reply.headers.items()}
            return WhipReply(reply.status, headers, reply.read().decode())
    except urllib.error.HTTPError as refusal:
        with refusal:
            return WhipReply(refusal.code, {}, refusal.read().decode())
