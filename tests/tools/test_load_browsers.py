"""The load tool's browsers are let in, heard and counted by the bridge itself; what they send is what browsers send."""

from __future__ import annotations

import pytest

from bridge.errors import ProtocolError
from bridge.rtc.ice import IceLite, Path
from bridge.sdp.description import parse
from bridge.sdp.transport import Credentials, DtlsRole, Fingerprint, NegotiatedIce
from tools.bench.server import Server
from tools.load import speech
from tools.load.checks import KEEP_ALIVE_S, Checks
from tools.load.clips import VideoCodec
from tools.load.crowd import Crowd, Task
from tools.load.joins import Doorway
from tools.load.offer import Answer, Camera, offer, read
from tools.load.speech import Codec

OURS, THEIRS = Credentials("ours", "o" * 22), Credentials("theirs", "t" * 22)
PATH = Path("127.0.0.1", 5000)
ANSWER = """v=0
m=audio 9 UDP/TLS/RTP/SAVPF 111 101
a=candidate:1 1 TCP 2105458943 127.0.0.1 9 typ host tcptype passive
a=candidate:2 1 UDP 2130706431 127.0.0.1 10000 typ host
a=ice-ufrag:abcd
a=ice-pwd:efghijklmnopqrstuvwxyz
a=fingerprint:sha-256 0A:FF
a=setup:passive
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=rtpmap:101 telephone-event/48000
"""


def test_checks_open_a_path_and_keep_it() -> None:
    lite, checks = IceLite(NegotiatedIce(OURS, THEIRS), 0.0), Checks(THEIRS, OURS, 0.0)
    (answer,) = lite.handle(checks.request(0.0), PATH, 0.0)
    assert lite.chosen == PATH
    assert checks.due < 0.2, "it is repeated until it is answered"
    checks.answered(answer, 1.0)
    assert checks.passed
    assert checks.due == 1.0 + KEEP_ALIVE_S
    (again,) = lite.handle(checks.request(4.0), PATH, 4.0)
    checks.answered(again, 4.0)
    assert checks.due == 4.0 + KEEP_ALIVE_S


def test_what_is_no_answer_opens_nothing() -> None:
    checks, other = (
        Checks(THEIRS, OURS, 0.0),
        IceLite(NegotiatedIce(Credentials("ours", "x" * 22), THEIRS), 0.0),
    )
    (refusal,) = other.handle(checks.request(0.0), PATH, 0.0)
    checks.answered(refusal, 0.0)
    with pytest.raises(ProtocolError):
        checks.answered(b"\x00\x01", 0.0)
    assert not checks.passed


def test_an_answer_is_read() -> None:
    assert read(ANSWER) == Answer(
        address=("127.0.0.1", 10000),
        credentials=Credentials("abcd", "efghijklmnopqrstuvwxyz"),
        fingerprint=Fingerprint("sha-256", b"\x0a\xff"),
        role=DtlsRole.CLIENT,
        event_type=101,
        level_id=1,
        number_id=0,
    )
    with pytest.raises(ValueError, match="not an answer"):
        read(ANSWER.replace("UDP 2130706431", "TCP 2130706431"))


@pytest.mark.parametrize("codec", Codec)
def test_an_offer_is_one(codec: Codec) -> None:
    text = offer(codec, 5000, OURS, Fingerprint("sha-256", bytes(32)), 7)
    (section,) = parse(text.encode()).sections
    assert section.port == 5000


def test_levels_are_told_as_rfc_6464_wants_them() -> None:
    beep = speech.levels(speech.beep())
    assert beep[0] == 9  # a sine of half the full scale
    assert set(beep[5:]) == {127}


def test_an_offer_of_pictures_shares_the_path_of_the_sound() -> None:
    camera = Camera(VideoCodec.H264, 8, sends=False)
    text = offer(Codec.OPUS, 5000, OURS, Fingerprint("sha-256", bytes(32)), 7, camera)
    sound, pictures = parse(text.encode()).sections
    assert "a=group:BUNDLE 0 1\r\n" in text
    assert (sound.kind, pictures.kind, pictures.port) == ("audio", "video", 5000)
    assert text.count("a=ice-ufrag:ours\r\n") == 2
    assert "a=recvonly\r\n" in text


@pytest.mark.parametrize("by_browser", [True, False])
def test_a_crowd_sees_what_one_of_it_shows(by_browser: bool) -> None:
    with Server(layout="4:0") as server:
        uri = server.page if by_browser else server.uri
        task = Task(
            uri, Codec.OPUS, calls=3, seconds=2.0, warmup=3.0, video=VideoCodec.VP8, height=180, senders=2
        )
        found = Crowd(task).run().pictures
    assert found is not None
    assert found.fps_least > 0  # how many it may be on a busy machine, nobody knows
    assert found.read > 0
    assert found.lost_percent == 0
    assert found.delay_ms_p50 is not None
    assert found.delay_ms_p50 > 0


def test_a_crowd_of_browsers_talks_and_goes() -> None:
    with Server() as server:
        task = Task(server.page, Codec.OPUS, calls=4, seconds=1.0, warmup=0.5, delay=True, server=server.pid)
        crowd = Crowd(task)
        outcome = crowd.run()
        times = Doorway(server.page, 2).run()
    assert (outcome.answered, outcome.hung_up_on, outcome.refused) == (4, 0, {})
    assert outcome.reception.received > 4 * 40
    assert outcome.reception.lost_percent < 2
    assert outcome.delays > 0
    assert (times.joins, times.failed) == (2, 0)
    assert 0 < times.sound_ms_p50 <= times.sound_ms_p95
    assert list(times.steps_ms_p50) == ["token", "answer", "connected", "sound"]
