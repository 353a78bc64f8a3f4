"""A network for signalling that does nothing by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from bridge.sip.flow import Flow
from bridge.sip.transport import Listener


class FakeTransports:
    """The network: what is sent is kept, connections are had at once or not at all."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.known: list[str] = []
        self.drops: Counter[str] = Counter()
        self.stopped = False
        self.connected: Flow | Exception = OSError("no route")

    async def start(self, listeners: Sequence[Listener]) -> None:
        pass

    async def stop(self) -> None:
        self.stopped = True

    def send(self, data: bytes, flow: Flow) -> bool:
        self.sent.append(data)
        return True

    async def connect(self, protocol: str, host: str, port: int) -> Flow:
        if isinstance(self.connected, Exception):
            raise self.connected
        return self.connected

    def know(self, host: str) -> None:
        self.known.append(host)

    def reload_certificates(self) -> list[str]:
        return ["chain.pem: no such file"]
