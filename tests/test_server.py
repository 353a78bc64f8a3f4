"""The composition root: what starts is stopped again, whenever the end is asked for; a fault in a part is told,
and ends neither the bridge nor a call."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.certificate import CertificateFiles, self_made
from bridge.server import AGAIN_S, Bridge
from bridge.store import Store
from config.model import (
    BridgeConfig,
    Config,
    Listener,
    ManagementConfig,
    MediaConfig,
    Protocol,
    Room,
    RoomKind,
    RtcConfig,
    SipConfig,
    WebConfig,
)
from config.secret import Secret
from tests.faketime import run
from tests.peers.child import free_port


def config(folder: Path) -> Config:
    ports = free_port(20)
    return Config(
        bridge=BridgeConfig(state_folder=str(folder / "state")),
        sip=SipConfig(
            listeners=(Listener(Protocol.UDP, port=free_port()), Listener(Protocol.TLS, port=free_port()))
        ),
        media=MediaConfig(port_low=ports, port_high=ports + 19),
        web=WebConfig(port=free_port()),
        rtc=RtcConfig(port=free_port()),
        management=ManagementConfig(port=free_port()),
        rooms=(Room("1002", RoomKind.HOST_PIN, host_pin=Secret("generated")),),
    )


def kept(folder: Path) -> str | None:
    store = Store(folder / "state")
    digest = store.pin_hash("1002", "host")
    store.close()
    return digest


async def test_an_end_that_is_asked_for_during_the_start_is_heeded_after_it(tmp_path: Path) -> None:
    bridge = Bridge(config(tmp_path))
    bridge.reload_certificates()  # a SIGHUP may come as early
    bridge.stop()
    shown: list[str] = []

    def on_up() -> None:
        assert kept(tmp_path) is None, "not before it was shown"
        shown.extend(made.pin.reveal() for made in bridge.made)

    await bridge.run(on_up)
    assert len(shown) == 1 and kept(tmp_path) is not None
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


async def test_a_start_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    wanted = config(tmp_path)
    first = Bridge(wanted)
    up = asyncio.Event()
    running = asyncio.create_task(first.run(up.set))
    await asyncio.wait_for(up.wait(), 20)
    for part in ("sip", "web", "management"):
        other = replace(config(tmp_path), bridge=wanted.bridge, **{part: getattr(wanted, part)})
        with pytest.raises(OSError, match="in use"):
            await Bridge(other).run(lambda: None)
    first.stop()
    await running
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


def test_a_part_that_fails_is_told_and_begins_anew(tmp_path: Path) -> None:
    async def scene() -> None:
        bridge = Bridge(config(tmp_path))
        begun: list[float] = []

        async def part() -> None:
            begun.append(asyncio.get_running_loop().time())
            raise ValueError("no good")

        task = asyncio.create_task(bridge._tend(part))
        await asyncio.sleep(2.5 * AGAIN_S)
        task.cancel()
        assert len(begun) == 3
        assert bridge.metrics.registry.get_sample_value("samrom_faults_total") == 3

    run(scene())


@pytest.mark.parametrize("fault", [ConnectionResetError("Kari"), ssl.SSLError("Kari"), TimeoutError("Kari")])
def test_a_connection_that_breaks_is_nobodys_fault(
    fault: Exception, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def scene() -> None:
        bridge = Bridge(config(tmp_path))
        bridge._unexpected(asyncio.get_running_loop(), {"message": "Fatal error", "exception": fault})
        count = bridge.metrics.registry.get_sample_value
        assert count("samrom_drops_total", {"name": "connection-broken"}) == 1
        assert count("samrom_faults_total") == 0

    run(scene())
    assert capsys.readouterr() == ("", "")


def test_what_nobody_caught_is_told_without_what_it_was_about(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def scene() -> None:
        bridge = Bridge(config(tmp_path))
        handle = "<Handle DatagramProtocol(b'From: Kari')>"
        context = {"message": "Exception in callback", "exception": KeyError("x"), "handle": handle}
        bridge._unexpected(asyncio.get_running_loop(), context)
        bridge._unexpected(asyncio.get_running_loop(), {"message": "Unclosed transport", "transport": "Kari"})
        assert bridge.metrics.registry.get_sample_value("samrom_faults_total") == 2

    run(scene())
    out = "".join(capsys.readouterr())
    assert "KeyError" in out and "Unclosed transport" in out and "Kari" not in out


async def test_certificates_of_sip_and_of_the_web_change_in_life(tmp_path: Path) -> None:
    """By the watch or by SIGHUP; a broken file changes nothing, and is told."""
    wanted = config(tmp_path)
    certificate = CertificateFiles(*self_made(tmp_path, ["127.0.0.1"], datetime.datetime.now(datetime.UTC)))
    chain, key = str(certificate.chain), str(certificate.key)
    wanted = replace(
        wanted,
        sip=replace(wanted.sip, certificate=chain, key=key),
        web=replace(wanted.web, certificate=chain, key=key),
    )
    ports = [wanted.sip.listeners[1].port, wanted.web.port]
    bridge = Bridge(wanted)
    up = asyncio.Event()
    running = asyncio.create_task(bridge.run(up.set))
    await asyncio.wait_for(up.wait(), 20)
    first = [await served(port) for port in ports]
    assert first == [pem(certificate.chain)] * 2
    self_made(tmp_path, ["127.0.0.1", "localhost"], datetime.datetime.now(datetime.UTC))
    bridge.reload_certificates()
    assert [await served(port) for port in ports] == [pem(certificate.chain)] * 2 != first
    kept = pem(certificate.chain)
    certificate.chain.write_text("junk")
    bridge.reload_certificates()
    assert [await served(port) for port in ports] == [kept] * 2
    refused = bridge.metrics.registry.get_sample_value("samrom_drops_total", {"name": "certificate-refused"})
    assert refused  # by us, and on a slow machine by the watch as well
    bridge.stop()
    await running


def pem(chain: Path) -> str:
    return chain.read_text().strip()


async def served(port: int) -> str:
    """The certificate that a listener of TLS shows."""
    return (await asyncio.to_thread(ssl.get_server_certificate, ("127.0.0.1", port))).strip()
