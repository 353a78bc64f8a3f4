"""The small words of SIP text: tokens, digits, quoted strings, comma lists and parameters.

Everything here is linear in its input, knows ASCII digits only, and raises `ProtocolError` alone.
RFC 3261 sections 7.3 and 25.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from bridge.errors import ProtocolError

BLANK = " \t"
_MOST_VALUES = 128  # of one header over all its lines

_TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")
_BREAKS = str.maketrans({"\r": " ", "\n": " ", "\0": " "})


def is_token(text: str) -> bool:
    """Whether `text` is a token of RFC 3261 section 25.1 (at least one character)."""
    return _TOKEN.fullmatch(text) is not None


def number(text: str, highest: int, name: str) -> int:
    """Read an ASCII decimal number from 0 to `highest`.

    Raises ProtocolError `name` (status 400) for anything else: signs, underscores, digits of other scripts,
    an empty text, a number over range. Leading zeros are allowed (RFC 4475 section 3.1.1.1).
    """
    if not (text.isascii() and text.isdigit()):
        raise ProtocolError(name, "not a number")
    digits = text.lstrip("0") or "0"
    if len(digits) > 20 or (value := int(digits)) > highest:
        raise ProtocolError(name, "out of range")
    return value


def one_line(text: str) -> str:
    """Take CR, LF and NUL out of a value, so that it can never become a header of its own."""
    if "\n" in text or "\r" in text or "\0" in text:
        return text.translate(_BREAKS)
    return text


def quoted_end(text: str, start: int) -> int:
    """Find the quote that closes the quoted string whose inside starts at `start`.

    Raises ProtocolError "quote" if there is none (RFC 4475 section 3.1.2.6).
    """
    quote = text.find('"', start)
    while quote >= 0:
        slash = text.find("\\", start, quote)
        if slash < 0:
            return quote
        start = slash + 2
        if start > quote:
            quote = text.find('"', start)
    raise ProtocolError("quote", "unterminated quoted string")


def unquote(text: str) -> str:
    """Give the inside of a quoted string with its quoted pairs resolved; other text comes back as it is."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    inside = text[1:-1]
    if "\\" not in inside:
        return inside
    out: list[str] = []
    start = 0
    while (slash := inside.find("\\", start)) >= 0:
        out.append(inside[start:slash])
        out.append(inside[slash + 1 : slash + 2])
        start = slash + 2
    out.append(inside[start:])
    return "".join(out)


def quote(text: str) -> str:
    """Write `text` as a quoted string (RFC 3261 section 25.1)."""
    return '"' + one_line(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def split_outside(text: str, separator: str) -> list[str]:
    """Split at each `separator` character that stands outside quoted strings and angle brackets.

    The pieces are stripped of blanks and may be empty. Raises ProtocolError "quote".
    """
    if '"' not in text and "<" not in text:
        return [piece.strip(BLANK) for piece in text.split(separator)]
    pieces: list[str] = []
    start = at = 0
    for at in _marks(text, separator):
        pieces.append(text[start:at].strip(BLANK))
        start = at + 1
    pieces.append(text[start:].strip(BLANK))
    return pieces


def _marks(text: str, separator: str) -> Iterator[int]:
    """Yield where `separator` stands outside quotes and brackets."""
    stops = _STOPS[separator]
    at = 0
    while (stop := stops.search(text, at)) is not None:
        at = stop.end()
        match stop.group():
            case '"':
                at = quoted_end(text, at) + 1
            case "<":
                # A bracket that is never closed hides nothing: the name-addr parser will say what is wrong.
                at = text.find(">", at) + 1 or len(text)
            case _:
                yield stop.start()


_STOPS = {",": re.compile(r'[",<]'), ";": re.compile(r'[";<]')}


def split_list(lines: Iterable[str]) -> list[str]:
    """Split header field lines into their comma-separated values; empty ones are left out (RFC 3261 7.3.1).

    Raises ProtocolError "quote", and "list" for more than 128 values.
    """
    values: list[str] = []
    for line in lines:
        if "," in line:
            values.extend(value for value in split_outside(line, ",") if value)
        elif value := line.strip(BLANK):
            values.append(value)
    if len(values) > _MOST_VALUES:
        raise ProtocolError("list", "too many values")
    return values


class Params:
    """Parameters `;name=value` in their order and spelling; names compare without case. Immutable.

    A value keeps its quotes as written; `get` takes them off. A parameter without "=" has the value None in
    `pairs`, and "" for `get`.
    """

    __slots__ = ("pairs",)
    pairs: tuple[tuple[str, str | None], ...]

    def __init__(self, pairs: Iterable[tuple[str, str | None]] = ()) -> None:
        self.pairs = tuple(pairs)

    def get(self, name: str) -> str | None:
        """Return the value of the first parameter `name` (lower case), "" for a flag, None if absent."""
        for key, value in self.pairs:
            if key == name or key.lower() == name:
                return "" if value is None else unquote(value)
        return None

    def __contains__(self, name: str) -> bool:
        return self.get(name) is not None

    def __iter__(self) -> Iterator[tuple[str, str | None]]:
        return iter(self.pairs)

    def __len__(self) -> int:
        return len(self.pairs)

    def put(self, name: str, value: str | None = None) -> Params:
        """Return these parameters with `name` (lower case) set, in place if it was there, else at the end.

        `value` None makes a flag. Blanks, separators and line breaks in the value are the caller's to quote.
        """
        if name not in self:
            return Params((*self.pairs, (name, value)))
        return Params((key, value if key.lower() == name else old) for key, old in self.pairs)

    def drop(self, *names: str) -> Params:
        """Return these parameters without `names` (lower case)."""
        return Params(pair for pair in self.pairs if pair[0].lower() not in names)

    def __str__(self) -> str:
        return "".join(f";{name}" if value is None else f";{name}={value}" for name, value in self.pairs)

    def __repr__(self) -> str:
        return f"Params({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Params) and self.pairs == other.pairs

    def __hash__(self) -> int:
        return hash(self.pairs)


NO_PARAMS = Params()
_MOST_PARAMS = 64


def parse_params(text: str) -> Params:
    """Parse `;a=b;c` with or without the first semicolon; blanks around the signs are allowed.

    Raises ProtocolError "quote", and "params" for more than 64 of them.
    """
    if not text:
        return NO_PARAMS
    pairs: list[tuple[str, str | None]] = []
    for piece in split_outside(text, ";"):
        if not piece:
            continue
        name, equals, value = piece.partition("=")
        if equals:
            pairs.append((name.rstrip(BLANK), value.lstrip(BLANK)))
        else:
            pairs.append((piece, None))
    if len(pairs) > _MOST_PARAMS:
        raise ProtocolError("params", "too many parameters")
    return Params(pairs)
