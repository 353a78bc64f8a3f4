"""One call's signalling and media, as the room sees it. Every way of calling in is one more body of `Leg`."""

from __future__ import annotations

from typing import Protocol

from bridge.errors import Reason
from bridge.rooms.events import Event


class Leg(Protocol):
    """A leg that reception and focus can talk to. Small, so that it can be faked by hand."""

    @property
    def id(self) -> str:
        """Random, unique over the life of the bridge; stands in logs and records."""

    @property
    def display_name(self) -> str:
        """The name as the caller gave it, made safe to show."""

    @property
    def way(self) -> str:
        """How this leg comes in: "sip"."""

    @property
    def source(self) -> str:
        """The address that tries are counted by."""

    @property
    def trusted(self) -> bool:
        """A known endpoint: never slowed down by other people's wrong PINs."""

    @property
    def on_hold(self) -> bool:
        """Whether the peer has put us on hold; changes of it are told to the desk."""

    def notify(self, event: Event) -> None:
        """Something happened in the conference that this leg may know."""

    def hang_up(self, reason: Reason) -> None:
        """End the call; the leg then tells its desk that it left. A second call changes nothing."""


class Desk(Protocol):
    """Whom a leg talks to at the moment: reception first, later the focus of its conference."""

    def digit(self, digit: str) -> None:
        """A key was pressed."""

    def held(self, on: bool) -> None:
        """The peer put the call on hold, or took it back."""

    def silent(self, on: bool) -> None:
        """Nothing is received from the peer any more, or again."""

    def left(self, reason: Reason) -> None:
        """The leg is gone."""
