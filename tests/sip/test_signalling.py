"""SIP at the rim: who calls gets a leg, a refusal or a wait; every call ends, is counted and leaves a record; a fault
with one call costs that call; stopping ends them all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from bridge.call_record import CallRecord
from bridge.codec.table import AUDIO_CODECS
from bridge.errors import Reason
from bridge.leg import Desk
from bridge.media import contract
from bridge.metrics import Metrics
from bridge.rooms.participant import Pictures, Role
from bridge.sdp.local import PicturePolicy, SrtpPolicy
from bridge.sdp.video import Content
from bridge.settings import known_endpoints
from bridge.sip import commands
from bridge.sip.flow import Flow
from bridge.sip.leg import SipLeg
from bridge.sip.message import Request, Response
from bridge.sip.parser import parse_message
from bridge.sip.settings import AgentSettings
from bridge.sip.signalling import Signalling
from bridge.sip.terms import LegTerms
from bridge.sip.transport import Transports
from bridge.sip.uri import parse_uri
from bridge.switchboard import Switchboard
from config.model import Peer, PeerKind, Room, RoomKind
from config.secret import Secret
from tests.faketime import run
from tests.sip.desk import LISTENERS, OFFER, UDP, answer_to
from tests.sip.desk import Peer as Phone
from tests.sip.network import FakeTransports
from tests.studio import FakeStudio, InstantStudio

TERMS = LegTerms(
    "203.0.113.1", "", "", AUDIO_CODECS, SrtpPolicy.PREFERRED, 20, False, 30.0, 1800.0, frozenset(), loopback=True
)  # fmt: skip
ROOM = Room("1001", RoomKind.OPEN)
TRUNK = Peer(
    "trunk", PeerKind.TRUNK, ("198.51.100.0/24",), user="samrom", password=Secret("hunter22"), register=True,
    server="sip:provider.example:5070", latch=True, trusted=True,
)  # fmt: skip


@dataclass
class Door:
    """Decides as a test wants it, and notes who came."""

    wait_s: float = 0.0
    fault: Exception | None = None
    asked: list[tuple[str, str, bool]] = field(default_factory=list)
    legs: list[SipLeg] = field(default_factory=list)
    left: list[Reason] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)  # of callers who have proved theirs

    def delay_s(self, source: str, trusted: bool) -> float:
        return 0.0 if trusted else self.wait_s

    def find(self, dialled: str, host: str, source: str, trusted: bool) -> Room | None:
        self.asked.append((dialled, source, trusted))
        return ROOM if dialled == "1001" else None

    def interprets(self, room: Room, dialled: str, host: str, caller: str) -> bool:
        self.addresses.append(caller)
        return caller == "kari@client.example.net"

    def welcome(self, leg: SipLeg, room: Room) -> Desk:
        self.legs.append(leg)
        if self.fault is not None:
            raise self.fault
        return _Seat(self)

    def welcome_dialled(self, leg: SipLeg, room: Room, role: Role) -> Desk:
        return self.welcome(leg, room)

    def move(self, leg: SipLeg, room: Room, role: Role | None) -> Desk:
        return self.welcome(leg, room)


@dataclass
class _Seat:
    door: Door

    def digit(self, digit: str) -> None:
        if self.door.fault is not None:
            raise self.door.fault

    def held(self, on: bool) -> None:
        pass

    def silent(self, on: bool) -> None:
        pass

    def media(self, on: bool, encrypted: bool) -> None:
        pass

    def video(self, pictures: Pictures) -> None:
        pass

    def seen(self, content: Content, on: bool) -> None:
        pass

    def left(self, reason: Reason) -> None:
        self.door.left.append(reason)


class World:
    """Signalling between a fake network, a fake studio and a fake door."""

    def __init__(self, peers: Sequence[Peer] = ()) -> None:
        self.net = FakeTransports()
        self.studio = InstantStudio()
        self.studio.board = self.board = Switchboard(self.studio)
        self.door = Door()
        self.trouble: str | None = None
        self.records: list[CallRecord] = []
        self.faults: list[BaseException] = []
        self.loop_faults: list[object] = []
        self.metrics = Metrics()
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: self.loop_faults.append(context.get("exception"))
        )

        def transports(message: Callable[[bytes, Flow], None], lost: Callable[[Flow], None]) -> Transports:
            self.message, self.lost = message, lost
            return cast(Transports, self.net)

        known = [each for peer in peers for each in known_endpoints(peer)]
        self.signalling = Signalling(
            AgentSettings(LISTENERS, endpoints=tuple(known)), transports, {peer.name: peer for peer in peers}, TERMS,
            self.door, lambda: self.trouble, self.board, self.metrics, self.records.append, self.faults.append,
        )  # fmt: skip

    async def receive(self, data: bytes, flow: Flow = UDP) -> list[Response]:
        """Let the phone send; returns what is answered before anything else happens."""
        mark = len(self.net.sent)
        asyncio.get_running_loop().call_soon(self.message, data, flow)
        await asyncio.sleep(0.001)
        messages = [parse_message(each) for each in self.net.sent[mark:]]
        return [each for each in messages if isinstance(each, Response)]

    async def call(self, phone: Phone) -> list[int]:
        """INVITE and, if it is answered, ACK; returns the status codes."""
        responses = await self.receive(phone.request("INVITE", OFFER), phone.flow)
        statuses = [each.status for each in responses]
        if statuses[-1:] == [200]:
            phone.to_tag = responses[-1].to.tag or ""
            await self.receive(phone.request("ACK", cseq=phone.cseq), phone.flow)
        return statuses

    def requests(self) -> list[Request]:
        """What we asked of the other side, in order, each once."""
        sent = dict.fromkeys(self.net.sent)
        return [each for data in sent if isinstance(each := parse_message(data), Request)]

    def last_status(self) -> int:
        """The status of the response that was sent last."""
        return [each.status for data in self.net.sent if isinstance(each := parse_message(data), Response)][
            -1
        ]

    def count(self, metric: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(metric, labels) or 0.0


Scene = Callable[[World], Awaitable[None]]


def play(scene: Scene, *peers: Peer) -> World:
    async def whole() -> World:
        world = World(peers)
        await world.signalling.start([], [])
        await scene(world)
        await world.signalling.stop()
        assert world.signalling.calls == 0 and world.net.stopped
        assert not world.board._listeners, "no ports are left"
        assert not world.signalling._slowed
        return world

    return run(whole())


def test_a_call_from_its_invite_to_its_record() -> None:
    async def scene(world: World) -> None:
        phone = Phone()
        assert await world.call(phone) == [100, 200]
        (leg,) = world.door.legs
        assert (leg.display_name, leg.source, leg.trusted) == ("Kari", "192.0.2.77", False)
        assert world.net.known == ["192.0.2.77"] and world.count("samrom_calls_up") == 1
        world.signalling.keep_known()
        assert len(world.net.known) == 2
        await asyncio.sleep(60)
        assert [each.status for each in await world.receive(phone.request("BYE"))] == [200]
        assert world.signalling.calls == 0 and world.door.left == [Reason.NORMAL]

    world = play(scene)
    (record,) = world.records
    line = record.line()
    assert (line["room"], line["direction"], line["reason"], line["codec"]) == (
        "1001",
        "in",
        "normal",
        "PCMA",
    )
    assert record.quality is not None and record.answered >= record.began > 0
    assert world.count("samrom_calls_total", reason="normal") == 1 and not world.count("samrom_calls_up")
    assert world.count("samrom_setup_seconds_count") == 1


@pytest.mark.parametrize("room", [ROOM, replace(ROOM, video=False)])
def test_a_room_decides_whether_its_calls_have_pictures(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Door, "find", lambda *_: room)
    monkeypatch.setattr("tests.sip.test_signalling.TERMS", replace(TERMS, pictures=PicturePolicy()))

    async def scene(world: World) -> None:
        await world.call(Phone())

    world = play(scene)
    (opened,) = [each for each in world.studio.told if isinstance(each, contract.OpenLeg)]
    assert opened.video is room.video


def test_unknown_rooms_and_overload_are_refused_before_a_leg_is_made() -> None:
    async def scene(world: World) -> None:
        stranger = Phone(call_id="c0@client", uri="sip:9999@mcu.example.com")
        assert await world.call(stranger) == [100, 404]
        world.trouble = "calls"
        (_, refusal) = await world.receive(Phone().request("INVITE", OFFER))
        assert (refusal.status, refusal.headers.get("Retry-After")) == (503, "10")
        assert world.signalling.calls == 0

    world = play(scene)
    assert not world.records
    assert world.count("samrom_drops_total", name="unknown-room") == 1
    assert world.count("samrom_drops_total", name="admission-calls") == 1


def test_without_ports_the_caller_is_told_when_to_come_again() -> None:
    async def scene(world: World) -> None:
        world.studio.ports = False
        (_, refusal) = await world.receive(Phone().request("INVITE", OFFER))
        assert (refusal.status, refusal.headers.get("Retry-After")) == (503, "10")

    world = play(scene)
    assert [record.reason for record in world.records] == [Reason.OVERLOADED]


def test_a_source_that_guesses_numbers_waits() -> None:
    async def scene(world: World) -> None:
        world.door.wait_s = 4.0
        phone = Phone()
        assert await world.call(phone) == [100]
        assert world.door.asked == []
        await asyncio.sleep(5)
        assert world.last_status() == 200

    play(scene)


def test_who_gives_up_while_he_waits_leaves_nothing() -> None:
    async def scene(world: World) -> None:
        world.door.wait_s = 4.0
        phone = Phone()
        await world.receive(phone.request("INVITE", OFFER, branch="z9hG4bKx"))
        answered = await world.receive(phone.request("CANCEL", cseq=phone.cseq, branch="z9hG4bKx"))
        assert {each.status for each in answered} == {200, 487}
        await asyncio.sleep(5)
        assert world.door.asked == [] and world.signalling.calls == 0

    assert not play(scene).records


def test_who_waits_when_the_bridge_stops_is_refused() -> None:
    async def scene(world: World) -> None:
        world.door.wait_s = 4.0
        await world.receive(Phone().request("INVITE", OFFER))

    world = play(scene)
    assert world.last_status() == 503


@pytest.mark.parametrize("source", ["198.51.100.7", "198.51.100.200"])
def test_a_peer_is_known_by_its_network(source: str) -> None:
    async def scene(world: World) -> None:
        world.door.wait_s = 4.0
        flow = Flow("udp", UDP.local, (source, 5060))
        assert await world.call(Phone(flow=flow)) == [100, 200], "it is trusted, and does not wait"
        (leg,) = world.door.legs
        assert leg.trusted and world.door.asked == [("1001", source, True)]
        (configured,) = [each for each in world.studio.told if isinstance(each, contract.ConfigureLeg)]
        assert configured.latch, "the terms of this peer"

    play(scene, TRUNK)


def test_a_fault_with_one_call_ends_that_call() -> None:
    async def scene(world: World) -> None:
        await world.call(Phone())
        world.door.fault = ValueError("no good")
        await world.call(Phone(call_id="c2@client", tag="f2"))
        assert [str(fault) for fault in world.loop_faults] == ["no good"]
        (bye,) = world.requests()
        assert (bye.method, bye.call_id) == ("BYE", "c2@client") and "cause=500" in (
            bye.headers.get("Reason") or ""
        )
        await asyncio.sleep(0.001)
        assert world.signalling.calls == 1

    reasons = [record.reason for record in play(scene).records]
    assert reasons == [Reason.FAULT, Reason.SHUTDOWN]


def test_a_fault_with_a_key_ends_that_call() -> None:
    async def scene(world: World) -> None:
        phone = Phone()
        await world.call(phone)
        world.door.fault = ValueError("no good")
        info = phone.request("INFO", b"Signal=5\r\nDuration=100\r\n", kind="application/dtmf-relay")
        await world.receive(info)
        await asyncio.sleep(1)
        assert [str(fault) for fault in world.loop_faults] == ["no good"]
        assert [each.method for each in world.requests()] == ["BYE"]
        assert world.door.left == [Reason.FAULT] and world.signalling.calls == 0

    assert [record.reason for record in play(scene).records] == [Reason.FAULT]


def test_stopping_ends_all_calls_with_bye_and_writes_their_records() -> None:
    async def scene(world: World) -> None:
        for number in range(3):
            await world.call(Phone(call_id=f"c{number}@client"))
        asyncio.get_running_loop().call_soon(
            lambda: world.message(Phone(call_id="late@x").request("INVITE", OFFER), UDP)
        )

    world = play(scene)
    assert [each.method for each in world.requests()] == ["BYE"] * 3
    assert [record.reason for record in world.records] == [Reason.SHUTDOWN] * 3
    assert world.last_status() == 503


def test_calls_whose_ports_never_close_have_a_record_all_the_same() -> None:
    async def scene(world: World) -> None:
        await world.call(Phone())
        world.studio.board = Switchboard(FakeStudio())  # nobody hears that ports close

    async def whole() -> World:
        world = World()
        await scene(world)
        await world.signalling.stop()
        return world

    world = run(whole())
    assert [record.reason for record in world.records] == [Reason.SHUTDOWN]


def test_stopping_waits_for_the_trunk_to_forget_us() -> None:
    trunk = commands.Trunk(
        "t", "sip:192.0.2.77", "sip:samrom@provider.example", commands.Credentials("", "samrom", "x"),
        commands.Hop("udp", "192.0.2.77", 5060),
    )  # fmt: skip

    async def whole() -> World:
        world = World()
        world.net.connected = UDP
        await world.signalling.start([], [trunk])
        await asyncio.sleep(0.001)
        first = world.requests()[-1]
        world.message(answer_to(first, 200, more="Contact: <sip:x@y>;expires=3600\r\n"), UDP)
        stopping = asyncio.create_task(world.signalling.stop())
        await asyncio.sleep(0.001)
        second = world.requests()[-1]
        assert second.headers.get("Expires") == "0"
        challenge = 'WWW-Authenticate: Digest realm="p", nonce="n", qop="auth", algorithm=MD5\r\n'
        world.message(answer_to(second, 401, more=challenge), UDP)
        await asyncio.sleep(0.001)
        third = world.requests()[-1]
        assert third.headers.get("Expires") == "0" and "Authorization" in third.headers
        assert not world.net.stopped
        world.message(answer_to(third, 200), UDP)
        await stopping
        return world

    assert run(whole()).net.stopped


def test_dialling_out_by_a_trunk() -> None:
    async def scene(world: World) -> None:
        world.net.connected = Flow("udp", UDP.local, ("198.51.100.7", 5070), 3)
        world.signalling.dial(ROOM, parse_uri("sip:%2B4722@provider.example"), TRUNK)
        await asyncio.sleep(0.001)
        invite = world.requests()[-1]
        assert str(invite.from_.uri) == "sip:samrom@provider.example"
        sdp = OFFER.replace(b"192.0.2.77", b"198.51.100.9")
        world.message(
            answer_to(invite, 200, "Contact: <sip:x@198.51.100.7:5070>\r\n", sdp), world.net.connected
        )
        await asyncio.sleep(0.001)
        (leg,) = world.door.legs
        assert (leg.display_name, leg.source) == ("+4722", "198.51.100.7")
        await asyncio.sleep(1)
        assert world.requests()[1].method == "ACK"

    world = play(scene, TRUNK)
    (record,) = world.records
    assert (record.direction, record.line()["source"]) == ("out", "198.51.100.0/24")


@pytest.mark.parametrize("fault", [OSError("refused"), UnicodeError("label too long"), TimeoutError()])
def test_dialling_where_no_way_leads_ends_the_call(fault: Exception) -> None:
    async def scene(world: World) -> None:
        world.net.connected = fault
        world.signalling.dial(ROOM, parse_uri("sip:kari@nowhere.example"), None)
        await asyncio.sleep(0.001)
        assert world.signalling.calls == 0 and not world.faults

    assert [record.reason for record in play(scene).records] == [Reason.DECLINED]


def test_certificates_that_cannot_be_read_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    async def scene(world: World) -> None:
        world.signalling.reload_certificates()

    play(scene)
    captured: Any = capsys.readouterr()
    assert "certificate-refused" in captured.out + captured.err


@pytest.mark.parametrize(
    ("peers", "proved"),
    [
        ((Peer("it", PeerKind.ENDPOINT, ("192.0.2.0/24",)),), "kari@client.example.net"),
        ((Peer("it", PeerKind.TRUNK, ("192.0.2.0/24",)),), ""),
        ((), ""),
    ],
)
def test_an_interpreter_is_known_by_an_address_that_is_proved(peers: tuple[Peer, ...], proved: str) -> None:
    async def scene(world: World) -> None:
        await world.call(Phone())
        assert world.door.addresses == [proved]
        assert world.door.legs[0].interpreter is bool(proved)

    play(scene, *peers)
