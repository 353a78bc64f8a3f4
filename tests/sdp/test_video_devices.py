"""Pictures that real devices, phones and browsers offer, and answer to us, are agreed on as they should be."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from aiortc.sdp import SessionDescription

from bridge.sdp.description import Description
from bridge.sdp.local import Local, SrtpPolicy
from bridge.sdp.negotiate import Protection, accept, answer, offer, wants_ice, wants_ipv6
from bridge.sdp.video import VideoLimits
from tests.sdp.samples import (
    FINGERPRINT,
    LOOPBACK,
    PICTURES,
    SEEING,
    SEEING_BROWSER,
    SEEING_DTLS,
    read,
    text_of,
    video_lines,
)

HERE = replace(
    LOOPBACK, fingerprint=FINGERPRINT, pictures=PICTURES, video_port=40_002, video_rtcp_port=40_003
)


def side(name: str, description: Description) -> Local:
    local = SEEING_DTLS if name.startswith(("device", "style")) else HERE
    return replace(local, address="2001:db8::7") if wants_ipv6(description) else local


# -- on ports of their own ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Expected:
    """The m-lines that our answer has behind the sound, what comes of H.264's level, and what feedback there is."""

    media: tuple[str, ...]
    limits: VideoLimits
    codec: str = "H264"
    mode: int = 1
    feedback: str = ""
    secure: bool = False


CIF_AND_MORE = VideoLimits(3_600, 108_000, bitrate=1_600_000)
OFFERS = {
    "device-cisco-ce-multistream": Expected(
        (
            "video 40002 RTP/AVP 126",
            "application 0 UDP/BFCP *",
            "video 0 RTP/AVP 97",
            "application 0 UDP/UDT/IX *",
            "application 0 RTP/AVP 100",
        ),
        VideoLimits(9_000, 245_000, bitrate=5_000_000),
        feedback="pli fir tmmbr",
    ),
    "device-compact-headers": Expected(
        ("video 40002 RTP/AVP 97",), VideoLimits(3_600, 108_000, bitrate=14_000_000)
    ),
    "device-huawei-viewpoint": Expected(
        ("video 40002 RTP/AVP 105", "application 0 RTP/AVP 100"),
        VideoLimits(3_840, 115_000, bitrate=1_748_571),
        mode=0,
        feedback="fir tmmbr",
    ),
    "device-ipv6-only": Expected(
        ("video 40002 RTP/AVP 109",), replace(CIF_AND_MORE, bitrate=768_000), mode=0
    ),
    "device-polycom-hdx": Expected(
        ("video 40002 RTP/AVP 109", "application 0 TCP/BFCP *"), CIF_AND_MORE, mode=0, feedback="fir tmmbr"
    ),
    "device-tandberg-tc": Expected(
        (
            "video 40002 RTP/AVP 98",
            "application 0 UDP/BFCP *",
            "video 0 RTP/AVP 97",
            "application 0 RTP/AVP 105",
        ),
        VideoLimits(9_000, 245_000, bitrate=1_748_571),
        feedback="pli",
    ),
    "device-yealink-vc": Expected(
        ("video 40002 RTP/AVP 99", "application 0 RTP/AVP 100", "application 0 UDP/BFCP *"),
        VideoLimits(8_192, 245_760, bitrate=1_870_476),
        feedback="fir",
    ),
    "baresip-offer-video-plain": Expected(
        ("video 40002 RTP/AVP 97",), VideoLimits(3_600, 108_000, bitrate=14_000_000), feedback="pli"
    ),
    "baresip-offer-video-vp8": Expected(
        ("video 40002 RTP/AVP 96",), VideoLimits(3_600), codec="VP8", feedback="pli"
    ),
    "baresip-offer-video-srtp": Expected(
        ("video 40002 RTP/AVP 97",),
        VideoLimits(3_600, 108_000, bitrate=14_000_000),
        feedback="pli",
        secure=True,
    ),
    "baresip-offer-video-dtls-mux": Expected(
        ("video 40002 UDP/TLS/RTP/SAVPF 97",),
        VideoLimits(3_600, 108_000, bitrate=14_000_000),
        feedback="pli",
        secure=True,
    ),
    "baresip-offer-video-ice": Expected(
        ("video 40002 RTP/AVP 97",), VideoLimits(3_600, 108_000, bitrate=14_000_000), feedback="pli"
    ),
    "linphone-offer-video-plain": Expected(
        ("video 40002 RTP/AVP 96",), VideoLimits(), codec="VP8", feedback="pli fir tmmbr"
    ),
    "linphone-offer-video-h264": Expected(
        ("video 40002 RTP/AVP 96",),
        VideoLimits(3_600, 108_000, bitrate=14_000_000),
        mode=0,
        feedback="pli fir tmmbr",
    ),
    "linphone-offer-video-srtp": Expected(
        ("video 40002 RTP/SAVP 96",), VideoLimits(), codec="VP8", feedback="pli fir tmmbr", secure=True
    ),
    "linphone-offer-video-dtls": Expected(
        ("video 40002 UDP/TLS/RTP/SAVP 96",),
        VideoLimits(),
        codec="VP8",
        feedback="pli fir tmmbr",
        secure=True,
    ),
}
FEEDBACK = ("nack", "pli", "fir", "tmmbr", "remb", "transport_cc")


@pytest.mark.parametrize("name", OFFERS)
def test_a_devices_pictures(name: str) -> None:
    description, expected = read(name), OFFERS[name]
    assert not wants_ice(description, PICTURES)
    local = side(name, description)
    result = answer(description, local)
    agreed = result.video
    assert agreed is not None
    assert agreed.send is not None
    assert tuple(line[2:] for line in text_of(result) if line.startswith("m="))[1:] == expected.media
    assert (agreed.send.codec, agreed.send.packetization_mode) == (expected.codec, expected.mode)
    assert agreed.send_limits == expected.limits
    assert [each for each in FEEDBACK if getattr(agreed, each)] == expected.feedback.split()
    assert (agreed.sends, agreed.receives, agreed.held) == (True, True, False)
    assert (result.protection is not Protection.NONE) == expected.secure
    assert (result.slides, result.video_transport is None) == (None, False)
    assert answer(description, local, result) == result


@pytest.mark.parametrize("name", OFFERS)
def test_a_device_holds_resumes_and_ends_its_pictures(name: str) -> None:
    description = read(name)
    local = side(name, description)
    first = answer(description, local)
    assert first.main is not None
    index = first.main.index
    for lines, flags in (
        ("inactive", (False, False)),
        ("sendonly", (False, True)),
        ("recvonly", (True, False)),
    ):
        sections = list(description.sections)
        sections[index] = replace(sections[index], attributes=((lines, None), *sections[index].attributes))
        quiet = answer(replace(description, sections=tuple(sections)), local, first)
        assert quiet.video is not None
        assert (quiet.video.sends, quiet.video.receives) == flags
        assert answer(description, local, quiet).video == first.video
    sections[index] = replace(sections[index], port=0)
    ended = answer(replace(description, sections=tuple(sections)), local, first)
    assert (ended.video, ended.audio) == (None, first.audio)
    again = answer(description, local, ended)
    assert again.video is not None
    assert again.video.send == first.video.send  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["device-lync-multipart-alternative-2", "device-hold-zero-address"])
def test_what_only_that_device_can_decode_is_refused(name: str) -> None:
    result = answer(read(name), SEEING)
    assert (result.video, video_lines(result)[0].split()[1]) == (None, "0")


@pytest.mark.parametrize(
    ("name", "codec", "mode", "types", "max_fs", "feedback", "secure"),
    [
        ("baresip-answer-video-plain", "H264", 1, [97, 99], 3_600, "pli", False),
        ("baresip-answer-video-srtp", "H264", 1, [97, 99], 3_600, "pli", True),
        ("baresip-answer-video-vp8", "VP8", 1, [98], 3_600, "pli", False),
        ("linphone-answer-video-plain", "VP8", 1, [98], 0, "nack pli fir tmmbr", False),
        ("linphone-answer-video-h264", "H264", 1, [97], 3_600, "nack pli fir tmmbr", False),
    ],
)
def test_answers_of_real_endpoints(
    name: str, codec: str, mode: int, types: list[int], max_fs: int, feedback: str, secure: bool
) -> None:
    made = offer(replace(HERE, srtp=SrtpPolicy.PREFERRED))
    given = read(name)
    if secure:
        # Its keys answer ones of another secret; what counts here is that they are taken.
        assert any(key == "crypto" for key, _ in given.sections[1].attributes)
    agreed = accept(made, given).video
    assert agreed is not None
    assert agreed.send is not None
    assert (agreed.send.codec, agreed.send.packetization_mode) == (codec, mode)
    assert sorted(agreed.receive) == types
    assert agreed.send_limits.max_fs == max_fs
    assert [each for each in FEEDBACK if getattr(agreed, each)] == feedback.split()
    assert (agreed.srtp_receive is not None) == secure


# -- in a bundle --------------------------------------------------------------------------------------------------

LAYERED = ["offer-layers-slides", "offer-layers-slides-bundled", "reoffer-layers-slides"]


@pytest.mark.parametrize("browser", ["chromium", "firefox"])
@pytest.mark.parametrize("name", LAYERED)
def test_a_browsers_layers_and_slides(browser: str, name: str) -> None:
    description = read(f"{browser}-{name}")
    assert wants_ice(description, PICTURES)
    result = answer(description, SEEING_BROWSER)
    payload_type, repair = {"chromium": (96, 97), "firefox": (120, 124)}[browser]
    for agreed, mid, rids in ((result.video, "1", ("l", "h")), (result.slides, "2", ())):
        assert agreed is not None
        assert (agreed.mid, agreed.rids, agreed.repairs) == (mid, rids, {repair: payload_type})
        assert agreed.send is not None
        assert (agreed.send.codec, agreed.send.payload_type, agreed.send.rtx) == ("VP8", payload_type, repair)
        assert (agreed.nack, agreed.pli, agreed.fir, agreed.remb, agreed.transport_cc) == 5 * (True,)
        assert agreed.feedback_id == result.audio.feedback_id > 0
        assert agreed.mid_id == result.audio.mid_id > 0
        assert agreed.remote == ("", 0)
        assert agreed.sends
    assert result.video is not None
    assert result.video.rid_id > 0
    assert (result.video.orientation_id > 0) == (browser == "chromium")
    assert (result.video_transport, result.protection) == (None, Protection.DTLS)
    lines = video_lines(result)
    assert {"a=rid:l recv", "a=rid:h recv", "a=simulcast:recv l;h", "a=msid:samrom video"} < set(lines)
    assert {"a=content:slides", "a=msid:samrom-slides slides"} < set(video_lines(result, 2))
    assert "a=group:BUNDLE 0 1 2" in text_of(result)
    assert answer(description, SEEING_BROWSER, result) == result


@pytest.mark.parametrize("browser", ["chromium", "firefox"])
def test_a_browsers_re_offer(browser: str) -> None:
    first = answer(read(f"{browser}-offer-layers-slides-bundled"), SEEING_BROWSER)
    again = answer(read(f"{browser}-reoffer-layers-slides"), SEEING_BROWSER, first)
    assert (again.video, again.slides, again.carried) == (first.video, first.slides, first.carried)


@pytest.mark.parametrize("browser", ["chromium", "firefox"])
def test_another_reader_reads_the_same_in_our_answer(browser: str) -> None:
    result = answer(read(f"{browser}-offer-layers-slides"), SEEING_BROWSER)
    theirs = SessionDescription.parse(result.body.decode())
    assert [media.direction for media in theirs.media] == ["sendrecv", "sendrecv", "sendrecv"]
    assert [media.rtp.muxId for media in theirs.media] == ["0", "1", "2"]
    for media in theirs.media:
        assert media.port == 10_000
        assert media.ice == theirs.media[0].ice
        assert media.dtls == theirs.media[0].dtls
        assert [codec.payloadType for codec in media.rtp.codecs] == [int(each) for each in media.fmt]


@pytest.mark.parametrize(
    ("name", "codec", "others"),
    [
        ("chromium-offer-video-channel", "VP8", ["application 0"]),
        ("chromium-offer-video-first", "VP8", []),
        ("chromium-offer-video-first-bundled", "VP8", []),
        ("firefox-offer-video-channel", "VP8", ["application 0"]),
        ("firefox-offer-video-first-bundled", "VP8", []),
        ("aiortc-offer-video-channel", "VP8", ["application 0"]),
        ("device-webrtc-browser-wss", "VP8", []),
        ("style-safari", "H264", []),
        ("style-gstreamer", "VP8", []),
    ],
)
def test_a_clients_picture_in_the_bundle(name: str, codec: str, others: list[str]) -> None:
    description = read(name)
    assert wants_ice(description, PICTURES)
    result = answer(description, SEEING_BROWSER)
    assert result.video is not None
    assert result.video.send is not None
    assert (result.video.send.codec, result.slides, result.video_transport) == (codec, None, None)
    assert [f"{each.kind} 0" for each in result.description.sections if not each.port] == others
    assert answer(description, SEEING_BROWSER, result) == result
    ended = replace(
        description,
        sections=tuple(
            replace(each, port=0, attributes=()) if each.kind == "video" else each
            for each in description.sections
        ),
    )
    if description.sections[0].kind == "audio":
        gone = answer(ended, SEEING_BROWSER, result)
        assert (gone.video, gone.audio) == (None, result.audio)
        assert answer(description, SEEING_BROWSER, gone).video == result.video
