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
                self._rooms |= {name.lower(): room for name in (room.number, *room.aliases)}

    def find(self, user: str, domain: str = "") -> Room | None:
        """The room that `user` means, or None. `user` is decoded, without visual separators (`sip.uri.dialled`).

        Exact aliases "user@domain" come first, then "user" alone, then "user" without a leading "+".
        """
        if not user or len(user) + len(domain) > LONGEST:
            return None
        user = user.lower()
        names = (f"{user}@{domain.lower()}", user, user.removeprefix("+"))
        return next((self._rooms[name] for name in names if name in self._rooms), None)
