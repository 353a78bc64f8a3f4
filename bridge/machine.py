"""The contract of every state machine that lives by time: bytes and `now` in, decisions out.

Outputs are returned, so that nobody can forget to fetch them; the machine keeps no clock, only deadlines.
`bridge.driver` is the one file that joins a machine to the event loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

In = TypeVar("In", contravariant=True)
Out = TypeVar("Out", covariant=True)


class Wake:
    """The input that says: the deadline you asked for has come."""

    __slots__ = ()


WAKE = Wake()


class Machine(Protocol[In, Out]):
    """A pure state machine. `now` is monotonic seconds."""

    def handle(self, event: In | Wake, now: float) -> Sequence[Out]:
        """Take one input and return what follows from it, in order."""
        ...

    def deadline(self) -> float | None:
        """When `Wake` is wanted next [monotonic seconds], or None."""
        ...
