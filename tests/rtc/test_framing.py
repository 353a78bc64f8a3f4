"""Frames on a stream come out whole however the stream is cut, and a stream that announces too much is given up."""

from __future__ import annotations

import pytest

from bridge.errors import ProtocolError
from bridge.rtc.framing import MAX_FRAME, Framer, frame

FRAMES = [b"a", b"second", bytes(MAX_FRAME), b"last"]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000, 10_000])
def test_frames_come_out_however_they_are_cut(size: int) -> None:
    stream = b"".join(map(frame, FRAMES))
    framer = Framer()
    found = [each for at in range(0, len(stream), size) for each in framer.push(stream[at : at + size])]
    assert found == FRAMES
    assert not framer.pending


def test_empty_frames_are_left_out() -> None:
    assert Framer().push(b"\0\0" * 3 + frame(b"x")) == [b"x"]


def test_half_a_frame_is_pending() -> None:
    framer = Framer()
    assert framer.push(frame(b"whole") + b"\0") == [b"whole"]
    assert framer.pending


def test_too_much_is_refused_for_good() -> None:
    framer = Framer()
    with pytest.raises(ProtocolError, match="frame-too-long"):
        framer.push((MAX_FRAME + 1).to_bytes(2, "big"))
    with pytest.raises(ProtocolError, match="frame-too-long"):
        framer.push(frame(b"x"))
    with pytest.raises(ProtocolError, match="frame-too-long"):
        frame(bytes(MAX_FRAME + 1))
