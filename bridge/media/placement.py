"""Which media process serves which leg: all legs of a conference are on one, so that they can be mixed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


class Placement:
    """Legs and conferences on `processes` numbered places. A conference stays where it is while it has legs."""

    def __init__(self, processes: int) -> None:
        self._process_of: dict[str, int] = {}
        self._conference_of: dict[str, str] = {}
        self._members: dict[str, set[str]] = {}  # conference -> legs
        self._pinned: dict[str, int] = {}  # conference -> process, while it has legs
        self._planned: dict[str, int] = {}  # conference -> process that holds a plan of it with seats
        self._load = [0] * processes

    def place(self, leg: str, conference: str, up: Sequence[bool]) -> int:
        """Put a leg into a conference and say on which process it is.

        A new conference goes to the process with the fewest legs among those that are `up`; if none is, among all.
        """
        process = self._process_of.get(leg)
        if process is None:
            process = self.home(conference)
            if process is None:
                process = self._least_loaded(up)
            self._process_of[leg] = process
            self._load[process] += 1
        self._enter(leg, conference, process)
        return process

    def move(self, leg: str, conference: str) -> bool:
        """Put a placed leg into another conference, if its process can serve it there: else nothing has changed."""
        process, home = self._process_of.get(leg), self.home(conference)
        if process is None or home not in (None, process):
            return False
        self._enter(leg, conference, process)
        return True

    def of_legs(self, legs: Iterable[str]) -> tuple[int, ...]:
        """The processes of these legs, each once; unknown legs are passed over."""
        return tuple(sorted({self._process_of[leg] for leg in legs if leg in self._process_of}))

    def plan(self, conference: str, ends: bool) -> tuple[int, ...]:
        """The process that a new plan of a conference goes to; none when the conference is unknown.

        A conference is remembered until a plan that `ends` it was sent, even if its last leg closes before: else its
        process would keep the old plan for ever.
        """
        process = self.home(conference)
        if process is None:
            return ()
        if ends:
            self._planned.pop(conference, None)
        else:
            self._planned[conference] = process
        return (process,)

    def forget(self, leg: str) -> None:
        """The leg is closed. Does nothing for an unknown one."""
        process = self._process_of.pop(leg, None)
        if process is not None:
            self._load[process] -= 1
            self._leave(leg)

    def forget_all(self, process: int) -> tuple[str, ...]:
        """The process is gone: forget its legs and say which they were."""
        legs = tuple(leg for leg, place in self._process_of.items() if place == process)
        for leg in legs:
            self.forget(leg)
        for conference in [name for name, place in self._planned.items() if place == process]:
            del self._planned[conference]
        return legs

    def home(self, conference: str) -> int | None:
        """The process that has a conference, None = none yet."""
        return self._pinned.get(conference, self._planned.get(conference))

    def _enter(self, leg: str, conference: str, process: int) -> None:
        self._leave(leg)
        self._pinned.setdefault(conference, process)
        self._members.setdefault(conference, set()).add(leg)
        self._conference_of[leg] = conference

    def _leave(self, leg: str) -> None:
        conference = self._conference_of.pop(leg, None)
        if conference is None:
            return
        members = self._members[conference]
        members.discard(leg)
        if not members:
            del self._members[conference]
            del self._pinned[conference]

    def _least_loaded(self, up: Sequence[bool]) -> int:
        able = [index for index, answers in enumerate(up) if answers] or range(len(self._load))
        return min(able, key=self._load.__getitem__)
