"""Ways in besides a browser's usual one: a camera by WHIP, browsers by IPv6, and through a NAT that maps one to one.

(RFC 9725; the issue's "IPv4 and IPv6, host candidates from configured public addresses")
"""

from __future__ import annotations

import asyncio
import re
import socket
import time
from collections.abc import Iterator

import pytest

from bridge.sdp.transport import Credentials
from tests.peers.background import Background
from tests.peers.bridge import CALM, BridgeProcess, room
from tests.peers.sound import hears
from tests.peers.webrtc_client import Browser
from tests.peers.whip import WhipSender
from tests.rtc.checks import check, read

pytestmark = pytest.mark.peers

LOOPBACK6 = "::1"
OUTSIDE, OUTSIDE6 = "192.0.2.7", "2001:db8::7"
ANNA_HZ, BERIT_HZ, CAMERA_HZ = 400.0, 700.0, 1100.0
NEW = Credentials("newfrag1", "a-password-of-22-chars")
_CANDIDATE = re.compile(r"^a=candidate:\S+ 1 (\S+) \d+ (\S+) (\d+) typ host(?: tcptype (\S+))?", re.MULTILINE)


@pytest.fixture(scope="module")
def bridge() -> Iterator[BridgeProcess]:
    """Its pages are found by IPv6, its port for sound by both."""
    rooms = [room("1001", "open", tones=False)]
    six = {"address6": LOOPBACK6}
    with BridgeProcess(rooms, limits=CALM, web={"address": LOOPBACK6}, rtc=six) as running:
        yield running
        running.stop()
        assert not running.faults()


async def heard(listener: Browser, *tones: float) -> None:
    """Wait until exactly these were heard for half a second."""
    async with asyncio.timeout(15):
        while True:
            await asyncio.sleep(0.2)
            found = hears(listener.heard(time.monotonic() - 0.5), tones, below_peak_db=25.0)
            if found == ([], []) and listener.packets:
                return


def web6(bridge: BridgeProcess) -> str:
    """Its origin."""
    return f"http://[{LOOPBACK6}]:{bridge.web_port}"


def test_browsers_by_ipv6(bridge: BridgeProcess, background: Background) -> None:
    async def scene() -> None:
        async with (
            Browser(web6(bridge), "Anna", tone=ANNA_HZ) as anna,
            Browser(web6(bridge), "Berit", tone=BERIT_HZ) as berit,
        ):
            for each in (anna, berit):
                await each.join("1001")
                await each.connected()
            await heard(anna, BERIT_HZ)
            await heard(berit, ANNA_HZ)
            for each in (anna, berit):
                await each.leave()

    background.run(scene())


def test_a_camera_by_whip(bridge: BridgeProcess, background: Background) -> None:
    async def scene() -> None:
        async with Browser(web6(bridge), "Anna", tone=ANNA_HZ) as anna:
            await anna.join("1001")
            await anna.connected()
            made = await anna.ask("whip_token", {"name": "Encoder"})
            async with WhipSender(made["url"], made["token"], tone=CAMERA_HZ) as camera:
                assert (await camera.send()).status == 201
                await anna.wait_names("Anna", "Encoder")
                await heard(anna, CAMERA_HZ)
                answer = await camera.restart(NEW.ufrag, NEW.password)
                assert answer.status == 200
                ours = credentials(answer.body)
                assert ours != credentials(camera.answer)
                assert await asyncio.to_thread(checked, bridge.rtc_port, ours), (
                    "nobody answers on new credentials"
                )
                await heard(anna, CAMERA_HZ)
                assert (await camera.end()).status == 200
                await anna.wait_names("Anna", timeout=2)
                assert (await camera.end()).status == 404
            await anna.leave()

    background.run(scene())


def credentials(sdp: str) -> Credentials:
    """The ICE credentials in a description or a fragment of one."""
    said = dict(
        line[2:].split(":", 1) for line in sdp.splitlines() if line.startswith("a=ice-") and ":" in line
    )
    return Credentials(said["ice-ufrag"], said["ice-pwd"])


def checked(port: int, ours: Credentials) -> bool:
    """Whether a connectivity check with the new credentials of both ends is answered."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        sock.settimeout(1.0)
        for _ in range(5):
            sock.sendto(check(ours, NEW), (LOOPBACK6, port))
            try:
                return "XOR-MAPPED-ADDRESS" in read((sock.recv(2000),)).attributes
            except TimeoutError:
                continue
    return False


def test_outside_addresses_are_told_instead_of_our_own(background: Background) -> None:
    rtc = {"public_addresses": [OUTSIDE, OUTSIDE6], "address": "0.0.0.0", "address6": "::"}
    with BridgeProcess([room("1001", "open", tones=False)], limits=CALM, rtc=rtc) as bridge:

        async def scene() -> None:
            async with Browser(bridge.web, "Anna", tone=ANNA_HZ) as anna:
                await anna.enter("1001")
                await anna.call()
                port = str(bridge.rtc_port)
                assert set(_CANDIDATE.findall(anna.answer)) == {
                    (protocol, address, port, kind)
                    for protocol, kind in (("udp", ""), ("tcp", "passive"))
                    for address in (OUTSIDE, OUTSIDE6)
                }
                await anna.leave()

        background.run(scene())
        bridge.stop()
