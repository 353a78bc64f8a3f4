"""What breaks about pictures costs pictures alone: nobody's sound has a gap, and what can come back comes back.

The video worker is killed; a leg sends nonsense and bombs.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator

import pytest

from tests.e2e.phones import drops
from tests.e2e.vectors import SHARED, shared
from tests.e2e.watching import bridge_with, longest_gap, wait_sees
from tests.peers.bridge import BridgeProcess, room
from tests.peers.child import wait_until
from tests.peers.picture_phone import PicturePhone

pytestmark = [pytest.mark.peers, pytest.mark.timeout(120)]

COLOURS = {"anna": "red", "bert": "blue", "cara": "lime"}
GAP_S = 0.25  # in the packets of sound, which come every 20 ms, on a machine that does other things too


@pytest.fixture(scope="module")
def bridge() -> Iterator[BridgeProcess]:
    with bridge_with([room("1001", "open", tones=False, layout="4:0")]) as running:
        yield running
        running.stop()
        assert not [line for line in running.faults() if "video-worker-lost" not in line]


@contextlib.contextmanager
def three_phones(bridge: BridgeProcess, codec: str = "H264") -> Iterator[list[PicturePhone]]:
    """Each sees the two others."""
    with contextlib.ExitStack() as stack:
        phones = [
            stack.enter_context(PicturePhone(name, (colour,), codec)) for name, colour in COLOURS.items()
        ]
        for phone in phones:
            phone.call(bridge.uri("1001"))
        for phone in phones:
            everybody_else(phone)
        yield phones


def everybody_else(phone: PicturePhone, timeout: float = 30.0) -> None:
    wanted = [colour for name, colour in COLOURS.items() if name != phone.name]
    wait_sees(phone.snapshot, "4:0", wanted, timeout, who=phone.name)


def assert_sound(phones: list[PicturePhone], start: float) -> None:
    """Nobody's sound had a gap since then."""
    for phone in phones:
        got = phone.reception(start)
        print(f"{phone.name}: longest gap {1000 * got.longest_gap:.0f} ms in {got.packets} packets")
        assert got.longest_gap < GAP_S
        assert got.missing == 0


def test_a_killed_video_worker_is_back_and_the_sound_has_not_noticed(bridge: BridgeProcess) -> None:
    with three_phones(bridge) as phones:
        (worker,) = bridge.video_pids()
        start = time.monotonic()
        os.kill(worker, signal.SIGKILL)
        for phone in phones:
            phone.camera.latest = None
        for phone in phones:
            everybody_else(phone, 10.0)
        assert bridge.video_pids() != [worker]
        back = [next(each.at for each in phone.camera.since(start + 0.1)) - start for phone in phones]
        print(f"pictures are back after {max(back):.2f} s")
        assert max(back) < 3.0  # 2 s where the machine has nothing else to do
        assert_sound(phones, start)


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.exists(), reason="the vectors are not beside the project")
@pytest.mark.parametrize(("codec", "kind"), [("H264", "h264"), ("VP8", "vp8")])
def test_nonsense_and_bombs_cost_only_the_picture_of_who_sends_them(
    bridge: BridgeProcess, codec: str, kind: str
) -> None:
    with three_phones(bridge, codec) as phones:
        workers, start, before = bridge.video_pids(), time.monotonic(), sum(drops(bridge).values())
        bomber, *others = phones
        vectors = [each for each in shared(kind) if len(each.data) <= 1400]
        for _ in range(3):
            for vector in vectors:
                bomber.camera.send_raw(vector.data[12:], marker=bool(vector.data[1] & 0x80))
                time.sleep(0.01)
        time.sleep(1.5)
        # Of the two others each one sees the other all the time.
        for phone in others:
            assert longest_gap(phone.camera.since(start), start, time.monotonic()) < 1.0
        assert_sound(phones, start)
        assert sum(drops(bridge).values()) > before
        assert bridge.video_pids() == workers, "no worker had to be started anew"
        # And when he shows something sensible again, he is seen again.
        bomber.camera.want_key()
        for phone in phones:
            everybody_else(phone)


def test_a_thousand_empty_access_units_a_second_make_no_more_pictures(bridge: BridgeProcess) -> None:
    with three_phones(bridge) as phones:
        bomber, *others = phones
        start = time.monotonic()
        while time.monotonic() < start + 2:
            for _ in range(20):
                bomber.camera.send_raw(b"\x09\xf0")
            time.sleep(0.02)
        for phone in others:
            seen = phone.camera.since(start)
            assert longest_gap(seen, start, start + 2) < 1.0
            assert len(seen) < 2.5 * 30
        assert_sound(phones, start)
        wait_until(lambda: len(bridge.video_pids()) == 1, 5, lambda: "one worker")
