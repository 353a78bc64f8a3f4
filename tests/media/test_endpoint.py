"""Keeps: a leg has an even port for RTP and the odd one above for RTCP; datagrams keep their arrival time."""

from __future__ import annotations

import errno
import socket
import time
from collections import Counter

import pytest

from bridge.media.endpoint import (
    LONGEST_DATAGRAM,
    RECEIVE_BUFFER,
    Endpoint,
    NoPorts,
    PortRange,
    Receiver,
    bind_shared,
    sender,
)
from tests.media.ports import free_range, has_ipv6


def test_ports_are_pairs_even_first() -> None:
    first, last = free_range(3)
    ports = PortRange(first, last)
    endpoints = [ports.open("127.0.0.1") for _ in range(3)]
    assert [endpoint.port % 2 for endpoint in endpoints] == [0, 0, 0]
    assert all(endpoint.rtcp_port == endpoint.port + 1 for endpoint in endpoints)
    assert len({endpoint.port for endpoint in endpoints}) == 3
    with pytest.raises(NoPorts, match="no-ports"):
        ports.open("127.0.0.1")
    endpoints[1].close()
    again = ports.open("127.0.0.1")
    assert again.port == endpoints[1].port
    for endpoint in (endpoints[0], endpoints[2], again):
        endpoint.close()


def test_a_pair_whose_upper_port_is_taken_is_passed_over() -> None:
    first, last = free_range(2)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", first + 1))
        endpoint = PortRange(first, last).open("127.0.0.1")
        assert endpoint.port == first + 2
        endpoint.close()


def test_a_full_range_asks_the_kernel_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood of calls beyond the ports must not take time from those that stand."""
    ports = PortRange(*free_range(3))
    endpoints = [ports.open("127.0.0.1") for _ in range(3)]
    with monkeypatch.context() as patch:
        patch.delattr(socket, "socket")
        with pytest.raises(NoPorts, match="no-ports"):
            ports.open("127.0.0.1")
    endpoints[0].close()
    endpoints[0].close()
    ports.open("127.0.0.1").close()
    for endpoint in endpoints[1:]:
        endpoint.close()


def test_an_address_that_is_not_ours() -> None:
    with pytest.raises(NoPorts, match="bad-address"):
        PortRange(*free_range(1)).open("192.0.2.1")
    with pytest.raises(ValueError, match="no pair"):
        PortRange(20000, 20000)


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")
def test_ipv6() -> None:
    endpoint = PortRange(*free_range(1)).open("::1")
    drops: Counter[str] = Counter()
    got: list[tuple[bytes, tuple[object, ...]]] = []
    receiver = Receiver(drops)
    receiver.add(endpoint.rtp, lambda datagram, source, _: got.append((datagram, source)), print)
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as phone:
        phone.bind(("::1", 0))
        phone.sendto(b"x", ("::1", endpoint.port))
        receiver.poll(time.monotonic(), time.time())
        assert got == [(b"x", phone.getsockname()[:2])]
    receiver.close()
    endpoint.close()


class Reading:
    """An endpoint, a phone, and what was received."""

    def __init__(self) -> None:
        self.endpoint: Endpoint = PortRange(*free_range(1)).open("127.0.0.1")
        self.drops: Counter[str] = Counter()
        self.receiver = Receiver(self.drops)
        self.rtp: list[tuple[bytes, float]] = []
        self.rtcp: list[bytes] = []
        self.faults: list[Exception] = []
        self.receiver.add(self.endpoint.rtp, self._take_rtp, self.faults.append)
        self.receiver.add(self.endpoint.rtcp, self._take_rtcp, self.faults.append)
        self.phone = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.phone.bind(("127.0.0.1", 0))

    def _take_rtp(self, datagram: bytes, source: tuple[str, int], arrival: float) -> None:
        self.rtp.append((datagram, arrival))

    def _take_rtcp(self, datagram: bytes, source: tuple[str, int], arrival: float) -> None:
        if datagram == b"fault":
            raise RuntimeError("a fault of ours")
        self.rtcp.append(datagram)

    def poll(self) -> int:
        return self.receiver.poll(time.monotonic(), time.time())

    def close(self) -> None:
        self.receiver.remove(self.endpoint.rtp)
        self.receiver.remove(self.endpoint.rtp)
        self.receiver.close()
        self.endpoint.close()
        self.phone.close()


def test_arrival_is_the_kernels_time_not_ours() -> None:
    reading = Reading()
    begun = time.monotonic()
    reading.phone.sendto(b"one", ("127.0.0.1", reading.endpoint.port))
    reading.phone.sendto(b"two", ("127.0.0.1", reading.endpoint.rtcp_port))
    time.sleep(0.05)
    assert reading.poll() == 2
    assert reading.rtcp == [b"two"]
    ((datagram, arrival),) = reading.rtp
    assert datagram == b"one"
    assert begun - 0.005 < arrival < begun + 0.03
    reading.close()


def test_a_stepped_wall_clock_does_not_move_arrivals() -> None:
    reading = Reading()
    for step in (-3600.0, 3600.0):
        reading.phone.sendto(b"one", ("127.0.0.1", reading.endpoint.port))
        now = time.monotonic()
        reading.receiver.poll(now, time.time() + step)
        assert reading.rtp.pop()[1] == now
    reading.close()


def test_a_flood_is_bounded_by_the_socket_buffer() -> None:
    reading = Reading()
    for _ in range(5000):
        reading.phone.sendto(bytes(172), ("127.0.0.1", reading.endpoint.port))
    assert 40 < reading.poll() <= 400
    assert reading.poll() == 0
    reading.close()


def test_longer_datagrams_than_any_sound_are_dropped() -> None:
    reading = Reading()
    for size in (LONGEST_DATAGRAM, LONGEST_DATAGRAM + 1, 9000):
        reading.phone.sendto(bytes(size), ("127.0.0.1", reading.endpoint.port))
    reading.poll()
    assert [len(datagram) for datagram, _ in reading.rtp] == [LONGEST_DATAGRAM]
    assert reading.drops == {"too-long": 2}
    reading.close()


def test_a_fault_with_one_socket_costs_the_others_nothing() -> None:
    reading = Reading()
    for datagram in (b"fault", b"two"):
        reading.phone.sendto(datagram, ("127.0.0.1", reading.endpoint.rtcp_port))
    reading.phone.sendto(b"one", ("127.0.0.1", reading.endpoint.port))
    assert reading.poll() == 3
    assert [datagram for datagram, _ in reading.rtp] == [b"one"] and reading.rtcp == [b"two"]
    assert len(reading.faults) == 1
    reading.close()


class BrokenSocket:
    def __init__(self, error: int) -> None:
        self._error = error

    def sendto(self, datagram: bytes, to: object) -> int:
        raise OSError(self._error, "broken")


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (errno.EAGAIN, "send-full"),
        (errno.ECONNREFUSED, "send-refused"),
        (errno.ENETUNREACH, "send-unreachable"),
        (errno.EHOSTUNREACH, "send-unreachable"),
        (errno.EPERM, "send-forbidden"),
        (errno.EINVAL, "send-failed"),
    ],
)
def test_errors_of_sending_are_named_drops(error: int, name: str) -> None:
    drops: Counter[str] = Counter()
    send = sender(BrokenSocket(error), drops)  # type: ignore[arg-type]
    assert not send(b"x", ("192.0.2.1", 4000))
    assert drops == {name: 1}


def test_a_shared_socket_is_emptied_in_one_poll_and_holds_a_second_of_all_legs() -> None:
    drops: Counter[str] = Counter()
    receiver = Receiver(drops)
    shared = bind_shared("127.0.0.1", 0)
    assert shared.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) > RECEIVE_BUFFER
    got: list[bytes] = []
    receiver.add_shared(shared, lambda datagram, *_: got.append(datagram), print)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        for _ in range(250):
            phone.sendto(bytes(172), shared.getsockname())
    receiver.poll(time.monotonic(), time.time())
    assert len(got) == 250
    receiver.remove(shared)
    receiver.close()
    shared.close()


def test_a_flood_at_a_shared_socket_waits_for_the_next_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.media.endpoint.BURST", 40)
    reading = Reading()
    shared = bind_shared("127.0.0.1", 0)
    got: list[bytes] = []
    reading.receiver.add_shared(shared, lambda datagram, *_: got.append(datagram), print)
    for _ in range(100):
        reading.phone.sendto(bytes(172), shared.getsockname())
    reading.phone.sendto(b"own", ("127.0.0.1", reading.endpoint.port))
    assert reading.poll() == 1
    assert len(got) == 40 and len(reading.rtp) == 1
    reading.poll()
    reading.poll()
    assert len(got) == 100
    reading.receiver.remove(shared)
    shared.close()
    reading.close()
