"""What we show to whoever challenges one errand of ours, over its repetitions (RFC 3261 section 22.2)."""

from __future__ import annotations

from collections.abc import Callable

from bridge.sip.auth import DigestClient, is_stale
from bridge.sip.commands import Credentials
from bridge.sip.message import Response


class Proof:
    """Answers one challenge, and one more where only the nonce was old: a second refusal means a wrong password.

    Without `credentials` it answers nothing. `token` makes client nonces.
    """

    def __init__(self, credentials: Credentials | None, token: Callable[[], str]) -> None:
        self._digest: DigestClient | None = None
        if credentials is not None:
            self._digest = DigestClient(credentials.username, credentials.password, credentials.realm, token)
        self._answered = 0

    def begin(self) -> None:
        """The errand begins anew: what was answered before no longer counts."""
        self._answered = 0

    def answer(self, response: Response, method: str, uri: str) -> tuple[str, str] | None:
        """The header that answers a 401 or 407 to a `method` request for `uri`, None where none may be given."""
        stale = is_stale(response.status, response.headers)
        if self._digest is None or self._answered >= (2 if stale else 1):
            return None
        header = self._digest.answer(response.status, response.headers, method, uri)
        if header is not None:
            self._answered += 1
        return header
