"""Bad networks: after each burst of loss a picture is back within a second, it never smears, and nobody else's suffers.

The lossy camera shows two colours in turn, each over the whole picture: a picture that was put together from parts of
two times has both. A frozen one has the old one, wholly.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.phones import gets_sound
from tests.e2e.watching import Flips, bridge_with, bursts, for_a_while, longest_gap, wait_sees
from tests.peers.background import Background
from tests.peers.bridge import BridgeProcess, room
from tests.peers.cable import Cable
from tests.peers.camera import nothing
from tests.peers.child import wait_until
from tests.peers.chromium import Chromium
from tests.peers.picture_phone import PicturePhone
from tests.peers.tab import Circumstances
from tests.peers.web_caller import WebCaller

pytestmark = [pytest.mark.peers, pytest.mark.timeout(180)]

ANNA, BERT, CARA = ("red", "blue"), ("lime", "magenta"), ("yellow", "cyan")
FLIP_S = 0.4  # between two colours of a camera
BACK_S = 1.0  # within that a picture is back after a burst
SLACK_S = 1.0  # a test machine has other things to do


@pytest.fixture(scope="module")
def bridge() -> Iterator[BridgeProcess]:
    with bridge_with([room("1001", "open", tones=False, layout="4:0")]) as running:
        yield running
        running.stop()
        assert not running.faults()


@contextlib.contextmanager
def three_phones(
    bridge: BridgeProcess, codec: str
) -> Iterator[tuple[PicturePhone, PicturePhone, PicturePhone]]:
    """Each sees the two others, in the order anna, bert, cara."""
    with (
        PicturePhone("anna", ANNA, codec, tone=400) as anna,
        PicturePhone("bert", BERT, tone=700) as bert,
        PicturePhone("cara", CARA, codec, tone=1100) as cara,
    ):
        for phone in (anna, bert, cara):
            phone.call(bridge.uri("1001"))
        for phone in (anna, bert, cara):
            wait_picture(phone)
        wait_until(
            lambda: Flips(cara.camera.since(cara.now - 1), "4:0", 2, 1, BERT).count > 2, 20, lambda: "bert"
        )
        yield anna, bert, cara


def wait_picture(phone: PicturePhone) -> None:
    """Wait until pictures come."""
    wait_until(lambda: len(phone.camera.seen) > 20, 30, lambda: f"{phone.name} sees something")


@pytest.mark.parametrize(("percent", "codec"), [(5, "H264"), (10, "VP8")])
def test_bursts_on_the_way_in(bridge: BridgeProcess, percent: int, codec: str) -> None:
    with three_phones(bridge, codec) as (anna, bert, cara):
        anna.camera.lose_out = bursts(percent)
        start = for_a_while(8.0)
        anna.camera.lose_out = nothing
        seen = cara.camera.since(start)
        lossy, whole = (Flips(seen, "4:0", 2, seat, who) for seat, who in enumerate((ANNA, BERT)))
        print(
            f"{percent} %, {codec}: anna {lossy}; bert {whole}; {anna.camera.asked_for_keys} key frames asked for"
        )
        assert lossy.count > 4
        assert lossy.longest < FLIP_S + BACK_S + SLACK_S
        assert lossy.dirtiest > 0.9, "no smear"
        assert whole.longest < FLIP_S + SLACK_S
        assert longest_gap(seen, start, start + 8) < SLACK_S
        gets_sound(bert, 1.0)


@pytest.mark.parametrize(("percent", "codec"), [(5, "VP8"), (10, "H264")])
def test_bursts_on_the_way_out(bridge: BridgeProcess, percent: int, codec: str) -> None:
    with three_phones(bridge, codec) as (_, bert, cara):
        cara.camera.lose_in = bursts(percent)
        start = for_a_while(8.0)
        cara.camera.lose_in = nothing
        seen, untouched = cara.camera.since(start), bert.camera.since(start)
        print(
            f"{percent} %, {codec}: {cara.camera.broken} holes, {longest_gap(seen, start, start + 8):.2f} s frozen"
        )
        assert cara.camera.broken > 3
        assert longest_gap(seen, start, start + 8) < BACK_S + SLACK_S
        for seat, who in enumerate((ANNA, BERT)):
            assert Flips(seen, "4:0", 2, seat, who).dirtiest > 0.9
        assert longest_gap(untouched, start, start + 8) < SLACK_S
        assert Flips(untouched, "4:0", 2, 0, ANNA).longest < FLIP_S + SLACK_S
        gets_sound(bert, 1.0)


def test_a_storm_of_wishes_for_key_frames_costs_nobody_anything(bridge: BridgeProcess) -> None:
    with three_phones(bridge, "H264") as (anna, bert, _):
        calm = len(bert.camera.since(for_a_while(2.0))) / 2
        before, start = anna.camera.key_frames, bert.now
        while bert.now < start + 4:
            anna.camera.ask_keys(50)
            time.sleep(0.05)
        keys = anna.camera.key_frames - before
        seen = bert.camera.since(start)
        print(f"{keys} key frames in 4 s; bert sees {len(seen) / 4:.1f} pictures a second, {calm:.1f} before")
        assert 2 <= keys <= 6, "one a second"
        assert longest_gap(seen, start, start + 4) < SLACK_S
        assert len(seen) / 4 > 0.7 * calm
        gets_sound(bert, 1.0)


def test_a_key_frame_is_asked_for_in_signalling(bridge: BridgeProcess) -> None:
    """As telephones do that know no feedback (RFC 5168)."""
    wish = (
        '<?xml version="1.0" encoding="utf-8"?><media_control><vc_primitive><to_encoder><picture_fast_update/>'
        "</to_encoder></vc_primitive></media_control>"
    )
    with three_phones(bridge, "H264") as (anna, bert, _):
        before, others = anna.camera.key_frames, bert.camera.key_frames
        assert anna.request("INFO", "application/media_control+xml", wish).status == 200
        wait_until(lambda: anna.camera.key_frames > before, 10, lambda: "a key frame")
        assert bert.camera.key_frames == others, "nobody else gets one"


def test_a_browser_on_a_lossy_line_repairs_what_it_loses(
    bridge: BridgeProcess, background: Background, chromium: Chromium
) -> None:
    """NACK and retransmissions, both ways."""
    with (
        Cable(background, bridge.web_port, bridge.rtc_port) as cable,
        PicturePhone("anna", ANNA, tone=400) as anna,
        contextlib.ExitStack() as stack,
    ):
        anna.call(bridge.uri("1001"))
        circumstances = Circumstances(tone=900, camera="lime", ports={bridge.rtc_port: cable.rtc_port})
        cara = WebCaller(chromium.tab(cable.web, circumstances))
        stack.callback(cara.tab.close)
        cara.call("1001", "Cara")
        wait_sees(anna.snapshot, "4:0", ["lime"], who="anna")
        cable.lose(bursts(5))
        start = for_a_while(6.0)
        cable.lose(nothing)
        found, sent = pictures_of(cara, "inbound-rtp"), pictures_of(cara, "outbound-rtp")
        frozen = found["totalFreezesDuration"]
        print(f"{found['packetsLost']} lost, {found['nackCount']} asked again, {frozen} s frozen, "
              f"{found['framesDecoded']} decoded, {found['keyFramesDecoded']} key frames")  # fmt: skip
        assert found["nackCount"] > 0
        assert found["retransmittedPacketsReceived"] > 0
        assert frozen < 1.5
        seen = anna.camera.since(start)
        assert longest_gap(seen, start, start + 6) < SLACK_S
        assert sent["nackCount"] > 0
        assert sent["retransmittedPacketsSent"] > 0
        wait_sees(anna.snapshot, "4:0", ["lime"], who="anna")


def pictures_of(caller: WebCaller, way: str) -> dict[str, Any]:
    """What a browser tells of its camera's stream, or of what it sees."""
    return next(each for each in caller.tab.statistics(way) if each["kind"] == "video" and each["mid"] == "1")
