"""Our own offers have pictures behind the sound; an answer without them, or with nonsense, gives a call of sound."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.codec.table import VP8, VP9
from bridge.sdp.description import Description, parse
from bridge.sdp.local import PicturePolicy, SrtpPolicy
from bridge.sdp.negotiate import Protection, accept, answer, offer
from bridge.sdp.video import VideoLimits
from tests.sdp.samples import (
    CRYPTO,
    FINGERPRINT,
    LOCAL,
    SEEING,
    SEEING_BROWSER,
    audio,
    read,
    text_of,
    video,
    video_lines,
)

OFF = replace(SEEING, srtp=SrtpPolicy.OFF)
THEIRS = replace(
    SEEING, address="192.0.2.24", port=4000, rtcp_port=4001, video_port=4002, video_rtcp_port=4003, session_id=9,
    secret=b"y" * 32,
)  # fmt: skip
MODE_1 = ("a=rtpmap:97 H264/90000", "a=fmtp:97 profile-level-id=42e01f;packetization-mode=1")


def answered(*lines: str, media: str = "4002 RTP/AVP 97") -> Description:
    return video(*lines, media=media, sound="4000 RTP/AVP 8")


def test_a_whole_offer() -> None:
    assert video_lines(offer(OFF)) == [
        "video 40002 RTP/AVP 97 98 99",
        "b=AS:2100",
        "b=TIAS:2000000",
        "a=rtpmap:97 H264/90000",
        "a=fmtp:97 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e028",
        "a=rtpmap:98 VP8/90000",
        "a=fmtp:98 max-fs=8192;max-fr=30",
        "a=rtpmap:99 H264/90000",
        "a=fmtp:99 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e028",
        "a=rtcp-fb:* nack",
        "a=rtcp-fb:* nack pli",
        "a=rtcp-fb:* ccm fir",
        "a=rtcp-fb:* ccm tmmbr",
        "a=rtcp-mux",
        "a=sendrecv",
    ]


def test_an_offer_is_no_longer_than_three_short_invites() -> None:
    longest = replace(
        SEEING, address="2001:db8:1111:2222:3333:4444:5555:6666", session_id=2**62, rtcp_port=1, video_rtcp_port=3,
        srtp=SrtpPolicy.REQUIRED,
    )  # fmt: skip
    made = offer(longest)
    assert len(made.body) < 1400
    assert sum(line.startswith("a=crypto") for line in video_lines(made)) == 1


def test_what_is_offered_goes_by_the_policy() -> None:
    small = PicturePolicy((VP8, VP9), VideoLimits(3600, 108_000))
    lines = video_lines(offer(replace(OFF, pictures=small)))
    assert lines[:3] == ["video 40002 RTP/AVP 98", "a=rtpmap:98 VP8/90000", "a=fmtp:98 max-fs=3600"]
    for local in (LOCAL, replace(SEEING, video_port=0), replace(SEEING, pictures=None)):
        assert len(offer(local).description.sections) == 1


@pytest.mark.parametrize("ours", SrtpPolicy)
@pytest.mark.parametrize("theirs", SrtpPolicy)
def test_two_of_us_agree(ours: SrtpPolicy, theirs: SrtpPolicy) -> None:
    if {ours, theirs} == {SrtpPolicy.OFF, SrtpPolicy.REQUIRED}:
        pytest.skip("they do not agree on sound either")
    made = offer(replace(SEEING, srtp=ours))
    given = answer(parse(made.body), replace(THEIRS, srtp=theirs))
    taken = accept(made, parse(given.body))
    a, b = taken.video, given.video
    assert a is not None
    assert b is not None
    assert (a.srtp_send, a.srtp_receive) == (b.srtp_receive, b.srtp_send)
    assert (a.srtp_send is None) == (SrtpPolicy.OFF in (ours, theirs))
    assert a.srtp_send is None or a.srtp_send != taken.audio.srtp_send
    assert (a.remote, b.remote) == (("192.0.2.24", 4002), ("198.51.100.7", 40_002))
    assert a.receive == b.receive
    assert a.send == b.send
    assert a.send is not None
    assert (a.send.codec, a.send.packetization_mode, a.nack, a.pli, a.tmmbr) == ("H264", 1, True, True, True)
    assert a.send_limits == VideoLimits(8192, 245_760, bitrate=2_000_000)
    assert taken.protection is (Protection.NONE if a.srtp_send is None else Protection.SDES)


def test_two_of_us_agree_on_an_association_for_each() -> None:
    side = {"srtp": SrtpPolicy.REQUIRED, "fingerprint": FINGERPRINT, "require_dtls": True}
    made = offer(replace(SEEING, **side))  # type: ignore[arg-type]
    given = answer(parse(made.body), replace(THEIRS, **side))  # type: ignore[arg-type]
    taken = accept(made, parse(given.body))
    for each in (taken, given):
        assert each.video_transport is not None
        assert each.video_transport.dtls is not None
    assert taken.video_transport != given.video_transport, "one is the client and one the server"
    assert taken.video is not None
    assert taken.video.srtp_send is None


def test_the_answerer_may_number_and_choose_otherwise() -> None:
    taken = accept(
        offer(OFF), answered("a=rtpmap:120 VP8/90000", "a=fmtp:120 max-fs=1200", media="4002 RTP/AVP 120")
    )
    assert taken.video is not None
    assert taken.video.send is not None
    assert (taken.video.send.payload_type, taken.video.send_limits.max_fs) == (120, 1200)
    assert {number: each.codec for number, each in taken.video.receive.items()} == {98: "VP8", 120: "VP8"}


def test_several_formats_in_an_answer_may_all_come() -> None:
    mode_0 = ("a=rtpmap:99 H264/90000", "a=fmtp:99 profile-level-id=42e00d")
    taken = accept(offer(OFF), answered(*mode_0, *MODE_1, media="4002 RTP/AVP 99 97"))
    assert taken.video is not None
    assert taken.video.send is not None
    assert (taken.video.send.payload_type, taken.video.send.packetization_mode) == (99, 0)
    assert sorted(taken.video.receive) == [97, 99]
    assert taken.video.send_limits.max_fs == 396


def test_a_level_in_an_answer_bounds_both_directions() -> None:
    limits = [
        accept(offer(OFF), answered(MODE_1[0], MODE_1[1].replace("42e01f", "42e032") + more)).video
        for more in ("", ";level-asymmetry-allowed=1")
    ]
    assert [each.send_limits.max_fs for each in limits if each is not None] == [8192, 22_080]


@pytest.mark.parametrize(
    "given",
    [
        audio(media="4000 RTP/AVP 8"),
        answered(*MODE_1, media="0 RTP/AVP 97"),
        answered("a=rtpmap:97 VP9/90000"),
        answered("a=rtpmap:31 H261/90000", media="4002 RTP/AVP 31"),
        answered(*MODE_1, media="4002 RTP/SAVP 97"),
        answered(*MODE_1, media="4002 UDP/TLS/RTP/SAVP 97"),
        answered(*MODE_1, "c=IN IP4 127.0.0.1"),
        parse(b"v=0\r\nc=IN IP4 192.0.2.24\r\nm=audio 4000 RTP/AVP 8\r\nm=application 4002 RTP/AVP 97\r\n"),
    ],
)
def test_an_answer_without_usable_pictures_is_a_call_all_the_same(given: Description) -> None:
    made = offer(SEEING)
    taken = accept(made, given)
    assert (taken.video, taken.video_transport, taken.audio.codec) == (None, None, "PCMA")
    again = accept(offer(SEEING, taken), given)
    assert again == taken
    assert accept(offer(SEEING, taken), answered(*MODE_1)).video is not None


def test_a_refresh_repeats_our_last_words() -> None:
    made = offer(SEEING)
    begun = accept(made, answered(*MODE_1))
    again = offer(SEEING, begun)
    assert again.body == made.body
    assert accept(again, answered(*MODE_1)) == begun


def test_a_refresh_of_an_answer_of_ours() -> None:
    theirs = video(*MODE_1, media="4002 RTP/AVP 97", sound="4000 RTP/AVP 8")
    begun = answer(theirs, SEEING)
    again = offer(SEEING, begun)
    assert again.body == begun.body
    assert accept(again, theirs) == begun
    refused = accept(again, video(*MODE_1, media="0 RTP/AVP 97", sound="4000 RTP/AVP 8"))
    assert (refused.video, refused.audio.sends) == (None, True)


def test_an_offer_anew_keeps_places_and_payload_types_and_changes_keys() -> None:
    lines = (
        "a=rtpmap:97 VP8/90000", "a=rtpmap:100 rtx/90000", "a=fmtp:100 apt=97", CRYPTO,
        "m=application 5070 UDP/BFCP *", "a=floorctrl:c-s",
    )  # fmt: skip
    begun = answer(video(*lines, media="4002 RTP/SAVP 97 100", sound="4000 RTP/AVP 8"), SEEING)
    made = offer(SEEING, begun, anew=True)
    kinds = [line[2:] for line in text_of(made) if line.startswith("m=")]
    assert kinds[1:] == ["video 40002 RTP/SAVP 96 97 99 100", "application 0 UDP/BFCP *"]
    assert {"a=rtpmap:97 VP8/90000", "a=fmtp:100 apt=97"} < set(video_lines(made))
    given = answer(parse(made.body), THEIRS)
    taken = accept(made, parse(given.body))
    assert begun.video is not None
    assert taken.video is not None
    assert given.video is not None
    assert taken.video.srtp_send != begun.video.srtp_send
    assert taken.video.srtp_receive == given.video.srtp_send
    assert offer(SEEING, taken).body == made.body


def test_an_offer_anew_has_pictures_for_who_had_none() -> None:
    begun = answer(audio(), SEEING)
    made = offer(SEEING, begun, anew=True)
    assert video_lines(made)[0] == "video 40002 RTP/AVP 97 98 99"
    assert accept(made, answered(*MODE_1)).video is not None
    ended = accept(made, answered(*MODE_1, media="0 RTP/AVP 97"))
    assert video_lines(offer(SEEING, ended, anew=True))[0] == "video 40002 RTP/AVP 97 98 99"
    full = answer(parse(b"v=0\r\nc=IN IP4 192.0.2.24\r\n" + b"m=audio 4000 RTP/AVP 8\r\n" * 16), SEEING)
    assert offer(SEEING, full, anew=True).main is None


def test_in_a_bundle_pictures_are_offered_anew_where_the_peer_had_them() -> None:
    begun = answer(read("chromium-offer-video-channel"), SEEING_BROWSER)
    made = offer(SEEING_BROWSER, begun, anew=True)
    sound, pictures = made.description.sections[:2]
    for name in ("ice-ufrag", "ice-pwd", "fingerprint"):
        assert [value for key, value in sound.attributes if key == name] == [
            value for key, value in pictures.attributes if key == name
        ]
    kept = {("rtpmap", "96 VP8/90000"), ("fmtp", "97 apt=96"), ("rtcp-fb", "* goog-remb")}
    assert kept < set(pictures.attributes)
    assert ("group", "BUNDLE 0 1") in made.description.attributes
    assert ("mid", "1") in pictures.attributes
    assert len(offer(SEEING_BROWSER).description.sections) == 1, "bundles are for the peer to make"
    listener = answer(read("chromium-offer-audio"), SEEING_BROWSER)
    assert len(offer(SEEING_BROWSER, listener, anew=True).description.sections) == 1
