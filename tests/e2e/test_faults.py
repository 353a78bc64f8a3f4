"""What breaks is noticed, costs only what it must, and is told: clients, networks, processes, certificates, secrets.

Standing calls come first: whatever happens to one leg or one process, the others hear no gap.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.settings import leg_terms
from config.load import load
from tests.e2e.phones import (
    drops,
    gets_sound,
    hears_just,
    log_is_json,
    media_figure,
    nothing_left,
    udp_ports,
    wait_hears,
)
from tests.e2e.raw import RawUdp, insecure
from tests.peers.baresip import Baresip, self_signed
from tests.peers.bridge import CALM, BridgeProcess, room
from tests.peers.child import wait_until
from tests.peers.g711 import LAWS
from tests.peers.sipp import Sipp
from tests.peers.sipphone import CallRefused, SipPhone
from tests.peers.sound import sine

pytestmark = pytest.mark.peers

ANNA_HZ, BERT_HZ, CLEO_HZ, STRANGER_HZ = 400.0, 700.0, 1100.0, 1900.0
TIMEOUT_S = 8.0
PIN = "246810"
PASSWORD = "correct-horse-1"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with certificate.pem and key.pem."""
    folder = tmp_path_factory.mktemp("certificates")
    self_signed(folder)
    return folder


@pytest.fixture(scope="module")
def registrar() -> Iterator[Sipp]:
    with Sipp("registrar") as waiting:
        yield waiting


@pytest.fixture(scope="module")
def bridge(certificates: Path, registrar: Sipp) -> Iterator[BridgeProcess]:
    """One for all tests that leave it as it was; the last test ends it."""
    rooms = [room(number, "open", tones=False) for number in ("1001", "1002", "1003")]
    peers = [
        {"name": "kari", "kind": "endpoint", "user": "kari", "password": PASSWORD, "trusted": True},
        {"name": "trunk", "kind": "trunk", "user": "samrom1", "password": PASSWORD, "register": True, "realm": "peers",
         "server": f"sip:localhost:{registrar.port}"},
    ]  # fmt: skip
    with BridgeProcess(
        rooms,
        media={"rtp_timeout_s": TIMEOUT_S},
        sip={
            "certificate": str(certificates / "certificate.pem"),
            "key": str(certificates / "key.pem"),
            "peers": peers,
        },
        limits=CALM | {"max_sessions": 6},
        dial_out={"allow": ["*@127.0.0.1"]},
    ) as running:
        yield running


# -- clients and networks ------------------------------------------------------------------------------------------


def test_the_default_times_are_as_promised() -> None:
    terms = leg_terms(load(Path(__file__).parents[2] / "config" / "example.toml"))
    assert (terms.timeout_s, terms.held_timeout_s) == (30.0, 1800.0)


def test_clients_that_vanish_are_told_lost_and_then_removed(bridge: BridgeProcess) -> None:
    """kill -9 of one, a second that falls silent for good, a third that comes back (R-07)."""
    with (
        SipPhone("anna", tone=ANNA_HZ) as anna,
        SipPhone("mute", tone=BERT_HZ) as mute,
        SipPhone("back", tone=CLEO_HZ) as back,
        Baresip("gone", 1500) as gone,
    ):
        for phone in (anna, mute, back):
            phone.call(bridge.uri("1001"))
        gone.dial(bridge.uri("1001"))
        wait_hears(anna, BERT_HZ, CLEO_HZ, 1500.0)
        known, start = len(bridge.audit()), anna.now
        gone.child.process.kill()
        mute.voice.sending = back.voice.sending = False
        wait_until(
            lambda: lost(bridge, known) == [True] * 3, 7, lambda: f"three are lost: {lost(bridge, known)}"
        )
        told = anna.now - start
        back.voice.sending = True
        wait_until(lambda: lost(bridge, known)[3:] == [False], 3, lambda: "one is back")
        mute.wait_ended(timeout=TIMEOUT_S)
        ended = anna.now - start
        print(f"told lost after {told:.1f} s, removed after {ended:.1f} s")
        assert 4.5 <= told <= 6.5
        assert TIMEOUT_S - 0.5 <= ended <= TIMEOUT_S + 2
        records = [each for each in bridge.wait_records(2) if each["reason"] == "media-lost"]
        assert len(records) == 2
        assert "media-lost" in mute.came("BYE")[0].get("Reason")
        bridge.wait_conference("1001", inside=2)
        wait_hears(anna, CLEO_HZ)
        whole = anna.reception(start)
        print(f"anna: longest gap {1000 * whole.longest_gap:.0f} ms")
        assert whole.packets >= 0.98 * 50 * (anna.now - start) - 2


def lost(bridge: BridgeProcess, start: int) -> list[bool]:
    """What the audit log says of connections, in order."""
    return [line["lost"] for line in bridge.audit()[start:] if line["event"] == "connection-changed"]


def test_no_port_answers_a_stranger_nor_lets_him_be_heard(bridge: BridgeProcess) -> None:
    """RTP bleed and injection (M-01, M-02): a third address gets nothing and is not heard, before, during and after."""
    probe = struct.pack("!BBHII", 0x80, 0, 1, 160, 0x1234)
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger,
        SipPhone("anna", tone=ANNA_HZ) as anna,
        SipPhone("bert", tone=BERT_HZ) as bert,
    ):
        stranger.bind(("127.0.0.5", 0))
        stranger.setblocking(False)
        ports: set[int] = set()
        stop = threading.Event()

        def spray() -> None:
            while not stop.wait(0.001):
                for port in sorted(ports) or [anna.voice.port]:
                    with contextlib.suppress(OSError):
                        stranger.sendto(probe, ("127.0.0.1", port))

        sprayer = threading.Thread(target=spray)
        try:
            ports |= set(media_ports(bridge))
            sprayer.start()
            anna.call(bridge.uri("1002"))
            ports |= udp_ports(bridge.media_pids())
            bert.call(bridge.uri("1002"))
            ports |= udp_ports(bridge.media_pids())
            wait_hears(anna, BERT_HZ)
            start = anna.now
            inject(stranger, bert, 1.5)
            hears_just(anna.heard(start, start + 1.5), BERT_HZ, who="anna")
            assert anna.reception(start, start + 1.5).packets >= 73
            bert.hang_up()
            anna.hang_up()
            time.sleep(0.5)
        finally:
            stop.set()
            sprayer.join()
        came = []
        with contextlib.suppress(BlockingIOError):
            while True:
                came.append(stranger.recv(2048))
        assert came == []
    time.sleep(1.1)
    print(f"{drops(bridge)['rtp-address']:.0f} packets of the stranger dropped at {len(ports)} ports")
    assert drops(bridge)["rtp-address"] > 75
    nothing_left(bridge)


def media_ports(bridge: BridgeProcess) -> list[int]:
    """Some of the range that calls will get their ports from."""
    text = bridge.config.read_text()
    low = int(text.partition("port_low = ")[2].split()[0])
    return list(range(low, low + 20))


def inject(stranger: socket.socket, victim: SipPhone, seconds: float) -> None:
    """Send a tone in the name of the victim: its SSRC, its numbers going on, its codec; from elsewhere."""
    assert victim.remote_sdp is not None
    sound = LAWS["PCMU"].encode(sine(STRANGER_HZ, 1, 8000, 0.8))
    sequence, clock = victim.voice._sequence + 3, victim.voice._clock
    for step in range(int(seconds * 50)):
        header = struct.pack(
            "!BBHII",
            0x80,
            0,
            (sequence + step) & 0xFFFF,
            (clock + 160 * step) & 0xFFFFFFFF,
            victim.voice.ssrc,
        )
        at = 160 * (step % 50)
        stranger.sendto(header + sound[at : at + 160], ("127.0.0.1", victim.remote_sdp.port))
        time.sleep(0.02)


# -- who may call, and whom we call --------------------------------------------------------------------------------


def test_the_trunk_is_registered_with_and_changes_nothing_for_guests(
    bridge: BridgeProcess, registrar: Sipp
) -> None:
    registrar.wait(10)
    assert registrar.ok, registrar.errors()
    answered = [
        text for way, text in registrar.messages() if way == "received" and "Authorization: Digest" in text
    ]
    assert 'username="samrom1"' in answered[0]
    assert PASSWORD not in answered[0]
    with SipPhone("guest") as guest:
        guest.call(bridge.uri("1001"))


def test_a_known_endpoint_must_prove_itself(bridge: BridgeProcess) -> None:
    with Baresip("kari", user="kari", password=PASSWORD) as kari:
        kari.dial(bridge.uri("1001"))
        assert "401 Unauthorized" in kari.log()
        bridge.wait_conference("1001", inside=1)
    with Baresip("kari", user="kari", password="wrong-horse-22") as liar:
        liar.dial(bridge.uri("1001"), timeout=0)
        liar.wait_event("CALL_CLOSED", 5)
        assert not [event for event in liar.events if event.kind == "CALL_ESTABLISHED"]
    nothing_left(bridge)
    assert PASSWORD not in bridge.output()


def test_dialling_out_only_where_it_is_allowed(bridge: BridgeProcess) -> None:
    with (
        SipPhone("anna", tone=ANNA_HZ) as anna,
        SipPhone("called", tone=BERT_HZ, codecs=("PCMA",)) as called,
        SipPhone("elsewhere", address="127.0.0.2") as elsewhere,
    ):
        anna.call(bridge.uri("1003"))
        answer = bridge.post("/conferences/1003/dial", {"uri": called.uri})
        assert answer == {"dialling": True, "error": None}
        called.wait_called()
        bridge.wait_conference("1003", inside=2)
        wait_hears(anna, BERT_HZ)
        wait_hears(called, ANNA_HZ)
        refused = bridge.post("/conferences/1003/dial", {"uri": elsewhere.uri})
        assert refused == {"dialling": False, "error": "not-on-the-allow-list"}
        for uri in ("tel:+4799", "nonsense"):
            assert not bridge.post("/conferences/1003/dial", {"uri": uri})["dialling"], uri
        # Somebody who is in a call already is busy: nothing comes of it.
        known = len(bridge.records())
        assert bridge.post("/conferences/1003/dial", {"uri": called.uri})["dialling"]
        assert bridge.wait_records(known + 1)[-1]["direction"] == "out"
        bridge.post("/conferences/1003/end", {})
        called.wait_ended()
        anna.wait_ended()
        assert elsewhere.requests == []
    nothing_left(bridge)


def test_at_the_limit_new_calls_are_told_to_come_back(bridge: BridgeProcess) -> None:
    with contextlib.ExitStack() as stack:
        phones = [stack.enter_context(SipPhone(f"phone{n}", tone=400.0 + 150 * n)) for n in range(7)]
        for phone in phones[:6]:
            phone.call(bridge.uri("1001"))
        with pytest.raises(CallRefused) as refusal:
            phones[6].call(bridge.uri("1001"))
        assert refusal.value.status == 503
        assert int(phones[6].responses[-1][1].get("Retry-After")) > 0
        assert bridge.status("/readyz") == 503
        phones[0].hang_up()
        wait_until(lambda: bridge.status("/readyz") == 200, 5, lambda: "ready again")
        phones[6].call(bridge.uri("1001"))
    nothing_left(bridge)


# -- certificates --------------------------------------------------------------------------------------------------


def shown_certificate(bridge: BridgeProcess) -> bytes:
    with (
        socket.create_connection(("127.0.0.1", bridge.tls_port), 5) as plain,
        insecure().wrap_socket(plain) as secure,
    ):
        return secure.getpeercert(binary_form=True) or b""


def test_a_new_certificate_is_used_and_a_broken_one_is_not(
    bridge: BridgeProcess, certificates: Path, tmp_path: Path
) -> None:
    first = shown_certificate(bridge)
    with Baresip("anna", 400, transport="tls") as anna:
        anna.dial(bridge.uri("1001", "tls"))
        self_signed(tmp_path)
        for name in ("key.pem", "certificate.pem"):
            shutil.copy(tmp_path / name, certificates / name)
        begin = time.monotonic()
        wait_until(lambda: shown_certificate(bridge) != first, 5, lambda: "the new certificate")
        print(f"new certificate after {time.monotonic() - begin:.1f} s")
        second = shown_certificate(bridge)
        (certificates / "certificate.pem").write_text("nonsense")
        wait_until(lambda: "certificate-refused" in bridge.output(), 5, lambda: "the alarm")
        assert shown_certificate(bridge) == second
        # The connection from before is untouched.
        assert anna.child.alive
        bridge.wait_conference("1001", inside=1)
        anna.hang_up()
        assert bridge.wait_records(1)[-1]["reason"] == "normal"
    shutil.copy(tmp_path / "certificate.pem", certificates / "certificate.pem")
    nothing_left(bridge)


# -- stalls and deaths ---------------------------------------------------------------------------------------------


def test_five_seconds_asleep_cost_no_call_and_no_delay(bridge: BridgeProcess) -> None:
    """L-02: what is late is dropped and not played later; nobody is held responsible for our own sleep."""
    with (
        SipPhone("anna", tone=ANNA_HZ) as anna,
        SipPhone("bert", tone=BERT_HZ) as bert,
        SipPhone("new", tone=CLEO_HZ) as new,
    ):
        for phone in (anna, bert):
            phone.call(bridge.uri("1001"))
        wait_hears(anna, BERT_HZ)
        known = len(bridge.audit())
        pids = [bridge.pid, *bridge.media_pids()]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(5)
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
        awake = anna.now
        time.sleep(1.0)
        for phone in (anna, bert):
            after = phone.reception(awake, awake + 1.0)
            print(f"{phone.name}: {after.packets} packets in the first second awake")
            assert 40 <= after.packets <= 55, "no burst"
        # The delay is back: a new tone is at the other end within 0.2 s, and nothing of the old one after it.
        changed = anna.now
        anna.voice.tone = CLEO_HZ
        time.sleep(0.7)
        hears_just(bert.heard(changed + 0.2, changed + 0.6), CLEO_HZ, who="bert")
        assert bridge.conference("1001")["inside"] == 2
        assert [line["event"] for line in bridge.audit()[known:]] == []
        begin = anna.now
        wait_until(lambda: bridge.status("/readyz") == 200, 5, lambda: "ready again")
        print(f"ready {anna.now - begin + 1.7:.1f} s after the sleep")
        anna.voice.tone = ANNA_HZ
        new.call(bridge.uri("1001"))
        wait_hears(new, ANNA_HZ, BERT_HZ)
    nothing_left(bridge)


def test_a_dead_media_process_costs_a_moment_and_no_other_conference() -> None:
    """kill -9: its calls get new ports by re-INVITE, the other process's conference hears nothing of it.

    Then SIGTERM with all calls up: everybody gets BYE, and the exit code is 0.
    """
    rooms = [room("1001", "open", tones=False), room("1002", "open", tones=False)]
    with (
        BridgeProcess(rooms, bridge={"media_processes": 2}, limits=CALM) as bridge,
        SipPhone("anna", tone=ANNA_HZ) as anna,
        SipPhone("bert", tone=BERT_HZ, transport="tcp") as bert,
        SipPhone("cleo", tone=CLEO_HZ) as cleo,
        SipPhone("dora", tone=1500.0) as dora,
        Baresip("erik", 1900) as erik,
    ):
        for phone, number in ((anna, "1001"), (bert, "1001"), (cleo, "1002"), (dora, "1002")):
            phone.call(bridge.uri(number, phone.transport))
        erik.dial(bridge.uri("1001"))
        wait_hears(anna, BERT_HZ, 1900.0)
        wait_hears(cleo, 1500.0)
        assert anna.remote_sdp is not None
        port, serving = anna.remote_sdp.port, {pid: udp_ports([pid]) for pid in bridge.media_pids()}
        victim = next(pid for pid, ports in serving.items() if port in ports)
        killed = anna.now
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: anna.came("INVITE") and bert.came("INVITE"), 5, lambda: "both are asked again")
        print(f"re-INVITE after {anna.now - killed:.2f} s")
        wait_hears(anna, BERT_HZ, 1900.0, timeout=6)
        wait_hears(bert, ANNA_HZ, 1900.0, timeout=6)
        print(f"sound is back at {anna.now - killed:.1f} s at the latest")
        assert anna.remote_sdp.port != port or victim not in bridge.media_pids()
        others = cleo.reception(killed, anna.now)
        print(f"cleo: {others.packets} packets, longest gap {1000 * others.longest_gap:.0f} ms")
        assert others.packets >= 0.98 * 50 * (anna.now - killed) - 2
        assert not cleo.came("INVITE")
        assert not dora.came("INVITE")
        wait_until(lambda: bridge.status("/healthz") == 200, 5, lambda: "both processes live")
        assert bridge.metrics()["samrom_media_restarts_total"] == 1
        assert bridge.records() == []
        bridge.stop()
        for phone in (anna, bert, cleo, dora):
            phone.wait_ended(1)
        erik.wait_event("CALL_CLOSED", 1)
        records = bridge.records()
        assert [each["reason"] for each in records] == ["shutdown"] * 5
        assert [line for line in bridge.faults() if "media-process-lost" not in line] == []
        log_is_json(bridge)


def test_wrong_pins_are_remembered_over_a_kill(tmp_path: Path) -> None:
    """A restart, even the hardest, gives a guesser no new tries; who is known is let in at once."""
    rooms = [room("1002", "host-pin", host_pin=PIN, tones=False)]
    limits = CALM | {"wrong_pins_room": 5, "pin_tries": 5, "pin_delays_s": [0.1]}
    peers = [{"name": "anna", "kind": "endpoint", "addresses": ["127.0.0.3"], "trusted": True}]
    options: dict[str, Any] = {
        "bridge": {"state_folder": str(tmp_path)},
        "limits": limits,
        "sip": {"peers": peers},
    }
    with BridgeProcess(rooms, **options) as bridge, SipPhone("guesser") as guesser:
        guesser.call(bridge.uri("1002"))
        for number in (1, 2):
            guesser.press(f"99999{number}#", by="info")
            wait_verdicts(tmp_path, 0, ["wrong"] * number)
            time.sleep(0.3)  # until he is told
        guesser.hang_up()
        pids = [bridge.pid, *bridge.media_pids()]
        os.kill(bridge.pid, signal.SIGKILL)
        wait_until(lambda: not any(Path(f"/proc/{pid}/cmdline").read_bytes() for pid in pids if
                   Path(f"/proc/{pid}").exists()), 5, lambda: "media dies with control")  # fmt: skip
    known = len(audit(tmp_path))
    with (
        BridgeProcess(rooms, **options) as bridge,
        SipPhone("guesser") as guesser,
        SipPhone("known", address="127.0.0.3") as trusted,
    ):
        guesser.call(bridge.uri("1002"))
        guesser.press(f"{PIN}#", by="info")
        time.sleep(2)
        assert verdicts(tmp_path, known) == [], "it waits for its turn, right or wrong"
        trusted.call(bridge.uri("1002"))
        trusted.press(f"{PIN}#", by="info")
        wait_verdicts(tmp_path, known, ["host"])
        bridge.stop()
        assert PIN not in bridge.output() + (tmp_path / "audit.jsonl").read_text()


def audit(folder: Path) -> list[dict[str, Any]]:
    path = folder / "audit.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def verdicts(folder: Path, start: int) -> list[str]:
    return [line["outcome"] for line in audit(folder)[start:] if line["event"] == "pin-verdict"]


def wait_verdicts(folder: Path, start: int, wanted: list[str]) -> None:
    wait_until(lambda: verdicts(folder, start) == wanted, 5, lambda: f"{wanted} in {audit(folder)[start:]}")


# -- the end -------------------------------------------------------------------------------------------------------


def test_draining_keeps_what_is_up_and_takes_nothing_new(bridge: BridgeProcess) -> None:
    with (
        SipPhone("anna", tone=ANNA_HZ) as anna,
        SipPhone("bert", tone=BERT_HZ) as bert,
        SipPhone("late") as late,
        RawUdp(("127.0.0.1", bridge.sip_port)) as udp,
    ):
        anna.call(bridge.uri("1001"))
        bert.call(bridge.uri("1001"))
        wait_hears(anna, BERT_HZ)
        bridge.post("/drain", {})
        assert bridge.status("/readyz") == 503
        assert bridge.status("/healthz") == 200
        with pytest.raises(CallRefused) as refusal:
            late.call(bridge.uri("1001"))
        assert refusal.value.status == 503
        assert int(late.responses[-1][1].get("Retry-After")) > 0
        assert udp.ask(udp.request("OPTIONS")).status == 503
        gets_sound(anna, 0.6)
        bert.hang_up()
        gets_sound(anna, 0.6)
        assert media_figure(bridge, "legs") >= 1
        anna.hang_up()
        assert bridge.child.wait(10) == 0
    expected = ("certificate-refused",)
    assert [line for line in bridge.faults() if not any(name in line for name in expected)] == []
    log_is_json(bridge)
