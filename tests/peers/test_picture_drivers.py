"""Real clients show their colours to each other, and what they saw is read back right: no bridge is in between."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pytest

from mixer.layout import tiles
from tests.peers.background import Background
from tests.peers.baresip import Baresip
from tests.peers.camera import everything
from tests.peers.child import wait_until
from tests.peers.chromium import Chromium
from tests.peers.colours import COLOURS, NOBODY, Rgb, clean, colour_of, seats, shown
from tests.peers.linphone import Linphone
from tests.peers.picture_phone import PicturePhone
from tests.peers.tab import Circumstances

_LOOP: Final = """async () => {
  const camera = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
  const screen = await navigator.mediaDevices.getDisplayMedia({ video: true });
  const [near, far] = [new RTCPeerConnection(), new RTCPeerConnection()];
  near.onicecandidate = (event) => far.addIceCandidate(event.candidate);
  far.onicecandidate = (event) => near.addIceCandidate(event.candidate);
  for (const track of [...camera.getVideoTracks(), ...screen.getVideoTracks()]) near.addTrack(track);
  await near.setLocalDescription();
  await far.setRemoteDescription(near.localDescription);
  await far.setLocalDescription();
  await near.setRemoteDescription(far.localDescription);
  return camera.getTracks().map((each) => each.kind);
}"""


def canvas(layout: str, *colours: str) -> Rgb:
    """A picture with these colours in its tiles, each with a light frame and a name below."""
    picture = np.full((360, 640, 3), 30, np.uint8)
    for tile, colour in zip(tiles(layout, len(colours), height=360), colours, strict=True):
        place = picture[tile.y : tile.y + tile.height, tile.x : tile.x + tile.width]
        place[:] = 255
        place[4:-4, 4:-4] = COLOURS.get(colour, (90, 90, 90))
        place[-24:-8, 8:-60] = 240
    return picture


@pytest.mark.parametrize("layout", ["1:0", "4:0", "9:0", "1:7"])
def test_tiles_are_told_by_their_colours(layout: str) -> None:
    names = [*COLOURS, "grey"][: 1 if layout == "1:0" else 4 if layout == "4:0" else 7]
    found = seats(canvas(layout, *names), layout, len(names))
    assert found == [name if name in COLOURS else NOBODY for name in names]


def test_who_is_shown_somewhere_is_found() -> None:
    assert shown(canvas("1:7", "red", "lime", "grey", "cyan")) == {"red", "lime", "cyan"}
    assert shown(canvas("4:0", "grey", "grey")) == set()


def test_a_smear_is_no_colour() -> None:
    picture = canvas("1:0", "blue")
    assert clean(picture[40:-40, 40:-40], "blue") == 1.0
    picture[100:200, 100:200] = (60, 140, 120)
    assert clean(picture, "blue") < 0.96


@pytest.mark.peers
@pytest.mark.parametrize("video", ["H264", "H264-0", "VP8"])
def test_two_baresips_see_each_other(video: str) -> None:
    with (
        Baresip("anna", 400, colour="red", video=video) as anna,
        Baresip("berit", 700, colour="blue", video=video) as berit,
    ):
        anna.dial(berit.uri)
        assert colour_of(berit.snapshot()) == "red"
        assert colour_of(anna.snapshot()) == "blue"
        anna.show("yellow")
        wait_until(lambda: colour_of(berit.snapshot()) == "yellow", 5, lambda: "the other colour")
        assert berit.pictures() > 3


@pytest.mark.peers
@pytest.mark.parametrize("video", ["H264", "VP8"])
def test_linphone_and_baresip_see_each_other(video: str) -> None:
    with (
        Baresip("anna", 400, colour="red", video=video) as anna,
        Linphone("lise", 900, colour="yellow", video=video) as lise,
    ):
        lise.dial(anna.uri)
        assert colour_of(anna.snapshot()) == "yellow"
        assert colour_of(lise.snapshot()) == "red"


@pytest.mark.peers
@pytest.mark.parametrize("video", ["H264", "VP8"])
def test_a_phone_and_baresip_see_each_other(video: str) -> None:
    with (
        Baresip("anna", 400, colour="red", video=video) as anna,
        PicturePhone("pia", ("yellow", "blue"), video) as pia,
    ):
        pia.call(anna.uri)
        assert colour_of(pia.snapshot()) == "red"
        wait_until(lambda: colour_of(anna.snapshot()) == "yellow", 5, lambda: "one colour")
        wait_until(lambda: colour_of(anna.snapshot()) == "blue", 5, lambda: "the other")
        assert pia.faults == []
        pia.camera.lose_in = everything
        time.sleep(0.2)
        start = time.monotonic()
        time.sleep(0.3)
        assert pia.camera.since(start) == []


class _Empty(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>Empty</title>")

    def log_message(self, format: str, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def page() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Empty) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.mark.peers
def test_a_browser_shows_a_camera_and_a_screen_of_ours(page: str) -> None:
    with Background() as background, Chromium(background) as chromium:
        tab = chromium.tab(page, Circumstances(camera="lime", screen="magenta"))
        assert tab.evaluate(_LOOP) == ["audio", "video"]
        tab.wait_connected()
        assert colour_of(tab.snapshot(0)) == "lime"
        assert colour_of(tab.snapshot(1)) == "magenta"
