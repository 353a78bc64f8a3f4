"""How the API says no: one exception, which becomes one answer."""

from __future__ import annotations

from typing import Any

from bridge.errors import Reason
from bridge.web.protocol import SENTENCES, STATUSES


class RefusedError(Exception):
    """A request is refused: an HTTP status, the `result` of the answer, and when to try again [s], None = not said.

    `reason`, ours: the same in one word, "" = none.
    """

    def __init__(self, status: int, result: Any, retry_after_s: int | None = None, reason: str = "") -> None:
        super().__init__(status)
        self.status = status
        self.result = result
        self.retry_after_s = retry_after_s
        self.reason = reason


def refused(reason: Reason, retry_after_s: int = 10) -> RefusedError:
    """The refusal of somebody who wants to come in."""
    status = STATUSES.get(reason, 403)
    return RefusedError(status, SENTENCES[reason], retry_after_s if status == 503 else None)
