"""HTTP/1.1 to a server on this machine from within one epoll: requests one after the other, or one answer that never
ends (server-sent events)."""

from __future__ import annotations

import contextlib
import json
import socket
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

import h11

from tools.load.poll import Poll

Then = Callable[[int, Any], None]
"""(status, body as JSON or None); status 0 when the server has closed the connection instead of answering."""


class _Ask(NamedTuple):
    request: h11.Request
    body: bytes
    then: Then


class Connection:
    """Connected when it is made; raises OSError. `on_part` gets the answer piece by piece, where that is wanted."""

    def __init__(
        self, address: tuple[str, int], poll: Poll, on_part: Callable[[bytes], None] | None = None
    ) -> None:
        self._host = f"{address[0]}:{address[1]}"
        self._poll = poll
        self._on_part = on_part
        self._protocol = h11.Connection(h11.CLIENT)
        self._asked: deque[_Ask] = deque()  # bounded by who asks: the first one is under way
        self._status = 0
        self._body = b""
        self._socket = socket.create_connection(address, 5.0)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setblocking(False)
        self.closed = False
        poll.watch(self._socket, self._receive)

    def close(self) -> None:
        """Close it; what was asked is answered no more."""
        if not self.closed:
            self.closed = True
            self._poll.forget(self._socket)
            self._socket.close()

    def ask(self, path: str, token: str, body: object, then: Then, method: str = "POST") -> None:
        """Send a request with a JSON body as soon as those before are answered; `token` "" = none."""
        content = json.dumps(body).encode() if method == "POST" else b""
        headers = [("Host", self._host), ("Content-Length", str(len(content)))]
        headers += [("Content-Type", "application/json")] * bool(content)
        headers += [("token", token)] * bool(token)
        self._asked.append(_Ask(h11.Request(method=method, target=path, headers=headers), content, then))
        if len(self._asked) == 1:
            self._send()

    def _send(self) -> None:
        if self.closed:
            return
        ask = self._asked[0]
        parts = (ask.request, h11.Data(data=ask.body), h11.EndOfMessage())
        data = b"".join(self._protocol.send(part) or b"" for part in parts)
        with contextlib.suppress(OSError):  # it is closed: that is seen when it is read
            self._socket.sendall(data)

    def _receive(self) -> None:
        try:
            data = self._socket.recv(262_144)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._break_off()
            return
        self._protocol.receive_data(data)
        while not self.closed:
            match self._protocol.next_event():
                case h11.Response(status_code=status):
                    self._status, self._body = status, b""
                case h11.Data(data=part):
                    self._take(bytes(part))
                case h11.EndOfMessage():
                    self._finish()
                case _:
                    return

    def _take(self, part: bytes) -> None:
        if self._on_part is not None:
            self._on_part(part)
        else:
            self._body += part

    def _finish(self) -> None:
        ask = self._asked.popleft()
        if self._protocol.our_state is not h11.DONE or self._protocol.their_state is not h11.DONE:
            self.close()
        else:
            self._protocol.start_next_cycle()
            if self._asked:
                self._send()
        ask.then(self._status, _value(self._body))

    def _break_off(self) -> None:
        """The server has closed it: what was asked came to nothing."""
        self.close()
        for ask in self._asked:
            ask.then(0, None)


def _value(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None
