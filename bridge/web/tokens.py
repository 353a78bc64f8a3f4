"""Tokens: words that stand for somebody, for a while. Only their hashes are kept.

What they stand for is the user's own: a client, a room that a camera may send to, a person on his way from one room to
another. Time and chance come in as arguments.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from hashlib import sha256
from typing import Final, Generic, NamedTuple, TypeVar

MOST_EACH: Final = 8  # tokens of one holder that are good at a time; the oldest goes first
LONGEST: Final = 200  # characters; a longer word is no token

T = TypeVar("T", bound=Hashable)


class _Held(NamedTuple, Generic[T]):
    holder: T
    until: float


class Tokens(Generic[T]):
    """All tokens of one kind. Each is good for `life_s` from its making.

    `draw` makes a new word of at least 128 bits of chance. Bounded by the number of holders, which is their owner's to
    bound.
    """

    def __init__(self, life_s: float, draw: Callable[[], str], most_each: int = MOST_EACH) -> None:
        self.life_s = life_s
        self._draw = draw
        self._most_each = most_each
        self._held: dict[bytes, _Held[T]] = {}  # in the order of making, which is that of expiry
        self._of: dict[T, deque[bytes]] = {}

    def issue(self, holder: T, now: float) -> str:
        """Make a token for a holder. Those that he has stay good until their own end."""
        token = self._draw()
        digest = _digest(token)
        self._held[digest] = _Held(holder, now + self.life_s)
        mine = self._of.setdefault(holder, deque())
        mine.append(digest)
        if len(mine) > self._most_each:
            self._held.pop(mine.popleft(), None)
        return token

    def holder(self, token: str, now: float) -> T | None:
        """Whose token this is; None if nobody's, or no longer good."""
        held = self._held.get(_digest(token)) if 0 < len(token) <= LONGEST else None
        return held.holder if held is not None and now < held.until else None

    def spend(self, token: str, now: float) -> T | None:
        """Whose token this is; it is good no more."""
        holder = self.holder(token, now)
        if holder is not None:
            self._forget(_digest(token), holder)
        return holder

    def release(self, holder: T) -> None:
        """All tokens of this holder are good no more."""
        for digest in self._of.pop(holder, ()):
            self._held.pop(digest, None)

    def release_those(self, of: Callable[[T], bool]) -> None:
        """All tokens of these holders are good no more."""
        for holder in [each for each in self._of if of(each)]:
            self.release(holder)

    def expire(self, now: float) -> tuple[T, ...]:
        """Forget what is good no more; returns the holders who have nothing left."""
        empty: list[T] = []
        while self._held:
            digest, held = next(iter(self._held.items()))
            if now < held.until:
                break
            self._forget(digest, held.holder)
            if held.holder not in self._of:
                empty.append(held.holder)
        return tuple(empty)

    def deadline(self) -> float | None:
        """When the next token ends [monotonic seconds]."""
        first = next(iter(self._held.values()), None)
        return first.until if first is not None else None

    def _forget(self, digest: bytes, holder: T) -> None:
        self._held.pop(digest, None)
        mine = self._of[holder]
        mine.remove(digest)
        if not mine:
            del self._of[holder]


def _digest(token: str) -> bytes:
    """What is kept of a token. It is too long to be guessed, so a plain hash will do."""
    return sha256(token.encode("utf-8", "replace")).digest()
