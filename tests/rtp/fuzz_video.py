"""What the fuzzer feeds of pictures: each target parses, or raises ProtocolError, and nothing else."""

from __future__ import annotations

import struct
from collections.abc import Callable
from contextlib import suppress

from bridge.errors import ProtocolError
from bridge.rtp import av1, h264, rtx, vp8, vp9
from bridge.rtp.av1_headers import frame_header, parse_sequence
from bridge.rtp.coded import FrameReader
from bridge.rtp.frames import READERS, FrameAssembler
from bridge.rtp.h264_headers import check_sei, parse_pps, parse_sps, slice_pps
from bridge.rtp.video_packet import ExtensionIds, VideoPacket, parse
from bridge.sdp.video import VideoLimits

_LIMITS = VideoLimits(max_fs=8_160)
_TYPES = {96: "VP8", 97: "H264", 98: "VP9", 99: "AV1"}
_IDS = ExtensionIds(feedback=3, mid=4, rid=5, repaired_rid=6, orientation=7)
_HEAD = struct.pack("!BBHII", 0x80, 96, 1, 160, 0x11223344)

_SPS = bytes.fromhex("6742c00bda0b13a10000030001000003003c8f142aa0")
_HIGH_SPS = bytes.fromhex("67640028acb403c0113f2e0220000003002000000641e30632c0")
_PPS = bytes.fromhex("68ce0fc8")
_IDR = bytes.fromhex("6588843a0c6000800ca082107d840f6261397bde40007c000c013d42e6")
_SLICE = bytes.fromhex("419a2028a1dc002f22c1426496f5ff7e003c37d1a2f5")
_STAP_A = b"\x78" + b"".join(len(unit).to_bytes(2, "big") + unit for unit in (_SPS, _PPS, _IDR))
_VP8_KEY = bytes.fromhex("107005009d012a4000300000470885858899848802") + bytes(40)
_VP9_KEY = bytes.fromhex("8c8123824983420013f00b360638241c184200117050601fe8fffd7fcf7fdefffd3f67f1fffa7f")
_AV1_KEY = bytes.fromhex("280c08000000043cfecc4af90040") + bytes.fromhex("30100083a002080000000000ebc7")


def _joined(*payloads: bytes) -> bytes:
    """Payloads as `_payloads` takes them apart."""
    return b"".join(len(payload).to_bytes(2, "big") + payload for payload in payloads)


def _payloads(data: bytes) -> list[bytes]:
    """What comes before each payload is its length; the last one may be shorter."""
    found = []
    at = 0
    while at + 2 < len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if payload := data[at + 2 : end]:
            found.append(payload)
        at = end
    return found


def _read(reader: FrameReader, data: bytes) -> object:
    payloads = _payloads(data)
    for payload in payloads:
        reader.begins(payload)
        reader.begins_key(payload)
        reader.continues(payload)
        reader.number(payload)
    if not payloads:
        return None
    coded = reader.read(payloads)
    assert coded is None or (_LIMITS.fits(coded.width, coded.height) and coded.octets)
    return coded


def fuzz_h264(data: bytes) -> object:
    """The payloads of an access unit: the first one of all, and one in the middle of a stream."""
    with suppress(ProtocolError):
        _read(h264.H264Reader(_LIMITS), data)
    reader = h264.H264Reader(_LIMITS, (_SPS, _PPS))
    reader.read([_IDR])
    return _read(reader, data)


def fuzz_h264_payloads(data: bytes) -> object:
    """An access unit to be sent: what is cut is put together again."""
    wanted = [unit for unit in h264.units(data) if unit[0] & 0x1F in (1, 5, 7, 8) and unit[0] < 0x80]
    plain = b"".join(b"\0\0\1" + unit for unit in wanted)
    cut = h264.payloads(plain, 1, 60)
    assert all(len(payload) <= 60 for payload in cut)
    assert h264.depacketise(cut) == wanted
    return cut


def fuzz_h264_headers(data: bytes) -> object:
    """A NAL unit, by its type."""
    kind = data[0] & 0x1F if data else 0
    match kind:
        case 6:
            check_sei(data)
        case 7:
            sps = parse_sps(data)
            assert 0 < sps.width <= sps.coded_width and 0 < sps.height <= sps.coded_height
        case 8:
            parse_pps(data)
        case _:
            slice_pps(data)
    return kind


def fuzz_vp8(data: bytes) -> object:
    """The payloads of a frame; what is read is cut again."""
    coded = _read(vp8.Vp8Reader(_LIMITS), data)
    if coded is not None:
        octets = coded[0]  # type: ignore[index]
        assert vp8.Vp8Reader(_LIMITS).read(vp8.payloads(octets, 7, 40))[0] == octets
    return coded


def fuzz_vp9(data: bytes) -> object:
    """The payloads of a picture with all its layers."""
    return _read(vp9.Vp9Reader(_LIMITS), data)


def fuzz_av1(data: bytes) -> object:
    """The payloads of a temporal unit."""
    return _read(av1.Av1Reader(_LIMITS), data)


def fuzz_av1_headers(data: bytes) -> object:
    """A sequence header, and a frame header behind it."""
    sequence = parse_sequence(data[:32])
    return frame_header(data[32:], sequence)


def fuzz_video_packet(data: bytes) -> object:
    """A packet with its extensions; as a retransmission too."""
    packet = parse(data, _IDS)
    assert packet.mid.isascii() and packet.rid.isascii()
    rtx.unwrap(packet, 96, 7)
    return packet


def fuzz_frames(data: bytes) -> object:
    """Packets in any order at any time: frames come in order, all within the limits, and nothing piles up."""
    assembler = FrameAssembler(_TYPES, _LIMITS, (_SPS, _PPS))
    now = 100.0
    found = []
    for payload in _payloads(data):
        if len(payload) < 6:
            continue
        step, kind, number, ticks, source = struct.unpack_from("!BBBBB", payload)
        now += step / 1_000
        if source > 250:
            assembler.want_key()
        number = number if number < 200 else 300 * number  # far off
        packet = VideoPacket(96 + (kind & 3), kind > 127, number, ticks * 900, source & 1, payload[5:])
        found += assembler.push(packet, now) + assembler.wake(now)
        while assembler.missing(now):
            pass
        if assembler.needs_key(now):
            assert not assembler.needs_key(now + 0.4)
        assert assembler.deadline is None or assembler.deadline > now
    for frame in found:
        assert _LIMITS.fits(frame.width, frame.height) and frame.octets
    return found


def _streams() -> list[bytes]:
    """Packets for `fuzz_frames`: time, type with marker, number, timestamp and source before each payload."""
    streams = []
    for kind, payload in ((0, _VP8_KEY), (1, _STAP_A), (2, _VP9_KEY), (3, _AV1_KEY)):
        packets = [bytes((10, kind | 0x80, at, at, 0)) + payload for at in range(12)]
        streams += [_joined(*packets), _joined(*packets[3::-1], *packets[7:])]
    return streams


TARGETS: dict[str, tuple[Callable[[bytes], object], list[bytes]]] = {
    "h264": (
        fuzz_h264,
        [
            _joined(_STAP_A),
            _joined(_SPS, _PPS, b"\x06\x05\x01\x55\x80", _IDR),
            _joined(_SLICE),
            _joined(b"\x7c\x85" + _IDR[1:9], b"\x7c\x05" + _IDR[9:20], b"\x7c\x45" + _IDR[20:]),
            _joined(_HIGH_SPS, _PPS, _IDR),
        ],
    ),
    "h264-payloads": (
        fuzz_h264_payloads,
        [
            b"\0\0\0\1".join((b"", _SPS, _PPS, _IDR * 5)),
            b"\0\0\1".join((b"", _SLICE, b"\x06\x05\x00\x80", _SLICE)),
        ],
    ),
    "h264-headers": (fuzz_h264_headers, [_SPS, _HIGH_SPS, _PPS, _IDR, _SLICE, b"\x06\x05\x02\x55\xff\x80"]),
    "vp8": (
        fuzz_vp8,
        [
            _joined(_VP8_KEY),
            _joined(b"\x90\x80\x81\x23" + _VP8_KEY[1:], b"\x80\x80\x81\x23" + bytes(30)),
            _joined(b"\x90\xf0\xff\xff\x11\x22" + b"\x31\0\0" + bytes(10)),
        ],
    ),
    "vp9": (
        fuzz_vp9,
        [
            _joined(_VP9_KEY),
            _joined(b"\x1c\x86\0\x40\x92\xf0\xa1\x25", b"\xfc\x81\x23\x03\x02\x86\0\x40\x92\xf0"),
            _joined(b"\x0e\x30\x01\x40\0\xb4\x01\x40\0\xb4" + _VP9_KEY[3:]),
            _joined(b"\x0c" + vp9.superframe([_VP9_KEY[3:], _VP9_KEY[3:]])),
        ],
    ),
    "av1": (
        fuzz_av1,
        [
            _joined(_AV1_KEY),
            _joined(b"\x50\x0a\x0b\0\0", b"\xd0\0\x04\x3c\xfe", b"\x90\xcc\x4a\xf9\0\x40"),
            _joined(
                b"\x08\x02\x12\0" + b"\x0d\x0a\x0b\0\0\0\x04\x3c\xfe\xcc\x4a\xf9\0\x40" + b"\x02\x30\x10"
            ),
        ],
    ),
    "av1-headers": (
        fuzz_av1_headers,
        [
            bytes.fromhex("000000043cfecc4af90040").ljust(32, b"\0") + b"\x10\0" * 30,
            bytes(80),
            b"\0" * 32 + b"\xaa" * 60,
        ],
    ),
    "video-packet": (
        fuzz_video_packet,
        [
            _HEAD + bytes(160),
            b"\x90" + _HEAD[1:] + bytes.fromhex("bede0003 3101025040 5061 6162 7001 0000") + bytes(20),
            b"\x92" + _HEAD[1:] + bytes(8) + bytes.fromhex("1000000203020102 0501680000") + bytes(23),
            b"\xa0" + _HEAD[1:] + bytes(20) + b"\x04",
        ],
    ),
    "frames": (fuzz_frames, _streams()),
}
assert set(READERS) == set(_TYPES.values())
