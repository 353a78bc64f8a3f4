"""The call record: one line of plain values for a call, with its quality; of an address no more than its network."""

from __future__ import annotations

import json

import pytest

from bridge.call_record import CallRecord, network
from bridge.errors import Reason
from bridge.media.contract import Quality, VideoQuality


def record() -> CallRecord:
    return CallRecord("in-1", "1002", "sip", "in", "192.0.2.77", began=1_700_000_000.25)


def test_a_call_that_was_answered() -> None:
    call = record()
    call.answered, call.ended = 1_700_000_001.0, 1_700_000_061.5
    call.protection = "dtls"
    call.quality = Quality(990, 10, 1000, 2.345, "opus", 0.01, 21.0)
    line = json.loads(json.dumps(call.line()))
    assert line == {
        "leg": "in-1", "room": "1002", "way": "sip", "direction": "in", "source": "192.0.2.0/24",
        "began": "2023-11-14T22:13:20.250+00:00", "answered": "2023-11-14T22:13:21.000+00:00",
        "ended": "2023-11-14T22:14:21.500+00:00", "duration_s": 60.5, "reason": "normal",
        "protection": "dtls", "codec": "opus",
        "packets_received": 990, "packets_lost": 10, "loss": 0.01, "jitter_ms": 2.3, "packets_sent": 1000,
        "remote_loss": 0.01, "round_trip_ms": 21.0,
    }  # fmt: skip


def test_pictures_have_a_part_of_their_own() -> None:
    call = record()
    video = VideoQuality(950, 50, 2000, 7, 500, 3, 2, "VP8", "H264", 400_000, 900_000)
    call.quality = Quality(990, 10, 1000, 2.345, "opus", 0.01, 21.0, video)
    assert json.loads(json.dumps(call.line()))["video"] == {
        "codec_received": "VP8", "codec_sent": "H264", "bitrate_received": 400_000, "bitrate_sent": 900_000,
        "packets_received": 950, "packets_lost": 50, "loss": 0.05, "packets_sent": 2000, "packets_resent": 7,
        "pictures_received": 500, "pictures_frozen": 3, "key_frames_asked": 2,
    }  # fmt: skip


def test_a_call_that_was_not() -> None:
    call = record()
    call.ended, call.reason = 1_700_000_002.0, Reason.NOT_ACCEPTABLE
    line = call.line()
    assert (line["answered"], line["duration_s"], line["reason"]) == (None, 0.0, "not-acceptable")
    assert line["protection"] == "", "nothing was agreed"
    assert "loss" not in line, "nothing is known of its quality"


def test_a_clock_that_was_set_back_makes_no_negative_call() -> None:
    call = record()
    call.answered, call.ended = 1_700_000_001.0, 1_600_000_000.0
    assert call.line()["duration_s"] == 0.0


def test_quality_without_a_packet_divides_by_nothing() -> None:
    call = record()
    call.quality = Quality(0, 0, 0, 0.0, "PCMA", 0.0, 0.0)
    assert call.line()["loss"] == 0.0
    call.quality = Quality(5, -5, 0, 0.0, "PCMA", 0.0, 0.0)  # duplicates count against loss (RFC 3550 A.3)
    assert call.line()["loss"] == 0.0


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("kari.example.org", ""),
        ("", ""),
    ],
)
def test_of_an_address_only_the_network_is_kept(address: str, shown: str) -> None:
    assert network(address) == shown
