"""H.264 in RTP (RFC 6184), packetization modes 0 and 1: access units into payloads and back into NAL units.

What comes in may be single NAL units, STAP-A and FU-A, whatever the mode; the interleaved kinds are refused by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from bridge.errors import ProtocolError
from bridge.rtp.coded import Coded, Limits
from bridge.rtp.h264_headers import AUD, IDR, PPS, SEI, SLICE, SPS, ParameterSets, check_sei

LIMIT: Final = 1180  # [bytes] of payload, so that a packet with SRTP and tunnels around it passes anywhere
START_CODE: Final = b"\0\0\0\1"

_STAP_A: Final = 24
_FU_A: Final = 28
_START: Final = 0x80
_END: Final = 0x40
_MOST_UNITS: Final = 1_024  # of an access unit that comes in: more than a picture of packetization mode 0 has
# Slices and pictures of an access unit. A slice of ten bytes can take as long to decode as a whole picture: many must
# have the size that many need. Two pictures are two fields of a frame.
_FEW_SLICES: Final = 72  # a row of macroblocks each
_SLICE_BYTES: Final = 200
_MOST_PICTURES: Final = 2
_MOST_SEQUENCES: Final = 4  # parameter sets of an access unit: to read them takes long,
_MOST_SETS: Final = 64  # and nobody has more
_MOST_COMMENT_BYTES: Final = 16_384
_REFUSED: Final = {
    0: "h264-nal-type",
    25: "h264-stap-b",
    26: "h264-mtap",
    27: "h264-mtap",
    29: "h264-fu-b",
    30: "h264-nal-type",
    31: "h264-nal-type",
}
# Data partitions are of the extended profile, which nobody offers.
_PARTITIONS: Final = (2, 3, 4)
# Delimiters, comments, ends and fillers: nothing that a decoder needs, or a peer.
_NEVER_SENT: Final = (AUD, SEI, 10, 11, 12)


# -- to send ------------------------------------------------------------------------------------------------------


def units(access_unit: bytes) -> list[bytes]:
    """The NAL units of an Annex B byte stream, without start codes and the zeros behind them."""
    found = []
    at = access_unit.find(b"\0\0\1")
    while at >= 0:
        begin = at + 3
        at = access_unit.find(b"\0\0\1", begin)
        unit = access_unit[begin : at if at >= 0 else None].rstrip(b"\0")
        if unit:
            found.append(unit)
    return found


def payloads(access_unit: bytes, mode: int, limit: int = LIMIT) -> list[bytes]:
    """RTP payloads of at most `limit` bytes for one access unit (Annex B); the marker belongs to the last one.

    Mode 1: parameter sets, and what fits behind them, in one STAP-A; what is too long in FU-As of equal size, but for
    the last one. Mode 0: each NAL unit by itself; raises ValueError if one is too long.
    """
    wanted = [unit for unit in units(access_unit) if unit[0] & 0x1F not in _NEVER_SENT]
    if mode == 0:
        if any(len(unit) > limit for unit in wanted):
            raise ValueError(f"a NAL unit of {max(map(len, wanted))} bytes in packetization mode 0")
        return wanted
    found: list[bytes] = []
    together = _aggregated(wanted, limit)
    if together > 1:
        found.append(_stap_a(wanted[:together]))
        wanted = wanted[together:]
    for unit in wanted:
        if len(unit) <= limit:
            found.append(unit)
        else:
            found += _fragments(unit, limit)
    return found


def _aggregated(found: Sequence[bytes], limit: int) -> int:
    """How many units from the first on go into one STAP-A: those from a parameter set on that fit."""
    if not found or found[0][0] & 0x1F not in (SPS, PPS):
        return 0
    size, count = 1, 0
    for unit in found:
        size += 2 + len(unit)
        if size > limit:
            break
        count += 1
    return count


def _stap_a(found: Sequence[bytes]) -> bytes:
    """RFC 6184 section 5.7.1; its importance is the highest of its units."""
    importance = max(unit[0] & 0x60 for unit in found)
    return bytes((importance | _STAP_A,)) + b"".join(len(unit).to_bytes(2, "big") + unit for unit in found)


def _fragments(unit: bytes, limit: int) -> list[bytes]:
    """RFC 6184 section 5.8."""
    head = unit[0]
    indicator, kind = head & 0xE0 | _FU_A, head & 0x1F
    body = len(unit) - 1
    count = -(-body // (limit - 2))
    size = -(-body // count)
    middle = bytes((indicator, kind))
    pieces = [middle + unit[at : at + size] for at in range(1, len(unit), size)]
    pieces[0] = bytes((indicator, kind | _START)) + pieces[0][2:]
    pieces[-1] = bytes((indicator, kind | _END)) + pieces[-1][2:]
    return pieces


# -- received -----------------------------------------------------------------------------------------------------


def depacketise(payloads: Iterable[bytes]) -> list[bytes]:
    """The NAL units in the payloads of one access unit, in order, none of the payloads empty or missing.

    Raises ProtocolError: h264-nal-type, h264-stap-b, h264-mtap, h264-fu-b, h264-aggregate, h264-fragment,
    h264-forbidden-bit.
    """
    found: list[bytes] = []
    pieces: list[bytes] = []  # of the unit that is being put together
    for payload in payloads:
        if len(found) > _MOST_UNITS:
            break
        head = payload[0]
        kind = head & 0x1F
        if head & 0x80:
            raise ProtocolError("h264-forbidden-bit", f"type {kind}")
        if kind == _FU_A:
            if pieces and len(payload) > 1 and payload[1] < _END:  # the usual one
                pieces.append(payload[2:])
            elif _take_fragment(payload, pieces):
                found.append(b"".join(pieces))
                pieces = []
            continue
        if pieces:
            raise ProtocolError("h264-fragment", "the one before has no end")
        if kind == _STAP_A:
            found += _aggregate(payload)
        elif kind in _REFUSED:
            raise ProtocolError(_REFUSED[kind], f"type {kind}")
        else:
            found.append(payload)
    if pieces:
        raise ProtocolError("h264-fragment", "no end")
    if len(found) > _MOST_UNITS:
        raise ProtocolError("h264-aggregate", f"{len(found)} units and more")
    return found


def _take_fragment(payload: bytes, pieces: list[bytes]) -> bool:
    """Add a FU-A to the pieces of its unit; whether it was the last one (RFC 6184 section 5.8)."""
    if len(payload) < 2:
        raise ProtocolError("h264-fragment", "cut")
    place = payload[1] & (_START | _END)
    if place & _START:
        kind = payload[1] & 0x1F
        if place & _END:
            raise ProtocolError("h264-fragment", "both start and end")
        if pieces:
            raise ProtocolError("h264-fragment", "the one before has no end")
        if kind in _REFUSED or kind in (_STAP_A, _FU_A):
            raise ProtocolError("h264-fragment", f"of type {kind}")
        pieces.append(bytes((payload[0] & 0x60 | kind,)))
    elif not pieces:
        raise ProtocolError("h264-fragment", "no start")
    pieces.append(payload[2:])
    return place & _END != 0


def _aggregate(payload: bytes) -> list[bytes]:
    """The units in a STAP-A (RFC 6184 section 5.7.1)."""
    found = []
    at, end = 1, len(payload)
    while at < end:
        begin = at + 2
        at = begin + int.from_bytes(payload[at:begin])
        if begin >= end or at > end or at == begin:
            raise ProtocolError("h264-aggregate", f"{at - begin} bytes announced")
        kind = payload[begin] & 0x1F
        if kind in _REFUSED or kind in (_STAP_A, _FU_A) or payload[begin] & 0x80:
            raise ProtocolError("h264-aggregate", f"type {kind} in it")
        found.append(payload[begin:at])
    if not found:
        raise ProtocolError("h264-aggregate", "empty")
    return found


class H264Reader:
    """Reads the frames of one source: checks all that a decoder would act upon, and gives it Annex B.

    Each key frame comes with all parameter sets that it and its followers need, wherever they were sent: in this
    access unit, in one before, or in the description. Else only changed picture parameter sets are given on.
    """

    __slots__ = ("_in_band", "_only_described", "_sets")

    number_mask = 0

    def __init__(self, limits: Limits, parameter_sets: Iterable[bytes] = ()) -> None:
        """`parameter_sets`: SPS and PPS of the description, without start codes; what is wrong with them is ignored."""
        self._sets = ParameterSets(limits)
        self._in_band = False  # whether this source sends its parameter sets along
        self._only_described = False  # it does not: a key frame has come without
        for unit in parameter_sets:
            try:
                self._sets.take(unit)
            except ProtocolError:
                continue

    def read(self, payloads: Sequence[bytes]) -> Coded | None:
        """See `FrameReader`. Raises ProtocolError: those of `depacketise` and of `ParameterSets`, h264-sei,
        h264-partition, h264-slices."""
        slices: list[bytes] = []
        comments: list[bytes] = []
        keys = sequences = sets = 0
        for unit in depacketise(payloads):
            kind = unit[0] & 0x1F
            # A decoder finds units by start codes: one inside of a unit would carry another past the checks.
            if b"\0\0\1" in unit:
                raise ProtocolError("h264-start-code", f"in type {kind}")
            if kind in (SLICE, IDR):
                slices.append(unit)
                keys += kind == IDR
            elif kind in (SPS, PPS):
                sets += 1
                sequences += kind == SPS
                if sets > _MOST_SETS or sequences > _MOST_SEQUENCES:
                    raise ProtocolError("h264-aggregate", "too many parameter sets")
                self._in_band = True
                self._sets.take(unit)
            elif kind == SEI:
                comments.append(unit)
            elif kind in _PARTITIONS:
                raise ProtocolError("h264-partition")
        if not slices:
            # Beside a picture a comment may be as it likes: it is not given on.
            if sum(map(len, comments)) > _MOST_COMMENT_BYTES:
                raise ProtocolError("h264-sei", "too long")
            for unit in comments:
                check_sei(unit)
            return None
        _check_work(slices)
        key = keys == len(slices)
        sps = self._sets.of(slices, key)
        if not key:
            return Coded(START_CODE + START_CODE.join(self._sets.news() + slices), False)
        self._only_described = not self._in_band
        before = self._sets.all_of(sps)
        return Coded(START_CODE + START_CODE.join(before + slices), True, sps.width, sps.height)

    def begins(self, payload: bytes) -> bool:
        """A delimiter or a sequence parameter set comes before everything else (ITU-T H.264 section 7.4.1.2.3)."""
        return _first_kind(payload) == AUD or self.begins_key(payload)

    def continues(self, payload: bytes) -> bool:
        """A slice that does not begin with the picture's first macroblock, or less than a whole slice."""
        kind = payload[0] & 0x1F
        if kind == _FU_A:
            return len(payload) > 2 and not (payload[1] & _START and payload[2] & 0x80)
        at = 3 if kind == _STAP_A else 0
        if len(payload) < at + 2:
            return False
        return payload[at] & 0x1F in (SLICE, IDR) and not payload[at + 1] & 0x80

    def begins_key(self, payload: bytes) -> bool:
        """So does a key frame with its parameters; with those of the description alone its first slice comes first."""
        kind = _first_kind(payload)
        if kind == AUD and payload[0] & 0x1F == _STAP_A:
            return len(payload) > 7 and payload[7] & 0x1F == SPS
        return kind == SPS or (kind == IDR and self._only_described and not self.continues(payload))

    def number(self, payload: bytes) -> int | None:
        """H.264 does not tell."""
        return None


def _check_work(slices: Sequence[bytes]) -> None:
    """Raise ProtocolError("h264-slices") where a decoder would have to work much more than for a picture."""
    count = len(slices)
    if count > _FEW_SLICES and sum(map(len, slices)) < count * _SLICE_BYTES:
        raise ProtocolError("h264-slices", f"{count}")
    if count > _MOST_PICTURES:
        firsts = sum(len(each) > 1 and each[1] >= 0x80 for each in slices)
        if firsts > _MOST_PICTURES:
            raise ProtocolError("h264-slices", f"of {firsts} pictures")


def _first_kind(payload: bytes) -> int:
    """The type of the first NAL unit of a payload, 0 if it does not begin with the beginning of one."""
    kind = payload[0] & 0x1F
    if kind == _STAP_A:
        return payload[3] & 0x1F if len(payload) > 3 else 0
    if kind == _FU_A:
        return payload[1] & 0x1F if len(payload) > 1 and payload[1] & _START else 0
    return kind
