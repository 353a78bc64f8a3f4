"""Everything that can be asked of a conference. Keypad, management and the legs themselves all end up here.

`by` is the leg that asks, `how` the way it asked. An operator is no leg: with `How.OPERATOR`, `by` is a name and
everything a host may do is allowed. Switches are `on: bool | None`, where None turns over what is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from bridge.errors import Reason
from bridge.rooms.participant import NO_PICTURES, Pictures, Role


class How(Enum):
    """The way by which something was done."""

    CALL = "call"  # by calling, hanging up, putting on hold
    KEYPAD = "keypad"
    API = "api"  # a participant's browser or control tool
    OPERATOR = "operator"  # the management interface
    RULE = "rule"  # the bridge itself, by a rule or a time limit of the room


@dataclass(frozen=True, slots=True)
class Join:
    """A leg that reception has let through comes to the door with its role.

    `media` False: signalling only, which does not start a conference. `admitted`: called out to by a host inside, or
    otherwise exempt from the lock. `returning`: it was in the room before the bridge or its network failed, so the run
    that was on goes on. `held`: it has us on hold already. `outgoing`: we called it. `encrypted`: its media is.
    `pictures`: what was agreed on them. `interpreter`: it comes as the room's interpreter. `source`: the address it
    comes from; `way`: the kind of leg; both for the record.
    """

    leg: str
    role: Role
    name: str = ""
    source: str = ""
    way: str = "sip"
    media: bool = True
    admitted: bool = False
    held: bool = False
    outgoing: bool = False
    encrypted: bool = False
    returning: bool = False
    pictures: Pictures = NO_PICTURES
    interpreter: bool = False


@dataclass(frozen=True, slots=True)
class Leave:
    """A leg is gone: it hung up, or its signalling or media is lost. There is nobody left to tell."""

    leg: str
    reason: Reason = Reason.NORMAL


@dataclass(frozen=True, slots=True)
class Hold:
    """A leg put us on hold, or took us back. A held leg is out of the sound, both ways."""

    leg: str
    on: bool


@dataclass(frozen=True, slots=True)
class Silence:
    """Media has received nothing from a leg for a while, or receives again. The final loss is `Leave`."""

    leg: str
    on: bool


@dataclass(frozen=True, slots=True)
class Media:
    """A leg that only signalled has got media, or has lost it and stays. `encrypted`: on its way to us."""

    leg: str
    on: bool
    encrypted: bool = False


@dataclass(frozen=True, slots=True)
class Video:
    """Something else was agreed with a leg's peer on pictures."""

    leg: str
    pictures: Pictures


@dataclass(frozen=True, slots=True)
class Seen:
    """Pictures of a leg's camera, or its slides, have begun to come, or come no longer."""

    leg: str
    slides: bool
    on: bool


@dataclass(frozen=True, slots=True)
class Talk:
    """These legs talk now, and no others. Nothing of it is recorded: it only moves pictures."""

    legs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Start:
    """Start the conference without a host's media in it."""

    by: str
    how: How = How.API


@dataclass(frozen=True, slots=True)
class Lock:
    """Lock or unlock the door. Unlocking lets newcomers in, not those who knock already."""

    by: str
    on: bool | None = None
    how: How = How.KEYPAD


@dataclass(frozen=True, slots=True)
class Admit:
    """Let in the one who knocks: `who`, or the one who has waited longest.

    `asked_at`: when the key was pressed [monotonic seconds]. Who has waited longest since a later moment only is not
    meant: two hosts who hear the same knock let in one, and nobody who came in his place.
    """

    by: str
    who: str | None = None
    how: How = How.KEYPAD
    asked_at: float | None = None


@dataclass(frozen=True, slots=True)
class AdmitAll:
    """Let in all who knock. No keypad code does this: it is worth a question back."""

    by: str
    how: How = How.API


@dataclass(frozen=True, slots=True)
class Decline:
    """Send away the one who knocks: `who`, or the one who has waited longest. `asked_at`: as for `Admit`."""

    by: str
    who: str | None = None
    how: How = How.KEYPAD
    asked_at: float | None = None


@dataclass(frozen=True, slots=True)
class Mute:
    """Mute somebody as a host, or lift that. What a person did to himself stays."""

    by: str
    who: str
    on: bool | None = None
    how: How = How.API


@dataclass(frozen=True, slots=True)
class MuteGuests:
    """Mute all guests, those who come later too, or lift that from all guests."""

    by: str
    on: bool | None = None
    how: How = How.KEYPAD


@dataclass(frozen=True, slots=True)
class MuteSelf:
    """Mute oneself or lift that. A guest who is muted by a host raises the hand instead."""

    by: str
    on: bool | None = None
    how: How = How.KEYPAD


@dataclass(frozen=True, slots=True)
class Hand:
    """Raise or lower one's hand. `who`: of somebody else, whose hand a host may lower but not raise."""

    by: str
    on: bool | None = None
    who: str | None = None
    how: How = How.KEYPAD


@dataclass(frozen=True, slots=True)
class LowerHands:
    """Lower all hands."""

    by: str
    how: How = How.API


@dataclass(frozen=True, slots=True)
class AllowGuestsUnmute:
    """Let guests lift themselves what a host has muted, until the run ends, or no longer."""

    by: str
    on: bool | None = None
    how: How = How.API


@dataclass(frozen=True, slots=True)
class ClientMute:
    """Somebody's own device says that it sends silence. It changes no sound here; others are shown it."""

    by: str
    on: bool
    how: How = How.API


@dataclass(frozen=True, slots=True)
class Say:
    """Write to all in the room, or to one of them."""

    by: str
    text: str = field(repr=False)
    to: str | None = None
    how: How = How.API


@dataclass(frozen=True, slots=True)
class Spotlight:
    """Give somebody a place in everybody's picture, whoever speaks, or take it back."""

    by: str
    who: str
    on: bool | None = None
    how: How = How.API


@dataclass(frozen=True, slots=True)
class SetOverlay:
    """Set what is written on somebody's picture; "" = his name again."""

    by: str
    who: str
    text: str
    how: How = How.API


@dataclass(frozen=True, slots=True)
class SetLayout:
    """Choose the arrangement of the pictures by name (`mixer.layout.NAMES`), for all, or for hosts and guests apart."""

    by: str
    layout: str | None = None
    host_layout: str | None = None
    guest_layout: str | None = None
    how: How = How.API


@dataclass(frozen=True, slots=True)
class NextLayout:
    """Go on to the next arrangement of the pictures, for all."""

    by: str
    how: How = How.KEYPAD


@dataclass(frozen=True, slots=True)
class SetLabels:
    """Say whether names stand below faces, and whether the talker has a frame; None = as it is."""

    by: str
    names: bool | None = None
    frames: bool | None = None
    how: How = How.API


@dataclass(frozen=True, slots=True)
class VideoMute:
    """Show somebody's camera to nobody, as a host, or lift that. What he did to himself stays."""

    by: str
    who: str
    on: bool | None = None
    how: How = How.API


@dataclass(frozen=True, slots=True)
class VideoMuteSelf:
    """Show one's own camera to nobody, or lift that. What a host did stays."""

    by: str
    on: bool | None = None
    how: How = How.API


@dataclass(frozen=True, slots=True)
class MarkInterpreter:
    """Give somebody the interpreter's place in everybody's picture, or take it back."""

    by: str
    who: str
    on: bool | None = None
    how: How = How.API


@dataclass(frozen=True, slots=True)
class Present:
    """Begin to show slides, in the place of whoever does, or stop. `who`: a host may stop another one."""

    by: str
    on: bool
    who: str | None = None
    how: How = How.API


@dataclass(frozen=True, slots=True)
class AllowGuestsPresent:
    """Let guests show slides, until the run ends, or no longer."""

    by: str
    on: bool | None = None
    how: How = How.API


@dataclass(frozen=True, slots=True)
class MixSlides:
    """Show slides in one's picture of the room, or not. `who`: of somebody else, for whom a host may say it."""

    by: str
    on: bool | None = None
    who: str | None = None
    how: How = How.KEYPAD


@dataclass(frozen=True, slots=True)
class SetBanner:
    """Set what everybody in the room is shown as a line of its own; "" = nothing."""

    by: str
    text: str = field(repr=False)
    how: How = How.API


@dataclass(frozen=True, slots=True)
class Transfer:
    """Send somebody in the room to another room, which exists.

    `role`: what he is there, for which whoever asks has shown his right; None = as that room's own rules say.
    """

    by: str
    who: str
    to_room: str
    role: Role | None = None
    how: How = How.API


@dataclass(frozen=True, slots=True)
class SendKeys:
    """Send keys to somebody's equipment. What they are stands in no record."""

    by: str
    who: str
    digits: str = field(repr=False)
    how: How = How.API


@dataclass(frozen=True, slots=True)
class Dial:
    """Ask whether somebody may call another one into the room; who does so and whereto is not the room's to know."""

    by: str
    how: How = How.API


@dataclass(frozen=True, slots=True)
class SetGain:
    """Make somebody louder or softer: a linear factor, 0 to 4."""

    by: str
    who: str
    gain: float
    how: How = How.API


@dataclass(frozen=True, slots=True)
class SetRole:
    """Make somebody in the room host or guest."""

    by: str
    who: str
    role: Role
    how: How = How.API


@dataclass(frozen=True, slots=True)
class Kick:
    """Remove somebody from the room. In a locked room he must knock again."""

    by: str
    who: str
    how: How = How.API


@dataclass(frozen=True, slots=True)
class End:
    """End the conference for all, after a notice of three seconds unless `at_once`."""

    by: str
    at_once: bool = False
    how: How = How.KEYPAD


@dataclass(frozen=True, slots=True)
class CancelEnd:
    """Take back an `End` during its notice. Asks for nothing while nothing is ending: every `*` sends it."""

    by: str
    how: How = How.KEYPAD


@dataclass(frozen=True, slots=True)
class Count:
    """Say how many are in the room."""

    by: str
    how: How = How.KEYPAD


@dataclass(frozen=True, slots=True)
class Help:
    """Say which keys there are."""

    by: str
    how: How = How.KEYPAD


Request = (
    Start | Lock | Admit | AdmitAll | Decline | Mute | MuteGuests | AllowGuestsUnmute | MuteSelf | ClientMute | Hand
    | LowerHands | SetGain | SetRole | Spotlight | SetOverlay | SetLayout | SetBanner | Say | SendKeys | Transfer
    | NextLayout | SetLabels | VideoMute | VideoMuteSelf | MarkInterpreter | Present | AllowGuestsPresent | MixSlides
    | Dial | Kick | End | CancelEnd | Count | Help
)  # fmt: skip
"""What somebody asks for and may be refused."""

Command = Join | Leave | Hold | Silence | Media | Video | Seen | Talk | Request
"""What a conference takes; the first eight are facts, told by signalling and media."""
