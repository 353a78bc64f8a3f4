"""G.722 at 64 kbit/s (ITU-T G.722, RFC 3551 section 4.5.2) by PyAV; 16 kHz, two samples an octet.

av is imported only when it is wanted: it is large (16 MB), and most who import this module never code anything. Who
cannot wait 80 ms for it later calls `prepare`.
"""

from __future__ import annotations

import contextlib
import ctypes
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np

from bridge.codec.libraries import candidates
from mixer.pcm import Samples

RATE = 16_000
FRAME = 320  # 20 ms
FRAME_OCTETS = 160
_SCALE = np.float32(1 / 32768)
_NOTHING = np.zeros(0, np.float32)


@cache
def prepare() -> None:
    """Import av now, and keep it to one thread.

    PyAV sends whatever it encodes through a filter graph, and each graph starts a thread for every processor, to copy
    20 ms of sound: 2.4 ms for each new encoder, twice the work for each frame. FFmpeg is told of one processor.
    """
    import av  # noqa: F401

    for name in candidates("avutil"):
        with contextlib.suppress(OSError, AttributeError):  # it works without, only slower
            ctypes.CDLL(name).av_cpu_force_count(1)
            return


class G722Decoder:
    """One received stream, to 16 kHz mono. `bad_payloads` counts what the codec refused."""

    def __init__(self) -> None:
        import av

        self._packet: Any = av.Packet
        self._error: Any = av.error.FFmpegError
        self._create: Any = av.CodecContext.create
        self.bad_payloads = 0
        self.reset()

    def reset(self) -> None:
        """Forget the stream: what comes next does not follow what was decoded last."""
        self._codec: Any = self._create("g722", "r")
        self._codec.thread_count = 1
        self._codec.sample_rate = RATE
        self._codec.layout = "mono"

    def decode(self, payload: bytes) -> Samples:
        """Two samples for each octet; nothing (and counted) if the codec cannot."""
        if not payload:  # an empty packet would end the stream for good
            self.bad_payloads += 1
            return _NOTHING
        try:
            frames = self._codec.decode(self._packet(payload))
        except self._error:
            frames = ()
        sounds = [np.frombuffer(frame.planes[0], np.int16, frame.samples) * _SCALE for frame in frames]
        if len(sounds) == 1:
            return np.asarray(sounds[0], np.float32)
        if not sounds:
            self.bad_payloads += 1
        return np.concatenate([*sounds, _NOTHING])


class G722Encoder:
    """One sent stream, from 16 kHz mono in frames of 20 ms."""

    def __init__(self) -> None:
        prepare()
        import av

        codec: Any = av.CodecContext.create("g722", "w")
        codec.thread_count = 1
        codec.sample_rate = RATE
        codec.layout = "mono"
        codec.format = "s16"
        codec.time_base = Fraction(1, RATE)
        codec.open()
        self._codec = codec
        frame: Any = av.AudioFrame("s16", "mono", FRAME)
        frame.sample_rate = RATE
        self._frame = frame

    def encode(self, frame: Samples) -> bytes:
        """320 samples to 160 octets; louder than full scale is clipped."""
        samples = np.clip(frame * np.float32(32768), -32768, 32767).astype(np.int16)
        self._frame.planes[0].update(samples.tobytes())
        return b"".join(bytes(packet) for packet in self._codec.encode(self._frame))
