"""What the fuzzer feeds: each parser of the SIP messages takes any bytes, and parses or raises ProtocolError.

Beyond parsing, what was read is used as the agent uses it: every view is read, a reply is made and must parse
again, and no line of it may come from inside a value.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from bridge.errors import ProtocolError
from bridge.sip.auth import DigestClient, DigestVerifier, parse_digest
from bridge.sip.framing import StreamFramer
from bridge.sip.headers import Headers
from bridge.sip.message import Message, Request
from bridge.sip.multipart import find_body
from bridge.sip.names import shown_name
from bridge.sip.parser import parse_message
from bridge.sip.uri import alias, dialled, parse_name_addr_list, parse_uri
from bridge.sip.validation import validate_request, validate_response
from bridge.sip.via import parse_via_list
from tests.sip.samples import FOLDER, sample, wire

_VIEWS = (
    "via", "vias", "from_", "to", "call_id", "cseq", "contacts", "contact", "routes", "record_routes", "max_forwards",
    "expires", "content_length", "content_type", "require", "supported", "allow",
)  # fmt: skip


def fuzz_message(data: bytes) -> None:
    """Read a datagram and answer it."""
    message = parse_message(data)
    for view in _VIEWS:
        _try(lambda view=view: getattr(message, view))  # type: ignore[misc]
    _try(lambda: find_body(message, "application/sdp"))
    _try(lambda: message.from_ and shown_name(message.from_).encode("utf-8"))
    parse_message(_echo(message))
    if isinstance(message, Request):
        validate_request(message)
        assert message.via and message.from_ and message.to and message.call_id and message.cseq
        message.stamp_source("2001:db8::1", 5060)
        answer = message.reply(200, to_tag="t", body=b"x")
        again = parse_message(answer.serialise())
        assert again.fault is None
        validate_response(again)  # type: ignore[arg-type]
        assert len(again.headers) == len(answer.headers) + 1
    else:
        validate_response(message)


def _echo(message: Message) -> bytes:
    data: bytes = message.serialise()  # type: ignore[attr-defined]
    head, _, body = data.partition(b"\r\n\r\n")
    assert body == message.body
    assert head.count(b"\r") == head.count(b"\n") == head.count(b"\r\n")
    assert b"\0" not in head
    return data


def _try(read: Callable[[], object]) -> None:
    with contextlib.suppress(ProtocolError):
        read()


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def fuzz_uri(data: bytes) -> None:
    """Read a URI, say what was dialled, write it, read it again."""
    uri = parse_uri(_text(data))
    dialled(uri).encode("utf-8")
    alias(uri)
    assert parse_uri(str(uri)) == uri


def fuzz_name_addr(data: bytes) -> None:
    """Read a list of addresses, show and write them."""
    for address in parse_name_addr_list([_text(data)]):
        assert shown_name(address).encode("utf-8")
        assert parse_name_addr_list([str(address)])[0].uri == address.uri


def fuzz_via(data: bytes) -> None:
    """Read hops, stamp and write them."""
    for via in parse_via_list([_text(data)]):
        _try(lambda via=via: via.rport)  # type: ignore[misc]
        assert parse_via_list([str(via.stamped("192.0.2.1", 5060))])[0].sent_by == via.sent_by


def fuzz_framing(data: bytes) -> None:
    """Cut a stream, whole and in two."""
    whole, parts = StreamFramer(), StreamFramer()
    expected = whole.push(data)
    place = data[0] * len(data) // 256 if data else 0
    got = parts.push(data[:place]) + parts.push(data[place:])
    assert [item for item in got if isinstance(item, bytes)] == [
        item for item in expected if isinstance(item, bytes)
    ]
    assert (parts.pending, str(parts.fault)) == (whole.pending, str(whole.fault))


_SERVER = DigestVerifier("r", key=b"k")
_CLIENT = DigestClient("u", "p", "r", draw=lambda: "c")


def fuzz_digest(data: bytes) -> None:
    """Judge credentials, answer a challenge."""
    text = _text(data)
    _SERVER.verify([text], "INVITE", "sip:1001@x", {"u": "p"}.get, 1.0)
    answer = _CLIENT.answer(401, Headers([("WWW-Authenticate", text)]), "INVITE", "sip:1001@x")
    assert answer is None or parse_digest(answer[1])["username"] == "u"
    parse_digest(text)


_MESSAGES = [path.read_bytes() for path in sorted(FOLDER.glob("*.sip")) if path.stat().st_size < 3_000]
_CHALLENGE = _SERVER.challenge(1.0)[0]
_CREDENTIALS = _CLIENT.answer(401, Headers([("WWW-Authenticate", _CHALLENGE)]), "INVITE", "sip:1001@x")

TARGETS: dict[str, tuple[Callable[[bytes], object], list[bytes]]] = {
    "message": (fuzz_message, [wire("INVITE", body=b"v=0\r\n", more="c: application/sdp\r\n"), *_MESSAGES]),
    "uri": (
        fuzz_uri,
        [
            b"sip:+47(22)-1%20@[2001:db8::1]:5060;lr;transport=TCP?a=b",
            b"tel:+47-22;phone-context=x",
            b"sips:a:b@h_-.x:1",
        ],
    ),
    "name_addr": (fuzz_name_addr, [b'"A \\" B" <sip:a@b;lr>;tag=x, C <sip:c>;q="1,2";lr, sip:d@e;tag=1']),
    "via": (
        fuzz_via,
        [b"SIP / 2.0/UDP [2001:db8::1]:5060 ;branch=z9hG4bK1;rport;received=[::1], SIP/2.0/TCP h;maddr=x"],
    ),
    "framing": (
        fuzz_framing,
        [
            wire(body=b"abc") + b"\r\n\r\n" + wire("INVITE"),
            sample("two-in-one-segment.sip"),
            sample("request-smuggle-body.sip"),
        ],
    ),
    "digest": (fuzz_digest, [_CHALLENGE.encode(), (_CREDENTIALS or ("", ""))[1].encode()]),
}
