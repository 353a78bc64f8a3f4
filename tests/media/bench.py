"""What a leg's datagrams cost, a leg and tick, by the way they travel: python -m tests.media.bench. Thread CPU time.

A hundred legs, each with an Opus packet in and one out every 20 ms; decoding, mixing and encoding are not in it.
"""

from __future__ import annotations

import struct
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Protocol

from bridge.media import contract
from bridge.media.endpoint import PortRange, Receiver, sender
from bridge.media.own_ports import OwnPorts
from bridge.media.protection import Protection
from bridge.media.session import Session
from bridge.media.settings import MediaSettings
from bridge.rtp.link import Link, PlainLink
from bridge.sdp.audio import NegotiatedAudio
from tests.media.bench_leg import AUDIO, IDENTITY
from tests.media.bench_port import KEYS, Line, PortBench
from tests.media.ports import free_range

LEGS, TICKS, ROUNDS = 100, 100, 6
OPUS = replace(
    AUDIO, codec="opus", payload_type=111, receive={111: "opus"}, event_send=None, event_receive=None
)
TOLD = {"level_id": 1, "feedback_id": 3, "mid_id": 4, "mid": "0"}  # header extensions, as browsers have them


class Phone(Protocol):
    """A peer of the bench."""

    link: Link
    session: Session

    @property
    def line(self) -> Line:
        """What it sends by."""
        ...


class OwnPhone:
    """A peer of a leg with ports of its own."""

    def __init__(self, receiver: Receiver, ports: PortRange, drops: Counter[str], now: float) -> None:
        endpoint = ports.open("127.0.0.1")
        self.endpoint = endpoint
        self.link: Link = PlainLink()
        self.line = Line(("127.0.0.1", endpoint.port))
        transport = OwnPorts(
            "a",
            endpoint,
            Protection(IDENTITY),
            3.0,
            drops,
            lambda _: None,
            send_rtp_to=sender(endpoint.rtp, drops),
            send_rtcp_to=sender(endpoint.rtcp, drops),
            is_own=frozenset[tuple[str, int]]().__contains__,
        )
        told = {"tell": lambda _: None, "on_loss": lambda *_: None}
        self.session = Session("a", transport, MediaSettings(), Random(1), drops, **told)  # type: ignore[arg-type]
        receiver.add(endpoint.rtp, transport.take_rtp, print)
        receiver.add(endpoint.rtcp, transport.take_rtcp, print)
        audio: NegotiatedAudio = replace(OPUS, remote=self.line.source, remote_rtcp=self.line.source)
        self.session.configure(contract.ConfigureLeg("a", audio, "127.0.0.1"), now)


def packet(number: int, extended: bool) -> bytes:
    """The peer's packet of a tick, before protection."""
    head = struct.pack("!BBHII", 0x90 if extended else 0x80, 111, number, 960 * number, 77)
    told = b"\xbe\xde\0\2\x10\x85\x31" + number.to_bytes(2, "big") + b"\x40\x30\0" if extended else b""
    return head + told + b"\xf8" + bytes(79)


def run(
    name: str, phones: list[Phone], poll: Callable[[float], object], now: float, extended: bool = False
) -> None:
    """Let them talk, and print what it costs."""
    spent: list[tuple[float, float, float]] = []
    number = 100
    for _ in range(ROUNDS):
        into = out = due = 0.0
        for tick in range(TICKS):
            now += 0.02
            number += 1
            for phone in phones:
                phone.line.send(phone.link.wrap_rtp(packet(number, extended)))
            began = time.thread_time()
            poll(now)
            for phone in phones:
                phone.session.pop(now)
            read = time.thread_time()
            for phone in phones:
                phone.session.send_audio(b"\xf8" * 80, 960, False, 40)
            sent = time.thread_time()
            for phone in phones[tick % 5 :: 5]:
                if phone.session.deadline <= now:
                    phone.session.wake(now, 1.7e9 + now)
            done = time.thread_time()
            into, out, due = into + read - began, out + sent - read, due + done - sent
            for phone in phones:
                phone.line.receive()
        each = 1e6 / TICKS / LEGS
        spent.append((into * each, out * each, due * each))
    assert all(phone.session.received.packets == ROUNDS * TICKS for phone in phones)
    into, out, due = min(spent, key=sum)
    print(f"{name:32} in {into:5.1f}  out {out:5.1f}  reports {due:4.1f}  sum {into + out + due:5.1f} us")


def on_own_ports() -> None:
    """Plain RTP on a pair of ports each."""
    drops: Counter[str] = Counter()
    receiver, ports = Receiver(drops), PortRange(*free_range(LEGS + 2))
    phones = [OwnPhone(receiver, ports, drops, 1000.0) for _ in range(LEGS)]
    run("own ports, plain", [*phones], lambda now: receiver.poll(now, time.time()), 1000.0)
    receiver.close()
    for phone in phones:
        phone.endpoint.close()
        phone.line.sock.close()


def on_the_shared_port(name: str, dtls: bool = False, sdes: bool = False, extended: bool = False) -> None:
    """All on one port."""
    bench = PortBench(tcp=False)
    more = {
        key: getattr(OPUS, key) for key in ("codec", "payload_type", "receive", "event_send", "event_receive")
    }
    for _ in range(LEGS):
        guest = bench.guest()
        guest.agree(dtls, KEYS if sdes else None, **more, **(TOLD if extended else {}))
        guest.connect(dtls)
    run(name, [*bench.guests], lambda now: bench.receiver.poll(now, time.time()), bench.now, extended)
    bench.close()


def main() -> None:
    """Print the table."""
    on_own_ports()
    on_the_shared_port("shared port, ICE, plain")
    on_the_shared_port("shared port, ICE, SDES", sdes=True)
    on_the_shared_port("shared port, ICE, DTLS", dtls=True)
    on_the_shared_port("the same, extensions, feedback", dtls=True, extended=True)


if __name__ == "__main__":
    main()
