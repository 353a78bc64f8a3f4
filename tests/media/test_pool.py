"""Keeps: calls are served by real media processes; one that dies costs exactly its legs; none outlives control."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from bridge.media import contract
from bridge.media.pool import MediaPool
from bridge.media.settings import MediaSettings
from bridge.message import Message
from bridge.rtp.link import SdesLink
from bridge.sdp.audio import SrtpKey
from mixer.plan import Plan, Seat
from tests.media.ports import free_range
from tests.media.rtp_phone import RtpPhone, talk
from tests.media.web_peer import WebPeer


class Control:
    """A pool and everything that it told."""

    def __init__(self, processes: int) -> None:
        first, last = free_range(16 * processes + processes)
        self.rtc_port = last + 1 - 2 * processes
        self.events: list[contract.Event] = []
        self.lost: list[tuple[str, ...]] = []
        self._news = asyncio.Event()
        settings = MediaSettings(
            port_first=first,
            port_last=self.rtc_port - 1,
            nice=0,
            rtc_addresses=("127.0.0.1",),
            rtc_port=self.rtc_port,
        )
        self.pool = MediaPool(processes, settings, self._take, self._lose)

    def _take(self, event: contract.Event) -> None:
        self.events.append(event)
        self._news.set()

    def _lose(self, legs: tuple[str, ...]) -> None:
        self.lost.append(legs)
        self._news.set()

    async def until(self, condition: Callable[[], bool], seconds: float = 10.0) -> None:
        """Wait for news until they fulfil the condition."""
        async with asyncio.timeout(seconds):
            while not condition():
                self._news.clear()
                await self._news.wait()

    def told(self, kind: type[Message]) -> list[contract.Event]:
        return [event for event in self.events if isinstance(event, kind)]

    async def reserve(self, leg: str, conference: str, shared: bool) -> contract.LegOpened:
        """Open a leg."""
        self.pool.place(leg, conference)
        self.pool.send(contract.OpenLeg(leg, "127.0.0.1", shared))
        await self.until(lambda: any(getattr(event, "leg", "") == leg for event in self.events))
        opened = next(event for event in self.told(contract.LegOpened) if getattr(event, "leg", "") == leg)
        assert isinstance(opened, contract.LegOpened)
        return opened

    async def open(self, leg: str, conference: str, phone: RtpPhone) -> None:
        """Open and configure a leg for a phone."""
        opened = await self.reserve(leg, conference, shared=False)
        phone.calls(opened.port, opened.rtcp_port)
        self.pool.send(contract.ConfigureLeg(leg, phone.audio(), signalling="127.0.0.1"))


@pytest.fixture
async def control() -> AsyncIterator[Control]:
    control = Control(processes=2)
    await control.pool.start()
    yield control
    await control.pool.stop()


def seats(*legs: str) -> tuple[Seat, ...]:
    return tuple(Seat(leg) for leg in legs)


async def test_a_process_that_is_killed_costs_exactly_its_legs(control: Control) -> None:
    pids = control.pool.pids
    assert control.pool.up == 2 and len(set(pids.values())) == 2
    phones = [RtpPhone(hz) for hz in (400.0, 700.0, 1000.0)]
    await control.open("a", "1001", phones[0])
    await control.open("b", "1001", phones[1])
    await control.open("c", "1002", phones[2])
    control.pool.send(contract.SetPlan(Plan("1001", seats("a", "b"))))
    await talk(phones, 1.0)
    assert phones[0].heard() == [700] and phones[1].heard() == [400] and phones[2].heard() == []
    assert len(control.pool.figures) == 2

    os.kill(pids[0], signal.SIGKILL)
    await control.until(lambda: bool(control.lost))
    assert [set(legs) for legs in control.lost] == [{"a", "b"}]
    assert control.pool.restarts == {"closed": 1}

    control.pool.send(contract.CloseLeg("a"))  # too late, and harmless
    control.pool.send(contract.CloseLeg("c"))
    await control.until(lambda: bool(control.told(contract.LegClosed)))
    await _until(lambda: control.pool.up == 2)
    assert control.pool.pids[1] == pids[1] and control.pool.pids[0] != pids[0]

    await control.open("d", "1001", phones[0])
    await control.open("e", "1001", phones[1])
    control.pool.send(contract.SetPlan(Plan("1001", seats("d", "e"))))
    await talk(phones[:2], 1.0)
    assert phones[0].heard() == [700] and phones[1].heard() == [400]
    for phone in phones:
        phone.close()


async def test_each_process_has_a_shared_port_of_its_own_and_its_successor_has_the_same(
    control: Control,
) -> None:
    peers = {"a": WebPeer(400), "b": WebPeer(700)}
    ports = []
    for leg, conference in (("a", "1001"), ("b", "1002")):
        opened = await control.reserve(leg, conference, shared=True)
        ports.append((opened.port, opened.tcp_port))
        control.pool.send(await peers[leg].join(opened))
    assert ports == [(control.rtc_port, control.rtc_port), (control.rtc_port + 1, control.rtc_port + 1)]
    await asyncio.gather(*(peer.connected() for peer in peers.values()))
    os.kill(control.pool.pids[0], signal.SIGKILL)
    await control.until(lambda: control.lost == [("a",)])
    await _until(lambda: control.pool.up == 2)
    again = WebPeer(900)
    opened = await control.reserve("c", "1003", shared=True)
    assert opened.port == control.rtc_port
    control.pool.send(await again.join(opened))
    await again.connected()
    await asyncio.gather(*(peer.close() for peer in (*peers.values(), again)))


async def test_sdes_over_a_real_process(control: Control) -> None:
    out, back = (SrtpKey("AEAD_AES_128_GCM", bytes([n]) * 28) for n in (1, 2))
    plain, secure = RtpPhone(500.0), RtpPhone(800.0, SdesLink(back, out))
    await control.open("a", "1001", plain)
    await control.open("b", "1001", secure)
    control.pool.send(contract.ConfigureLeg("b", secure.audio((out, back)), signalling="127.0.0.1"))
    control.pool.send(contract.SetPlan(Plan("1001", seats("a", "b"))))
    await talk([plain, secure], 1.0)
    assert plain.heard() == [800] and secure.heard() == [500]
    secure.press("7")
    await control.until(lambda: bool(control.told(contract.Digit)))
    assert control.told(contract.Digit) == [contract.Digit("b", "7")]
    for phone in (plain, secure):
        phone.close()


async def test_a_process_that_sleeps_does_not_burst_and_catches_up(control: Control) -> None:
    phones = [RtpPhone(400.0), RtpPhone(700.0)]
    await control.open("a", "1001", phones[0])
    await control.open("b", "1001", phones[1])
    control.pool.send(contract.SetPlan(Plan("1001", seats("a", "b"))))
    await talk(phones, 0.6)
    pid = control.pool.pids[0]
    os.kill(pid, signal.SIGSTOP)
    await talk(phones, 1.0)
    before = len(phones[0].got)
    os.kill(pid, signal.SIGCONT)
    await talk(phones, 1.2)
    after = phones[0].got[before:]
    assert len(after) <= 62
    assert not control.lost
    assert phones[0].heard(25) == [700]
    # The gap is in the timestamps, as it was in time: nobody plays the past.
    jump = after[1].timestamp - phones[0].got[before - 2].timestamp & 0xFFFFFFFF
    assert 8000 * 0.8 < jump < 8000 * 1.4
    for phone in phones:
        phone.close()


def test_a_media_process_dies_with_control(tmp_path: Path) -> None:
    first, last = free_range(4)
    script = tmp_path / "control.py"
    script.write_text(f"""
import asyncio, sys
from bridge.media.pool import MediaPool
from bridge.media.settings import MediaSettings
async def main():
    pool = MediaPool(1, MediaSettings(port_first={first}, port_last={last}, nice=0), print, print)
    await pool.start()
    print(pool.pids[0], flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
""")
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as control:
        assert control.stdout is not None
        pid = int(control.stdout.readline())
        assert _alive(pid)
        os.kill(pid, signal.SIGINT)
        os.kill(pid, signal.SIGTERM)
        time.sleep(0.1)
        assert _alive(pid)
        control.kill()
        control.wait()
    end = time.monotonic() + 5
    while _alive(pid) and time.monotonic() < end:
        time.sleep(0.02)
    assert not _alive(pid)


async def test_start_fails_when_a_process_does_not_speak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.media.pool.HELLO_S", 0.5)
    monkeypatch.setattr("bridge.media.pool._command_line", lambda *_: [sys.executable, "-c", "pass"])
    control = Control(processes=1)
    with pytest.raises(RuntimeError, match="did not start"):
        await control.pool.start()
    control.pool.place("a", "1001")
    control.pool.send(contract.OpenLeg("a", "127.0.0.1"))
    assert not control.lost
    await asyncio.sleep(0)
    assert control.lost == [("a",)]
    await control.pool.stop()


async def test_a_process_that_stays_silent_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.media.pool.QUIET_CHECKS", 4)
    monkeypatch.setattr("bridge.media.pool.CHECK_S", 0.4)
    control = Control(processes=1)
    await control.pool.start()
    phone = RtpPhone()
    await control.open("a", "1001", phone)
    os.kill(control.pool.pids[0], signal.SIGSTOP)
    await control.until(lambda: bool(control.lost))
    assert control.lost == [("a",)]
    assert control.pool.restarts == {"not-answering": 1}
    await _until(lambda: control.pool.up == 1)
    await control.pool.stop()
    phone.close()


def _alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(") ", 1)[1][0] != "Z"
    except FileNotFoundError:
        return False


async def _until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)
