"""Formats are joined to our codecs whatever their spelling; what is broken is skipped, not feared."""

from __future__ import annotations

import pytest

from bridge.codec.table import AUDIO_CODECS, G722, OPUS, PCMA, PCMU
from bridge.sdp.formats import AudioFormats, OpusWish, opus_wish, read_formats, read_parameters


def formats(line: str, *maps: str, fmtp: tuple[str, ...] = ()) -> AudioFormats:
    return read_formats(line.split(), {"rtpmap": list(maps), "fmtp": list(fmtp)}, AUDIO_CODECS)


def names(read: AudioFormats) -> list[tuple[int, str]]:
    return [(each.payload_type, each.codec.name) for each in read.audio]


def test_static_payload_types_need_no_map() -> None:
    read = formats("9 0 8 13 18 4")
    assert names(read) == [(9, "G722"), (0, "PCMU"), (8, "PCMA")]
    assert read.noise == 13


def test_names_in_any_case() -> None:
    read = formats("107 97 98", "107 OPUS/48000/2", "97 pcma/8000", "98 Telephone-Event/8000")
    assert names(read) == [(107, "opus"), (97, "PCMA")]
    assert read.events == {8000: 98}


@pytest.mark.parametrize(
    "line", ["96", "96 ", "96 /8000", "96 X", "96 X/", "96 opus/0/0", "96 opus/x", "", "x opus/48000/2"]
)
def test_broken_maps_are_skipped(line: str) -> None:
    assert names(formats("96", line)) == []


def test_a_broken_map_of_a_static_payload_type_changes_nothing() -> None:
    assert names(formats("0", "0 opus/0/0")) == [(0, "PCMU")]


@pytest.mark.parametrize("text", ["G722/16000", "opus/16000", "PCMU/16000", "PCMU/8000/2", "L16/8000"])
def test_other_clocks_and_channels_are_other_codecs(text: str) -> None:
    assert names(formats("96", f"96 {text}")) == []


def test_formats_that_are_no_payload_types_are_skipped() -> None:
    assert names(formats("* 128 -1 0x0 0 0", "128 opus/48000/2")) == [(0, "PCMU")]


def test_of_one_codec_the_first_format_counts() -> None:
    assert names(formats("96 97 0", "96 opus/48000/2", "97 opus/48000/2")) == [(96, "opus"), (0, "PCMU")]


def test_only_wanted_codecs() -> None:
    read = read_formats(["0", "8"], {}, (PCMA,))
    assert [each.codec for each in read.audio] == [PCMA]


def test_events_at_the_clock_of_the_codec() -> None:
    both = formats("101 110", "101 telephone-event/8000", "110 telephone-event/48000")
    assert (both.event_for(OPUS), both.event_for(PCMU), both.event_for(G722)) == (
        (48_000, 110),
        (8000, 101),
        (8000, 101),
    )
    assert formats("101", "101 telephone-event/8000").event_for(OPUS) == (8000, 101)
    assert formats("110", "110 telephone-event/48000").event_for(PCMU) == (48_000, 110)
    assert formats("0").event_for(PCMU) is None


def test_parameters_however_they_are_written() -> None:
    assert read_parameters(" A=1;b = two ;; C;a=2; ") == {"a": "1", "b": "two", "c": ""}
    assert read_parameters("") == {}


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("", OpusWish()),
        (
            "maxplaybackrate=16000; usedtx=1; MaxAverageBitrate=24000",
            OpusWish(False, True, 24_000, 16_000),
        ),
        ("useinbandfec=1;stereo=1;minptime=10", OpusWish(fec=True)),
        ("maxaveragebitrate=1;maxplaybackrate=1", OpusWish(bitrate=6000, max_rate=8000)),
        ("maxaveragebitrate=99999999;maxplaybackrate=96000", OpusWish(bitrate=510_000)),
        ("maxaveragebitrate=-1;maxplaybackrate=x;usedtx=yes", OpusWish()),
    ],
)
def test_what_a_peer_asks_of_our_opus(text: str, wish: OpusWish) -> None:
    assert opus_wish(formats("96", "96 opus/48000/2", fmtp=(f"96 {text}",)).audio) == wish
