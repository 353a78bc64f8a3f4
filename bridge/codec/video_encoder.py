"""Pictures to H.264 (constrained baseline, by x264) and VP8 (by libvpx), both out of PyAV's wheel; one thread each.

Neither delays a picture: what goes in comes out of the same call. x264 is opened with the constant rate of its ceiling,
which alone lets its rate float below that while it runs. FFmpeg lets nobody change the rate of libvpx: that encoder is
opened anew for another one, in steps, and begins with a key frame then.

A wheel may come without x264 (it is GPL): `encoders` says what there is.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Protocol, cast

import av
from av.codec.codec import UnknownCodecError
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from bridge.codec.libraries import VIDEO_ENCODERS
from mixer.picture import Picture

CLOCK: Final = 90_000  # ticks a second of a picture's time
SLICE_LIMIT: Final = 1180  # octets of a slice where a packet is one whole NAL unit
_NO_KEY_OF_ITS_OWN: Final = 1_000_000  # pictures: key frames come when they are asked for
_STEP = 1.25  # between two rates of VP8
_RISE_S = 10.0  # between two key frames of which the later one is for nothing but a higher rate


class EncoderError(Exception):
    """The library refuses to open or to encode: this encoder is of no use any more."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """One encoded picture. `octets`: Annex B with parameter sets before each key frame, or a VP8 frame."""

    octets: bytes
    key: bool


@dataclass(frozen=True, slots=True)
class Quality:
    """How an encoder is opened: sizes [pixels], pictures a second, rates [bit/s].

    `slices`: no NAL unit is longer than `SLICE_LIMIT` (H.264's packetization-mode 0). `preset`: x264's; `speed`:
    libvpx's cpu-used.
    """

    width: int
    height: int
    fps: int
    most: int
    slices: bool = False
    preset: str = "superfast"
    speed: int = -8


class VideoEncoder(Protocol):
    """What makes encoded pictures of pictures; not to be called from two threads at once."""

    def set_bitrate(self, bitrate: int) -> None:
        """What is wanted from now on [bit/s]."""
        ...

    def wants_key(self, since: float) -> bool:
        """Whether a key frame is worth its size now, since another rate can only be had with it.

        `since`: how long ago the last one was [s].
        """
        ...

    def encode(self, picture: Picture, composed: float, key: bool) -> Encoded | None:
        """Encode a picture of the size that was agreed on, None = the encoder left it out.

        `composed`: its time [monotonic seconds], later than that of the one before. Raises EncoderError.
        """
        ...


@functools.cache
def encoders() -> frozenset[str]:
    """The codecs that the libraries at hand can make: "VP8", and "H264" where x264 came along."""
    return frozenset(codec for codec, library in VIDEO_ENCODERS.items() if _present(library))


def _present(library: str) -> bool:
    try:
        av.Codec(library, "w")
    except UnknownCodecError:
        return False
    return True


def make_encoder(codec: str, quality: Quality, bitrate: int) -> VideoEncoder:
    """An encoder for "H264" or "VP8". Raises EncoderError when there is none, or it cannot be opened so."""
    if codec not in encoders():
        raise EncoderError(f"no encoder for {codec}")
    return H264Encoder(quality, bitrate) if codec == "H264" else Vp8Encoder(quality, bitrate)


class H264Encoder:
    """x264, constrained baseline; its rate floats live."""

    def __init__(self, quality: Quality, bitrate: int) -> None:
        """Raises EncoderError."""
        options = {
            "preset": quality.preset,
            "tune": "zerolatency",
            "profile": "baseline",
            "forced-idr": "1",
            "sc_threshold": "0",  # no key frame that nobody asked for
            "maxrate": str(quality.most),
            "bufsize": str(quality.most // 2),
        }
        if quality.slices:
            options["slice-max-size"] = str(SLICE_LIMIT)
        self._most = quality.most
        self._pictures = _Pictures(quality, "libx264", options, quality.most)
        self.set_bitrate(bitrate)

    def set_bitrate(self, bitrate: int) -> None:
        """Mean rate from the next picture on [bit/s], at most the one that the encoder was opened with."""
        self._pictures.context.bit_rate = min(bitrate, self._most)

    def wants_key(self, since: float) -> bool:
        """Never: it needs none for another rate."""
        return False

    def encode(self, picture: Picture, composed: float, key: bool) -> Encoded | None:
        """One picture in Annex B. Raises EncoderError."""
        return self._pictures.encode(picture, composed, key)


class Vp8Encoder:
    """libvpx in its real-time mode; another rate comes with a key frame, by an encoder that is opened anew."""

    def __init__(self, quality: Quality, bitrate: int) -> None:
        """Raises EncoderError."""
        self._quality = quality
        self._wanted = self._rate = self._step(bitrate)
        self._pictures = self._open()

    def wants_key(self, since: float) -> bool:
        """Whether it runs above the rate that is wanted, or has been below it for long."""
        return self._rate > self._wanted or (self._rate < self._wanted and since > _RISE_S)

    def set_bitrate(self, bitrate: int) -> None:
        """What is wanted [bit/s]; the next key frame makes it so."""
        self._wanted = self._step(bitrate)

    def encode(self, picture: Picture, composed: float, key: bool) -> Encoded | None:
        """One picture. Raises EncoderError."""
        if key and self._rate != self._wanted:
            self._rate = self._wanted
            self._pictures = self._open()
        return self._pictures.encode(picture, composed, key)

    def _step(self, bitrate: int) -> int:
        """The highest step that is not above a rate; the steps go down from the most that was agreed on."""
        rate = float(self._quality.most)
        while rate > max(bitrate, 1000):
            rate /= _STEP
        return int(rate)

    def _open(self) -> _Pictures:
        rate = str(self._rate)
        options = {
            "deadline": "realtime",
            "cpu-used": str(self._quality.speed),
            "lag-in-frames": "0",
            "auto-alt-ref": "0",
            "noise-sensitivity": "0",
            "static-thresh": "1",
            "error-resilient": "0",  # what is lost is sent again, or a key frame comes
            "minrate": rate,
            "maxrate": rate,
            "bufsize": rate,
            "undershoot-pct": "100",
            "overshoot-pct": "15",
            "max-intra-rate": "600",  # percent of a mean picture: a key frame is no burst
            "qmin": "2",
            "qmax": "56",
        }
        return _Pictures(self._quality, "libvpx", options, self._rate)


class _Pictures:
    """One open encoder of FFmpeg's, and the times of its pictures."""

    def __init__(self, quality: Quality, library: str, options: dict[str, str], bitrate: int) -> None:
        context = cast(VideoCodecContext, av.CodecContext.create(library, "w"))
        context.width, context.height = quality.width, quality.height
        context.pix_fmt = "yuv420p"
        context.framerate = Fraction(quality.fps, 1)
        context.time_base = Fraction(1, CLOCK)
        context.bit_rate = bitrate
        context.gop_size = _NO_KEY_OF_ITS_OWN
        context.thread_count = 1
        context.options = options
        self.context = context
        self._size = (quality.width, quality.height)
        self._begun: float | None = None
        self._last = -1
        try:
            context.open()
        except FFmpegError as fault:
            raise EncoderError(f"{library} cannot be opened: {fault}") from None

    def encode(self, picture: Picture, composed: float, key: bool) -> Encoded | None:
        if (picture.width, picture.height) != self._size:
            raise EncoderError(f"a picture of {picture.width}x{picture.height}, not {self._size}")
        if self._begun is None:
            self._begun = composed
        frame = picture.frame()
        # Times only rise: the library refuses anything else.
        self._last = frame.pts = max(self._last + 1, round((composed - self._begun) * CLOCK))
        frame.time_base = self.context.time_base
        frame.pict_type = PictureType.I if key else PictureType.NONE
        try:
            packets = self.context.encode(frame)
        except (FFmpegError, ValueError) as fault:
            raise EncoderError(f"not encoded: {fault}") from None
        if not packets:
            return None
        octets = bytes(packets[0]) if len(packets) == 1 else b"".join(bytes(packet) for packet in packets)
        return Encoded(octets, any(packet.is_keyframe for packet in packets))
