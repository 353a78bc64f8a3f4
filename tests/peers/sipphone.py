"""A small SIP phone for precise tests: one call at a time, G.711, UDP or TCP, in a thread of its own.

    with SipPhone("anna", tone=400) as anna:
        anna.call("sip:100@127.0.0.1:5060")
        mark = anna.now
        time.sleep(2)
        assert hears(anna.heard(mark), [700]) == ([], [])
        anna.hang_up()

It shares no code with the bridge, so a misreading of a standard in one of them shows. It is strict where that is
cheap: whatever it cannot use is kept in `faults`. What it does not do: digest, several calls, forking, TLS, SRTP.
"""

from __future__ import annotations

import random
import select
import socket
import threading
import time
from types import TracebackType
from typing import Self

from tests.peers.child import LOOPBACK
from tests.peers.g711 import LAWS
from tests.peers.siptext import (
    AudioSdp,
    SipText,
    parameter,
    parse,
    read_sdp,
    split_stream,
    within_angles,
    write_sdp,
)
from tests.peers.sound import Recording
from tests.peers.voice import Reception, Voice

T1 = 0.5


class CallRefused(Exception):  # noqa: N818
    """The call was refused with `status` (0: nobody answered)."""

    def __init__(self, status: int, phrase: str = "") -> None:
        super().__init__(f"{status} {phrase}".strip())
        self.status = status


class SipPhone:
    """A phone, as a context manager. Times are monotonic seconds (`now`).

    `codecs` in order of preference, of PCMU and PCMA; `tone` [Hz] or None for silence; `answers` False lets an incoming
    call ring. `requests` and `responses` hold all that came, with the time.
    """

    def __init__(
        self,
        name: str = "phone",
        *,
        transport: str = "udp",
        codecs: tuple[str, ...] = ("PCMU",),
        tone: float | None = 440.0,
        level: float = 0.3,
        answers: bool = True,
        address: str = LOOPBACK,
    ) -> None:
        self.name = name
        self.transport = transport
        self.address = address
        self.answers = answers
        self.voice = Voice(codecs[0], tone, address, level)
        self.requests: list[tuple[float, SipText]] = []
        self.responses: list[tuple[float, SipText]] = []
        self.faults: list[str] = []
        self.keys = ""
        self.remote_sdp: AudioSdp | None = None
        self._codecs = [(LAWS[codec].payload_type, codec) for codec in codecs]
        self._direction, self._where, self._sdp_version = "sendrecv", address, 1
        self._server: tuple[str, int] | None = None
        self._connection: socket.socket | None = None
        self._replaced: list[socket.socket] = []  # connections that another one came after
        self._buffer = bytearray()
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._in_call = False
        self._call_id = self._local = self._remote = self._target = ""
        self._routes: list[str] = []
        self._sequence = 0
        self._acks: dict[int, bytes] = {}
        self._answers: dict[tuple[str, str], bytes] = {}
        self._stream = transport == "tcp"  # the way that the newest message came by, and ours go
        self._socket, self._listener = _both(address)
        for opened in (self._socket, self._listener):
            opened.setblocking(False)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._in_call:
                self.hang_up()
        except (TimeoutError, OSError):
            pass
        self._stop.set()
        self._thread.join()
        for opened in (self._socket, self._listener, self._connection, *self._replaced, self.voice):
            if opened is not None:
                opened.close()

    # -- for the test ------------------------------------------------------------------------------------------------

    @property
    def now(self) -> float:
        return time.monotonic()

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    @property
    def uri(self) -> str:
        kind = "" if self.transport == "udp" else f";transport={self.transport}"
        return f"sip:{self.name}@{self.address}:{self.port}{kind}"

    @property
    def in_call(self) -> bool:
        return self._in_call

    def call(self, uri: str, timeout: float = 10.0, *, offer: bool = True) -> None:
        """Call and wait for the answer; `offer` False lets the other side make the offer. Raises CallRefused."""
        host, _, port = uri.partition("@")[2].partition(";")[0].rpartition(":")
        self._server = (host, int(port))
        self._call_id = f"{random.getrandbits(64):x}@phone"
        self._local = f"<sip:{self.name}@{self.address}:{self.port}>;tag={random.getrandbits(32):x}"
        self._remote, self._target, self._routes = f"<{uri}>", uri, []
        self._direction, self._where = "sendrecv", self.address
        self._stream = self.transport == "tcp"
        if self._stream:
            self._connection = socket.create_connection(self._server, timeout)
            self._connection.setblocking(False)
        final = self._invite(timeout, offer)
        if final.status >= 300:
            raise CallRefused(final.status, final.start.split(maxsplit=2)[-1])

    def reinvite(
        self, direction: str = "sendrecv", *, where: str | None = None, offer: bool = True
    ) -> SipText:
        """Change the call (RFC 3261 section 14); hold is "sendonly", "inactive", or `where` "0.0.0.0" as of old."""
        self._direction, self._where = direction, where or self.address
        self._sdp_version += 1
        return self._invite(10.0, offer)

    def press(self, keys: str, *, by: str = "rtp", timeout: float = 20.0) -> None:
        """Press keys by "rtp" (RFC 4733) or "info" (application/dtmf-relay), and wait until they are sent."""
        if by == "rtp":
            self.voice.press(keys)
            end = self.now + timeout
            while self.voice.pressing and self.now < end:
                time.sleep(0.02)
            return
        for key in keys:
            reply = self.request("INFO", "application/dtmf-relay", f"Signal={key}\r\nDuration=160\r\n")
            if reply.status != 200:
                raise CallRefused(reply.status, "to INFO")

    def hang_up(self) -> SipText:
        """Send BYE and wait for its answer."""
        self._in_call = False
        self.voice.connect(None, self.voice.codec, 101)
        return self.request("BYE")

    def request(self, method: str, content_type: str = "", body: str = "", timeout: float = 5.0) -> SipText:
        """Send a request within the call and wait for its final answer. Raises TimeoutError."""
        self._sequence += 1
        message = self._message(method, self._sequence, content_type, body)
        return self._exchange(message, method, self._sequence, timeout)

    def wait_ended(self, timeout: float = 10.0) -> None:
        """Wait for the other side's BYE."""
        with self._changed:
            if not self._changed.wait_for(lambda: not self._in_call, timeout):
                raise TimeoutError(f"{self.name}: no BYE within {timeout} s")

    def wait_called(self, timeout: float = 10.0) -> None:
        """Wait until an incoming call is answered and acknowledged."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._in_call, timeout):
                raise TimeoutError(f"{self.name}: no call within {timeout} s")

    def heard(self, start: float, end: float | None = None) -> Recording:
        """What it heard between two times."""
        return self.voice.heard(start, end)

    def reception(self, start: float, end: float | None = None) -> Reception:
        """How packets came between two times."""
        return self.voice.reception(start, end)

    def came(self, method: str) -> list[SipText]:
        """The requests of that method that came, copies included."""
        return [message for _, message in self.requests if message.method == method]

    # -- as a client -------------------------------------------------------------------------------------------------

    def _invite(self, timeout: float, offer: bool) -> SipText:
        self._sequence += 1
        sequence = self._sequence
        body = self._sdp() if offer else ""
        message = self._message("INVITE", sequence, "application/sdp" if offer else "", body)
        final = self._exchange(message, "INVITE", sequence, timeout)
        if final.status >= 300:
            self._acks[sequence] = self._refusal_ack(message, final)
            self._send(self._acks[sequence])
            return final
        self._remote, self._target = final.get("To"), within_angles(final.get("Contact"))
        self._routes = list(reversed(final.all("Record-Route"))) or self._routes
        answer = "" if offer else self._sdp()
        self._acks[sequence] = self._message(
            "ACK", sequence, "application/sdp" if answer else "", answer
        ).serialise()
        self._send(self._acks[sequence])
        self._use_sdp(final.body)
        self._set_in_call(True)
        return final

    def _exchange(self, message: SipText, method: str, sequence: int, timeout: float) -> SipText:
        """Send until a final answer comes (timers A and E of RFC 3261 section 17.1)."""
        data, end, interval = message.serialise(), self.now + timeout, T1
        while True:
            self._send(data)
            pause = end - self.now if self.transport == "tcp" else min(interval, end - self.now)
            with self._changed:
                self._changed.wait_for(lambda: self._answer_to(method, sequence, 100) is not None, pause)
            if self._answer_to(method, sequence, 100) is not None:
                break
            interval *= 2
            if self.now >= end:
                raise TimeoutError(f"{self.name}: no answer to {method}")
        with self._changed:
            self._changed.wait_for(
                lambda: self._answer_to(method, sequence, 200) is not None, max(0.0, end - self.now)
            )
        final = self._answer_to(method, sequence, 200)
        if final is None:
            raise TimeoutError(f"{self.name}: no final answer to {method}")
        return final

    def _answer_to(self, method: str, sequence: int, lowest: int) -> SipText | None:
        for _, message in self.responses:
            if (message.method, message.sequence, message.get("Call-ID")) == (
                method,
                sequence,
                self._call_id,
            ):
                if message.status >= lowest:
                    return message
        return None

    def _message(self, method: str, sequence: int, content_type: str = "", body: str = "") -> SipText:
        headers = [
            ("Via", self._via()),
            ("Max-Forwards", "70"),
            *(("Route", route) for route in self._routes),
            ("From", self._local),
            ("To", self._remote),
            ("Call-ID", self._call_id),
            ("CSeq", f"{sequence} {method}"),
            ("Contact", f"<{self.uri}>"),
        ]
        if content_type:
            headers.append(("Content-Type", content_type))
        return SipText(f"{method} {self._target} SIP/2.0", tuple(headers), body)

    def _via(self) -> str:
        branch = f"z9hG4bK{random.getrandbits(60):x}"
        return f"SIP/2.0/{self.transport.upper()} {self.address}:{self.port};rport;branch={branch}"

    def _refusal_ack(self, invite: SipText, final: SipText) -> bytes:
        """The ACK of a refusal belongs to the INVITE's transaction: same branch (RFC 3261 section 17.1.1.3)."""
        kept = [
            (key, value) for key, value in invite.headers if key in ("Via", "Max-Forwards", "From", "Call-ID")
        ]
        kept += [("To", final.get("To")), ("CSeq", f"{invite.sequence} ACK")]
        return SipText(invite.start.replace("INVITE", "ACK", 1), tuple(kept)).serialise()

    def _sdp(self) -> str:
        return write_sdp(
            self.voice.port, self._codecs, self._direction, self._sdp_version, self.address, self._where
        )

    def _use_sdp(self, body: str) -> None:
        try:
            sdp = read_sdp(body)
        except ValueError as error:
            self.faults.append(str(error))
            return
        self.remote_sdp = sdp
        codec = next((name for number, name in self._codecs if number in sdp.payload_types), None)
        if codec is None:
            self.faults.append(f"no codec of ours in {sdp.payload_types}")
            return
        allowed = sdp.may_receive and self._direction in ("sendrecv", "sendonly") and self._where != "0.0.0.0"
        self.voice.connect((sdp.address, sdp.port) if allowed else None, codec, sdp.event_type)

    def _set_in_call(self, value: bool) -> None:
        with self._changed:
            self._in_call = value
            self._changed.notify_all()

    # -- the thread --------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stop.is_set():
            opened: list[socket.socket | Voice] = [self._socket, self._listener, self.voice]
            if self._connection is not None:
                opened.append(self._connection)
            pause = max(0.0, self.voice.next_send - time.monotonic())
            ready, _, _ = select.select(opened, [], [], pause)
            self.voice.send_due(time.monotonic())
            for source in ready:
                self._read(source)

    def _read(self, source: socket.socket | Voice) -> None:
        if isinstance(source, Voice):
            source.receive()
        elif source is self._listener:
            if self._connection is not None:
                self._replaced.append(self._connection)
            self._connection = source.accept()[0]
            self._connection.setblocking(False)
        elif source is self._socket:
            try:
                data, self._server = source.recvfrom(65536)
            except ConnectionRefusedError:
                return
            self._stream = False
            self._take(data)
        else:
            self._read_stream(source)

    def _read_stream(self, connection: socket.socket) -> None:
        try:
            data = connection.recv(65536)
        except OSError:
            data = b""
        if not data:
            connection.close()
            self._connection = None
            return
        self._stream = True
        self._buffer += data
        for message in split_stream(self._buffer):
            self._take(message)

    def _send(self, data: bytes) -> None:
        if self._stream:
            if self._connection is not None:
                self._connection.sendall(data)
        elif self._server is not None:
            self._socket.sendto(data, self._server)

    def _take(self, data: bytes) -> None:
        if not data.strip():
            return
        message = parse(data)
        with self._changed:
            (self.responses if message.status else self.requests).append((time.monotonic(), message))
            self._changed.notify_all()
        if not message.status:
            self._serve(message)
        elif message.method == "INVITE" and message.status >= 200 and message.sequence in self._acks:
            self._send(self._acks[message.sequence])  # its first ACK was lost

    # -- as a server -------------------------------------------------------------------------------------------------

    def _serve(self, request: SipText) -> None:
        if request.method == "ACK":
            if request.body:
                self._use_sdp(request.body)
            self._set_in_call(True)
            return
        known = (request.get("Via"), request.method)
        if known in self._answers:
            self._send(self._answers[known])
            return
        reply = self._reply_to(request)
        self._answers[known] = reply
        self._send(reply)

    def _reply_to(self, request: SipText) -> bytes:
        match request.method:
            case "INVITE":
                return self._reply_to_invite(request)
            case "BYE":
                known = request.get("Call-ID") == self._call_id
                if known:
                    self.voice.connect(None, self.voice.codec, 101)
                    self._set_in_call(False)
                return self._reply(request, 200 if known else 481)
            case "INFO":
                if "dtmf-relay" in request.get("Content-Type"):
                    self.keys += request.body.partition("=")[2][:1]
                return self._reply(request, 200)
            case "OPTIONS" | "CANCEL" | "UPDATE" | "PRACK":
                return self._reply(request, 200)
            case _:
                return self._reply(request, 405)

    def _reply_to_invite(self, request: SipText) -> bytes:
        if self._in_call and request.get("Call-ID") != self._call_id:
            return self._reply(request, 486)
        if not self._in_call:
            self._call_id = request.get("Call-ID")
            self._local = f"{request.get('To')};tag={random.getrandbits(32):x}"
            self._remote, self._target = request.get("From"), within_angles(request.get("Contact"))
            self._routes = request.all("Record-Route")
            self._sequence = random.randrange(1, 1000)
        if not self.answers:
            return self._reply(request, 180)
        if request.body:
            self._use_sdp(request.body)
        return self._reply(request, 200, self._sdp())

    def _reply(self, request: SipText, status: int, sdp: str = "") -> bytes:
        phrase = {180: "Ringing", 200: "OK", 405: "Method Not Allowed", 481: "No Such Call", 486: "Busy Here"}
        copied = [
            (key, value)
            for key, value in request.headers
            if key.lower() in ("via", "v", "from", "f", "call-id", "i", "cseq", "record-route")
        ]
        to = request.get("To")
        own = self._local if not parameter(to, "tag") and request.method == "INVITE" else to
        headers = [*copied, ("To", own), ("Contact", f"<{self.uri}>")]
        if sdp:
            headers.append(("Content-Type", "application/sdp"))
        return SipText(f"SIP/2.0 {status} {phrase[status]}", tuple(headers), sdp).serialise()


def _both(address: str) -> tuple[socket.socket, socket.socket]:
    """A UDP and a listening TCP socket with the same port. What is free for the one may be taken for the other."""
    for _ in range(20):
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        datagrams.bind((address, 0))
        try:
            return datagrams, socket.create_server((address, datagrams.getsockname()[1]))
        except OSError:
            datagrams.close()
    raise RuntimeError(f"no port of {address} is free for UDP and TCP")
