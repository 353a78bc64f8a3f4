"""One call's signalling and media, as the room sees it. Every way of calling in is one more body of `Leg`.

A leg may come with signalling only, get media later, lose it, and get it again, and is the same leg all the while:
whoever comes back to his seat by a new connection, in this life of the bridge or the next, keeps its `id`, so that he
is never on the roll twice. What happens in the conference is told by `notify`, and who talks and is shown there as
well: as `TalkersChanged` and `StageChanged`, at most five times a second, to legs in the room that are not on hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from bridge.errors import Reason
from bridge.rooms.events import Event, StageChanged, TalkersChanged
from bridge.rooms.participant import Pictures, Role
from bridge.sdp.negotiate import Agreed
from bridge.sdp.video import Content
from config.model import Room


@dataclass(frozen=True, slots=True)
class Called:
    """A call out is under way: the name that its leg has."""

    leg: str


Told = Event | TalkersChanged | StageChanged
"""What a leg is told of its conference."""


def pictures_of(agreed: Agreed | None) -> Pictures:
    """Tell what a room wants to know of pictures that were agreed on; None = nothing is agreed yet."""
    video, slides = (None, None) if agreed is None else (agreed.video, agreed.slides)
    return Pictures(
        camera=video is not None and video.receives,
        slides=slides is not None and slides.receives,
        watches=video is not None and video.sends,
        watches_slides=slides is not None and slides.sends,
    )


class Claim(Protocol):
    """Somebody who wants in: a leg, or who would be one."""

    @property
    def id(self) -> str:
        """Random, unique over the life of the bridge; stands in logs and records."""

    @property
    def display_name(self) -> str:
        """The name as the caller gave it, made safe to show."""

    @property
    def way(self) -> str:
        """How he comes in: "sip", "web", "whip"."""

    @property
    def source(self) -> str:
        """The address that tries are counted by."""

    @property
    def trusted(self) -> bool:
        """A known endpoint: never slowed down by other people's wrong PINs."""


class Leg(Claim, Protocol):
    """A leg that reception and focus can talk to. Small, so that it can be faked by hand."""

    @property
    def on_hold(self) -> bool:
        """Whether the peer has put us on hold; changes of it are told to the desk."""

    @property
    def has_media(self) -> bool:
        """Whether it has media, not signalling only; changes of it are told to the desk."""

    @property
    def encrypted(self) -> bool:
        """Whether its media is encrypted on the way to us; told to the desk with changes of the media."""

    @property
    def pictures(self) -> Pictures:
        """What was agreed on pictures; changes of it are told to the desk."""

    @property
    def interpreter(self) -> bool:
        """Whether it comes as its room's interpreter: by a name or an address that the room knows as one's."""

    @property
    def outgoing(self) -> bool:
        """Whether we called it."""

    def notify(self, event: Told) -> None:
        """Something happened in the conference that this leg may know."""

    def hang_up(self, reason: Reason) -> None:
        """End the call; the leg then tells its desk that it left. A second call changes nothing."""

    def refer(self, room: Room, role: Role | None) -> None:
        """Go to another room: this conference has let go of it. The leg tells its desk that it left, as transferred.

        `role`: with which it may come there; None = it is asked there for what that room wants to know.
        """


class Desk(Protocol):
    """Whom a leg talks to at the moment: reception first, later the focus of its conference."""

    def digit(self, digit: str) -> None:
        """A key was pressed."""

    def held(self, on: bool) -> None:
        """The peer put the call on hold, or took it back."""

    def silent(self, on: bool) -> None:
        """Nothing is received from the peer any more, or again."""

    def media(self, on: bool, encrypted: bool) -> None:
        """The leg has got media, has lost it and stays, or its protection has changed."""

    def video(self, pictures: Pictures) -> None:
        """Something else was agreed on pictures."""

    def seen(self, content: Content, on: bool) -> None:
        """Pictures of the camera, or slides, have begun to come, or come no longer."""

    def left(self, reason: Reason) -> None:
        """The leg is gone."""
