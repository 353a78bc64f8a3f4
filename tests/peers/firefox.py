"""Debian's Firefox ESR, headless, over its own WebDriver BiDi port: one person at a page.

It has one microphone with one tone. It has no candidates on loopback and pairs none of its own with one there: whom it
is to speak to must listen at another address of this machine. It needs some seconds to start, so share one among tests.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from tests.peers.background import Background
from tests.peers.bidi import BiDi
from tests.peers.child import Child, Folder, environment_without, free_port
from tests.peers.tab import PLAIN, Circumstances, Tab

EXECUTABLE: Final = "/usr/bin/firefox-esr"
_NOBODY: Final = "http://127.0.0.1:9/"

_PREFERENCES: dict[str, object] = {
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    "media.peerconnection.ice.obfuscate_host_addresses": False,
    "media.autoplay.default": 0,
    "media.autoplay.blocking_policy": 0,
    "remote.active-protocols": 1,
    "intl.accept_languages": "en-GB, en",
    # Nothing but the page under test is asked for.
    "app.normandy.enabled": False,
    "app.update.enabled": False,
    "browser.aboutwelcome.enabled": False,
    "browser.newtabpage.activity-stream.feeds.topsites": False,
    "browser.region.update.enabled": False,
    "browser.safebrowsing.downloads.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.search.update": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.page": 0,
    "datareporting.healthreport.uploadEnabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.update.enabled": False,
    "geo.enabled": False,
    "media.gmp-manager.updateEnabled": False,
    "media.gmp-manager.url": "",
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.dns.disablePrefetch": True,
    "network.prefetch-next": False,
    "services.settings.server": _NOBODY,
    "toolkit.telemetry.server": "",
}

_PRESS: Final = """name => {
  const named = each => (each.ariaLabel ?? each.innerText).replace(/[\\u2066-\\u2069]/g, "").trim() === name;
  const usable = each => each.checkVisibility() && !each.disabled;
  const place = document.querySelector("dialog[open]") ?? document;
  const found = [...place.querySelectorAll("button")].find(each => named(each) && usable(each));
  found?.click();
  return Boolean(found);
}"""
_FIELD: Final = """label =>
  [...document.querySelectorAll("input, textarea")].find(
    field => field.checkVisibility() && [...field.labels].some(each => each.innerText.trim() === label))"""
_WRITE: Final = f"""([label, text]) => {{
  const field = ({_FIELD})(label);
  if (!field) return false;
  field.value = text;
  for (const kind of ["input", "change"]) field.dispatchEvent(new Event(kind, {{ bubbles: true }}));
  return true;
}}"""
_TICK: Final = f"""label => {{
  const field = ({_FIELD})(label);
  if (field && !field.checked) field.click();
  return Boolean(field);
}}"""


class Firefox:
    """The browser, as a context manager. `microphone` [Hz] is what it sends, at some -20 dB."""

    def __init__(self, background: Background, microphone: int = 440) -> None:
        self._background = background
        self._folder = Folder("ff")
        self._port = free_port()
        self._bidi: BiDi | None = None
        self._complaints: dict[str, list[str]] = {}
        preferences = _PREFERENCES | {"media.navigator.audio.fake_frequency": microphone}
        lines = (
            f"user_pref({json.dumps(key)}, {json.dumps(value)});\n" for key, value in preferences.items()
        )
        (self._folder.path / "user.js").write_text("".join(lines))
        environment = environment_without("DISPLAY") | {
            "HOME": str(self._folder.path),
            "MOZ_CRASHREPORTER_DISABLE": "1",
            "MOZ_HEADLESS_WIDTH": "1280",
            "MOZ_HEADLESS_HEIGHT": "800",
        }
        argv: list[str | Path] = [EXECUTABLE, "--headless", "--no-remote", "--profile", self._folder.path]
        self.child = Child(
            [*argv, "--remote-debugging-port", str(self._port), "about:blank"],
            self._folder.path / "log",
            environment=environment,
        )

    def __enter__(self) -> Self:
        self.child.__enter__()
        try:
            self.child.wait_text("WebDriver BiDi listening", 60)
            self._background.run(self._connect())
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    async def _connect(self) -> None:
        self._bidi = await BiDi.open(self._port, self._event)
        await self._bidi.call("session.subscribe", {"events": ["log.entryAdded"]})

    def _event(self, method: str, parameters: Any) -> None:
        if method == "log.entryAdded" and parameters["level"] == "error":
            context = parameters["source"].get("context", "")
            self._complaints.setdefault(context, []).append(str(parameters["text"]))

    def _close(self) -> None:
        if self._bidi is not None:
            self._background.run(self._bidi.close())
        self.child.end(grace=10)
        self._folder.remove()

    def tab(self, url: str, circumstances: Circumstances = PLAIN) -> FirefoxTab:
        """A tab at a page. Storage is shared by all tabs."""
        if self._bidi is None:
            raise RuntimeError("Firefox was not started")
        context = self._background.run(self._open(self._bidi, url, circumstances))
        return FirefoxTab(self._background, self._bidi, context, self._complaints.setdefault(context, []))

    async def _open(self, bidi: BiDi, url: str, circumstances: Circumstances) -> str:
        made = await bidi.call("browsingContext.create", {"type": "tab"})
        context = str(made["context"])
        script = f"() => {{ {circumstances.script()} }}"
        await bidi.call("script.addPreloadScript", {"functionDeclaration": script, "contexts": [context]})
        await bidi.call("browsingContext.navigate", {"context": context, "url": url, "wait": "interactive"})
        return context


class FirefoxTab(Tab):
    """One tab."""

    def __init__(self, background: Background, bidi: BiDi, context: str, complaints: list[str]) -> None:
        self._background = background
        self._bidi = bidi
        self._context = context
        self._complaints = complaints

    def _call(self, method: str, **parameters: object) -> Any:
        return self._background.run(self._bidi.call(method, {"context": self._context, **parameters}))

    def evaluate(self, script: str, argument: object = None) -> Any:
        expression = (
            f"(async () => {{ let found = ({script});"
            f" if (typeof found === 'function') found = found({json.dumps(argument)});"
            " return JSON.stringify(await found) ?? 'null'; })()"
        )
        asked = {"expression": expression, "target": {"context": self._context}}
        options = {"awaitPromise": True, "userActivation": True}
        result = self._background.run(self._bidi.call("script.evaluate", asked | options))
        if result["type"] == "exception":
            raise RuntimeError(result["exceptionDetails"]["text"])
        return json.loads(result["result"]["value"])

    def press(self, name: str) -> None:
        self.wait(_PRESS, name)

    def write(self, label: str, text: str) -> None:
        self.wait(_WRITE, [label, text])

    def tick(self, label: str) -> None:
        self.wait(_TICK, label)

    def open(self, url: str) -> None:
        self._call("browsingContext.navigate", url=url, wait="interactive")

    def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self._call("browsingContext.captureScreenshot")["data"]))

    def close(self) -> None:
        self._call("browsingContext.close")

    def complaints(self) -> list[str]:
        return list(self._complaints)
