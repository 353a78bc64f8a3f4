"""Whatever of its packets is lost, late, doubled or overtaken: a source's frames come out whole and in order, and after
a loss none that refers to what was lost."""

from __future__ import annotations

import json

import pytest

from bridge.rtp.frames import Frame, FrameAssembler
from bridge.rtp.video_packet import ExtensionIds, VideoPacket, parse
from bridge.sdp.video import VideoLimits
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


# -- where frames end


@EACH
def test_without_markers_a_frame_ends_where_the_next_one_begins(codec: str) -> None:
    sent = [packet._replace(marker=False) for packet in packets(codec, encoded(codec))]
    into = assembler()
    found = push_all(into, sent)
    assert len(found) == 39
    assert not into.drops


@pytest.mark.parametrize("codec", ["H264", "VP8"])
def test_a_sender_that_marks_more_than_its_ends_is_found_out(codec: str) -> None:
    more = {"slice_max_size": "1150"} if codec == "H264" else {}
    sent = packets(codec, encoded(codec, **more), mode=0)
    into = assembler()
    found = push_all(into, [packet._replace(marker=True) for packet in sent])
    # The first frame fell apart, and those that refer to it are held back; from the next key frame on all is well.
    assert into.drops.pop("video-marker") == 1
    assert into.drops == ({} if codec == "H264" else {"vp8-cut": 1})
    assert len([frame for frame in found if frame.timestamp != sent[0].timestamp]) == 29
    assert found[-1].octets == push_all(assembler(), sent)[-2].octets


def test_parameter_sets_by_themselves_are_no_frame() -> None:
    sent = packets("H264", encoded("H264"))
    assert sent[0].payload[0] & 31 == 24
    sets, rest = sent[0]._replace(marker=True), sent[1:]
    for alone in (sets, sets._replace(timestamp=sets.timestamp - 90)):
        into = assembler()
        assert len(push_all(into, [alone, *rest])) == 40
        assert not into.drops


@EACH
def test_two_frames_with_one_timestamp(codec: str) -> None:
    sent = packets(codec, encoded(codec, 4))
    stamps = sorted({packet.timestamp for packet in sent}, key=[packet.timestamp for packet in sent].index)
    into = assembler()
    found = push_all(into, [p._replace(timestamp=stamps[1]) if p.timestamp == stamps[2] else p for p in sent])
    assert [frame.timestamp for frame in found] == [stamps[0], stamps[1], stamps[1], stamps[3]]


def test_padding_is_nobodys_frame() -> None:
    sent = packets("VP8", encoded("VP8"))
    padded = []
    for packet in sent:
        padded.append(packet)
        if packet.marker:  # as Chromium measures a path: with the timestamp of the frame before
            padded += [packet._replace(payload=b"", marker=False)] * 2
    padded = [packet._replace(sequence=place & 0xFFFF) for place, packet in enumerate(padded, 65_400)]
    into = assembler()
    assert len(push_all(into, padded)) == 40
    assert into.drops == {"video-empty": 80}


@pytest.mark.parametrize("codec", ["VP8", "VP9"])
def test_lost_padding_costs_nothing(codec: str) -> None:
    sent = packets(codec, encoded(codec))
    begins = [place for place, packet in enumerate(sent) if place and sent[place - 1].marker]
    shifted = [
        packet._replace(sequence=packet.sequence + (place >= begins[4]) & 0xFFFF)
        for place, packet in enumerate(sent)
    ]
    into = assembler()
    found = push_all(into, shifted)
    assert len(found) == 40
    assert not into.drops
    # With a frame missing as well it is another thing.
    into = assembler()
    found = push_all(into, shifted[: begins[4]] + shifted[begins[5] :])
    assert len(found) == 35
    assert (into.drops, into.frozen) == ({"video-gap": 1}, 4)


# -- loss


@EACH
def test_a_repaired_loss_costs_nothing(codec: str) -> None:
    sent = packets(codec, encoded(codec))
    into = assembler()
    found = push_all(into, sent[:9] + sent[10:14])
    assert into.missing(10.1) == (sent[9].sequence,)
    assert into.deadline == pytest.approx(10.225)
    found += into.push(sent[9], 10.12) + push_all(into, sent[14:], 10.16)
    assert len(found) == 40
    assert not into.drops
    assert into.deadline is None


def test_padding_behind_a_gap_hides_no_loss() -> None:
    sent = packets("H264", encoded("H264", slice_max_size="1150"), mode=0)
    begins = [place for place, packet in enumerate(sent) if not place or sent[place - 1].marker]
    first, second = begins[10], begins[11]
    into = assembler()
    push_all(into, sent[:first])
    # Of a key frame, the parameter sets and the first slice are lost, and one packet behind them was only padding.
    padding = sent[first - 1]._replace(sequence=sent[first + 3].sequence, payload=b"", marker=False)
    found = push_all(into, [padding, *sent[first + 4 :]], 11.0) + into.wake(13.0)
    assert sent[first].timestamp not in {frame.timestamp for frame in found}
    assert [frame.key for frame in found].index(True) == 0
    assert found[0].timestamp == sent[begins[20]].timestamp
    assert second > first + 5


@EACH
def test_a_loss_is_waited_for_no_longer_than_a_repair_can_take(codec: str) -> None:
    sent = packets(codec, encoded(codec))
    first = [packet for packet in sent if packet.timestamp == sent[0].timestamp]
    for repairs, round_trip_s, wait_s in ((True, 0.05, 0.2), (True, 0.5, 0.4), (False, 0.05, 0.15)):
        into = assembler()
        into.repairs, into.round_trip_s = repairs, round_trip_s
        found = push_all(into, first[:-2] + first[-1:])
        assert into.missing(10.0) == ()
        assert bool(into.missing(10.05)) == repairs
        assert found + into.wake(10 + wait_s - 0.001) == []
        assert not into.needs_key(10 + wait_s - 0.001)
        assert into.wake(10 + wait_s) == []
        assert into.drops == {"video-gap": 1}
        assert into.needs_key(10 + wait_s)
        assert into.push(first[-2], 11.0) == []
        assert into.drops["rtp-late"] == 1


@EACH
def test_behind_a_loss_a_key_frame_need_not_wait(codec: str) -> None:
    sent = packets(codec, encoded(codec))
    begins = [place for place, packet in enumerate(sent) if not place or sent[place - 1].marker]
    into = assembler()
    push_all(into, sent[: begins[3]])
    into.want_key()
    # Three packets more are missing, right before the key frame.
    found = push_all(into, sent[begins[10] :], 11.0)
    assert [frame.arrival for frame in found][:2] == pytest.approx([11.0, 11.04])
    assert len(found) == 30


def test_key_frames_are_asked_for_every_half_second_until_one_comes() -> None:
    sent = packets("VP8", encoded("VP8"))
    begins = [place for place, packet in enumerate(sent) if not place or sent[place - 1].marker]
    into = assembler()
    asked = []
    for index in range(3, 10):
        now = 10 + 0.2 * index
        assert push_all(into, sent[begins[index] : begins[index + 1]], now) == []
        for at in (now, now + 0.05, now + 0.1):
            into.wake(at)
            asked += [round(at, 2)] * into.needs_key(at)
    assert asked == [10.65, 11.2, 11.7]
    # While one comes in, no other is asked for.
    assert push_all(into, sent[begins[10] : begins[10] + 5], 12.2) == []
    assert not into.needs_key(12.4)
    assert len(push_all(into, sent[begins[10] + 5 : begins[11]], 12.45)) == 1
    assert not into.needs_key(14.0)
    # If it does not come to its end, it is.
    into.want_key()
    assert into.needs_key(14.0)
    assert push_all(into, sent[begins[20] : begins[20] + 5], 14.2) == []
    assert into.needs_key(14.6)


def test_nothing_is_asked_for_before_anything_has_come() -> None:
    into = assembler()
    assert not into.needs_key(10.0)
    assert into.missing(10.0) == ()
    assert into.wake(10.0) == []
    assert into.deadline is None


# -- sources


@EACH
def test_another_source_takes_over_with_its_second_packet(codec: str) -> None:
    sent = packets(codec, encoded(codec))
    other = [packet._replace(ssrc=8, sequence=packet.sequence + 30_000 & 0xFFFF) for packet in sent]
    into = assembler()
    assert len(push_all(into, sent[:-1])) == 39
    found = push_all(into, other, 20.0)
    assert len(found) == 40
    assert into.ssrc == 8
    # One stray packet changes nothing.
    assert into.push(sent[0], 30.0) == []
    assert into.ssrc == 8
    assert into.drops == {"rtp-new-source": 2}


@EACH
def test_a_source_that_begins_anew(codec: str) -> None:
    sent = packets(codec, encoded(codec))
    again = [packet._replace(sequence=packet.sequence + 20_000 & 0xFFFF) for packet in sent]
    into = assembler()
    push_all(into, sent)
    assert len(push_all(into, again, 20.0)) == 40
    assert into.drops == {"rtp-sequence-jump": 1}


def test_after_packets_were_left_out_on_purpose() -> None:
    sent = packets("VP8", encoded("VP8"))
    begins = [place for place, packet in enumerate(sent) if not place or sent[place - 1].marker]
    into = assembler()
    push_all(into, sent[: begins[2] + 1])
    into.restart()
    found = push_all(into, sent[begins[5] :], 20.0)
    assert len(found) == 30
    assert into.needs_key(20.5) is False
    assert not into.drops


@pytest.mark.parametrize("missing", [1, 20])
def test_the_first_packet_may_have_overtaken_others(missing: int) -> None:
    sent = packets("VP8", encoded("VP8"))
    into = assembler()
    assert push_all(into, sent[missing : missing + 4]) == []
    assert into.deadline == pytest.approx(10.05)
    assert len(push_all(into, sent[:missing] + sent[missing + 4 :], 10.04)) == 40


@pytest.mark.parametrize(("before", "after"), [("H264", "VP8"), ("VP8", "VP9"), ("VP9", "H264")])
def test_another_codec_goes_on_with_its_key_frame(before: str, after: str) -> None:
    first = packets(before, encoded(before))
    then = packets(after, encoded(after), first[-1].sequence + 1, timestamp=first[-1].timestamp + 3_600)
    begins = [place for place, packet in enumerate(then) if not place or then[place - 1].marker]
    into = assembler()
    assert {frame.codec for frame in push_all(into, first)} == {before}
    found = push_all(into, then, 12.0)
    assert (len(found), {frame.codec for frame in found}) == (40, {after})
    # In the middle of it, what it refers to is missing.
    into = assembler()
    push_all(into, first)
    moved = [p._replace(sequence=p.sequence - begins[3] & 0xFFFF) for p in then[begins[3] :]]
    assert len(push_all(into, moved, 12.0)) == 30


def test_a_codec_that_was_not_agreed_on() -> None:
    sent = packets("VP8", encoded("VP8"))
    into = FrameAssembler({97: "H264"}, LIMITS)
    assert push_all(into, sent) == []
    assert into.drops == {"rtp-payload-type": 40}
    with pytest.raises(KeyError):
        FrameAssembler({97: "H265"}, LIMITS)


def test_other_limits_from_the_next_key_frame_on() -> None:
    sent = packets("VP8", encoded("VP8"))
    begins = [place for place, packet in enumerate(sent) if not place or sent[place - 1].marker]
    into = assembler()
    push_all(into, sent[: begins[5]])
    into.configure(TYPES, LIMITS)
    assert len(push_all(into, sent[begins[5] : begins[6]])) == 1
    into.configure(TYPES, VideoLimits(max_fs=100))
    assert push_all(into, sent[begins[6] :]) == []
    assert into.drops == {"over-level": 3}
    assert into.needs_key(20.0)


def test_how_a_picture_is_to_be_turned() -> None:
    sent = packets("VP8", encoded("VP8"))
    ends = [place for place, packet in enumerate(sent) if packet.marker]
    sent[ends[3]] = sent[ends[3]]._replace(rotation=90)
    sent[ends[6]] = sent[ends[6]]._replace(rotation=0)
    found = push_all(assembler(), sent)
    assert [frame.rotation for frame in found[:8]] == [0, 0, 0, 90, 90, 90, 0, 0]


# -- bounds


def test_duplicates() -> None:
    sent = packets("VP8", encoded("VP8"))
    into = assembler()
    found = push_all(into, [packet for packet in sent for _ in range(3)])
    assert len(found) == 40
    assert into.drops == {"rtp-duplicate": 2 * len(sent)}


def held(into: FrameAssembler) -> int:
    """Packets and payloads that it holds."""
    return len(into._order.waiting) + len(into._payloads)


@pytest.mark.parametrize("size", [1_100, 9_000])
def test_what_waits_behind_a_gap_is_bounded(size: int) -> None:
    payload = b"\x00" + bytes(size)
    into = assembler()
    push_all(into, packets("VP8", encoded("VP8", 2)))
    highest = 0
    for number in range(1, 30_000, 2):  # every second one is missing
        into.push(VideoPacket(96, False, number & 0xFFFF, 90 * number, 7, payload), 10.1)
        highest = max(highest, held(into))
    assert highest <= 1_030
    assert highest * size <= 3_100_000
    assert into.drops["video-gap"]


@pytest.mark.parametrize(("size", "most"), [(1_100, 2_000), (0, 20_000)])
def test_a_frame_without_end_is_bounded(size: int, most: int) -> None:
    into = assembler()
    for number in range(25_000):
        head = b"\x10\0" if not number else b"\0\0"
        into.push(VideoPacket(96, False, number & 0xFFFF, 0, 7, head + bytes(size)), 10.0)
    assert held(into) == 0
    assert into.drops == {"video-frame-size": 1}
    assert into.needs_key(10.0)
    for number in range(25_000, 25_000 + most):
        into.push(VideoPacket(96, False, number & 0xFFFF, 9, 7, b"\0\0"), 10.0)
        assert held(into) <= most


def test_no_more_frames_are_read_than_a_quick_camera_sends() -> None:
    sent = packets("VP8", encoded("VP8"))
    into = assembler()
    found = [frame for n in range(400) for frame in into.push(quick(sent[0], n), 10.0 + n / 400)]
    assert 100 <= len(found) <= 116
    assert into.drops["video-over-rate"] == 400 - len(found)
    assert into.needs_key(11.0)


def quick(packet: VideoPacket, number: int) -> VideoPacket:
    """A frame of one packet, which is a key frame."""
    payload = b"\x10\x10\0\0\x9d\x01\x2a\x40\x01\xb4\0" + bytes(20)
    return packet._replace(sequence=number + 1, timestamp=90 * number, marker=True, payload=payload)
