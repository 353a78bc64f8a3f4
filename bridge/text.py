"""Text from elsewhere, made fit to be written into a line of JSON."""

from __future__ import annotations

from typing import Any, Final

# Control characters above ASCII and Unicode's line ends: JSON lets them through, terminals and readers of lines obey.
_DISTURBING: Final = dict.fromkeys((*range(0x7F, 0xA0), 0x2028, 0x2029), "\ufffd")


def writable(value: Any) -> Any:
    """A text without what cannot be encoded (lone surrogates, from undecodable bytes) or disturbs; else the value."""
    if not isinstance(value, str):
        return value
    return value.encode("utf-8", "replace").decode().translate(_DISTURBING)
