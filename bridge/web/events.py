"""Server-sent events (HTML Living Standard, section 9.2): one answer that goes on until its client is gone.

A stream has no queue of its own: it reads the client's channel from where it is, and what does not fit the socket waits
there, up to the channel's bound. When the client is over, its last word is written, and the connection ends at once
whether it is read or not.
"""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bridge.web.board import Board
from bridge.web.channel import written
from bridge.web.client import Client

HEARTBEAT_S: Final = 15.0
LAST_WORD_S: Final = 0.5  # for a connection that does not read, to take the end of it
RETRY_MS: Final = 1000  # what a browser waits before it connects again by itself


class EventStream(Response):
    """The answer to a request for events. `last`: the id of the last event that the asker has, or ""."""

    media_type = "text/event-stream"

    def __init__(self, client: Client, board: Board, last: str) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._client = client
        self._channel = client.channel
        self._board = board
        self._last = last
        self._place = 0
        self._news = asyncio.Event()

    def attach(self) -> bool:
        """Begin to read; to be called once, before the answer is given. False: the client has enough streams."""
        return self._client.listen(self, self._news.set)

    @property
    def _ended(self) -> bool:
        return self._client.over or self._client.channel is not self._channel

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Write until the asker goes away, or the client is over."""
        work = [
            asyncio.create_task(each, name="web-events")
            for each in (self._write(send), self._end(), _left(receive))
        ]
        try:
            done, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except OSError:
            pass  # it went away while we wrote
        finally:
            self._client.unlisten(self)
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)

    async def _write(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await _put(send, b"retry: %d\n\n" % RETRY_MS + self._beginning())
        while not (self._ended and self._place == self._channel.newest):
            self._news.clear()
            if (news := self._read()) or self._ended:
                await _put(send, news)
                continue
            try:
                async with asyncio.timeout(HEARTBEAT_S):
                    await self._news.wait()
            except TimeoutError:
                await _put(send, b": \n\n")
        await _put(send, b"", more=False)

    def _beginning(self) -> bytes:
        """What was missed, if that is known; else all that there is."""
        place = self._channel.place_of(self._last)
        missed = self._channel.after(place) if place is not None and not self._ended else None
        if place is not None and missed is not None:
            self._board.flush()
            self._place = place
            return b""
        return self._whole()

    def _read(self) -> bytes:
        """What is new since it was last read."""
        news = self._channel.after(self._place)
        if news is None and not self._ended:
            return self._whole()  # too far behind: the state of now takes the place of what has led to it
        self._place = self._channel.newest
        return b"".join(news or ())

    def _whole(self) -> bytes:
        events = self._board.whole_for(self._client)
        self._place = self._channel.newest
        event_id = self._channel.id_of(self._place)
        return b"".join(written(event_id, name, data) for name, data in events)

    async def _end(self) -> None:
        """Come to an end soon after the client has, even if nobody reads."""
        await self._client.ended()
        await asyncio.sleep(LAST_WORD_S)


async def _put(send: Send, data: bytes, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": more})


async def _left(receive: Receive) -> None:
    """Until the asker goes away."""
    while (await receive())["type"] != "http.disconnect":
        pass
