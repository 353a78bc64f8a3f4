"""Our own offers: all we have, word for word the same when nothing changes; answers of real endpoints are accepted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.errors import ProtocolError
from bridge.sdp.description import parse, serialise
from bridge.sdp.local import Local, SrtpPolicy
from bridge.sdp.negotiate import Agreed, Offer, accept, answer, offer
from tests.sdp.samples import CRYPTO, LOCAL, LOOPBACK, answer_refusal, audio, read, text_of

OFF = replace(LOCAL, srtp=SrtpPolicy.OFF)
REQUIRED = replace(LOCAL, srtp=SrtpPolicy.REQUIRED)
THEIRS = replace(LOCAL, address="192.0.2.24", port=4000, rtcp_port=4001, session_id=9, secret=b"y" * 32)


def media_lines(result: Agreed | Offer) -> list[str]:
    return [line[2:] for line in text_of(result) if line.startswith("m=")]


def test_a_whole_offer() -> None:
    assert text_of(offer(OFF)) == [
        "v=0",
        "o=- 7 1 IN IP4 198.51.100.7",
        "s=Samrom",
        "c=IN IP4 198.51.100.7",
        "t=0 0",
        "m=audio 40000 RTP/AVP 111 9 8 0 101 110",
        "a=rtpmap:111 opus/48000/2",
        "a=fmtp:111 useinbandfec=1;stereo=0;sprop-stereo=0",
        "a=rtpmap:9 G722/8000",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-15",
        "a=rtpmap:110 telephone-event/48000",
        "a=fmtp:110 0-15",
        "a=ptime:20",
        "a=maxptime:60",
        "a=rtcp-mux",
        "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level",
        "a=sendrecv",
        "",
    ]


@pytest.mark.parametrize(
    ("policy", "profile", "keys"),
    [
        (SrtpPolicy.OFF, "RTP/AVP", 0),
        (SrtpPolicy.PREFERRED, "RTP/AVP", 3),
        (SrtpPolicy.REQUIRED, "RTP/SAVP", 3),
    ],
)
def test_keys_in_offers(policy: SrtpPolicy, profile: str, keys: int) -> None:
    made = offer(replace(LOCAL, srtp=policy))
    assert media_lines(made)[0].split()[2] == profile
    tags = [line.split()[0] for line in text_of(made) if line.startswith("a=crypto")]
    assert tags == [f"a=crypto:{tag}" for tag in range(1, keys + 1)]


def test_an_offer_leaves_room_for_the_headers_in_a_datagram() -> None:
    longest = replace(
        REQUIRED, address="2001:db8:1111:2222:3333:4444:5555:6666", session_id=2**62, rtcp_port=1
    )
    assert len(offer(longest).body) < 850


@pytest.mark.parametrize("ours", SrtpPolicy)
@pytest.mark.parametrize("theirs", SrtpPolicy)
def test_two_of_us_agree(ours: SrtpPolicy, theirs: SrtpPolicy) -> None:
    made = offer(replace(LOCAL, srtp=ours))
    their_side = replace(THEIRS, srtp=theirs)
    if {ours, theirs} == {SrtpPolicy.OFF, SrtpPolicy.REQUIRED}:
        with pytest.raises(ProtocolError, match="sdp-no-key"):
            answer(parse(made.body), their_side)
        return
    theirs_agreed = answer(parse(made.body), their_side)
    a, b = accept(made, parse(theirs_agreed.body)).audio, theirs_agreed.audio
    assert (a.srtp_send, a.srtp_receive) == (b.srtp_receive, b.srtp_send)
    assert (a.srtp_send is None) == (SrtpPolicy.OFF in (ours, theirs))
    assert (a.codec, a.payload_type, a.ptime_ms, a.rtcp_mux) == ("opus", 111, 20, True)
    assert (a.event_send, a.event_receive, a.event_clock_rate) == (110, 110, 48_000)
    assert (a.remote, b.remote) == (("192.0.2.24", 4000), ("198.51.100.7", 40_000))
    assert a.receive == b.receive
    assert (a.level_id, b.level_id) == (1, 1)


# -- answers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "policy", "secure", "event", "mux", "codecs"),
    [
        ("baresip-answer-plain-preferred", "preferred", False, 101, False, 4),
        ("baresip-answer-srtp-preferred", "preferred", True, 101, False, 4),
        ("baresip-answer-srtp-mand-required", "required", True, 101, False, 4),
        ("linphone-answer-plain-preferred", "preferred", False, 110, False, 3),
        ("linphone-answer-srtp-required", "required", True, 110, False, 3),
    ],
)
def test_answers_of_real_endpoints(
    name: str, policy: str, secure: bool, event: int, mux: bool, codecs: int
) -> None:
    made = offer(replace(LOOPBACK, srtp=SrtpPolicy(policy)))
    result = accept(made, read(name)).audio
    assert (result.codec, result.payload_type, result.remote[0]) == ("opus", 111, "127.0.0.1")
    assert (result.event_send, result.event_receive, result.rtcp_mux) == (event, event, mux)
    assert (result.srtp_send is not None) == secure
    assert (result.sends, result.receives, result.held, len(result.receive)) == (True, True, False, codecs)


def test_the_answerer_may_number_otherwise() -> None:
    given = audio("a=rtpmap:96 opus/48000/2", "a=rtpmap:97 telephone-event/8000", media="4000 RTP/AVP 96 97")
    result = accept(offer(OFF), given).audio
    assert (result.payload_type, result.event_send, result.event_receive) == (96, 97, 101)
    assert result.event_clock_rate == 8000
    assert result.receive == {111: "opus", 96: "opus"}


def test_the_answerers_first_codec_is_sent() -> None:
    assert accept(offer(OFF), audio(media="4000 RTP/AVP 8 0")).audio.codec == "PCMA"


@pytest.mark.parametrize(
    ("direction", "sends", "receives", "held"),
    [
        ("sendrecv", True, True, False),
        ("sendonly", False, True, True),
        ("recvonly", True, False, False),
        ("inactive", False, False, True),
    ],
)
def test_directions(direction: str, sends: bool, receives: bool, held: bool) -> None:
    result = accept(offer(OFF), audio(f"a={direction}")).audio
    assert (result.sends, result.receives, result.held) == (sends, receives, held)


@pytest.mark.parametrize(
    ("local", "given", "name"),
    [
        (OFF, parse(b"v=0\r\n"), "sdp-answer-media-lines"),
        (OFF, parse(b"v=0\r\nm=video 4000 RTP/AVP 0\r\n"), "sdp-answer-media-lines"),
        (OFF, audio(media="0 RTP/AVP 0"), "sdp-audio-refused"),
        (OFF, audio(media="4000 RTP/AVP 18"), "sdp-no-codec"),
        (OFF, audio(address="127.0.0.1"), "sdp-address-loopback"),
        (OFF, audio(media="4000 RTP/SAVP 0"), "sdp-no-key"),
        (REQUIRED, audio(), "sdp-no-key"),
        (REQUIRED, audio(media="4000 RTP/SAVP 0"), "sdp-no-key"),
        (REQUIRED, audio(CRYPTO.replace(":1 ", ":99 "), media="4000 RTP/SAVP 0"), "sdp-no-key"),
        (REQUIRED, audio(CRYPTO.replace("_80", "_32"), media="4000 RTP/SAVP 0"), "sdp-no-key"),
        (LOCAL, audio(CRYPTO, media="4000 UDP/TLS/RTP/SAVP 0"), "sdp-dtls"),
    ],
)
def test_answers_of_no_use(local: Local, given: object, name: str) -> None:
    assert answer_refusal(offer(local), given) == name  # type: ignore[arg-type]


# -- within a dialog ----------------------------------------------------------------------------------------------


@pytest.fixture
def running() -> Agreed:
    """A call that a peer began, with video that we declined."""
    body = serialise(audio(CRYPTO, "a=rtpmap:107 opus/48000/2", media="4000 RTP/SAVP 107 0 111"))
    return answer(parse(body + b"a=rtpmap:111 telephone-event/8000\r\nm=video 4002 RTP/AVP 97\r\n"), LOCAL)


def test_a_refresh_repeats_our_last_words(running: Agreed) -> None:
    made = offer(LOCAL, running)
    assert made.body == running.body
    given = parse(serialise(audio(CRYPTO, "a=rtpmap:107 opus/48000/2", media="4000 RTP/SAVP 107 0")))
    refreshed = accept(made, given)
    assert (refreshed.audio.srtp_send, refreshed.audio.srtp_receive) == (
        running.audio.srtp_send,
        running.audio.srtp_receive,
    )
    assert refreshed.body == running.body
    assert offer(LOCAL, refreshed).body == running.body


def test_a_refresh_of_our_own_offer() -> None:
    begun = accept(offer(OFF), audio(media="4000 RTP/AVP 8"))
    again = accept(offer(OFF, begun), audio(media="4000 RTP/AVP 8"))
    assert again == begun


def test_a_refresh_while_held_keeps_the_hold() -> None:
    held = answer(audio("a=sendonly"), LOCAL, answer(audio(), LOCAL))
    refreshed = accept(offer(LOCAL, held), audio("a=sendonly"))
    assert refreshed.audio == held.audio


def test_an_offer_anew_keeps_places_and_payload_types_and_changes_keys(running: Agreed) -> None:
    made = offer(LOCAL, running, anew=True)
    assert media_lines(made) == ["audio 40000 RTP/SAVP 107 9 8 0 111 110", "video 0 RTP/AVP 97"]
    assert "o=- 7 2 IN IP4 198.51.100.7" in text_of(made)
    assert {"a=rtpmap:107 opus/48000/2", "a=rtpmap:111 telephone-event/8000"} < set(text_of(made))
    given = answer(parse(made.body), THEIRS)
    result = accept(made, parse(given.body))
    assert result.audio.srtp_send != running.audio.srtp_send
    assert result.audio.srtp_receive == given.audio.srtp_send
    assert offer(LOCAL, result).body == made.body


def test_an_answer_may_leave_out_what_we_declined(running: Agreed) -> None:
    given = audio(CRYPTO, "a=rtpmap:107 opus/48000/2", media="4000 RTP/SAVP 107")
    assert accept(offer(LOCAL, running), given).audio.codec == "opus"


def test_a_refresh_answered_with_port_0_is_a_hold(running: Agreed) -> None:
    result = accept(offer(LOCAL, running), audio(media="0 RTP/SAVP 0"))
    assert (result.audio.sends, result.audio.receives, result.audio.held) == (False, False, True)
    assert accept(offer(LOCAL, result), audio(media="0 RTP/SAVP 0")) == result


def test_a_refresh_while_held_by_port_0() -> None:
    held = answer(audio(media="0 RTP/AVP 0"), LOCAL, answer(audio(), LOCAL))
    made = offer(LOCAL, held)
    assert media_lines(made) == ["audio 0 RTP/AVP 0"]
    assert accept(made, audio(media="0 RTP/AVP 0")) == held
    anew = accept(offer(LOCAL, held, anew=True), audio(media="4000 RTP/AVP 8"))
    assert (anew.audio.sends, anew.audio.held, anew.audio.codec) == (True, False, "PCMA")
