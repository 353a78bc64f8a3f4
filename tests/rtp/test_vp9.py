"""VP9 out of RTP: descriptors of every shape, spatial layers together, no frame over the limits past the checks."""

from __future__ import annotations

import pytest

from bridge.errors import ProtocolError
from bridge.rtp.vp9 import Vp9Reader, descriptor, frames, header, superframe
from bridge.sdp.video import VideoLimits
from tests.rtp.pictures import LIMITS, Viewer, encoded, vp9_payloads


def test_pictures_of_an_encoder() -> None:
    reader, viewer = Vp9Reader(LIMITS), Viewer("VP9")
    for index, frame in enumerate(encoded("VP9")):
        cut = vp9_payloads(frame, index)
        found = reader.read(cut)
        assert found.octets == frame
        assert (found.key, found.number) == (index % 10 == 0, index)
        assert (found.width, found.height) == ((320, 180) if found.key else (0, 0))
        assert reader.begins_key(cut[0]) == found.key
        assert not any(map(reader.begins, cut[1:]))
        assert viewer.see(found.octets).shape == (270, 320)


@pytest.mark.parametrize(
    ("octets", "told"),
    [
        ("0caa", (1, None, 0)),
        ("8c05aa", (2, 5, 0)),
        ("8c8123aa", (3, 0x123, 0)),
        ("ac8123 0577aa", (5, 0x123, 2)),  # not flexible: TL0PICIDX behind the layers
        ("bc8123 05aa", (4, 0x123, 2)),
        ("fc8123 05 030502aa", (7, 0x123, 2)),  # three references
        ("1caa", (1, None, 0)),
        ("0e 00aa", (2, None, 0)),
        ("0e 30 00100010 00200020aa", (10, None, 0)),  # sizes of two layers
        ("0e 0802 0405 0405aa", (7, None, 0)),  # two pictures with one reference each
    ],
)
def test_descriptors(octets: str, told: tuple[int, int | None, int]) -> None:
    payload = bytes.fromhex(octets)
    assert descriptor(payload) == told
    for cut in range(1, told[0] + 1):
        with pytest.raises(ProtocolError, match="vp9-descriptor"):
            descriptor(payload[:cut])


def test_more_references_than_there_can_be() -> None:
    with pytest.raises(ProtocolError, match="vp9-descriptor"):
        descriptor(bytes.fromhex("dc8123030303030303"))


def test_spatial_layers_make_a_superframe() -> None:
    low, high = encoded("VP9", 4)[0], encoded("VP9", 4, 640, 360)[0]
    layers = [bytes((0xB8 | 4 * last, 0x80, 1, layer << 1)) for layer in (0, 1) for last in (0, 1)]
    cut = [
        layers[0] + low[:500],
        layers[1][:1].replace(b"\xbc", b"\xb4") + layers[1][1:] + low[500:],
        layers[2] + high[:900],
        layers[3][:1].replace(b"\xbc", b"\xb4") + layers[3][1:] + high[900:],
    ]
    reader = Vp9Reader(LIMITS)
    found = reader.read(cut)
    assert frames(found.octets) == [low, high]
    assert (found.key, found.width, found.height) == (True, 640, 360)
    assert [reader.begins(payload) for payload in cut] == [True, False, False, False]
    with pytest.raises(ProtocolError, match="vp9-frame"):
        reader.read(cut[:3])
    with pytest.raises(ProtocolError, match="vp9-frame"):
        reader.read(cut[1:])


def test_a_large_frame_cannot_hide_in_a_superframe() -> None:
    small, large = encoded("VP9", 4)[0], encoded("VP9", 4, 640, 360)[0]
    reader = Vp9Reader(VideoLimits(max_fs=300))
    hidden = superframe([small, large])
    with pytest.raises(ProtocolError, match="over-level"):
        reader.read(vp9_payloads(hidden, 1))
    with pytest.raises(ProtocolError, match="vp9-superframe"):
        frames(hidden[5:-8] + hidden[-8:])
    with pytest.raises(ProtocolError, match="vp9-superframe"):
        superframe([small] * 9)


def test_a_frame_between_keys_may_not_grow_beyond_the_limits() -> None:
    # Error resilient, shown, inter, none of its references has its size: 16,384 x 8,192.
    bits = "10" + "00" + "0" + "111" + "0" * 20 + "000" + f"{16_383:016b}" + f"{8_191:016b}"
    frame = int(bits.ljust(72, "0"), 2).to_bytes(9, "big")
    assert header(frame) == (False, 16_384, 8_192)
    with pytest.raises(ProtocolError, match="over-level"):
        Vp9Reader(LIMITS).read([b"\x0c" + frame])


def test_deeper_profiles_are_refused() -> None:
    with pytest.raises(ProtocolError, match="vp9-profile"):
        header(b"\xa2" + bytes(20))
    with pytest.raises(ProtocolError, match="vp9-header"):
        header(bytes(20))


def test_the_size_told_is_that_of_one_frame() -> None:
    wide, high = encoded("VP9", 4, 640, 180)[0], encoded("VP9", 4, 320, 240)[0]
    found = Vp9Reader(LIMITS).read(vp9_payloads(superframe([wide, high]), 1))
    assert (found.width, found.height) == (640, 180)
