"""A value that must not be shown: it prints as three stars, whatever prints it."""

from __future__ import annotations

import hmac


class Secret:
    """A password, a PIN or the hash of one. Compares in constant time; empty is false.

    `reveal()` is the only way to the text, so that a search for it finds every place that uses one.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str = "") -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(
            self._text.encode("utf-8", "replace"), other._text.encode("utf-8", "replace")
        )

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "***"
