"""What to show for a caller's name: on a roster, in a log, in a picture.

A display name is the peer's own text: it may hold terminal escapes, writing-direction tricks, a thousand
combining marks, or nothing. Here it becomes one short line; markup and quoting stay the business of whoever
shows it.
"""

from __future__ import annotations

import unicodedata
from typing import Final

from bridge.sip.uri import NameAddr, unescaped

MOST_SHOWN: Final = 64  # graphemes, near enough: characters that take a place of their own
_MOST_MARKS = 3  # combining marks on one character; more is only there to disturb
_MOST_READ = 1_024  # characters looked at
_JOINER = "\u200d"  # keeps families and flags of emoji together
_FALLBACK: Final = "Guest"


def shown_name(address: NameAddr) -> str:
    """Return the display name made safe to show, else the user part, else "Guest". Never empty.

    Control and format characters (among them the bidirectional overrides) go, blanks become single spaces,
    broken UTF-8 becomes U+FFFD, and at most 64 graphemes stay.
    """
    return clean_name(address.display) or clean_name(unescaped(address.uri.user or "")) or _FALLBACK


def clean_name(text: str) -> str:
    """Make any text a short single line as `shown_name` says; "" if nothing visible is left."""
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
