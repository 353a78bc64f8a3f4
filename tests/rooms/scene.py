"""A conference on a stage: commands in, and what each leg hears, by name and in order."""

from __future__ import annotations

from bridge.errors import Reason
from bridge.machine import WAKE, Wake
from bridge.rooms import commands
from bridge.rooms.announcements import Announcement, announce
from bridge.rooms.commands import Command
from bridge.rooms.conference import Conference
from bridge.rooms.events import Event, Left, record
from bridge.rooms.gallery import Canvas
from bridge.rooms.participant import Place, Role
from config.model import Room, RoomKind
from config.secret import Secret

PIN = Secret("generated")


def room(kind: RoomKind = RoomKind.HOST_PIN, **values: object) -> Room:
    """A room of a kind, with the PINs that it needs."""
    pins = {"host_pin": PIN} if kind is not RoomKind.OPEN else {}
    pins |= {"guest_pin": PIN} if kind is RoomKind.HOST_GUEST_PIN else {}
    return Room("1002", kind, **(pins | values))  # type: ignore[arg-type]


class Scene:
    """Plays commands in, keeps the events, and what every leg heard since it was last asked."""

    def __init__(self, of: Room | None = None) -> None:
        self.conference = Conference(of or room(), canvas=Canvas())
        self.now = 100.0
        self.events: list[Event] = []
        self._heard: dict[str, list[str]] = {}

    def do(self, command: Command | Wake) -> tuple[Event, ...]:
        """Give one command and return its events."""
        events = self.conference.handle(command, self.now)
        present = self.conference.present()
        for event in events:
            record(event)
            for sound in announce(event, present):
                if isinstance(sound, Announcement):
                    for leg in sound.legs:
                        self._heard.setdefault(leg, []).extend(sound.prompts)
        self.events += events
        return events

    def join(self, leg: str, role: Role = Role.GUEST, **values: object) -> tuple[Event, ...]:
        """Somebody comes to the door."""
        return self.do(commands.Join(leg, role, name=f"name of {leg}", **values))  # type: ignore[arg-type]

    def host(self, leg: str = "host", **values: object) -> tuple[Event, ...]:
        """A host comes to the door."""
        return self.join(leg, Role.HOST, **values)

    def leave(self, *legs: str) -> None:
        """Legs hang up, one after the other."""
        for leg in legs:
            self.do(commands.Leave(leg))

    def wait(self, seconds: float) -> tuple[Event, ...]:
        """Let time pass, waking the conference whenever it asked for that."""
        until = self.now + seconds
        events: list[Event] = []
        while (at := self.conference.deadline()) is not None and at <= until:
            self.now = max(self.now, at)
            events += self.do(WAKE)
        self.now = until
        return tuple(events)

    def hears(self, leg: str) -> list[str]:
        """What a leg has heard since it was last asked, tones and music left out."""
        return [name for name in self._heard.pop(leg, []) if name != "music" and not name.startswith("tone-")]

    def tones(self, leg: str) -> list[str]:
        """Only the tones that a leg has heard since it was last asked."""
        return [name for name in self._heard.pop(leg, []) if name.startswith("tone-")]

    def quiet(self) -> None:
        """Forget what was heard until now."""
        self._heard.clear()

    def seats(self) -> dict[str, bool]:
        """Who is in the sound, and whether he is heard."""
        return {seat.leg: seat.heard for seat in self.conference.plan().seats}

    def places(self) -> dict[str, Place]:
        """Who is where."""
        return {person.leg: person.place for person in self.conference.people}

    def gone(self) -> dict[str, Reason]:
        """Who has left, and why."""
        return {event.leg: event.reason for event in self.events if isinstance(event, Left)}

    def names(self) -> list[str]:
        """The events until now, by name, and forget them."""
        names = [str(record(event)["event"]) for event in self.events]
        self.events.clear()
        return names


def running(**values: object) -> Scene:
    """A host and a guest in a host-pin room."""
    scene = Scene(room(**values))  # type: ignore[arg-type]
    scene.host()
    scene.join("guest")
    scene.quiet()
    scene.events.clear()
    return scene


def locked() -> Scene:
    """As `running`, locked, with somebody knocking."""
    scene = running()
    scene.do(commands.Lock("host"))
    scene.join("knocker")
    return scene
