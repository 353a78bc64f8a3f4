"""Offers that real WebRTC clients made are answered as they should be, and real clients take our answers."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.sdp import SessionDescription

from bridge.sdp.description import parse
from bridge.sdp.negotiate import Agreed, answer, wants_ice
from bridge.sdp.transport import DtlsRole
from tests.sdp.samples import BROWSER, SHARED, read, text_of

CHROMIUM, FIREFOX, AIORTC = "111 9 0 8 13 110", "109 9 0 8 101", "96 9 0 8"


@dataclass(frozen=True)
class Expected:
    """What is agreed with a client: formats, ids of the extensions, name of the audio, the other m-lines, and who is
    in the bundle ("" = the audio alone)."""

    formats: str
    ids: tuple[int, int, int]  # audio level, mid, feedback
    mid: str = "0"
    others: tuple[str, ...] = ()
    bundle: str = ""
    sends: bool = True
    receives: bool = True


CARRIER = "video 10000 UDP/TLS/RTP/SAVPF {}"
VP8, CHANNEL = "video 0 UDP/TLS/RTP/SAVPF {}", "application 0 UDP/DTLS/SCTP webrtc-datachannel"
OFFERS = {
    "chromium-offer-audio": Expected(CHROMIUM, (1, 4, 3)),
    "chromium-offer-listener": Expected(CHROMIUM, (1, 4, 3), receives=False),
    "chromium-offer-video-channel": Expected(CHROMIUM, (1, 4, 3), others=(VP8.format(96), CHANNEL)),
    "chromium-offer-video-first": Expected(CHROMIUM, (14, 9, 4), "1", (CARRIER.format(96),), "0 1"),
    "chromium-offer-video-first-bundled": Expected(CHROMIUM, (14, 9, 4), "1", (CARRIER.format(96),), "0 1"),
    "chromium-reoffer-restart": Expected(CHROMIUM, (1, 4, 3), others=(VP8.format(96), CHANNEL)),
    "chromium-reoffer-video": Expected(CHROMIUM, (1, 4, 3), others=(VP8.format(96),)),
    "firefox-offer-audio": Expected(FIREFOX, (1, 3, 7)),
    "firefox-offer-listener": Expected(FIREFOX, (1, 3, 7), receives=False),
    "firefox-offer-video-channel": Expected(FIREFOX, (1, 3, 7), others=(VP8.format(120), CHANNEL)),
    "firefox-offer-video-first": Expected(FIREFOX, (1, 3, 7), "1", (CARRIER.format(120),), "0 1"),
    "firefox-offer-video-first-bundled": Expected(FIREFOX, (1, 3, 7), "1", (CARRIER.format(120),), "0 1"),
    "firefox-reoffer-restart": Expected(FIREFOX, (1, 3, 7), "1", (VP8.format(120),)),
    "firefox-reoffer-video": Expected(FIREFOX, (1, 3, 7), others=(VP8.format(120),)),
    "aiortc-offer-audio": Expected(AIORTC, (2, 1, 0)),
    "aiortc-offer-video-channel": Expected(AIORTC, (2, 1, 0), others=(VP8.format(97), CHANNEL)),
    "device-webrtc-browser-wss": Expected(CHROMIUM, (1, 4, 0), others=(VP8.format(96),)),
    "style-safari": Expected("111 9 0 8 13 110", (1, 4, 3), others=(VP8.format(96),)),
    "style-gstreamer": Expected("96 8", (1, 2, 3), "audio0", (VP8.format(97),)),
}


@pytest.mark.parametrize("name", OFFERS)
def test_a_clients_offer_is_answered(name: str) -> None:
    offer, expected = read(name), OFFERS[name]
    assert wants_ice(offer)
    result = answer(offer, BROWSER)
    lines = [line[2:] for line in text_of(result) if line.startswith("m=")]
    audio = lines.pop(result.index)
    assert audio == f"audio 10000 UDP/TLS/RTP/SAVPF {expected.formats}"
    assert tuple(lines) == expected.others
    assert ("group", f"BUNDLE {expected.bundle or expected.mid}") in result.description.attributes
    agreed = result.audio
    assert (agreed.level_id, agreed.mid_id, agreed.feedback_id) == expected.ids
    assert (agreed.codec, agreed.mid, agreed.rtcp_mux) == ("opus", expected.mid, True)
    assert (agreed.sends, agreed.receives, agreed.held) == (expected.sends, expected.receives, False)
    ice, dtls = result.transport.ice, result.transport.dtls
    assert ice is not None
    assert dtls is not None
    assert dtls.role is DtlsRole.SERVER
    assert answer(offer, BROWSER, result) == result
    assert answer(offer, SHARED).transport == result.transport, "SIP over WebSocket gets the same"


@pytest.mark.parametrize("name", OFFERS)
def test_another_reader_reads_the_same_in_our_answer(name: str) -> None:
    result = answer(read(name), BROWSER)
    theirs = SessionDescription.parse(result.body.decode())
    audio = theirs.media[result.index]
    ice = result.transport.ice
    assert ice is not None
    assert audio.ice is not None
    assert (audio.ice.iceLite, audio.ice.usernameFragment, audio.ice.password) == (
        True,
        ice.local.ufrag,
        ice.local.password,
    )
    assert [(each.protocol, each.port, each.tcpType) for each in audio.ice_candidates] == [
        ("udp", 10_000, None),
        ("tcp", 10_000, "passive"),
    ]
    assert audio.ice_candidates_complete
    assert audio.dtls is not None
    assert audio.dtls.fingerprints[0].value == bytes(range(32)).hex(":").upper()
    assert [codec.payloadType for codec in audio.rtp.codecs] == [int(each) for each in audio.fmt]
    live = {media.rtp.muxId: media.direction for media in theirs.media if media.port}
    audio_direction = live.pop(result.audio.mid)
    assert audio_direction in ("sendrecv", "sendonly")
    assert set(live.values()) <= {"inactive"}


# -- aiortc takes them --------------------------------------------------------------------------------------------
# It takes no section with port 0, so it offers nothing that we reject.


async def exchange(peer: RTCPeerConnection, previous: Agreed | None = None) -> Agreed:
    """Let the peer offer, answer it, and let it take the answer."""
    await peer.setLocalDescription(await peer.createOffer())
    agreed = answer(parse(peer.localDescription.sdp.encode()), BROWSER, previous)
    await peer.setRemoteDescription(RTCSessionDescription(agreed.body.decode(), "answer"))
    assert peer.signalingState == "stable"
    return agreed


@pytest.mark.parametrize("direction", ["sendrecv", "recvonly", "sendonly"])
async def test_aiortc_takes_our_answer_and_those_to_its_re_offers(direction: str) -> None:
    peer = RTCPeerConnection()
    try:
        transceiver = peer.addTransceiver("audio", direction=direction)
        first = await exchange(peer)
        assert transceiver.currentDirection == direction
        assert await exchange(peer, first) == first
        transceiver.direction = "inactive"
        held = await exchange(peer, first)
        assert transceiver.currentDirection == "inactive"
        assert held.transport == first.transport
    finally:
        await peer.close()


async def test_aiortc_takes_an_answer_to_video_before_sound() -> None:
    peer = RTCPeerConnection()
    try:
        video, audio = peer.addTransceiver("video"), peer.addTransceiver("audio")
        await exchange(peer)
        assert (video.currentDirection, audio.currentDirection) == ("inactive", "sendrecv")
        assert video.receiver.transport is audio.receiver.transport
    finally:
        await peer.close()
