"""What people hear of an event, and who may know of it at all: the one table from events to prompts.

`audience` is the privacy rule (G-06): lobby and held legs learn of nothing but what happens to themselves, and only
hosts learn of the lobby. `announce` says which prompts are played to whom; it never reaches beyond the audience.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, assert_never

from bridge.errors import Reason
from bridge.rooms.commands import How
from bridge.rooms.events import (
    Alone,
    BannerChanged,
    ClientMuteChanged,
    ConnectionChanged,
    Counted,
    DialAsked,
    EndAnnounced,
    EndCancelled,
    Ended,
    Event,
    GainChanged,
    GuestsMuteChanged,
    GuestsPresentChanged,
    GuestsUnmuteChanged,
    HandChanged,
    HelpGiven,
    HoldChanged,
    HostsGone,
    InterpreterChanged,
    Joined,
    KeysSent,
    Knocking,
    KnocksReported,
    LabelsChanged,
    LayoutChanged,
    Left,
    LockChanged,
    MediaChanged,
    MuteChanged,
    NotAllowed,
    NotDone,
    OverlayChanged,
    PicturesChanged,
    PresenterChanged,
    Refusal,
    Refused,
    RoleChanged,
    Said,
    SeenChanged,
    SlidesMixChanged,
    SpotlightChanged,
    Started,
    Transferred,
    VideoMuteChanged,
    Waiting,
)
from bridge.rooms.participant import Place, Role
from bridge.rooms.roll import Present


@dataclass(frozen=True, slots=True)
class Announcement:
    """Play `prompts`, one after the other, to `legs`. `loop`: as background, until something hushes it."""

    legs: tuple[str, ...]
    prompts: tuple[str, ...]
    loop: bool = False


@dataclass(frozen=True, slots=True)
class Hush:
    """Stop what plays to `legs`, background included."""

    legs: tuple[str, ...]


Sound = Announcement | Hush

# What the one hears whose call is about to be ended. DECLINED is neutral: it tells nothing about the meeting, and an
# unanswered wait sounds the same.
FAREWELLS: Final[dict[Reason, tuple[str, ...]]] = {
    Reason.FULL: ("full",),
    Reason.DECLINED: ("declined",),
    Reason.HOST_ABSENT: ("declined",),
    Reason.KICKED: ("removed",),
    Reason.ENDED: ("ended",),
    Reason.BAD_PIN: ("pin-failed",),
    Reason.NO_ANSWER: ("pin-timeout",),
    Reason.OVERLOADED: ("overloaded",),
    Reason.SHUTDOWN: ("ended",),
}
REFUSALS: Final[dict[Refusal, tuple[str, ...]]] = {
    Refusal.NOBODY_KNOCKS: ("nobody-knocks",),
    Refusal.ANOTHER_KNOCKS: ("somebody-knocks",),
    Refusal.FULL: ("full",),
    Refusal.NOT_THERE: ("not-available",),
    Refusal.NOT_STARTED: ("not-available",),
    Refusal.LAST_HOST: ("not-available",),
    Refusal.HOSTS_ONLY: ("not-available",),
    Refusal.OUT_OF_RANGE: ("not-available",),
    Refusal.OFF: ("not-available",),
}

LOBBY_PROMPTS: Final = {Place.WAITING: "wait-host", Place.KNOCKING: "knocking"}


def audience(event: Event, present: Present) -> tuple[str, ...]:
    """Who may know of the event, as people are `present` after it."""
    match event:
        case NotAllowed() | NotDone():
            return () if event.origin.how is How.OPERATOR else (event.leg,)
        case Refused() | KnocksReported() | Counted() | HelpGiven() | Alone() | SlidesMixChanged():
            return (event.leg,)
        case Waiting() | Knocking():
            return _with(event.leg, present.hosts)
        case Left(reason=Reason.TRANSFERRED):
            return present.inside  # he goes on elsewhere
        case Left():
            return _with(event.leg, present.inside if event.place is Place.INSIDE else present.hosts)
        case KeysSent() | DialAsked():
            return ()  # whoever asked for it knows
        case Transferred():
            return _with(event.leg, present.hosts)
        case Said(to=str() as to):
            return tuple(leg for leg in present.inside if leg in (event.leg, to))
        case Said():
            return present.inside
        case HoldChanged() | ConnectionChanged() | MediaChanged() | PicturesChanged() | SeenChanged():
            return _with(event.leg, present.inside) if event.leg in present.inside else (event.leg,)
        case (
            Joined()
            | MuteChanged()
            | ClientMuteChanged()
            | HandChanged()
            | RoleChanged()
            | GainChanged()
            | SpotlightChanged()
            | OverlayChanged()
            | VideoMuteChanged()
            | InterpreterChanged()
            | PresenterChanged()
        ):
            return _with(event.leg, present.inside)
        case (
            Started()
            | HostsGone()
            | LockChanged()
            | GuestsMuteChanged()
            | GuestsUnmuteChanged()
            | LayoutChanged()
            | LabelsChanged()
            | BannerChanged()
            | GuestsPresentChanged()
            | EndAnnounced()
            | EndCancelled()
            | Ended()
        ):
            return present.inside
        case _:
            assert_never(event)


def announce(event: Event, present: Present) -> tuple[Sound, ...]:
    """The sounds that tell of an event, in order. `present` is read from the conference after the event."""
    if not audience(event, present):
        return ()
    return tuple(sound for sound in _sounds(event, present) if sound.legs)


def _sounds(event: Event, present: Present) -> tuple[Sound, ...]:
    match event:
        case Waiting():
            return _lobby(event.leg, LOBBY_PROMPTS[Place.WAITING])
        case Knocking():
            return (*_lobby(event.leg, LOBBY_PROMPTS[Place.KNOCKING]), *_knock(event, present))
        case KnocksReported():
            return _to(event.leg, "tone-knock", "somebody-knocks")
        case Refused():
            return (Hush((event.leg,)), *_to(event.leg, *FAREWELLS.get(event.reason, ())))
        case Joined():
            return _joined(event, present)
        case Left():
            return _left(event, present)
        case Alone():
            return _to(event.leg, "alone")
        case HostsGone():
            return (Announcement(present.inside, ("host-gone",)),)
        case LockChanged():
            return (Announcement(present.inside, ("locked" if event.locked else "unlocked",)),)
        case MuteChanged():
            return _muted(event)
        case GuestsMuteChanged():
            return (Announcement(present.inside, ("all-muted" if event.on else "all-unmuted",)),)
        case HandChanged():
            return _hand(event, present)
        case RoleChanged():
            return _to(event.leg, "you-are-host" if event.role is Role.HOST else "you-are-guest")
        case Counted():
            return _to(event.leg, "people-here", *number(event.present))
        case HelpGiven():
            return _to(event.leg, "help-host" if event.role is Role.HOST else "help-guest")
        case EndAnnounced():
            return (Announcement(present.inside, ("ending",)),)
        case EndCancelled():
            return (Hush(present.inside), Announcement(present.inside, ("ending-cancelled",)))
        case NotAllowed():
            return _to(event.leg, "not-allowed")
        case NotDone():
            return _to(event.leg, *REFUSALS[event.why])
        case LayoutChanged():
            return _layout(event, present)
        case MediaChanged():
            return (
                _lobby(event.leg, LOBBY_PROMPTS[event.place])
                if event.on and event.place in LOBBY_PROMPTS
                else ()
            )
        case Transferred():
            return Hush((event.leg,)), *_to(event.leg, "transferred")
        case (
            Started()
            | HoldChanged()
            | ConnectionChanged()
            | PicturesChanged()
            | SeenChanged()
            | GainChanged()
            | GuestsUnmuteChanged()
            | ClientMuteChanged()
            | Said()
            | SpotlightChanged()
            | OverlayChanged()
            | LabelsChanged()
            | BannerChanged()
            | VideoMuteChanged()
            | InterpreterChanged()
            | PresenterChanged()
            | GuestsPresentChanged()
            | SlidesMixChanged()
            | KeysSent()
            | DialAsked()
            | Ended()
        ):
            return ()  # told by what comes with it, or only shown
        case _:
            assert_never(event)


def _knock(event: Knocking, present: Present) -> tuple[Sound, ...]:
    """What hosts hear; for those who only moved, a `KnocksReported` follows."""
    if event.again or event.moved:
        return ()
    return (Announcement(present.hosts, ("tone-knock", "somebody-knocks")),)


def _lobby(leg: str, prompt: str) -> tuple[Sound, ...]:
    return Hush((leg,)), Announcement((leg,), (prompt,)), Announcement((leg,), ("music",), loop=True)


def _joined(event: Joined, present: Present) -> tuple[Sound, ...]:
    others = tuple(leg for leg in present.inside if leg != event.leg)
    tone: tuple[Sound, ...] = (Announcement(others, ("tone-join",)),) if event.tone else ()
    muted = ("muted-by-host",) if event.muted else ()
    match event.came_from:
        case Place.KNOCKING:
            return (Hush((event.leg,)), *_to(event.leg, "admitted", *muted), *tone)
        case Place.WAITING:
            return (Hush((event.leg,)), *_to(event.leg, "tone-join", *muted), *tone)
        case _:
            return (*_to(event.leg, *muted), *tone)


def _left(event: Left, present: Present) -> tuple[Sound, ...]:
    farewell: tuple[Sound, ...] = ()
    if event.hang_up:
        farewell = (Hush((event.leg,)), *_to(event.leg, *FAREWELLS.get(event.reason, ())))
    return (*farewell, Announcement(present.inside, ("tone-leave",))) if event.tone else farewell


def _muted(event: MuteChanged) -> tuple[Sound, ...]:
    if not event.by_host:
        return _to(event.leg, "muted" if event.on else "unmuted")
    if event.on:
        return _to(event.leg, "muted-by-host")
    return _to(event.leg, "unmuted-by-host", *(() if event.heard else ("muted",)))  # still muted by himself


def _hand(event: HandChanged, present: Present) -> tuple[Sound, ...]:
    told = _to(event.leg, "hand-raised" if event.raised else "hand-lowered")
    hosts = tuple(leg for leg in present.hosts if leg != event.leg)
    return (*told, Announcement(hosts, ("hand-raised-host",))) if event.raised else told


def _layout(event: LayoutChanged, present: Present) -> tuple[Sound, ...]:
    """Whoever chose a layout by his keypad is told its name, "1:7" as "one, seven"; all others see it."""
    by, how = event.origin.by, event.origin.how
    if how is not How.KEYPAD or by not in present.inside:
        return ()
    return _to(
        by, *(prompt for part in event.host_layout.split(":") if part != "0" for prompt in number(int(part)))
    )


def _to(leg: str, *prompts: str) -> tuple[Sound, ...]:
    return (Announcement((leg,), prompts),) if prompts else ()


def _with(leg: str, legs: tuple[str, ...]) -> tuple[str, ...]:
    return legs if leg in legs else (leg, *legs)


def number(count: int) -> tuple[str, ...]:
    """The prompts that say a number from 0 to 999: "number-0" to "number-20", the tens, "number-100"."""
    if not 0 <= count <= 999:
        raise ValueError(f"no prompts for {count}")
    if count >= 200:
        return (f"number-{count // 100}", "number-100", *(number(count % 100) if count % 100 else ()))
    if count >= 100:
        return ("number-100", *(number(count - 100) if count > 100 else ()))
    if count <= 20 or count % 10 == 0:
        return (f"number-{count}",)
    return (f"number-{count // 10 * 10}", f"number-{count % 10}")
