"""How long a payload sounds, and whether it can be what its payload type says.

Durations are in samples at 48 kHz, whatever the codec's own rate. Opus is read only as far as its table of
contents (RFC 6716 section 3); G.711 and G.722 carry eight octets a millisecond (RFC 3551 section 4.5).
RED (RFC 2198) is never negotiated and so never gets here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bridge.errors import ProtocolError

RATE = 48_000
# Longer packets are not honest sound (RFC 6716 section 3.2.5 and RFC 7587 section 3: 120 ms), shorter ones only work.
MAX_SAMPLES = 5_760
MIN_SAMPLES = 120
MAX_FRAME_BYTES = 1_275


def _frame_samples(config: int) -> int:
    """Samples at 48 kHz of one frame with this Opus configuration number (RFC 6716 table 2)."""
    if config < 12:
        return (480, 960, 1920, 2880)[config & 3]
    if config < 16:
        return (480, 960)[config & 1]
    return (120, 240, 480, 960)[config & 3]


_OPUS_FRAME = tuple(_frame_samples(toc >> 3) for toc in range(256))


def opus_duration(payload: bytes) -> int:
    """Samples at 48 kHz in an Opus packet; checks the rules [R1] to [R7] of RFC 6716 section 3.4.

    Raises ProtocolError: payload-empty, opus-frame-size, opus-code1-odd, opus-code2-length, opus-code3, opus-duration.
    """
    size = len(payload)
    if not size:
        raise ProtocolError("payload-empty")
    toc = payload[0]
    code = toc & 3
    if not code:
        if size > MAX_FRAME_BYTES + 1:
            raise ProtocolError("opus-frame-size", f"{size - 1} bytes")
        return _OPUS_FRAME[toc]
    if code == 1:
        _check_code1(size)
        frames = 2
    elif code == 2:
        _check_code2(payload)
        frames = 2
    else:
        frames = _check_code3(payload)
    samples = frames * _OPUS_FRAME[toc]
    if samples > MAX_SAMPLES:
        raise ProtocolError("opus-duration", f"{samples} samples")
    return samples


def _check_code1(size: int) -> None:
    """Two frames of equal size [R3]."""
    if not size & 1:
        raise ProtocolError("opus-code1-odd", f"{size - 1} bytes for two equal frames")
    if (size - 1) // 2 > MAX_FRAME_BYTES:
        raise ProtocolError("opus-frame-size", f"{(size - 1) // 2} bytes")


def _frame_length(payload: bytes, at: int, end: int, name: str) -> tuple[int, int]:
    """A frame's length in one or two octets (RFC 6716 section 3.2.1), and where reading goes on."""
    if at >= end:
        raise ProtocolError(name, "length cut")
    first = payload[at]
    if first < 252:
        return first, at + 1
    if at + 1 >= end:
        raise ProtocolError(name, "length cut")
    return first + 4 * payload[at + 1], at + 2


def _check_code2(payload: bytes) -> None:
    """Two frames, the first one's length told [R4]."""
    size = len(payload)
    length, at = _frame_length(payload, 1, size, "opus-code2-length")
    if at + length > size:
        raise ProtocolError("opus-code2-length", f"{length} bytes announced")
    if size - at - length > MAX_FRAME_BYTES:
        raise ProtocolError("opus-frame-size", f"{size - at - length} bytes")


def _check_code3(payload: bytes) -> int:
    """The number of frames of a code 3 packet, checked against its size [R5], [R6], [R7]."""
    size = len(payload)
    if size < 2:
        raise ProtocolError("opus-code3", "no frame count")
    frames = payload[1] & 0x3F
    if not frames:
        raise ProtocolError("opus-code3", "no frames")
    if frames * _OPUS_FRAME[payload[0]] > MAX_SAMPLES:
        raise ProtocolError("opus-duration", f"{frames} frames")
    at, padding = 2, 0
    if payload[1] & 0x40:
        at, padding = _padding(payload, size)
    end = size - padding
    if at > end:
        raise ProtocolError("opus-code3", "padding over the packet")
    if payload[1] & 0x80:
        _check_variable(payload, at, end, frames)
    elif (end - at) % frames:
        raise ProtocolError("opus-code3", "equal frames do not fill the packet")
    elif (end - at) // frames > MAX_FRAME_BYTES:
        raise ProtocolError("opus-frame-size", f"{(end - at) // frames} bytes")
    return frames


def _padding(payload: bytes, size: int) -> tuple[int, int]:
    """Where the lengths begin and how many octets of padding the end has (RFC 6716 section 3.2.5)."""
    at, padding = 2, 0
    while True:
        if at >= size:
            raise ProtocolError("opus-code3", "padding length cut")
        octet = payload[at]
        at += 1
        if octet != 255:
            return at, padding + octet
        padding += 254


def _check_variable(payload: bytes, at: int, end: int, frames: int) -> None:
    """The lengths of a variable bit rate code 3 packet [R7]."""
    total = 0
    for _ in range(frames - 1):
        length, at = _frame_length(payload, at, end, "opus-code3")
        total += length
    last = end - at - total
    if last < 0:
        raise ProtocolError("opus-code3", "lengths over the packet")
    if last > MAX_FRAME_BYTES:
        raise ProtocolError("opus-frame-size", f"{last} bytes")


def opus_fec_samples(payload: bytes) -> int:
    """How much of the sound before a (checked) Opus packet its in-band FEC can rebuild: 0, or one frame of it.

    That is told by the LBRR flag of the first SILK frame (RFC 6716 sections 4.2.3 and 4.2.4). The flags are the
    first, equally likely symbols of the range coder and so plain bits. CELT-only packets have none.
    """
    if len(payload) < 3:
        return 0
    toc = payload[0]
    if toc >= 0x80:
        return 0
    at = _first_frame(payload)
    if at >= len(payload):
        return 0
    samples = _OPUS_FRAME[toc]
    silk_frames = max(1, samples // 960)  # SILK works in 20 ms; each has a voice activity flag
    flags = payload[at]
    # Stereo: the side channel's flags follow those of the mid channel.
    if flags >> (7 - silk_frames) & 1 or (toc & 4 and flags >> (6 - 2 * silk_frames) & 1):
        return samples
    return 0


def _first_frame(payload: bytes) -> int:
    """Where the first frame of a checked packet begins."""
    size = len(payload)
    code = payload[0] & 3
    if code < 2:
        return 1
    if code == 2:
        return _frame_length(payload, 1, size, "opus-code2-length")[1]
    at = _padding(payload, size)[0] if payload[1] & 0x40 else 2
    if payload[1] & 0x80:
        for _ in range((payload[1] & 0x3F) - 1):
            at = _frame_length(payload, at, size, "opus-code3")[1]
    return at


def octet_duration(payload: bytes) -> int:
    """Samples at 48 kHz of G.711 or G.722: an octet is an eighth of a millisecond.

    Raises ProtocolError: payload-empty, payload-short (under 2.5 ms), payload-long (over 120 ms).
    """
    samples = 6 * len(payload)
    if MIN_SAMPLES <= samples <= MAX_SAMPLES:
        return samples
    if not samples:
        raise ProtocolError("payload-empty")
    raise ProtocolError("payload-short" if samples < MIN_SAMPLES else "payload-long", f"{len(payload)} bytes")


def no_duration(payload: bytes) -> int:
    """Comfort noise (RFC 3389) stands for no time of its own."""
    return 0


@dataclass(frozen=True, slots=True)
class Format:
    """What the receiving side must know of a payload type.

    `scale`: samples at 48 kHz for one tick of the RTP clock. `duration`: of a payload, at 48 kHz.
    `fec`: packets may carry a copy of the packet before them (Opus). `noise`: comfort noise, no sound of its own.
    """

    name: str
    clock_rate: int
    scale: int
    duration: Callable[[bytes], int]
    fec: bool = False
    noise: bool = False


_FORMATS = {
    "opus": Format("opus", 48_000, 1, opus_duration, fec=True),
    "g722": Format("G722", 8_000, 6, octet_duration),
    "pcmu": Format("PCMU", 8_000, 6, octet_duration),
    "pcma": Format("PCMA", 8_000, 6, octet_duration),
    "cn": Format("CN", 8_000, 6, no_duration, noise=True),
}


def format_of(name: str) -> Format:
    """The format of a codec by its name in SDP, in any case. Raises KeyError for one we do not know."""
    return _FORMATS[name.lower()]


def duration(name: str, payload: bytes) -> int:
    """Samples at 48 kHz of one payload of the named codec; raises ProtocolError when it is not valid."""
    return format_of(name).duration(payload)
