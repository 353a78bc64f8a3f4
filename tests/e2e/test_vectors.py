"""Every odd and hostile message over real sockets gets what it should; a standing call hears nothing of it.

A core of them is the project's own and runs everywhere; the rest runs where the shared vectors lie beside the project.
"""

from __future__ import annotations

import itertools
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.e2e.phones import drops, hears_just, log_is_json, media_figure, nothing_left, wait_hears
from tests.e2e.raw import (
    Came,
    RawCall,
    RawStream,
    RawUdp,
    ending,
    offer,
    outside,
    same_transaction,
    with_body,
)
from tests.e2e.vectors import SHARED, Vector, core, fits, shared
from tests.peers.bridge import BridgeProcess, room
from tests.peers.sipphone import SipPhone
from tests.peers.siptext import SipText, read_sdp

pytestmark = pytest.mark.peers
beside = pytest.mark.skipif(not SHARED.exists(), reason="the vectors are not beside the project")

ANNA_HZ, BERT_HZ = 400.0, 700.0
SLOW = ("slowloris-part", "tls-half-hello")
CORE = [each for each in core() if each.name not in SLOW]
OURS = {each.data for each in CORE}
REST = [
    each
    for each in shared("sip", "stream", "device", "sdp")
    if each.transport != "wss" and each.name not in SLOW and each.data not in OURS
]
_hosts = itertools.count(1)


class Standing(NamedTuple):
    """A bridge with a call of two that lasts all the time."""

    bridge: BridgeProcess
    anna: SipPhone
    bert: SipPhone
    since: float


@pytest.fixture(scope="module")
def standing() -> Iterator[Standing]:
    rooms = [room("1001", "open", tones=False), room("1002", "open", tones=False)]
    # A busy test machine must not look like an overloaded bridge.
    calm = {"tick_late_ms": 1000, "loop_lag_ms": 10_000}
    with (
        BridgeProcess(rooms, limits=calm) as bridge,
        SipPhone("anna", tone=ANNA_HZ) as anna,
        SipPhone("bert", tone=BERT_HZ, transport="tcp") as bert,
    ):
        anna.call(bridge.uri("1002"))
        bert.call(bridge.uri("1002", "tcp"))
        wait_hears(anna, BERT_HZ)
        yield Standing(bridge, anna, bert, anna.now)
        for phone in (anna, bert):
            phone.hang_up()
        nothing_left(bridge)
        bridge.stop()
        assert not bridge.faults()
        log_is_json(bridge)


class Slow(threading.Thread):
    """Bytes that come slowly or never; notes when it is cut off. `pause_s` 0: all at once, then silence."""

    def __init__(self, bridge: BridgeProcess, name: str, data: bytes, tls: bool, pause_s: float) -> None:
        super().__init__(name=name, daemon=True)
        self.seconds = 0.0
        self._target = ("127.0.0.1", bridge.tls_port if tls else bridge.sip_port)
        self._data = data
        self._pause_s = pause_s
        self.start()

    def run(self) -> None:
        with RawStream(self._target) as stream:
            begin = time.monotonic()
            if not self._pause_s:
                stream.send(self._data)
                stream.listen(40)
            for byte in self._data if self._pause_s else b"":
                if stream.closed or time.monotonic() > begin + 40:
                    break
                stream.send(bytes([byte]))
                stream.listen(self._pause_s)
            self.seconds = (stream.closed_at or time.monotonic()) - begin


@pytest.fixture(scope="module")
def slow(standing: Standing) -> list[Slow]:
    """Begun first, asked last."""
    hello = bytes.fromhex("160301020001000001fc0303") + bytes(19)  # the first 31 bytes of a ClientHello
    return [
        Slow(standing.bridge, "slowloris", b"OPTIONS sip:1001@mcu.example.com SIP/2.0\r\n", False, 5.0),
        Slow(standing.bridge, "half a hello", hello, True, 0.0),
        *(
            Slow(
                standing.bridge,
                each.name,
                each.data,
                each.transport == "tls",
                5.0 * (each.transport == "tcp"),
            )
            for each in shared("stream")
            if each.name in SLOW
        ),
    ]


def sent_by_port(data: bytes) -> int:
    """The port of the topmost Via, where answers without rport go (RFC 3261 section 18.2.2)."""
    for line in data.split(b"\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() in (b"via", b"v"):
            words = value.partition(b";")[0].split()
            port = words[-1].rpartition(b":")[2] if words and b":" in words[-1] else b"5060"
            return int(port) if port.isdigit() and 1024 <= int(port) <= 65535 else 5060
    return 5060


class Outcome(NamedTuple):
    """What came back."""

    answers: list[Came]
    closed: bool = False
    ponged: bool = False

    @property
    def finals(self) -> list[int]:
        """The final responses, copies left out."""
        found = dict.fromkeys(
            (each.message.get("CSeq"), each.message.get("Via"), each.message.status)
            for each in self.answers
            if each.message.status >= 200
        )
        return [status for _, _, status in found]


def by_udp(target: tuple[str, int], vector: Vector) -> Outcome:
    # From a source of its own each: who dials many unknown numbers is slowed down.
    with RawUdp(target, f"127.0.1.{next(_hosts) % 250 + 1}", sent_by_port(vector.data)) as udp:
        outcome = Outcome(udp.log)
        udp.send(vector.data)
        only_drop = vector.allowed <= {"drop", "stun-reply"}
        udp.listen(
            0.1 if only_drop else 0.4 if "drop" in vector.allowed else 3.0, lambda: bool(outcome.finals)
        )
        if not only_drop:
            udp.listen(0.03)
        for final in {each.message.status: each.message for each in outcome.answers}.values():
            if final.status >= 200 and final.get("CSeq").endswith("INVITE"):
                udp.send(ending(final).serialise())
        return Outcome(outcome.answers.copy())


def by_stream(target: tuple[str, int], vector: Vector, data: bytes) -> Outcome:
    with RawStream(target, tls=vector.transport == "tls") as stream:
        outcome = Outcome(stream.log)
        stream.send(data)
        wanted = 2 if "x2" in vector.expect else 1
        stream.listen(3.0, lambda: len(outcome.finals) >= wanted or stream.pongs > 0)
        stream.listen(0.03)
        for each in list(stream.log):
            if each.message.status >= 200 and each.message.get("CSeq").endswith("INVITE"):
                stream.send(ending(each.message).serialise())
        return Outcome(stream.log.copy(), stream.closed, stream.pongs > 0)


def deliver(bridge: BridgeProcess, vector: Vector) -> tuple[Outcome, int]:
    """Send it as it wants to be sent; returns what came back, and how much was sent."""
    target = ("127.0.0.1", bridge.tls_port if vector.transport == "tls" else bridge.sip_port)
    if vector.transport == "udp":
        return by_udp(target, vector), len(vector.data)
    data = vector.data
    if vector.transport == "sip-body":
        head = outside("INVITE", "sip:1001@mcu.example.com", "127.0.0.1", 5060)
        data = with_body(head, vector.data).replace(b"SIP/2.0/UDP", b"SIP/2.0/TCP", 1)
    return by_stream(target, vector, data), len(data)


def check(standing: Standing, vector: Vector) -> None:
    bridge = standing.bridge
    dropped = sum(drops(bridge, "").values()) + sum(drops(bridge, "transport").values())
    outcome, size = deliver(bridge, vector)
    assert fits(vector, outcome.finals, outcome.closed, outcome.ponged), (outcome, vector.expect)
    if vector.expect == "drop":
        now = sum(drops(bridge, "").values()) + sum(drops(bridge, "transport").values())
        assert now >= dropped + 1, "it is counted"
    assert len(outcome.finals) <= (2 if "x2" in vector.expect else 1)
    for each in outcome.answers:
        assert each.size <= 3 * size, "no amplifier"
        assert each.message.start.startswith("SIP/2.0 ") or each.message.method == "BYE"
    with RawUdp(("127.0.0.1", bridge.sip_port)) as probe:
        assert probe.ask(probe.request("OPTIONS")).status == 200


@pytest.mark.parametrize("vector", CORE, ids=lambda each: f"{each.kind}-{each.name}")
def test_our_own(standing: Standing, slow: list[Slow], vector: Vector) -> None:
    check(standing, vector)


@pytest.mark.shared
@beside
@pytest.mark.parametrize("vector", REST, ids=lambda each: f"{each.kind}-{each.name}")
def test_shared(standing: Standing, vector: Vector) -> None:
    check(standing, vector)


def test_within_a_call(standing: Standing) -> None:
    """What means something only in a dialog, or after another message."""
    bridge = standing.bridge
    bomb = b"<!DOCTYPE l [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;&a;'>]><media_control>&b;</media_control>"
    two_lines = offer("127.0.0.30", 9, "m=video 0 RTP/AVP 96", "a=rtpmap:96 H264/90000")
    fewer = next(each.data for each in CORE if each.name == "sdp-mline-removed")
    held = next(each.data for each in CORE if each.name == "device-hold-zero-address")
    challenge = next(each.data for each in CORE if each.name == "challenge-our-bye")
    with RawUdp(("127.0.0.1", bridge.sip_port), "127.0.0.30") as udp:
        call, known = RawCall(udp, two_lines), len(bridge.records())
        assert call.ask("INFO", bomb, "application/media_control+xml").status in (200, 400, 415)
        assert call.ask("INVITE", fewer.replace(b"192.0.2.77", b"127.0.0.30")).status in (200, 400, 488)
        assert call.ask("INVITE", held).status == 200
        assert call.ask("INVITE", two_lines.encode()).status == 200
        again = udp.request("OPTIONS")
        udp.send(again.serialise())
        udp.send(same_transaction(again, "MESSAGE").serialise())
        udp.listen(0.2)
        answers = {each.message.get("CSeq").split()[1]: each.message.status for each in udp.log[-2:]}
        assert answers == {"OPTIONS": 200, "MESSAGE": 405}, "another method is another transaction"
        # Our BYE is challenged in the name of somebody else's realm: nobody's secret is told.
        bridge.post("/conferences/1001/end", {})
        udp.listen(8, lambda: udp.log[-1].message.method == "BYE")
        bye = udp.log[-1].message
        assert bye.method == "BYE"
        line = next(part for part in challenge.split(b"\r\n") if part.startswith(b"WWW-Authenticate"))
        kept = [pair for pair in bye.headers if pair[0] in ("Via", "From", "To", "Call-ID", "CSeq")]
        head = SipText("SIP/2.0 401 Unauthorized", tuple(kept)).serialise()
        udp.send(head.replace(b"Content-Length", line + b"\r\nContent-Length"))
        assert udp.listen(0.7) == []
        record = bridge.wait_records(known + 1)[-1]
        assert (record["room"], record["reason"]) == ("1001", "ended")


RTP_KINDS = ("rtp", "rtcp", "tevent", "opus", "stun", "dtls", "h264", "vp8")
_FROM_ELSEWHERE = 3


@pytest.mark.shared
@beside
def test_media_vectors_at_a_live_leg(standing: Standing) -> None:
    """From the right source and from a third one: counted, nothing is sent back, nobody else hears it."""
    bridge, anna, bert, _ = standing
    rtp, rtcp, third = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(3))
    with RawUdp(("127.0.0.1", bridge.sip_port), "127.0.0.31") as udp, rtp, rtcp, third:
        rtp.bind(("127.0.0.31", 30_000))
        rtcp.bind(("127.0.0.31", 30_001))
        third.bind(("127.0.0.32", 30_000))
        for each in (rtp, rtcp, third):
            each.setblocking(False)
        both = offer(rtp.getsockname()[0], 30_000).replace("AVP 0 101", "AVP 111 0 101")
        call = RawCall(udp, both + "a=rtpmap:111 opus/48000/2\r\n", "1002")
        port = read_sdp(call.answer.body).port
        time.sleep(1.2)
        before, start = drops(bridge), anna.now
        vectors = shared(*RTP_KINDS)
        for vector in vectors:
            to, source = (port + 1, rtcp) if vector.kind == "rtcp" else (port, rtp)
            if len(vector.data) > 1400:
                continue
            source.sendto(vector.data, ("127.0.0.1", to))
            for _ in range(_FROM_ELSEWHERE):
                third.sendto(vector.data, ("127.0.0.1", to))
            time.sleep(0.02)
        time.sleep(1.2)  # figures come once a second
        now = drops(bridge)
        grown = {
            name: int(count - before.get(name, 0))
            for name, count in now.items()
            if count > before.get(name, 0)
        }
        print(len(vectors), "media vectors:", grown)
        sent = sum(len(each.data) <= 1400 for each in vectors)
        must = sum(each.expect == "reject-packet" for each in vectors if len(each.data) <= 1400)
        strangers = grown.pop("rtp-address") + grown.pop("rtcp-address")
        assert strangers == _FROM_ELSEWHERE * sent
        assert must <= sum(grown.values()) <= sent
        with pytest.raises(BlockingIOError):
            third.recv(2048)
        assert rtp.recv(2048)
        seconds = anna.now - start
        for phone in (anna, bert):
            got = phone.reception(start, start + seconds)
            print(f"{phone.name}: longest gap {1000 * got.longest_gap:.0f} ms")
            assert got.packets >= 0.98 * 50 * seconds
        assert media_figure(bridge, "legs") == 3
        assert call.ask("BYE").status == 200
    wait_hears(anna, BERT_HZ)
    wait_hears(bert, ANNA_HZ)


def test_slow_senders_are_cut_off(standing: Standing, slow: list[Slow]) -> None:
    for each in slow:
        each.join(45)
        print(f"{each.name}: closed after {each.seconds:.1f} s")
        assert each.seconds <= (10.5 if "hello" in each.name else 33)


def test_the_standing_call_heard_nothing_of_it(standing: Standing) -> None:
    bridge, anna, bert, since = standing
    seconds = anna.now - since
    for phone, tone in ((anna, BERT_HZ), (bert, ANNA_HZ)):
        got = phone.reception(since, since + seconds)
        print(
            f"{phone.name}: {got.packets} packets in {seconds:.0f} s, longest gap {1000 * got.longest_gap:.0f} ms"
        )
        assert got.packets >= 0.98 * 50 * seconds
        assert got.missing == 0
        hears_just(phone.heard(phone.now - 2), tone, who=phone.name)
    assert bridge.metrics()["samrom_faults_total"] == 0
    assert {each["number"]: each["inside"] for each in bridge.get("/conferences")} == {"1002": 2}
    for name in ("audit", "records"):
        lines = getattr(bridge, name)()
        assert all(len(json.dumps(line)) < 8000 for line in lines)
    print(dict(sorted((drops(bridge, "") | drops(bridge, "transport")).items())))
