"""Somebody at a real browser, in a call with sound and pictures, without the bridge's page doing it: see caller.js.

frida = WebCaller(firefox.tab(bridge.web, Circumstances(camera="lime")))
frida.call("1001", "Frida")
assert seats(frida.tab.snapshot(), "4:0", 1) == ["red"]
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from tests.peers.tab import Tab

_CALLER: Final = Path(__file__).with_name("caller.js").read_text().partition("async")


class WebCaller:
    """One person. `tab`: at any page of the bridge's origin. `uuid`: of the participant, once there is a call."""

    def __init__(self, tab: Tab) -> None:
        self.tab = tab
        self.uuid = ""

    def call(
        self, number: str, name: str, pin: str = "", *, layers: bool = False, connected: bool = True
    ) -> None:
        """Get in, or knock, and be in a call. `layers`: send the camera in two sizes."""
        about = {"number": number, "name": name, "pin": pin, "layers": layers}
        self.uuid = str(self.tab.evaluate(f"async{_CALLER[2].strip()}", about))
        if connected:
            self.tab.wait_connected()

    def ask(self, path: str, body: object = None) -> Any:
        """Ask something of the client API, e.g. "lock"."""
        return self.tab.evaluate("([path, body]) => caller.ask(path, body)", [path, body or {}])

    def share(self) -> None:
        """Show the screen to all."""
        self.tab.evaluate("async () => { await caller.share(); }")

    def unshare(self) -> None:
        """Show it no longer."""
        self.tab.evaluate("async () => { await caller.unshare(); }")

    def darken(self) -> None:
        """Send nothing of the camera any more, without a word."""
        self.tab.evaluate("async () => { await caller.darken(); }")

    def leave(self) -> None:
        """Leave as a person does who clicks so."""
        self.tab.evaluate("async () => { await caller.leave(); }")
