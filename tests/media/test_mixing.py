"""Everybody hears all others and never himself; who has no seat is not heard and hears nothing of the room."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.media import contract
from bridge.media.mixing import AudioMixer, Job, Loss, Received
from bridge.rtp.units import Unit, UnitKind
from mixer.pcm import FRAME, level
from mixer.plan import Plan, Seat
from tests.media.phones import Phone, Studio, coded, group, negotiated, tones
from tests.mixer.sounds import clicks_db, sine, tone_db

ALL_CODECS = ("opus", "PCMA", "G722", "PCMU")
# Own tone or a stranger's: at most this. Codecs' own noise at the tone's place is what is left.
GONE_DB = -62.0


def check_n_minus_1(phones: list[Phone], first: int, last: int, loud_db: float) -> None:
    for phone, own in zip(phones, tones(len(phones)), strict=True):
        heard = phone.heard(first, last)
        for hertz in tones(len(phones)):
            db = tone_db(heard, hertz)
            if hertz == own:
                assert db < GONE_DB, f"{phone.leg} hears himself at {db:.1f}"
            else:
                assert db == pytest.approx(loud_db, abs=1.5), f"{phone.leg} hears {hertz} at {db:.1f}"


@pytest.mark.parametrize("count", range(2, 10))
def test_n_minus_1_with_all_codecs(count: int) -> None:
    phones = group(count, ALL_CODECS)
    studio = Studio(*phones)
    studio.seat(*studio.phones)
    studio.run(70)
    check_n_minus_1(phones, 35, 70, 20 * np.log10(0.03))


def test_alone_one_hears_faint_noise() -> None:
    phone = Phone("a", "PCMU", 1000)
    studio = Studio(phone)
    studio.seat("a")
    studio.run(60)
    heard = phone.heard(20)
    assert -70 < level(heard[np.newaxis])[0] < -55
    assert tone_db(heard, 1000) < -75


def test_more_than_k_talkers_give_the_k_loudest() -> None:
    phones = group(14, ("PCMA",), 0.01)
    for phone in phones[:3]:
        phone.say(sine(tones(14)[int(phone.leg[3:])], 3, 0.05))
    studio = Studio(*phones, Phone("silent", "PCMA"))
    studio.seat(*studio.phones, loudest=3)
    studio.run(150)
    for hertz in tones(14)[:3]:
        assert studio.phones["silent"].hears_db(hertz, 100, 150) == pytest.approx(-26, abs=1.5)
    for hertz in tones(14)[3:]:
        assert studio.phones["silent"].hears_db(hertz, 100, 150) < GONE_DB
    assert phones[0].hears_db(tones(14)[0], 100, 150) < GONE_DB
    assert phones[0].hears_db(tones(14)[1], 100, 150) == pytest.approx(-26, abs=1.5)


@pytest.mark.parametrize("codec", ALL_CODECS)
def test_a_talker_in_a_full_room_is_heard_within_100_ms(codec: str) -> None:
    phones = [Phone(f"leg{number}", codec) for number in range(40)]
    studio = Studio(*phones)
    studio.seat(*studio.phones)
    for number in range(8):  # all places are taken by faint talkers
        phones[number].say(sine(300, 2, 0.004))
    studio.run(73)
    phones[30].say(sine(1000, 2, 0.1))
    studio.run(30)
    heard = phones[39].heard(73)
    frames = [tone_db(heard[at : at + 960], 1000) for at in range(0, 20 * 960, 960)]
    assert next(number for number, db in enumerate(frames) if db > -26) <= 5


@pytest.mark.parametrize("codec", ["opus", "PCMU", "G722"])
def test_coming_and_going_talkers_do_not_click(codec: str) -> None:
    listener = Phone("listener", "opus")
    phones = [Phone(f"leg{number}", codec) for number in range(6)]
    studio = Studio(listener, *phones)
    for number, phone in enumerate(phones):
        phone.say(sine(380 + 40 * number, 6, 0.1))
    studio.seat("listener", *(phone.leg for phone in phones), loudest=3)
    studio.run(30)
    for number in range(12):
        studio.phones[f"leg{number % 6}"].talks = number % 5 < 3
        studio.run(11)
        seats = [Seat(phone.leg, heard=(number + index) % 3 > 0) for index, phone in enumerate(phones)]
        studio.seat("listener", *seats, loudest=3)
        studio.run(11)
    heard = listener.heard(30)
    assert level(heard[np.newaxis])[0] > -35
    assert clicks_db(heard) < -40


@pytest.mark.parametrize("ptime_ms", [10, 20, 60])
@pytest.mark.parametrize("codec", ALL_CODECS)
def test_changing_between_the_shared_mix_and_ones_own_does_not_click(codec: str, ptime_ms: int) -> None:
    talker, other = Phone("talker", "PCMU", 640, 0.1), Phone("other", codec, ptime_ms=ptime_ms)
    changing = Phone("changing", codec, 1000, 0.05, ptime_ms)
    changing_units, changing.talks = Phone("changing", "PCMU", 1000, 0.05), False
    studio = Studio(talker, other, changing)
    studio.tell(contract.ConfigureLeg("changing", replace(changing.negotiated, receive={0: "PCMU"})))
    changing.units = changing_units.units  # type: ignore[method-assign]
    studio.seat("talker", "other", "changing")
    for number in range(6):
        changing_units.talks = number % 2 == 1
        studio.seat("talker", "other", Seat("changing", heard=number % 3 > 0))
        studio.run(30)
    encoded = {len(result.outgoing) for result in studio.results[60:]}
    assert len(encoded) > 1  # it did change
    heard = changing.heard(30)
    assert tone_db(heard, 640) == pytest.approx(-20, abs=1)
    assert clicks_db(heard) < (-40 if codec == "G722" else -50)
    assert tone_db(heard, 1000) < -55


def test_gain_is_applied_and_changes_softly() -> None:
    talker, listener = Phone("talker", "PCMU", 500, 0.1), Phone("listener", "opus")
    studio = Studio(talker, listener)
    studio.seat(Seat("talker", gain=0.5), "listener")
    studio.run(60)
    studio.seat(Seat("talker", gain=2.0), "listener")
    studio.run(60)
    assert listener.hears_db(500, 30, 60) == pytest.approx(-26, abs=0.7)
    assert listener.hears_db(500, 90, 120) == pytest.approx(-14, abs=0.7)
    assert clicks_db(listener.heard(10)) < -45


def test_the_muted_are_not_heard_and_hear() -> None:
    one, other = Phone("one", "PCMU", 600), Phone("other", "opus", 900)
    studio = Studio(one, other)
    studio.seat(Seat("one", heard=False), "other")
    studio.run(60)
    assert one.hears_db(900, 30, 60) > -25
    assert other.hears_db(600, 30, 60) < GONE_DB


def test_who_does_not_hear_is_heard() -> None:
    one, other = Phone("one", "PCMU", 600), Phone("other", "opus", 900)
    studio = Studio(one, other)
    studio.seat(Seat("one", hears=False), "other")
    studio.run(60)
    assert one.hears_db(900, 30, 60) < GONE_DB
    assert other.hears_db(600, 30, 60) > -25


def test_conferences_do_not_hear_each_other() -> None:
    phones = group(4, ALL_CODECS, 0.1)
    studio = Studio(*phones)
    studio.seat("leg0", "leg1", conference="1")
    studio.seat("leg2", "leg3", conference="2")
    studio.run(60)
    for listener in range(4):
        for talker in range(4):
            db = phones[listener].hears_db(tones(4)[talker], 30, 60)
            assert (db > -25) == (talker == listener ^ 1)


def test_moving_to_another_conference() -> None:
    phones = group(3, ("opus",), 0.1)
    studio = Studio(*phones)
    studio.seat("leg0", "leg1", conference="1")
    studio.seat("leg2", conference="2")
    studio.run(50)
    studio.seat("leg1", "leg2", conference="2")
    studio.run(50)
    assert phones[1].hears_db(tones(3)[0], 20, 50) > -25
    assert phones[1].hears_db(tones(3)[0], 60, 100) < GONE_DB
    assert phones[1].hears_db(tones(3)[2], 60, 100) > -25
    assert phones[0].hears_db(tones(3)[1], 60, 100) < GONE_DB
    assert clicks_db(phones[1].heard(5)) < -40
    studio.seat(conference="1")
    studio.seat(conference="2")
    studio.run(50)
    assert all(phone.hears_db(hertz, 110, 150) < GONE_DB for phone in phones for hertz in tones(3))


@pytest.mark.parametrize("count", [30, 101])
def test_all_share_one_encoder_but_the_talkers(count: int) -> None:
    phones = [Phone(f"leg{number}", "opus", 400 if number < 2 else 0) for number in range(count)]
    studio = Studio(*phones)
    studio.seat(*studio.phones)
    studio.run(60)
    last = studio.results[-1]
    assert sorted(len(packet.legs) for packet in last.outgoing) == [1, 1, count - 2]
    assert last.encoded_frames == 3
    assert last.decoded_frames < 15
    assert sum(len(packet.legs) for packet in last.outgoing) == count


def test_the_same_sound_in_two_laws_and_two_lengths() -> None:
    phones = [
        Phone("a", "PCMU", 700),
        Phone("b", "PCMU"),
        Phone("c", "PCMA"),
        Phone("d", "PCMU", ptime_ms=60),
        Phone("e", "PCMU", ptime_ms=10),
    ]
    studio = Studio(*phones)
    studio.seat(*studio.phones)
    studio.run(90)
    for phone in phones[1:]:
        assert phone.hears_db(700, 30, 90) > -25, phone.leg
    assert {samples for _, _, samples, _ in phones[3].packets} == {2880}
    assert {samples for _, _, samples, _ in phones[4].packets} == {480}
    assert len(phones[3].packets) == 30
    assert len(phones[4].packets) == 180


@pytest.mark.parametrize("codec", ALL_CODECS)
@pytest.mark.parametrize("ptime_ms", [10, 20, 30, 40, 60])
def test_packet_lengths(codec: str, ptime_ms: int) -> None:
    talker, listener = Phone("talker", "opus", 800), Phone("listener", codec, ptime_ms=ptime_ms)
    studio = Studio(talker, listener)
    studio.seat("talker", "listener")
    studio.run(120)
    expected = 20 if codec == "opus" and ptime_ms == 30 else ptime_ms
    assert {samples for _, _, samples, _ in listener.packets} == {expected * 48}
    assert abs(sum(samples for _, _, samples, _ in listener.packets) - 120 * FRAME) < expected * 48
    heard = listener.heard(24, 120)
    assert tone_db(heard, 800) == pytest.approx(-20, abs=1)
    assert clicks_db(heard) < -45


@pytest.mark.parametrize("ptime_ms", [10, 20, 40, 60])
@pytest.mark.parametrize("codec", ["opus", "PCMA", "G722"])
def test_packets_of_any_length_are_understood(codec: str, ptime_ms: int) -> None:
    samples = ptime_ms * 48
    payloads = coded(codec, sine(700, 2.4, 0.1), samples)
    listener = Phone("listener", "PCMU")
    audio = negotiated(codec)
    mixer = AudioMixer()
    plan = contract.SetPlan(Plan("1", (Seat("talker"), Seat("listener"))))
    commands: list[contract.Command | Loss] = [
        contract.ConfigureLeg("talker", audio),
        contract.ConfigureLeg("listener", listener.negotiated),
        plan,
    ]
    for tick in range(120):
        first, last = -(-tick * FRAME // samples), -(-(tick + 1) * FRAME // samples)
        units = tuple(
            Unit(UnitKind.PACKET, audio.payload_type, payloads[n], samples) for n in range(first, last)
        )
        received = [Received("talker", units)] if units else []
        for packet in mixer.tick(Job([] if tick else commands, received)).outgoing:
            if "listener" in packet.legs:
                listener.packets.append((tick, packet.payload, packet.samples, packet.marker))
    assert listener.hears_db(700, 30, 118) == pytest.approx(-20, abs=0.7)
    assert clicks_db(listener.heard(30, 118)) < -45


def test_a_change_of_codec_goes_on() -> None:
    talker, listener = Phone("talker", "PCMU", 800), Phone("listener", "PCMU")
    studio = Studio(talker, listener)
    studio.seat("talker", "listener")
    studio.run(40)
    packets = len(listener.packets)
    replaced = Phone("talker", "opus", 800)
    studio.phones["talker"] = replaced
    studio.tell(contract.ConfigureLeg("talker", replaced.negotiated))
    studio.run(60)
    assert len(listener.packets) == packets + 60
    assert listener.hears_db(800, 50, 100) > -25
    assert clicks_db(listener.heard(5)) < -40
    assert len(talker.packets) == 40
    assert len(replaced.packets) == 60


@pytest.mark.parametrize("kind", [UnitKind.PACKET, UnitKind.SHRINK])
@pytest.mark.parametrize("change", [("PCMU", "opus"), ("opus", "PCMA"), ("G722", "opus"), ("PCMA", "G722")])
def test_a_codec_that_changes_within_a_tick_makes_no_noise(kind: UnitKind, change: tuple[str, str]) -> None:
    shrinks = kind is UnitKind.SHRINK
    samples = 960 if shrinks else 480
    types = {negotiated(codec).payload_type: codec for codec in change}
    listener = Phone("listener", "PCMU")
    talker = replace(negotiated(change[0]), receive=types)
    plan = contract.SetPlan(Plan("1", (Seat("talker"), Seat("listener"))))
    commands: list[contract.Command | Loss] = [
        contract.ConfigureLeg("talker", talker),
        contract.ConfigureLeg("listener", listener.negotiated),
        plan,
    ]
    mixer = AudioMixer()
    (old, new), (before, after) = (coded(codec, sine(700, 2.4, 0.05), samples) for codec in change), types
    for tick in range(60):
        if tick == 30:
            units = [
                Unit(kind, before, old[2 * tick], 0 if shrinks else 480),
                Unit(UnitKind.PACKET, after, new[61], samples),
            ]
        else:
            payloads, payload_type = (old, before) if tick < 30 else (new, after)
            places = [tick] if shrinks else [2 * tick, 2 * tick + 1]
            units = [Unit(UnitKind.PACKET, payload_type, payloads[place], samples) for place in places]
        for packet in mixer.tick(Job([] if tick else commands, [Received("talker", tuple(units))])).outgoing:
            if "listener" in packet.legs:
                listener.packets.append((tick, packet.payload, packet.samples, packet.marker))
    assert np.abs(listener.heard(10)).max() < 0.2  # and not the noise that one codec is to the other
    assert listener.hears_db(700, 40, 60) == pytest.approx(-26, abs=1)


def test_a_first_packet_after_silence_in_its_tick_is_heard() -> None:
    phone, listener = Phone("talker", "PCMU", 700), Phone("listener", "PCMU")
    studio = Studio(phone, listener)
    studio.seat("talker", "listener")
    (packet,) = phone.units()
    silence = Unit(UnitKind.SILENCE, -1, b"", 480)
    first = (silence, packet._replace(payload=packet.payload[:80], samples=480))
    units = iter([first])
    phone.units = lambda: next(units, ())  # type: ignore[method-assign]
    studio.run(2)
    assert np.abs(listener.heard()).max() > 0.05


def test_direction() -> None:
    one, other = Phone("one", "PCMU", 600), Phone("other", "PCMU", 900)
    studio = Studio(one, other)
    studio.seat("one", "other")
    studio.run(10)
    studio.tell(contract.ConfigureLeg("one", negotiated("PCMU", sends=False, held=True)))
    studio.run(50)
    assert len(one.packets) == 10
    studio.tell(contract.ConfigureLeg("one", one.negotiated))
    studio.run(50)
    assert len(one.packets) == 60
    assert one.hears_db(900, 80, 110) > -25


def test_everyone_gets_a_packet_each_tick_whatever_happens() -> None:
    phones = group(4, ALL_CODECS)
    studio = Studio(*phones)
    studio.run(10)
    studio.seat("leg0", "leg1", "leg2")
    studio.run(7)
    studio.seat("leg0", Seat("leg1", hears=False), "leg3")
    studio.tell(contract.Play("p", ("leg0", "leg2"), ("tone-join",), "en"))
    studio.run(20)
    studio.tell(contract.StopPlay(("leg0",)))
    studio.seat()
    studio.run(13)
    for phone in phones:
        assert [tick for tick, _, _, _ in phone.packets] == list(range(50))


def test_closed_legs_are_forgotten() -> None:
    phones = group(3, ("PCMU",), 0.1)
    studio = Studio(*phones)
    studio.seat(*studio.phones)
    studio.run(30)
    studio.close("leg0")
    studio.run(60)
    assert len(phones[0].packets) == 30
    assert phones[1].hears_db(tones(3)[0], 40, 90) < GONE_DB
    assert phones[1].hears_db(tones(3)[2], 40, 90) > -25
    assert clicks_db(phones[1].heard(5)) < -40
    studio.tell(contract.CloseLeg("leg0"), contract.CloseLeg("nobody"))
    studio.run(1)


def test_a_plan_may_name_legs_that_come_later() -> None:
    one = Phone("one", "PCMU", 600)
    studio = Studio(one)
    studio.seat("one", "late")
    studio.run(20)
    late = Phone("late", "opus", 900)
    studio.phones["late"] = late
    studio.tell(contract.ConfigureLeg("late", late.negotiated))
    studio.run(60)
    assert one.hears_db(900, 50, 80) > -25
    assert late.hears_db(600, 50, 80) > -25


def test_talkers_are_told_on_change_and_not_too_often() -> None:
    phones = [Phone("a", "PCMU", 500, 0.1), Phone("b", "opus"), Phone("c", "G722", 700, 0.1)]
    studio = Studio(*phones)
    studio.seat("a", "b", Seat("c", heard=False))
    studio.run(60)
    phones[0].talks = False
    studio.run(150)
    told = studio.talking()
    assert [legs for _, legs in told] == [("a",), ()]
    assert all(later - earlier >= 10 for (earlier, _), (later, _) in pairwise(told))


def test_loss_reports_give_a_listener_fec() -> None:
    talker = Phone("talker", "PCMU", 500)
    listeners = [Phone("fine", "opus"), Phone("lossy", "opus"), Phone("deaf", "opus")]
    audio = negotiated("opus", opus_fec=True)
    studio = Studio(talker, *listeners)
    studio.tell(contract.ConfigureLeg("fine", audio), contract.ConfigureLeg("lossy", audio))
    studio.seat(*studio.phones)
    studio.run(10)
    studio.tell(Loss("lossy", 0.08), Loss("deaf", 0.08), Loss("nobody", 1.0))
    studio.run(30)
    payloads = {phone.leg: phone.packets[-1][1] for phone in listeners}
    assert payloads["fine"] == payloads["deaf"] != payloads["lossy"]
    assert payloads["lossy"][0] >> 3 < 16  # SILK or hybrid: only they have in-band FEC
    assert payloads["fine"][0] >> 3 >= 16
    studio.tell(*[Loss("lossy", 0.0)] * 3)
    studio.run(5)
    assert listeners[1].packets[-1][1] == listeners[0].packets[-1][1]
    assert listeners[1].hears_db(500, 15, 45) > -25


def test_what_the_peer_asks_of_opus() -> None:
    talker = Phone("talker", "opus")
    talker.say(np.random.default_rng(1).standard_normal(2 * 48000).astype(np.float32) * 0.1)
    thrifty, narrow = Phone("thrifty", "opus"), Phone("narrow", "opus")
    studio = Studio(talker, thrifty, narrow)
    studio.tell(contract.ConfigureLeg("thrifty", negotiated("opus", opus_bitrate=14_000)))
    studio.tell(contract.ConfigureLeg("narrow", negotiated("opus", opus_max_rate=8000)))
    studio.seat(*studio.phones)
    studio.run(100)
    assert sum(len(packet[1]) for packet in thrifty.packets[20:]) * 8 / 1.6 < 16_000
    spectrum = np.abs(np.fft.rfft(narrow.heard(20))) ** 2
    assert spectrum[len(spectrum) // 4 :].sum() < 0.02 * spectrum.sum()  # over 6 kHz


def test_bad_payloads_are_concealed_and_counted() -> None:
    for codec, bad in (("opus", b"\x7b"), ("opus", b""), ("G722", b""), ("PCMU", b"")):
        talker, listener = Phone("talker", codec, 500), Phone("listener", "PCMU")
        studio = Studio(talker, listener)
        studio.seat("talker", "listener")
        studio.run(30)
        talker._payloads[31] = bad
        studio.run(60)
        drops: dict[str, int] = {}
        for result in studio.results:
            drops |= result.drops
            assert not result.faults
        assert drops == {"bad-payload": 1}
        assert listener.hears_db(500, 35, 90) > -25


def test_a_fault_of_ours_costs_one_leg(monkeypatch: pytest.MonkeyPatch) -> None:
    phones = [Phone("opus", "opus", 500), Phone("wide", "G722", 800), Phone("listener", "PCMU")]
    studio = Studio(*phones)
    studio.seat(*studio.phones)
    studio.run(20)

    def fail(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr("bridge.media.hearing.WideHearing.take", fail)
    studio.run(60)
    faults = [fault for result in studio.results for fault in result.faults]
    assert [leg for leg, _ in faults] == ["wide"] * 3  # it begins anew twice
    assert phones[2].hears_db(500, 40, 80) > -25
    assert phones[2].hears_db(800, 40, 80) < GONE_DB


def test_a_command_that_fails_costs_only_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr("bridge.media.playing.Player.play", fail)
    phones = [Phone("one", "PCMU", 600), Phone("other", "PCMU")]
    studio = Studio(*phones)
    studio.tell(contract.Play("p", ("one",), ("tone-join",), "en"))
    studio.seat("one", "other")
    studio.run(40)
    assert [leg for leg, _ in studio.results[0].faults] == [""]
    assert phones[1].hears_db(600, 10, 40) > -25


def test_legs_that_enter_one_after_another_do_not_click() -> None:
    talker = Phone("talker", "PCMU", 700, 0.2)
    others = [Phone(f"leg{number}", "opus") for number in range(6)]
    studio = Studio(talker, *others)
    studio.seat("talker")
    studio.run(20)
    for count in range(1, 7):
        studio.seat("talker", *(phone.leg for phone in others[:count]))
        studio.run(1)
    for count in range(5, -1, -1):
        studio.seat("talker", *(phone.leg for phone in others[:count]))
        studio.run(1)
    studio.run(10)
    for phone in others:
        assert clicks_db(phone.heard(3)) < -50


def test_many_loud_talkers_are_limited() -> None:
    phones = group(9, ("opus", "PCMU"), 0.5)
    studio = Studio(*phones)
    studio.seat(*studio.phones)
    studio.run(80)
    for phone in phones[:4]:
        heard = phone.heard(30)
        assert np.abs(heard).max() <= 1.02  # the codecs ring a little
        assert level(heard[np.newaxis])[0] > -12


# -- zero weight ---------------------------------------------------------------------------------------------------

LEGS = ("a", "b", "c", "w")
STATES = st.sampled_from(["seat", "muted", "deaf", "out"])
STEPS = st.lists(
    st.tuples(st.tuples(STATES, STATES, STATES), st.sampled_from(["out", "mute"]), st.integers(1, 6)),
    min_size=1,
    max_size=5,
)
CODEC_OF = {"a": "PCMU", "b": "opus", "c": "G722"}
PAYLOADS = {
    codec: (coded(codec, sine(440, 1.0, 0.4)), coded(codec, sine(1234, 1.0, 0.9)))
    for codec in ("PCMU", "opus", "G722")
}


def _seat(leg: str, state: str) -> list[Seat]:
    if state == "out":
        return []
    return [Seat(leg, heard=state not in ("muted", "mute"), hears=state != "deaf")]


@settings(max_examples=25, deadline=None)
@given(STEPS, st.sampled_from(["PCMU", "opus", "G722"]), st.booleans())
def test_nothing_of_a_waiting_leg_reaches_anybody(
    steps: list[tuple[tuple[str, str, str], str, int]], codec: str, with_prompt: bool
) -> None:
    """Two runs that differ only in what a waiting or muted leg says are the same, bit by bit."""

    def run(version: int) -> list[tuple[tuple[str, ...], bytes]]:
        mixer = AudioMixer()
        sent: list[tuple[tuple[str, ...], bytes]] = []
        commands: list[contract.Command | Loss] = [
            contract.ConfigureLeg(leg, negotiated(CODEC_OF.get(leg, codec))) for leg in LEGS
        ]
        if with_prompt:
            commands.append(contract.Play("p", ("w", "a"), ("tone-knock",), "en"))
        tick = 0
        for states, waiting, ticks in steps:
            seats = [seat for leg, state in zip(LEGS, states, strict=False) for seat in _seat(leg, state)]
            commands.append(contract.SetPlan(Plan("1", (*seats, *_seat("w", waiting)), 2)))
            for _ in range(ticks):
                received = []
                for leg in LEGS:
                    name = CODEC_OF.get(leg, codec)
                    payload = PAYLOADS[name][version if leg == "w" else 0][tick % 50]
                    payload_type = negotiated(name).payload_type
                    received.append(Received(leg, (Unit(UnitKind.PACKET, payload_type, payload, FRAME),)))
                result = mixer.tick(Job(commands, received))
                commands = []
                sent += [(packet.legs, packet.payload) for packet in result.outgoing]
                assert sum(len(packet.legs) for packet in result.outgoing) == len(LEGS)
                for event in result.events:
                    assert not (isinstance(event, contract.Talking) and "w" in event.legs)
                tick += 1
        return sent

    assert run(0) == run(1)


@settings(max_examples=25, deadline=None)
@given(STEPS, st.sampled_from(["PCMU", "opus", "G722"]))
def test_nothing_of_the_room_reaches_a_waiting_leg(
    steps: list[tuple[tuple[str, str, str], str, int]], codec: str
) -> None:
    """What a leg outside the plan is sent does not depend on what is said inside."""

    def run(version: int) -> list[bytes]:
        mixer = AudioMixer()
        heard: list[bytes] = []
        commands: list[contract.Command | Loss] = [
            contract.ConfigureLeg(leg, negotiated(CODEC_OF.get(leg, codec))) for leg in LEGS
        ]
        for tick, (states, _, ticks) in enumerate(steps):
            seats = [seat for leg, state in zip(LEGS, states, strict=False) for seat in _seat(leg, state)]
            commands.append(contract.SetPlan(Plan("1", tuple(seats), 2)))
            for _ in range(ticks):
                received = []
                for leg in LEGS:
                    name = CODEC_OF.get(leg, codec)
                    payload = PAYLOADS[name][version][tick % 50]
                    payload_type = negotiated(name).payload_type
                    received.append(Received(leg, (Unit(UnitKind.PACKET, payload_type, payload, FRAME),)))
                result = mixer.tick(Job(commands, received))
                commands = []
                heard += [packet.payload for packet in result.outgoing if "w" in packet.legs]
        return heard

    assert run(0) == run(1)
