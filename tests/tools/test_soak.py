"""The soak tells growth from noise, and its visitors come and go on a real bridge without leaving anything behind."""

from __future__ import annotations

import argparse
import math
import os
import re
import socket

import pytest

from tools.bench.server import Server
from tools.load import processes, speech
from tools.load.speech import Codec
from tools.soak import Looks, growth, soak


def test_growth_is_the_slope_in_megabytes_an_hour() -> None:
    times = [10.0 * n for n in range(60)]
    steady = growth(times, [50e6 + 2e6 * at / 3600 for at in times])
    assert steady.megabytes_an_hour == pytest.approx(2.0)
    assert steady.deviation < 0.01
    swinging = growth(times, [50e6 + 1e5 * (n % 2) for n in range(60)])
    assert abs(swinging.megabytes_an_hour) < 3 * swinging.deviation
    assert math.isnan(growth(times[:2], [1.0, 2.0]).megabytes_an_hour)


def test_a_footprint_is_that_of_the_process() -> None:
    before = processes.footprint(os.getpid())
    with socket.socket(), socket.socket():
        held = processes.footprint(os.getpid())
    assert held.files - before.files == 2
    assert held.rss_bytes > 10e6 and held.threads >= 1
    assert not processes.is_running(os.getpid(), "bridge.media.process")


def test_g722_is_spoken_and_understood() -> None:
    loop = speech.encode(speech.beep(), Codec.G722)
    assert {len(payload) for payload in loop} == {160}
    sound = speech.decode(list(loop), Codec.G722)
    assert {len(frame) for frame in sound} == {160}
    assert max(sound[1]) > 0.4 and max(sound[20]) < 0.01


def test_visitors_come_and_go(capsys: pytest.CaptureFixture[str]) -> None:
    words = argparse.Namespace(minutes=0.04, calls=4, change_every=0.4, look_every=0.4)
    with Server(rooms=("100", "101"), tones=True) as server:
        looks = soak(server, ("100", "101"), words)
    table = capsys.readouterr().out.splitlines()
    # On a machine that does other things as well, the bridge may turn a caller away.
    assert re.fullmatch(r"\d+ calls, [012] failed, 0 hung up on", table[-1])
    assert len(table) >= 7
    control, media = looks.summary(0.0)
    assert control.startswith("control ") and media.startswith("media 0 ")
    assert Looks().summary(0.0) == []
