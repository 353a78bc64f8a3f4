"""What every payload format of pictures has in common: its result, its limits, and the face that frames are read with.

Nothing that is larger than the limits may reach a decoder: a packet of a thousand bytes can claim a picture of
gigabytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

from bridge.errors import ProtocolError

MOST_MACROBLOCKS: Final = 22_080  # of a picture, whatever was agreed on: that of H.264's level 5
MOST_SIDE: Final = 8_192  # [pixels]


class Limits(Protocol):
    """What was agreed on (`bridge.sdp.video.VideoLimits`)."""

    def fits(self, width: int, height: int) -> bool:
        """Whether a picture of so many pixels is within the limits."""
        ...


class Coded(NamedTuple):
    """One frame as its decoder wants it. `key`: it refers to nothing before it. `width`, `height` [pixels]: what its
    headers say, 0 = they do not. `number`: that of the picture, so that none is missed; None = not told."""

    octets: bytes
    key: bool
    width: int = 0
    height: int = 0
    number: int | None = None


class FrameReader(Protocol):
    """One payload format, reading one source."""

    number_mask: int
    """The highest number of a picture, behind which they begin at 0 again."""

    def read(self, payloads: Sequence[bytes]) -> Coded | None:
        """The payloads of one timestamp, all that were sent, none of them empty -> a frame. None: there is no picture
        in them. Raises ProtocolError, which loses the frame."""
        ...

    def begins(self, payload: bytes) -> bool:
        """Whether a payload is for certain the first one of a frame."""
        ...

    def continues(self, payload: bytes) -> bool:
        """Whether a payload is for certain not the first one of a frame."""
        ...

    def begins_key(self, payload: bytes) -> bool:
        """Whether a payload is for certain the first one of a key frame, of what is needed to decode it at least."""
        ...

    def number(self, payload: bytes) -> int | None:
        """The number of the picture that a payload is of, None = not told."""
        ...


def check_size(width: int, height: int, limits: Limits) -> None:
    """Raise ProtocolError("over-level") if a picture is larger than the limits, or than any may be."""
    macroblocks = (width + 15 >> 4) * (height + 15 >> 4)
    if max(width, height) > MOST_SIDE or macroblocks > MOST_MACROBLOCKS or not limits.fits(width, height):
        raise ProtocolError("over-level", f"{width} x {height}")
