"""The one list of codecs that the bridge speaks: of sound (RFC 3551, 7587; telephone-event RFC 4733, CN RFC 3389) and
of pictures (RFC 6184, 7741, 9628, AV1 in RTP)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AudioCodec:
    """A codec as SDP names it.

    `clock_rate`: RTP clock [Hz]. `sample_rate`: what the codec really samples [Hz]: G.722 says 8000 in SDP and
    samples 16000 (RFC 3551 section 4.5.2). `channels`: as written in rtpmap. `payload_type`: the static one, or
    the dynamic one that our own offers use.
    """

    name: str
    clock_rate: int
    sample_rate: int
    channels: int
    payload_type: int


OPUS = AudioCodec("opus", 48000, 48000, 2, 111)
G722 = AudioCodec("G722", 8000, 16000, 1, 9)
PCMU = AudioCodec("PCMU", 8000, 8000, 1, 0)
PCMA = AudioCodec("PCMA", 8000, 8000, 1, 8)

# In the order in which our offers list them and in which an answer prefers them, best sound first.
AUDIO_CODECS = (OPUS, G722, PCMA, PCMU)
BY_NAME = {codec.name.lower(): codec for codec in AUDIO_CODECS}

COMFORT_NOISE = "CN"
TELEPHONE_EVENT = "telephone-event"
TELEPHONE_EVENT_PAYLOAD_TYPE = 101


@dataclass(frozen=True, slots=True)
class VideoCodec:
    """A codec of pictures as SDP names it. `sent`: we encode it as well; others are received only, and never offered.

    `payload_types`: those that our own offers use, of H.264 for packetization-mode 1 and 0 (RFC 6184 section 8.1).
    """

    name: str
    sent: bool
    payload_types: tuple[int, ...] = ()


H264 = VideoCodec("H264", True, (97, 99))
VP8 = VideoCodec("VP8", True, (98,))
VP9 = VideoCodec("VP9", False)
AV1 = VideoCodec("AV1", False)

VIDEO_CODECS = (H264, VP8, VP9, AV1)
VIDEO_BY_NAME = {codec.name.lower(): codec for codec in VIDEO_CODECS}
VIDEO_CLOCK_RATE = 90_000
RETRANSMISSION = "rtx"  # RFC 4588
