"""A server for the load tool's own tests: answers every call, and sends every packet back to where it came from."""

from __future__ import annotations

import selectors
import socket
import threading
from types import TracebackType
from typing import Self


class Echo:
    """A context manager with a thread. Every `lose_every`-th packet of a call is not sent back (0: all are)."""

    def __init__(self, lose_every: int = 0) -> None:
        self.calls = 0
        self.keys: dict[int, int] = {}
        self._lose_every = lose_every
        self._counts: dict[socket.socket, int] = {}
        self._sip = self._open()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._sip, selectors.EVENT_READ)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _open(self) -> socket.socket:
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        opened.bind(("127.0.0.1", 0))
        return opened

    @property
    def uri(self) -> str:
        return f"sip:echo@127.0.0.1:{self._sip.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            opened = key.fileobj
            assert isinstance(opened, socket.socket)
            opened.close()
        self._selector.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            for key, _ in self._selector.select(0.05):
                opened = key.fileobj
                assert isinstance(opened, socket.socket)
                data, source = opened.recvfrom(65535)
                if opened is self._sip:
                    self._answer(data.decode(), source)
                else:
                    self._return(opened, data, source)

    def _return(self, opened: socket.socket, data: bytes, source: tuple[str, int]) -> None:
        if data[1] & 127 == 101:
            self.keys[source[1]] = self.keys.get(source[1], 0) + 1
            return
        count = self._counts[opened] = self._counts.get(opened, 0) + 1
        if not self._lose_every or count % self._lose_every:
            opened.sendto(data, source)

    def _answer(self, text: str, source: tuple[str, int]) -> None:
        method = text.partition(" ")[0]
        if method == "ACK":
            return
        head, _, body = text.partition("\r\n\r\n")
        kept = ("Via", "From", "To", "Call-ID", "CSeq")
        lines = [line for line in head.split("\r\n") if line.partition(":")[0] in kept]
        answer = ""
        if method == "INVITE":
            self.calls += 1
            media = self._open()
            self._selector.register(media, selectors.EVENT_READ)
            answer = _towards(body, "audio", media)
            if "m=video " in body:
                pictures = self._open()
                self._selector.register(pictures, selectors.EVENT_READ)
                answer = _towards(answer, "video", pictures)
            lines = [line + ";tag=echo" if line.startswith("To:") else line for line in lines]
            lines += [f"Contact: <{self.uri}>", "Content-Type: application/sdp"]
        lines = ["SIP/2.0 200 OK", *lines, f"Content-Length: {len(answer)}", "", answer]
        self._sip.sendto("\r\n".join(lines).encode(), source)


def _towards(body: str, kind: str, media: socket.socket) -> str:
    """The description with another port for that medium."""
    port = body.partition(f"m={kind} ")[2].partition(" ")[0]
    return body.replace(f"m={kind} {port}", f"m={kind} {media.getsockname()[1]}")
