"""Everybody sees the others where they should stand, and never himself; and hears them as before.

Real clients, each with a colour and a tone of his own; what they see is read back as pixels.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

import pytest

from bridge.media.endpoint import own_address
from tests.e2e.watching import Look, bridge_with, wait_sees
from tests.peers.background import Background
from tests.peers.baresip import Baresip
from tests.peers.bridge import BridgeProcess, room
from tests.peers.child import wait_until
from tests.peers.chromium import Chromium
from tests.peers.colours import seats
from tests.peers.firefox import Firefox
from tests.peers.linphone import Linphone
from tests.peers.picture_phone import PicturePhone
from tests.peers.sound import Heard, Recording, hears
from tests.peers.tab import Circumstances
from tests.peers.web_caller import WebCaller
from tests.peers.webrtc_client import Browser

pytestmark = [pytest.mark.peers, pytest.mark.timeout(180)]

# In the order in which they come, which is that of the seats.
COLOURS = {"anna": "red", "bert": "blue", "cara": "lime", "frida": "yellow", "eva": "magenta"}
TONES = {"anna": 400, "bert": 700, "cara": 1100, "frida": 1490, "eva": 1900}
# Opus writes a steady tone with sidebands, and Firefox speaks more softly than others.
BELOW_PEAK_DB = 25.0


@pytest.fixture(scope="module")
def bridge() -> Iterator[BridgeProcess]:
    rooms = [
        room("1004", "open", tones=False, layout="4:0"),
        room("1005", "open", tones=False, layout="4:0"),
        room("1007", "open", tones=False, layout="1:7"),
        room("1014", "open", tones=False, layout="4:0", interpreter_aliases=["2014"]),
        room("1017", "open", tones=False, layout="1:7", interpreter_aliases=["2017"]),
    ]
    with bridge_with(rooms) as running:
        yield running
        running.stop()
        assert not running.faults()


def others(name: str, among: list[str]) -> list[str]:
    """The colours of all but one, in the order of seats."""
    return [COLOURS[each] for each in among if each != name]


def wait_hears(name: str, ear: Callable[[], Recording], among: list[str]) -> None:
    """Wait until he hears all the others and not himself."""
    wanted = [float(TONES[each]) for each in among if each != name]
    found: list[Heard] = []

    def right() -> bool:
        found[:] = [hears(ear(), wanted, below_peak_db=BELOW_PEAK_DB)]
        return found == [([], [])]

    wait_until(right, 15, lambda: f"{name} hears {wanted}: {found}")


def newest_second(peer: Baresip) -> Recording:
    """Of what it has heard."""
    time.sleep(0.5)
    heard = peer.heard()[-1]
    return heard.cut(max(0.0, heard.seconds - 1.0))


def test_four_real_clients_and_a_fifth(
    bridge: BridgeProcess, background: Background, chromium: Chromium
) -> None:
    if not own_address():
        pytest.skip("Firefox has no sound on a machine without a network")
    four, run = [*COLOURS][:4], background.run
    with (
        Baresip("anna", TONES["anna"], colour=COLOURS["anna"]) as anna,
        Baresip("bert", TONES["bert"], colour=COLOURS["bert"], video="H264-0", transport="tls",
                security="srtp-mand") as bert,
        Firefox(background, microphone=TONES["frida"]) as firefox,
        contextlib.ExitStack() as stack,
    ):  # fmt: skip
        anna.dial(bridge.uri("1004"))
        bert.dial(bridge.uri("1004", "tls"))
        bridge.wait_conference("1004", timeout=10, inside=2)
        cara = WebCaller(chromium.tab(bridge.web, Circumstances(tone=TONES["cara"], camera=COLOURS["cara"])))
        stack.callback(cara.tab.close)
        cara.call("1004", "Cara", layers=True)
        frida = WebCaller(firefox.tab(bridge.web, Circumstances(camera=COLOURS["frida"])))
        frida.call("1004", "Frida")
        looks: dict[str, Look] = {
            "anna": anna.snapshot,
            "bert": bert.snapshot,
            "cara": cara.tab.snapshot,
            "frida": frida.tab.snapshot,
        }
        for name, look in looks.items():
            wait_sees(look, "4:0", others(name, four), who=name)
        wait_hears("anna", lambda: newest_second(anna), four)
        wait_hears("bert", lambda: newest_second(bert), four)
        wait_hears("cara", lambda: cara.tab.hear(1.0), four)
        wait_hears("frida", lambda: frida.tab.hear(1.0), four)

        # A fifth sees the four, and each of them the four others, in their old seats and he in what is left.
        eva = Browser(bridge.web, "Eva", tone=TONES["eva"], colour=COLOURS["eva"])
        stack.callback(lambda: run(eva.vanish()))
        run(eva.join("1004"))
        run(eva.connected())
        wait_sees(lambda: run(eva.snapshot()), "4:0", others("eva", four), who="eva")
        for name, look in looks.items():
            wait_sees(look, "4:0", others(name, [*COLOURS]), who=name)
        run(eva.leave())
        for name, look in looks.items():
            wait_sees(look, "4:0", others(name, four), who=name)


def test_a_voice_moves_seats_only_where_one_is_large(bridge: BridgeProcess) -> None:
    names = [*COLOURS][:4]
    for number, layout in (("1005", "4:0"), ("1007", "1:7")):
        with contextlib.ExitStack() as stack:
            phones = [stack.enter_context(PicturePhone(name, (COLOURS[name],), tone=None)) for name in names]
            for phone in phones:
                phone.call(bridge.uri(number))
            *talkers, watcher = phones
            wait_sees(watcher.snapshot, layout, others(watcher.name, names), who=f"{number} at first")
            for talker in (talkers[2], talkers[1]):
                talker.voice.tone = 600.0
                order = [COLOURS[each.name] for each in talkers]
                if layout == "1:7":
                    wait_first(watcher, COLOURS[talker.name])
                    # Who talks sees somebody else there.
                    wait_first(talker, COLOURS[talker.name], there=False)
                else:
                    time.sleep(2.5)
                    wait_sees(watcher.snapshot, layout, order, who="the watcher of a grid")
                talker.voice.tone = None
                time.sleep(0.5)


def wait_first(phone: PicturePhone, colour: str, there: bool = True) -> None:
    """Wait until that one is in the large seat of 1:7, with two others, or is there no longer."""
    wait_until(
        lambda: (seats(phone.snapshot(), "1:7", 3)[0] == colour) is there,
        12,
        lambda: f"{colour} in the large seat: {seats(phone.snapshot(), '1:7', 3)}",
    )


def test_linphone_sees_and_is_seen(bridge: BridgeProcess) -> None:
    with (
        Linphone("anna", TONES["anna"], colour=COLOURS["anna"], video="VP8") as anna,
        PicturePhone("bert", (COLOURS["bert"],)) as bert,
        PicturePhone("cara", (COLOURS["cara"],), "VP8") as cara,
    ):
        names = ["anna", "bert", "cara"]
        anna.dial(bridge.uri("1005"))
        bert.call(bridge.uri("1005"))
        cara.call(bridge.uri("1005"))
        for name, peer in (("anna", anna), ("bert", bert), ("cara", cara)):
            wait_sees(peer.snapshot, "4:0", others(name, names), who=name)
        anna.hang_up()


@pytest.mark.parametrize(("number", "layout"), [("1014", "4:0"), ("1017", "2:21")])
def test_an_interpreter_is_as_large_as_who_talks(bridge: BridgeProcess, number: str, layout: str) -> None:
    """Whoever talks: all three see the two others equally large (in 1:7 side by side, as "2:21" has it)."""
    names = ["anna", "bert", "cara"]
    with contextlib.ExitStack() as stack:
        phones = {
            name: stack.enter_context(PicturePhone(name, (COLOURS[name],), tone=None)) for name in names
        }
        phones["anna"].call(bridge.uri(number))
        phones["bert"].call(bridge.uri(number))
        phones["cara"].call(bridge.uri(f"2{number[1:]}"))
        for talker in (None, *names):
            for name, phone in phones.items():
                phone.voice.tone = 600.0 if name == talker else None
            if talker:
                time.sleep(1.5)
            # The interpreter comes last: in a grid as he came, beside a large picture as the second large one.
            for name in ("anna", "bert"):
                wait_sees(phones[name].snapshot, layout, others(name, names), who=f"{name}, {talker} talks")
