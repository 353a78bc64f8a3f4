"""What the agent can do, as it says so in Allow, Supported and Accept, and as it checks what others ask for."""

from __future__ import annotations

from typing import Final

from bridge.errors import ProtocolError
from bridge.sip.message import Message, Request
from bridge.sip.multipart import find_body
from bridge.sip.values import parse_tags

ALLOWED: Final = ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "INFO", "UPDATE", "PRACK")
# Known and not served (405, or what suits them better); everything else is unknown (501).
KNOWN: Final = frozenset((*ALLOWED, "REGISTER", "SUBSCRIBE", "NOTIFY", "PUBLISH", "MESSAGE", "REFER"))
OPTIONS: Final = ("timer", "100rel")
SDP: Final = "application/sdp"

ALLOW: Final = ("Allow", ", ".join(ALLOWED))
SUPPORTED: Final = ("Supported", ", ".join(OPTIONS))
# Of our re-INVITEs and UPDATEs: nobody would PRACK a reliable provisional response to them.
SUPPORTED_INSIDE: Final = ("Supported", "timer")
ACCEPT_SDP: Final = ("Accept", SDP)
ACCEPT: Final = ("Accept", f"{SDP}, application/dtmf-relay, application/dtmf, application/media_control+xml")

Pairs = list[tuple[str, str]]


class RefusalError(Exception):
    """A request is answered with `status` and `headers` before anybody above hears of it."""

    def __init__(self, status: int, *headers: tuple[str, str], phrase: str | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.headers = headers
        self.phrase = phrase


def check_required(request: Request) -> None:
    """Raise RefusalError 420 where an extension is required that we do not have (RFC 3261 section 8.2.2.3)."""
    unknown = [tag for tag in request.require if tag not in OPTIONS]
    if unknown:
        raise RefusalError(420, ("Unsupported", ", ".join(unknown)))


def check_coding(request: Request) -> None:
    """Raise RefusalError 415 for a body under a content coding: nothing is ever unpacked (RFC 3261 section 8.2.3)."""
    codings = parse_tags(request.headers.get_all("Content-Encoding"))
    if any(coding != "identity" for coding in codings):
        raise RefusalError(415, ("Accept-Encoding", "identity"))


def session_description(message: Message) -> bytes | None:
    """The SDP of a message, None if it has no body, or only parts that may be ignored.

    Raises RefusalError 415 for a body that must be understood and is not (RFC 3261 section 8.2.3); ProtocolError for a
    multipart that cannot be taken apart.
    """
    if not message.body:
        return None
    kind = message.content_type
    if kind is None:
        raise ProtocolError("content-type", "a body without a type")
    found = find_body(message, SDP)
    if found is not None:
        return found
    disposition = (message.headers.get("Content-Disposition") or "").lower().replace(" ", "")
    if "handling=optional" in disposition:
        return None
    raise RefusalError(415, ACCEPT_SDP)
