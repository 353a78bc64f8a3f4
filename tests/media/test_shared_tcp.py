"""Keeps: TCP serves those whom UDP does not reach, and costs little where it proves nothing."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Iterator

import pytest

from bridge.media import contract
from bridge.media.endpoint import Receiver
from bridge.media.shared_port import SharedPort
from bridge.media.shared_tcp import (
    MOST_OF_LEG,
    MOST_UNPROVEN,
    MOST_UNPROVEN_OF_SOURCE,
    MOST_WAITING,
    PROVE_S,
)
from tests.media.bench_port import Guest, Line, PortBench


@pytest.fixture
def bench() -> Iterator[PortBench]:
    bench = PortBench()
    yield bench
    bench.close()


def connected(bench: PortBench) -> Guest:
    guest = bench.guest(tcp=True)
    guest.agree()
    guest.connect()
    return guest


def is_closed(line: Line) -> bool:
    line.receive()
    return line.closed


def test_sound_both_ways(bench: PortBench) -> None:
    guest = connected(bench)
    before = guest.sent.rtp
    bench.run(0.5, talking=True)
    assert guest.told(contract.Connected) == [contract.Connected("g0", "tcp", "AEAD_AES_256_GCM")]
    assert (guest.heard(), guest.sent.rtp) == (25, before + 25)
    assert not bench.drops


def test_frames_come_in_pieces(bench: PortBench) -> None:
    guest = connected(bench)
    packet = guest.packet()
    for octet in len(packet).to_bytes(2, "big") + packet:
        guest.line.sock.send(bytes([octet]))
        bench.poll()
    assert guest.heard() == 1


def test_from_udp_to_tcp_and_back(bench: PortBench) -> None:
    guest = bench.guest()
    guest.agree()
    guest.connect()
    bench.run(0.2, talking=True)
    guest.lines.append(Line(("127.0.0.1", bench.port.tcp_port), tcp=True))
    guest.check()
    bench.run(0.2, talking=True)
    guest.lines.append(guest.lines[0])
    guest.check()
    bench.run(0.2, talking=True)
    assert guest.heard() == 30
    assert [event.protocol for event in guest.told(contract.Connected)] == ["udp", "tcp", "udp"]


def test_a_connection_that_breaks_is_replaced(bench: PortBench) -> None:
    guest = connected(bench)
    guest.line.sock.close()
    guest.lines.clear()
    bench.turn()
    bench.turn()
    guest.rebind()
    guest.check()
    bench.run(0.2, talking=True)
    assert guest.heard() == 10
    assert len(guest.told(contract.Connected)) == 2


def test_who_proves_nothing_is_closed_after_ten_seconds(bench: PortBench) -> None:
    silent, slow = bench.stranger(tcp=True), bench.stranger(tcp=True)
    bench.turn()
    for _ in range(round(PROVE_S * 50) - 5):
        slow.sock.send(b"\0")
        bench.turn()
    assert not is_closed(silent) and not is_closed(slow)
    bench.run(0.4)
    assert is_closed(silent) and is_closed(slow)
    assert bench.drops == {"tcp-unproven": 2}


def test_strangers_are_few(bench: PortBench) -> None:
    guest = connected(bench)
    lines = [bench.stranger(tcp=True) for _ in range(MOST_UNPROVEN_OF_SOURCE + 5)]
    bench.turn()
    assert [is_closed(line) for line in lines] == [False] * MOST_UNPROVEN_OF_SOURCE + [True] * 5
    others = 0
    for host in range(2, 20):
        for _ in range(MOST_UNPROVEN_OF_SOURCE):
            bench.strangers.append(Line(("127.0.0.1", bench.port.tcp_port), tcp=True, host=f"127.0.0.{host}"))
            others += 1
        bench.turn()
    refused = bench.drops["tcp-too-many"]
    assert refused == 5 + others - (MOST_UNPROVEN - MOST_UNPROVEN_OF_SOURCE)
    bench.run(0.2, talking=True)
    assert guest.heard() == 10


def test_what_strangers_say_reaches_nobody(bench: PortBench) -> None:
    guest = connected(bench)
    stranger = bench.stranger(tcp=True)
    stranger.send(guest.packet())
    stranger.send(b"\x16\xfe\xfd" + bytes(40))
    stranger.sock.send(b"\0\0\0\0")
    bench.turn()
    assert bench.drops == {"rtc-address": 2}
    assert not stranger.receive() and not stranger.closed
    stranger.sock.send(b"\xff\xff")
    bench.turn()
    assert is_closed(stranger)
    assert bench.drops["frame-too-long"] == 1
    assert guest.heard() == 0


def test_a_leg_has_few_connections(bench: PortBench) -> None:
    guest = connected(bench)
    for _ in range(MOST_OF_LEG):
        guest.rebind()
        guest.check()
    bench.turn()
    assert [is_closed(line) for line in guest.lines] == [True] + [False] * MOST_OF_LEG
    bench.run(0.2, talking=True)
    assert guest.heard() == 10


def test_who_does_not_read_loses_sound_and_nobody_else_does(bench: PortBench) -> None:
    guest, other = connected(bench), bench.guest()
    other.agree()
    other.connect()
    stuck = guest.line
    guest.lines.clear()  # nobody reads it any more
    for _ in range(6_000):
        guest.session.send_audio(bytes(1200), 960, False)
    connection = next(iter(bench.port._connections._open.values()))  # type: ignore[union-attr]
    assert MOST_WAITING < len(connection._waiting) <= MOST_WAITING + 1500
    assert bench.drops["tcp-full"] > 100
    bench.run(0.2)
    assert other.sent.rtp >= 10
    guest.lines.append(stuck)


def test_the_end_of_a_leg_ends_its_connections(bench: PortBench) -> None:
    guest = connected(bench)
    guest.hang_up()
    assert is_closed(guest.line)
    assert guest.line.source


def test_no_tcp_where_none_is_wanted() -> None:
    bench = PortBench(tcp=False)
    assert bench.port.tcp_port == 0
    bench.close()


def test_udp_goes_on_where_tcp_is_taken() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        drops: Counter[str] = Counter()
        receiver = Receiver(drops)
        port = SharedPort(("127.0.0.1",), taken.getsockname()[1], True, receiver, drops)
        assert (port.port, port.tcp_port) == (taken.getsockname()[1], 0)
        assert drops == {"shared-tcp-failed": 1}
        port.close()
        receiver.close()


def test_a_fault_of_ours_does_not_stop_the_reading(bench: PortBench, monkeypatch: pytest.MonkeyPatch) -> None:
    guest, other = connected(bench), bench.guest()
    other.agree()
    other.connect()

    def fail(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    connection = next(iter(bench.port._connections._open.values()))  # type: ignore[union-attr]
    monkeypatch.setattr(connection, "framer", fail)
    bench.run(0.2, talking=True)
    assert other.heard() == 10
    assert bench.drops == {"port-fault": 10}
    assert guest.heard() == 0
