"""The page without a mouse, in other languages, without a microphone, and with people of odd names.

A host joins and does all that a host does by keyboard alone: the focus is always in sight, and what happens is said to
a screen reader. (EN 301 549 9.2.1.1, 9.2.4.7, 9.4.1.3)
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.peers.background import Background
from tests.peers.bridge import CALM, BridgeProcess, room
from tests.peers.chromium import Chromium, ChromiumTab
from tests.peers.room_page import RoomPage
from tests.peers.sound import hears
from tests.peers.tab import Circumstances
from tests.peers.webrtc_client import Browser

pytestmark = pytest.mark.peers

PIN = "246810"
NILS_HZ = 700.0
MOST_TABS = 60
HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "\"><svg onload='alert(2)'>",
    "<script>alert(3)</script>",
    "javascript:alert(4)",
    "{{constructor.constructor('alert(5)')()}}",
)

_FOCUSED = """() => {
  const one = document.activeElement;
  const label = one.labels && one.labels.length ? one.labels[0].innerText : "";
  const name = (one.getAttribute("aria-label") || label || one.innerText || "").replace(/[\\u2066-\\u2069]/g, "");
  const box = one.getBoundingClientRect();
  const top = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
  const style = getComputedStyle(one);
  return {
    name: name.trim(),
    body: one === document.body,
    seen: Boolean(top) && (one.contains(top) || top.contains(one)),
    marked: style.outlineStyle !== "none" || style.boxShadow !== "none",
  };
}"""
_LISTEN = """() => {
  window.said = [];
  const keep = () => {
    for (const each of document.querySelectorAll("[aria-live]")) if (each.innerText) window.said.push(each.innerText);
  };
  new MutationObserver(keep).observe(document.body, { childList: true, subtree: true, characterData: true });
}"""
_DENY = """() => {
  navigator.mediaDevices.getUserMedia = async () => { throw new DOMException("", "NotAllowedError"); };
}"""
_FITS = "document.scrollingElement.scrollWidth <= window.innerWidth"
_LANGUAGE = "({ lang: document.documentElement.lang, dir: document.documentElement.dir })"


@pytest.fixture(scope="module")
def bridge() -> Iterator[BridgeProcess]:
    rooms = [
        room("1001", "open", tones=False),
        room("1002", "host-pin", host_pin=PIN, tones=False),
        room("1003", "host-pin", host_pin=PIN, tones=False, chat=True),
    ]
    with BridgeProcess(rooms, limits=CALM) as running:
        yield running
        running.stop()
        assert not running.faults()


@pytest.fixture
def tab(chromium: Chromium) -> Iterator[ChromiumTab]:
    found = chromium.tab("about:blank", Circumstances(tone=500))
    yield found
    assert found.complaints() == []
    found.close()


def go_to(tab: ChromiumTab, name: str) -> None:
    """Press Tab until what has that name has the focus; on the way the focus is never out of sight."""
    passed: list[str] = []
    for _ in range(MOST_TABS):
        now = tab.evaluate(_FOCUSED)
        if not now["body"] and passed:
            assert now["seen"] and now["marked"], now
        if now["name"] == name:
            return
        passed.append(now["name"])
        tab.type("Tab")
    raise AssertionError(f"{name} cannot be reached: {passed}")


def press(tab: ChromiumTab, name: str, key: str = "Enter") -> None:
    """Do it by keyboard."""
    go_to(tab, name)
    tab.type(key)


def key_in(tab: ChromiumTab, text: str) -> None:
    """Type into what has the focus."""
    for letter in text:
        tab.type(letter)


def said(tab: ChromiumTab, text: str) -> None:
    """Wait until a screen reader was given that."""
    tab.wait("text => window.said.some(each => each.replace(/[\\u2066-\\u2069]/g, '').includes(text))", text)


def test_a_host_by_keyboard_alone(bridge: BridgeProcess, background: Background, tab: ChromiumTab) -> None:
    run = background.run
    hanna = RoomPage(tab, bridge.web)
    nils = Browser(bridge.web, "Nils", tone=NILS_HZ)
    try:
        tab.open(f"{bridge.web}/1002")
        hanna.wait_view("start")
        tab.evaluate(_LISTEN)
        go_to(tab, "Your name")
        key_in(tab, "Hanna")
        press(tab, "I am the host and have a PIN", "Space")
        go_to(tab, "PIN")
        key_in(tab, PIN)
        tab.type("Enter")
        hanna.wait_view("check")
        press(tab, "Join")
        hanna.wait_view("room")
        tab.wait_connected()

        press(tab, "Lock the room")
        bridge.wait_conference("1002", locked=True)
        run(nils.join("1002", "none"))
        said(tab, "Nils is knocking")
        press(tab, "Admit Nils")
        hanna.wait_people("Hanna", "Nils")
        run(nils.connected())

        press(tab, "Mute Nils")
        run(nils.wait(lambda: nils.people[nils.uuid]["is_muted"] == "YES"))
        press(tab, "More about Nils")
        press(tab, "Make host")
        run(nils.wait(lambda: nils.people[nils.uuid]["role"] == "chair"))

        press(tab, "Invitation")
        hanna.wait_text(f"{bridge.web}/1002")
        told = tab.text()
        assert "1002@" in told and PIN not in told
        tab.type("Escape")
        tab.wait("!document.querySelector('dialog[open]')")
        assert tab.evaluate(_FOCUSED)["name"] == "Invitation", "the focus is back where it was"

        press(tab, "Raise hand")
        run(nils.wait(lambda: any(each["buzz_time"] for each in nils.people.values())))
        press(tab, "Mute")
        run(nils.wait(lambda: any(each["is_client_muted"] for each in nils.people.values())))
        press(tab, "End for all")
        tab.wait("document.querySelector('dialog[open]')")
        press(tab, "End for all")
        hanna.wait_view("ended")
    finally:
        run(nils.vanish())


@pytest.mark.parametrize(
    ("locale", "lang", "direction"),
    [
        ("nb-NO", "nb", "ltr"),
        ("no", "nb", "ltr"),
        ("nn-NO", "nn", "ltr"),
        ("de", "en", "ltr"),
        ("ar-EG", "ar", "rtl"),
    ],
)
def test_the_browsers_language(
    bridge: BridgeProcess, chromium: Chromium, locale: str, lang: str, direction: str
) -> None:
    tab = chromium.tab(f"{bridge.web}/1001", appearance={"locale": locale})
    try:
        tab.wait("document.documentElement.dataset.view === 'start'")
        assert tab.evaluate(_LANGUAGE) == {"lang": lang, "dir": direction}
        tab.appear(dark=False, width=320, height=640)
        assert tab.evaluate(_FITS), "nothing sticks out on a narrow screen"
        assert tab.complaints() == []
    finally:
        tab.close()


def test_another_language_may_be_chosen_and_is_kept(bridge: BridgeProcess, tab: ChromiumTab) -> None:
    page = RoomPage(tab, bridge.web)
    tab.open(f"{bridge.web}/1001")
    page.wait_view("start")
    go_to(tab, "Language")
    for _ in range(3):
        tab.type("ArrowDown")
        if tab.evaluate("document.getElementById('language').value") == "ar":
            break
    tab.wait("document.documentElement.lang === 'ar'")
    assert tab.evaluate(_LANGUAGE) == {"lang": "ar", "dir": "rtl"}
    page.wait_text("اسمك")
    tab.open(f"{bridge.web}/1001")
    tab.wait("document.documentElement.lang === 'ar'")


def test_without_a_microphone_one_may_listen(
    bridge: BridgeProcess, background: Background, tab: ChromiumTab
) -> None:
    nils = Browser(bridge.web, "Nils", tone=NILS_HZ)
    page = RoomPage(tab, bridge.web)
    try:
        background.run(nils.join("1001"))
        background.run(nils.connected())
        tab.open(f"{bridge.web}/1001")
        page.wait_view("start")
        tab.evaluate(_DENY)
        tab.write("Your name", "Kari")
        tab.press("Continue")
        page.wait_text("The microphone is not allowed")
        tab.press("Join without microphone")
        page.wait_view("room")
        tab.wait_connected()
        page.wait_people("Kari", "Nils")
        assert hears(tab.hear(1.5), [NILS_HZ], below_peak_db=25.0) == ([], [])
    finally:
        background.run(nils.vanish())


def test_names_and_messages_are_shown_and_never_run(
    bridge: BridgeProcess, background: Background, tab: ChromiumTab
) -> None:
    """W-03: whatever somebody calls himself, the others read it."""
    run = background.run
    guests = [Browser(bridge.web, name) for name in HOSTILE]
    hanna = RoomPage(tab, bridge.web)
    try:
        hanna.enter("1003", "Hanna", PIN)
        tab.evaluate("() => { window.ran = 0; window.alert = () => { window.ran += 1; }; }")
        for guest in guests[1:]:
            run(guest.join("1003", "none"))
        run(guests[1].ask("message", {"type": "text/plain", "payload": HOSTILE[0]}))
        tab.press("Lock the room")
        hanna.wait_text("Locked")
        run(guests[0].join("1003", "none"))
        hanna.wait_knockers(HOSTILE[0])
        assert hanna.people() == sorted(["Hanna", *HOSTILE[1:]])
        tab.press(f"More about {HOSTILE[1]}")
        hanna.wait_text("Make host")
        tab.press("Close")
        tab.press("Chat 1 new")
        tab.wait("text => document.querySelector('main').innerText.includes(text)", HOSTILE[0])
        made = "document.querySelectorAll('main img, main script, main iframe, [onerror], [onload]').length"
        assert tab.evaluate(made) == 0
        assert tab.evaluate("window.ran") == 0
    finally:
        for guest in guests:
            run(guest.vanish())
