"""Pictures in the bundle of the sound share its transport; outside of it they have their own, or are not to be had."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.sdp.description import Description, parse
from bridge.sdp.local import Local, PicturePolicy
from bridge.sdp.negotiate import Agreed, answer, restart_ice, wants_ice
from bridge.sdp.transport import Credentials
from bridge.sdp.video import NegotiatedVideo
from tests.sdp.samples import (
    BROWSER,
    CRYPTO,
    PICTURES,
    SEEING,
    SEEING_BROWSER,
    SEEING_DTLS,
    SHARED,
    read,
    text_of,
    video_lines,
)

SEEING_SHARED = replace(SHARED, pictures=PICTURES)
ICE = "a=ice-ufrag:abcd\na=ice-pwd:abcdefghijklmnopqrstuvwx\n"
DTLS = "a=setup:actpass\na=fingerprint:sha-256 " + ":".join(["AB"] * 32) + "\n"
TRANSPORT = f"{ICE}{DTLS}a=rtcp-mux\n"
NAMES = "urn:ietf:params:rtp-hdrext:sdes:"
MID, RID, REPAIRED = (f"{NAMES}{each}" for each in ("mid", "rtp-stream-id", "repaired-rtp-stream-id"))
FEEDBACK = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"


def offered(
    *lines: str,
    group: str = "BUNDLE a v",
    sound: str = f"a=extmap:4 {MID}\n",
    carried: str = TRANSPORT,
    proto: str = "UDP/TLS/RTP/SAVPF",
    port: int = 9,
) -> Description:
    """An offer of sound "a" and pictures "v"; `sound`: further lines of the sound, `lines`: of the pictures."""
    text = (
        f"v=0\nc=IN IP4 192.0.2.24\na=group:{group}\nm=audio 4000 {proto} 0\na=mid:a\n{carried}{sound}"
        f"m=video {port} {proto} 96 97\na=mid:v\n{carried}a=rtpmap:96 VP8/90000\na=rtpmap:97 H264/90000\n"
    )
    return parse((text + "\n".join(lines) + "\n").encode())


def agreed(*lines: str, local: Local = SEEING_BROWSER, sound: str = f"a=extmap:4 {MID}\n") -> NegotiatedVideo:
    video = answer(offered(*lines, sound=sound), local).video
    assert video is not None
    return video


def groups(result: Agreed) -> list[str]:
    return [line for line in text_of(result) if line.startswith("a=group")]


# -- which transport ----------------------------------------------------------------------------------------------


def test_one_transport_for_both() -> None:
    result = answer(offered(), SEEING_SHARED)
    assert result.video is not None
    assert (result.video_transport, result.video.mid, result.video.remote) == (None, "v", ("", 0))
    assert video_lines(result)[0] == "video 10000 UDP/TLS/RTP/SAVPF 96"
    assert groups(result) == ["a=group:BUNDLE a v"]


@pytest.mark.parametrize("group", ["BUNDLE v a", "BUNDLE a v"])
@pytest.mark.parametrize("port", [9, 0])
def test_whoever_comes_first_in_the_bundle(group: str, port: int) -> None:
    only = ("a=bundle-only",) if not port else ()
    if group == "BUNDLE v a" and not port:
        pytest.skip("the first one of a bundle has a port")
    result = answer(offered(*only, group=group, port=port), SEEING_BROWSER)
    assert result.video is not None
    assert groups(result) == [f"a=group:{group}"]
    assert result.description.sections[1].port == 10_000


def test_the_carrier_stays_when_its_pictures_cannot_be_agreed_on() -> None:
    offer = offered(group="BUNDLE v a")
    sections = offer.sections[0], replace(offer.sections[1], formats=("34",))
    result = answer(replace(offer, sections=sections), SEEING_BROWSER)
    assert result.video is None
    assert video_lines(result)[0] == "video 10000 UDP/TLS/RTP/SAVPF 34"
    assert video_lines(result)[-1] == "a=inactive"


def test_outside_the_bundle_there_are_none_on_the_shared_port() -> None:
    for group in ("BUNDLE a", "LS a v"):
        offer = offered(group=group)
        assert (wants_ice(offer), wants_ice(offer, PICTURES)) == (True, False)
        result = answer(offer, SEEING_BROWSER)
        assert (result.video, video_lines(result)[0]) == (None, "video 0 UDP/TLS/RTP/SAVPF 96")


def test_pictures_of_no_use_keep_nobody_from_the_shared_port() -> None:
    unknown = replace(PICTURES, codecs=())
    slides = offered("a=content:slides", group="BUNDLE a")
    for offer, policy in ((offered(group="BUNDLE a"), unknown), (slides, PICTURES), (offered(), PICTURES)):
        assert wants_ice(offer, policy)
    assert wants_ice(offered(group="BUNDLE a", port=0), PICTURES)
    assert not wants_ice(parse(b"v=0\r\nm=video 9 RTP/AVP 96\r\n"), PICTURES)


def test_on_ports_of_their_own_pictures_leave_the_bundle() -> None:
    offer = offered("c=IN IP4 192.0.2.25", port=4002)
    result = answer(offer, SEEING_DTLS)
    assert result.video is not None
    assert (result.audio.remote, result.video.remote) == (("192.0.2.24", 4000), ("192.0.2.25", 4002))
    assert result.video_transport is not None
    assert groups(result) == ["a=group:BUNDLE a"]
    assert video_lines(result)[0] == "video 40002 UDP/TLS/RTP/SAVPF 96"
    assert answer(offer, SEEING_DTLS, result) == result
    only = answer(offered("a=bundle-only", port=0), SEEING_DTLS)
    assert (only.video, only.audio.sends) == (None, True)


def test_keys_of_one_section_each_keep_pictures_out_of_the_bundle() -> None:
    offer = offered(CRYPTO, carried=f"{ICE}a=rtcp-mux\n", sound=CRYPTO + "\n", proto="RTP/SAVPF", port=4002)
    assert (wants_ice(offer), wants_ice(offer, PICTURES)) == (True, False)
    assert answer(offer, SEEING_SHARED).video is None
    apart = answer(offer, SEEING)
    assert apart.video is not None
    assert apart.video.srtp_send is not None


def test_ice_restarts_for_both() -> None:
    first = answer(offered(), SEEING_BROWSER)
    again = restart_ice(first, Credentials("efgh", "zyxwvutsrqponmlkjihgfedcb"), SEEING_BROWSER)
    assert (again.video, again.transport == first.transport) == (first.video, False)
    words = [
        value
        for section in again.description.sections
        for name, value in section.attributes
        if name == "ice-pwd"
    ]
    assert len(words) == 2
    assert len(set(words)) == 1
    offer = offered(carried=TRANSPORT.replace("abcd\n", "efgh\n"))
    other = answer(offer, SEEING_BROWSER, first)
    assert (other.video, other.transport == first.transport) == (first.video, False)


def test_sound_that_ends_takes_the_bundle_with_it() -> None:
    first = answer(offered(), SEEING_BROWSER)
    offer = offered()
    held = answer(
        replace(offer, sections=(replace(offer.sections[0], port=0), offer.sections[1])),
        SEEING_BROWSER,
        first,
    )
    assert (held.audio.held, held.video) == (True, None)
    assert answer(offer, SEEING_BROWSER, held).video == first.video


# -- slides -------------------------------------------------------------------------------------------------------


def slides(local: Local, *more: str) -> Agreed:
    second = f"m=video 9 UDP/TLS/RTP/SAVPF 98\na=mid:s\n{TRANSPORT}a=rtpmap:98 VP8/90000\na=content:slides"
    return answer(offered(*second.split("\n"), *more, group="BUNDLE a v s"), local)


def test_slides_are_a_stream_of_their_own() -> None:
    result = slides(SEEING_BROWSER, "a=recvonly")
    assert result.slides is not None
    assert (result.slides.mid, result.slides.sends, result.slides.receives) == ("s", True, False)
    assert result.video is not None
    assert result.video.mid == "v"
    assert "a=content:slides" in video_lines(result, 2)
    assert "a=content:main" not in video_lines(result, 1)


def test_who_wants_no_slides_refuses_them() -> None:
    none = replace(SEEING_BROWSER, pictures=PicturePolicy(slides=False))
    assert slides(none).slides is None
    assert slides(BROWSER).slides is None
    assert slides(none).video is not None


def test_slides_outside_a_bundle_are_refused() -> None:
    result = slides(SEEING_DTLS)
    assert (result.slides, [section.port for section in result.description.sections]) == (
        None,
        [40_000, 0, 0],
    )


# -- header extensions --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "ids"),
    [
        ((f"a=extmap:4 {MID}", f"a=extmap:5 {RID}", f"a=extmap:6 {REPAIRED}"), (4, 5, 6, 0)),
        ((f"a=extmap:4 {MID}", "a=extmap:13 urn:3gpp:video-orientation"), (4, 0, 0, 13)),
        # In a bundle an id means one thing, and a thing has one id.
        ((f"a=extmap:3 {MID}", f"a=extmap:4 {RID}", f"a=extmap:1 {REPAIRED}"), (0, 0, 0, 0)),
        ((f"a=extmap:4/recvonly {MID}", f"a=extmap:5/recvonly {RID}"), (4, 0, 0, 0)),
        ((f"a=extmap:4/sendonly {MID}", f"a=extmap:5/sendonly {RID}"), (0, 5, 0, 0)),
        ((f"a=extmap:15 {MID}", f"a=extmap:5/inactive {RID}", "a=extmap:6 urn:3gpp:other"), (0, 0, 0, 0)),
    ],
)
def test_extensions(lines: tuple[str, ...], ids: tuple[int, ...]) -> None:
    video = agreed(*lines, sound=f"a=extmap:4 {MID}\na=extmap:1 {LEVEL}\n")
    assert (video.mid_id, video.rid_id, video.repaired_rid_id, video.orientation_id) == ids


@pytest.mark.parametrize(
    ("extension", "feedback", "identifier"),
    [
        (f"a=extmap:7 {FEEDBACK}", "96", 7),
        (f"a=extmap:7 {FEEDBACK}", "97", 0),
        (f"a=extmap:7/sendonly {FEEDBACK}", "*", 0),
    ],
)
def test_transport_wide_feedback_needs_both_its_extension_and_its_line(
    extension: str, feedback: str, identifier: int
) -> None:
    result = answer(offered(extension, f"a=rtcp-fb:{feedback} transport-cc"), SEEING_BROWSER)
    assert result.video is not None
    assert (result.video.feedback_id, result.video.transport_cc) == (identifier, identifier > 0)
    assert any("transport-cc" in line for line in video_lines(result)) == (identifier > 0)


# -- layers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "rids"),
    [
        (("rid:l send", "rid:h send", "simulcast:send l;h"), ("l", "h")),
        (("rid:l send", "rid:h send", "simulcast:send h;~l recv x"), ("h", "l")),
        (("rid:l send pt=96,97;max-width=640", "rid:h send max-fps=30;pt=97", "simulcast:send h;l"), ("l",)),
        (("rid:l send", "rid:h send", "rid:m send", "simulcast:send l,h;m"), ("l", "m")),
        (("rid:a send", "rid:b send", "rid:c send", "rid:d send", "simulcast:send a;b;c;d"), ("a", "b", "c")),
        (("rid:l send", "simulcast:send l;h"), ("l",)),
        (("rid:l recv", "simulcast:recv l"), ()),
        (("rid:l send", "simulcast:recv l"), ()),
        (("rid:l send",), ()),
        (("simulcast:send l;h",), ()),
        (("rid:l send", "simulcast:send"), ()),
        (("rid:l%c send", "rid:" + 17 * "x" + " send", "rid: send", "simulcast:send l%c;" + 17 * "x"), ()),
        (("rid:l send", "rid:h send", "simulcast:send l;h", "recvonly"), ()),
    ],
)
def test_layers(lines: tuple[str, ...], rids: tuple[str, ...]) -> None:
    result = answer(offered(f"a=extmap:5 {RID}", *(f"a={each}" for each in lines)), SEEING_BROWSER)
    assert result.video is not None
    assert result.video.rids == rids
    wanted = [f"a=rid:{each} recv" for each in rids] + (
        [f"a=simulcast:recv {';'.join(rids)}"] if rids else []
    )
    assert [line for line in video_lines(result) if line.startswith(("a=rid", "a=simul"))] == wanted


def test_layers_need_their_names_in_packets() -> None:
    assert agreed("a=rid:l send", "a=rid:h send", "a=simulcast:send l;h").rids == ()


# -- what is read over --------------------------------------------------------------------------------------------


def test_what_we_have_no_use_for_is_read_over() -> None:
    lines = (
        "a=framerate:29.97", "a=imageattr:96 send [x=1280,y=720] recv [x=640,y=360]", "a=ssrc-group:SIM 1 2 3",
        "a=ssrc-group:FID 1", "a=ssrc-group:FID x 2", "a=ssrc-group:FID 1 99999999999", "a=ssrc-group:",
        "a=rtcp-fb:", "a=fmtp:", "a=rtpmap:96", "a=msid:x y", "a=label:11", "a=answer:full", "a=quality:10",
    )  # fmt: skip
    assert agreed(*lines).repair_sources == {}
    many = tuple(f"a=ssrc-group:FID {each} {each + 100}" for each in range(40))
    assert len(agreed(*many).repair_sources) == 8


def test_a_gstreamer_that_bundles_all() -> None:
    result = answer(read("style-gstreamer"), SEEING_BROWSER)
    assert result.video is not None
    assert [section.port for section in result.description.sections] == [10_000, 10_000]
