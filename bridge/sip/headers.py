"""Header fields: ordered, with the raw values as received, and parsed views made on demand.

RFC 3261 section 7.3, compact forms of section 20 and the IANA registry. A value never holds CR, LF or NUL:
whatever comes in, wire or caller, loses them at the door, so nothing can smuggle in a header of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar, cast

from bridge.errors import ProtocolError
from bridge.sip.grammar import is_token, one_line

View = TypeVar("View")

_COMPACT = {
    "a": "Accept-Contact", "b": "Referred-By", "c": "Content-Type", "d": "Request-Disposition",
    "e": "Content-Encoding", "f": "From", "i": "Call-ID", "j": "Reject-Contact", "k": "Supported",
    "l": "Content-Length", "m": "Contact", "n": "Identity-Info", "o": "Event", "r": "Refer-To", "s": "Subject",
    "t": "To", "u": "Allow-Events", "v": "Via", "x": "Session-Expires", "y": "Identity",
}  # fmt: skip

_NAMES = (
    "Accept", "Accept-Contact", "Accept-Encoding", "Accept-Language", "Alert-Info", "Allow", "Allow-Events",
    "Authentication-Info", "Authorization", "Call-ID", "Call-Info", "Contact", "Content-Disposition",
    "Content-Encoding", "Content-Language", "Content-Length", "Content-Transfer-Encoding", "Content-Type",
    "CSeq", "Date", "Error-Info", "Event", "Expires", "From", "Geolocation", "History-Info", "Identity",
    "Identity-Info", "In-Reply-To", "Info-Package", "Join", "Max-Forwards", "MIME-Version", "Min-Expires",
    "Min-SE", "Organization", "P-Asserted-Identity", "P-Preferred-Identity", "Path", "Priority", "Privacy",
    "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Require", "RAck", "Reason", "Record-Route",
    "Recv-Info", "Refer-To", "Referred-By", "Reject-Contact", "Remote-Party-ID", "Replaces", "Reply-To",
    "Request-Disposition", "Require", "Retry-After", "Route", "RSeq", "Server", "Service-Route",
    "Session-Expires", "Subject", "Subscription-State", "Supported", "Timestamp", "To", "Unsupported",
    "User-Agent", "Via", "Warning", "WWW-Authenticate",
)  # fmt: skip

_CANONICAL: dict[str, str] = {name.lower(): name for name in _NAMES} | _COMPACT
# Every spelling that is common on the wire, so that most lines cost one look-up.
SPELLED: dict[str, str] = (
    _CANONICAL | {name: name for name in _NAMES} | {short.upper(): name for short, name in _COMPACT.items()}
)


def canonical_name(name: str) -> str:
    """Return the RFC's spelling of a header name, compact or in any case; unknown names come back as written.

    Raises ProtocolError "header-name" if it is not a token.
    """
    known = SPELLED.get(name)
    if known is not None:
        return known
    if not is_token(name):
        raise ProtocolError("header-name", "not a token")
    return _CANONICAL.get(name.lower(), name)


def _key(name: str) -> str:
    """Under which name a header is looked up: known ones by their canonical name, others in lower case."""
    lower = name.lower()
    return _CANONICAL.get(lower, lower)


class Headers:
    """The header fields of a message, in order; one pair for each field line."""

    __slots__ = ("_index", "_items", "_views")

    def __init__(self, items: Iterable[tuple[str, str]] = ()) -> None:
        self._items = [(canonical_name(name), one_line(value)) for name, value in items]
        self._index: dict[str, list[str]] | None = None
        self._views: dict[str, object] = {}

    @classmethod
    def from_wire(cls, items: list[tuple[str, str]]) -> Headers:
        """Take over pairs whose names are canonical and whose values are clean, as the parser makes them."""
        headers = cls.__new__(cls)
        headers._items = items
        headers._index = None
        headers._views = {}
        return headers

    def _lookup(self, name: str) -> list[str]:
        index = self._index
        if index is None:
            index = self._index = {}
            for key, value in self._items:
                key = key if key in SPELLED else _key(key)
                if key in index:
                    index[key].append(value)
                else:
                    index[key] = [value]
        found = index.get(name)
        return found if found is not None else index.get(_key(name), _NOTHING)

    def get(self, name: str) -> str | None:
        """Return the raw value of the first field line `name` (any spelling), or None."""
        lines = self._lookup(name)
        return lines[0] if lines else None

    def get_all(self, name: str) -> list[str]:
        """Return the raw values of all field lines `name`, in order. Comma lists are not split."""
        return list(self._lookup(name))

    def count(self, name: str) -> int:
        """Return how many field lines `name` there are."""
        return len(self._lookup(name))

    def view(self, name: str, parse: Callable[[Sequence[str]], View]) -> View:
        """Return `parse(field lines of name)`, kept until a header changes. `name` in canonical spelling.

        One name has one view: always give the same `parse` with it. What `parse` raises is not kept.
        """
        try:
            return cast(View, self._views[name])
        except KeyError:
            parsed = self._views[name] = parse(self._lookup(name))
            return parsed

    def add(self, name: str, value: str) -> None:
        """Append a field line. Raises ProtocolError "header-name"."""
        self._items.append((canonical_name(name), one_line(value)))
        self._changed()

    def insert_first(self, name: str, value: str) -> None:
        """Put a field line before all others, as a client does with its Via."""
        self._items.insert(0, (canonical_name(name), one_line(value)))
        self._changed()

    def replace(self, name: str, value: str) -> None:
        """Set `name` to this one value: the first line of it keeps its place, further ones go."""
        name = canonical_name(name)
        key = _key(name)
        for place, (other, _) in enumerate(self._items):
            if _key(other) == key:
                self._items[place] = (name, one_line(value))
                self._items[place + 1 :] = [pair for pair in self._items[place + 1 :] if _key(pair[0]) != key]
                break
        else:
            self._items.append((name, one_line(value)))
        self._changed()

    def replace_first(self, name: str, value: str) -> None:
        """Set the first field line `name` in its place and keep the further ones; append if there is none."""
        name = canonical_name(name)
        key = _key(name)
        for place, (other, _) in enumerate(self._items):
            if _key(other) == key:
                self._items[place] = (name, one_line(value))
                break
        else:
            self._items.append((name, one_line(value)))
        self._changed()

    def remove(self, name: str) -> None:
        """Take all field lines `name` out."""
        key = _key(name)
        self._items = [pair for pair in self._items if _key(pair[0]) != key]
        self._changed()

    def items(self) -> Sequence[tuple[str, str]]:
        """Return the pairs in order. Do not change the sequence."""
        return self._items

    def copy(self) -> Headers:
        """Return an independent copy."""
        return Headers.from_wire(list(self._items))

    def _changed(self) -> None:
        self._index = None
        if self._views:
            self._views = {}

    def __contains__(self, name: str) -> bool:
        return bool(self._lookup(name))

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self._items == other._items

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        # Values may hold names, numbers and credentials: only the names are shown.
        return f"Headers({[name for name, _ in self._items]})"


_NOTHING: list[str] = []
