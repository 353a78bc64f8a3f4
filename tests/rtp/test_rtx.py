"""What was sent again is what was sent at first."""

from __future__ import annotations

import pytest

from bridge.errors import ProtocolError
from bridge.rtp import rtx
from bridge.rtp.video_packet import VideoPacket


@pytest.mark.parametrize("sequence", [0, 1, 255, 256, 65_535])
def test_there_and_back(sequence: int) -> None:
    first = VideoPacket(96, True, sequence, 90_000, 7, b"picture", None, 90, "0", "", "")
    again = first._replace(
        payload_type=97, sequence=12, ssrc=8, payload=rtx.wrap(sequence, first.payload), repaired_rid="h"
    )
    assert rtx.unwrap(again, 96, 7) == first._replace(repaired_rid="h")


def test_padding_alone_is_no_packet() -> None:
    assert rtx.unwrap(VideoPacket(97, False, 1, 2, 8, b""), 96, 7) is None


def test_an_empty_packet_can_be_sent_again() -> None:
    found = rtx.unwrap(VideoPacket(97, False, 1, 2, 8, b"\0\x05"), 96, 7)
    assert found is not None
    assert (found.sequence, found.payload) == (5, b"")


def test_too_short_for_a_number() -> None:
    with pytest.raises(ProtocolError, match="rtx-short"):
        rtx.unwrap(VideoPacket(97, False, 1, 2, 8, b"\0"), 96, 7)
