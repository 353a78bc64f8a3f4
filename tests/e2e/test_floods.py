"""Floods, greed and cut cables: bounded answers, flat memory, and people with calls notice nothing."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.network import ATTACKERS, BRIDGE, NEIGHBOUR, cut_off, own_network
from tests.e2e.phones import drops, log_is_json, nothing_left, wait_hears
from tests.e2e.raw import RawCall, RawStream, RawUdp, offer
from tests.peers.bridge import CALM, BridgeProcess, room
from tests.peers.child import free_port, wait_until
from tests.peers.sipphone import SipPhone
from tests.peers.siptext import read_sdp
from tools.load.processes import cost

pytestmark = pytest.mark.peers

ANNA_HZ, BERT_HZ, CLEO_HZ = 400.0, 700.0, 1100.0
TIMEOUT_S = 8.0
FLOOD_S, FLOOD_PER_S = 5.0, 2000
# What the configuration allows one source by default: so many a second, so many at once.
RATE, BURST = 200, 400


class Site(BridgeProcess):
    """The bridge at an address that is not loopback's."""

    def __init__(self, rooms: list[dict[str, Any]], **sections: Any) -> None:
        port = free_port()
        listeners = [{"protocol": protocol, "address": BRIDGE, "port": port} for protocol in ("udp", "tcp")]
        super().__init__(
            rooms,
            sip={"listeners": listeners},
            media=sections.pop("media", {}) | {"address": BRIDGE},
            **sections,
        )
        self.sip_port = port

    def uri(self, user: str, transport: str = "udp") -> str:
        """How to dial a room."""
        return f"sip:{user}@{BRIDGE}:{self.sip_port}{'' if transport == 'udp' else f';transport={transport}'}"

    @property
    def target(self) -> tuple[str, int]:
        return BRIDGE, self.sip_port


class Flood(threading.Thread):
    """Datagrams at a steady pace, each made by `make`, in turn from sockets at `addresses`; counts what comes back."""

    def __init__(self, site: Site, method: str, addresses: list[str], seconds: float) -> None:
        super().__init__(daemon=True)
        self.sent = self.answers = 0
        self._method = method
        self._seconds = seconds
        self._udps = [RawUdp(site.target, address) for address in addresses]
        self.start()

    def run(self) -> None:
        begin = time.monotonic()
        texts = [udp.request(self._method).serialise() for udp in self._udps]
        while (passed := time.monotonic() - begin) < self._seconds:
            while self.sent < passed * FLOOD_PER_S:
                turn = self.sent % len(self._udps)
                text = texts[turn].replace(b"branch=", b"branch=z9hG4bK%d;x=" % self.sent, 1)
                self._udps[turn].send(text.replace(b"Call-ID: ", b"Call-ID: %d" % self.sent, 1))
                self.sent += 1
            time.sleep(0.004)
        for udp in self._udps:
            with udp:
                udp.listen(0.05 if len(self._udps) < 5 else 0)
                udp.take()
                self.answers += len(udp.log)


@pytest.fixture(scope="module")
def network() -> Iterator[None]:
    with own_network():
        yield


@pytest.fixture(scope="module")
def site(network: None) -> Iterator[Site]:
    rooms = [room("1001", "open", tones=False), room("1002", "open", tones=False)]
    with Site(rooms, limits=CALM, media={"rtp_timeout_s": TIMEOUT_S}) as running:
        yield running
        running.stop()
        assert not running.faults()
        log_is_json(running)


@pytest.fixture(scope="module")
def people(site: Site) -> Iterator[tuple[SipPhone, SipPhone]]:
    """Two in room 1001, all the time."""
    with (
        SipPhone("anna", tone=ANNA_HZ, address=f"{NEIGHBOUR}10") as anna,
        SipPhone("bert", tone=BERT_HZ, address=f"{NEIGHBOUR}11") as bert,
    ):
        anna.call(site.uri("1001"))
        bert.call(site.uri("1001"))
        wait_hears(anna, BERT_HZ)
        wait_hears(bert, ANNA_HZ)
        yield anna, bert


@contextlib.contextmanager
def unhurt(people: tuple[SipPhone, SipPhone]) -> Iterator[None]:
    """In this time the standing call loses no packet to speak of, and still hears right afterwards."""
    anna, bert = people
    start = anna.now
    yield
    seconds = anna.now - start
    for phone, tone in ((anna, BERT_HZ), (bert, ANNA_HZ)):
        got = phone.reception(start, start + seconds)
        print(
            f"{phone.name}: {got.packets} packets in {seconds:.1f} s, longest gap {1000 * got.longest_gap:.0f} ms"
        )
        assert got.packets >= 0.98 * 50 * seconds - 1
        assert got.missing == 0
        wait_hears(phone, tone, timeout=3)


@pytest.fixture(scope="module")
def unacknowledged(network: None) -> Iterator[tuple[BridgeProcess, RawUdp, list[int]]]:
    """200 INVITEs that are never acknowledged at a bridge that takes 150: begun first, asked last."""
    with (
        BridgeProcess(
            [room("1001", "open", tones=False)], media_ports=800, limits=CALM | {"max_sessions": 150}
        ) as bridge,
        RawUdp(("127.0.0.1", bridge.sip_port)) as udp,
    ):
        before = cost(bridge.pid)
        for _ in range(200):
            udp.send(udp.request("INVITE", "1001", offer(udp.host, 9)).serialise())
            udp.listen(0.01)
        udp.listen(0.5)
        yield bridge, udp, [before.rss_bytes, before.threads]


def test_a_flood_from_one_source_is_hardly_answered(
    unacknowledged: object, site: Site, people: tuple[SipPhone, SipPhone]
) -> None:
    """S-01: REGISTER at 2,000 a second; a new call from elsewhere comes up, memory stays flat."""
    before, dropped = cost(site.pid).rss_bytes, drops(site, "transport").get("flood-source", 0)
    with unhurt(people):
        flood = Flood(site, "REGISTER", [f"{ATTACKERS}7"], FLOOD_S)
        time.sleep(1)
        with SipPhone("new", tone=CLEO_HZ, address=f"{NEIGHBOUR}12") as new:
            begin = new.now
            new.call(site.uri("1002"), timeout=5)
            print(f"a new call is up after {1000 * (new.now - begin):.0f} ms")
        flood.join()
    grown = cost(site.pid).rss_bytes - before
    print(f"{flood.sent} sent, {flood.answers} answered, memory + {grown / 1e6:.1f} MB")
    assert flood.sent > 0.8 * FLOOD_PER_S * FLOOD_S
    assert flood.answers <= BURST + RATE * (FLOOD_S + 1)
    assert drops(site, "transport")["flood-source"] - dropped >= flood.sent - BURST - RATE * (FLOOD_S + 1)
    assert grown < 30_000_000


def test_greedy_connections_are_refused_and_others_come_in(
    site: Site, people: tuple[SipPhone, SipPhone]
) -> None:
    """S-07: at most 20 connections of one source; a good client is served at once."""
    with contextlib.ExitStack() as stack, unhurt(people):
        greedy = []
        for _ in range(40):
            plain = stack.enter_context(socket.socket())
            plain.bind((f"{ATTACKERS}8", 0))
            plain.connect(site.target)
            plain.sendall(b"I")
            greedy.append(plain)
        time.sleep(0.3)
        open_still = 0
        for plain in greedy:
            plain.setblocking(False)
            try:
                open_still += bool(plain.recv(1))
            except BlockingIOError:
                open_still += 1
            except OSError:
                pass
        assert open_still == 20
        begin = time.monotonic()
        with RawStream(site.target) as good, RawUdp(site.target, f"{NEIGHBOUR}13") as udp:
            good.send(udp.request("OPTIONS").serialise().replace(b"SIP/2.0/UDP", b"SIP/2.0/TCP"))
            good.listen(3, lambda: bool(good.log))
            assert good.log[0].message.status == 200
        print(f"a good client is served after {1000 * (time.monotonic() - begin):.0f} ms")
    assert drops(site, "transport")["connections-source"] >= 20


def test_one_who_changes_all_the_time_hurts_nobody(site: Site, people: tuple[SipPhone, SipPhone]) -> None:
    """S-12: re-INVITE 50 a second, INFO 100 a second, keys 100 a second; what is too much is refused."""
    before = cost(site.pid)
    with RawUdp(site.target, f"{NEIGHBOUR}14") as udp, unhurt(people):
        call = RawCall(udp, offer(udp.host, 9), "1001")
        wait_until(lambda: site.conference("1001")["inside"] == 3, 3, lambda: "it is in")
        statuses = []
        end = time.monotonic() + 2.5
        direction = 0
        while time.monotonic() < end:
            direction = 1 - direction
            body = offer(udp.host, 9, "a=sendonly" if direction else "a=sendrecv")
            statuses.append(call.ask("INVITE", body.encode()).status)
            udp.listen(0.02)
        taken = statuses.count(200)
        print(f"{len(statuses)} re-INVITEs, {taken} taken")
        assert set(statuses) <= {200, 491, 500}
        assert taken <= 4 + 4 * 3
        keys = [
            call.ask("INFO", b"Signal=9\r\nDuration=100\r\n", "application/dtmf-relay").status
            for _ in range(150)
        ]
        print(f"{len(keys)} INFOs, {keys.count(200)} taken")
        assert set(keys) == {200, 503}
        assert keys.count(200) <= 24 + 4 * 5
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as rtp:
            rtp.bind((udp.host, 30_000))
            call.ask("INVITE", offer(udp.host, 30_000).encode())
            target = BRIDGE, read_sdp(call.answer.body).port
            for number in range(150):
                event = struct.pack("!BBHIIBBH", 0x80, 101 | 128, number, 800 * number, 1, 5, 0x8A, 80)
                rtp.sendto(event, target)
                time.sleep(0.01)
        assert call.ask("BYE").status == 200
    wait_until(lambda: site.conference("1001")["inside"] == 2, 3, lambda: "it is gone")
    after = cost(site.pid)
    print(f"memory + {(after.rss_bytes - before.rss_bytes) / 1e6:.1f} MB")
    assert after.rss_bytes - before.rss_bytes < 10_000_000
    assert after.threads <= before.threads + 2


def test_a_pulled_cable(site: Site, people: tuple[SipPhone, SipPhone]) -> None:
    """R-07, R-08: all packets of one are dropped, both ways; he is told lost, comes back, and at last is removed."""
    address = f"{NEIGHBOUR}20"
    with SipPhone("far", tone=CLEO_HZ, address=address) as far:
        far.call(site.uri("1001"))
        wait_hears(people[0], BERT_HZ, CLEO_HZ)
        known, begin = len(site.audit()), time.monotonic()
        with cut_off(address):
            site.wait_audit("connection-changed", 7, known)
            told = time.monotonic() - begin
        wait_until(
            lambda: [line.get("lost") for line in site.audit()[known:]] == [True, False], 3, lambda: "back"
        )
        wait_hears(people[0], BERT_HZ, CLEO_HZ)
        wait_hears(far, ANNA_HZ, BERT_HZ)
        records, begin = len(site.records()), time.monotonic()
        with cut_off(address):
            record = site.wait_records(records + 1, TIMEOUT_S + 4)[-1]
            ended = time.monotonic() - begin
            far.voice.sending = False
        print(f"told lost after {told:.1f} s, removed after {ended:.1f} s")
        assert record["reason"] == "media-lost"
        assert ended >= TIMEOUT_S - 0.5
        # Our BYE is repeated: with the cable back it arrives.
        far.wait_ended(6)
    assert site.conference("1001")["inside"] == 2


def test_a_flood_from_everywhere_leaves_known_people_their_share(
    site: Site, people: tuple[SipPhone, SipPhone]
) -> None:
    """S-02: INVITEs from 200 sources, more than there is room for; whoever has a call up is still served, and hears."""
    anna, _ = people
    with unhurt(people):
        sources = [f"{ATTACKERS}{n}" for n in range(20, 220)]
        flood = Flood(site, "INVITE", sources, 3)
        time.sleep(0.5)
        served = [anna.request("OPTIONS", timeout=3).status for _ in range(5)]
        assert anna.reinvite().status == 200
        flood.join()
    print(f"{flood.sent} sent, {flood.answers} answered")
    assert served == [200] * 5
    assert flood.sent > 0.7 * FLOOD_PER_S * 3
    assert site.conference("1001")["inside"] == 2


def test_calls_that_are_never_acknowledged_are_freed(
    unacknowledged: tuple[BridgeProcess, RawUdp, list[int]],
) -> None:
    """S-03: at the limit 503 with Retry-After; after 32 s everything is free again."""
    bridge, udp, (rss, threads) = unacknowledged
    first: dict[str, Any] = {}
    udp.take()
    for came in udp.log:
        if came.message.status >= 200 and came.message.method == "INVITE":
            first.setdefault(came.message.get("Call-ID"), came.message)
    taken = [each for each in first.values() if each.status == 200]
    refused = [each for each in first.values() if each.status == 503]
    assert (len(taken), len(refused)) == (150, 50)
    assert all(int(each.get("Retry-After")) > 0 for each in refused)
    start = min(came.at for came in udp.log)
    udp.listen(max(0.0, start + 34 - time.monotonic()))
    nothing_left(bridge, timeout=8)
    byes = {came.message.get("Call-ID") for came in udp.log if not came.message.status}
    assert len(byes) == 150
    after = cost(bridge.pid)
    print(f"memory + {(after.rss_bytes - rss) / 1e6:.1f} MB, threads {threads} -> {after.threads}")
    assert after.rss_bytes - rss < 30_000_000
    with SipPhone("good") as good:
        good.call(bridge.uri("1001"))
    bridge.stop()
    assert not bridge.faults()
