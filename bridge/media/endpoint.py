"""UDP sockets of legs: a pair of ports each, all read together, errors counted by name."""

from __future__ import annotations

import contextlib
import errno
import select
import socket
import struct
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

from bridge.rtp.batch import Batch

Address = tuple[str, int]
Take = Callable[[bytes, Address, float], None]  # (datagram, source, arrival [monotonic seconds])
SendBatch = Callable[[Batch, Address], None]

LONGEST_DATAGRAM = 2047  # octets; Ethernet carries 1500, longer ones are dropped
# Octets a socket: about 80 packets, more than a second of sound; the kernel drops the rest.
RECEIVE_BUFFER = 65536
# The same where pictures come: a key frame is a hundred packets at once.
PICTURES_BUFFER = 512 * 1024
# Octets of a socket that many legs share: some 8,000 packets, the kernel's overhead counted.
SHARED_BUFFER = 8 * 1024 * 1024
MOST_STRANGERS = 50  # ports of other programs that are tried for one leg; the next leg goes on behind them
ROUNDS = 200  # a socket gives at most so many packets a poll; the others wait for the next
# The same of a socket that many legs share: four times what the most legs that a process serves may send in a tick.
# What comes faster for long is left to the kernel, which drops it when the socket's buffer is full.
BURST = 2000
OLDEST_ARRIVAL = 10.0  # seconds; the kernel's stamp is of the wall clock, which may have been stepped

# In TEST-NET-3 (RFC 5737): nobody has it, but the way there begins as the way to anybody.
_SOMEWHERE = ("203.0.113.1", 9)
_TRUNCATED = int(socket.MSG_TRUNC)  # a plain number: the enumeration's & is slow
_SO_TIMESTAMPNS = getattr(socket, "SO_TIMESTAMPNS", 35)
_SO_SNDBUFFORCE = getattr(socket, "SO_SNDBUFFORCE", 32)
_SO_RCVBUFFORCE = getattr(socket, "SO_RCVBUFFORCE", 33)
_TIMESPEC = struct.Struct("@qq")
_STAMP_SPACE = socket.CMSG_SPACE(_TIMESPEC.size)

# UDP_SEGMENT: the kernel cuts one long datagram into many (Linux 4.18); Python has no names for it.
_SEGMENT_LEVEL = 17
_SEGMENT = 103
_SEGMENT_SIZE = struct.Struct("@H")
# What says that it cannot do so at all on the way that this takes, or not with so long ones.
_NO_SEGMENTS = frozenset((errno.EIO, errno.EOPNOTSUPP, errno.ENOPROTOOPT))
_NOT_THESE = _NO_SEGMENTS | {errno.EINVAL, errno.EMSGSIZE}

_SEND_DROPS = {
    errno.EAGAIN: "send-full",
    errno.ENOBUFS: "send-full",
    errno.ECONNREFUSED: "send-refused",
    errno.ENETUNREACH: "send-unreachable",
    errno.EHOSTUNREACH: "send-unreachable",
    errno.EPERM: "send-forbidden",
    errno.EACCES: "send-forbidden",
}


class NoPorts(Exception):  # noqa: N818 - it says what is the matter
    """No pair of ports could be had; the text is one of a fixed set: "no-ports", "bad-address"."""


class Endpoint:
    """The two sockets of one leg: RTP on the even port, RTCP on the odd one above it."""

    __slots__ = ("_on_close", "address", "port", "rtcp", "rtcp_port", "rtp")

    def __init__(
        self, address: str, rtp: socket.socket, rtcp: socket.socket, on_close: Callable[[int], None]
    ) -> None:
        self.address = address
        self._on_close = on_close
        self.rtp = rtp
        self.rtcp = rtcp
        self.port = int(rtp.getsockname()[1])
        self.rtcp_port = int(rtcp.getsockname()[1])

    def close(self) -> None:
        """Free both ports."""
        self.rtp.close()
        self.rtcp.close()
        self._on_close(self.port)


class PortRange:
    """Hands out pairs of ports in turn, so that a freed one rests as long as possible before it is used again.

    `first` and `last` bound the range; `start` (0 to 1) says where in it the first pair is taken. What is ours is
    known here and not asked of the kernel: in a flood of calls a full range must cost nothing to see.
    """

    def __init__(self, first: int, last: int, start: float = 0.0) -> None:
        even = first + first % 2
        self._pairs = range(even, last, 2)
        if not self._pairs:
            raise ValueError(f"no pair of ports between {first} and {last}")
        self._next = int(start * len(self._pairs)) % len(self._pairs)
        # The even ports of the pairs that are open, by address: of those there are as many as are configured.
        self._ours: defaultdict[str, set[int]] = defaultdict(set)

    def open(self, address: str, buffer: int = RECEIVE_BUFFER) -> Endpoint:
        """Bind the next free pair on `address`, a numeric IPv4 or IPv6 address, each with a `buffer` of so many octets.

        Raises `NoPorts`.
        """
        ours = self._ours[address]
        if len(ours) == len(self._pairs):
            raise NoPorts("no-ports")
        strangers = 0
        for _ in range(len(self._pairs)):
            port = self._pairs[self._next]
            self._next = (self._next + 1) % len(self._pairs)
            if port in ours:
                continue
            try:
                endpoint = self._bind_pair(address, port, buffer)
            except OSError as error:
                strangers += 1
                if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                    raise NoPorts(
                        "no-ports" if error.errno in (errno.EMFILE, errno.ENFILE) else "bad-address"
                    ) from error
                if strangers == MOST_STRANGERS:
                    break
            else:
                ours.add(port)
                return endpoint
        raise NoPorts("no-ports")

    def _bind_pair(self, address: str, port: int, buffer: int) -> Endpoint:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        rtp = _bind(family, address, port, buffer)
        try:
            rtcp = _bind(family, address, port + 1, RECEIVE_BUFFER)
        except OSError:
            rtp.close()
            raise
        return Endpoint(address, rtp, rtcp, self._ours[address].discard)


def _bind(family: int, address: str, port: int, buffer: int) -> socket.socket:
    new = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        _prepare(new)
        new.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        new.bind((address, port))
    except OSError:
        new.close()
        raise
    return new


def _prepare(new: socket.socket) -> None:
    if new.family == socket.AF_INET6:
        new.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    new.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)


def bind_shared(address: str, port: int) -> socket.socket:
    """A socket for many legs on numeric `address`, with room for all that comes while we are held up.

    Raises OSError.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    new = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        _prepare(new)
        for plain, forced in ((socket.SO_RCVBUF, _SO_RCVBUFFORCE), (socket.SO_SNDBUF, _SO_SNDBUFFORCE)):
            new.setsockopt(socket.SOL_SOCKET, plain, SHARED_BUFFER)
            with contextlib.suppress(OSError):  # more than the machine's limit only if we are permitted
                new.setsockopt(socket.SOL_SOCKET, forced, SHARED_BUFFER)
        new.bind((address, port))
    except OSError:
        new.close()
        raise
    return new


def own_address() -> str:
    """An IPv4 address of this machine that is not loopback's, "" = there is none. Nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_SOMEWHERE)
        except OSError:
            return ""
        return str(probe.getsockname()[0])


_Taker = tuple[Callable[[int, int], tuple[Any, ...]], Take, Callable[[Exception], None]]


class Receiver:
    """Reads all sockets that have something, once a tick.

    A packet is of no use before the tick that plays it, so nothing is gained by waking for each: one poll a tick
    costs a third less than a callback a packet and never competes with the mixer thread. When a packet came is told
    by the kernel's stamp, not by when we looked, so that statistics and jitter buffers see the network's time.
    """

    def __init__(self, drops: Counter[str]) -> None:
        self._poll = select.epoll()
        self._takers: dict[int, _Taker] = {}
        # Those that are asked once a poll and then give all they have.
        self._whole_poll = select.epoll()
        self._whole: dict[int, tuple[Callable[[float, float], None], Callable[[Exception], None]]] = {}
        self._drops = drops

    def add(self, sock: socket.socket, take: Take, on_fault: Callable[[Exception], None]) -> None:
        """Give what comes in on `sock` to `take`; `on_fault` is told what `take` raises, and may `remove` it.

        A packet of each socket in turn: none of them can keep the others waiting.
        """
        self._takers[sock.fileno()] = _taker(sock, take, on_fault)
        self._poll.register(sock.fileno(), select.EPOLLIN)

    def add_shared(self, sock: socket.socket, take: Take, on_fault: Callable[[Exception], None]) -> None:
        """The same for a socket that many legs share: it is emptied at once, of up to `BURST` packets."""
        taker = _taker(sock, take, on_fault)

        def drain(now: float, wallclock: float) -> None:
            for _ in range(BURST):
                if not self._read(taker, now, wallclock):
                    return

        self.watch(sock, drain, on_fault)

    def watch(
        self,
        sock: socket.socket,
        on_ready: Callable[[float, float], None],
        on_fault: Callable[[Exception], None],
    ) -> None:
        """Call `on_ready(now, wallclock)` once in each poll that finds `sock` readable. It may `remove` it."""
        self._whole[sock.fileno()] = (on_ready, on_fault)
        self._whole_poll.register(sock.fileno(), select.EPOLLIN)

    def remove(self, sock: socket.socket) -> None:
        """Read `sock` no more; call it before the socket is closed."""
        if self._takers.pop(sock.fileno(), None) is not None:
            self._poll.unregister(sock.fileno())
        if self._whole.pop(sock.fileno(), None) is not None:
            self._whole_poll.unregister(sock.fileno())

    def close(self) -> None:
        """Read nothing any more."""
        self._takers.clear()
        self._poll.close()
        self._whole.clear()
        self._whole_poll.close()

    def poll(self, now: float, wallclock: float) -> int:
        """Read all that has come; returns how many datagrams the legs' own sockets had.

        `now` and `wallclock` are of the same moment [s].
        """
        if self._whole:
            for file, _ in self._whole_poll.poll(0):
                if (watcher := self._whole.get(file)) is not None:
                    try:
                        watcher[0](now, wallclock)
                    except Exception as fault:  # ours: it costs what this socket had, not the tick
                        watcher[1](fault)
        count = 0
        for _ in range(ROUNDS):
            ready = self._poll.poll(0)
            if not ready:
                break
            for file, _ in ready:
                taker = self._takers.get(file)
                if taker is not None:
                    count += 1
                    self._read(taker, now, wallclock)
        return count

    def _read(self, taker: _Taker, now: float, wallclock: float) -> bool:
        """Read one datagram. False: there is none."""
        receive, take, on_fault = taker
        try:
            datagram, ancillary, flags, source = receive(LONGEST_DATAGRAM, _STAMP_SPACE)
        except BlockingIOError:
            return False
        except OSError:  # an ICMP error that an earlier packet of ours met
            self._drops["receive-error"] += 1
            return True
        if flags & _TRUNCATED:
            self._drops["too-long"] += 1
            return True
        age = 0.0
        if ancillary:
            seconds, rest = _TIMESPEC.unpack(ancillary[0][2])
            age = wallclock - seconds - rest * 1e-9
        try:
            take(datagram, source, now - age if 0.0 < age < OLDEST_ARRIVAL else now)
        except Exception as fault:  # ours: it costs this leg, not the others
            on_fault(fault)
        return True


def _taker(sock: socket.socket, take: Take, on_fault: Callable[[Exception], None]) -> _Taker:
    if sock.family == socket.AF_INET6:
        take = _without_scope(take)
    return sock.recvmsg, take, on_fault


def _without_scope(take: Take) -> Take:
    """IPv6 sources come with flow and scope; an address is host and port."""

    def take_pair(datagram: bytes, source: tuple[Any, ...], arrival: float) -> None:
        take(datagram, (source[0], source[1]), arrival)

    return take_pair


def sender(sock: socket.socket, drops: Counter[str]) -> Callable[[bytes | memoryview, Address], bool]:
    """A function that sends a datagram from `sock` and says whether the kernel took it; failures are counted."""
    sendto = sock.sendto

    def send(datagram: bytes | memoryview, to: Address) -> bool:
        try:
            sendto(datagram, to)
        except OSError as error:
            drops[_SEND_DROPS.get(error.errno or 0, "send-failed")] += 1
            return False
        return True

    return send


def can_segment(sock: socket.socket) -> bool:
    """Whether the kernel takes many datagrams of one size at once."""
    try:
        sock.getsockopt(_SEGMENT_LEVEL, _SEGMENT)
    except OSError:
        return False
    return True


def batch_sender(sock: socket.socket, drops: Counter[str], segments: bool = True) -> SendBatch:
    """A function that sends the datagrams of a batch from `sock`; failures are counted by datagram.

    `segments`: hand over many of one size at once where the kernel can: that costs a third of a call for each. Where it
    turns out that it cannot on the way to this peer, they are sent one by one.
    """
    send_one, sendmsg = sender(sock, drops), sock.sendmsg
    together = segments and can_segment(sock)

    def send(batch: Batch, to: Address) -> None:
        nonlocal together
        for run in batch.runs():
            if together and len(run) > 1:
                cut = (_SEGMENT_LEVEL, _SEGMENT, _SEGMENT_SIZE.pack(len(run[0])))
                try:
                    sendmsg(run, (cut,), 0, to)
                    continue
                except OSError as error:
                    if error.errno not in _NOT_THESE:
                        drops[_SEND_DROPS.get(error.errno or 0, "send-failed")] += len(run)
                        continue
                    together = error.errno not in _NO_SEGMENTS
            for datagram in run:
                send_one(datagram, to)

    return send
