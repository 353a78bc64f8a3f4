"""Prompts queue, interrupt, loop, stop and end as the contract says; the room is soft under them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bridge.media.contract import Play, StopPlay
from mixer.pcm import level
from tests.media.phones import Phone, Studio
from tests.media.test_prompts import write
from tests.mixer.sounds import clicks_db, sine, tone_db

GONE_DB = -62.0
LOUD_DB = -15.0  # of a prompt, 0.2


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Prompts p1000, p1300 and p1700: half a second of that tone; `long`: 3 s of 2000 Hz; `short`: 30 ms."""
    for hertz in (1000, 1300, 1700):
        write(tmp_path / "en" / f"p{hertz}.wav", sine(hertz, 0.5, 0.2))
    write(tmp_path / "en" / "long.wav", sine(2000, 3, 0.2))
    write(tmp_path / "en" / "short.wav", sine(2300, 0.03, 0.2))
    return tmp_path


def play(name: str, legs: str, *prompts: str, loop: bool = False, interrupt: bool = False) -> Play:
    return Play(name, tuple(legs), prompts, "en", loop, interrupt)


def studio_of(legs: str, folder: Path, codec: str = "PCMU") -> Studio:
    return Studio(*(Phone(leg, codec) for leg in legs), folders=[folder])


def heard(studio: Studio, leg: str, hertz: float, first: int, last: int) -> bool:
    db = studio.phones[leg].hears_db(hertz, first, last)
    assert db > -35 or db < GONE_DB, f"{leg} hears {hertz} at {db:.1f}"
    return db > -35


def test_a_prompt_plays_once_and_ends(folder: Path) -> None:
    studio = studio_of("ab", folder)
    studio.run(5)
    studio.tell(play("x", "a", "p1000"))
    studio.run(60)
    assert studio.ended() == [(29, "x")]
    assert studio.phones["a"].hears_db(1000, 6, 29) == pytest.approx(-14, abs=0.5)
    assert not heard(studio, "a", 1000, 31, 60)
    assert not heard(studio, "b", 1000, 5, 31)
    assert clicks_db(studio.phones["a"].heard(1)) < -50


def test_several_prompts_follow_each_other(folder: Path) -> None:
    studio = studio_of("a", folder)
    studio.tell(play("x", "a", "p1000", "short", "p1300"))
    studio.run(70)
    assert studio.ended() == [(25 + 2 + 25 - 1, "x")]
    assert heard(studio, "a", 1000, 2, 24)
    assert heard(studio, "a", 1300, 28, 50)
    assert not heard(studio, "a", 1300, 2, 24)


def test_plays_queue_up(folder: Path) -> None:
    studio = studio_of("a", folder)
    studio.tell(play("x", "a", "p1000"))
    studio.run(10)
    studio.tell(play("y", "a", "p1300"), play("z", "a", "p1700"))
    studio.run(90)
    assert studio.ended() == [(24, "x"), (49, "y"), (74, "z")]
    assert heard(studio, "a", 1300, 27, 48)
    assert heard(studio, "a", 1700, 52, 73)


def test_the_ninth_in_the_queue_is_dropped(folder: Path) -> None:
    studio = studio_of("a", folder)
    studio.tell(*(play(f"x{number}", "a", "short") for number in range(1)))
    studio.run(1)
    studio.tell(*(play(f"y{number}", "a", "short") for number in range(9)))
    studio.run(1)
    assert next(name for _, name in studio.ended()) == "y8"
    studio.run(60)
    assert [name for _, name in studio.ended()] == ["y8", "x0", *(f"y{number}" for number in range(8))]
    assert sum(result.drops.get("play-dropped", 0) for result in studio.results) == 1


def test_all_legs_hear_the_same_and_share_one_encoder(folder: Path) -> None:
    studio = studio_of("abcd", folder, "opus")
    studio.run(5)
    studio.tell(play("x", "abc", "p1000"))
    studio.run(20)
    assert sorted(len(packet.legs) for packet in studio.results[-1].outgoing) == [1, 3]
    studio.run(40)
    assert studio.ended() == [(29, "x")]
    assert [len(packet.legs) for packet in studio.results[-1].outgoing] == [4]


def test_a_play_ends_when_it_has_ended_for_all(folder: Path) -> None:
    studio = studio_of("ab", folder)
    studio.tell(play("x", "a", "p1000"))
    studio.run(10)
    studio.tell(play("y", "ab", "p1300"))
    studio.run(60)
    assert studio.ended() == [(24, "x"), (49, "y")]
    assert heard(studio, "b", 1300, 12, 33)


def test_interrupt_stops_and_empties_the_queue(folder: Path) -> None:
    studio = studio_of("a", folder)
    studio.tell(play("x", "a", "long"), play("y", "a", "p1000"))
    studio.run(20)
    studio.tell(play("z", "a", "p1300", interrupt=True))
    studio.run(60)
    assert studio.ended() == [(20, "y"), (20, "x"), (45, "z")] or studio.ended() == [
        (20, "x"),
        (20, "y"),
        (45, "z"),
    ]
    assert heard(studio, "a", 1300, 22, 45)
    assert not heard(studio, "a", 2000, 22, 60)
    assert not heard(studio, "a", 1000, 22, 80)
    assert clicks_db(studio.phones["a"].heard(1)) < -45


def test_stop_is_at_once_and_soft(folder: Path) -> None:
    studio = studio_of("ab", folder)
    studio.tell(play("x", "ab", "long"))
    studio.run(20)
    studio.tell(StopPlay(("a",)))
    studio.run(30)
    assert studio.ended() == []
    assert not heard(studio, "a", 2000, 22, 50)
    assert heard(studio, "b", 2000, 22, 50)
    assert clicks_db(studio.phones["a"].heard(1)) < -45
    studio.tell(StopPlay(("b", "nobody")))
    studio.run(5)
    assert studio.ended() == [(50, "x")]


def test_a_loop_is_background(folder: Path) -> None:
    studio = studio_of("a", folder)
    studio.tell(play("music", "a", "p1000", loop=True))
    studio.run(60)
    assert heard(studio, "a", 1000, 2, 24)
    assert heard(studio, "a", 1000, 30, 58)
    studio.tell(play("x", "a", "p1300"))
    studio.run(60)
    assert heard(studio, "a", 1300, 61, 84)
    assert not heard(studio, "a", 1000, 62, 84)
    assert heard(studio, "a", 1000, 98, 120)
    assert studio.ended() == [(84, "x")]
    studio.tell(StopPlay(("a",)))
    studio.run(20)
    assert not heard(studio, "a", 1000, 122, 140)
    assert studio.ended()[-1] == (120, "music")


def test_a_new_loop_replaces_the_old(folder: Path) -> None:
    studio = studio_of("a", folder)
    studio.tell(play("one", "a", "p1000", loop=True))
    studio.run(20)
    studio.tell(play("two", "a", "p1300", loop=True))
    studio.run(40)
    assert studio.ended() == [(20, "one")]
    assert heard(studio, "a", 1300, 22, 60)
    assert not heard(studio, "a", 1000, 22, 60)


def test_waiting_music_is_shared(folder: Path) -> None:
    studio = studio_of("abc", folder, "opus")
    for number, leg in enumerate("abc"):
        studio.tell(play(f"m{leg}", leg, "music", loop=True))
        studio.run(30 + number)
    assert [len(packet.legs) for packet in studio.results[-1].outgoing] == [3]
    studio.tell(StopPlay(("b",)))
    studio.run(10)
    assert [name for _, name in studio.ended()] == ["mb"]
    assert level(studio.phones["a"].heard(90)[np.newaxis])[0] > -55
    assert clicks_db(studio.phones["b"].heard(2)) < -60
    studio.tell(StopPlay(("a", "c")))
    studio.run(2)
    assert sorted(name for _, name in studio.ended()) == ["ma", "mb", "mc"]


def test_the_room_is_soft_under_a_prompt(folder: Path) -> None:
    talker, listener = Phone("t", "PCMU", 700, 0.1), Phone("l", "opus")
    studio = Studio(talker, listener, folders=[folder])
    studio.seat("t", "l")
    studio.run(50)
    studio.tell(play("x", "l", "p1300"))
    studio.run(80)
    assert listener.hears_db(700, 20, 50) == pytest.approx(-20, abs=0.5)
    assert listener.hears_db(700, 52, 74) == pytest.approx(-32, abs=0.7)
    assert listener.hears_db(1300, 52, 74) == pytest.approx(-14, abs=0.7)
    assert listener.hears_db(700, 90, 130) == pytest.approx(-20, abs=0.5)
    assert clicks_db(listener.heard(10)) < -45


def test_a_prompt_to_the_whole_room_keeps_its_encoders(folder: Path) -> None:
    phones = [Phone("t", "opus", 700), *(Phone(leg, "opus") for leg in "abc")]
    studio = Studio(*phones, folders=[folder])
    studio.seat("t", *"abc")
    studio.run(30)
    studio.tell(play("x", "tabc", "p1300"))
    studio.run(10)
    assert {result.encoded_frames for result in studio.results[10:]} == {2}
    studio.run(60)
    assert {result.encoded_frames for result in studio.results[10:]} == {2}
    assert heard(studio, "t", 1300, 32, 54)


def test_who_leaves_does_not_hold_up_the_end(folder: Path) -> None:
    studio = studio_of("ab", folder)
    studio.tell(play("x", "ab", "p1000"), play("y", "a", "p1300"), play("z", "ab", "p1300", loop=True))
    studio.run(10)
    studio.close("a")
    studio.run(30)
    assert studio.ended() == [(10, "y"), (24, "x")]


def test_nobody_and_nothing(folder: Path) -> None:
    studio = studio_of("a", folder)
    studio.tell(play("x", "z", "p1000"), play("y", "a"), play("w", "", "p1000"), play("l", "a", loop=True))
    studio.run(3)
    assert sorted(studio.ended()) == [(0, "l"), (0, "w"), (0, "x"), (0, "y")]


def test_a_waiting_leg_hears_its_prompts_alone(folder: Path) -> None:
    studio = Studio(
        Phone("inside", "PCMU", 700), Phone("waits", "PCMU", 900), Phone("other", "opus"), folders=[folder]
    )
    studio.seat("inside", "other")
    studio.tell(Play("x", ("waits",), ("long",), "en"))
    studio.run(60)
    waits = studio.phones["waits"].heard(10)
    assert tone_db(waits, 2000) > -16
    assert tone_db(waits, 700) < GONE_DB
    assert not heard(studio, "inside", 2000, 10, 60)
    assert not heard(studio, "other", 900, 10, 60)


def test_stop_and_play_in_one_tick(folder: Path) -> None:
    studio = studio_of("a", folder)
    studio.tell(play("x", "a", "long"))
    studio.run(10)
    studio.tell(StopPlay(("a",)), play("y", "a", "p1000"))
    studio.run(40)
    assert studio.ended() == [(10, "x"), (35, "y")]
    assert heard(studio, "a", 1000, 12, 34)
