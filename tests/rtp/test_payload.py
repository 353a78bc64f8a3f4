"""A payload's length in time is known without decoding, and one that cannot be what it says is refused by name."""

from __future__ import annotations

import json

import pytest

from bridge.errors import ProtocolError
from bridge.rtp.packet import parse
from bridge.rtp.payload import duration, format_of, opus_duration, opus_fec_samples
from tests.rtp.playback import VECTORS, shared


def toc(config: int, code: int = 0, stereo: bool = False) -> int:
    return config << 3 | (4 if stereo else 0) | code


def refused(payload: bytes, codec: str = "opus") -> str:
    with pytest.raises(ProtocolError) as fault:
        duration(codec, payload)
    return fault.value.name


@pytest.mark.parametrize(
    ("config", "samples"),
    [
        (0, 480),
        (1, 960),
        (2, 1920),
        (3, 2880),
        (11, 2880),
        (12, 480),
        (13, 960),
        (15, 960),
        (16, 120),
        (31, 960),
    ],
)
def test_frame_lengths_of_the_configurations(config: int, samples: int) -> None:
    assert opus_duration(bytes((toc(config), 1, 2))) == samples


def test_one_frame() -> None:
    assert opus_duration(bytes((toc(31),))) == 960  # DTX: no bytes at all
    assert opus_duration(bytes(1) + bytes(1275)) == 480
    assert refused(bytes(1) + bytes(1276)) == "opus-frame-size"
    assert refused(b"") == "payload-empty"


def test_two_equal_frames() -> None:
    assert opus_duration(bytes((toc(9, 1), 1, 2, 3, 4))) == 1920
    assert refused(bytes((toc(9, 1), 1, 2, 3))) == "opus-code1-odd"
    assert refused(bytes((toc(9, 1),)) + bytes(2 * 1276)) == "opus-frame-size"


def test_two_frames() -> None:
    assert opus_duration(bytes((toc(9, 2), 1, 2, 3, 4))) == 1920
    assert opus_duration(bytes((toc(9, 2), 252, 0)) + bytes(300)) == 1920
    assert refused(bytes((toc(9, 2),))) == "opus-code2-length"
    assert refused(bytes((toc(9, 2), 252))) == "opus-code2-length"
    assert refused(bytes((toc(9, 2), 5, 1))) == "opus-code2-length"
    assert refused(bytes((toc(9, 2), 0)) + bytes(1276)) == "opus-frame-size"


def test_many_frames() -> None:
    assert opus_duration(bytes((toc(31, 3), 3)) + bytes(6)) == 2880
    assert opus_duration(bytes((toc(31, 3), 0x83, 1, 2)) + bytes(9)) == 2880
    assert opus_duration(bytes((toc(31, 3), 0x42, 255, 1)) + bytes(4) + bytes(255)) == 1920
    for payload in (
        bytes((toc(31, 3),)),
        bytes((toc(31, 3), 0)),
        bytes((toc(31, 3), 3)) + bytes(7),
        bytes((toc(31, 3), 0x83, 1)),
        bytes((toc(31, 3), 0x83, 5, 5, 1)),
        bytes((toc(31, 3), 0x42)),
        bytes((toc(31, 3), 0x42, 255)),
        bytes((toc(31, 3), 0x42, 9, 1)),
    ):
        assert refused(payload) == "opus-code3"
    assert refused(bytes((toc(31, 3), 1)) + bytes(1276)) == "opus-frame-size"
    assert refused(bytes((toc(31, 3), 0x81)) + bytes(1276)) == "opus-frame-size"
    assert opus_duration(bytes((toc(31, 3), 6)) + bytes(6)) == 5760
    assert refused(bytes((toc(31, 3), 7)) + bytes(7)) == "opus-duration"
    assert refused(bytes((toc(3, 3), 3)) + bytes(3)) == "opus-duration"


def test_octets_are_an_eighth_of_a_millisecond() -> None:
    for codec in ("PCMU", "PCMA", "G722", "g722"):
        assert duration(codec, bytes(160)) == 960
        assert duration(codec, bytes(80)) == 480
        assert refused(bytes(19), codec) == "payload-short"
        assert refused(bytes(961), codec) == "payload-long"
        assert refused(b"", codec) == "payload-empty"


def test_comfort_noise_stands_for_no_time() -> None:
    assert duration("CN", b"\x40") == 0
    assert format_of("cn").noise


def test_unknown_codec() -> None:
    with pytest.raises(KeyError):
        format_of("red")


@pytest.mark.parametrize(
    ("payload", "samples"),
    [
        (bytes((toc(9), 0xC0, 0)), 960),  # voice, LBRR
        (bytes((toc(9), 0x80, 0)), 0),  # voice only
        (bytes((toc(9), 0x40, 0)), 960),  # LBRR without voice now
        (bytes((toc(8), 0x40, 0)), 480),
        (bytes((toc(10), 0x20, 0)), 1920),  # 40 ms: two voice flags before it
        (bytes((toc(11), 0x10, 0)), 2880),
        (bytes((toc(11), 0xE0, 0)), 0),
        (bytes((toc(9, stereo=True), 0x10, 0)), 960),  # side channel
        (bytes((toc(9, stereo=True), 0xA0, 0)), 0),
        (bytes((toc(13), 0x40, 0)), 960),  # hybrid
        (bytes((toc(31), 0x40, 0)), 0),  # CELT
        (bytes((toc(9), 0x40)), 0),  # too short to carry any
        (bytes((toc(9, 1), 0x40, 0)), 960),
        (bytes((toc(9, 2), 1, 0x40, 0)), 960),
        (bytes((toc(9, 3), 0x82, 1, 0x40, 0)), 960),
        (bytes((toc(9, 3), 0x42, 1, 0x40, 0x40, 0)), 960),
        (bytes((toc(9, 3), 0x42, 0)), 0),
        (bytes((toc(9, 2), 0, 0)), 0),
    ],
)
def test_forward_error_correction_is_told_by_one_bit(payload: bytes, samples: int) -> None:
    assert opus_duration(payload)
    assert opus_fec_samples(payload) == samples


@shared
@pytest.mark.shared
def test_every_opus_vector() -> None:
    entries = [
        entry for entry in json.loads((VECTORS / "manifest.json").read_text()) if entry["kind"] == "opus"
    ]
    assert len(entries) == 8
    for entry in entries:
        packet = parse((VECTORS / entry["file"]).read_bytes())
        try:
            opus_duration(packet.payload)
            came = "accept"
        except ProtocolError:
            came = "reject-packet"
        # A packet that only looks good is the decoder's to conceal.
        assert came in entry["expect"].split("|"), entry["name"]
