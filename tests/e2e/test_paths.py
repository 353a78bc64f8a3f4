"""Sound finds its way: over TURN, over TCP, from a new port, after a pulled cable, after a bridge that was killed.

A browser that was away comes back by itself, into the same seat: same role, nobody twice in the list.
(reliability R-06, R-08, L-04)
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator

import pytest

from tests.e2e.phones import wait_hears
from tests.peers.background import Background
from tests.peers.bridge import CALM, BridgeProcess, room
from tests.peers.cable import Cable
from tests.peers.chromium import Chromium
from tests.peers.room_page import RoomPage
from tests.peers.sipphone import SipPhone
from tests.peers.sound import hears
from tests.peers.tab import PLAIN, Circumstances
from tests.peers.turn import Turn
from tests.peers.webrtc_client import Browser

pytestmark = pytest.mark.peers

PIN = "246810"
PHONE_HZ, HANNA_HZ, GINA_HZ = 400.0, 700.0, 1100.0
AWAY_S = 10.0


@pytest.fixture(scope="module")
def turn() -> Iterator[Turn]:
    with Turn() as running:
        yield running


@pytest.fixture(scope="module")
def bridge(turn: Turn) -> Iterator[BridgeProcess]:
    rooms = [
        room("1001", "open", tones=False),
        room("1002", "host-pin", host_pin=PIN, tones=False),
    ]
    with BridgeProcess(rooms, turn=turn.settings, limits=CALM) as running:
        yield running
        running.stop()
        assert not running.faults()


@pytest.fixture
def phone(bridge: BridgeProcess) -> Iterator[SipPhone]:
    """Somebody in room 1001 who sends a tone and tells what comes."""
    with SipPhone("phone", tone=PHONE_HZ) as caller:
        caller.call(bridge.uri("1001"))
        yield caller


@contextlib.contextmanager
def at_the_page(chromium: Chromium, web: str, circumstances: Circumstances = PLAIN) -> Iterator[RoomPage]:
    person = RoomPage(chromium.tab("about:blank", circumstances), web)
    try:
        yield person
        assert person.tab.complaints() == []
    finally:
        person.tab.close()


def wait_heard(page: RoomPage, *tones: float, timeout: float = 15.0) -> None:
    """Wait until the page hears exactly these."""
    end = time.monotonic() + timeout
    while (found := hears(page.tab.hear(1.0), tones, below_peak_db=25.0)) != ([], []):
        assert time.monotonic() < end, found


def chosen(page: RoomPage) -> dict[str, str]:
    """The two candidates that carry the sound: "type" and "protocol" of each."""
    (pair,) = page.tab.statistics("candidate-pair")
    local, remote = pair["local"], pair["remote"]
    return {
        "local": local["candidateType"],
        "protocol": remote["protocol"],
        "relay": local.get("relayProtocol", ""),
    }


def test_over_turn_alone(
    bridge: BridgeProcess, background: Background, chromium: Chromium, turn: Turn, phone: SipPhone
) -> None:
    with at_the_page(chromium, bridge.web, Circumstances(tone=int(HANNA_HZ), relay=True)) as hanna:
        hanna.enter("1001", "Hanna")
        gina = Browser(bridge.web, "Gina", tone=GINA_HZ, relay=True)
        try:
            background.run(gina.join("1001"))
            background.run(gina.connected())
            wait_hears(phone, HANNA_HZ, GINA_HZ)
            wait_heard(hanna, PHONE_HZ, GINA_HZ)
            assert chosen(hanna)["local"] == "relay"
            assert turn.allocations() >= 2
        finally:
            background.run(gina.vanish())


def test_over_tcp_alone(bridge: BridgeProcess, chromium: Chromium, phone: SipPhone) -> None:
    with at_the_page(chromium, bridge.web, Circumstances(tone=int(HANNA_HZ), tcp=True)) as hanna:
        hanna.enter("1001", "Hanna")
        wait_hears(phone, HANNA_HZ)
        wait_heard(hanna, PHONE_HZ)
        assert chosen(hanna)["protocol"] == "tcp"


@pytest.fixture
def cable(bridge: BridgeProcess, background: Background) -> Iterator[Cable]:
    with Cable(background, bridge.web_port, bridge.rtc_port) as whole:
        yield whole


def far_away(bridge: BridgeProcess, cable: Cable) -> Circumstances:
    """Of somebody who is at the other end of the cable."""
    return Circumstances(tone=int(HANNA_HZ), ports={bridge.rtc_port: cable.rtc_port})


def test_from_another_port_in_mid_call(
    bridge: BridgeProcess, background: Background, chromium: Chromium, cable: Cable, phone: SipPhone
) -> None:
    """As when a NAT forgets: nobody is told, the next datagrams just come from elsewhere."""
    gina = Browser(bridge.web, "Gina", tone=GINA_HZ, port=cable.rtc_port)
    with at_the_page(chromium, cable.web, far_away(bridge, cable)) as hanna:
        try:
            hanna.enter("1001", "Hanna")
            background.run(gina.join("1001"))
            background.run(gina.connected())
            wait_hears(phone, HANNA_HZ, GINA_HZ)
            cable.rebind()
            took = wait_hears(phone, HANNA_HZ, GINA_HZ, timeout=8)
            wait_heard(hanna, PHONE_HZ, GINA_HZ, timeout=8)
            print(f"heard again after {took:.1f} s")
            start = time.monotonic()
            time.sleep(1.0)
            assert hears(gina.heard(start), [PHONE_HZ, HANNA_HZ], below_peak_db=25.0) == ([], [])
        finally:
            background.run(gina.vanish())


def test_ten_seconds_without_a_network(
    bridge: BridgeProcess, background: Background, chromium: Chromium, cable: Cable
) -> None:
    gina = Browser(bridge.web, "Gina", tone=GINA_HZ)
    with at_the_page(chromium, cable.web, far_away(bridge, cable)) as hanna:
        try:
            hanna.enter("1002", "Hanna", PIN)
            background.run(gina.join("1002", "none"))
            background.run(gina.connected())
            hanna.tab.press("Lock the room")
            background.run(gina.wait_names("Gina", "Hanna"))
            wait_heard(hanna, GINA_HZ)
            seat = seat_of(gina, "Hanna")
            cable.pull()
            time.sleep(AWAY_S)
            back = time.monotonic()
            cable.plug_in()
            background.run(heard_again(gina, back, HANNA_HZ, 20), 30)
            took = time.monotonic() - back
            print(f"heard again {took:.1f} s after the network was back")
            wait_heard(hanna, GINA_HZ)
            hanna.wait_people("Gina", "Hanna")
            background.run(gina.wait_names("Gina", "Hanna"))
            assert seat_of(gina, "Hanna") == seat
            hanna.wait_text("Locked")
            hanna.tab.press("Unlock the room")
            background.run(gina.wait(lambda: gina.conference["locked"] is False))
        finally:
            background.run(gina.vanish())


def seat_of(observer: Browser, name: str) -> tuple[str, str]:
    """Who it is to the bridge, and in which role."""
    (found,) = [each for each in observer.people.values() if each["display_name"] == name]
    return found["uuid"], found["role"]


async def heard_again(listener: Browser, start: float, tone: float, timeout: float) -> None:
    """Wait until what came in the last half second, after `start`, is that tone."""
    async with asyncio.timeout(timeout):
        while True:
            await asyncio.sleep(0.1)
            now = time.monotonic()
            if now - start > 0.5 and hears(listener.heard(now - 0.5), [tone], below_peak_db=25.0) == ([], []):
                return


def test_killed_and_started_again(bridge: BridgeProcess, chromium: Chromium) -> None:
    """Last of all, since every other call ends with it."""
    with (
        at_the_page(chromium, bridge.web, Circumstances(tone=int(HANNA_HZ))) as hanna,
        at_the_page(chromium, bridge.web, Circumstances(tone=int(GINA_HZ))) as gina,
    ):
        hanna.enter("1002", "Hanna", PIN)
        gina.enter("1002", "Gina")
        hanna.tab.press("Lock the room")
        gina.wait_text("Locked")
        wait_heard(hanna, GINA_HZ)
        bridge.kill()
        begin = time.monotonic()
        bridge.start()
        up = time.monotonic() - begin
        bridge.wait_conference("1002", timeout=15, inside=2, hosts=1, lobby=0, locked=True)
        seated = time.monotonic() - begin
        wait_heard(hanna, GINA_HZ)
        wait_heard(gina, HANNA_HZ)
        print(f"listening after {up:.1f} s, both seated after {seated:.1f} s")
        for page in (hanna, gina):
            page.wait_people("Gina", "Hanna")
        hanna.tab.press("Unlock the room")
        bridge.wait_conference("1002", locked=False)
        assert seated - up < 10
