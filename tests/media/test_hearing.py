"""Units become sound: whole frames each tick, gaps concealed, time taken out and put in without a click."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from bridge.codec import g711, g722, opus
from bridge.codec.table import BY_NAME
from bridge.media.hearing import OpusHearing, TelephoneHearing, Units, WideHearing
from bridge.media.line import Line
from bridge.rtp.packet import RtpPacket
from bridge.rtp.receive_stream import ReceiveStream
from bridge.rtp.units import Unit, UnitKind
from mixer.pcm import FRAME, RATE, Samples
from mixer.resample import FROM_8K, FROM_16K
from tests.media.phones import coded
from tests.mixer.sounds import clicks_db, sine, snr_db, tone_db, voice

CODECS = ("PCMU", "PCMA", "G722", "opus")


class Ear:
    """One hearing of any codec; `hear` gives each tick's frame at 48 kHz."""

    def __init__(self, codec: str) -> None:
        self.hearing: TelephoneHearing | WideHearing | OpusHearing
        match codec:
            case "opus":
                self.hearing = OpusHearing()
            case "G722":
                self.hearing = WideHearing()
            case _:
                self.hearing = TelephoneHearing(g711.Law(codec))
        self._out = np.zeros(FRAME, np.float32)
        self._address = opus.address(self._out)

    def hear(self, units: Units) -> Samples:
        self.hearing.take(units)
        match self.hearing:
            case OpusHearing() as hearing:
                hearing.render(self._out, self._address)
                return self._out.copy()
            case TelephoneHearing(row=row, law=law):
                if row is None:
                    return np.zeros(FRAME, np.float32)
                low = g711.decode(np.frombuffer(row, np.uint8), law)
                return np.asarray(FROM_8K.run(low[np.newaxis])[0], np.float32)
            case WideHearing(row=samples):
                if samples is None:
                    return np.zeros(FRAME, np.float32)
                return np.asarray(FROM_16K.run(samples[np.newaxis])[0], np.float32)


def unit(payload: bytes, kind: UnitKind = UnitKind.PACKET, samples: int = FRAME) -> Unit:
    return Unit(kind, 0, payload, samples)


def listen(codec: str, ticks: Sequence[Units]) -> Samples:
    ear = Ear(codec)
    return np.concatenate([ear.hear(units) for units in ticks])


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("samples", [480, 960, 1440, 1920, 2880])
def test_any_packet_length_is_the_same_sound(codec: str, samples: int) -> None:
    if codec == "opus" and samples == 1440:
        pytest.skip("Opus has no 30 ms packets")
    tone = sine(500, 1.44, 0.2)
    payloads = coded(codec, tone, samples)
    ticks: list[Units] = []
    given = 0
    for tick in range(70):
        units: list[Unit] = []
        while given < (tick + 1) * FRAME:
            units.append(unit(payloads[given // samples], samples=samples))
            given += samples
        ticks.append(tuple(units))
    heard = listen(codec, ticks)
    assert len(heard) == 70 * FRAME
    assert max(snr_db(tone[9600:33600], heard[9600:], delay) for delay in range(90, 170, 2)) > 22
    assert clicks_db(heard[2000:]) < -50


@pytest.mark.parametrize("codec", CODECS)
def test_a_lost_packet_is_hardly_heard(codec: str) -> None:
    payloads = coded(codec, sine(450, 1.2, 0.2))
    ticks: list[Units] = [(unit(payload),) for payload in payloads]
    ticks[30] = (unit(b"", UnitKind.CONCEAL),)
    heard = listen(codec, ticks)
    assert clicks_db(heard[2000:]) < -45
    frame = heard[30 * FRAME : 31 * FRAME]
    assert np.sqrt(np.mean(frame**2)) > 0.3 * 0.2 / np.sqrt(2)


@pytest.mark.parametrize("codec", CODECS)
def test_a_long_gap_becomes_silence_and_ends_softly(codec: str) -> None:
    payloads = coded(codec, sine(450, 1.2, 0.2))
    ticks: list[Units] = [(unit(payload),) for payload in payloads]
    ticks[20:26] = [(unit(b"", UnitKind.CONCEAL),)] * 6
    ticks[26:40] = [(unit(b"", UnitKind.SILENCE),)] * 14
    heard = listen(codec, ticks)
    assert np.abs(heard[28 * FRAME : 39 * FRAME]).max() < 1e-3
    assert clicks_db(heard[2000 : 36 * FRAME]) < -45
    assert tone_db(heard[45 * FRAME :], 450) == pytest.approx(-14, abs=1)


@pytest.mark.parametrize("codec", CODECS)
def test_dtx_silence_ends_what_was_before_without_a_click(codec: str) -> None:
    payloads = coded(codec, sine(450, 1.2, 0.2))
    ticks: list[Units] = [(unit(payload),) for payload in payloads[:20]]
    ticks += [(unit(b"", UnitKind.SILENCE),)] * 20
    heard = listen(codec, ticks)
    assert clicks_db(heard[2000:]) < -45
    assert not np.abs(heard[22 * FRAME :]).max() > 1e-3


def test_fec_mends_a_lost_packet() -> None:
    encoder = opus.OpusEncoder(opus.Application.VOIP, 32_000, 5, fec=True, loss_percent=20)
    frames = voice(1.0).reshape(-1, FRAME)
    payloads = [encoder.encode(opus.address(frame)) for frame in frames]
    whole = listen("opus", [(unit(payload),) for payload in payloads])
    ticks: list[Units] = [(unit(payload),) for payload in payloads]
    errors = []
    for kind in (UnitKind.FEC, UnitKind.CONCEAL):
        ticks[30] = (unit(payloads[31], kind),)
        errors.append(float(np.sum((listen("opus", ticks) - whole)[30 * FRAME : 32 * FRAME] ** 2)))
    assert errors[0] < 0.7 * errors[1]


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("hertz", [300.0, 425.0])
def test_shrink_and_stretch_keep_time_and_do_not_click(codec: str, hertz: float) -> None:
    payloads = coded(codec, sine(hertz, 1.2, 0.2))
    ticks: list[Units] = [(unit(payload),) for payload in payloads[:20]]
    ticks.append((unit(payloads[20], UnitKind.SHRINK, 0), unit(payloads[21])))
    ticks += [(unit(payload),) for payload in payloads[22:40]]
    ticks.append((unit(payloads[40], UnitKind.STRETCH, 2 * FRAME),))
    ticks.append(())
    ticks += [(unit(payload),) for payload in payloads[41:]]
    heard = listen(codec, ticks)
    assert len(heard) == len(payloads) * FRAME
    assert clicks_db(heard[2000:]) < -50
    assert tone_db(heard[45 * FRAME :], hertz) == pytest.approx(-14, abs=0.7)


@pytest.mark.parametrize("codec", CODECS)
def test_left_out_ticks_do_not_add_delay(codec: str) -> None:
    payloads = coded(codec, sine(450, 2.4, 0.2), 2880)
    ear = Ear(codec)
    for number, payload in enumerate(payloads):
        ear.hear((unit(payload, samples=2880),))
        if number % 2:  # the two ticks after it are skipped every other time
            ear.hear(())
            ear.hear(())
    assert ear.hearing.overruns == 0
    waiting = ear.hearing._line
    assert len(waiting) <= 2 * FRAME


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("ppm", [-2000, 200, 2000])
def test_drift_through_the_jitter_buffer_does_not_click(codec: str, ppm: int) -> None:
    table = BY_NAME[codec.lower()]
    payloads = coded(codec, sine(400, 4, 0.2))
    stream = ReceiveStream({table.payload_type: codec})
    ear = Ear(codec)
    period = 0.02 * (1 + ppm * 1e-6)
    sent = 0
    heard: list[Samples] = []
    for tick in range(1000):
        now = 100 + tick * 0.02
        while 99.99 + sent * period <= now:
            step = table.clock_rate // 50
            payload = payloads[sent % len(payloads)]
            packet = RtpPacket(table.payload_type, False, sent & 0xFFFF, sent * step, 7, payload, None)
            stream.push(packet, 99.99 + sent * period)
            sent += 1
        heard.append(ear.hear(stream.pop(now)))
    sound = np.concatenate(heard)[FRAME * 10 :]
    blocks = sound[: len(sound) // 9600 * 9600].reshape(-1, 9600)
    # G.722's decoder meets the start of the clip with another state each 4 s: that is the test's click.
    clean = [clicks_db(block) for block in blocks if codec != "G722" or np.abs(block).max() < 0.22]
    assert max(clean) < -45
    assert len(clean) > 0.8 * len(blocks)
    assert len(ear.hearing._line) < 2 * FRAME


def test_a_probe_and_a_return_after_a_pause() -> None:
    payloads = coded("opus", sine(450, 2.0, 0.2))
    hearing = OpusHearing()
    out = np.zeros(FRAME, np.float32)
    address = opus.address(out)
    for number, payload in enumerate(payloads[:80]):
        hearing.take((unit(payload),))
        assert hearing.simple
        if number % 4:
            hearing.skip()
        else:
            hearing.probe(out, address)
    assert hearing.take_decoded() == 20
    hearing.take((unit(payloads[80]),))
    assert not hearing.rendered
    hearing.render(out, address)
    assert hearing.rendered
    assert hearing.take_decoded() == 3  # with the two before it
    whole = listen("opus", [(unit(payload),) for payload in payloads[:81]])
    assert snr_db(whole[80 * FRAME :], out, 0) > 15


@pytest.mark.parametrize(("amplitude", "silent"), [(0.0, True), (0.2, False)])
def test_what_lacks_may_be_left_undecoded_too(amplitude: float, silent: bool) -> None:
    payloads = coded("opus", sine(450, 1.0, amplitude))
    hearing = OpusHearing()
    out = np.ones(FRAME, np.float32)
    address = opus.address(out)
    for payload in payloads[:20]:
        hearing.take((unit(payload),))
        hearing.skip()
    for _ in range(5):
        hearing.take((unit(b"", UnitKind.CONCEAL),))
        assert hearing.simple and hearing.silent is silent
        hearing.skip()
    assert hearing.take_decoded() == 0
    hearing.take((unit(b"", UnitKind.CONCEAL),))
    hearing.render(out, address)
    assert hearing.take_decoded() == 3  # with the last two packets
    assert bool(np.abs(out).max() < 0.001) is silent
    hearing.take((unit(payloads[20]),))
    assert hearing.simple


def test_more_than_200_ms_waiting_is_dropped_and_counted() -> None:
    line = Line(8000)
    line.add(np.ones(2000, np.float32))
    assert len(line) == 1600
    assert line.overruns == 1


def test_what_is_forgotten_is_not_heard_later() -> None:
    for codec in CODECS:
        ear = Ear(codec)
        for payload in coded(codec, sine(450, 0.6, 0.2), 2880):
            ear.hear((unit(payload, samples=2880),))
        ear.hearing.clear()
        assert np.abs(ear.hear(())).max() < 1e-3
        silence = coded(codec, np.zeros(RATE, np.float32))
        assert np.abs(ear.hear((unit(silence[20]),))).max() < 1e-3


def test_bad_payloads_are_counted() -> None:
    for codec, bad in (("PCMU", b""), ("G722", b""), ("opus", b"\x7b")):
        ear = Ear(codec)
        ear.hear((unit(bad),))
        ear.hear((unit(bad, UnitKind.SHRINK, 0), unit(bad)))
        assert ear.hearing.bad_payloads == 3
    assert g722.FRAME_OCTETS == 160
