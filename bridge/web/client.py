"""One client: a leg, what it was told, and the streams that tell it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from bridge.bucket import Bucket
from bridge.errors import Reason
from bridge.web.channel import Channel
from bridge.web.leg import WebLeg
from bridge.web.protocol import disconnected, encoded
from config.model import Room

COMMANDS_PER_S: Final = 20.0
COMMANDS_AT_ONCE: Final = 60.0
MOST_STREAMS: Final = 4


class Client:
    """Somebody with a token. `call_tag`: a mark of his own choice.

    `seen_at`: his last request; `asked_at`: when he was last asked whether he is there [monotonic seconds].
    """

    def __init__(self, name: str, room: Room, call_tag: str, now: float) -> None:
        self.channel = Channel(name)
        self.room = room
        self.call_tag = call_tag
        self.seen_at = now
        self.asked_at: float | None = None
        self.over = False
        self.leg: WebLeg  # set at once by whoever makes both
        self._bucket = Bucket(COMMANDS_PER_S, COMMANDS_AT_ONCE, now)
        self._streams: dict[object, Callable[[], None]] = {}  # bounded by MOST_STREAMS
        self._ending = asyncio.Event()

    @property
    def id(self) -> str:
        """The leg's."""
        return self.leg.id

    @property
    def streams(self) -> int:
        """How many streams read."""
        return len(self._streams)

    def busy(self, now: float) -> bool:
        """Take note of a request; True if there have been too many."""
        self.seen_at = now
        self.asked_at = None
        return not self._bucket.take(now)

    def listen(self, stream: object, wake: Callable[[], None]) -> bool:
        """A stream begins to read; `wake` is called when there is something. False: there are enough already."""
        if len(self._streams) >= MOST_STREAMS:
            return False
        self._streams[stream] = wake
        return True

    def unlisten(self, stream: object) -> None:
        """A stream reads no more."""
        self._streams.pop(stream, None)

    def tell(self, event: str, value: Any) -> None:
        """Tell the client something."""
        self.put(event, encoded(value))
        self.wake()

    def put(self, event: str, data: bytes) -> None:
        """Tell the client something that is written already; `wake` is due after the last of several."""
        if not self.over:
            self.channel.tell(event, data)

    def wake(self) -> None:
        """There is something to read."""
        for wake in tuple(self._streams.values()):
            wake()

    def close(self, reason: Reason) -> None:
        """It is over: the client is told why, and its streams end."""
        if not self.over:
            self.tell("disconnect", disconnected(reason))
            self.over = True
            self._ending.set()
            self.wake()

    async def ended(self) -> None:
        """Until it is over for those who read now."""
        await self._ending.wait()

    def renew(self, name: str) -> None:
        """Another connection takes this place: whoever read here is told so and reads no more."""
        self.tell("disconnect", disconnected(Reason.REPLACED))
        self.channel = Channel(name)
        self.wake()
        self._streams.clear()
        self._ending.set()
        self._ending = asyncio.Event()
