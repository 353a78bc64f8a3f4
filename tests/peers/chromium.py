"""Debian's Chromium, headless: people at a page, each in a window of his own, each with a tone of his own.

with Background() as background, Chromium(background) as chromium:
    anna = chromium.tab("http://127.0.0.1:8080/1001", Circumstances(tone=400))
    anna.press("Join")
    anna.wait_connected()
    assert hears(anna.hear(), [700]) == ([], [])
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self

from playwright.async_api import Browser, ConsoleMessage, Page, Playwright, async_playwright

from tests.peers.background import Background
from tests.peers.child import Folder
from tests.peers.sound import sine, write_wav
from tests.peers.tab import PLAIN, RATE, Circumstances, Tab

EXECUTABLE: Final = "/usr/bin/chromium"
_PATIENCE_MS: Final = 15_000

_FLAGS = (
    # In a container, root has no other way to run it.
    "--no-sandbox",
    "--disable-gpu",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    # Candidates on 127.0.0.1, which browsers leave out otherwise.
    "--allow-loopback-in-peer-connection",
    # Nobody is asked for updates, nor told of us.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-quic",
    "--no-pings",
)

# A colour that an element inherits may begin to move when its parent's has come to rest.
_SETTLED: Final = """async () => {
  for (let moving = [0]; moving.length;) {
    await new Promise(requestAnimationFrame);
    await new Promise(requestAnimationFrame);
    moving = document.getAnimations().filter(each => each instanceof CSSTransition);
    await Promise.allSettled(moving.map(each => each.finished));
  }
}"""


class Chromium:
    """The browser, as a context manager. `microphone` [Hz] is what all tabs send that have no tone of their own."""

    def __init__(self, background: Background, microphone: int = 440) -> None:
        self._background = background
        self._folder = Folder("cr")
        self._microphone = microphone
        self._playwright: Playwright | None = None
        self._browser: Browser | None = None

    def __enter__(self) -> Self:
        sound = self._folder.path / "microphone.wav"
        write_wav(sound, sine(self._microphone, 10, RATE), RATE)
        try:
            self._background.run(self._start(sound))
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    async def _start(self, sound: Path) -> None:
        self._playwright = await async_playwright().start()
        self._browser = await self._playwright.chromium.launch(
            executable_path=EXECUTABLE, args=[*_FLAGS, f"--use-file-for-fake-audio-capture={sound}"]
        )

    def _close(self) -> None:
        self._background.run(self._stop())
        self._folder.remove()

    async def _stop(self) -> None:
        if self._browser is not None:
            await self._browser.close()
        if self._playwright is not None:
            await self._playwright.stop()

    def tab(
        self, url: str, circumstances: Circumstances = PLAIN, appearance: Mapping[str, Any] | None = None
    ) -> ChromiumTab:
        """A window of somebody's own (nothing kept, nothing shared), at a page.

        `appearance`: options of playwright's contexts, such as viewport, color_scheme, locale.
        """
        page, complaints = self._background.run(self._open(url, circumstances, appearance or {}))
        return ChromiumTab(self._background, page, complaints)

    async def _open(
        self, url: str, circumstances: Circumstances, appearance: Mapping[str, Any]
    ) -> tuple[Page, list[str]]:
        if self._browser is None:
            raise RuntimeError("Chromium was not started")
        complaints: list[str] = []

        def console(message: ConsoleMessage) -> None:
            # That a request was refused is told there too; the page's own business.
            if message.type == "error" and not message.text.startswith("Failed to load resource"):
                complaints.append(message.text)

        options = {"permissions": ["camera", "microphone"], "ignore_https_errors": True, "locale": "en-GB"}
        context = await self._browser.new_context(**{**options, **appearance})
        context.set_default_timeout(_PATIENCE_MS)
        await context.add_init_script(circumstances.script())
        page = await context.new_page()
        page.on("console", console)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.goto(url, wait_until="domcontentloaded")
        return page, complaints


class ChromiumTab(Tab):
    """One window. `page` is playwright's own, to be used within the background loop only."""

    def __init__(self, background: Background, page: Page, complaints: list[str]) -> None:
        self._background = background
        self.page = page
        self._complaints = complaints

    def evaluate(self, script: str, argument: object = None) -> Any:
        return self._background.run(self.page.evaluate(script, argument))

    def press(self, name: str) -> None:
        self._background.run(self._press(name))

    async def _press(self, name: str) -> None:
        dialog = self.page.locator("dialog[open]")
        place = dialog if await dialog.count() else self.page
        await place.get_by_role("button", name=_exactly(name)).first.click()

    def write(self, label: str, text: str) -> None:
        self._background.run(self.page.get_by_label(label, exact=True).first.fill(text))

    def tick(self, label: str) -> None:
        self._background.run(self.page.get_by_label(label, exact=True).first.check())

    def type(self, keys: str) -> None:
        """Press a key of the keyboard, or several together: "Tab", "Enter", "Control+a"."""
        self._background.run(self.page.keyboard.press(keys))

    def open(self, url: str) -> None:
        self._background.run(self.page.goto(url, wait_until="domcontentloaded"))

    def appear(self, *, dark: bool, width: int = 1280, height: int = 800) -> None:
        """Show it in a dark or a light theme, in a window of that size [CSS pixels], and wait until colours stand."""
        self._background.run(self._appear("dark" if dark else "light", width, height))

    async def _appear(self, theme: Literal["dark", "light"], width: int, height: int) -> None:
        await self.page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        await self.page.set_viewport_size({"width": width, "height": height})
        await self.page.evaluate(_SETTLED)

    def offline(self, away: bool) -> None:
        """Take the network away from it, and give it back; its sound goes on."""
        self._background.run(self.page.context.set_offline(away))

    def screenshot(self, path: Path) -> None:
        self._background.run(self.page.screenshot(path=path))

    def close(self) -> None:
        self._background.run(self.page.context.close())

    def complaints(self) -> list[str]:
        return list(self._complaints)


def _exactly(name: str) -> re.Pattern[str]:
    """That name, whatever marks of direction stand between its letters (Unicode bidi isolates)."""
    mark = "[\\u2066-\\u2069]*"
    return re.compile(f"^{mark}{mark.join(map(re.escape, name))}{mark}$")
