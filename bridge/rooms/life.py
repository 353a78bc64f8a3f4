"""The clocks that end a run of a conference (behaviours.md C4), each counted on its own."""

from __future__ import annotations

from bridge.rooms.events import Cause


class Life:
    """Three clocks: the notice of an end that was asked for, the time without a host, the time alone.

    `no_host_end_s`: 0 = at once. `last_one_end_s`: 0 = never. All times are monotonic seconds.
    """

    def __init__(self, no_host_end_s: float, last_one_end_s: float) -> None:
        self._no_host_end_s = no_host_end_s
        self._last_one_end_s = last_one_end_s
        self._ending_at: float | None = None
        self._hostless_since: float | None = None
        self._alone_since: float | None = None

    @property
    def ending(self) -> bool:
        """Whether an end has been announced."""
        return self._ending_at is not None

    def announce_end(self, at: float) -> None:
        """End at that time, unless cancelled."""
        self._ending_at = at

    def cancel_end(self) -> None:
        """Take the announcement back."""
        self._ending_at = None

    def watch(self, hosts: int, people: int, before: int, now: float) -> None:
        """Start and stop the clocks by who is in a running conference; `before`: how many were in it before.

        Only who is *left* alone is counted out: the first to come may wait for the others.
        """
        if hosts:
            self._hostless_since = None
        elif self._hostless_since is None:
            self._hostless_since = now
        if people != 1:
            self._alone_since = None
        elif before > 1:
            self._alone_since = now

    def reset(self) -> None:
        """Stop all clocks: the run is over."""
        self._ending_at = self._hostless_since = self._alone_since = None

    def deadline(self) -> float | None:
        """When the next clock runs out."""
        return min((at for at, _ in self._limits()), default=None)

    def due(self, now: float) -> Cause | None:
        """Why the run ends now, if it does: of several reasons, the one that came first."""
        limits = self._limits()
        at, cause = min(limits, key=lambda limit: limit[0], default=(now + 1, Cause.COMMAND))
        return cause if at <= now else None

    def _limits(self) -> list[tuple[float, Cause]]:
        limits = []
        if self._ending_at is not None:
            limits.append((self._ending_at, Cause.COMMAND))
        if self._hostless_since is not None:
            limits.append((self._hostless_since + self._no_host_end_s, Cause.NO_HOST))
        if self._alone_since is not None and self._last_one_end_s:
            limits.append((self._alone_since + self._last_one_end_s, Cause.LAST_ONE))
        return limits
