"""What was dialled -> the room. Unknown and disabled rooms are the same nothing, so they look alike from outside."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from config.model import Room

LONGEST: Final = 128


class Directory:
    """The configured rooms by number and by alias. Letters of an alias are compared without regard to case."""

    def __init__(self, rooms: Iterable[Room]) -> None:
        self._rooms: dict[str, Room] = {}
        for room in rooms:
            if not room.disabled:
                names = (room.number, *room.aliases, *room.interpreter_aliases)
                self._rooms |= {name.lower(): room for name in names}

    def find(self, user: str, domain: str = "") -> Room | None:
        """The room that `user` means, or None. `user` is decoded, without visual separators (`sip.uri.dialled`).

        Exact aliases "user@domain" come first, then "user" alone, then "user" without a leading "+".
        """
        return next((self._rooms[name] for name in _names(user, domain) if name in self._rooms), None)

    def interprets(self, room: Room, user: str, domain: str, caller: str) -> bool:
        """Whether somebody comes to a room as its interpreter: by what was dialled, or by who he is.

        `caller`: his address as he has proved it, "user@domain", "" = he has not.
        """
        known = {name.lower() for name in room.interpreters}
        if caller and caller.lower() in known:
            return True
        names = (name for name in _names(user, domain) if name in self._rooms)
        return next(names, "") in {name.lower() for name in room.interpreter_aliases}


def _names(user: str, domain: str) -> tuple[str, ...]:
    """Under which names to look for what was dialled, the most exact first."""
    if not user or len(user) + len(domain) > LONGEST:
        return ()
    user = user.lower()
    return f"{user}@{domain.lower()}", user, user.removeprefix("+")
