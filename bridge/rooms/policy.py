"""Who may ask for what: the one table of rights, standing x command. The conference asks it before it does anything.

behaviours.md C2 and C3: hosts steer; a guest may mute and unmute himself and his camera, raise a hand, write, show
slides where that is let, ask for the number of people and for help; from the lobby nothing is allowed at all.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from bridge.rooms import commands
from bridge.rooms.commands import Request
from bridge.rooms.participant import Participant


class Standing(Enum):
    """With which right somebody asks."""

    HOST = "host"
    GUEST = "guest"
    LOBBY = "lobby"  # outside, whatever the role
    OPERATOR = "operator"  # no leg: steers, but has no ear in the room


H, G, O = Standing.HOST, Standing.GUEST, Standing.OPERATOR  # noqa: E741

RIGHTS: Final[dict[type[Request], frozenset[Standing]]] = {
    commands.Start: frozenset((H, O)),
    commands.Lock: frozenset((H, O)),
    commands.Admit: frozenset((H, O)),
    commands.AdmitAll: frozenset((H, O)),
    commands.Decline: frozenset((H, O)),
    commands.Mute: frozenset((H, O)),
    commands.MuteGuests: frozenset((H, O)),
    commands.SetGain: frozenset((H, O)),
    commands.SetRole: frozenset((H, O)),
    commands.Kick: frozenset((H, O)),
    commands.End: frozenset((H, O)),
    commands.CancelEnd: frozenset((H, O)),
    commands.AllowGuestsUnmute: frozenset((H, O)),
    commands.LowerHands: frozenset((H, O)),
    commands.Spotlight: frozenset((H, O)),
    commands.SetOverlay: frozenset((H, O)),
    commands.SetLayout: frozenset((H, O)),
    commands.SetBanner: frozenset((H, O)),
    commands.NextLayout: frozenset((H, O)),
    commands.SetLabels: frozenset((H, O)),
    commands.VideoMute: frozenset((H, O)),
    commands.MarkInterpreter: frozenset((H, O)),
    commands.AllowGuestsPresent: frozenset((H, O)),
    commands.SendKeys: frozenset((H, O)),
    commands.Transfer: frozenset((H, O)),
    commands.Dial: frozenset((H, O)),
    commands.MuteSelf: frozenset((H, G)),
    commands.ClientMute: frozenset((H, G)),
    commands.VideoMuteSelf: frozenset((H, G)),
    commands.Present: frozenset((H, G)),  # of guests: where they may; somebody else's end: hosts only
    commands.MixSlides: frozenset((H, G)),  # for somebody else: hosts only
    commands.Say: frozenset((H, G)),
    commands.Hand: frozenset((H, G)),  # somebody else's: hosts only
    commands.Count: frozenset((H, G)),
    commands.Help: frozenset((H, G)),
}


def standing(person: Participant) -> Standing:
    """With which right a leg asks now."""
    if not person.inside:
        return Standing.LOBBY
    return Standing.HOST if person.is_host else Standing.GUEST


def may(who: Standing, what: type[Request]) -> bool:
    """Whether the table allows it."""
    return who in RIGHTS[what]


def allows(who: Standing, command: Request) -> bool:
    """Whether somebody may ask for just this."""
    about = commands.Hand | commands.Present | commands.MixSlides
    if isinstance(command, about) and command.who not in (None, command.by):
        return who is Standing.HOST
    return may(who, type(command))
