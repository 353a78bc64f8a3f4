"""One agent on a table: messages in by hand, a clock that is set, everything that comes out kept with its time.

`Desk` is the agent with a raw peer; `Room` is a tiny floor above it, that knows room 1001; `Pair` joins two agents by a
bad network.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from itertools import count

from bridge.machine import WAKE, Wake
from bridge.sip import commands, events
from bridge.sip.agent import Agent
from bridge.sip.commands import Input
from bridge.sip.events import Output
from bridge.sip.flow import Flow
from bridge.sip.message import Request, Response
from bridge.sip.parser import parse_message
from bridge.sip.settings import Advertised, AgentSettings
from bridge.sip.uri import dialled
from tests.net import Net

OURS = ("203.0.113.1", 5060)
THEIRS = ("192.0.2.77", 5060)
UDP = Flow("udp", OURS, THEIRS)
TCP = Flow("tcp", OURS, ("192.0.2.77", 40001), 7)
TLS = Flow("tls", ("203.0.113.1", 5061), ("192.0.2.77", 40002), 8)
LISTENERS = (
    Advertised("udp", OURS, "203.0.113.1", 5060),
    Advertised("tcp", OURS, "203.0.113.1", 5060),
    Advertised("tls", ("203.0.113.1", 5061), "mcu.example.com", 5061),
)
OFFER = (
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.77\r\ns=-\r\nc=IN IP4 192.0.2.77\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n"
)
ANSWER = (
    b"v=0\r\no=- 2 2 IN IP4 203.0.113.1\r\ns=-\r\nc=IN IP4 203.0.113.1\r\nt=0 0\r\nm=audio 5000 RTP/AVP 8\r\n"
)


def tokens(prefix: str = "tok") -> Callable[[], str]:
    """Random words that are not random."""
    numbers = count(1)
    return lambda: f"{prefix}{next(numbers):08d}"


# What came out, with or without its times.
Outputs = Sequence[Output] | Sequence[tuple[float, Output]]


class Desk:
    """An agent and its peer on the other side of the table. `log` holds (time, output)."""

    def __init__(self, settings: AgentSettings | None = None, flow: Flow = UDP, now: float = 1000.0) -> None:
        self.agent = Agent(settings or AgentSettings(LISTENERS), tokens(), lambda: 0.5)
        self.flow = flow
        self.now = now
        self.log: list[tuple[float, Output]] = []
        self.seen = 0

    def feed(self, event: Input | Wake) -> list[Output]:
        """Hand one input in; returns what came out."""
        out = list(self.agent.handle(event, self.now))
        self.log += [(self.now, each) for each in out]
        return out

    def receive(self, data: bytes, flow: Flow | None = None) -> list[Output]:
        """Let the peer send bytes."""
        return self.feed(commands.MessageReceived(data, flow or self.flow))

    def sleep(self, seconds: float) -> list[tuple[float, Output]]:
        """Let time pass; returns what came out, with the time since the call."""
        start, mark, end = self.now, len(self.log), self.now + seconds
        while (deadline := self.agent.deadline()) is not None and deadline <= end:
            self.now = max(self.now, deadline)
            self.feed(WAKE)
        self.now = end
        return [(round(when - start, 3), each) for when, each in self.log[mark:]]

    def quiet(self) -> bool:
        """Whether everything is freed."""
        live = dict(self.agent.live)
        live.pop("registrations")
        return not any(live.values())


def messages(out: Outputs) -> list[Request | Response]:
    """The messages among outputs."""
    plain = [each[1] if isinstance(each, tuple) else each for each in out]
    return [parse_message(each.data) for each in plain if isinstance(each, events.SendOn | events.Connect)]


def responses(out: Outputs) -> list[Response]:
    """The responses among outputs."""
    return [each for each in messages(out) if isinstance(each, Response)]


def requests(out: Outputs) -> list[Request]:
    """The requests among outputs."""
    return [each for each in messages(out) if isinstance(each, Request)]


def statuses(out: Outputs) -> list[int]:
    """The status codes among outputs."""
    return [each.status for each in responses(out)]


def told(out: Outputs) -> list[Output]:
    """The events for the floor above."""
    plain = [each[1] if isinstance(each, tuple) else each for each in out]
    return [each for each in plain if not isinstance(each, events.SendOn | events.Connect | events.Drop)]


def drops(out: list[Output]) -> list[str]:
    """The names of what was dropped."""
    return [each.name for each in out if isinstance(each, events.Drop)]


class Peer:
    """Writes a phone's messages by hand. One dialog; `tag_of_ours` once the agent has answered."""

    def __init__(self, flow: Flow = UDP, call_id: str = "c1@client", tag: str = "f1", uri: str = "") -> None:
        self.flow = flow
        self.call_id = call_id
        self.tag = tag
        self.to_tag = ""
        self.target = uri or "sip:1001@mcu.example.com"
        self.cseq = 0
        self.branches = count(1)

    def request(
        self,
        method: str,
        body: bytes = b"",
        more: str = "",
        kind: str = "application/sdp",
        cseq: int | None = None,
        branch: str = "",
        contact: bool = True,
        vias: str = "",
    ) -> bytes:
        """A request of the dialog; ACK and CANCEL repeat the CSeq number given."""
        if cseq is None:
            self.cseq += 1
            cseq = self.cseq
        branch = branch or f"z9hG4bK-{self.call_id}-{self.tag}-{next(self.branches)}"
        to = f"<sip:1001@mcu.example.com>{';tag=' + self.to_tag if self.to_tag else ''}"
        transport = self.flow.protocol.upper()
        host, port = self.flow.remote
        top = vias or f"Via: SIP/2.0/{transport} {host}:{port};branch={branch};rport\r\n"
        lines = (
            f"{method} {self.target} SIP/2.0\r\n{top}Max-Forwards: 70\r\n"
            f'From: "Kari" <sip:kari@client.example.net>;tag={self.tag}\r\nTo: {to}\r\n'
            f"Call-ID: {self.call_id}\r\nCSeq: {cseq} {method}\r\n"
        )
        if contact:
            lines += f"Contact: <sip:kari@{host}:{port}>\r\n"
        lines += more
        if body:
            lines += f"Content-Type: {kind}\r\n"
        return lines.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body

    def learn(self, out: list[Output]) -> None:
        """Take the tag of the agent from what it answered."""
        for response in responses(out):
            if response.status > 100 and response.to.tag:
                self.to_tag = response.to.tag


def answer_to(request: Request, status: int, more: str = "", body: bytes = b"", tag: str = "callee") -> bytes:
    """A peer's response to a request of ours."""
    lines = [f"SIP/2.0 {status} X"]
    for name, value in request.headers.items():
        if name in ("Via", "From", "To", "Call-ID", "CSeq"):
            if name == "To" and status > 100 and ";tag=" not in value:
                value += f";tag={tag}"
            lines.append(f"{name}: {value}")
    head = "\r\n".join(lines) + "\r\n" + more
    if body:
        head += "Content-Type: application/sdp\r\n"
    return head.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body


def set_up(desk: Desk, peer: Peer, more: str = "") -> str:
    """Call, answer, acknowledge; returns the name of the call."""
    out = desk.receive(peer.request("INVITE", OFFER, more), peer.flow)
    call = next(each.call for each in out if isinstance(each, events.IncomingCall))
    out = desk.feed(commands.Answer(call, ANSWER))
    peer.learn(out)
    desk.receive(peer.request("ACK", cseq=peer.cseq), peer.flow)
    return call


class Room:
    """A floor above that lets everybody into room 1001, and answers offers with a canned description."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.calls = 0
        self.events: list[Output] = []

    def receive(self, data: bytes, flow: Flow) -> list[Output]:
        """Let a message in and react to what comes of it."""
        return self.react(self.desk.receive(data, flow))

    def react(self, out: list[Output]) -> list[Output]:
        """Do what a floor above does; returns all outputs."""
        out = list(out)
        for each in told(out):
            self.events.append(each)
            for command in reactions(each):
                out += self.react(self.desk.feed(command))
        return out


def reactions(event: Output) -> Iterator[Input]:
    """What the tiny floor above says to an event."""
    match event:
        case events.IncomingCall():
            user = dialled(event.dialled)
            if user in ("1001", "") or event.dialled.scheme == "tel":
                yield commands.Answer(event.call, ANSWER)
            else:
                yield commands.Reject(event.call, 404)
        case events.Reinvited() | events.UpdateReceived():
            yield commands.AnswerReinvite(event.call, ANSWER)
        case _:
            pass


class End:
    """One of two agents on a network: its address, its agent, and what happened above it."""

    def __init__(self, address: tuple[str, int], prefix: str, settings: AgentSettings | None = None) -> None:
        self.address = address
        listeners = (Advertised("udp", address, *address), Advertised("tcp", address, *address))
        dice = random.Random(prefix)
        self.agent = Agent(settings or AgentSettings(listeners), tokens(prefix), dice.random)
        self.events: list[Output] = []
        self.react: Callable[[Output], Iterator[Input]] = reactions

    def told(self, kind: type[Output]) -> list[Output]:
        """The events of one kind."""
        return [each for each in self.events if isinstance(each, kind)]


class Pair:
    """Two agents joined by a network, under one clock."""

    def __init__(self, net: Net[tuple[End, bytes, Flow]], protocol: str = "udp") -> None:
        self.net = net
        self.protocol = protocol
        self.left = End(("192.0.2.1", 5060), "left")
        self.right = End(("192.0.2.2", 5060), "right")
        self.now = 0.0

    def feed(self, end: End, event: Input | Wake) -> None:
        """Hand an input to one end, and do what follows."""
        for output in end.agent.handle(event, self.now):
            match output:
                case events.SendOn():
                    self._carry(end, output.data, output.flow.protocol)
                case events.Connect():
                    self._carry(end, output.data, output.protocol)
                    other = self.right if end is self.left else self.left
                    flow = Flow(output.protocol, end.address, other.address)
                    self.feed(end, commands.Connected(output.ref, flow))
                case events.Drop():
                    pass
                case _:
                    end.events.append(output)
                    for command in end.react(output):
                        self.feed(end, command)

    def _carry(self, end: End, data: bytes, protocol: str) -> None:
        other = self.right if end is self.left else self.left
        flow = Flow(protocol, other.address, end.address)
        self.net.send((other, data, flow), self.now, sure=protocol != "udp")

    def run(self, seconds: float) -> None:
        """Let time pass at both ends."""
        end = self.now + seconds
        while True:
            times = [self.net.next(), self.left.agent.deadline(), self.right.agent.deadline()]
            now = min((each for each in times if each is not None), default=end)
            if now > end:
                break
            self.now = max(self.now, now)
            while (arrived := self.net.pop(self.now)) is not None:
                whose, data, flow = arrived
                self.feed(whose, commands.MessageReceived(data, flow))
            for each in (self.left, self.right):
                deadline = each.agent.deadline()
                if deadline is not None and deadline <= self.now:
                    self.feed(each, WAKE)
            if all(each is None for each in times):
                break
        self.now = end
