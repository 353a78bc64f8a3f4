"""The real bridge as a child process: its own ports, its own state folder, a configuration made for the test.

with BridgeProcess([room("100", "open")]) as bridge, SipPhone(tone=400) as phone:
    phone.call(bridge.uri("100"))
    ...
    bridge.stop()                       # SIGTERM, and the exit code must be 0
    assert bridge.records()[0]["reason"] == "normal"
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bridge.rooms.pins import SALT_BYTES, hash_pin
from config.secret import Secret
from tests.peers.child import LOOPBACK, Child, Folder, free_port, wait_until
from tools.load import processes

Table = Mapping[str, Any]

CALM = {"tick_late_ms": 1000, "loop_lag_ms": 10_000}
"""Of `[limits]`: a busy test machine must not look like an overloaded bridge."""

_MEDIA_PORTS = 200
_WORKER = b"bridge.video"
_METRIC = re.compile(r"^(\w+)(\{[^}]*\})? (\S+)$", re.MULTILINE)
_MADE_PIN = re.compile(r"sip:(\w+)@.*?host: PIN (\d+)(?:.*?guest: PIN (\d+))?")


def room(number: str, kind: str, *, host_pin: str = "", guest_pin: str = "", **more: Any) -> dict[str, Any]:
    """A `[[rooms]]` table. PINs are given as digits and written as argon2id hashes; `more` are its other keys."""
    table = {"number": number, "kind": kind, **more}
    for key, digits in (("host_pin", host_pin), ("guest_pin", guest_pin)):
        if digits:
            made = digits == "generated"
            table[key] = (
                digits if made else hash_pin(Secret(digits), secrets.token_bytes(SALT_BYTES)).reveal()
            )
    return table


class BridgeProcess:
    """`python -m bridge run`, as a context manager: up when entered, ended when left.

    `sections` are the tables of the configuration besides `[[rooms]]` (`limits={...}`); what they leave out is set so
    that everything happens on loopback, on free ports.
    """

    def __init__(self, rooms: Sequence[Table], *, media_ports: int = _MEDIA_PORTS, **sections: Table) -> None:
        self._folder = Folder("sr")
        self.state = self._folder.path / "state"
        self.sip_port, self.tls_port, self.management_port = free_port(), free_port(), free_port()
        media_port = free_port(media_ports)
        self.web_port = free_port()
        processes = sections.get("bridge", {}).get("media_processes", 1)
        self.rtc_port = free_port(processes)
        # One for each media process.
        self.rtc_ports = range(self.rtc_port, self.rtc_port + processes)
        listeners = [
            {"protocol": protocol, "address": LOOPBACK, "port": port}
            for protocol, port in (("udp", self.sip_port), ("tcp", self.sip_port), ("tls", self.tls_port))
        ]
        defaults: dict[str, dict[str, Any]] = {
            "bridge": {"state_folder": str(self.state), "language": "en"},
            "sip": {"listeners": listeners},
            "media": {
                "address": LOOPBACK,
                "port_low": media_port,
                "port_high": media_port + media_ports - 1,
            },
            "web": {"address": LOOPBACK, "port": self.web_port},
            "rtc": {"address": LOOPBACK, "port": self.rtc_port},
            "management": {"address": LOOPBACK, "port": self.management_port},
        }
        for name, table in sections.items():
            defaults[name] = {**defaults.get(name, {}), **table}
        self.config = self._folder.path / "bridge.toml"
        self.config.write_text(_toml(defaults, rooms))
        argv = [sys.executable, "-m", "bridge", "run", "--config", str(self.config)]
        self.child = Child(argv, self._folder.path / "log", folder=Path(__file__).parents[2])
        self._left: dict[str, str] = {}

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            error.add_note(f"the bridge said:\n{self.child.tail(3000)}")
        self.close()

    def _is_up(self) -> bool:
        if not self.child.alive:
            raise RuntimeError(f"the bridge ended with {self.child.exit_code}: {self.child.tail()}")
        return self.status("/readyz") == 200

    def start(self) -> None:
        """Start it, for the first time or again after `kill`, and wait until it takes calls."""
        self.child.__enter__()
        wait_until(self._is_up, 40, lambda: f"the bridge is ready: {self.child.tail()}")

    def kill(self) -> None:
        """End the control process as a crash does (SIGKILL); its media processes notice by themselves."""
        self.child.end(signal.SIGKILL, grace=5)

    def stop(self, timeout: float = 15.0) -> None:
        """End it as an operator does, and see that it ends well: in time, with exit code 0."""
        self.child.send_signal(signal.SIGTERM)
        code = self.child.wait(timeout)
        if code != 0:
            raise AssertionError(f"exit code {code}: {self.child.tail()}")

    def close(self) -> None:
        """End it, whatever state it is in; what it wrote stays readable."""
        self.child.end(grace=10)
        self._left = {name: self._read(name) for name in ("log", "state/audit.jsonl", "state/calls.jsonl")}
        self._folder.remove()

    # -- whom to call ------------------------------------------------------------------------------------------------

    def uri(self, user: str, transport: str = "udp") -> str:
        """How to dial a room."""
        if transport == "tls":
            return f"sip:{user}@{LOOPBACK}:{self.tls_port};transport=tls"
        kind = "" if transport == "udp" else f";transport={transport}"
        return f"sip:{user}@{LOOPBACK}:{self.sip_port}{kind}"

    @property
    def web(self) -> str:
        """Where its pages and its client API are, "http://host:port"."""
        return f"http://{LOOPBACK}:{self.web_port}"

    @property
    def address(self) -> str:
        """ "host:port" of SIP over UDP and TCP, as SIPp wants it."""
        return f"{LOOPBACK}:{self.sip_port}"

    def made_pins(self) -> dict[str, tuple[str, str]]:
        """(host PIN, guest PIN or "") of the rooms whose PINs were made at this start, as it printed them."""
        return {number: (host, guest) for number, host, guest in _MADE_PIN.findall(self.output())}

    # -- what it tells -----------------------------------------------------------------------------------------------

    @property
    def pid(self) -> int:
        """Of the control process."""
        return self.child.pid

    def media_pids(self) -> list[int]:
        """Of the media processes: all children but the video workers, and multiprocessing's own."""
        return [pid for pid in self._children(b"") if pid not in self._children(_WORKER, b"resource_tracker")]

    def video_pids(self) -> list[int]:
        """Of the video workers."""
        return self._children(_WORKER)

    def _children(self, *words: bytes) -> list[int]:
        """The children with one of these words in their command line; who ends meanwhile has none."""
        found = []
        for pid in processes.tree(self.pid)[1:]:
            with contextlib.suppress(OSError):
                line = Path(f"/proc/{pid}/cmdline").read_bytes()
                if line and any(word in line for word in words):
                    found.append(pid)
        return found

    def status(self, path: str) -> int:
        """The HTTP status of a resource of the management port; 0 when nobody listens."""
        try:
            with urllib.request.urlopen(self._http(path), timeout=5) as response:
                return int(response.status)
        except urllib.error.HTTPError as refusal:
            return refusal.code
        except OSError:
            return 0

    def get(self, path: str) -> Any:
        """A resource of the management port, read as JSON."""
        with urllib.request.urlopen(self._http(path), timeout=5) as response:
            return json.loads(response.read())

    def post(self, path: str, body: Table) -> Any:
        """Ask the management port for something; returns its JSON, of refusals too."""
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self._http(path), json.dumps(body).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=5) as response:
                return json.loads(response.read())
        except urllib.error.HTTPError as refusal:
            return json.loads(refusal.read())

    def metrics(self) -> dict[str, float]:
        """Prometheus figures: 'name{label="value"}' -> value."""
        with urllib.request.urlopen(self._http("/metrics"), timeout=5) as response:
            text = response.read().decode()
        return {name + labels: float(value) for name, labels, value in _METRIC.findall(text)}

    def _http(self, path: str) -> str:
        return f"http://{LOOPBACK}:{self.management_port}{path}"

    def conference(self, number: str) -> dict[str, Any]:
        """What the management port tells of a conference; {} when there is none."""
        return next((found for found in self.get("/conferences") if found["number"] == number), {})

    def wait_conference(self, number: str, timeout: float = 5.0, **wanted: Any) -> None:
        """Wait until its figures are so, e.g. inside=2, locked=True."""

        def check() -> bool:
            found = self.conference(number)
            return all(found.get(key) == value for key, value in wanted.items())

        wait_until(check, timeout, lambda: f"{wanted} in {self.conference(number)}")

    def audit(self) -> list[dict[str, Any]]:
        """The audit log's lines so far."""
        return [json.loads(line) for line in self._read("state/audit.jsonl").splitlines()]

    def wait_audit(self, event: str, timeout: float = 5.0, start: int = 0) -> dict[str, Any]:
        """The first line of that event in `audit()[start:]`; waits for it."""

        def find() -> dict[str, Any] | None:
            return next((line for line in self.audit()[start:] if line["event"] == event), None)

        found = wait_until(find, timeout, lambda: f"{event} in {[line['event'] for line in self.audit()]}")
        assert found is not None
        return found

    def records(self) -> list[dict[str, Any]]:
        """The call records so far, one for each leg that has ended."""
        return [json.loads(line) for line in self._read("state/calls.jsonl").splitlines()]

    def wait_records(self, count: int, timeout: float = 5.0) -> list[dict[str, Any]]:
        """Wait until so many calls are on record."""
        wait_until(lambda: len(self.records()) >= count, timeout, lambda: f"{count} of {self.records()}")
        return self.records()

    def output(self) -> str:
        """All that it printed and logged."""
        return self._read("log")

    def faults(self) -> list[str]:
        """Log lines that tell of our own faults: there must be none."""
        lines = self.output().splitlines()
        return [line for line in lines if '"error"' in line or "Traceback" in line]

    def _read(self, name: str) -> str:
        path = self._folder.path / name
        return path.read_text("utf-8", "replace") if path.exists() else self._left.get(name, "")


def freeze(pid: int, seconds: float) -> None:
    """Stop a process for a while (SIGSTOP, SIGCONT)."""
    os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(seconds)
    finally:
        os.kill(pid, signal.SIGCONT)


def _toml(sections: Mapping[str, Table], rooms: Sequence[Table]) -> str:
    lines: list[str] = []
    for name, table in sections.items():
        plain = {key: value for key, value in table.items() if not _is_tables(value)}
        lines += [f"[{name}]", *(f"{key} = {_value(value)}" for key, value in plain.items())]
        for key, value in table.items():
            if _is_tables(value):
                lines += [line for entry in value for line in _entry(f"{name}.{key}", entry)]
    lines += [line for table in rooms for line in _entry("rooms", table)]
    return "\n".join(lines) + "\n"


def _entry(name: str, table: Table) -> list[str]:
    return [f"[[{name}]]", *(f"{key} = {_value(value)}" for key, value in table.items())]


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], Mapping)


def _value(value: Any) -> str:
    """JSON writes strings, numbers, booleans and lists of them as TOML does."""
    return json.dumps(value)
