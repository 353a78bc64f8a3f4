"""Opus (RFC 6716, RFC 7587) by libopus, through cffi without a compiler.

The library is the one that PyAV's wheel carries (found without importing av), else the system's. Sound goes in and
out as 48 kHz mono float32 at addresses in memory, so that nothing is copied; calls release the GIL. Decoding never
raises: a payload that libopus refuses gives 0 samples, is counted, and the caller conceals it.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

import cffi

from bridge.codec.libraries import candidates
from mixer.pcm import FRAME, RATE, Samples

_ffi: Any = cffi.FFI()
_ffi.cdef(
    """
    void *opus_encoder_create(int rate, int channels, int application, int *error);
    void opus_encoder_destroy(void *encoder);
    int opus_encoder_ctl(void *encoder, int request, ...);
    int opus_encode_float(void *encoder, const float *pcm, int samples, unsigned char *payload, int size);
    void *opus_decoder_create(int rate, int channels, int *error);
    void opus_decoder_destroy(void *decoder);
    int opus_decoder_ctl(void *decoder, int request, ...);
    int opus_decode_float(void *decoder, const unsigned char *payload, int size, float *pcm, int samples, int fec);
    const char *opus_get_version_string(void);
    """
)
_RESET_STATE = 4028
_SET_BITRATE = 4002
_SET_MAX_BANDWIDTH = 4004
_SET_COMPLEXITY = 4010
_SET_INBAND_FEC = 4012
_SET_PACKET_LOSS = 4014
_SET_DTX = 4016
_SET_SIGNAL = 4024
_SET_PREDICTION_DISABLED = 4042
_SIGNAL_VOICE = 3001
MAX_PAYLOAD = 1275  # one frame; we never send two in a packet but for 40 and 60 ms
_TINY = 8  # octets: DTX, or CELT's silence; nothing audible fits
MAX_SAMPLES = 5760  # 120 ms at 48 kHz, the longest packet


class Application(Enum):
    """What an encoder is tuned for (opus_encoder_create): look-ahead 6.5 ms, or 2.5 ms and no in-band FEC."""

    VOIP = 2048
    LOW_DELAY = 2051


class Bandwidth(Enum):
    """The highest audio bandwidth that an encoder uses, by the playback rate that needs no more (RFC 7587, 3.1.1)."""

    NARROW = 1101
    MEDIUM = 1102
    WIDE = 1103
    SUPER_WIDE = 1104
    FULL = 1105

    @classmethod
    def for_rate(cls, rate: int) -> Bandwidth:
        """The bandwidth for a `maxplaybackrate` [Hz]."""
        for limit, bandwidth in (
            (8000, cls.NARROW),
            (12000, cls.MEDIUM),
            (16000, cls.WIDE),
            (24000, cls.SUPER_WIDE),
        ):
            if rate <= limit:
                return bandwidth
        return cls.FULL


def _open() -> Any:
    for name in (*candidates("opus"), "libopus.so.0"):
        try:
            return _ffi.dlopen(name)
        except OSError:
            continue
    raise ImportError("no libopus: neither in PyAV's wheel nor on the system")


_lib = _open()


def version() -> str:
    """libopus's own name for itself."""
    return str(_ffi.string(_lib.opus_get_version_string()).decode())


def address(samples: Samples) -> Any:
    """Where a contiguous float32 array lies, for `decode` and `encode`; keep the array alive as long as this."""
    return _ffi.from_buffer("float[]", samples, require_writable=True)


def _number(value: int) -> Any:
    return _ffi.cast("int", value)


class OpusDecoder:
    """One received stream, to 48 kHz mono. `bad_payloads` counts what libopus refused."""

    def __init__(self) -> None:
        self._state = _ffi.gc(_lib.opus_decoder_create(RATE, 1, _ffi.NULL), _lib.opus_decoder_destroy)
        self._decode = _lib.opus_decode_float
        self.bad_payloads = 0

    def decode(self, payload: bytes, pcm: Any, room: int) -> int:
        """Decode a packet to address `pcm`, where `room` samples fit. Returns the samples, 0 for a bad payload."""
        count = self._decode(self._state, payload, len(payload), pcm, room, 0) if payload else -1
        if count < 0:
            self.bad_payloads += 1
            return 0
        return int(count)

    def conceal(self, pcm: Any, samples: int) -> None:
        """What libopus thinks was lost, `samples` (a multiple of 120) of it, or silence if it cannot say."""
        if self._decode(self._state, _ffi.NULL, 0, pcm, samples, 0) != samples:
            _ffi.memmove(pcm, bytes(4 * samples), 4 * samples)

    def recover(self, following: bytes, pcm: Any, samples: int) -> None:
        """The lost `samples` before the packet `following`, from its in-band FEC if it has some, else concealed."""
        if self._decode(self._state, following or _ffi.NULL, len(following), pcm, samples, 1) != samples:
            self.conceal(pcm, samples)

    def reset(self) -> None:
        """Forget the stream: the next packet is the first of another one."""
        _lib.opus_decoder_ctl(self._state, _RESET_STATE)


class OpusEncoder:
    """One sent stream, from 48 kHz mono. Bit rate, loss and the like may change at any time."""

    def __init__(
        self,
        application: Application,
        bitrate: int,
        complexity: int,
        bandwidth: Bandwidth = Bandwidth.FULL,
        fec: bool = False,
        loss_percent: int = 0,
        dtx: bool = False,
    ) -> None:
        """`bitrate` [bit/s]; `complexity` 0 to 10. In-band FEC needs `Application.VOIP` and a loss above 0."""
        create = _lib.opus_encoder_create(RATE, 1, application.value, _ffi.NULL)
        self._state = _ffi.gc(create, _lib.opus_encoder_destroy)
        self._encode = _lib.opus_encode_float
        self._payload = _ffi.new("unsigned char[]", 3 * MAX_PAYLOAD)
        self._buffer = _ffi.buffer(self._payload)
        self._size = len(self._buffer)
        self._independent = False
        self._ctl(_SET_COMPLEXITY, complexity)
        self._ctl(_SET_MAX_BANDWIDTH, bandwidth.value)
        self._ctl(_SET_SIGNAL, _SIGNAL_VOICE)
        self._ctl(_SET_INBAND_FEC, int(fec))
        self._ctl(_SET_DTX, int(dtx))
        self.set_bitrate(bitrate)
        self.set_loss(loss_percent)

    def _ctl(self, request: int, value: int) -> None:
        _lib.opus_encoder_ctl(self._state, request, _number(value))

    def set_bitrate(self, bitrate: int) -> None:
        """Mean rate from the next packet on [bit/s]."""
        self._ctl(_SET_BITRATE, bitrate)

    def set_loss(self, percent: int) -> None:
        """Expected loss, 0 to 100: how much the packets shall depend on each other, and how strong FEC is."""
        self._ctl(_SET_PACKET_LOSS, percent)

    def begin_anew(self) -> None:
        """Code the next packet without reference to those before: a new listener joins."""
        self._independent = True
        self._ctl(_SET_PREDICTION_DISABLED, 1)

    def encode(self, pcm: Any, samples: int = FRAME) -> bytes:
        """One packet of `samples` (2.5 to 60 ms) at address `pcm`. With DTX, one octet or two when nothing is said."""
        size = self._encode(self._state, pcm, samples, self._payload, self._size)
        if size < 0:
            raise ValueError(f"libopus refuses to encode {samples} samples: error {size}")
        if self._independent:
            self._independent = False
            self._ctl(_SET_PREDICTION_DISABLED, 0)
        return bytes(self._buffer[:size])

    def reset(self) -> None:
        """Forget the stream; settings stay."""
        _lib.opus_encoder_ctl(self._state, _RESET_STATE)


def says_nothing(payload: bytes) -> bool:
    """The sender's own word that a 20 ms packet holds no speech: DTX, or a SILK layer whose VAD flags are all 0.

    RFC 6716 section 4.2.3: a SILK layer begins with a VAD flag for each 20 ms and an LBRR flag, mid channel before
    side. They are range coded with probability one half each, and as the very first symbols they stand in the payload
    as plain leading bits. CELT has no such flag: it is "nothing" only if the packet is tiny.
    """
    if len(payload) <= _TINY:
        return True
    configuration = payload[0] >> 3
    if configuration >= 16 or payload[0] & 3:
        return False  # CELT only; or several frames in the packet, which are not worth a look
    flags = (1, 1, 2, 3)[configuration & 3] if configuration < 12 else 1
    mask = 0xFF00 >> flags & 0xFF
    if payload[0] & 4:  # stereo: the side channel's flags come after the mid channel's LBRR flag
        mask |= mask >> flags + 1
    return payload[1] & mask == 0
