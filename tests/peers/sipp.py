"""Debian's SIPp (sip-tester 3.6.1) with the scenarios of `sipp/`: odd callers, called parties, and crowds with sound.

    with Sipp("plain", "127.0.0.1:5060", service="100", calls=50, per_second=20, hold_ms=10_000) as crowd:
        ...
        crowd.wait()
    assert crowd.ok, crowd.errors()

It decodes nothing and reads no sound: it is the weight, and other peers are the ears.
"""

from __future__ import annotations

import csv
import re
import signal
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.peers.child import LOOPBACK, Child, Folder, free_port
from tests.peers.g711 import LAWS, RATE
from tests.peers.scenario import expand
from tests.peers.sound import sine

_SCENARIOS = Path(__file__).parent / "sipp"
_RULER = re.compile(r"^-{10,}.*\n", re.MULTILINE)


class Sipp:
    """One run of a scenario, as a context manager. Without `target` ("host:port") it waits to be called, at `port`.

    `service` is the user part of the called URI; `hold_ms` the length of each `<pause/>`; `lost_percent` of the SIP
    messages are thrown away, both ways; `keys` are what `<keys/>` presses; `transport` is udp or tcp.
    """

    def __init__(
        self,
        scenario: str,
        target: str = "",
        *,
        service: str = "anybody",
        calls: int = 1,
        per_second: int = 10,
        at_once: int = 0,
        hold_ms: int = 2000,
        tone: float = 1500.0,
        keys: str = "",
        transport: str = "udp",
        lost_percent: int = 0,
        limit_seconds: int = 60,
    ) -> None:
        self.port = free_port()
        self._folder = Folder("si")
        folder = self._folder.path
        (folder / "scenario.xml").write_text(expand(_SCENARIOS / f"{scenario}.xml", keys))
        # Seconds hold whole periods of a whole number of Hz, so that the loop has no click.
        (folder / "tone.ul").write_bytes(LAWS["PCMU"].encode(sine(tone, 4, RATE)))
        options: dict[str, str | int] = {
            "-sf": "scenario.xml",
            "-i": LOOPBACK,
            "-p": self.port,
            "-ci": LOOPBACK,
            "-cp": free_port(),
            "-mi": LOOPBACK,
            "-mp": free_port(2),
            "-s": service,
            "-m": calls,
            "-r": per_second,
            "-l": at_once or calls,
            "-d": hold_ms,
            "-t": {"udp": "u1", "tcp": "t1"}[transport],
            "-timeout": f"{limit_seconds}s",
            "-fd": "1s",
        }
        if lost_percent:
            options |= {"-lost": lost_percent, "-max_retrans": 12}
        words = [str(word) for pair in options.items() for word in pair]
        flags = ["-bind_local", "-nostdin", "-timeout_error", "-trace_err", "-trace_msg", "-trace_stat"]
        self._limit = limit_seconds
        self._errors = ""
        self._statistics: dict[str, int] = {}
        self._messages: list[tuple[str, str]] = []
        self.child = Child(
            ["sipp", *words, *flags, *([target] if target else [])], folder / "log", folder=folder
        )

    def __enter__(self) -> Self:
        self.child.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.child.end(signal.SIGUSR1, grace=2)  # it ends softly at that
        self._errors, self._statistics, self._messages = self.errors(), self.statistics(), self.messages()
        self._folder.remove()

    @property
    def uri(self) -> str:
        """Where a waiting scenario can be called."""
        return f"sip:sipp@{LOOPBACK}:{self.port}"

    def wait(self, timeout: float | None = None) -> None:
        """Wait until all its calls are done. Raises subprocess.TimeoutExpired."""
        self.child.wait(self._limit + 5 if timeout is None else timeout)

    @property
    def ok(self) -> bool:
        """Whether it has ended and every call went by the scenario."""
        return self.child.exit_code == 0

    def errors(self) -> str:
        """What went wrong, in its own words."""
        texts = [path.read_text("utf-8", "replace") for path in self._files("errors.log")]
        return self._errors or "".join(texts)[-4000:] or ("" if self.ok else self.child.tail())

    def statistics(self) -> dict[str, int]:
        """Its cumulative counters by name, e.g. "SuccessfulCall(C)", "FailedCall(C)", "Retransmissions(C)"."""
        for path in self._files("_.csv"):
            with path.open() as lines:
                rows = list(csv.DictReader(lines, delimiter=";"))
            if rows:
                return {
                    key: int(value) for key, value in rows[-1].items() if key and value and value.isdigit()
                }
        return self._statistics

    def messages(self) -> list[tuple[str, str]]:
        """Every SIP message in order: ("sent" or "received", text). What it repeats or swallows is there too."""
        found = []
        for path in self._files("messages.log"):
            for part in _RULER.split(path.read_text("utf-8", "replace"))[1:]:
                title, _, text = part.partition("\n\n")
                found.append(("sent" if " sent " in title else "received", text))
        return found or self._messages

    def media_port(self) -> int:
        """Where its (first) description says that it wants sound; a call must be under way."""
        offer = next(text for way, text in self.messages() if way == "sent" and "m=audio" in text)
        return int(offer.partition("m=audio ")[2].split()[0])

    def _files(self, ending: str) -> list[Path]:
        return sorted(self._folder.path.glob(f"*{ending}"))
