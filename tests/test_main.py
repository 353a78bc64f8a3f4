"""The command line explains itself, names mistakes by line, makes hashes, asks the running bridge, starts and ends it,
and shows PINs that were made once."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from bridge.__main__ import DEFAULT, main, welcome
from bridge.rooms.participant import Role
from bridge.rooms.pins import MadePin, matches
from bridge.server import Bridge
from config.load import load
from config.model import Config, Listener, Protocol, Room, RoomKind, SipConfig, WebConfig
from config.secret import Secret
from tests.peers.bridge import BridgeProcess, room
from tests.peers.child import free_port

Out = pytest.CaptureFixture[str]
Asked = list[tuple[str, str, bytes]]


def write(folder: Path, text: str) -> Path:
    file = folder / "samrom.toml"
    file.write_text(text)
    return file


# -- what it says of itself and of a configuration -----------------------------------------------------------


def test_help_explains_every_command(capsys: Out) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    for command in ("run", "check-config", "hash-pin", "status", "room", "dial", "drain"):
        assert f"\n    {command}" in text


def test_without_a_command_it_says_how_to_use_it(capsys: Out) -> None:
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_the_example_that_comes_along_is_good(capsys: Out) -> None:
    assert main(["check-config", str(DEFAULT)]) == 0
    assert capsys.readouterr().out == f"{DEFAULT}: good\n"
    assert {each.kind for each in load(DEFAULT).rooms} == set(RoomKind), "a room of each kind"


def test_mistakes_are_named_by_line(tmp_path: Path, capsys: Out) -> None:
    file = write(tmp_path, '[bridge]\nlanguage = "sv"\n\n[[rooms]]\nnumber = "1"\nkind = "open"\nlimt = 5\n')
    assert main(["check-config", str(file)]) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith(f"{file}:2: bridge.language: ") and '"nb"' in first
    assert second.startswith(f"{file}:7: rooms[0].limt: ") and "limit" in second


def test_a_bad_configuration_is_not_run(tmp_path: Path, capsys: Out) -> None:
    assert main(["run", "--config", str(write(tmp_path, "[[rooms]\n"))]) == 1
    assert f"{tmp_path}/samrom.toml:1: " in capsys.readouterr().err
    assert main(["run", "--config", str(tmp_path / "none.toml")]) == 1
    assert "cannot be read" in capsys.readouterr().err


# -- PINs ----------------------------------------------------------------------------------------------------


def hash_pin(keyed: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "stdin", io.StringIO(keyed))
    return main(["hash-pin"])


def test_a_pin_is_hashed_from_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: Out) -> None:
    assert hash_pin("246810\n", monkeypatch) == 0
    out = capsys.readouterr().out
    assert "246810" not in out
    assert matches(Secret(out.strip()), Secret("246810"))
    assert not matches(Secret(out.strip()), Secret("246811"))


@pytest.mark.parametrize("keyed", ["", "123\n", "24681x\n", "1" * 21, "２４６８１０\n"])
def test_what_is_no_pin_is_refused_and_not_repeated(
    keyed: str, monkeypatch: pytest.MonkeyPatch, capsys: Out
) -> None:
    assert hash_pin(keyed, monkeypatch) == 1
    captured = capsys.readouterr()
    assert not captured.out and "digits" in captured.err
    assert not keyed.strip() or keyed.strip() not in captured.err


# -- what a newcomer reads -----------------------------------------------------------------------------------

ROOMS = (
    Room("1001", RoomKind.OPEN),
    Room("1002", RoomKind.HOST_PIN, host_pin=Secret("$hash")),
    Room("1003", RoomKind.HOST_GUEST_PIN, host_pin=Secret("$hash"), guest_pin=Secret("$hash")),
    Room("1004", RoomKind.AUTO_LOCK, host_pin=Secret("$hash")),
    Room("1005", RoomKind.HOST_PIN, host_pin=Secret("$hash"), allow_guests=False),
    Room("1006", RoomKind.OPEN, disabled=True),
)


def welcomed(made: tuple[MadePin, ...] = (), sip: SipConfig | None = None) -> dict[str, str]:
    config = Config(rooms=ROOMS, sip=sip or SipConfig())
    bridge = Bridge(config)
    bridge.made = made
    lines = welcome(config, bridge).splitlines()
    return {line.split()[0]: line for line in lines if line.strip()} | {"whole": "\n".join(lines)}


def test_the_welcome_says_what_to_dial_and_how_to_get_in() -> None:
    said = welcomed()
    assert said["sip:1001@127.0.0.1"].endswith("no PIN; everybody is host")
    assert said["sip:1002@127.0.0.1"].endswith("host: PIN and #; guest: # alone")
    assert said["sip:1003@127.0.0.1"].endswith("host: PIN and #; guest: PIN and #")
    assert said["sip:1004@127.0.0.1"].endswith("host: PIN and #; guest: # alone; locked: guests knock")
    assert said["sip:1005@127.0.0.1"].endswith("host: PIN and #")
    assert "1006" not in said["whole"]
    assert "udp 127.0.0.1 port 5060, tcp 127.0.0.1 port 5060, tls 127.0.0.1 port 5061" in said["whole"]
    assert "$hash" not in said["whole"]


def test_pins_that_were_just_made_are_shown() -> None:
    said = welcomed((
        MadePin("1003", Role.HOST, Secret("246810"), Secret("$x")),
        MadePin("1003", Role.GUEST, Secret("135791"), Secret("$y")),
    ))  # fmt: skip
    assert said["sip:1003@127.0.0.1"].endswith("host: PIN 246810 and #; guest: PIN 135791 and #")
    assert "shown this once" in said["whole"] and "246810" not in said["sip:1002@127.0.0.1"]


def test_the_welcome_says_where_the_pages_are() -> None:
    assert "\nBrowsers: http://127.0.0.1:8080/\n" in welcomed()["whole"]
    config = Config(rooms=ROOMS, web=WebConfig(enabled=False))
    assert "Browsers" not in welcome(config, Bridge(config))


def test_a_certificate_that_nobody_trusts_is_told_loudly() -> None:
    beyond = WebConfig(address="192.0.2.1")
    config = Config(rooms=ROOMS, web=beyond)
    said = welcome(config, Bridge(config))
    assert "\nBrowsers: https://192.0.2.1:8080/\n  *** " in said and "certbot" in said
    for fine in (WebConfig(), replace(beyond, certificate="a.pem", key="b.pem")):
        config = Config(rooms=ROOMS, web=fine)
        assert "***" not in welcome(config, Bridge(config))


def test_other_ports_and_ipv6_are_dialled_as_such() -> None:
    sip = SipConfig(listeners=(Listener(Protocol.UDP, "::1", 5070),))
    assert "sip:1001@[::1]:5070" in welcomed(sip=sip)


# -- asking a running bridge ---------------------------------------------------------------------------------


class Management(BaseHTTPRequestHandler):
    """Answers like a management port; keeps what it was asked."""

    asked: Asked

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.asked.append((self.command, self.path, body))
        self.send_response(409 if "refused" in self.path else 200)
        self.end_headers()
        self.wfile.write(b'{"what":"it said"}')

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[Asked]:
    """A management port, with `samrom.toml` in `tmp_path` to find it; gives what it is asked."""
    Management.asked = []
    with HTTPServer(("127.0.0.1", 0), Management) as server:
        write(tmp_path, f"[management]\nport = {server.server_port}\n")
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield Management.asked
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("words", "request_"),
    [
        (["status"], ("GET", "/conferences", b"")),
        (["status", "1002"], ("GET", "/conferences/1002", b"")),
        (["drain"], ("POST", "/drain", b"{}")),
        (["room", "1002", "lock"], ("POST", "/conferences/1002/lock", b"{}")),
        (["room", "1002", "kick", "a1"], ("POST", "/conferences/1002/participants/a1/kick", b"{}")),
        (["dial", "1 /2", "sip:a@b"], ("POST", "/conferences/1%20/2/dial", b'{"uri": "sip:a@b"}')),
    ],
)
def test_commands_ask_the_running_bridge(
    words: list[str], request_: tuple[str, str, bytes], asked: Asked, tmp_path: Path, capsys: Out,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("http_proxy", "http://192.0.2.1:1")
    assert main([*words, "--config", str(tmp_path / "samrom.toml")]) == 0
    assert asked == [request_]
    assert json.loads(capsys.readouterr().out) == {"what": "it said"}


def test_a_refusal_is_told_and_shows_in_the_exit_code(asked: Asked, tmp_path: Path, capsys: Out) -> None:
    assert main(["dial", "refused", "sip:a@b", "--config", str(tmp_path / "samrom.toml")]) == 1
    assert "it said" in capsys.readouterr().err


def test_a_bridge_that_does_not_run_is_told(tmp_path: Path, capsys: Out) -> None:
    file = write(tmp_path, f"[management]\nport = {free_port()}\n")
    assert main(["status", "--config", str(file)]) == 1
    assert "does not answer" in capsys.readouterr().err


def test_what_is_done_to_somebody_needs_somebody(tmp_path: Path, capsys: Out) -> None:
    file = str(write(tmp_path, ""))
    assert main(["room", "1002", "kick", "--config", file]) == 2
    assert main(["room", "1002", "lock", "a1", "--config", file]) == 2
    assert "for somebody: admit" in capsys.readouterr().err


# -- a life --------------------------------------------------------------------------------------------------


def test_pins_are_made_at_the_first_start_that_succeeds_and_shown_once(tmp_path: Path) -> None:
    rooms = [room("1003", "host-guest-pin", host_pin="generated", guest_pin="generated")]
    state = tmp_path / "state"
    bridge = BridgeProcess(rooms, bridge={"state_folder": str(state)})
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", bridge.sip_port))
        taken.listen()
        with pytest.raises(RuntimeError, match="ended with 1"), bridge:
            pass
    assert "cannot start" in bridge.output() and not bridge.made_pins()

    again = BridgeProcess(rooms, bridge={"state_folder": str(state)})
    with again:
        host, guest = again.made_pins()["1003"]
        assert len(host) == len(guest) == 6 and host != guest
        again.stop()
    kept = sqlite3.connect(state / "samrom.sqlite3")
    hashes = [digest for (digest,) in kept.execute("SELECT hash FROM pin ORDER BY role DESC")]
    kept.close()
    assert [matches(Secret(hashes[0]), Secret(host)), matches(Secret(hashes[1]), Secret(guest))] == [
        True,
        True,
    ]
    for path in state.iterdir():
        content = path.read_bytes()
        assert host.encode() not in content and guest.encode() not in content, path

    with BridgeProcess(rooms, bridge={"state_folder": str(state)}) as third:
        assert "host: PIN and #" in third.output() and not third.made_pins()
        os.kill(third.pid, signal.SIGHUP)  # read certificates again: no harm
        os.kill(third.pid, signal.SIGINT)
        assert third.child.wait(15) == 0
        assert not third.faults()
