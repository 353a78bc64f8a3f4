"""What the fuzzer feeds: each target parses, or raises ProtocolError, and nothing else."""

from __future__ import annotations

import struct
from collections.abc import Callable

from bridge.errors import ProtocolError
from bridge.rtp import rtcp
from bridge.rtp.congestion import Arrivals
from bridge.rtp.dtmf import DtmfReceiver
from bridge.rtp.packet import RtpPacket, parse
from bridge.rtp.payload import opus_duration, opus_fec_samples
from bridge.rtp.receive_stream import ReceiveStream
from bridge.rtp.rtcp_feedback import Request

_HEAD = struct.pack("!BBHII", 0x80, 0, 1, 160, 0x11223344)
_IDS = struct.pack("!II", 1, 2)
_BLOCK = rtcp.ReportBlock(2, 1, 2, 3, 4, 5, 6)


def fuzz_packet(data: bytes) -> object:
    """RTP header, extension, padding."""
    parse(data)
    return parse(data, level_id=1, feedback_id=3)


def fuzz_rtcp(data: bytes) -> object:
    """Compound and reduced-size RTCP; what is read of the types we write is written again."""
    found = rtcp.parse_compound(data)
    for packet in found:
        if isinstance(packet, rtcp.SenderReport | rtcp.ReceiverReport | rtcp.SourceDescription | rtcp.Bye):
            again = rtcp.parse_compound(rtcp.serialise(packet))
            assert again == [packet]
        elif isinstance(packet, Request):
            assert rtcp.parse_compound(rtcp.serialise(packet)) == [packet]
    return found


def fuzz_dtmf(data: bytes) -> object:
    """A telephone-event payload."""
    receiver = DtmfReceiver()
    packet = RtpPacket(101, False, 1, 1, 1, data, None)
    return receiver.push(packet, 1.0) or receiver.expire(9.0)


def fuzz_opus(data: bytes) -> object:
    """An Opus packet's table of contents."""
    samples = opus_duration(data)
    assert 120 <= samples <= 5_760
    assert opus_fec_samples(data) <= 2_880
    return samples


def fuzz_stream(data: bytes) -> object:
    """Packets cut out of the input at any time, into a running stream: each tick still gets its sound."""
    stream = ReceiveStream({0: "PCMU", 8: "PCMA", 13: "CN", 111: "opus"}, 101)
    now = 100.0
    credit = 0
    for at in range(0, min(len(data), 4_000), 24):
        now += data[at] / 1000
        try:
            stream.push(parse(data[at + 1 : at + 24] + b"\xd5" * 20), now)
        except ProtocolError:
            continue
        finally:
            if at % 72 == 0:
                now += 0.02
                credit += sum(unit.samples for unit in stream.pop(now)) - 960
        assert 0 <= credit < 10_000
    return stream.report_block(now)


def fuzz_congestion(data: bytes) -> object:
    """Transport-wide numbers in any order at any time: the feedback about them is always well formed."""
    arrivals = Arrivals()
    now = 100.0
    for number, step in struct.iter_unpack("!HH", data[: len(data) & ~3][:4_000]):
        now += step / 20_000
        arrivals.note(number, now)
        if step & 3 == 0 and (packet := arrivals.feedback(1, 2)) is not None:
            assert len(packet) < 1_300
            rtcp.parse_compound(packet)
    return arrivals.feedback(1, 2)


TARGETS: dict[str, tuple[Callable[[bytes], object], list[bytes]]] = {
    "packet": (
        fuzz_packet,
        [
            _HEAD + bytes(160),
            b"\x90" + _HEAD[1:] + bytes.fromhex("bede000110850000") + bytes(20),
            b"\x90" + _HEAD[1:] + bytes.fromhex("bede00021085310102403000") + bytes(20),
            b"\x92" + _HEAD[1:] + bytes(8) + bytes.fromhex("100000010101090022") + bytes(20),
            b"\xa0" + _HEAD[1:] + bytes(20) + b"\x04",
        ],
    ),
    "rtcp": (
        fuzz_rtcp,
        [
            rtcp.serialise(rtcp.SenderReport(1, 2, 3, 4, 5, (_BLOCK, _BLOCK)))
            + rtcp.serialise(rtcp.SourceDescription(((1, ((1, b"abcdef"), (2, b"x"))),)))
            + rtcp.serialise(rtcp.Bye((1, 2), b"reason")),
            rtcp.serialise(rtcp.ReceiverReport(1, (_BLOCK,))),
            b"\x81\xcd\0\x04" + _IDS + bytes(8),
            b"\x83\xcd\0\x04" + _IDS + bytes(8),
            b"\x8f\xcd\0\x05" + _IDS + struct.pack("!HHIHBB", 100, 2, 0, 0x2002, 4, 4),
            b"\x81\xce\0\x02" + _IDS,
            b"\x84\xce\0\x04" + _IDS + bytes(8),
            b"\x8f\xce\0\x05" + _IDS + b"REMB\x01\0\0\0" + bytes(4),
            b"\x85\xcc\0\x03" + _IDS + b"NAME",
        ],
    ),
    "dtmf": (fuzz_dtmf, [b"\x05\x8a\0\xa0", b"\xff\x0a\xff\xff", b"\x01\x8a\0\x50" * 2]),
    "opus": (
        fuzz_opus,
        [
            bytes((9 << 3, 0xC0)) + bytes(40),
            bytes((9 << 3 | 1,)) + bytes(40),
            bytes((9 << 3 | 2, 5)) + bytes(40),
            bytes((31 << 3 | 3, 0xC3, 3, 5, 6)) + bytes(40),
            bytes((10 << 3 | 7, 0x42, 255, 3)) + bytes(301),
        ],
    ),
    "congestion": (
        fuzz_congestion,
        [
            b"".join(struct.pack("!HH", 0xFFF0 + at & 0xFFFF, 400 + at) for at in range(40)),
            struct.pack("!8H", 5, 0, 9, 100, 7, 65_535, 2_000, 4),
        ],
    ),
    "stream": (
        fuzz_stream,
        [
            b"".join(
                b"\x14" + struct.pack("!BBHII", 0x80, kind, 1_000 + at, 160 * at, 7) + b"\xd5" * 11
                for at in range(40)
            )
            for kind in (0, 8, 13, 101, 111)
        ],
    ),
}
