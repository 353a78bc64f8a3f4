"""What requests of the client API may bring along. Types are strict; fields that are not ours are passed over."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints

Word = Annotated[str, StringConstraints(max_length=256)]
Line = Annotated[str, StringConstraints(max_length=1024)]
Sdp = Annotated[str, StringConstraints(min_length=1, max_length=32_768)]


class Body(BaseModel):
    """Common settings of all bodies: nothing is turned into another type."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True, hide_input_in_errors=True)


class Empty(Body):
    """A body of which nothing is used."""


class TokenAsked(Body):
    """Who asks for a token. `pin`: "none" or "" = a guest without one; `resume`, ours: the key to an earlier seat;
    `token`: the one that a transfer brought."""

    display_name: Line = ""
    pin: Line | None = None
    call_tag: Word | None = None
    resume: Word | None = None
    token: Word | None = None


class WhipAsked(Body):
    """What the camera or encoder is to be called."""

    name: Line = ""


class Setting(Body):
    """A switch."""

    setting: bool


class State(Body):
    """A switch, by upstream's other name."""

    state: bool


class Message(Body):
    """What somebody writes."""

    type: Word = "text/plain"
    payload: Annotated[str, StringConstraints(min_length=1, max_length=4000)]


class EndAsked(Body):
    """How the conference ends for all; ours: False gives three seconds of notice."""

    at_once: bool = True


class Transforms(Body):
    """How pictures are arranged, and what is drawn on them; what else upstream has in it has no meaning here yet."""

    layout: Word | None = None
    host_layout: Word | None = None
    guest_layout: Word | None = None
    enable_overlay_text: bool | None = None
    enable_active_speaker_indication: bool | None = None


class LayoutAsked(Body):
    """A new arrangement."""

    transforms: Transforms


class DialAsked(Body):
    """Whom to call."""

    destination: Word
    role: Literal["HOST", "GUEST", "host", "guest", "chair"] = "GUEST"


class Keys(Body):
    """Keys of a telephone."""

    digits: Word


class Overlay(Body):
    """What stands on somebody's picture, "" = his name; or in everybody's, "" = nothing."""

    text: Word


class RoleAsked(Body):
    """What somebody becomes."""

    role: Literal["chair", "guest", "host"]


class TransferAsked(Body):
    """Where somebody is sent, as what, and with which PIN of that room."""

    conference_alias: Word
    role: Literal["host", "guest"] | None = None
    pin: Line | None = None


class CallAsked(Body):
    """An offer. `present`: a call for slides alone, which come along with the other pictures here."""

    call_type: Literal["WEBRTC", "RTMP"] = "WEBRTC"
    sdp: Sdp
    present: Word | None = None


class Update(Body):
    """A further offer of the same call."""

    sdp: Sdp


class Candidate(Body):
    """One of the peer's candidates."""

    candidate: Line = ""
    mid: Word | None = None
    ufrag: Word | None = None
