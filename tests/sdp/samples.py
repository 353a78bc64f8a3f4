"""What the tests of this folder share: our side, offers by name, and small offers written on the spot."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bridge.errors import ProtocolError
from bridge.sdp.audio import NegotiatedAudio
from bridge.sdp.description import Description, parse
from bridge.sdp.ice import host_candidates
from bridge.sdp.local import Local, PicturePolicy
from bridge.sdp.negotiate import Agreed, Offer, accept, answer
from bridge.sdp.transport import Fingerprint
from bridge.sdp.video import NegotiatedVideo

DATA = Path(__file__).parents[1] / "data" / "sdp"
LOCAL = Local("198.51.100.7", 40_000, 40_001, 7, b"x" * 32, forbidden=frozenset({("198.51.100.7", 5060)}))
LOOPBACK = replace(
    LOCAL, address="127.0.0.1", loopback=True, forbidden=frozenset({("127.0.0.1", 5060), ("::1", 5060)})
)
FINGERPRINT = Fingerprint("sha-256", bytes(range(32)))
# A leg of a SIP endpoint that may use DTLS on ports of its own, one with ICE besides, and a browser's.
DTLS = replace(LOCAL, fingerprint=FINGERPRINT)
SHARED = replace(
    DTLS, port=10_000, rtcp_port=10_000, candidates=host_candidates(["198.51.100.7"], 10_000, 10_000)
)
BROWSER = replace(SHARED, require_dtls=True)
# The same with pictures: on ports of their own, and in the bundle.
PICTURES = PicturePolicy()
SEEING = replace(LOCAL, pictures=PICTURES, video_port=40_002, video_rtcp_port=40_003)
SEEING_DTLS = replace(SEEING, fingerprint=FINGERPRINT)
SEEING_BROWSER = replace(BROWSER, pictures=PICTURES)
KEY = "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
CRYPTO = f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 {KEY}"


def read(name: str) -> Description:
    """Parse a file of tests/data/sdp."""
    return parse((DATA / f"{name}.sdp").read_bytes())


def audio(*lines: str, media: str = "4000 RTP/AVP 0 8 101", address: str = "192.0.2.24") -> Description:
    """Write an offer of one audio section and parse it."""
    head = ["v=0", "o=- 1 1 IN IP4 192.0.2.24", "s=-", f"c=IN IP4 {address}", "t=0 0", f"m=audio {media}"]
    return parse("\r\n".join([*head, *lines, ""]).encode())


def agreed(*lines: str, media: str = "4000 RTP/AVP 0 8 101", local: Local = LOCAL) -> NegotiatedAudio:
    """Answer such an offer and give what was agreed."""
    return answer(audio(*lines, media=media), local).audio


def text_of(result: Agreed | Offer) -> list[str]:
    """Give the lines of what we send."""
    return result.body.decode().split("\r\n")


def refusal(offer: Description, local: Local = LOCAL, previous: Agreed | None = None) -> str:
    """Name why an offer is refused, with 488."""
    with pytest.raises(ProtocolError) as caught:
        answer(offer, local, previous)
    assert caught.value.status == 488
    return caught.value.name


def answer_refusal(made: Offer, given: Description) -> str:
    """Name why an answer is refused."""
    with pytest.raises(ProtocolError) as caught:
        accept(made, given)
    return caught.value.name


def video(
    *lines: str, media: str = "4002 RTP/AVP 96", head: str = "", sound: str = "4000 RTP/AVP 0"
) -> Description:
    """Write an offer of sound and one video section and parse it; `head`: further lines of the session."""
    session = [*head.splitlines(), "t=0 0", f"m=audio {sound}", f"m=video {media}", *lines]
    return parse("\r\n".join(["v=0", "s=-", "c=IN IP4 192.0.2.24", *session, ""]).encode())


def seen(
    *lines: str, media: str = "4002 RTP/AVP 96", local: Local = SEEING, head: str = ""
) -> NegotiatedVideo:
    """Answer such an offer and give what was agreed on pictures."""
    agreed = answer(video(*lines, media=media, head=head), local).video
    assert agreed is not None
    return agreed


def video_lines(result: Agreed | Offer, index: int = 1) -> list[str]:
    """Give the lines of one section of what we send."""
    parts = result.body.decode().split("\r\nm=")
    return parts[index + 1].rstrip("\r\n").split("\r\n")
