"""The test phone with more whims: other codecs in mid-call, other packet lengths; and judgements that many share."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

from tests.peers.bridge import BridgeProcess
from tests.peers.child import wait_until
from tests.peers.g711 import LAWS, RATE
from tests.peers.sipphone import SipPhone
from tests.peers.siptext import SipText
from tests.peers.sound import Recording, hears
from tests.peers.voice import Reception, Voice


class PacedVoice(Voice):
    """Sends packets of `ptime_ms` and not of 20 ms."""

    ptime_ms = 20

    def send_due(self, now: float) -> None:
        """Send what is due by `now`."""
        period = self.ptime_ms / 1000
        while self.next_send <= now:
            self.next_send += period
            if self._remote is not None and self.sending:
                self._send_frame(self._remote)
            self._clock += RATE * self.ptime_ms // 1000

    def _frame(self) -> bytes:
        step = RATE * self.ptime_ms // 1000
        super()._frame()  # makes the wave
        wave = self._wave[2]
        self._phase = (self._phase + step - RATE // 50) % RATE
        start = (self._phase - step) % RATE
        return (wave + wave)[start : start + step]


class OddPhone(SipPhone):
    """A phone that can change codec, and ask for and send packets of another length."""

    def __init__(
        self,
        name: str = "odd",
        *,
        tone: float | None = 440.0,
        codecs: tuple[str, ...] = ("PCMU",),
        ptime_ms: int = 20,
        transport: str = "udp",
    ) -> None:
        super().__init__(name, tone=tone, codecs=codecs, transport=transport)
        self._ptime_ms = ptime_ms
        if ptime_ms != 20:
            self.voice.close()
            self.voice = PacedVoice(codecs[0], tone, self.address)
            self.voice.ptime_ms = ptime_ms

    def change_codec(self, *codecs: str) -> SipText:
        """A re-INVITE that offers only these."""
        self._codecs = [(LAWS[codec].payload_type, codec) for codec in codecs]
        return self.reinvite()

    def _sdp(self) -> str:
        lines = super()._sdp()
        return lines + f"a=ptime:{self._ptime_ms}\r\n" if self._ptime_ms != 20 else lines


def gets_sound(phone: SipPhone, seconds: float, per_second: float = 50.0, least: float = 0.98) -> Reception:
    """From now on, for that long, the phone gets at least that share of its packets, and none is lost on the way."""
    start = phone.now
    time.sleep(seconds)
    found = phone.reception(start, start + seconds)
    print(
        f"{phone.name}: {found.packets} packets in {seconds} s, longest gap {1000 * found.longest_gap:.0f} ms"
    )
    assert found.packets >= least * per_second * seconds - 1, found
    return found


def hears_just(recording: Recording, *tones: float, who: str = "") -> None:
    """Exactly these tones are in it."""
    missing, extra = hears(recording, list(tones))
    assert not missing and not extra, f"{who}: missing {missing}, extra {extra}"


def wait_hears(phone: SipPhone, *tones: float, timeout: float = 12.0) -> float:
    """Wait until the phone hears these tones and nothing else (prompts are over); returns how long it took [s]."""
    begin = phone.now
    while phone.now < begin + timeout:
        start = phone.now
        time.sleep(0.5)
        if hears(phone.heard(start, start + 0.4), list(tones)) == ([], []):
            return start - begin
    raise AssertionError(f"{phone.name} never heard just {tones}")


def media_figure(bridge: BridgeProcess, name: str) -> float:
    """The sum over all media processes of one figure, e.g. "legs"; figures are a second old at most."""
    wanted = re.compile(rf"samrom_media_{name}(_total)?(\{{.*\}})?$")
    return sum(value for key, value in bridge.metrics().items() if wanted.match(key))


def drops(bridge: BridgeProcess, kind: str = "media") -> dict[str, float]:
    """What was dropped, by name: of "media", of "transport", or ("") of signalling."""
    found: dict[str, float] = {}
    prefix = f"samrom_{kind}_drops_total{{" if kind else "samrom_drops_total{"
    for key, value in bridge.metrics().items():
        if key.startswith(prefix):
            name = key.partition('name="')[2].partition('"')[0]
            found[name] = found.get(name, 0) + value
    return found


def udp_ports(pids: list[int]) -> set[int]:
    """The UDP ports that these processes have open."""
    inodes = set()
    for pid in pids:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            try:
                target = str(link.readlink())
            except OSError:
                continue
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    rows = [line.split() for line in Path("/proc/net/udp").read_text().splitlines()[1:]]
    return {int(row[1].partition(":")[2], 16) for row in rows if row[9] in inodes}


def nothing_left(bridge: BridgeProcess, timeout: float = 5.0) -> None:
    """No call, no leg, no conference, no media port is left but the one that all browsers share."""

    def left() -> dict[str, object]:
        found: dict[str, object] = {
            "calls": bridge.metrics()["samrom_calls_up"],
            "legs": media_figure(bridge, "legs"),
            "conferences": bridge.get("/conferences"),
            "ports": udp_ports(bridge.media_pids()) - set(bridge.rtc_ports),
        }
        return {key: value for key, value in found.items() if value}

    wait_until(lambda: not left(), timeout, lambda: f"nothing is left: {left()}")


def log_is_json(bridge: BridgeProcess) -> None:
    """Each line that the bridge wrote after its welcome is one JSON object."""
    text = bridge.output()
    _, _, rest = text.partition("/metrics\n")
    for line in rest.splitlines():
        assert isinstance(json.loads(line), dict), line
