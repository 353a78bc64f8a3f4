"""Commands of the client API that become one command of the conference, as a table; and what is answered to them.

`by` is the client's leg, `who` the participant in the path. Requests that need more than this table are in the routes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from bridge.leg import Told
from bridge.rooms import commands
from bridge.rooms.commands import How, Request
from bridge.rooms.events import NotAllowed, NotDone
from bridge.rooms.participant import Role
from bridge.text import clean_name, writable
from bridge.web import bodies
from bridge.web.access import Access
from bridge.web.protocol import INVALID_ROLE
from bridge.web.refusal import RefusedError

PLAIN: Final = "text/plain"


class Steering(NamedTuple):
    """One route. `body`: None = none is wanted. `make` gives the command, or more than one, or None where there is
    nothing to do. `told`: the `result` of what was done, which clients check."""

    access: Access
    body: type[bodies.Body] | None
    make: Callable[[str, str, Any], Request | tuple[Request, ...] | None]
    about: str
    told: bool | None = True


def _message(by: str, to: str | None, body: bodies.Message) -> Request | None:
    return commands.Say(by, writable(body.payload), to) if body.type.partition(";")[0] == PLAIN else None


def _layout(by: str, body: bodies.LayoutAsked) -> tuple[Request, ...] | None:
    wanted = body.transforms
    asked: list[Request] = []
    if wanted.layout or wanted.host_layout or wanted.guest_layout:
        asked.append(commands.SetLayout(by, wanted.layout, wanted.host_layout, wanted.guest_layout))
    names, frames = wanted.enable_overlay_text, wanted.enable_active_speaker_indication
    if names is not None or frames is not None:
        asked.append(commands.SetLabels(by, names, frames))
    return tuple(asked) or None


CONFERENCE: Final[dict[str, Steering]] = {
    "start_conference": Steering(
        Access.HOST, None, lambda by, _, __: commands.Start(by), "Start without sound of one's own"
    ),
    "lock": Steering(Access.HOST, None, lambda by, _, __: commands.Lock(by, True, How.API), "Lock the door"),
    "unlock": Steering(
        Access.HOST,
        None,
        lambda by, _, __: commands.Lock(by, False, How.API),
        "Unlock the door, for newcomers",
    ),
    "admit_all": Steering(
        Access.HOST, None, lambda by, _, __: commands.AdmitAll(by), "Let in everybody who knocks (ours)"
    ),
    "muteguests": Steering(
        Access.HOST, None, lambda by, _, __: commands.MuteGuests(by, True, How.API), "Mute all guests"
    ),
    "unmuteguests": Steering(
        Access.HOST, None, lambda by, _, __: commands.MuteGuests(by, False, How.API), "Mute guests no more"
    ),
    "set_guests_can_unmute": Steering(
        Access.HOST,
        bodies.Setting,
        lambda by, _, body: commands.AllowGuestsUnmute(by, body.setting),
        "Let guests unmute themselves",
    ),
    "set_guests_can_present": Steering(
        Access.HOST,
        bodies.Setting,
        lambda by, _, body: commands.AllowGuestsPresent(by, body.setting),
        "Let guests show slides",
    ),
    "clearallbuzz": Steering(Access.HOST, None, lambda by, _, __: commands.LowerHands(by), "Lower all hands"),
    "transform_layout": Steering(
        Access.HOST, bodies.LayoutAsked, lambda by, _, body: _layout(by, body), "Arrange the pictures"
    ),
    "set_message_text": Steering(
        Access.HOST,
        bodies.Overlay,
        lambda by, _, body: commands.SetBanner(by, writable(body.text)),
        "Show everybody a line of its own",
    ),
    "disconnect": Steering(
        Access.HOST,
        bodies.EndAsked,
        lambda by, _, body: commands.End(by, body.at_once, How.API),
        "End the conference for all",
    ),
    "cancel_disconnect": Steering(
        Access.HOST,
        None,
        lambda by, _, __: commands.CancelEnd(by, How.API),
        "Take back an announced end (ours)",
    ),
    "message": Steering(
        Access.INSIDE, bodies.Message, lambda by, _, body: _message(by, None, body), "Write to all"
    ),
}
"""Commands to a conference: POST .../{name}."""


PARTICIPANT: Final[dict[str, Steering]] = {
    "unlock": Steering(
        Access.HOST, None, lambda by, who, _: commands.Admit(by, who, How.API), "Let in one who knocks"
    ),
    "mute": Steering(
        Access.OWN_INSIDE_OR_HOST,
        None,
        lambda by, who, _: _mute(by, who, True),
        "Mute oneself; hosts: anybody",
    ),
    "unmute": Steering(
        Access.OWN_INSIDE_OR_HOST,
        None,
        lambda by, who, _: _mute(by, who, False),
        "Unmute oneself, or ask for the word where a host has muted; hosts: anybody",
    ),
    "buzz": Steering(
        Access.OWN_INSIDE, None, lambda by, _, __: commands.Hand(by, True, how=How.API), "Raise the hand"
    ),
    "clearbuzz": Steering(
        Access.OWN_INSIDE_OR_HOST,
        None,
        lambda by, who, _: commands.Hand(by, False, who, How.API),
        "Lower the hand; hosts: anybody's",
    ),
    "spotlighton": Steering(
        Access.HOST, None, lambda by, who, _: commands.Spotlight(by, who, True), "Show somebody large"
    ),
    "spotlightoff": Steering(
        Access.HOST,
        None,
        lambda by, who, _: commands.Spotlight(by, who, False),
        "Show somebody large no more",
    ),
    "interpreteron": Steering(
        Access.HOST,
        None,
        lambda by, who, _: commands.MarkInterpreter(by, who, True),
        "Give somebody the interpreter's place in everybody's picture (ours)",
    ),
    "interpreteroff": Steering(
        Access.HOST,
        None,
        lambda by, who, _: commands.MarkInterpreter(by, who, False),
        "Take the interpreter's place back (ours)",
    ),
    "video_muted": Steering(
        Access.OWN_INSIDE_OR_HOST,
        None,
        lambda by, who, _: _video_mute(by, who, True),
        "Show one's own camera to nobody; hosts: anybody's",
    ),
    "video_unmuted": Steering(
        Access.OWN_INSIDE_OR_HOST,
        None,
        lambda by, who, _: _video_mute(by, who, False),
        "Show it again",
    ),
    "take_floor": Steering(
        Access.OWN_INSIDE,
        None,
        lambda by, _, __: commands.Present(by, True),
        "Begin to show slides",
        told=None,
    ),
    "release_floor": Steering(
        Access.OWN_INSIDE_OR_HOST,
        None,
        lambda by, who, _: commands.Present(by, False, who),
        "Stop showing slides; hosts: anybody's",
        told=None,
    ),
    "pres_in_mix": Steering(
        Access.OWN_INSIDE_OR_HOST,
        bodies.State,
        lambda by, who, body: commands.MixSlides(by, body.state, who, How.API),
        "Show slides in one's picture of the room, or not; hosts: in anybody's",
    ),
    "overlaytext": Steering(
        Access.HOST,
        bodies.Overlay,
        lambda by, who, body: commands.SetOverlay(by, who, clean_name(body.text)),
        "Write on somebody's picture",
    ),
    "role": Steering(
        Access.HOST,
        bodies.RoleAsked,
        lambda by, who, body: commands.SetRole(by, who, Role.GUEST if body.role == "guest" else Role.HOST),
        "Make somebody host or guest",
    ),
    "message": Steering(Access.INSIDE, bodies.Message, _message, "Write to one"),
}
"""Commands to one participant: POST .../participants/{uuid}/{name}."""


def _mute(by: str, who: str, on: bool) -> Request:
    return commands.MuteSelf(by, on, How.API) if who == by else commands.Mute(by, who, on)


def _video_mute(by: str, who: str, on: bool) -> Request:
    return commands.VideoMuteSelf(by, on) if who == by else commands.VideoMute(by, who, on)


def outcome(happened: Iterable[Told], by: str, told: bool | None = True) -> dict[str, Any]:
    """What is answered to a command: done (`told`), or come to nothing and why. Raises RefusedError for what is not
    allowed."""
    for event in happened:
        if isinstance(event, NotAllowed) and event.origin.by == by:
            raise RefusedError(403, INVALID_ROLE)
        if isinstance(event, NotDone) and event.origin.by == by:
            return undone(event.why.value)
    return {"status": "success", "result": told}


def undone(why: str) -> dict[str, Any]:
    """The answer to what is allowed and came to nothing; `reason` is ours."""
    return {"status": "success", "result": False, "reason": why}
