"""How long reading and answering takes, and that it grows with the input and no faster: `python -m tests.sip.bench`.

Printed, not asserted: times belong to the machine. What must hold everywhere is counted in `test_work.py`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise

from bridge.errors import ProtocolError
from bridge.sip.auth import parse_digest
from bridge.sip.framing import StreamFramer
from bridge.sip.message import Request
from bridge.sip.multipart import find_body
from bridge.sip.parser import parse_message
from bridge.sip.uri import parse_name_addr_list, parse_uri
from bridge.sip.validation import validate_request
from bridge.sip.via import parse_via_list
from tests.sip.samples import request, sample, wire

# The worst input of each kind, grown by a factor.
GROWING: dict[str, Callable[[int], tuple[Callable[[bytes], object], bytes]]] = {
    "many headers": lambda n: (parse_message, wire(more="X-Own: a\r\n" * (750 * n))),
    "folded lines": lambda n: (parse_message, wire(more="X-Own: a\r\n" + " b\r\n" * (1_900 * n))),
    "one long header": lambda n: (parse_message, wire(more="X-Own: " + "a" * (7_500 * n) + "\r\n")),
    "a list of addresses": lambda n: (_text(parse_name_addr_list), b'"a" <sip:b@c>;t=1,' * (16 * n)),
    "a message of lists": lambda n: (
        _look,
        wire(more=("Route: " + "<sip:b@c;lr>," * 100 + "\r\n") * (5 * n)),
    ),
    "quoted pairs": lambda n: (_text(parse_name_addr_list), b'"' + b"\\\\" * (3_500 * n) + b'" <sip:a@b>'),
    "open brackets": lambda n: (_text(parse_name_addr_list), b"<" * (7_500 * n)),
    "open quotes in a list": lambda n: (_text(parse_name_addr_list), b'"a",' * (1_900 * n)),
    "a long uri": lambda n: (_text(parse_uri), b"sip:" + b"%41" * (2_500 * n) + b"@b"),
    "hops": lambda n: (_text(parse_via_list), b"SIP/2.0/UDP h;branch=z9hG4bK1," * (16 * n)),
    "digest fields": lambda n: (_text(parse_digest), b'Digest a="' + b'\\"' * (3_500 * n) + b'"'),
    "a stream in bytes": lambda n: (_bytewise, wire(more="X-Own: " + "a" * (7_000 * n) + "\r\n")),
    "multipart": lambda n: (_search, b"--b x\r\n" * (1_000 * n)),
}


def _text(parse: Callable[..., object]) -> Callable[[bytes], object]:
    def run(data: bytes) -> object:
        text = data.decode("latin-1")
        return parse(text if parse in (parse_uri, parse_digest) else [text])

    return run


def _bytewise(data: bytes) -> object:
    framer = StreamFramer()
    return [framer.push(data[at : at + 1]) for at in range(len(data))]


def _look(data: bytes) -> object:
    return request(data).routes


def _search(data: bytes) -> object:
    return find_body(
        request(wire(body=data, more="Content-Type: multipart/mixed;boundary=b\r\n")), "application/sdp"
    )


def seconds(work: Callable[[], object], repeat: int) -> float:
    """The best of seven mean times of one run [s]."""
    best = float("inf")
    for _ in range(7):
        start = time.perf_counter()
        for _ in range(repeat):
            with suppress(ProtocolError):
                work()
        best = min(best, (time.perf_counter() - start) / repeat)
    return best


def growth(name: str) -> list[float]:
    """The times at 1, 2, 4 and 8 times the size [s]."""
    times = []
    for factor in (1, 2, 4, 8):
        run, data = GROWING[name](factor)
        times.append(seconds(lambda run=run, data=data: run(data), 3))  # type: ignore[misc]
    return times


def read_invite(data: bytes) -> Request:
    """Parse an INVITE and look at what an agent looks at."""
    invite = request(data)
    validate_request(invite)
    for look in (
        invite.via, invite.from_.tag, invite.to.tag, invite.call_id, invite.cseq, invite.contact, invite.target.user,
        invite.routes, invite.record_routes, invite.max_forwards, invite.require, invite.supported, invite.allow,
    ):  # fmt: skip
        del look
    find_body(invite, "application/sdp")
    return invite


def main() -> None:
    """Print the figures."""
    data = sample("tandberg-tc.sip")
    invite = read_invite(data)
    body = find_body(invite, "application/sdp") or b""
    answered = seconds(
        lambda: invite.reply(
            200, to_tag="t1", headers=[("Contact", "<sip:1001@192.0.2.1>")], body=body
        ).serialise(),
        500,
    )
    print(
        f"read a {len(data)}-byte INVITE and what an agent asks of it: "
        f"{seconds(lambda: read_invite(data), 300) * 1e6:.1f} us"
    )
    print(f"parse it alone: {seconds(lambda: parse_message(data), 500) * 1e6:.1f} us")
    print(f"build its 200 with SDP: {answered * 1e6:.1f} us")
    for name in GROWING:
        times = growth(name)
        ratios = ", ".join(f"{late / early:.2f}" for early, late in pairwise(times))
        print(f"{name}: {times[-1] * 1e3:.2f} ms at 8 times the size; each doubling costs {ratios}")


if __name__ == "__main__":
    main()
