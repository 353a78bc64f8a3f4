"""A stream gives the same messages however it is cut, and stops for good where a length cannot be trusted."""

from __future__ import annotations

import pytest

from bridge.sip.framing import KeepAlive, StreamFramer
from bridge.sip.parser import parse_message
from tests.sip.samples import FOLDER, sample, wire

Result = tuple[list[bytes | KeepAlive], str | None, bool]


def run(*pieces: bytes) -> Result:
    """What comes out, the name of the fault, whether something is pending."""
    framer = StreamFramer(most_body=65_536)
    out = [item for piece in pieces for item in framer.push(piece)]
    return out, framer.fault.name if framer.fault else None, framer.pending


def test_two_in_one_and_one_in_two() -> None:
    one, two = wire(body=b"abc"), wire("INVITE", body=b"\r\n\r\n")
    assert run(one + two) == ([one, two], None, False)
    assert run(one[:50], one[50:] + two[:-1], two[-1:]) == ([one, two], None, False)
    assert run(one + two[:-1]) == ([one], None, True)


@pytest.mark.parametrize("gap", [b"", b"\r\n", b"\n"])
def test_line_ends_between_messages(gap: bytes) -> None:
    one = wire()
    assert run(gap + one + gap + one + gap) == ([one, one], None, False)


def test_keep_alives() -> None:
    ping = KeepAlive.PING
    assert run(b"\r\n\r\n") == ([ping], None, False)
    assert run(b"\r\n", b"\r\n") == ([ping], None, False)
    assert run(b"\r", b"\n", b"\r", b"\n", b"\r\n") == ([ping], None, False)
    assert run(b"\r\n\r\n", b"\r\n\r\n") == ([ping, ping], None, False)
    assert run(b"\r\n" * 30_000) == ([ping], None, False)
    one = wire()
    assert run(one + b"\r\n\r\n" + one) == ([one, ping, one], None, False)


STREAMS = sorted(path.name for path in FOLDER.iterdir() if path.suffix != ".md" and path.stat().st_size < 900)


@pytest.mark.parametrize("name", STREAMS)
def test_cuts_anywhere_give_the_same(name: str) -> None:
    data = sample(name) + wire()
    whole = run(data)
    step = max(1, len(data) // 120)
    for cut in range(0, len(data), step):
        assert run(data[:cut], data[cut:])[0] == whole[0], cut
    assert run(*(data[at : at + 1] for at in range(len(data))))[0] == whole[0]


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (sample("no-content-length-tcp.sip"), "content-length"),
        (sample("content-length-junk.sip"), "content-length"),
        (sample("content-length-arabic.sip"), "content-length"),
        (sample("haproxy-proto-forged.bin"), "not-sip"),
        (wire(more="l: 7\r\n"), "content-length"),
        (wire(length=False, more="Content-Length: -1\r\n"), "content-length"),
        (wire(length=False, more="Content-Length: +0\r\n"), "content-length"),
        (wire(length=False, more="Content-Length: 0 0\r\n"), "content-length"),
        (wire(length=False, more="Content-Length: 99999999999999999999999\r\n"), "content-length"),
        (b"a" * 65_537, "too-large"),
        (wire(more="X-Own: a\r\n" * 6_600), "too-large"),
        (b"GET / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "not-sip"),
    ],
)
def test_where_framing_is_lost_nothing_follows(data: bytes, fault: str) -> None:
    good = wire()
    assert run(good + data + good) == ([good], fault, False)
    framer = StreamFramer(most_body=65_536)
    framer.push(data)
    assert framer.push(good) == []


def test_of_a_message_too_long_the_head_can_be_answered() -> None:
    head = wire(length=False, more="Content-Length: 65537\r\n")
    assert run(wire() + head + wire()) == ([wire(), head], "too-large", False)
    fault = parse_message(head).fault
    assert fault is not None and fault.status == 413


def test_equal_lengths_and_folded_ones_are_fine() -> None:
    twice = wire(more="l: 3\r\n", body=b"abc")
    folded = wire(length=False, more="Content-Length:\r\n 3\r\n", body=b"abc")
    assert run(twice + folded) == ([twice, folded], None, False)


def test_a_request_in_a_body_stays_a_body() -> None:
    data = sample("request-smuggle-body.sip")
    assert run(data) == ([data], None, False)


def test_a_message_byte_by_byte_is_searched_once() -> None:
    framer = StreamFramer()
    data = wire(more="X-Own: " + "a" * 60_000 + "\r\n")
    for at in range(0, len(data) - 1, 16):
        assert framer.push(data[at : min(at + 16, len(data) - 1)]) == []
    assert framer.pending
    assert framer.push(data[-1:]) == [data]
