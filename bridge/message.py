"""What crosses the Unix sockets between the processes of the bridge (`bridge.wire`): the base of all messages."""

from __future__ import annotations

from collections.abc import Hashable

import msgspec


class Message(msgspec.Struct, frozen=True, tag=True, array_like=True, gc=False):
    """What crosses: common settings of all messages."""

    @property
    def overtakes(self) -> Hashable | None:
        """Where the other end does not read: of messages with the same key only the newest waits. None: all do."""
        return None
