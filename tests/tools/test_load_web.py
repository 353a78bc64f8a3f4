"""The load tool's HTTP: answers in order, pieces of one that goes on, and a connection that the server closes."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tools.load.poll import Poll
from tools.load.web import Connection


class Desk:
    """A server with one visitor: what it answers is said by hand."""

    def __init__(self) -> None:
        self.poll = Poll()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.parts: list[bytes] = []
        self.told: list[tuple[int, Any]] = []
        self.connection = Connection(self._listener.getsockname(), self.poll, self.parts.append)
        self.visitor, _ = self._listener.accept()
        self.visitor.settimeout(5)

    def ask(self, path: str) -> None:
        self.connection.ask(path, "secret", {"a": 1}, lambda status, body: self.told.append((status, body)))

    def answer(self, text: bytes) -> None:
        self.visitor.sendall(text)
        self.poll.wait(5)

    def close(self) -> None:
        self.visitor.close()
        self.connection.close()
        self._listener.close()
        self.poll.close()


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    yield made
    made.close()


GOOD = b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"result": 1}'


def test_one_request_after_the_other(desk: Desk) -> None:
    desk.ask("/one")
    desk.ask("/two")
    request = desk.visitor.recv(65536)
    assert request.startswith(b"POST /one HTTP/1.1\r\n")
    assert b"token: secret\r\n" in request
    assert b"/two" not in request
    desk.answer(GOOD)
    assert desk.visitor.recv(65536).startswith(b"POST /two HTTP/1.1\r\n")
    desk.answer(b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n")
    assert [status for status, _ in desk.told] == [200, 429]
    assert b"".join(desk.parts) == b'{"result": 1}'


def test_an_answer_that_goes_on_comes_in_pieces(desk: Desk) -> None:
    desk.connection.ask("/events", "", None, lambda status, body: None, method="GET")
    assert desk.visitor.recv(65536).startswith(b"GET /events HTTP/1.1\r\n")
    desk.answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
    desk.answer(b"6\r\nsecond\r\n")
    assert desk.parts == [b"first", b"second"]


def test_what_was_asked_comes_to_nothing_when_the_server_closes(desk: Desk) -> None:
    desk.ask("/one")
    desk.ask("/two")
    desk.visitor.recv(65536)
    desk.visitor.close()
    desk.poll.wait(5)
    assert desk.told == [(0, None), (0, None)]
    assert desk.connection.closed
