"""One of a crowd, however it comes; what it says; and what a crowd asks of the signalling that brings it in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple, Protocol

from tools.load.clips import Clip, VideoCodec
from tools.load.pictures import PictureStream
from tools.load.speech import Loop
from tools.load.stream import Stream


class State(Enum):
    """How far somebody has come."""

    IDLE = auto()
    CALLING = auto()
    UP = auto()
    LEAVING = auto()
    OVER = auto()
    FAILED = auto()


class Part(NamedTuple):
    """What somebody says: a loop of payloads with the `levels` [-dBov] of each, from a `position` in it on.

    `listens`: what it hears is kept. `video`: the codec of pictures, None = it has none; `clip`: what it shows, None =
    it only watches; `looks`: what it sees is kept.
    """

    loop: Loop
    levels: tuple[int, ...]
    position: int
    listens: bool = False
    video: VideoCodec | None = None
    clip: Clip | None = None
    looks: bool = False


@dataclass(slots=True)
class Member:
    """`index`: its place in the crowd. Times are monotonic seconds, 0 = not yet. `events`: how many it was told of what
    happens in the room, where it is told."""

    index: int
    state: State = State.IDLE
    begun: float = 0.0
    answered: float = 0.0  # when sound could flow
    hung_up_on: bool = False
    events: int = 0


Tell = Callable[[Member], None]


class Signalling(Protocol):
    """Brings members in and out, and tells of each once when it is up and once when it is over."""

    @property
    def members(self) -> Sequence[Member]:
        """All of them, by index."""
        ...

    @property
    def streams(self) -> Sequence[Stream]:
        """What each says and hears, by index."""
        ...

    @property
    def pictures(self) -> Sequence[PictureStream]:
        """What each shows and sees, by index; none where there are no pictures."""
        ...

    @property
    def refusals(self) -> dict[int, int]:
        """How many were refused, by status."""
        ...

    def begin(self, index: int, now: float) -> None:
        """Come in."""
        ...

    def end(self, index: int, now: float) -> None:
        """Leave; to be asked of those that are up."""
        ...

    def repeat_due(self, now: float) -> None:
        """Do what is due; called some fifty times a second."""
        ...

    def close(self) -> None:
        """Give back what the kernel has lent."""
        ...
