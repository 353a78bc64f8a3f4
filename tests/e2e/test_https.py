"""The page over HTTPS: one joins with sound, browsers are told to stay there, and a new certificate ends no call."""

from __future__ import annotations

import datetime
import shutil
import socket
import ssl
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from bridge.certificate import self_made
from tests.e2e.phones import wait_hears
from tests.peers.bridge import CALM, BridgeProcess, room
from tests.peers.child import LOOPBACK, wait_until
from tests.peers.chromium import Chromium
from tests.peers.room_page import RoomPage
from tests.peers.sipphone import SipPhone
from tests.peers.tab import Circumstances

pytestmark = pytest.mark.peers

HANNA_HZ = 700.0


def make_certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """One that nobody trusts, as any authority's would look to the bridge."""
    folder.mkdir()
    return self_made(folder, [LOOPBACK, name], datetime.datetime.now(datetime.UTC))


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Of the certificate that is served at first."""
    return make_certificate(tmp_path / "first", "first.example.org")


@pytest.fixture
def bridge(files: tuple[Path, Path]) -> Iterator[BridgeProcess]:
    chain, key = files
    web = {"certificate": str(chain), "key": str(key)}
    with BridgeProcess([room("1001", "open", tones=False)], limits=CALM, web=web) as running:
        yield running
        running.stop()
        assert not running.faults()


def shown(bridge: BridgeProcess) -> str:
    """The fingerprint of the certificate that newcomers are shown."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection((LOOPBACK, bridge.web_port)) as plain,
        context.wrap_socket(plain) as secure,
    ):
        return sha256(secure.getpeercert(True) or b"").hexdigest()


def test_a_call_over_https_outlives_the_certificate(
    bridge: BridgeProcess, chromium: Chromium, files: tuple[Path, Path], tmp_path: Path
) -> None:
    tab = chromium.tab("about:blank", Circumstances(tone=int(HANNA_HZ)))
    hanna = RoomPage(tab, f"https://{LOOPBACK}:{bridge.web_port}")
    try:
        with SipPhone("phone", tone=400) as phone:
            phone.call(bridge.uri("1001"))
            hanna.enter("1001", "Hanna")
            wait_hears(phone, HANNA_HZ)
            assert tab.evaluate("isSecureContext")
            policy = "fetch('/').then(answer => answer.headers.get('strict-transport-security'))"
            assert tab.evaluate(policy).startswith("max-age=")
            assert tab.evaluate("document.cookie") == ""

            before = shown(bridge)
            for new, old in zip(
                make_certificate(tmp_path / "second", "second.example.org"), files, strict=True
            ):
                shutil.copy(new, old)
            wait_until(lambda: shown(bridge) != before, 10, lambda: "the new certificate is served")
            time.sleep(1)
            wait_hears(phone, HANNA_HZ)
            assert hanna.view == "room" and tab.complaints() == []
            tab.press("Leave")
            hanna.wait_view("ended")
            bridge.wait_conference("1001", inside=1)
    finally:
        tab.close()
