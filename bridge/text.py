"""Text from elsewhere, made fit to be shown as a name, or to be written into a line of JSON.

A name is the peer's own text: it may hold terminal escapes, writing-direction tricks, a thousand combining marks, or
nothing. `clean_name` makes one short line of it; markup and quoting stay the business of whoever shows it.
"""

from __future__ import annotations

import unicodedata
from typing import Any, Final

MOST_SHOWN: Final = 64  # graphemes, near enough: characters that take a place of their own
_MOST_MARKS = 3  # combining marks on one character; more is only there to disturb
_MOST_READ = 1_024  # characters looked at
_JOINER = "\u200d"  # keeps families and flags of emoji together

# Control characters above ASCII and Unicode's line ends: JSON lets them through, terminals and readers of lines obey.
_DISTURBING: Final = dict.fromkeys((*range(0x7F, 0xA0), 0x2028, 0x2029), "\ufffd")


def writable(value: Any) -> Any:
    """A text without what cannot be encoded (lone surrogates, from undecodable bytes) or disturbs; else the value."""
    if not isinstance(value, str):
        return value
    return value.encode("utf-8", "replace").decode().translate(_DISTURBING)


def clean_name(text: str) -> str:
    """Make any text a short single line; "" if nothing visible is left.

    Control and format characters (among them the bidirectional overrides) go, blanks become single spaces,
    broken UTF-8 becomes U+FFFD, and at most 64 graphemes stay.
    """
    out: list[str] = []
    shown = marks = 0
    for character in unicodedata.normalize("NFC", text[:_MOST_READ]):
        match unicodedata.category(character):
            case "Cc" | "Zl" | "Zp" | "Zs":
                character = " "
                if not out or out[-1] == " ":
                    continue
            case "Cf":
                if character != _JOINER or not out or out[-1] in (" ", _JOINER):
                    continue
                out.append(character)
                continue
            case "Mn" | "Me" | "Mc":
                marks += 1
                if out and marks <= _MOST_MARKS:
                    out.append(character)
                continue
            case "Cs":
                character = "\ufffd"
        marks = 0
        if not (out and out[-1] == _JOINER):
            shown += 1
            if shown > MOST_SHOWN:
                break
        out.append(character)
    return "".join(out).strip(f" {_JOINER}")
