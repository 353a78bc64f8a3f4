"""Pictures come out of frames and go into frames on the same memory, and are even in width and height."""

from __future__ import annotations

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange

from mixer.picture import BLACK, Colour, Picture, colour
from tests.mixer.pictures import RED, SENTINEL, is_plain, noise, plain, same


@pytest.mark.parametrize("size", [(1280, 720), (640, 360), (320, 180), (182, 102), (2, 2)])
def test_no_copy_on_the_way_out_where_rows_are_a_multiple_of_four(size: tuple[int, int]) -> None:
    picture = noise(*size)
    again = Picture.of(picture.frame())
    assert (again.width, again.height) == size
    assert same(picture, again)
    again.fill(RED)
    assert is_plain(picture, RED) == (size[1] % 4 == 0)


def test_no_copy_on_the_way_in() -> None:
    frame = av.VideoFrame(640, 360, "yuv420p")
    picture = Picture.of(frame)
    assert picture.frame() is frame
    picture.fill(RED)
    assert is_plain(Picture.of(frame), RED)


def test_the_memory_outlives_the_frame() -> None:
    frame = av.VideoFrame(64, 36, "yuv420p")
    picture = Picture.of(frame)
    picture.fill(RED)
    y = picture.y
    del frame, picture
    assert np.all(y == RED.y)


@pytest.mark.parametrize("size", [(640, 360), (160, 90)])
def test_each_encoder_gets_a_frame_of_its_own(size: tuple[int, int]) -> None:
    picture = Picture.make(*size)
    picture.fill(RED)
    assert picture.frame() is not picture.frame()
    assert same(Picture.of(picture.frame()), picture)


def test_an_odd_row_and_column_are_left_out() -> None:
    picture = Picture.of(av.VideoFrame(641, 361, "yuv420p"))
    assert (picture.width, picture.height) == (640, 360)
    assert picture.u.shape == picture.v.shape == (180, 320)


@pytest.mark.parametrize("name", ["yuvj420p", "yuv422p", "yuv444p", "nv12", "yuv420p10le", "gray"])
def test_other_formats_become_i420_of_limited_range(name: str) -> None:
    shades = np.full((36, 64, 3), 255, np.uint8)
    frame = av.VideoFrame.from_ndarray(shades, "rgb24").reformat(format=name)
    if name == "yuvj420p":
        frame.color_range = ColorRange.JPEG
    picture = Picture.of(frame)
    assert is_plain(picture, Colour(235), tolerance=3)


@pytest.mark.parametrize("size", [(1, 1), (0, 2), (3, 2), (2, 5)])
def test_sizes_that_are_not_even(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="no even size"):
        Picture.make(*size)


def test_frames_that_are_no_pictures() -> None:
    with pytest.raises(ValueError, match="a picture of 1x100"):
        Picture.of(av.VideoFrame(1, 100, "yuv420p"))
    with pytest.raises(ValueError, match="45 degrees"):
        Picture.of(av.VideoFrame(2, 2, "yuv420p"), 45)


def test_a_part_is_on_the_same_memory() -> None:
    picture = plain(64, 36, BLACK)
    picture.part(8, 4, 16, 8).fill(SENTINEL)
    assert is_plain(picture.part(8, 4, 16, 8), SENTINEL)
    assert is_plain(picture.part(0, 0, 64, 4), BLACK)
    assert is_plain(picture.part(24, 0, 40, 36), BLACK)
    assert (picture.y == SENTINEL.y).sum() == 128 and (picture.u == SENTINEL.u).sum() == 32


def test_a_part_is_copied_for_pyav() -> None:
    part = noise(64, 36).part(8, 4, 16, 10)
    assert same(Picture.of(part.frame()), part)


def test_upright() -> None:
    assert [Picture.of(av.VideoFrame(64, 36, "yuv420p"), turn).upright for turn in (0, 90, 180, 270)] == [
        (64, 36),
        (36, 64),
        (64, 36),
        (36, 64),
    ]


def test_faded_pictures_are_grey_and_dim() -> None:
    picture = plain(64, 36, Colour(216, 30, 220))
    picture.fade()
    assert is_plain(picture, Colour(116))
    black = plain(64, 36, BLACK)
    black.fade()
    assert is_plain(black, BLACK)


def test_colours() -> None:
    assert colour(0, 0, 0) == BLACK
    assert colour(255, 255, 255) == Colour(235)
    assert colour(255, 0, 0) == Colour(81, 90, 240)
