"""A WebSocket of the web is a flow like any other connection's: messages in and out, keep-alives, limits, its end."""

from __future__ import annotations

from dataclasses import dataclass, field

from bridge.sip.connection import ConnectionLimits
from bridge.sip.flow import Flow
from bridge.sip.limits import Rate, Rates
from bridge.sip.settings import Advertised, contact_value
from bridge.sip.transport import Listener, Transports
from bridge.sip.via import parse_via
from bridge.sip.websocket import SocketFlow
from tests.faketime import run
from tests.sip.samples import sample

LOCAL, REMOTE = ("127.0.0.1", 8080), ("192.0.2.7", 40000)


@dataclass
class Socket:
    """A socket that takes all it is given, or nothing."""

    taking: bool = True
    sent: list[bytes] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    line: SocketFlow | None = None

    def send(self, message: bytes) -> bool:
        self.sent.append(message)
        return self.taking

    def close(self) -> None:
        self.ended.append("close")
        if self.line is not None:
            self.line.lost()

    def abort(self) -> None:
        self.ended.append("abort")


class Rim:
    """Transports without a listener of streams, and what they handed up."""

    def __init__(self, limits: ConnectionLimits | None = None, rates: Rates | None = None) -> None:
        self.heard: list[tuple[bytes, Flow]] = []
        self.lost: list[Flow] = []
        self.transports = Transports(
            lambda data, flow: self.heard.append((data, flow)), self.lost.append, rates, limits
        )

    async def __aenter__(self) -> Rim:
        await self.transports.start([Listener("udp", "127.0.0.1", 0)])
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.transports.stop()

    def attach(self, secure: bool = True, remote: tuple[str, int] = REMOTE) -> tuple[SocketFlow, Socket]:
        socket = Socket()
        line = self.transports.attach(secure, LOCAL, remote, socket)
        assert line is not None
        socket.line = line
        return line, socket


def test_a_frame_is_a_message_and_the_answer_goes_back_on_it() -> None:
    async def scene() -> None:
        async with Rim() as rim:
            line, socket = rim.attach()
            assert line.received(sample("via-received-forged.sip"))
            ((message, flow),) = rim.heard
            assert message == sample("via-received-forged.sip")
            assert (flow.protocol, flow.local, flow.remote) == ("wss", LOCAL, REMOTE)
            assert flow.reliable and flow.secure
            assert rim.transports.send(b"answer", flow) and socket.sent == [b"answer"]
            line.lost()
            line.lost()
            assert rim.lost == [flow] and not rim.transports.send(b"late", flow)
            assert line.received(b"late"), "what comes after the end is nobody's"
            assert len(rim.heard) == 1

    run(scene())


def test_keep_alives_are_answered() -> None:
    async def scene() -> None:
        async with Rim() as rim:
            line, socket = rim.attach(secure=False)
            assert line.flow.protocol == "ws"
            for frame in (b"\r\n\r\n", b"\r\n", b""):
                assert line.received(frame)
            assert socket.sent == [b"\r\n"] and rim.heard == []

    run(scene())


def test_one_source_may_have_twenty() -> None:
    async def scene() -> None:
        async with Rim(ConnectionLimits(per_source=20)) as rim:
            lines = [rim.attach()[0] for _ in range(20)]
            assert rim.transports.attach(True, LOCAL, REMOTE, Socket()) is None
            assert rim.transports.drops["connections-source"] == 1
            rim.attach(remote=("192.0.2.8", 1))
            lines[0].lost()
            rim.attach()

    run(scene())


def test_who_sends_too_fast_is_asked_to_wait() -> None:
    async def scene() -> None:
        async with Rim(rates=Rates(source=Rate(1, 2))) as rim:
            line, _ = rim.attach()
            taken = [line.received(b"x") for _ in range(3)]
            assert taken == [True, True, False] and len(rim.heard) == 2

    run(scene())


def test_who_never_says_anything_is_cut_off() -> None:
    async def scene() -> None:
        async with Rim() as rim:
            silent, socket = rim.attach()
            speaking, _ = rim.attach()
            assert speaking.received(b"x")
            rim.transports.sweep(silent.heard_at + 29.0)
            assert not rim.lost
            rim.transports.sweep(silent.heard_at + 30.0)
            assert rim.lost == [silent.flow] and socket.ended == ["abort"]
            assert rim.transports.drops["slow-sender"] == 1

    run(scene())


def test_at_the_end_all_are_closed() -> None:
    async def scene() -> None:
        rim = Rim()
        async with rim:
            _, socket = rim.attach()
            _, deaf = rim.attach()
            deaf.line = None  # it does not even say that it is closed
        assert socket.ended == ["close"] and deaf.ended == ["close", "abort"]
        assert len(rim.lost) == 2 and rim.transports.connections == 0
        assert rim.transports.attach(True, LOCAL, REMOTE, Socket()) is None, "nobody comes in any more"

    run(scene())


def test_names_of_ours_say_how_they_are_reached() -> None:
    for protocol, secure, expected in (
        ("ws", False, "<sip:1002@meet.example;transport=ws>"),
        ("wss", False, "<sip:1002@meet.example;transport=ws>"),
        ("wss", True, "<sips:1002@meet.example;transport=ws>"),
        ("tls", False, "<sip:1002@meet.example;transport=tls>"),
        ("tls", True, "<sips:1002@meet.example>"),
        ("udp", True, "<sip:1002@meet.example>"),
    ):
        listener = Advertised(protocol, LOCAL, "meet.example", 0)
        assert contact_value(listener, "1002", focus=False, secure=secure).replace(":0", "") == expected


def test_a_hop_without_port_is_at_the_webs_own_ports() -> None:
    ports = [
        parse_via(f"SIP/2.0/{name} a.invalid;branch=z9hG4bKx").sent_by[1] for name in ("WS", "WSS", "TLS")
    ]
    assert ports == [80, 443, 5061]
