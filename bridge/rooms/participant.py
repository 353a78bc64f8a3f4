"""Somebody who has got past reception: a value that the conference replaces when something changes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple


class Role(Enum):
    """What a person may do. A room without a host PIN has hosts only."""

    HOST = "host"
    GUEST = "guest"


class Place(Enum):
    """Where a person is. Waiting and knocking are the lobby: outside, hearing nothing of the room."""

    WAITING = "waiting"  # for the conference to be started by a host
    KNOCKING = "knocking"  # at a locked door, until a host decides
    INSIDE = "inside"


class Pictures(NamedTuple):
    """What was agreed with a leg's peer on pictures.

    `camera`, `slides`: the peer may send those to us; `watches`, `watches_slides`: it takes from us a picture of the
    room, and slides as a second one.
    """

    camera: bool = False
    slides: bool = False
    watches: bool = False
    watches_slides: bool = False


NO_PICTURES: Final = Pictures()


@dataclass(frozen=True, slots=True)
class Participant:
    """One leg in the lobby or in the room.

    `since`: when it came to its `place` [monotonic seconds]. `admitted`: a lock does not hold it up, because a host
    let it in or called it. `host_muted`, `self_muted`: two locks on one door; sound passes when both are open.
    `client_muted`: his own device says that it sends silence; no lock of ours. `hand_since`, `spotlight_since`: when
    the hand was raised, and the spotlight turned on, None = they are not. `overlay`: what stands on the picture instead
    of the name. `outgoing`: we called it. `source`: the address that its knocks are counted by. `pictures`: what was
    agreed on them; `seen`, `slides_seen`: whether pictures of the camera, and slides, have come lately. Media looks at
    no pictures that stand on no canvas, and tells nothing of them. `host_video_muted`, `self_video_muted`: two locks
    again. `interpreter_since`: when he was marked as interpreter. `presenting_since`: when he began to show slides, and
    `slides_shown`: any have come since; a slide that stands still may send nothing. `slides_in_mix`: whether he wants
    them in his picture of the room; None = only where he has no other picture for them.
    """

    leg: str
    name: str
    role: Role
    place: Place
    since: float
    source: str = ""
    way: str = ""
    media: bool = True
    admitted: bool = False
    host_muted: bool = False
    self_muted: bool = False
    held: bool = False
    silent: bool = False
    hand_since: float | None = None
    gain: float = 1.0
    client_muted: bool = False
    spotlight_since: float | None = None
    overlay: str | None = None
    encrypted: bool = False
    outgoing: bool = False
    pictures: Pictures = NO_PICTURES
    seen: bool = False
    slides_seen: bool = False
    host_video_muted: bool = False
    self_video_muted: bool = False
    interpreter_since: float | None = None
    presenting_since: float | None = None
    slides_shown: bool = False
    slides_in_mix: bool | None = None

    @property
    def inside(self) -> bool:
        """Whether it is in the room, not in the lobby."""
        return self.place is Place.INSIDE

    @property
    def is_host(self) -> bool:
        """Whether it has a host's powers: by role, and only inside."""
        return self.role is Role.HOST and self.inside

    @property
    def muted(self) -> bool:
        """Whether its sound is kept out of the mix, by a host or by itself."""
        return self.host_muted or self.self_muted

    @property
    def video_muted(self) -> bool:
        """Whether his camera is shown to nobody, because of a host or of himself."""
        return self.host_video_muted or self.self_video_muted
