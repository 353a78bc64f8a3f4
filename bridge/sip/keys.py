"""What INFO requests carry: keys, in the two forms of old phones, and the wish for a key frame (RFC 5168).

Nothing here is parsed as XML: a document type or an entity in such a body is refused, not expanded.
"""

from __future__ import annotations

from bridge.errors import ProtocolError

_KEYS = frozenset("0123456789*#ABCD")
_BY_EVENT = {"10": "*", "11": "#", "12": "A", "13": "B", "14": "C", "15": "D"}
_LONGEST_BODY = 2048
_LONGEST_MS = 10_000


def parse_key(content_type: str, body: bytes) -> tuple[str, int]:
    """The key and its duration [ms, 0 = not said] of an application/dtmf-relay or application/dtmf body.

    dtmf-relay is "Signal=5" and "Duration=160" on lines; dtmf is the key alone. Keys of RFC 4733 numbers 10 to 15 are
    known too. Raises ProtocolError "info-key".
    """
    if len(body) > _LONGEST_BODY:
        raise ProtocolError("info-key", "too long")
    text = body.decode("ascii", "replace")
    if content_type == "application/dtmf":
        return _key(text), 0
    key, duration = "", 0
    for line in text.replace("\r", "\n").split("\n"):
        name, _, value = line.partition("=")
        match name.strip().lower():
            case "signal":
                key = _key(value)
            case "duration":
                value = value.strip()
                if value.isascii() and value.isdigit() and len(value) <= 6:
                    duration = min(int(value), _LONGEST_MS)
            case _:
                pass
    if not key:
        raise ProtocolError("info-key", "no signal")
    return key, duration


def _key(text: str) -> str:
    text = text.strip().upper()
    text = _BY_EVENT.get(text, text)
    if text not in _KEYS or len(text) != 1:
        raise ProtocolError("info-key", "not a key")
    return text


def wants_picture(body: bytes) -> bool:
    """Whether a media_control body asks for a fast update. Raises ProtocolError "info-xml" for what may be a bomb."""
    if len(body) > _LONGEST_BODY or b"<!" in body.replace(b"<!--", b""):
        raise ProtocolError("info-xml", "too long, or with declarations")
    return b"<picture_fast_update" in body
