"""SIP messages: tolerant reading, explicit validation, exact echo.

RFC 3261 section 7. `parse_message` raises only for what is not SIP at all; a fault in something recognisable is
kept in `fault`, so that a request can still be answered, and `validation.validate_request` raises it. Header
values stay raw and are echoed as they came; the parsed views are made when first asked for, and raise
ProtocolError (status 400) if the value is broken.
"""

from __future__ import annotations

from collections.abc import Iterable

from bridge.errors import ProtocolError
from bridge.sip.grammar import one_line, split_list
from bridge.sip.headers import Headers, canonical_name
from bridge.sip.status import phrase_of
from bridge.sip.uri import NameAddr, Uri, parse_name_addr_list, parse_uri
from bridge.sip.values import (
    CSeq,
    MediaType,
    parse_call_id,
    parse_content_length,
    parse_cseq,
    parse_max_forwards,
    parse_media_type,
    parse_methods,
    parse_one_address,
    parse_scalar,
    parse_tags,
    parse_top_via,
)
from bridge.sip.via import Via, parse_via_list

_ECHOED = frozenset({"Via", "From", "To", "Call-ID", "CSeq", "Timestamp"})
_ECHOED_WITH_ROUTES = _ECHOED | {"Record-Route"}


class Message:
    """What requests and responses share: headers, body, the parsed views of single headers."""

    __slots__ = ("body", "fault", "headers")

    def __init__(self, headers: Headers, body: bytes = b"", fault: ProtocolError | None = None) -> None:
        self.headers = headers
        self.body = body
        self.fault = fault  # the first fault that parsing met and could step over

    @property
    def via(self) -> Via:
        """The top hop; the others need not be readable. Raises ProtocolError if it is missing or broken."""
        return self.headers.view("Via", parse_top_via)

    @property
    def vias(self) -> tuple[Via, ...]:
        """All hops, the top one first, parsed anew at each call. Raises ProtocolError if one is broken."""
        return parse_via_list(self.headers.get_all("Via"))

    @property
    def from_(self) -> NameAddr:
        """The From value. Raises ProtocolError if it is missing or broken."""
        return self.headers.view("From", parse_one_address)

    @property
    def to(self) -> NameAddr:
        """The To value. Raises ProtocolError if it is missing or broken."""
        return self.headers.view("To", parse_one_address)

    @property
    def call_id(self) -> str:
        """The Call-ID. Raises ProtocolError if it is missing or empty."""
        return self.headers.view("Call-ID", parse_call_id)

    @property
    def cseq(self) -> CSeq:
        """Number and method. Raises ProtocolError if missing, broken or over 2**32 - 1."""
        return self.headers.view("CSeq", parse_cseq)

    @property
    def contacts(self) -> tuple[NameAddr, ...]:
        """All Contact values in order. Raises ProtocolError if one is broken; the "*" of REGISTER is, too."""
        return self.headers.view("Contact", parse_name_addr_list)

    @property
    def contact(self) -> NameAddr | None:
        """The first Contact, None without one. Raises ProtocolError like `contacts`."""
        contacts = self.contacts
        return contacts[0] if contacts else None

    @property
    def routes(self) -> tuple[NameAddr, ...]:
        """The Route values in order. Raises ProtocolError if one is broken."""
        return self.headers.view("Route", parse_name_addr_list)

    @property
    def record_routes(self) -> tuple[NameAddr, ...]:
        """The Record-Route values in order. Raises ProtocolError if one is broken."""
        return self.headers.view("Record-Route", parse_name_addr_list)

    @property
    def max_forwards(self) -> int | None:
        """Max-Forwards, None if absent. Raises ProtocolError if it is over 255."""
        return self.headers.view("Max-Forwards", parse_max_forwards)

    @property
    def expires(self) -> int | None:
        """Expires in seconds, None if absent. Raises ProtocolError."""
        return self.headers.view("Expires", parse_scalar)

    @property
    def content_length(self) -> int | None:
        """Content-Length in bytes, None if absent. Raises ProtocolError if lines differ or are no numbers."""
        return self.headers.view("Content-Length", parse_content_length)

    @property
    def content_type(self) -> MediaType | None:
        """The media type of the body, None if absent. Raises ProtocolError."""
        return self.headers.view("Content-Type", parse_media_type)

    @property
    def require(self) -> tuple[str, ...]:
        """The option tags of Require, in lower case."""
        return self.headers.view("Require", parse_tags)

    @property
    def supported(self) -> tuple[str, ...]:
        """The option tags of Supported, in lower case."""
        return self.headers.view("Supported", parse_tags)

    @property
    def allow(self) -> tuple[str, ...]:
        """The methods of Allow, as written."""
        return self.headers.view("Allow", parse_methods)

    def _serialise(self, start_line: str) -> bytes:
        lines = [one_line(start_line)]
        lines += [f"{name}: {value}" for name, value in self.headers.items() if name != "Content-Length"]
        lines.append(f"Content-Length: {len(self.body)}\r\n\r\n")
        return _encode("\r\n".join(lines)) + self.body


class Response(Message):
    """A response. `status` is 100 to 699."""

    __slots__ = ("phrase", "status")

    def __init__(
        self,
        status: int,
        phrase: str,
        headers: Headers,
        body: bytes = b"",
        fault: ProtocolError | None = None,
    ) -> None:
        super().__init__(headers, body, fault)
        self.status = status
        self.phrase = phrase

    def serialise(self) -> bytes:
        """Write it out; Content-Length is made from the body. Never raises."""
        return self._serialise(f"SIP/2.0 {self.status} {self.phrase}")

    def __repr__(self) -> str:
        return f"<Response {self.status}>"


class Request(Message):
    """A request. `uri` is the Request-URI as written."""

    __slots__ = ("_target", "method", "uri")

    def __init__(
        self,
        method: str,
        uri: str,
        headers: Headers,
        body: bytes = b"",
        fault: ProtocolError | None = None,
    ) -> None:
        super().__init__(headers, body, fault)
        self.method = method
        self.uri = uri
        self._target: tuple[str, Uri] | None = None

    @property
    def target(self) -> Uri:
        """The Request-URI parsed. Raises ProtocolError (status 400)."""
        if self._target is None or self._target[0] is not self.uri:
            self._target = (self.uri, parse_uri(self.uri))
        return self._target[1]

    def serialise(self) -> bytes:
        """Write it out; Content-Length is made from the body. Never raises."""
        return self._serialise(f"{self.method} {self.uri} SIP/2.0")

    def stamp_source(self, host: str, port: int) -> None:
        """Write where it came from into the top Via (RFC 3261 section 18.2.1, RFC 3581), over any claim.

        Raises ProtocolError if the top Via is missing or broken.
        """
        stamped = str(self.via.stamped(host, port))
        below = split_list(self.headers.get_all("Via")[:1])[1:]
        self.headers.replace_first("Via", ", ".join([stamped, *below]))

    def reply(
        self,
        status: int,
        phrase: str | None = None,
        to_tag: str | None = None,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str = "application/sdp",
    ) -> Response:
        """Make a response to this request (RFC 3261 section 8.2.6).

        Via, From, To, Call-ID, CSeq and Timestamp are echoed raw, Record-Route in 101 to 299 too (12.1.1).
        `to_tag` is added if To has none, but never to a 100. `headers` follow; `content_type` counts only with
        a body.
        """
        echoed = _ECHOED_WITH_ROUTES if 101 <= status <= 299 else _ECHOED
        pairs: list[tuple[str, str]] = []
        for name, value in self.headers.items():
            if name in echoed:
                if name == "To" and to_tag and status > 100 and not self._to_is_tagged():
                    value = f"{value};tag={one_line(to_tag)}"
                pairs.append((name, value))
        pairs += [(canonical_name(name), one_line(value)) for name, value in headers]
        if body:
            pairs.append(("Content-Type", one_line(content_type)))
        return Response(
            status, phrase_of(status) if phrase is None else phrase, Headers.from_wire(pairs), body
        )

    def _to_is_tagged(self) -> bool:
        try:
            return self.to.tag is not None
        except ProtocolError:
            return True  # nothing sensible can be added to a To that cannot be read

    def __repr__(self) -> str:
        return f"<Request {self.method}>"


def _encode(text: str) -> bytes:
    """Encode text that may hold the bytes of broken UTF-8; they come out as they came in. Never raises."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")
