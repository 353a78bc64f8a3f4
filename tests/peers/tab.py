"""A tab of a real browser, whichever: what tests do to a page, and what its peer connections brought it."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import time
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import av
import numpy as np

from tests.peers.colours import Rgb, hexadecimal, read_picture
from tests.peers.sound import Recording, Samples

RATE: Final = 48_000  # [Hz] of recordings
_WATCH = Path(__file__).with_name("watch.js").read_text()


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a page finds: see watch.js. `tone` 0: the browser's own microphone. `camera`, `screen`: of `COLOURS`, or ""
    for the browser's own; `width`, `height`: of the camera's pictures."""

    tone: int = 0
    camera: str = ""
    screen: str = ""
    width: int = 640
    height: int = 360
    relay: bool = False
    tcp: bool = False
    old: bool = False
    ports: dict[int, int] = field(default_factory=dict)

    def script(self) -> str:
        """An expression for the browser to evaluate before the page's own scripts."""
        settings = asdict(self)
        for name in ("camera", "screen"):
            settings[name] = settings[name] and f"#{hexadecimal(settings[name])}"
        return f"({_WATCH.rstrip()})({json.dumps(settings)})"


PLAIN: Final = Circumstances()


class Tab(ABC):
    """One tab. What is on the page is named as it is to people who do not see it."""

    @abstractmethod
    def evaluate(self, script: str, argument: object = None) -> Any:
        """The value of an expression, or of a function of one argument; a promise is awaited. JSON values only."""

    @abstractmethod
    def press(self, name: str) -> None:
        """Press the button of that accessible name, as soon as it can be pressed; in a dialog, if one is open."""

    @abstractmethod
    def write(self, label: str, text: str) -> None:
        """Write into the field of that label."""

    @abstractmethod
    def tick(self, label: str) -> None:
        """Tick the checkbox of that label."""

    @abstractmethod
    def open(self, url: str) -> None:
        """Go to another page."""

    @abstractmethod
    def screenshot(self, path: Path) -> None:
        """What it shows now, as PNG."""

    @abstractmethod
    def close(self) -> None:
        """Close it, as a person does who leaves without a word."""

    @abstractmethod
    def complaints(self) -> list[str]:
        """Errors of the page's scripts, and what its content security policy forbade."""

    def wait(self, script: str, argument: object = None, timeout: float = 10.0) -> Any:
        """Ask until the answer is true, and return it. Raises TimeoutError."""
        end = time.monotonic() + timeout
        while not (found := self.evaluate(script, argument)):
            if time.monotonic() > end:
                told = f"{self.text()[:1500]}\n{self.complaints()}"
                raise TimeoutError(f"not within {timeout} s: {script} {argument or ''} in\n{told}")
            time.sleep(0.1)
        return found

    def text(self) -> str:
        """What can be read on the page."""
        return str(self.evaluate("document.body.innerText"))

    def wait_connected(self, timeout: float = 15.0) -> None:
        """Until there is a peer connection, and each that is not closed is up."""
        states = "watched.connections.map(each => each.connectionState).filter(state => state !== 'closed')"
        self.wait(f"(() => {{ const all = {states}; return all.length && all.every(s => s === 'connected') }})()",
                  timeout=timeout)  # fmt: skip

    def statistics(self, kind: str) -> list[dict[str, Any]]:
        """getStats' objects of a type: "inbound-rtp", "outbound-rtp", "candidate-pair" (the chosen one)."""
        return [each for each in self.evaluate("watched.statistics()") if each["type"] == kind]

    def hear(self, seconds: float = 2.0) -> Recording:
        """What its remote tracks bring from now on, all together. No track, no sound."""
        begin = 0.3  # a recorder starts late and its codec with a click
        parts = self.evaluate("duration => watched.record(duration)", round(1000 * (seconds + begin)))
        heard = [_decoded(base64.b64decode(part)) for part in parts]
        total = np.zeros(max((len(each) for each in heard), default=0), np.float32)
        for each in heard:
            total[: len(each)] += each
        return Recording(total, RATE).cut(begin)

    def snapshot(self, index: int = 0, timeout: float = 8.0) -> Rgb:
        """What a remote video track shows: 0 is the first one, 1 the slides. Raises TimeoutError when it is nothing."""
        found = self.wait("index => watched.see(index)", index, timeout)
        return read_picture(base64.b64decode(found))


def _decoded(raw: bytes) -> Samples:
    """The sound of a WebM or Ogg file, mono, 48 kHz. A track that brought nothing leaves a file without sound."""
    resampler = av.AudioResampler("flt", "mono", RATE)
    frames = []
    with contextlib.suppress(EOFError, av.error.InvalidDataError), av.open(io.BytesIO(raw), "r") as container:
        for frame in [*container.decode(audio=0), None] if container.streams.audio else []:
            frames += [part.to_ndarray().reshape(-1) for part in resampler.resample(frame)]
    return np.concatenate([np.zeros(0, np.float32), *frames])
