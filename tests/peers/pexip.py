"""The client library that others use against this API, @pexip/infinity, unmodified, on a page in Chromium.

with PexipPage() as page, BridgeProcess(rooms, web={"origins": [page.origin]}) as bridge:
    kari = page.person(chromium, bridge.web, Circumstances(tone=500))
    assert kari.join("1002", "Kari", pin) == 200
    kari.ask("lock", lock=True)
"""

from __future__ import annotations

import functools
import http.server
import shutil
import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from tests.peers.child import LOOPBACK, Folder
from tests.peers.chromium import Chromium
from tests.peers.tab import Circumstances, Tab

NPM: Final = Path(__file__).with_name("npm")


class PexipPage:
    """The page on a server of its own (another web site, for the bridge), as a context manager."""

    def __init__(self) -> None:
        self._folder = Folder("px")
        handler = functools.partial(_Quiet, directory=str(self._folder.path))
        self._server = http.server.ThreadingHTTPServer((LOOPBACK, 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        shutil.copy(NPM / "pexip.html", self._folder.path)
        esbuild = NPM / "node_modules" / ".bin" / "esbuild"
        bundle = f"--outfile={self._folder.path / 'pexip.bundle.js'}"
        command: list[str | Path] = [
            esbuild,
            NPM / "pexip.js",
            "--bundle",
            "--format=iife",
            "--log-level=error",
            bundle,
        ]
        subprocess.run(command, check=True, timeout=60)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._folder.remove()

    @property
    def origin(self) -> str:
        """The web site that it is, "http://host:port"."""
        return f"http://{LOOPBACK}:{self._server.server_port}"

    def person(self, chromium: Chromium, bridge: str, circumstances: Circumstances) -> PexipPerson:
        """Somebody at the page, who will speak to the bridge at that origin."""
        return PexipPerson(chromium.tab(f"{self.origin}/pexip.html", circumstances), bridge)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


class PexipPerson:
    """Somebody at the page."""

    def __init__(self, tab: Tab, bridge: str) -> None:
        self.tab = tab
        self._bridge = bridge

    def join(self, room: str, name: str, pin: str | None = None, video: bool = False) -> int:
        """Ask for a token and, with it, call. Returns the HTTP status of the former."""
        asked = {
            "host": self._bridge,
            "room": room,
            "name": name,
            "video": video,
            **({"pin": pin} if pin else {}),
        }
        return int(self.tab.evaluate("asked => person.join(asked)", asked))

    def ask(self, what: str, **options: object) -> Any:
        """A method of the client, "mute", with its options. Returns the HTTP status that it got."""
        script = "async ([what, options]) => (await person.client[what](options))?.status ?? null"
        return self.tab.evaluate(script, [what, options])

    def answer(self, what: str, **options: object) -> Any:
        """A method of the client that gives something else than a status."""
        return self.tab.evaluate("([what, options]) => person.client[what](options)", [what, options])

    def people(self) -> list[dict[str, Any]]:
        """The roster as the library has it."""
        found: list[dict[str, Any]] = self.tab.evaluate("person.client.getParticipants('main')")
        return found

    def wait_people(self, *names: str) -> None:
        """Wait until exactly these are in the roster."""
        script = (
            "names => person.client.getParticipants('main').map(p => p.displayName).sort().join() === names"
        )
        self.tab.wait(script, ",".join(sorted(names)))

    def wait_told(self, signal: str) -> Any:
        """The newest value of a signal, e.g. "onPinRequired"; waits for the first."""
        script = "signal => person.told.filter(each => each.name === signal).slice(-1)"
        self.tab.wait(f"signal => ({script})(signal).length", signal)
        return self.tab.evaluate(script, signal)[0]["value"]
