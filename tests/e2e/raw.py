"""Bytes on real sockets: for what no well-behaved phone would send. Answers are kept with the time they came."""

from __future__ import annotations

import contextlib
import random
import select
import socket
import ssl
import time
from collections.abc import Callable
from types import TracebackType
from typing import NamedTuple, Self

from tests.peers.child import LOOPBACK
from tests.peers.siptext import SipText, parse, split_stream

SDP = "application/sdp"


class Came(NamedTuple):
    """A message (or the raw bytes of what is none) and when it came [monotonic seconds]."""

    at: float
    message: SipText
    size: int


class RawUdp:
    """One UDP socket at `address`, as a context manager; `log` holds all messages that came, `others` the rest."""

    def __init__(self, target: tuple[str, int], address: str = LOOPBACK, port: int = 0) -> None:
        self.target = target
        self.log: list[Came] = []
        self.others: list[bytes] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_000_000)
        try:
            self._socket.bind((address, port))
        except OSError:  # not ours to have
            self._socket.bind((address, 0))
        self._socket.setblocking(False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    @property
    def host(self) -> str:
        return str(self._socket.getsockname()[0])

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    def send(self, data: bytes) -> None:
        """Send one datagram."""
        with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
            self._socket.sendto(data, self.target)

    def listen(self, seconds: float, enough: Callable[[], bool] = lambda: False) -> list[Came]:
        """Take in what comes for so long, or until it is `enough`; returns what is new."""
        known, end = len(self.log), time.monotonic() + seconds
        while not enough() and (left := end - time.monotonic()) > 0:
            if select.select([self._socket], [], [], left)[0]:
                self.take()
        return self.log[known:]

    def take(self) -> None:
        """Take in what is there already."""
        while True:
            try:
                data = self._socket.recv(65536)
            except ConnectionRefusedError:
                continue
            except BlockingIOError:
                return
            try:
                self.log.append(Came(time.monotonic(), parse(data), len(data)))
            except (ValueError, IndexError):
                self.others.append(data)

    def ask(self, request: SipText, timeout: float = 3.0) -> SipText:
        """Send a request, once, and wait for its final answer. Raises TimeoutError."""
        self.send(request.serialise())
        start = len(self.log)
        self.listen(timeout, lambda: final(self.log[start:]) is not None)
        found = final(self.log[start:])
        if found is None:
            raise TimeoutError(f"no answer to {request.start}")
        return found

    def request(self, method: str, user: str = "1001", body: str = "", **more: str) -> SipText:
        """A request outside any dialog, new in branch, tag and Call-ID; `more` headers with _ for -."""
        return outside(
            method, f"sip:{user}@{self.target[0]}:{self.target[1]}", self.host, self.port, body, **more
        )


def final(messages: list[Came]) -> SipText | None:
    """The first final response among them."""
    return next((each.message for each in messages if each.message.status >= 200), None)


def outside(method: str, uri: str, host: str, port: int, body: str = "", **more: str) -> SipText:
    """A request outside any dialog, new in branch, tag and Call-ID."""
    headers = [
        ("Via", f"SIP/2.0/UDP {host}:{port};rport;branch=z9hG4bK{random.getrandbits(60):x}"),
        ("Max-Forwards", "70"),
        ("From", f"<sip:raw@{host}>;tag={random.getrandbits(40):x}"),
        ("To", f"<{uri}>"),
        ("Call-ID", f"{random.getrandbits(60):x}@raw"),
        ("CSeq", f"1 {method}"),
        ("Contact", f"<sip:raw@{host}:{port}>"),
        *((name.replace("_", "-"), value) for name, value in more.items()),
    ]
    if body:
        headers.append(("Content-Type", SDP))
    return SipText(f"{method} {uri} SIP/2.0", tuple(headers), body)


def offer(host: str, port: int, *more: str) -> str:
    """A plain offer of PCMU; `more` are further lines of its audio part."""
    lines = ["v=0", f"o=raw 1 1 IN IP4 {host}", "s=-", f"c=IN IP4 {host}", "t=0 0"]
    lines += [f"m=audio {port} RTP/AVP 0 101", "a=rtpmap:101 telephone-event/8000", *more]
    return "\r\n".join([*lines, ""])


def within(invite: SipText, answer: SipText, method: str, sequence: int) -> SipText:
    """A request in the dialog that `answer` to `invite` made; an ACK belongs to the 2xx."""
    kept = dict(invite.headers)
    via, _, _ = kept["Via"].partition(";")
    headers = [
        ("Via", f"{via};rport;branch=z9hG4bK{random.getrandbits(60):x}"),
        ("Max-Forwards", "70"),
        ("From", kept["From"]),
        ("To", answer.get("To")),
        ("Call-ID", kept["Call-ID"]),
        ("CSeq", f"{sequence} {method}"),
        ("Contact", kept["Contact"]),
    ]
    target = answer.get("Contact").partition("<")[2].partition(">")[0] or invite.start.split()[1]
    return SipText(f"{method} {target} SIP/2.0", tuple(headers))


def same_transaction(invite: SipText, method: str, to: str = "") -> SipText:
    """The CANCEL of an INVITE, or the ACK of its refusal (whose To is `to`): same branch (RFC 3261 section 9.1)."""
    kept = [
        (key, value) for key, value in invite.headers if key in ("Via", "Max-Forwards", "From", "Call-ID")
    ]
    kept += [("To", to or invite.get("To")), ("CSeq", f"{invite.sequence} {method}")]
    return SipText(f"{method} {invite.start.partition(' ')[2]}", tuple(kept))


def ending(final: SipText) -> SipText:
    """What ends the INVITE that got this final response: BYE after a 2xx (without an ACK: no sound is sent), else ACK.

    All is copied from the response, so that it fits however odd the request was.
    """
    method, number = ("BYE", final.sequence + 1) if final.status < 300 else ("ACK", final.sequence)
    via = final.get("Via").partition(", ")[0]
    if method == "BYE":
        via = f"{via.partition(';')[0]};rport;branch=z9hG4bK{random.getrandbits(60):x}"
    target = final.get("Contact").partition("<")[2].partition(">")[0] or "sip:1001@localhost"
    kept = [(name, final.get(name)) for name in ("From", "To", "Call-ID")]
    headers = [("Via", via), ("Max-Forwards", "70"), *kept, ("CSeq", f"{number} {method}")]
    return SipText(f"{method} {target} SIP/2.0", tuple(headers))


def with_body(head: SipText, body: bytes, kind: str = SDP) -> bytes:
    """A message with a body of any bytes."""
    start, _, _ = (
        SipText(head.start, (*head.headers, ("Content-Type", kind))).serialise().rpartition(b"Content-")
    )
    return start + b"Content-Length: %d\r\n\r\n" % len(body) + body


class RawCall:
    """A call made by hand on a `RawUdp`: acknowledged, and answering nothing by itself."""

    def __init__(self, udp: RawUdp, body: str, user: str = "1001") -> None:
        self._udp = udp
        self._sequence = 1
        self.invite = udp.request("INVITE", user, body)
        self.answer = udp.ask(self.invite)
        assert self.answer.status == 200, self.answer.start
        udp.send(within(self.invite, self.answer, "ACK", 1).serialise())

    def next(self, method: str) -> SipText:
        """The next request of the dialog, without a body."""
        self._sequence += 1
        return within(self.invite, self.answer, method, self._sequence)

    def ask(self, method: str, body: bytes = b"", kind: str = SDP) -> SipText:
        """Send a request in the dialog and wait for its final answer; a 2xx to INVITE is acknowledged."""
        request = self.next(method)
        start = len(self._udp.log)
        self._udp.send(with_body(request, body, kind) if body else request.serialise())

        def answer() -> SipText | None:
            found = (each.message for each in self._udp.log[start:] if each.message.status >= 200)
            return next((each for each in found if each.get("CSeq") == request.get("CSeq")), None)

        self._udp.listen(3.0, lambda: answer() is not None)
        found = answer()
        if found is None:
            raise TimeoutError(f"no answer to {method}")
        if method == "INVITE" and found.status < 300:
            self._udp.send(within(self.invite, self.answer, "ACK", self._sequence).serialise())
        elif method == "INVITE":
            self._udp.send(same_transaction(request, "ACK", found.get("To")).serialise())
        return found


class RawStream:
    """One TCP or TLS connection, as a context manager; `pongs` counts single CRLFs, `closed` whether it was closed."""

    def __init__(self, target: tuple[str, int], *, tls: bool = False) -> None:
        self.log: list[Came] = []
        self.pongs = 0
        self.closed_at: float | None = None
        self._buffer = bytearray()
        self._socket: socket.socket = socket.create_connection(target, 5)
        if tls:
            self._socket = insecure().wrap_socket(self._socket)
        self._socket.setblocking(False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    @property
    def closed(self) -> bool:
        """Whether the other side closed it."""
        return self.closed_at is not None

    @property
    def local(self) -> tuple[str, int]:
        name = self._socket.getsockname()
        return str(name[0]), int(name[1])

    def send(self, data: bytes) -> None:
        """Send all of it; what the other side no longer takes is lost."""
        try:
            self._socket.settimeout(5)
            self._socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            pass
        finally:
            self._socket.setblocking(False)

    def listen(self, seconds: float, enough: Callable[[], bool] = lambda: False) -> None:
        """Take in what comes for so long, or until it is `enough`, or until it is closed."""
        end = time.monotonic() + seconds
        while not self.closed and not enough() and (left := end - time.monotonic()) > 0:
            select.select([self._socket], [], [], left)
            self.take()

    def take(self) -> None:
        """Take in what is there already."""
        while not self.closed:
            try:
                data = self._socket.recv(65536)
            except (BlockingIOError, ssl.SSLWantReadError):
                break
            except OSError:
                data = b""
            if not data:
                self.closed_at = time.monotonic()
            self._buffer += data
        if self._buffer.startswith(b"\r\n") and not self._buffer.startswith(b"\r\n\r\n"):
            self.pongs += 1
            del self._buffer[:2]
        now = time.monotonic()
        self.log += [Came(now, parse(each), len(each)) for each in split_stream(self._buffer)]


def insecure() -> ssl.SSLContext:
    """A client that takes any certificate: what is tested is not the trust in it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
