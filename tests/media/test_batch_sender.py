"""Many datagrams handed over at once arrive as those that are sent one by one."""

from __future__ import annotations

import errno
import socket
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from bridge.media.endpoint import batch_sender, can_segment
from bridge.rtp.batch import SLOT, Batch


class Ends:
    """Two sockets on loopback, and the address of the second."""

    def __init__(self, host: str) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.ours = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.theirs = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        for end in (self.ours, self.theirs):
            end.bind((host, 0))
        self.to = self.theirs.getsockname()[:2]
        self.drops: Counter[str] = Counter()

    def received(self) -> list[bytes]:
        got = []
        while True:
            try:
                got.append(self.theirs.recv(2048))
            except BlockingIOError:
                return got


@pytest.fixture(params=["127.0.0.1", "::1"])
def ends(request: pytest.FixtureRequest) -> Iterator[Ends]:
    try:
        made = Ends(request.param)
    except OSError:
        pytest.skip("no IPv6 here")
    with made.ours, made.theirs:
        yield made


class Stubborn:
    """A socket whose kernel refuses to cut."""

    def __init__(self, sock: socket.socket, number: int) -> None:
        self._sock = sock
        self._number = number
        self.asked = 0

    def sendmsg(self, *_: Any) -> int:
        self.asked += 1
        raise OSError(self._number, "no")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


def batch(sizes: list[int]) -> Batch:
    made = Batch()
    for number, size in enumerate(sizes):
        made.view[number * SLOT : number * SLOT + size] = bytes((number + 1,)) * size
    made.sizes = sizes
    return made


SIZES = [200, 1200, 1200, 1200, 1200, 1200, 1200, 31]


@pytest.mark.parametrize("segments", [True, False])
def test_the_same_bytes_either_way(ends: Ends, segments: bool) -> None:
    send = batch_sender(ends.ours, ends.drops, segments)
    for _ in range(3):
        made = batch(SIZES)
        send(made, ends.to)
        assert ends.received() == list(map(bytes, made.datagrams()))
    assert not ends.drops


@pytest.mark.parametrize(
    ("number", "again"), [(errno.EIO, 1), (errno.EOPNOTSUPP, 1), (errno.EINVAL, 2), (errno.EMSGSIZE, 2)]
)
def test_a_kernel_that_refuses(ends: Ends, number: int, again: int) -> None:
    stubborn: Any = Stubborn(ends.ours, number)
    send = batch_sender(stubborn, ends.drops)
    for _ in range(2):
        send(batch(SIZES), ends.to)
        assert len(ends.received()) == len(SIZES)
    assert stubborn.asked == (again if can_segment(ends.ours) else 0)
    assert not ends.drops


def test_what_a_full_kernel_does_not_take_is_counted(ends: Ends) -> None:
    stubborn: Any = Stubborn(ends.ours, errno.EAGAIN)
    batch_sender(stubborn, ends.drops)(batch(SIZES), ends.to)
    assert ends.drops == ({"send-full": 7} if can_segment(ends.ours) else {})
