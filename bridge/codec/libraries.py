"""Where the shared libraries of PyAV's wheel lie, for those of their functions that PyAV itself does not call."""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Final

VIDEO_ENCODERS: Final = {"H264": "libx264", "VP8": "libvpx"}
"""The codecs of pictures that are sent, and whose encoders FFmpeg needs for them."""


def candidates(name: str) -> Iterator[str]:
    """What to try to open for library `name` ("opus" for libopus): the wheel's own one, then the system's.

    av itself is not imported, it is large.
    """
    spec = importlib.util.find_spec("av")
    for folder in spec.submodule_search_locations or () if spec else ():
        for candidate in sorted((Path(folder).parent / "av.libs").glob(f"lib{name}-*.so*")):
            yield str(candidate)
    yield ctypes.util.find_library(name) or f"lib{name}.so"


@functools.cache
def encodes(codec: str) -> bool:
    """Whether FFmpeg came with an encoder for "H264" or "VP8"; asked of its library without importing av.

    Where that cannot be found it is taken to be so: the one who encodes will say.
    """
    for candidate in candidates("avcodec"):
        try:
            find = ctypes.CDLL(candidate).avcodec_find_encoder_by_name
        except (OSError, AttributeError):
            continue
        find.argtypes, find.restype = [ctypes.c_char_p], ctypes.c_void_p
        return find(VIDEO_ENCODERS[codec].encode()) is not None
    return True
