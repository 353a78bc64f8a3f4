"""What to show for a caller's name: on a roster, in a log, in a picture."""

from __future__ import annotations

from typing import Final

from bridge.sip.uri import NameAddr, unescaped
from bridge.text import clean_name

_FALLBACK: Final = "Guest"


def shown_name(address: NameAddr) -> str:
    """Return the display name made safe to show, else the user part, else "Guest". Never empty.

    `clean_name` says what is safe.
    """
    return clean_name(address.display) or clean_name(unescaped(address.uri.user or "")) or _FALLBACK
