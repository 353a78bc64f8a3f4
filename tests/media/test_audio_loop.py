"""Keeps: legs are opened, mixed, planned and closed over real sockets; a fault of the mixer costs a tick, no more."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest

from bridge.media import contract
from bridge.media.audio_loop import FAULTS_IN_A_ROW, AudioLoop
from bridge.media.mixing import Job, Loss, Result
from bridge.media.settings import MediaSettings
from bridge.message import Message
from mixer.plan import Plan, Seat
from tests.media.bench_leg import AUDIO
from tests.media.local import LocalMedia
from tests.media.ports import free_range, has_ipv6
from tests.media.rtp_phone import RtpPhone, talk

NOTHING = Result([], [], 0, 0, {}, [])


def settings(pairs: int = 8, **changes: Any) -> MediaSettings:
    first, last = free_range(pairs)
    return replace(MediaSettings(port_first=first, port_last=last), **changes)


class Room:
    """LocalMedia with phones."""

    def __init__(self, media_settings: MediaSettings | None = None) -> None:
        self.events: list[contract.Event] = []
        self.lost: list[tuple[str, ...]] = []
        self.phones: dict[str, RtpPhone] = {}
        self.media = LocalMedia(media_settings or settings(), self.events.append, self.lost.append)

    async def join(self, leg: str, hz: float, address: str = "127.0.0.1") -> RtpPhone:
        phone = self.phones[leg] = RtpPhone(hz, address=address)
        self.media.place(leg, "1001")
        self.media.send(contract.OpenLeg(leg, address))
        await asyncio.sleep(0.01)
        opened = self.events[-1]
        assert isinstance(opened, contract.LegOpened)
        phone.calls(opened.port, opened.rtcp_port)
        self.media.send(contract.ConfigureLeg(leg, phone.audio(), signalling=address))
        return phone

    def plan(self, *seats: Seat) -> None:
        self.media.send(contract.SetPlan(Plan("1001", seats)))

    async def talk(self, seconds: float) -> None:
        await talk(list(self.phones.values()), seconds)

    def told(self, kind: type[Message]) -> list[contract.Event]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    room = Room()
    await room.media.start()
    yield room
    await room.media.stop()
    for phone in room.phones.values():
        phone.close()


async def test_each_hears_the_others_and_the_waiting_one_nothing(room: Room) -> None:
    a, b, waiting = await room.join("a", 400), await room.join("b", 700), await room.join("w", 1100)
    room.plan(Seat("a"), Seat("b"))
    await room.talk(0.9)
    assert (a.heard(30), b.heard(30), waiting.heard(30)) == ([700], [400], [])
    assert {
        event.leg for event in room.told(contract.MediaStarted) if isinstance(event, contract.MediaStarted)
    } == {
        "a",
        "b",
        "w",
    }
    assert len(waiting.got) > 35
    room.plan(Seat("a", heard=False), Seat("b", hears=False), Seat("w"))
    await room.talk(0.9)
    assert (a.heard(30), b.heard(30), waiting.heard(30)) == ([700, 1100], [], [700])


async def test_a_third_port_is_neither_heard_nor_answered(room: Room) -> None:
    a, b = await room.join("a", 400), await room.join("b", 700)
    room.plan(Seat("a"), Seat("b"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as prober:
        prober.bind(("127.0.0.1", 0))
        for _ in range(40):
            await room.talk(0.02)
            for _ in range(20):
                prober.sendto(b"\x80\x00" + bytes(10) + bytes([0x80]) * 160, a.bridge)
                prober.sendto(b"\x80\xc9\x00\x01" + bytes(4), a.bridge_rtcp)
        with pytest.raises(BlockingIOError):
            prober.recv(4096)
    assert (a.heard(20), b.heard(20)) == ([700], [400])
    await asyncio.sleep(1.0)
    assert room.media.figures[0].drops["rtp-address"] == 800
    assert room.media.figures[0].drops["rtcp-address"] == 800


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")
async def test_ipv6(room: Room) -> None:
    a, b = await room.join("a", 400, "::1"), await room.join("b", 700)
    room.plan(Seat("a"), Seat("b"))
    await room.talk(0.6)
    assert (a.heard(20), b.heard(20)) == ([700], [400])


async def test_close_says_bye_and_tells_how_it_was(room: Room) -> None:
    phone = await room.join("a", 400)
    await room.talk(0.5)
    room.media.send(contract.CloseLeg("a"))
    room.media.send(contract.CloseLeg("nobody"))
    await asyncio.sleep(0.05)
    phone.receive()
    assert phone.got_rtcp and phone.got_rtcp[-1][-8] == 0x81 and phone.got_rtcp[-1][-7] == 203
    (closed,) = room.told(contract.LegClosed)
    assert isinstance(closed, contract.LegClosed)
    assert closed.quality.packets_received == 25
    assert 20 <= closed.quality.packets_sent <= 30
    assert closed.quality.codec == "PCMU"
    count = len(phone.got)
    await asyncio.sleep(0.06)
    phone.receive()
    assert len(phone.got) == count


async def test_the_next_call_on_a_port_does_not_hear_the_last_one() -> None:
    room = Room(settings(pairs=1))
    await room.media.start()
    before = await room.join("a", 400)
    await room.talk(0.1)
    room.media.send(contract.CloseLeg("a"))
    room.media.place("b", "1001")
    room.media.send(contract.OpenLeg("b", "127.0.0.1"))
    before.send()  # in the kernel's queue before the leg is configured
    await asyncio.sleep(0.01)
    after = await room.join("b", 0)
    assert after.bridge == before.bridge
    room.plan(Seat("b"))
    await room.talk(0.2)
    room.media.send(contract.CloseLeg("b"))
    await asyncio.sleep(0.01)
    closed = [event for event in room.told(contract.LegClosed) if isinstance(event, contract.LegClosed)]
    assert 5 <= closed[1].quality.packets_received <= after.sent
    assert closed[1].quality.packets_lost == 0
    assert not after.heard()
    assert len(before.got) < 10
    await room.media.stop()
    for phone in (before, after):
        phone.close()


async def test_ports_and_legs_are_bounded() -> None:
    room = Room(settings(pairs=2, max_legs=3))
    await room.media.start()
    for leg in ("a", "a", "b", "c"):
        room.media.place(leg, "1001")
        room.media.send(contract.OpenLeg(leg, "127.0.0.1"))
    await asyncio.sleep(0.01)
    ports = [event.port for event in room.events if isinstance(event, contract.LegOpened)]
    assert len(ports) == 3 and ports[0] == ports[1] != ports[2]
    assert room.told(contract.OpenFailed) == [contract.OpenFailed("c", "no-ports")]
    room.media.send(contract.CloseLeg("a"))
    room.media.place("d", "1001")
    room.media.send(contract.OpenLeg("d", "127.0.0.1"))
    room.media.place("e", "1001")
    room.media.send(contract.OpenLeg("e", "192.0.2.1"))
    await asyncio.sleep(0.01)
    assert room.told(contract.OpenFailed)[1:] == [contract.OpenFailed("e", "bad-address")]
    await room.media.stop()


async def test_max_legs() -> None:
    room = Room(settings(pairs=4, max_legs=1))
    await room.media.start()
    for leg in ("a", "b"):
        room.media.place(leg, "1001")
        room.media.send(contract.OpenLeg(leg, "127.0.0.1"))
    await asyncio.sleep(0.01)
    assert room.told(contract.OpenFailed) == [contract.OpenFailed("b", "too-many-legs")]
    await room.media.stop()


async def test_the_death_of_local_media_is_told_like_a_process(room: Room) -> None:
    await room.join("a", 400)
    await room.media.lose()
    assert room.lost == [("a",)]
    assert not room.told(contract.LegClosed)
    await room.join("b", 400)


@pytest.mark.parametrize("part", ["take_rtp", "pop", "send_audio", "wake"])
async def test_a_fault_with_one_leg_costs_that_leg(
    room: Room, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = await room.join("a", 400), await room.join("b", 700)
    await room.join("c", 1000)
    room.plan(Seat("a"), Seat("b"), Seat("c"))
    await room.talk(0.1)

    def fail(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    assert room.media._audio is not None
    session = room.media._audio._sessions["c"]
    session._due = 0.0
    monkeypatch.setattr(session, part, fail)
    await room.talk(1.3)  # to write the fault into the log takes a while on a busy machine
    assert [
        event.leg for event in room.told(contract.LegClosed) if isinstance(event, contract.LegClosed)
    ] == ["c"]
    assert (a.heard(16), b.heard(16)) == ([700], [400])


class BadMixer:
    """Fails while `failing`."""

    def __init__(self) -> None:
        self.failing = True
        self.ticks = 0

    def tick(self, job: Job) -> Result:
        self.ticks += 1
        if self.failing:
            raise RuntimeError("a fault of ours")
        return NOTHING


class Bare:
    """An AudioLoop with a mixer of the test's own, in its thread."""

    def __init__(self, mixer: Any) -> None:
        self.events: list[contract.Event] = []
        self.ends: list[str] = []
        self.loop = AudioLoop(settings(), self.events.append, self.ends.append, mixer=mixer)
        self.loop.start()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not condition():
                await asyncio.sleep(0.01)


async def test_a_fault_of_the_mixer_costs_a_tick() -> None:
    mixer = BadMixer()
    bare = Bare(mixer)
    bare.loop.command(contract.OpenLeg("a", "127.0.0.1"))
    await bare.until(lambda: mixer.ticks >= 3)
    mixer.failing = False
    ticks = mixer.ticks
    await bare.until(lambda: mixer.ticks >= ticks + 3)
    assert not bare.ends
    await bare.loop.stop()


async def test_a_mixer_that_fails_for_good_ends_the_process() -> None:
    mixer = BadMixer()
    bare = Bare(mixer)
    bare.loop.command(contract.OpenLeg("a", "127.0.0.1"))
    await bare.until(lambda: bool(bare.ends))
    assert bare.ends == ["mixer-fault"]
    assert mixer.ticks == FAULTS_IN_A_ROW
    await bare.loop.stop()


class HeldMixer:
    """Keeps what it is told; stays at its work while `gate` is closed."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.at_work = threading.Event()
        self.told: list[contract.Command | Loss] = []

    def tick(self, job: Job) -> Result:
        self.told += job.commands
        self.at_work.set()
        self.gate.wait(10)
        return NOTHING


async def test_what_follows_a_change_never_overtakes_it() -> None:
    mixer = HeldMixer()
    bare = Bare(mixer)
    bare.loop.command(contract.OpenLeg("a", "127.0.0.1"))
    bare.loop.command(contract.OpenLeg("b", "127.0.0.1"))
    await bare.until(mixer.at_work.is_set)
    mixer.gate.clear()
    mixer.at_work.clear()
    await bare.until(mixer.at_work.is_set)
    commands: list[contract.Command] = [
        contract.ConfigureLeg("a", AUDIO),
        contract.Play("p1", ("a",), ("ask-pin",), "en"),
        contract.SetPlan(Plan("1001", (Seat("a"),))),
        contract.ConfigureLeg("b", AUDIO),
        contract.StopPlay(("a",)),
        contract.SendDigit("a", "5"),
        contract.CloseLeg("b"),
    ]
    for command in commands:
        bare.loop.command(command)
    assert len(bare.loop._sessions) == 1  # closed at once
    mixer.gate.set()
    await bare.until(lambda: contract.CloseLeg("b") in mixer.told)
    assert mixer.told == [*commands[:3], commands[4], commands[6]]  # b was closed before it was configured
    assert not bare.loop.drops
    await bare.loop.stop()


async def test_a_mixer_that_does_not_come_back_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.media.audio_loop.BUSY_IN_A_ROW", 5)
    monkeypatch.setattr("bridge.media.worker._LEAVE_S", 0.05)
    mixer = HeldMixer()
    mixer.gate.clear()
    bare = Bare(mixer)
    bare.loop.command(contract.OpenLeg("a", "127.0.0.1"))
    await bare.until(lambda: bool(bare.ends))
    assert bare.ends == ["mixer-stuck"]
    await bare.loop.stop()
    mixer.gate.set()


class SlowMixer:
    """Takes 50 ms for its third tick."""

    def __init__(self) -> None:
        self.ticks = 0

    def tick(self, job: Job) -> Result:
        import time

        self.ticks += 1
        if self.ticks == 3:
            time.sleep(0.05)
        return NOTHING


async def test_a_busy_mixer_makes_ticks_skip_not_queue() -> None:
    mixer = SlowMixer()
    bare = Bare(mixer)
    bare.loop.command(contract.OpenLeg("a", "127.0.0.1"))
    await bare.until(lambda: sum(isinstance(event, contract.Figures) for event in bare.events) >= 2)
    figures = bare.events[-1]
    assert isinstance(figures, contract.Figures)
    assert 2 <= figures.ticks_skipped <= 6
    assert abs(mixer.ticks + figures.ticks_skipped - figures.ticks) <= 3
    await bare.loop.stop()


async def test_ticks_stop_when_there_is_nothing_to_do() -> None:
    mixer = SlowMixer()
    bare = Bare(mixer)
    bare.loop.command(contract.OpenLeg("a", "127.0.0.1"))
    await bare.until(lambda: mixer.ticks >= 2)
    bare.loop.command(contract.CloseLeg("a"))
    await asyncio.sleep(0.15)
    ticks = mixer.ticks
    await asyncio.sleep(0.1)
    assert mixer.ticks == ticks
    bare.loop.command(contract.OpenLeg("b", "127.0.0.1"))
    await bare.until(lambda: mixer.ticks > ticks)
    await bare.loop.stop()


async def test_nothing_is_left_of_legs_that_are_gone() -> None:
    mixer = SlowMixer()
    mixer.ticks = 10
    bare = Bare(mixer)
    bare.loop.command(contract.OpenLeg("first", "127.0.0.1"))
    bare.loop.command(contract.CloseLeg("first"))
    files = len(os.listdir("/proc/self/fd"))
    for n in range(200):
        leg = f"leg{n}"
        bare.loop.command(contract.OpenLeg(leg, "127.0.0.1"))
        bare.loop.command(contract.ConfigureLeg(leg, AUDIO))
        bare.loop.command(contract.SetPlan(Plan("1001", (Seat(leg),))))
        bare.loop.command(contract.CloseLeg(leg))
    bare.loop.command(contract.SetPlan(Plan("1001")))
    await bare.until(lambda: not bare.loop._ticker.running)
    assert len(os.listdir("/proc/self/fd")) == files - 1  # the alarm rests too
    assert not (bare.loop._sessions or bare.loop._ports._own or bare.loop._heard or bare.loop._commands)
    await bare.loop.stop()


async def test_shutdown_finishes() -> None:
    bare = Bare(SlowMixer())
    bare.loop.command(contract.SendDigit("nobody", "1"))
    bare.loop.command(contract.Shutdown())
    assert bare.ends == ["shutdown"]
    await bare.loop.stop()
