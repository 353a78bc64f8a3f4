"""What fuzzing runs on the decoders of pictures: any octets give a picture within the limits, or none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial

from bridge.codec.video_decoder import MAX_PIXELS, VideoDecoder
from tests.video.clips import stream

_GOOD = {codec: stream(codec, 64, 48, 4) for codec in ("H264", "VP8")}
_DECODERS = {codec: VideoDecoder(codec, Counter()) for codec in ("H264", "VP8", "VP9", "AV1")}


def fuzz_video(codec: str, octets: bytes) -> None:
    """As a key frame, and as what follows one; a good stream is understood afterwards."""
    decoder = _DECODERS[codec]
    for key in (True, False):
        picture = decoder.decode(octets, key)
        assert picture is None or picture.width * picture.height <= MAX_PIXELS
    decoder.needs_key = True
    if codec in _GOOD:
        assert decoder.decode(_GOOD[codec][0].octets, True) is not None
        assert decoder.decode(_GOOD[codec][1].octets, False) is not None


TARGETS: dict[str, tuple[Callable[[bytes], object], list[bytes]]] = {
    codec.lower(): (
        partial(fuzz_video, codec),
        [one.octets for one in _GOOD.get(codec, ())] or [b"\x82\x49\x83\x42\0\x03", b"\x12\0\x0a\x0b"],
    )
    for codec in _DECODERS
}
