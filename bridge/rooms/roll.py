"""The roll of one conference: who is in the room, who is in the lobby, in the order in which they came."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from bridge.rooms.participant import Participant, Place


class Present(NamedTuple):
    """Whom something can be told to: legs in the room that are not on hold; `hosts` are among `inside`."""

    hosts: tuple[str, ...]
    inside: tuple[str, ...]


class Roll:
    """Participants by leg. A change is a new value under the same name."""

    def __init__(self) -> None:
        # Bounded: the conference asks for room before it adds, in the lobby as well.
        self._people: dict[str, Participant] = {}

    def __iter__(self) -> Iterator[Participant]:
        return iter(tuple(self._people.values()))

    def __len__(self) -> int:
        return len(self._people)

    def __contains__(self, leg: object) -> bool:
        return leg in self._people

    def get(self, leg: str) -> Participant | None:
        """The participant with this leg, wherever it is."""
        return self._people.get(leg)

    def insider(self, leg: str) -> Participant | None:
        """The participant with this leg, if it is in the room."""
        person = self._people.get(leg)
        return person if person is not None and person.inside else None

    def put(self, person: Participant) -> Participant:
        """Add somebody, or set his newest value."""
        self._people[person.leg] = person
        return person

    def change(self, person: Participant, **values: Any) -> Participant:
        """Replace some of a participant's values and return the new one."""
        return self.put(replace(person, **values))

    def remove(self, leg: str) -> Participant | None:
        """Take somebody off the roll."""
        return self._people.pop(leg, None)

    def inside(self) -> tuple[Participant, ...]:
        """Everybody in the room."""
        return tuple(person for person in self._people.values() if person.inside)

    def hosts(self) -> tuple[Participant, ...]:
        """The hosts in the room."""
        return tuple(person for person in self._people.values() if person.is_host)

    def waiting(self) -> tuple[Participant, ...]:
        """Those who wait for the conference to start."""
        return tuple(person for person in self._people.values() if person.place is Place.WAITING)

    def knocking(self) -> tuple[Participant, ...]:
        """Those who knock, the longest waiting first."""
        knockers = (person for person in self._people.values() if person.place is Place.KNOCKING)
        return tuple(sorted(knockers, key=lambda person: person.since))

    def present(self) -> Present:
        """Whom announcements reach: on hold one hears nothing and is told nothing."""
        audible = tuple(person for person in self.inside() if not person.held)
        return Present(
            tuple(person.leg for person in audible if person.is_host), tuple(p.leg for p in audible)
        )
