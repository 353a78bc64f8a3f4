"""Encoders give what is asked for at once: a key frame, another rate; decoders show what is whole, and else nothing."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
import pytest
from av.video.codeccontext import VideoCodecContext

from bridge.codec import libraries, video_encoder
from bridge.codec.video_decoder import VideoDecoder, decoders
from bridge.codec.video_encoder import EncoderError, Quality, encoders, make_encoder
from bridge.rtp import h264
from mixer.picture import Picture
from tests.priority import kept_priority
from tests.video.clips import FPS, pictures, stream

VECTORS = Path(__file__).parents[3] / "shared" / "vectors"
CODECS = ("H264", "VP8")


def _rate(codec: str, bitrates: list[tuple[int, int]], width: int = 320, height: int = 180) -> list[float]:
    """The rates [bit/s] of the second halves of so many pictures at each rate."""
    encoder = make_encoder(codec, Quality(width, height, FPS, bitrates[0][0]), bitrates[0][0])
    shown = pictures(width, height)
    number, rates = 0, []
    for bitrate, count in bitrates:
        encoder.set_bitrate(bitrate)
        sizes = []
        for _ in range(count):
            key = number == 0 or encoder.wants_key(number / FPS)
            encoded = encoder.encode(shown[number % len(shown)], number / FPS, key)
            sizes.append(len(encoded.octets) if encoded else 0)
            number += 1
        rates.append(sum(sizes[count // 2 :]) * 8 * FPS / (count - count // 2))
    return rates


def test_all_codecs_that_we_send_and_take_are_in_the_wheel() -> None:
    assert encoders() == {"H264", "VP8"}
    assert decoders() == {"H264", "VP8", "VP9", "AV1"}


def test_control_knows_what_can_be_sent_without_loading_a_codec() -> None:
    assert all(libraries.encodes(codec) for codec in encoders())


def test_control_is_told_of_a_missing_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(libraries.VIDEO_ENCODERS, "H264", "libopenh264")
    libraries.encodes.cache_clear()
    try:
        assert not libraries.encodes("H264")
        assert libraries.encodes("VP8")
        monkeypatch.setattr(libraries, "candidates", lambda name: iter(()))
        libraries.encodes.cache_clear()
        assert libraries.encodes("H264")
    finally:
        libraries.encodes.cache_clear()


def test_without_x264_there_is_vp8_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video_encoder, "_present", lambda library: library != "libx264")
    encoders.cache_clear()
    try:
        assert encoders() == {"VP8"}
        with pytest.raises(EncoderError):
            make_encoder("H264", Quality(320, 180, FPS, 100_000), 100_000)
    finally:
        encoders.cache_clear()


@pytest.mark.parametrize("codec", CODECS)
def test_the_rate_follows_what_is_wanted_down_and_up(codec: str) -> None:
    high, low, again = _rate(codec, [(600_000, 60), (200_000, 60), (500_000, 60)])
    assert 450_000 < high < 700_000
    assert 130_000 < low < 260_000
    # VP8 climbs in steps, and not soon after it has stepped down.
    assert again > 350_000 if codec == "H264" else again > 130_000


def test_vp8_is_told_to_climb_only_with_a_key_frame() -> None:
    encoder = make_encoder("VP8", Quality(320, 180, FPS, 500_000), 200_000)
    encoder.set_bitrate(500_000)
    assert not encoder.wants_key(5.0)
    assert encoder.wants_key(11.0)
    encoder.encode(pictures(320, 180)[0], 0.0, True)
    assert not encoder.wants_key(11.0)


@pytest.mark.parametrize("codec", CODECS)
def test_a_key_frame_comes_in_the_very_picture_that_asks_for_it_and_never_else(codec: str) -> None:
    encoder = make_encoder(codec, Quality(320, 180, FPS, 300_000), 300_000)
    keys = []
    for number in range(60):
        # The content changes whole now and then: a scene cut is no reason for a key frame.
        shown = pictures(320, 180, seed=1 + number // 15)[number % 15]
        encoded = encoder.encode(shown, number / FPS, number in (0, 20, 41))
        if encoded is not None and encoded.key:
            keys.append(number)
    assert keys == [0, 20, 41]


def test_h264_is_constrained_baseline_with_its_parameter_sets_before_each_key_frame() -> None:
    encoder = make_encoder("H264", Quality(640, 360, FPS, 500_000), 500_000)
    for number in range(4):
        encoded = encoder.encode(pictures(640, 360, 4)[number], number / FPS, number in (0, 2))
        assert encoded is not None
        kinds = [unit[0] & 0x1F for unit in h264.units(encoded.octets)]
        if number in (0, 2):
            assert kinds.index(7) < kinds.index(8) < kinds.index(5)
            sets = next(unit for unit in h264.units(encoded.octets) if unit[0] & 0x1F == 7)
            assert sets[1] == 66 and sets[2] & 0x40  # baseline, constrained
            assert sets[3] <= 30
        else:
            assert 5 not in kinds


def test_slices_are_short_enough_to_be_packets_of_their_own() -> None:
    encoder = make_encoder("H264", Quality(640, 360, FPS, 2_000_000, slices=True), 2_000_000)
    random = np.random.default_rng(2)
    for number in range(10):
        picture = Picture.make(640, 360)
        for plane in picture.planes():
            plane[:] = random.integers(0, 256, plane.shape, np.uint8)
        encoded = encoder.encode(picture, number / FPS, number == 0)
        assert encoded is not None
        h264.payloads(encoded.octets, 0)


@pytest.mark.parametrize("codec", CODECS)
def test_what_goes_in_comes_out_of_a_decoder_in_the_same_call(codec: str) -> None:
    drops: Counter[str] = Counter()
    decoder = VideoDecoder(codec, drops)
    for number, encoded in enumerate(stream(codec, 320, 180, 10)):
        picture = decoder.decode(encoded.octets, encoded.key)
        assert picture is not None
        assert (picture.width, picture.height) == (320, 180)
        sent = pictures(320, 180, 6)[number if number < 6 else 10 - number]
        assert np.abs(picture.y.astype(int) - sent.y).mean() < 8
    assert not drops


@pytest.mark.parametrize("codec", CODECS)
def test_nothing_is_shown_before_a_key_frame(codec: str) -> None:
    drops: Counter[str] = Counter()
    decoder = VideoDecoder(codec, drops)
    for encoded in stream(codec, 320, 180, 10)[1:4]:
        assert decoder.decode(encoded.octets, False) is None
        assert decoder.decode(encoded.octets, True) is None  # and what only says that it is one is none
        assert decoder.needs_key
    assert drops == {"video-before-key": 3, "video-broken": 3}


def test_a_broken_picture_is_not_shown_and_nothing_after_it_before_the_next_key_frame() -> None:
    drops: Counter[str] = Counter()
    decoder = VideoDecoder("H264", drops)
    clip = stream("H264", 320, 180, 10)
    assert decoder.decode(clip[0].octets, True) is not None
    assert decoder.decode(clip[1].octets[: len(clip[1].octets) // 2], False) is None
    assert decoder.needs_key
    assert decoder.decode(clip[2].octets, False) is None
    assert decoder.decode(clip[0].octets, True) is not None
    assert drops == {"video-broken": 1, "video-before-key": 1}


@pytest.mark.parametrize("codec", CODECS)
def test_damage_of_any_kind_costs_pictures_and_nothing_else(codec: str) -> None:
    random = np.random.default_rng(3)
    decoder = VideoDecoder(codec, Counter())
    clip = stream(codec, 320, 180, 10)
    for _ in range(60):
        for encoded in clip[:3]:
            octets = bytearray(encoded.octets)
            for place in random.integers(0, len(octets), int(random.integers(1, 20))):
                octets[place] ^= 1 << int(random.integers(0, 8))
            decoder.decode(bytes(octets[: int(random.integers(1, len(octets) + 1))]), encoded.key)
    decoder = VideoDecoder(codec, Counter())
    assert decoder.decode(clip[0].octets, True) is not None


@pytest.mark.parametrize("codec", CODECS)
def test_a_picture_beyond_the_largest_is_refused(codec: str) -> None:
    huge = make_encoder(codec, Quality(2560, 1440, FPS, 3_000_000), 3_000_000)
    picture = Picture.make(2560, 1440)
    picture.y[:], picture.u[:], picture.v[:] = 100, 128, 128
    encoded = huge.encode(picture, 0, True)
    assert encoded is not None
    drops: Counter[str] = Counter()
    assert VideoDecoder(codec, drops).decode(encoded.octets, True) is None
    assert sum(drops.values()) == 1


def test_a_codec_without_decoder_is_counted() -> None:
    drops: Counter[str] = Counter()
    assert VideoDecoder("H263", drops).decode(b"\0\0\x80", True) is None
    assert drops == {"video-codec": 1}


@pytest.mark.shared
@pytest.mark.skipif(not VECTORS.exists(), reason="no vectors beside the project")
@pytest.mark.parametrize("codec", CODECS)
def test_no_hostile_vector_shows_a_picture(codec: str) -> None:
    folder = VECTORS / codec.lower()
    files = sorted(folder.glob("*.rtp"))
    assert files
    for file in files:
        decoder = VideoDecoder(codec, Counter())
        octets = file.read_bytes()
        for begin in (0, 12, 13, 14, 16):
            for prefix in (b"", b"\0\0\0\1"):
                picture = decoder.decode(prefix + octets[begin:], True)
                assert picture is None or "-ok-" in file.name


@pytest.mark.parametrize(
    ("codec", "library", "options"),
    [
        ("VP9", "libvpx-vp9", {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}),
        ("AV1", "libsvtav1", {"preset": "12", "svtav1-params": "pred-struct=1:rc=2:rtc=1:lp=1"}),
    ],
)
@kept_priority()
def test_what_we_only_take_is_decoded_without_delay(
    codec: str, library: str, options: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SVT_LOG", "0")
    encoder = cast(VideoCodecContext, av.CodecContext.create(library, "w"))
    encoder.width, encoder.height, encoder.pix_fmt = 320, 180, "yuv420p"
    encoder.framerate, encoder.time_base = Fraction(FPS, 1), Fraction(1, FPS)
    encoder.bit_rate, encoder.thread_count, encoder.options = 300_000, 1, options
    drops: Counter[str] = Counter()
    decoder = VideoDecoder(codec, drops)
    for number, picture in enumerate(pictures(320, 180)[:6]):
        frame = picture.frame()
        frame.pts, frame.time_base = number, Fraction(1, FPS)
        (packet,) = encoder.encode(frame)
        shown = decoder.decode(bytes(packet), packet.is_keyframe)
        assert shown is not None
        assert np.abs(shown.y.astype(int) - picture.y).mean() < 8
    assert not drops
