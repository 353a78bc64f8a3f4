"""Whatever of its packets is lost, late, doubled or overtaken: a source's frames come out whole and in order, and after
a loss none that refers to what was lost."""

from __future__ import annotations

import json

import pytest

from bridge.rtp.frames import Frame, FrameAssembler
from bridge.rtp.video_packet import ExtensionIds, VideoPacket, parse
from tests.rtp.pictures import LIMITS, TYPES, encoded, packets
from tests.rtp.playback import VECTORS, shared

EACH = pytest.mark.parametrize("codec", sorted(TYPES.values()))


def assembler() -> FrameAssembler:
    return FrameAssembler(TYPES, LIMITS)


def push_all(into: FrameAssembler, given: list[VideoPacket], start: float = 10.0) -> list[Frame]:
    """Push all packets, those of one timestamp at once, frames 40 ms apart."""
    found, now, before = [], start, given[0].timestamp
    for packet in given:
        if packet.timestamp != before:
            now, before = now + 0.04, packet.timestamp
        found += into.push(packet, now)
    return found


@EACH
def test_frames_come_out_as_they_were_sent(codec: str) -> None:
    sent = encoded(codec)
    into = assembler()
    found = push_all(into, packets(codec, sent))
    assert len(found) == into.frames == 40
    assert [frame.key for frame in found] == [index % 10 == 0 for index in range(40)]
    assert [(frame.width, frame.height) for frame in found if frame.key] == [(320, 180)] * 4
    assert not into.drops
    assert not into.needs_key(20.0)
    if codec != "H264":  # comments are left out there
        assert tuple(frame.octets for frame in found) == sent


def vectors(kind: str) -> list[tuple[str, VideoPacket, str]]:
    """(name, packet, what may come of it); the packet is made the last one of its frame."""
    found = []
    for entry in json.loads((VECTORS / "manifest.json").read_text()):
        if entry["kind"] == kind:
            packet = parse((VECTORS / entry["file"]).read_bytes(), ExtensionIds())
            found.append((entry["name"], packet._replace(marker=True), entry["expect"]))
    assert len(found) == {"h264": 19, "vp8": 8}[kind]
    return found


@shared
@pytest.mark.shared
@pytest.mark.parametrize("kind", ["h264", "vp8"])
def test_every_vector_alone(kind: str) -> None:
    for name, packet, expect in vectors(kind):
        into = assembler()
        found = into.push(packet, 1.0) + into.wake(1.1)
        assert ("frame-lost" if into.drops else "accept") in expect, name
        sizes = {"h264-ok-stap-idr": [(176, 144)], "vp8-ok-key": [(64, 48)]}
        assert [(frame.width, frame.height) for frame in found] == sizes.get(name, []), name
        assert into.needs_key(1.2) == bool(set(into.drops) - {"video-empty"}), name
        assert not into.needs_key(1.6), name


@shared
@pytest.mark.shared
@pytest.mark.parametrize("kind", ["h264", "vp8"])
def test_every_vector_in_a_stream(kind: str) -> None:
    sent = packets(kind.upper(), encoded(kind.upper()))
    cut = next(place for place, packet in enumerate(sent) if packet.timestamp != sent[0].timestamp)
    for name, packet, expect in vectors(kind):
        into = assembler()
        push_all(into, sent[:cut])
        odd = packet._replace(sequence=sent[cut].sequence, timestamp=sent[0].timestamp + 900, ssrc=7)
        into.push(odd, 10.02)
        behind = [late._replace(sequence=late.sequence + 1 & 0xFFFF) for late in sent[cut:]]
        found = push_all(into, behind, 10.04)
        # What refers to a lost frame is not shown: it goes on with the next key frame.
        hurt = "accept" not in expect and name not in ("h264-empty", "vp8-empty")
        if name == "h264-slice-before-sps":  # in mid-stream it is just a slice
            continue
        assert len(found) == (30 if hurt else 39), name
        assert bool(into.drops) == ("accept" not in expect), name
