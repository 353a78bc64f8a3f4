"""Encoded pictures to I420, by FFmpeg in PyAV's wheel: H.264, VP8, VP9, and AV1 by dav1d; one thread each, no delay.

Nothing here raises for what a peer sends. A picture that is not whole and right is never given out: it is counted by
name, and the stream is passed over until its next key frame, which gets a new decoder. Planes are views of the
library's own memory, nothing is copied.
"""

from __future__ import annotations

import functools
from collections import Counter
from typing import Final, cast

import av
from av.codec.codec import UnknownCodecError
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext

from mixer.picture import Picture

MAX_PIXELS: Final = 1920 * 1200
"""The largest picture that is decoded, upright or not [pixels]."""

LEAST_SIDE: Final = 16
"""The narrowest [pixels]."""

_LIBRARIES: Final = {"H264": "h264", "VP8": "vp8", "VP9": "vp9", "AV1": "libdav1d"}
# What is broken is refused, not guessed at: a guess is a smear.
_OPTIONS: Final = {"err_detect": "explode", "ec": "0", "flags": "low_delay", "max_pixels": str(MAX_PIXELS)}
_DAV1D: Final = {"max_pixels": str(MAX_PIXELS), "framethreads": "1", "tilethreads": "1"}


@functools.cache
def decoders() -> frozenset[str]:
    """The codecs that the libraries at hand can decode."""
    return frozenset(codec for codec, library in _LIBRARIES.items() if _present(library))


def _present(library: str) -> bool:
    try:
        av.Codec(library, "r")
    except UnknownCodecError:
        return False
    return True


class VideoDecoder:
    """One source's stream of one codec. Not to be called from two threads at once.

    `needs_key`: nothing can be made of what comes before the next key frame. `drops` counts by name what was not
    given out: "video-before-key", "video-broken", "video-size", "video-codec".
    """

    def __init__(self, codec: str, drops: Counter[str]) -> None:
        self.codec = codec
        self.needs_key = True
        self._drops = drops
        self._context: VideoCodecContext | None = None

    def decode(self, octets: bytes, key: bool, rotation: int = 0) -> Picture | None:
        """Decode one access unit; None = there is nothing to show.

        `key`: it refers to nothing before it. `rotation`: 0, 90, 180 or 270 degrees clockwise make it upright.
        """
        if self.needs_key:
            if not key:
                self._drops["video-before-key"] += 1
                return None
            self._context = self._open()
        outcome = self._attempt(octets, rotation)
        if isinstance(outcome, str):
            self._drops[outcome] += 1
            self.needs_key = True
            self._context = None
            return None
        return outcome

    def _attempt(self, octets: bytes, rotation: int) -> Picture | str | None:
        """The picture, or the name of what is wrong with it."""
        if self._context is None:
            return "video-codec"
        try:
            frames = self._context.decode(av.Packet(octets))
        except (FFmpegError, ValueError, MemoryError):
            return "video-broken"
        if not frames:
            # A key frame that shows nothing is none; later, a picture may be there without being shown.
            return "video-broken" if self.needs_key else None
        frame = frames[-1]
        if frame.is_corrupt:
            return "video-broken"
        if not _may_be(frame.width, frame.height):
            return "video-size"
        self.needs_key = False
        return Picture.of(frame, rotation)

    def _open(self) -> VideoCodecContext | None:
        if self.codec not in decoders():
            return None
        library = _LIBRARIES[self.codec]
        context = cast(VideoCodecContext, av.CodecContext.create(library, "r"))
        context.thread_count = 1
        context.options = dict(_DAV1D if self.codec == "AV1" else _OPTIONS)
        return context


def _may_be(width: int, height: int) -> bool:
    return min(width, height) >= LEAST_SIDE and width * height <= MAX_PIXELS
