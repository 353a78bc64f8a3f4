"""One connection of a browser: uvicorn's own protocols, with limits of time and size where they have none.

A request must be there whole within `whole_s` of its first byte, and what we say must be taken as fast: a connection
that is slower is closed. What is no clean beginning of a WebSocket is a plain request, which the application answers.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Protocol, cast

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import CloseCode, Frame

from bridge.bucket import Bucket
from bridge.web.headers import protected

MOST_FRAGMENTS: Final = 64  # of one message; a browser sends one, or a few of kilobytes
MOST_PINGS_PER_S: Final = 50


class Visit(Protocol):
    """What a connection tells about itself."""

    whole_s: float
    """How long a whole request may take to come, and an answer to be taken [s]."""

    expel: Callable[[], object]
    """Ends the connection at once; set as soon as it can be."""

    def settled(self) -> None:
        """It has brought a whole request: it is not slow."""

    def left(self) -> None:
        """It is closed."""

    def cut_off(self, why: str) -> None:
        """It was slow, or sent what it must not; `why` is the name of a drop."""


class _Limit:
    """A time limit of a connection: it begins, is met in time, or runs out."""

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float, run_out: Callable[[], None]) -> None:
        self._loop = loop
        self._seconds = seconds
        self._run_out = run_out
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """The time runs from now on, if it does not run already."""
        self._timer = self._timer or self._loop.call_later(self._seconds, self._run_out)

    def stop(self) -> None:
        """It was met."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class HttpConnection(H11Protocol):
    """A connection that speaks HTTP/1.1 (RFC 9112), until it becomes a WebSocket."""

    def __init__(self, config: uvicorn.Config, state: ServerState, visit: Visit) -> None:
        super().__init__(config=config, server_state=state, app_state={})
        self._visit = visit
        # What it has begun must be whole by then, and what we say taken.
        self._due = _Limit(self.loop, visit.whole_s, partial(self._cut_off, "web-slow-request"))
        self._stalled = _Limit(self.loop, visit.whole_s, partial(self._cut_off, "web-slow-reader"))
        self._served: object = None  # the last request that came whole
        self.ws_protocol_class = cast(Any, partial(SocketConnection, visit=visit))

    # -- called by the loop -----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """It is open: the clock runs for its first request."""
        super().connection_made(transport)
        self._visit.expel = transport.abort
        self._due.begin()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._stop()
        super().connection_lost(exc)
        self._visit.left()

    def pause_writing(self) -> None:
        """It does not read what we say."""
        super().pause_writing()
        self._stalled.begin()

    def resume_writing(self) -> None:
        """It reads again."""
        super().resume_writing()
        self._stalled.stop()

    # -- the request that comes -------------------------------------------------------------------------------------

    def handle_events(self) -> None:
        """Take what has come, and see what is still owed."""
        super().handle_events()
        upgraded = self.conn.their_state is h11.MIGHT_SWITCH_PROTOCOL  # type: ignore[attr-defined]
        if upgraded or self.transport.is_closing():
            self._stop()
            return
        if self.cycle is not None and self.cycle is not self._served and not self.cycle.more_body:
            self._served = self.cycle
            self._due.stop()
            self._visit.settled()
        owed = self.conn.their_state is h11.SEND_BODY or (
            self.conn.their_state is h11.IDLE and bool(self.conn.trailing_data[0])
        )
        if owed:
            self._due.begin()

    def _stop(self) -> None:
        self._due.stop()
        self._stalled.stop()

    def _cut_off(self, why: str) -> None:
        self._visit.cut_off(why)
        self.transport.abort()

    # -- what uvicorn does otherwise --------------------------------------------------------------------------------

    def _should_upgrade(self) -> bool:
        return self._get_upgrade() == b"websocket" and _is_clean_beginning(self.scope["method"], self.headers)

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """It becomes a WebSocket, which has clocks of its own."""
        self._stop()
        self._visit.settled()
        super().handle_websocket_upgrade(event)

    def send_400_response(self, msg: str) -> None:
        """What came is not HTTP: say so and close. Headers as on every answer."""
        self._visit.cut_off("web-not-http")
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            body = b'{"status": "failed", "result": "not HTTP"}'
            headers = [
                (b"content-type", b"application/json"),
                (b"content-length", b"%d" % len(body)),
                (b"connection", b"close"),
            ]
            answer = h11.Response(
                status_code=400, headers=protected(headers, self.scheme == "https"), reason=b"Bad Request"
            )
            for part in (answer, h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(part) or b"")
        self.transport.close()


class SocketConnection(WebSocketsSansIOProtocol):
    """A connection that has become a WebSocket (RFC 6455)."""

    def __init__(
        self, config: uvicorn.Config, server_state: ServerState, app_state: dict[str, Any], visit: Visit
    ) -> None:
        super().__init__(config=config, server_state=server_state, app_state=app_state)
        self._visit = visit
        self._stalled = _Limit(self.loop, visit.whole_s, self._cut_off)
        self._pings = Bucket(MOST_PINGS_PER_S, MOST_PINGS_PER_S, self.loop.time())

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._stalled.stop()
        super().connection_lost(exc)
        self._visit.left()

    def pause_writing(self) -> None:
        """It does not read what we say."""
        super().pause_writing()
        self._stalled.begin()

    def resume_writing(self) -> None:
        """It reads again."""
        super().resume_writing()
        self._stalled.stop()

    def handle_cont(self, event: Frame) -> None:
        """One more piece of a message; too many small ones are an attack."""
        if len(self.frames) >= MOST_FRAGMENTS:
            self._fail(CloseCode.MESSAGE_TOO_BIG)
            return
        super().handle_cont(event)

    def handle_ping(self) -> None:
        """Answer a ping, but no flood of them."""
        if self._pings.take(self.loop.time()):
            super().handle_ping()
        else:
            self._fail(CloseCode.POLICY_VIOLATION)

    def send_receive_event_to_app(self) -> None:
        """Hand up a whole message; a text that is none ends the connection (RFC 6455 section 8.1)."""
        if self.curr_msg_data_type == "text":
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                self._fail(CloseCode.INVALID_DATA)
                return
        super().send_receive_event_to_app()

    def _fail(self, code: CloseCode) -> None:
        if self.close_sent or self.transport.is_closing():
            return
        self._visit.cut_off(f"web-socket-{int(code)}")
        self.frames = []
        self.conn.fail(code)
        self.handle_parser_exception()

    def _cut_off(self) -> None:
        self._visit.cut_off("web-slow-reader")
        self.transport.abort()


def _is_clean_beginning(method: str, headers: list[tuple[bytes, bytes]]) -> bool:
    """Whether a request begins a WebSocket as RFC 6455 section 4.2.1 wants it."""
    keys = [value for name, value in headers if name == b"sec-websocket-key"]
    versions = [value for name, value in headers if name == b"sec-websocket-version"]
    if method != "GET" or len(keys) != 1 or versions != [b"13"]:
        return False
    try:
        return len(base64.b64decode(keys[0], validate=True)) == 16
    except binascii.Error:
        return False
