"""What INFO requests carry: keys, in the two forms of old phones, and the wish for a key frame (RFC 5168).

Nothing here is parsed as XML: a document type or an entity in such a body is refused, not expanded.
"""

from __future__ import annotations

from bridge.errors import ProtocolError
from bridge.sip.capabilities import ACCEPT, RefusalError, check_coding
from bridge.sip.events import DigitReceived, PictureFastUpdate
from bridge.sip.message import Request

ASK_FOR_PICTURE = (
    "application/media_control+xml",
    b'<?xml version="1.0" encoding="utf-8"?><media_control><vc_primitive><to_encoder><picture_fast_update/>'
    b"</to_encoder></vc_primitive></media_control>",
)
"""Content type and body of an INFO that asks for a key frame (RFC 5168 section 4)."""

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


def read_info(call: str, request: Request) -> DigitReceived | PictureFastUpdate | None:
    """What an INFO in the call named `call` says, None for nothing (RFC 6086 section 4: legacy usages only).

    Raises RefusalError 415 or 469 for what is not ours, ProtocolError for what is broken.
    """
    if "Info-Package" in request.headers:
        raise RefusalError(469, ("Recv-Info", ""))  # RFC 6086 section 4.2.2
    check_coding(request)
    kind = request.content_type
    if not request.body or kind is None:
        return None
    match kind.name:
        case "application/dtmf-relay" | "application/dtmf":
            return DigitReceived(call, *parse_key(kind.name, request.body))
        case "application/media_control+xml":
            return PictureFastUpdate(call) if wants_picture(request.body) else None
        case _:
            raise RefusalError(415, ACCEPT)
