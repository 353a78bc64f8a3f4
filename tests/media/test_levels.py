"""Keeps: levels that peers tell spare decoding and let no liar in; each packet tells how loud it is (RFC 6464)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.media import contract
from tests.media.bench_leg import BenchLeg
from tests.media.phones import Phone, Studio, negotiated
from tests.mixer.sounds import clicks_db, sine, tone_db

LOUD_DBOV, SOFT_DBOV = 23, 43  # of sines of amplitude 0.1 and 0.01


def crowd(tells: bool, count: int = 14) -> list[Phone]:
    """Opus talkers, two of them loud, so many that not all are mixed."""
    phones = [Phone(f"leg{n}", "opus", 400 + 100 * n, 0.1 if n < 2 else 0.01) for n in range(count)]
    for phone in phones:
        if tells:
            phone.level = LOUD_DBOV if phone.hertz < 600 else SOFT_DBOV
    return phones


def decoded(studio: Studio, ticks: int) -> int:
    studio.run(ticks)
    return sum(result.decoded_frames for result in studio.results[-ticks:])


def test_who_tells_his_level_is_decoded_only_when_he_is_mixed() -> None:
    silent_about_it, telling = Studio(*crowd(False)), Studio(*crowd(True))
    for studio in (silent_about_it, telling):
        studio.seat(*studio.phones, loudest=4)
        studio.run(60)
    assert decoded(telling, 40) <= 40 * 5
    assert decoded(silent_about_it, 40) > 40 * 6


def test_a_new_talker_gets_in_by_his_level() -> None:
    phones = crowd(True)
    studio = Studio(*phones, Phone("listener", "PCMU"))
    studio.seat(*studio.phones, loudest=4)
    studio.run(60)
    assert studio.phones["listener"].hears_db(1600, 40, 60) < -55
    phones[12].say(sine(1600, 3, 0.1))
    phones[12].level = LOUD_DBOV
    studio.run(60)
    assert studio.phones["listener"].hears_db(1600, 90, 120) > -25


def test_a_liar_does_not_get_in() -> None:
    phones = crowd(True)
    liar = phones[13]
    liar.say(sine(1700, 3, 0.001))
    liar.level = 0
    studio = Studio(*phones, Phone("listener", "PCMU"))
    studio.seat(*studio.phones, loudest=4)
    studio.run(100)
    listener = studio.phones["listener"]
    assert listener.hears_db(1700, 50, 100) < -62
    assert listener.hears_db(400, 50, 100) > -25
    assert not any("leg13" in legs for _, legs in studio.talking())


def test_many_liars_do_not_keep_a_talker_out() -> None:
    talker, liars = Phone("talker", "opus", 500, 0.1), [Phone(f"liar{n}", "opus", 0) for n in range(40)]
    talker.level = LOUD_DBOV
    for liar in liars:
        liar.level = 0
    studio = Studio(*liars, talker, Phone("listener", "PCMU"))
    studio.seat(*studio.phones, loudest=4)
    studio.run(500)
    heard = studio.phones["listener"].heard(450, 500)
    assert tone_db(heard, 500) > -25 and clicks_db(heard) < -40
    assert decoded(studio, 50) < 50 * 20  # they are listened to now and then, as those who tell nothing


def test_when_levels_stop_he_is_listened_to_again() -> None:
    phones = crowd(True)
    studio = Studio(*phones, Phone("listener", "PCMU"))
    studio.seat(*studio.phones, loudest=4)
    studio.run(60)
    for phone in phones:
        phone.level = None
    phones[12].say(sine(1600, 3, 0.1))
    studio.run(60)
    assert studio.phones["listener"].hears_db(1600, 90, 120) > -25


@pytest.mark.parametrize("codec", ["opus", "PCMU", "G722"])
@pytest.mark.parametrize("ptime_ms", [10, 20, 60])
def test_each_packet_tells_its_level_and_is_encoded_once(codec: str, ptime_ms: int) -> None:
    listeners = [Phone(name, codec, ptime_ms=ptime_ms) for name in ("a", "b")]
    studio = Studio(Phone("talker", "PCMU", 700, 0.1), *listeners)
    studio.tell(
        contract.ConfigureLeg("a", replace(negotiated(codec, ptime_ms), level_id=1)),
        contract.ConfigureLeg("b", replace(negotiated(codec, ptime_ms))),
    )
    studio.seat("talker", "a", "b")
    studio.run(60)
    assert listeners[0].packets == listeners[1].packets
    assert set(listeners[0].levels[-10:]) == {LOUD_DBOV}
    studio.seat("a", "b")
    studio.run(30)
    assert min(listeners[0].levels[-5:]) > 60


def test_without_anybody_who_asks_nothing_is_measured() -> None:
    studio = Studio(Phone("talker", "PCMU", 700, 0.1), Phone("a", "opus"))
    studio.seat("talker", "a")
    studio.run(30)
    assert set(studio.phones["a"].levels) == {127}


def test_a_leg_tells_the_loudest_level_since_it_was_asked() -> None:
    leg = BenchLeg()
    leg.configure(level_id=3)
    assert leg.session.take_level() is None
    for level in (40, 20, 127):
        leg.hear(leg.packet(extension=bytes.fromhex("bede0001 30") + bytes([0x80 | level]) + bytes(2)))
    assert leg.session.take_level() == 20
    assert leg.session.take_level() is None
