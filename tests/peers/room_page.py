"""Somebody at the bridge's own page, in English: what people do there, and what they see."""

from __future__ import annotations

from typing import Any

from tests.peers.tab import Tab

_VIEW = "document.documentElement.dataset.view ?? ''"
_NAMES = """selector => [...document.querySelectorAll(selector)]
  .filter(each => each.checkVisibility()).map(each => each.querySelector(".person-name").innerText.trim()).sort()"""


class RoomPage:
    """One person. `web`: the bridge's origin as his browser knows it."""

    def __init__(self, tab: Tab, web: str) -> None:
        self.tab = tab
        self._web = web

    def join(self, number: str, name: str, pin: str = "") -> None:
        """From the first page through the device check; what comes then depends on the room."""
        self.tab.open(f"{self._web}/{number}")
        self.tab.write("Your name", name)
        if pin:
            self.tab.tick("I am the host and have a PIN")
            self.tab.write("PIN", pin)
        self.tab.press("Continue")
        self.tab.press("Join")

    def enter(self, number: str, name: str, pin: str = "") -> None:
        """Join, and be in the room with sound."""
        self.join(number, name, pin)
        self.wait_view("room")
        self.tab.wait_connected()

    @property
    def view(self) -> str:
        """Which one is shown: "start", "check", "pin", "joining", "waiting", "room", "ended", "unsupported"."""
        return str(self.tab.evaluate(_VIEW))

    def wait_view(self, view: str, timeout: float = 15.0) -> None:
        """Wait until that view is shown."""
        self.tab.wait(f"view => ({_VIEW}) === view", view, timeout)

    def people(self) -> list[str]:
        """Names of those in the room, in order of the alphabet."""
        return self._names(".people .person")

    def knockers(self) -> list[str]:
        """Names of those who knock."""
        return self._names(".knock")

    def _names(self, selector: str) -> list[str]:
        found: list[str] = self.tab.evaluate(_NAMES, selector)
        return found

    def wait_people(self, *names: str, timeout: float = 10.0) -> None:
        """Wait until exactly these are in the room."""
        self._wait_names(".people .person", sorted(names), timeout)

    def wait_knockers(self, *names: str, timeout: float = 10.0) -> None:
        """Wait until exactly these knock."""
        self._wait_names(".knock", sorted(names), timeout)

    def _wait_names(self, selector: str, names: list[str], timeout: float) -> None:
        same = f"([selector, names]) => JSON.stringify(({_NAMES})(selector)) === JSON.stringify(names)"
        self.tab.wait(same, [selector, names], timeout)

    def wait_text(self, text: str, timeout: float = 10.0) -> None:
        """Wait until that can be read somewhere on the page."""
        self.tab.wait("text => document.body.innerText.includes(text)", text, timeout)

    def person(self, name: str) -> str:
        """What is to be read about one person in the room."""
        script = """name => [...document.querySelectorAll(".people .person")]
          .find(each => each.querySelector(".person-name").innerText.trim() === name)?.innerText ?? ''"""
        return str(self.tab.evaluate(script, name))

    def stored(self) -> Any:
        """What the page keeps in the tab, for a reload."""
        return self.tab.evaluate("({ ...sessionStorage })")
