"""Pictures: I420, 8 bits, limited range, as three numpy views on memory that may be a codec's.

Even in width and height, so that each chroma sample belongs to four whole pixels. Nothing is copied on the way in
(`Picture.of`) or out (`Picture.frame`): a picture of a decoder is valid for as long as it is held, and one that an
encoder may still read must not be drawn into (`mixer.compose` therefore has two canvases).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import ColorRange, VideoReformatter

Plane = npt.NDArray[np.uint8]

LEAST: Final = 16
MOST: Final = 235
NEUTRAL: Final = 128
_WHOLE: Final = 4  # PyAV takes a numpy array for I420 only where the height is a multiple of this


class Colour(NamedTuple):
    """One colour as it stands in a picture: luma 16 to 235, chroma 16 to 240."""

    y: int
    u: int = NEUTRAL
    v: int = NEUTRAL


BLACK: Final = Colour(LEAST)


def colour(red: int, green: int, blue: int) -> Colour:
    """A colour from 8-bit RGB, by the matrix of BT.601 in limited range."""
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    return Colour(
        round(LEAST + luma * 219 / 255),
        round(NEUTRAL + (blue - luma) * 0.564 * 224 / 255),
        round(NEUTRAL + (red - luma) * 0.713 * 224 / 255),
    )


class Picture:
    """Planes `y` (height, width), `u` and `v` (half of both), uint8; rows may lie apart.

    `width`, `height` [pixels, even]. `rotation`: 0, 90, 180 or 270 degrees clockwise to make it upright.
    `sizes`: a dict where it shall remember itself in other sizes, since several views show it in the same; None: not,
    as for all that is still drawn into.
    """

    __slots__ = ("_frame", "_memory", "rotation", "sizes", "u", "v", "y")

    def __init__(self, y: Plane, u: Plane, v: Plane, rotation: int = 0) -> None:
        self.y = y
        self.u = u
        self.v = v
        self.rotation = rotation
        self.sizes: dict[tuple[int, int], Picture] | None = None
        self._memory: Plane | None = None  # all planes in one, as PyAV can wrap them
        self._frame: av.VideoFrame | None = None

    @classmethod
    def make(cls, width: int, height: int) -> Picture:
        """A new picture with anything in it. Raises ValueError for a size that is not even."""
        if width < 2 or height < 2 or (width | height) & 1:
            raise ValueError(f"{width}x{height} is no even size")
        if height % _WHOLE:
            made = cls.of(av.VideoFrame(width, height, "yuv420p"))
            made._frame = None  # two encoders write their times into what `frame` gives, each into its own
            return made
        memory = np.empty((height * 3 // 2, width), np.uint8)
        chroma = memory[height:].reshape(2, height // 2, width // 2)
        made = cls(memory[:height], chroma[0], chroma[1])
        made._memory = memory
        return made

    @classmethod
    def of(cls, frame: av.VideoFrame, rotation: int = 0) -> Picture:
        """The picture in a frame of a decoder, on the same memory; an odd last row or column is left out.

        Other pixel formats, and full range, are converted first, into new memory. `rotation`: clockwise, as it came.
        Raises ValueError for a frame of a single row or column, or another rotation.
        """
        if rotation not in (0, 90, 180, 270):
            raise ValueError(f"a rotation of {rotation} degrees")
        width, height = frame.width & ~1, frame.height & ~1
        if not width or not height:
            raise ValueError(f"a picture of {frame.width}x{frame.height}")
        if frame.format.name != "yuv420p" or frame.color_range == ColorRange.JPEG:
            frame = VideoReformatter().reformat(
                frame, format="yuv420p", dst_color_range=ColorRange.MPEG, threads=1
            )
        y, u, v = (
            np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)  # type: ignore[call-overload]
            for plane in frame.planes
        )
        made = cls(
            y[:height, :width], u[: height // 2, : width // 2], v[: height // 2, : width // 2], rotation
        )
        made._frame = frame
        return made

    @property
    def width(self) -> int:
        """In pixels, before it is turned upright."""
        return int(self.y.shape[1])

    @property
    def height(self) -> int:
        """In pixels, before it is turned upright."""
        return int(self.y.shape[0])

    @property
    def upright(self) -> tuple[int, int]:
        """Width and height once it is turned upright."""
        return (self.height, self.width) if self.rotation in (90, 270) else (self.width, self.height)

    def planes(self) -> Iterator[Plane]:
        """The planes y, u and v."""
        yield self.y
        yield self.u
        yield self.v

    def frame(self) -> av.VideoFrame:
        """It as a frame for PyAV, on the same memory; a copy of what `part` gives, and of rows that are no multiple of
        four.

        A new frame each time, but for pictures that came as one: those give that one.
        """
        if self._frame is not None:
            return self._frame
        if self._memory is not None:
            return av.VideoFrame.from_numpy_buffer(self._memory, "yuv420p")
        copy = Picture.of(av.VideoFrame(self.width, self.height, "yuv420p"))
        copy.copy(self)
        return copy.frame()

    def part(self, x: int, y: int, width: int, height: int) -> Picture:
        """A rectangle of it as it lies, on the same memory; all numbers even, and within it."""
        left, top, right, bottom = x // 2, y // 2, (x + width) // 2, (y + height) // 2
        return Picture(
            self.y[y : y + height, x : x + width],
            self.u[top:bottom, left:right],
            self.v[top:bottom, left:right],
        )

    def copy(self, other: Picture) -> None:
        """Take the pixels of another picture of the same size, as they lie."""
        self.y[:] = other.y
        self.u[:] = other.u
        self.v[:] = other.v

    def fill(self, shade: Colour) -> None:
        """Make all of it one colour."""
        self.y[:], self.u[:], self.v[:] = shade

    def fade(self) -> None:
        """Make it grey and half as bright: the last that was seen of somebody whose pictures have stopped."""
        self.y[:] = (self.y >> 1) + LEAST // 2
        self.u[:] = NEUTRAL
        self.v[:] = NEUTRAL
