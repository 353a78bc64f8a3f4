"""A walk through every state that the page can show, for whoever looks at them: axe-core, and the maker of pictures.

Other people are there too: one at the telephone, some at browsers of the cheap kind, one who knocks.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Final

from tests.peers.background import Background
from tests.peers.bridge import BridgeProcess, room
from tests.peers.chromium import Chromium, ChromiumTab
from tests.peers.room_page import RoomPage
from tests.peers.sipphone import SipPhone
from tests.peers.tab import PLAIN, Circumstances
from tests.peers.webrtc_client import Browser

PIN: Final = "246810"
ROOMS: Final[list[dict[str, Any]]] = [
    room("1002", "host-pin", host_pin=PIN, tones=False, name="Consultation", chat=True),
    room("1003", "host-guest-pin", host_pin=PIN, guest_pin="135790", tones=False, name="Case conference"),
]
_DENY: Final = """() => {
  navigator.mediaDevices.getUserMedia = async () => { throw new DOMException("", "NotAllowedError"); };
}"""
_HANG: Final = "() => { window.fetch = () => new Promise(() => {}); }"
State = tuple[str, ChromiumTab]


def walk(bridge: BridgeProcess, background: Background, chromium: Chromium) -> Iterator[State]:
    """(name, tab) of each state; it stays while the caller looks at it. `bridge` has `ROOMS`."""
    yield from _on_the_way(bridge, chromium)
    yield from _in_the_room(bridge, background, chromium)


@contextlib.contextmanager
def _page(
    bridge: BridgeProcess, chromium: Chromium, circumstances: Circumstances = PLAIN
) -> Iterator[tuple[RoomPage, ChromiumTab]]:
    tab = chromium.tab("about:blank", circumstances)
    try:
        yield RoomPage(tab, bridge.web), tab
    finally:
        tab.close()


def _on_the_way(bridge: BridgeProcess, chromium: Chromium) -> Iterator[State]:
    with _page(bridge, chromium, Circumstances(old=True)) as (page, tab):
        tab.open(f"{bridge.web}/1002")
        page.wait_view("unsupported")
        yield "unsupported", tab
    with _page(bridge, chromium) as (page, tab):
        tab.open(bridge.web)
        page.wait_view("start")
        yield "start", tab
        tab.tick("I am the host and have a PIN")
        yield "start of a host", tab
        tab.press("Continue")
        yield "start with mistakes", tab
        page.join("999", "Kari")
        page.wait_text("There is no room with this number")
        yield "start without such a room", tab
        tab.open(f"{bridge.web}/1003")
        tab.evaluate(_DENY)
        tab.write("Your name", "Kari")
        tab.press("Continue")
        page.wait_text("The microphone is not allowed")
        yield "check without a microphone", tab
        tab.open(f"{bridge.web}/1003")
        tab.write("Your name", "Kari")
        tab.press("Continue")
        page.wait_text("Say something")
        yield "check", tab
        tab.press("Join")
        page.wait_view("pin")
        yield "pin", tab
        tab.write("PIN", "0000")
        tab.press("Join")
        page.wait_text("That PIN is not right")
        yield "pin that is wrong", tab
        tab.evaluate(_HANG)
        tab.write("PIN", "0000")
        tab.press("Join")
        page.wait_view("joining")
        yield "joining", tab


def _in_the_room(bridge: BridgeProcess, background: Background, chromium: Chromium) -> Iterator[State]:
    run = background.run
    gina, nils = Browser(bridge.web, "Gina Guest", tone=800), Browser(bridge.web, "Nils Neighbour")
    with (
        _page(bridge, chromium, Circumstances(tone=500)) as (hanna, host),
        _page(bridge, chromium, Circumstances(tone=650)) as (frida, guest),
        SipPhone("phone", tone=None) as phone,
        contextlib.ExitStack() as stack,
    ):
        for person in (gina, nils):
            stack.callback(lambda person: run(person.vanish()), person)
        frida.join("1002", "Frida")
        frida.wait_view("waiting")
        yield "waiting", guest
        frida.tab.press("Stop waiting")
        frida.wait_view("ended")
        yield "ended", guest
        hanna.enter("1002", "Hanna", PIN)
        hanna.wait_people("Hanna")
        yield "room, alone", host
        frida.enter("1002", "Frida")
        run(gina.join("1002", "none"))
        run(gina.connected())
        phone.call(bridge.uri("1002"))
        phone.press("#")
        bridge.wait_conference("1002", timeout=10, inside=4)
        run(gina.about(gina, "buzz"))
        hanna.wait_text("Hand raised")
        hanna.wait_text("Speaking")
        yield "room of a host", host
        yield "room of a guest", guest
        guest.press("Mute")
        frida.wait_text("You are talking, but your microphone is off.")
        yield "room of a guest who talks while muted", guest
        guest.press("Unmute")
        host.press("Lock the room")
        hanna.wait_text("Locked")
        run(nils.join("1002", "none"))
        hanna.wait_knockers("Nils Neighbour")
        yield "room with somebody who knocks", host
        host.press("More about Gina Guest")
        yield "dialog about a person", host
        host.press("Close")
        host.press("Invitation")
        yield "dialog with the invitation", host
        host.press("Close")
        host.press("Devices")
        yield "dialog with devices", host
        host.press("Close")
        host.wait("document.querySelector('.stage').checkVisibility()")
        host.press("Layout")
        hanna.wait_text("1 large, 7 small")
        yield "dialog with layouts", host
        host.press("Close")
        host.press("Mute Gina Guest")
        host.press("Mute all guests")
        frida.wait_text("A host has muted you")
        yield "room of a guest who is muted", guest
        host.press("Chat")
        hanna.wait_text("No messages yet")
        yield "chat, empty", host
        host.press("Close the chat")
        run(gina.ask("message", {"type": "text/plain", "payload": "Good morning, can everybody hear me?"}))
        hanna.wait_text("1 new")
        yield "room with an unread message", host
        host.press("Chat 1 new")
        hanna.wait_text("Good morning")
        host.write("Message to everybody", "Yes, very well.")
        host.press("Send")
        hanna.wait_text("Yes, very well.")
        yield "chat", host
        host.press("Close the chat")
        host.offline(True)
        hanna.wait_text("You have no network")
        yield "room without a network", host
        host.offline(False)
        hanna.tab.wait("!document.body.innerText.includes('You have no network')")
        host.press("End for all")
        yield "dialog to end for all", host
        host.press("Close")
        host.press("More about Frida")
        host.press("Remove from the room")
        frida.wait_view("ended")
        yield "removed", guest
