"""The signalling of the crowd: INVITE, ACK, BYE over one UDP socket, with RFC 3261's retransmissions, and no more.

What the bridge asks within a call is answered 200 (with our unchanged description where that is due).
"""

from __future__ import annotations

import contextlib
import random
import socket
from collections.abc import Callable
from dataclasses import dataclass, field

from tools.load.clips import CLOCK, VideoCodec
from tools.load.member import Member, State
from tools.load.speech import Codec

_T1 = 0.5
_GIVE_UP_SECONDS = 32.0
_PHRASES = {200: "OK", 481: "Call/Transaction Does Not Exist"}


@dataclass(slots=True)
class Call(Member):
    """One call. `port`, `picture_port`: where it wants its RTP, 0 = no pictures; `video`: what it offers of them."""

    port: int = 0
    picture_port: int = 0
    video: str = ""
    status: int = 0
    remote: tuple[str, int] | None = None
    remote_pictures: tuple[str, int] | None = None
    event_type: int = 101
    id: str = ""
    tag: str = ""
    to: str = ""
    target: str = ""
    routes: str = ""
    sequence: int = 0
    pending: bytes = b""  # what is repeated until it is answered
    repeat_at: float = 0.0
    repeat_after: float = _T1
    give_up_at: float = 0.0
    ack: bytes = b""
    branch: str = field(default="", repr=False)


class Caller:
    """All calls of a crowd. `on_up` and `on_over` are told of a call once; `destination` is (host, port)."""

    def __init__(
        self,
        uri: str,
        codec: Codec,
        on_up: Callable[[Call], None] = lambda call: None,
        on_over: Callable[[Call], None] = lambda call: None,
    ) -> None:
        host, _, port = uri.partition("@")[2].partition(";")[0].partition(":")
        self.calls: dict[str, Call] = {}
        self.refusals: dict[int, int] = {}
        self._uri, self._destination, self._codec = uri, (host, int(port or 5060)), codec
        self._on_up, self._on_over = on_up, on_over
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self._here = f"127.0.0.1:{self._socket.getsockname()[1]}"

    def fileno(self) -> int:
        """For the poll."""
        return self._socket.fileno()

    def close(self) -> None:
        """Give the port back."""
        self._socket.close()

    # -- what we ask -------------------------------------------------------------------------------------------------

    def invite(self, call: Call, now: float) -> None:
        """Begin a call."""
        call.id, call.tag = f"{random.getrandbits(64):x}@load", f"{random.getrandbits(32):x}"
        call.to, call.target, call.sequence = f"<{self._uri}>", self._uri, 1
        call.state, call.begun = State.CALLING, now
        self.calls[call.id] = call
        self._ask(call, "INVITE", now, self._description(call))

    def bye(self, call: Call, now: float) -> None:
        """End a call that is up."""
        call.sequence += 1
        call.state = State.LEAVING
        self._ask(call, "BYE", now)

    def repeat_due(self, now: float) -> None:
        """Repeat what was not answered (timers A and E), and give up after 32 s (B and F)."""
        for call in self.calls.values():
            if not call.pending or now < call.repeat_at:
                continue
            if now >= call.give_up_at:
                self._end(call, State.FAILED)
                continue
            self._send(call.pending)
            call.repeat_after *= 2
            call.repeat_at = now + call.repeat_after

    def _ask(self, call: Call, method: str, now: float, body: str = "") -> None:
        call.branch = f"z9hG4bK{random.getrandbits(56):x}"
        call.pending = self._request(call, method, call.branch, body)
        call.repeat_after, call.repeat_at, call.give_up_at = _T1, now + _T1, now + _GIVE_UP_SECONDS
        self._send(call.pending)

    def _request(self, call: Call, method: str, branch: str, body: str = "") -> bytes:
        kind = "Content-Type: application/sdp\r\n" if body else ""
        return (
            f"{method} {call.target} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {self._here};branch={branch};rport\r\n"
            f"Max-Forwards: 70\r\n{call.routes}"
            f"From: <sip:load{call.index}@{self._here}>;tag={call.tag}\r\n"
            f"To: {call.to}\r\nCall-ID: {call.id}\r\nCSeq: {call.sequence} {method}\r\n"
            f"Contact: <sip:load{call.index}@{self._here}>\r\n"
            f"{kind}Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()

    def _description(self, call: Call) -> str:
        codec = self._codec
        if codec is Codec.OPUS:
            formats, lines = "111 101", "a=rtpmap:111 opus/48000/2\r\na=rtpmap:101 telephone-event/48000\r\n"
        else:
            formats = f"{codec.payload_type} 101"
            lines = f"a=rtpmap:{codec.payload_type} {codec.sdp_name}/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
        return (
            f"v=0\r\no=load {call.index} 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {call.port} RTP/AVP {formats}\r\n{lines}a=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
            f"{call.video}"
        )

    # -- what comes --------------------------------------------------------------------------------------------------

    def receive(self, now: float) -> None:
        """Take in all that has come."""
        while True:
            try:
                datagram, source = self._socket.recvfrom(65535)
            except (BlockingIOError, ConnectionRefusedError):
                return
            if datagram.startswith(b"SIP/2.0 "):
                self._take_response(datagram.decode("utf-8", "replace"), now)
            elif datagram.strip():
                self._take_request(datagram.decode("utf-8", "replace"), source)

    def _take_response(self, text: str, now: float) -> None:
        call = self.calls.get(_header(text, "Call-ID"))
        number, _, method = _header(text, "CSeq").partition(" ")
        status = int(text[8:11])
        if call is None or (int(number) != call.sequence and method != "INVITE"):
            return
        if method == "INVITE" and call.state is not State.CALLING:
            if 200 <= status < 300 and call.ack:
                self._send(call.ack)  # the first one was lost
        elif method == "INVITE":
            self._invite_answered(call, status, text, now)
        elif method == "BYE" and status >= 200 and call.state is State.LEAVING:
            self._end(call, State.OVER)

    def _invite_answered(self, call: Call, status: int, text: str, now: float) -> None:
        if status < 200:
            call.repeat_at = call.give_up_at = now + 180  # it is being worked on: no more copies (timer A)
            return
        call.to, call.pending, call.status = _header(text, "To"), b"", status
        if status >= 300:
            self.refusals[status] = self.refusals.get(status, 0) + 1
            self._send(self._request(call, "ACK", call.branch))
            self._end(call, State.FAILED)
            return
        call.target = _header(text, "Contact").partition("<")[2].partition(">")[0] or self._uri
        routes = _headers(text, "Record-Route")
        call.routes = "".join(f"Route: {route}\r\n" for route in reversed(routes))
        call.ack = self._request(call, "ACK", f"z9hG4bK{random.getrandbits(56):x}")
        self._send(call.ack)
        call.state, call.answered = State.UP, now
        call.remote, call.remote_pictures, call.event_type = _read_description(text)
        self._on_up(call)

    def _take_request(self, text: str, source: tuple[str, int]) -> None:
        method = text.partition(" ")[0]
        call = self.calls.get(_header(text, "Call-ID"))
        if method == "ACK":
            return
        answers = method in ("INVITE", "UPDATE") and call is not None and "application/sdp" in text
        self._answer(text, 200 if call else 481, self._description(call) if answers and call else "", source)
        if method == "BYE" and call is not None and call.state in (State.UP, State.LEAVING):
            call.hung_up_on = True
            self._end(call, State.OVER)

    def _answer(self, text: str, status: int, body: str, source: tuple[str, int]) -> None:
        copied = "".join(f"Via: {value}\r\n" for value in _headers(text, "Via"))
        copied += "".join(f"{name}: {_header(text, name)}\r\n" for name in ("From", "To", "Call-ID", "CSeq"))
        kind = "Content-Type: application/sdp\r\n" if body else ""
        contact = f"Contact: <sip:load@{self._here}>\r\n"
        head = f"SIP/2.0 {status} {_PHRASES[status]}\r\n{copied}{contact}{kind}"
        self._socket.sendto(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode(), source)

    def _end(self, call: Call, state: State) -> None:
        call.state, call.pending = state, b""
        self._on_over(call)

    def _send(self, data: bytes) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionRefusedError):  # as if it were lost
            self._socket.sendto(data, self._destination)


def _headers(text: str, name: str) -> list[str]:
    """The values of a header, by its long name: it is what the bridge writes."""
    lines, prefix = text.partition("\r\n\r\n")[0].split("\r\n")[1:], name.lower() + ":"
    return [line[len(prefix) :].strip() for line in lines if line[: len(prefix)].lower() == prefix]


def _header(text: str, name: str) -> str:
    return next(iter(_headers(text, name)), "")


def picture_lines(codec: VideoCodec, port: int, sends: bool) -> str:
    """The section of pictures, of one who sends and wants some, or only wants some."""
    number = codec.payload_type
    lines = [f"m=video {port} RTP/AVP {number}", "b=AS:2000", f"a=rtpmap:{number} {codec.sdp_name}/{CLOCK}"]
    if codec is VideoCodec.H264:
        lines.append(f"a=fmtp:{number} profile-level-id=42e01f;packetization-mode=1")
    lines += [
        f"a=rtcp-fb:{number} nack pli",
        f"a=rtcp-fb:{number} ccm fir",
        "a=sendrecv" if sends else "a=recvonly",
    ]
    return "\r\n".join([*lines, ""])


def _read_description(text: str) -> tuple[tuple[str, int], tuple[str, int] | None, int]:
    """Where the sound goes, and where the pictures, and the payload type of keys."""
    host, ports, event_type = "127.0.0.1", {"audio": 0, "video": 0}, 101
    for line in text.partition("\r\n\r\n")[2].splitlines():
        if line.startswith("c=IN IP4 "):
            host = line.split()[2]
        elif line.startswith("m="):
            ports[line[2:].split()[0]] = int(line.split()[1])
        elif line.startswith("a=rtpmap:") and "telephone-event" in line:
            event_type = int(line[9:].split()[0])
    return (host, ports["audio"]), (host, ports["video"]) if ports["video"] else None, event_type
