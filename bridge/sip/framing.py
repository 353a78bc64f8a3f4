"""Cut a byte stream into SIP messages (RFC 3261 section 18.3) and keep-alives (RFC 5626 section 3.5.1).

Strategy: a buffer, and how far it was searched for the empty line, so that a message that comes byte by byte
costs no more than one that comes whole. The head is read by the same parser as later the message: the two can
never see different lengths. Once framing is lost it stays lost: what follows cannot be told from a body. Of a
message whose body is over the limit the head is handed up, so that it can be answered before the connection goes.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from bridge.errors import ProtocolError
from bridge.sip.parser import MOST_HEAD, head_end, parse_head

MOST_BODY: Final = 1_048_576  # bytes
PONG: Final = b"\r\n"  # the answer to a keep-alive


class KeepAlive(Enum):
    """What a stream holds besides messages."""

    PING = "double CRLF between messages: answer with `PONG`"


class StreamFramer:
    """Takes what one connection receives, gives whole messages.

    `most_body` bounds the body [bytes]. `fault` is None until framing is lost; then close the connection.
    """

    __slots__ = ("_alone", "_buffer", "_line_ends", "_most_body", "_searched", "_whole", "fault")

    def __init__(self, most_body: int = MOST_BODY) -> None:
        self._buffer = bytearray()
        self._searched = 0  # no empty line starts before here
        self._whole: int | None = None  # length of the message at the front, once its head is there
        self._line_ends = 0  # bytes of CRLF seen since the last message or ping
        self._most_body = most_body
        self._alone: bytes | None = None  # the head of a message whose body is too long to wait for
        self.fault: ProtocolError | None = None

    @property
    def pending(self) -> bool:
        """Whether part of a message waits for the rest: the peer is on the clock."""
        return bool(self._buffer)

    def push(self, data: bytes) -> list[bytes | KeepAlive]:
        """Add received bytes; return what became whole, in order. Never raises; see `fault`.

        Several keep-alives in one call are answered once.
        """
        if self.fault is not None:
            return []
        self._buffer += data
        out: list[bytes | KeepAlive] = []
        try:
            while (item := self._next()) is not None:
                if item is not KeepAlive.PING or KeepAlive.PING not in out:
                    out.append(item)
        except ProtocolError as error:
            if self._alone is not None:
                out.append(self._alone)
            self.fault = error
            self._buffer.clear()
        return out

    def _next(self) -> bytes | KeepAlive | None:
        if self._whole is None:
            if self._skip_line_ends():
                return KeepAlive.PING
            self._whole = self._measure()
        if self._whole is None or len(self._buffer) < self._whole:
            return None
        message = bytes(memoryview(self._buffer)[: self._whole])
        del self._buffer[: self._whole]
        self._whole = None
        self._searched = 0
        return message

    def _skip_line_ends(self) -> bool:
        """Drop line ends before a start line (RFC 3261 section 7.5); say whether they made a keep-alive."""
        skipped = 0
        while skipped < len(self._buffer) and self._buffer[skipped] in PONG:
            skipped += 1
        if not skipped:
            return False
        del self._buffer[:skipped]
        self._line_ends += skipped
        ping = self._line_ends >= 2 * len(PONG)
        if ping or self._buffer:
            self._line_ends = 0
        return ping

    def _measure(self) -> int | None:
        """Return the length of the message at the front, None while its head is not whole [bytes]."""
        end = head_end(self._buffer, self._searched)
        if end is None:
            # An empty line may begin in the last two bytes.
            self._searched = max(0, len(self._buffer) - 2)
            if len(self._buffer) > MOST_HEAD:
                raise ProtocolError("too-large", "head over the limit", 513)
            return None
        self._line_ends = 0
        length = parse_head(bytes(memoryview(self._buffer)[: end[0]])).content_length
        if length is None:
            raise ProtocolError("content-length", "missing on a stream")
        if length > self._most_body:
            self._alone = bytes(memoryview(self._buffer)[: end[1]])
            raise ProtocolError("too-large", "body over the limit", 513)
        return end[1] + length
