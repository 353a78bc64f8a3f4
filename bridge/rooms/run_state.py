"""What hosts have set for one run of a conference; a new run begins as the room is configured."""

from __future__ import annotations

from typing import NamedTuple

from bridge.rooms.layouts import DEFAULT, Layouts
from config.model import Room


class RunState(NamedTuple):
    """Plain values, so that they can be kept over a restart of the bridge."""

    locked: bool
    guests_muted: bool
    guests_can_unmute: bool
    host_layout: str = DEFAULT
    guest_layout: str = DEFAULT
    guests_can_present: bool = True
    names: bool = True
    frames: bool = True

    @property
    def layouts(self) -> Layouts:
        """How the pictures are arranged."""
        return Layouts(self.host_layout, self.guest_layout)


def configured(room: Room) -> RunState:
    """How a run in this room begins."""
    return RunState(
        room.auto_lock, room.mute_guests, room.guests_can_unmute, room.layout, room.guest_layout or room.layout,
        room.guests_can_present, room.names,
    )  # fmt: skip
