"""What has happened in a conference. Each event is one line of the audit log: who, what, to whom, how.

An event is told to people only by `announcements.announce`; the audit log gets them all. No event ever carries a PIN.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import Enum
from typing import NamedTuple

from bridge.errors import Reason
from bridge.rooms.commands import Command, How, Request
from bridge.rooms.participant import Pictures, Place, Role


class Origin(NamedTuple):
    """Who did it, with which role at that time, and how. `by` is a leg, an operator's name, or "bridge"."""

    by: str
    role: Role | None
    how: How


BY_RULE = Origin("bridge", None, How.RULE)


class Refusal(Enum):
    """Why an allowed command did nothing."""

    NOBODY_KNOCKS = "nobody-knocks"
    ANOTHER_KNOCKS = "another-knocks"  # who was meant is not at the door any more
    NOT_THERE = "not-there"  # no such person, or not where the command reaches
    NOT_STARTED = "not-started"  # nobody can be let in to an empty room
    FULL = "full"
    LAST_HOST = "last-host"  # somebody must keep the keys
    HOSTS_ONLY = "hosts-only"  # a room without a host PIN knows no guests
    OUT_OF_RANGE = "out-of-range"
    OFF = "off"  # the room does not have this


class Cause(Enum):
    """Why a conference ended."""

    COMMAND = "command"  # a host or an operator said so
    NO_HOST = "no-host"
    LAST_ONE = "last-one"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A guest waits in the lobby for the conference to start."""

    leg: str
    name: str
    source: str
    way: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class Knocking:
    """Somebody waits at a locked door. `again`: the same source knocked a moment ago, so nobody is disturbed.

    `moved`: he waited for the host before, and found the door locked when the conference started.
    """

    leg: str
    name: str
    source: str
    way: str
    origin: Origin
    again: bool = False
    moved: bool = False


@dataclass(frozen=True, slots=True)
class KnocksReported:
    """A host who has just come in is told that somebody knocks already."""

    leg: str
    count: int
    origin: Origin = BY_RULE


@dataclass(frozen=True, slots=True)
class Refused:
    """A leg is not let in at all; it must be hung up."""

    leg: str
    name: str
    source: str
    way: str
    reason: Reason
    origin: Origin


@dataclass(frozen=True, slots=True)
class Started:
    """The conference has begun. `locked`: from the first moment."""

    locked: bool
    origin: Origin


@dataclass(frozen=True, slots=True)
class Joined:
    """Somebody is in the room. `came_from`: his place in the lobby, None = straight in.

    The `origin` of an admission is who admitted him. `present`: how many are in the room now. `muted`: by a host,
    with all guests. `tone`: whether the others hear a tone. `interpreter`: marked as one from the beginning.
    """

    leg: str
    name: str
    source: str
    way: str
    role: Role
    came_from: Place | None
    present: int
    muted: bool
    tone: bool
    origin: Origin
    interpreter: bool = False


@dataclass(frozen=True, slots=True)
class Left:
    """Somebody is gone from the room or from the lobby. `hang_up`: his call still stands and must be ended.

    `present`: how many are in the room now; 0 where he was in the lobby only, which tells nothing of the room.
    """

    leg: str
    name: str
    role: Role
    place: Place
    reason: Reason
    hang_up: bool
    present: int
    tone: bool
    origin: Origin


@dataclass(frozen=True, slots=True)
class Alone:
    """There is only this one in the room."""

    leg: str
    origin: Origin = BY_RULE


@dataclass(frozen=True, slots=True)
class HostsGone:
    """The last host has left the room; without one the conference ends after `ends_after_s`."""

    ends_after_s: float
    origin: Origin = BY_RULE


@dataclass(frozen=True, slots=True)
class LockChanged:
    """The door is locked or unlocked."""

    locked: bool
    origin: Origin


@dataclass(frozen=True, slots=True)
class MuteChanged:
    """Somebody was muted or heard again. `by_host`: not his own doing. `heard`: whether sound passes now."""

    leg: str
    on: bool
    by_host: bool
    heard: bool
    origin: Origin


@dataclass(frozen=True, slots=True)
class GuestsMuteChanged:
    """All guests, and those who come, are muted or no longer."""

    on: bool
    origin: Origin


@dataclass(frozen=True, slots=True)
class HandChanged:
    """Somebody raised or lowered the hand."""

    leg: str
    raised: bool
    origin: Origin


@dataclass(frozen=True, slots=True)
class RoleChanged:
    """Somebody became host or guest."""

    leg: str
    role: Role
    origin: Origin


@dataclass(frozen=True, slots=True)
class GainChanged:
    """Somebody is made louder or softer (linear factor)."""

    leg: str
    gain: float
    origin: Origin


@dataclass(frozen=True, slots=True)
class HoldChanged:
    """Somebody put us on hold or took us back."""

    leg: str
    held: bool
    origin: Origin


@dataclass(frozen=True, slots=True)
class ConnectionChanged:
    """Nothing is received from somebody, or it is received again."""

    leg: str
    lost: bool
    origin: Origin


@dataclass(frozen=True, slots=True)
class MediaChanged:
    """A leg has got media, or has lost it and stays at its `place`."""

    leg: str
    on: bool
    encrypted: bool
    place: Place
    origin: Origin


@dataclass(frozen=True, slots=True)
class PicturesChanged:
    """Something else was agreed with a leg's peer on pictures."""

    leg: str
    pictures: Pictures
    origin: Origin


@dataclass(frozen=True, slots=True)
class SeenChanged:
    """Pictures of somebody's camera, or his slides, come, or no longer."""

    leg: str
    slides: bool
    on: bool
    origin: Origin


@dataclass(frozen=True, slots=True)
class GuestsUnmuteChanged:
    """Guests may lift themselves what a host has muted, or no longer."""

    on: bool
    origin: Origin


@dataclass(frozen=True, slots=True)
class ClientMuteChanged:
    """Somebody's own device sends silence, or no longer."""

    leg: str
    on: bool
    origin: Origin


@dataclass(frozen=True, slots=True)
class Said:
    """Somebody wrote to all in the room, or to one of them."""

    leg: str
    text: str = field(repr=False)
    to: str | None
    origin: Origin


@dataclass(frozen=True, slots=True)
class SpotlightChanged:
    """Somebody has a place in everybody's picture, or no longer."""

    leg: str
    on: bool
    origin: Origin


@dataclass(frozen=True, slots=True)
class OverlayChanged:
    """Something else stands on somebody's picture; None = his name again."""

    leg: str
    text: str | None
    origin: Origin


@dataclass(frozen=True, slots=True)
class LayoutChanged:
    """The pictures are arranged in another way, for hosts and for guests."""

    host_layout: str
    guest_layout: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class LabelsChanged:
    """Names stand below faces, and the talker has a frame, or no longer."""

    names: bool
    frames: bool
    origin: Origin


@dataclass(frozen=True, slots=True)
class VideoMuteChanged:
    """Somebody's camera is shown to nobody, or again. `by_host`: not his own doing. `seen`: whether it is shown now."""

    leg: str
    on: bool
    by_host: bool
    seen: bool
    origin: Origin


@dataclass(frozen=True, slots=True)
class InterpreterChanged:
    """Somebody has the interpreter's place, or no longer."""

    leg: str
    on: bool
    origin: Origin


@dataclass(frozen=True, slots=True)
class PresenterChanged:
    """Somebody shows slides, or no longer."""

    leg: str
    on: bool
    origin: Origin


@dataclass(frozen=True, slots=True)
class GuestsPresentChanged:
    """Guests may show slides, or no longer."""

    on: bool
    origin: Origin


@dataclass(frozen=True, slots=True)
class SlidesMixChanged:
    """Somebody has slides in his picture of the room, or no longer."""

    leg: str
    on: bool
    origin: Origin


@dataclass(frozen=True, slots=True)
class BannerChanged:
    """Everybody in the room is shown another line, or none."""

    text: str = field(repr=False)
    origin: Origin


@dataclass(frozen=True, slots=True)
class Transferred:
    """Somebody is sent to another room; that he has left this one follows. `role`: None = by that room's rules."""

    leg: str
    to_room: str
    role: Role | None
    origin: Origin


@dataclass(frozen=True, slots=True)
class KeysSent:
    """Keys go to somebody's equipment."""

    leg: str
    count: int
    digits: str = field(repr=False)
    origin: Origin


@dataclass(frozen=True, slots=True)
class DialAsked:
    """Somebody who may do so wants to call another one into the room."""

    origin: Origin


@dataclass(frozen=True, slots=True)
class TalkersChanged:
    """Who talks now. Told to those in the room, never recorded: no `Event`, as it decides nothing."""

    legs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StageChanged:
    """Others are shown now, or in another order. Told as `TalkersChanged` is, and recorded as little."""


@dataclass(frozen=True, slots=True)
class Counted:
    """Somebody asked how many are in the room."""

    leg: str
    present: int
    origin: Origin


@dataclass(frozen=True, slots=True)
class HelpGiven:
    """Somebody asked for the keys he has."""

    leg: str
    role: Role
    origin: Origin


@dataclass(frozen=True, slots=True)
class EndAnnounced:
    """The conference ends in `after_s`, unless that is cancelled."""

    after_s: float
    origin: Origin


@dataclass(frozen=True, slots=True)
class EndCancelled:
    """The conference goes on."""

    origin: Origin


@dataclass(frozen=True, slots=True)
class Ended:
    """The conference is over. A `Left` for each leg that must go comes with it."""

    cause: Cause
    origin: Origin


@dataclass(frozen=True, slots=True)
class NotAllowed:
    """Somebody asked for what his role or place does not allow. `what` is the name of the command."""

    leg: str
    what: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class NotDone:
    """A command that is allowed came to nothing."""

    leg: str
    what: str
    why: Refusal
    origin: Origin


Event = (
    Waiting | Knocking | KnocksReported | Refused | Started | Joined | Left | Alone | HostsGone | LockChanged
    | MuteChanged | GuestsMuteChanged | HandChanged | RoleChanged | GainChanged | HoldChanged | ConnectionChanged
    | MediaChanged | PicturesChanged | SeenChanged | GuestsUnmuteChanged | ClientMuteChanged | Said | SpotlightChanged
    | OverlayChanged | LayoutChanged | BannerChanged | LabelsChanged | VideoMuteChanged | InterpreterChanged
    | PresenterChanged | GuestsPresentChanged | SlidesMixChanged
    | Transferred | KeysSent | DialAsked | Counted | HelpGiven | EndAnnounced | EndCancelled | Ended | NotAllowed
    | NotDone
)  # fmt: skip


def not_done(command: Request, origin: Origin, why: Refusal) -> NotDone:
    """The event that says why a command came to nothing."""
    return NotDone(origin.by, name(command), why, origin)


Plain = str | int | float | bool | None


def record(event: Event) -> dict[str, Plain]:
    """The event as the plain values of one audit line; time and room are added by whoever writes it."""
    line: dict[str, Plain] = {"event": name(event)}
    for each in fields(event):
        if not each.repr:
            continue
        value = getattr(event, each.name)
        if isinstance(value, Origin):
            line |= {
                "by": value.by,
                "by_role": value.role.value if value.role else None,
                "how": value.how.value,
            }
        elif isinstance(value, Pictures):
            line |= value._asdict()
        else:
            line[each.name] = value.value if isinstance(value, Enum) else value
    return line


def name(happening: Event | Command) -> str:
    """The name of an event or a command in records: `LockChanged` is "lock-changed"."""
    return "".join(
        f"-{letter.lower()}" if letter.isupper() else letter for letter in type(happening).__name__
    )[1:]
