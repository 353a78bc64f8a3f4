"""What a browser of the crowd offers, and what it reads of the answer (RFC 8829, for one stream of sound, and one of
pictures beside it)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from bridge.sdp.transport import Credentials, DtlsRole, Fingerprint
from tools.load.clips import CLOCK, VideoCodec
from tools.load.speech import Codec

LEVEL_ID, NUMBER_ID, MID_ID = 1, 3, 4
_LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
_NUMBER = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
_MID = "urn:ietf:params:rtp-hdrext:sdes:mid"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other end has said. `number_id`: of the transport-wide sequence number; ids are 0 where not agreed."""

    address: tuple[str, int]
    credentials: Credentials
    fingerprint: Fingerprint
    role: DtlsRole  # ours
    event_type: int
    level_id: int
    number_id: int


class Camera(NamedTuple):
    """What is offered of pictures. `sends` False: they are only watched."""

    codec: VideoCodec
    ssrc: int
    sends: bool


def offer(
    codec: Codec,
    port: int,
    local: Credentials,
    fingerprint: Fingerprint,
    ssrc: int,
    camera: Camera | None = None,
) -> str:
    """The offer of one who sends and wants sound, and pictures where there is a `camera`, from `port` on loopback."""
    kind, clock = codec.payload_type, 48_000 if codec is Codec.OPUS else 8_000
    lines = [
        "v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", f"a=group:BUNDLE 0{' 1' * (camera is not None)}",
        "a=extmap-allow-mixed",
        f"m=audio {port} UDP/TLS/RTP/SAVPF {kind} 101",
        *(way := _way(port, local, fingerprint)), "a=mid:0",
        f"a=extmap:{LEVEL_ID} {_LEVEL}", f"a=extmap:{NUMBER_ID} {_NUMBER}", f"a=extmap:{MID_ID} {_MID}",
        "a=sendrecv", "a=rtcp-mux", "a=rtcp-rsize",
        f"a=rtpmap:{kind} {codec.sdp_name}/{clock}" + ("/2" if codec is Codec.OPUS else ""),
        f"a=rtcp-fb:{kind} transport-cc", f"a=rtpmap:101 telephone-event/{clock}",
        *([f"a=fmtp:{kind} minptime=10;useinbandfec=1"] if codec is Codec.OPUS else []),
        f"a=ssrc:{ssrc} cname:load",
    ]  # fmt: skip
    return "\r\n".join([*lines, *(_pictures(camera, port, way) if camera else [])]) + "\r\n"


def _way(port: int, local: Credentials, fingerprint: Fingerprint) -> list[str]:
    """The transport, which is the same for all."""
    return [
        "c=IN IP4 127.0.0.1", "a=rtcp:9 IN IP4 0.0.0.0",
        f"a=candidate:1 1 udp 2122260223 127.0.0.1 {port} typ host generation 0",
        f"a=ice-ufrag:{local.ufrag}", f"a=ice-pwd:{local.password}",
        f"a=fingerprint:{fingerprint.algorithm} {fingerprint.value.hex(':').upper()}",
        "a=setup:actpass",
    ]  # fmt: skip


def _pictures(camera: Camera, port: int, way: list[str]) -> list[str]:
    """The section of pictures: key frames may be asked for, and it is told what rate we take."""
    kind = camera.codec.payload_type
    h264 = camera.codec is VideoCodec.H264
    return [
        f"m=video {port} UDP/TLS/RTP/SAVPF {kind}", *way, "a=mid:1", f"a=extmap:{MID_ID} {_MID}",
        "a=sendrecv" if camera.sends else "a=recvonly", "a=rtcp-mux", "a=rtcp-rsize",
        f"a=rtpmap:{kind} {camera.codec.sdp_name}/{CLOCK}",
        *([f"a=fmtp:{kind} profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1"] if h264 else []),
        *(f"a=rtcp-fb:{kind} {each}" for each in ("nack pli", "ccm fir", "goog-remb")),
        f"a=ssrc:{camera.ssrc} cname:load",
    ]  # fmt: skip


def read(answer: str) -> Answer:
    """What matters of an answer. Raises ValueError when something of that is not there."""
    found: dict[str, str] = {}
    address: tuple[str, int] | None = None
    event_type, ids = 101, {_LEVEL: 0, _NUMBER: 0}
    for line in answer.splitlines():
        name, _, value = line.partition(":")
        words = value.split()
        if name == "a=candidate" and words[2].lower() == "udp" and address is None:
            address = words[4], int(words[5])
        elif name == "a=extmap" and words[1] in ids:
            ids[words[1]] = int(words[0].partition("/")[0])
        elif name == "a=rtpmap" and words[1].startswith("telephone-event"):
            event_type = int(words[0])
        elif name in ("a=ice-ufrag", "a=ice-pwd", "a=fingerprint", "a=setup"):
            found[name] = value
    if address is None or len(found) < 4:
        raise ValueError(f"not an answer for a browser: {answer}")
    algorithm, _, digits = found["a=fingerprint"].partition(" ")
    return Answer(
        address=address,
        credentials=Credentials(found["a=ice-ufrag"], found["a=ice-pwd"]),
        fingerprint=Fingerprint(algorithm.lower(), bytes.fromhex(digits.replace(":", ""))),
        role=DtlsRole.SERVER if found["a=setup"] == "active" else DtlsRole.CLIENT,
        event_type=event_type,
        level_id=ids[_LEVEL],
        number_id=ids[_NUMBER],
    )
