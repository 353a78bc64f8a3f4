"""What a request or response must have before the transaction layer sees it.

RFC 3261 sections 8.1.1, 8.2 and 20, with the outcomes of RFC 4475: a status code for each fault of a request;
a faulty response is dropped by its receiver. Extensions (420), methods (405, 501) and bodies (415) are the
agent's decision, not made here.
"""

from __future__ import annotations

from bridge.errors import ProtocolError
from bridge.sip.grammar import split_list
from bridge.sip.message import Message, Request, Response
from bridge.sip.values import parse_scalar

MOST_VIAS = 70  # the longest path that Max-Forwards usually allows; RFC 4475 section 3.1.1.7 has 34

# Headers whose value we act upon, and that may stand only once (RFC 3261 section 7.3.1, RFC 4475 section 3.3.8).
_ONCE = (
    "From", "To", "Call-ID", "CSeq", "Max-Forwards", "Content-Type", "Expires", "Event", "Replaces",
    "Refer-To", "Referred-By", "Session-Expires", "Min-SE", "RAck", "RSeq", "Subscription-State",
)  # fmt: skip
_SCHEMES = ("sip", "sips", "tel")


def validate_request(request: Request) -> None:
    """Check a request from the wire.

    Raises ProtocolError with the status to answer with: 400, 414, 416, 505 or 513. An ACK is never answered.
    If `request.via` cannot be read either, there is nothing to answer to.
    """
    if request.fault is not None:
        raise request.fault
    _check_common(request)
    if request.cseq.method != request.method:
        raise ProtocolError("cseq", "another method than the start line")
    _check_target(request)
    _check_scalars(request)
    _check_route_set(request)


def validate_response(response: Response) -> None:
    """Check a response from the wire. Raises ProtocolError: drop it."""
    if response.fault is not None:
        raise response.fault
    _check_common(response)


def _check_common(message: Message) -> None:
    headers = message.headers
    for name in _ONCE:
        if headers.count(name) > 1:
            raise ProtocolError("repeated-header", name)
    for part in (message.via, message.from_, message.to, message.call_id, message.cseq):
        del part  # reading it is the check
    if len(split_list(headers.get_all("Via"))) > MOST_VIAS:
        raise ProtocolError("via", "too many hops")


def _check_target(request: Request) -> None:
    """Check the Request-URI: one URI without blanks or brackets, of a scheme that we know."""
    scheme, colon, _ = request.uri.partition(":")
    if colon and scheme.isalnum() and scheme.lower() not in _SCHEMES:
        raise ProtocolError("scheme", "unknown", 416)
    if request.target.scheme not in _SCHEMES:
        raise ProtocolError("scheme", "unknown", 416)
    if request.target.headers:
        raise ProtocolError("uri", "headers in the Request-URI")  # RFC 4475 section 3.1.2.11


def _check_scalars(request: Request) -> None:
    for part in (request.max_forwards, request.expires, request.content_type):
        del part
    for name in ("Session-Expires", "Min-SE"):
        if (value := request.headers.get(name)) is not None:
            parse_scalar([value.partition(";")[0].rstrip()])


def _check_route_set(request: Request) -> None:
    """Check what a dialog would be made of: Route, Record-Route and Contact must be readable.

    An INVITE has exactly one Contact (RFC 3261 section 8.1.1.8); one without a branch of that RFC comes from a
    client of RFC 2543, which need not send any (RFC 4475 section 3.4.1).
    """
    for part in (request.routes, request.record_routes):
        del part
    if request.method != "INVITE":
        return
    contacts = request.contacts
    if len(contacts) > 1 or (not contacts and request.via.modern):
        raise ProtocolError("contact", "not exactly one")
