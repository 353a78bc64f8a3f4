"""Those who want in: what they bring, and what stands for them while they are on their way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from bridge.rooms.participant import Role


@dataclass(frozen=True, slots=True)
class Claim:
    """Somebody who wants in and has no leg yet."""

    id: str
    display_name: str
    source: str
    way: str = "web"
    trusted: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """What somebody brings who asks for a token. `pin`: None = nothing was said about one."""

    alias: str
    source: str
    display_name: str
    pin: str | None = None
    call_tag: str = ""
    resume: str = ""
    referral: str = ""


class Referral(NamedTuple):
    """Somebody on his way to another room. `leg`: what he was, so that no two are equal."""

    leg: str
    room: str
    role: Role


class WhipPass(NamedTuple):
    """What a host lets in by WHIP. `by`: the host's leg."""

    room: str
    name: str
    by: str
