"""An offer of pictures is answered with one format that both ends can do; what is wrong with them costs no call."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.codec.table import H264, VP8
from bridge.sdp.local import PicturePolicy, Preference, SrtpPolicy
from bridge.sdp.negotiate import Protection, answer
from bridge.sdp.transport import PLAIN
from bridge.sdp.video import VideoLimits
from tests.sdp.samples import (
    CRYPTO,
    KEY,
    LOCAL,
    PICTURES,
    SEEING,
    SEEING_DTLS,
    audio,
    read,
    seen,
    text_of,
    video,
    video_lines,
)

BEYOND = ";max-mbps=245760;max-fs=8192"
MODE_1 = ("a=rtpmap:96 H264/90000", "a=fmtp:96 profile-level-id=42e01f;packetization-mode=1")
PLAIN_VP8 = ("a=rtpmap:96 VP8/90000",)


def fmtp(line: str, codec: str = "H264") -> str:
    """Answer one format with these parameters, and give ours."""
    result = answer(video(f"a=rtpmap:96 {codec}/90000", f"a=fmtp:96 {line}"), SEEING)
    return next(each for each in video_lines(result) if each.startswith("a=fmtp")).partition(" ")[2]


# -- which format -------------------------------------------------------------------------------------------------


def test_a_whole_answer() -> None:
    result = answer(video(*MODE_1, "a=rtcp-fb:* nack pli", "a=rtcp-fb:96 ccm fir"), SEEING)
    assert video_lines(result) == [
        "video 40002 RTP/AVP 96",
        "b=AS:2100",
        "b=TIAS:2000000",
        "a=rtpmap:96 H264/90000",
        "a=fmtp:96 packetization-mode=1;profile-level-id=42e01f;max-mbps=245760;max-fs=8192",
        "a=rtcp-fb:* nack pli",
        "a=rtcp-fb:96 ccm fir",
        "a=sendrecv",
    ]
    assert result.video is not None
    assert (result.video.remote, result.video.remote_rtcp) == (("192.0.2.24", 4002), ("192.0.2.24", 4003))
    assert result.video_transport == PLAIN
    assert result.slides is None


@pytest.mark.parametrize(
    ("maps", "chosen", "codec", "mode"),
    [
        (["VP8", "H264:1", "H264:0"], 0, "VP8", 1),
        (["H264:0", "VP8", "H264:1"], 2, "H264", 1),
        (["H264:0", "VP8"], 0, "H264", 0),
        (["H265", "VP9", "AV1", "VP8"], 3, "VP8", 1),
        (["H265", "AV1", "VP9"], 1, "AV1", 1),
        (["VP9"], 0, "VP9", 1),
    ],
)
def test_the_first_codec_that_we_send_as_well_is_taken(
    maps: list[str], chosen: int, codec: str, mode: int
) -> None:
    lines = []
    for number, (name, _, wanted) in enumerate((each.partition(":") for each in maps), 96):
        lines.append(f"a=rtpmap:{number} {name}/90000")
        lines += [f"a=fmtp:{number} profile-level-id=42e01f;packetization-mode={wanted}"] if wanted else []
    types = " ".join(str(96 + place) for place in range(len(maps)))
    agreed = seen(*lines, media=f"4002 RTP/AVP {types}")
    assert list(agreed.receive) == [96 + chosen]
    assert (agreed.receive[96 + chosen].codec, agreed.receive[96 + chosen].packetization_mode) == (
        codec,
        mode,
    )
    assert (agreed.send is None) == (codec in ("VP9", "AV1"))
    assert (agreed.sends, agreed.receives) == (agreed.send is not None, True)


def test_what_is_only_received_is_answered_so() -> None:
    result = answer(video("a=rtpmap:96 VP9/90000", "a=fmtp:96 profile-id=0"), SEEING)
    assert video_lines(result)[-1] == "a=recvonly"
    assert "a=fmtp:96 profile-id=0" in video_lines(result)


def test_our_order_counts_where_it_is_preferred() -> None:
    ours = replace(SEEING, preference=Preference.OURS)
    media, lines = "4002 RTP/AVP 96 97", ("a=rtpmap:96 VP8/90000", "a=rtpmap:97 H264/90000")
    assert list(seen(*lines, media=media, local=ours).receive) == [97]
    only = replace(SEEING, pictures=PicturePolicy(codecs=(VP8,)))
    assert list(seen(*lines, media=media, local=only).receive) == [96]


@pytest.mark.parametrize(
    "lines",
    [
        ("a=rtpmap:96 H265/90000",),
        ("a=rtpmap:96 H264/90000", "a=fmtp:96 profile-level-id=f4001f"),  # 4:4:4
        ("a=rtpmap:96 H264/90000", "a=fmtp:96 profile-level-id=58a01e"),  # extended
        ("a=rtpmap:96 H264/90000", "a=fmtp:96 profile-level-id=42e0"),
        ("a=rtpmap:96 H264/90000", "a=fmtp:96 profile-level-id=42e0+f"),
        ("a=rtpmap:96 H264/90000", "a=fmtp:96 profile-level-id=42e01f;packetization-mode=2"),
        ("a=rtpmap:96 VP8/8000",),
        ("a=rtpmap:96 VP9/90000", "a=fmtp:96 profile-id=2"),
        ("a=rtpmap:96 AV1/90000", "a=fmtp:96 profile=1"),
        ("a=rtpmap:96 rtx/90000", "a=fmtp:96 apt=97"),
        (),
    ],
)
def test_what_we_cannot_decode_is_refused_and_the_call_goes_on(lines: tuple[str, ...]) -> None:
    result = answer(video(*lines), SEEING)
    assert (result.video, result.main, result.audio.codec) == (None, None, "PCMU")
    assert video_lines(result) == ["video 0 RTP/AVP 96"]


@pytest.mark.parametrize(
    "offer",
    [
        video(*MODE_1, media="0 RTP/AVP 96"),
        video(*MODE_1, "c=IN IP4 127.0.0.1"),
        video(*MODE_1, "c=IN IP4 host.example"),
        video(*MODE_1, "c=IN IP6 2001:db8::1"),
        video(*MODE_1, media="4002 RTP/SAVP 96"),
        video(*MODE_1, media="4002 UDP/TLS/RTP/SAVP 96"),
        video(*MODE_1, media="4002 foo 96"),
        video(*MODE_1, "a=rtcp-mux-only", media="4002 TCP/DTLS/RTP/SAVPF 96"),
        video(*MODE_1, "a=content:slides"),
    ],
)
def test_a_section_of_no_use_costs_only_the_pictures(offer: object) -> None:
    result = answer(offer, SEEING)  # type: ignore[arg-type]
    assert (result.video, result.audio.sends) == (None, True)
    assert video_lines(result)[0].startswith("video 0 ")


def test_a_leg_without_pictures_refuses_them() -> None:
    for local in (LOCAL, replace(LOCAL, pictures=PICTURES), replace(SEEING, pictures=None)):
        result = answer(video(*MODE_1), local)
        assert (result.video, video_lines(result)) == (None, ["video 0 RTP/AVP 96"])


# -- levels, and what each side can take --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("offered", "answered"),
    [
        # The lower one counts for both directions unless both say otherwise (RFC 6184 section 8.2.2).
        ("profile-level-id=42800D", f"packetization-mode=0;profile-level-id=42800d{BEYOND};max-br=2000"),
        ("profile-level-id=640033;packetization-mode=1", "packetization-mode=1;profile-level-id=640028"),
        (
            "profile-level-id=42001f;packetization-mode=1;level-asymmetry-allowed=1",
            "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=420028",
        ),
        ("profile-level-id=4d401e", "packetization-mode=0;profile-level-id=4d401e;max-mbps=245760;max-fs=8192"),
        ("profile-level-id=42f00b", f"packetization-mode=0;profile-level-id=42f00b{BEYOND};max-br=2000"),
        ("profile-level-id=42e0ff", "packetization-mode=0;profile-level-id=42e028"),
        ("packetization-mode=1", "packetization-mode=1;profile-level-id=42e01e;max-mbps=245760;max-fs=8192"),
    ],
)  # fmt: skip
def test_levels(offered: str, answered: str) -> None:
    assert fmtp(offered) == answered


@pytest.mark.parametrize(
    ("offered", "limits"),
    [
        ("profile-level-id=42800d; max-mbps=108000; max-fs=3600", VideoLimits(3600, 108_000, bitrate=768_000)),
        ("profile-level-id=42800d; max-fs=3600; max-br=1600", VideoLimits(3600, 11_880, bitrate=1_600_000)),
        ("profile-level-id=42801F;max-br=1920;max-fs=3840", VideoLimits(3840, 108_000, bitrate=1_920_000)),
        ("profile-level-id=640033", VideoLimits(8192, 245_760, bitrate=20_000_000)),
        ("profile-level-id=640033;level-asymmetry-allowed=1", VideoLimits(36_864, 983_040, bitrate=240_000_000)),
        ("profile-level-id=42f00b", VideoLimits(99, 1485, bitrate=128_000)),
        ("profile-level-id=42e01f;max-fs=1;max-mbps=0;max-br=x", VideoLimits(3600, 108_000, bitrate=14_000_000)),
        ("profile-level-id=42e015;max-fs=+396", VideoLimits(792, 19_800, bitrate=4_000_000)),
    ],
)  # fmt: skip
def test_what_a_peer_can_take_of_h264(offered: str, limits: VideoLimits) -> None:
    assert seen("a=rtpmap:96 H264/90000", f"a=fmtp:96 {offered}").send_limits == limits


def test_what_a_peer_can_take_of_vp8() -> None:
    assert seen(*PLAIN_VP8, "a=fmtp:96 max-fr=30; max-fs=1200").send_limits == VideoLimits(1200, max_fps=30)
    assert seen(*PLAIN_VP8).send_limits == VideoLimits()
    assert fmtp("max-fr=60;max-fs=12288", "VP8") == "max-fs=8192;max-fr=30"


def test_what_we_take_is_said_and_kept() -> None:
    small = replace(
        SEEING, pictures=PicturePolicy(limits=VideoLimits(3600, 108_000, 25, 1280, 1280, 900_000))
    )
    result = answer(video(*MODE_1), small)
    assert "a=fmtp:96 packetization-mode=1;profile-level-id=42e01f" in video_lines(result)
    assert {"b=AS:945", "b=TIAS:900000"} < set(video_lines(result))
    assert result.video is not None
    assert result.video.receive_limits.max_fs == 3600
    asymmetric = video(MODE_1[0], MODE_1[1] + ";level-asymmetry-allowed=1")
    tiny = replace(SEEING, pictures=PicturePolicy(limits=VideoLimits(400, 12_000)))
    assert "profile-level-id=42e00d" in answer(asymmetric, tiny).body.decode()


@pytest.mark.parametrize(
    ("session", "own", "bitrate"),
    [
        ("", (), 14_000_000),
        ("b=AS:2100", (), 1_920_000),
        ("b=CT:420", (), 320_000),
        ("b=AS:100", (), 64_000),
        ("b=AS:2100", ("b=TIAS:1000000",), 1_000_000),
        ("b=TIAS:1000000", ("b=AS:2000",), 920_000),
        ("b=AS:0", ("b=TIAS:0", "b=RS:0", "b=X-YZ:9"), 14_000_000),
        ("", ("b=AS:512", "b=TIAS:300000"), 300_000),
    ],
)
def test_bandwidth_is_obeyed(session: str, own: tuple[str, ...], bitrate: int) -> None:
    assert seen(*own, *MODE_1, head=session).send_limits.bitrate == bitrate


def test_parameter_sets_are_read() -> None:
    ours = "a=fmtp:96 packetization-mode=1;sprop-parameter-sets={}"
    given = seen(MODE_1[0], ours.format("Z0IAKeKQFAe2AtwEBAaQeJEV,aM48gA=="))
    assert [each[0] & 0x1F for each in given.parameter_sets] == [7, 8]
    for broken in ("Z0IA*", ",", "QQ==" * 400, "===="):
        assert seen(MODE_1[0], ours.format(broken)).parameter_sets == ()


# -- feedback, retransmissions ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "known"),
    [
        ((), ""),
        (("* ccm fir tmmbr",), "fir tmmbr"),
        (("* nack", "* nack pli", "* ccm fir", "* ccm tmmbr smaxpr=120"), "nack pli fir tmmbr"),
        (("96 NACK PLI", "97 nack"), "pli"),
        (("96 goog-remb", "* transport-cc"), "remb"),  # transport-wide numbers need their extension
        (("96", "", "96 nack foo", "96 ccm pan", "96 trr-int 100"), ""),
    ],
)
def test_feedback(lines: tuple[str, ...], known: str) -> None:
    agreed = seen(*MODE_1, *(f"a=rtcp-fb:{each}" for each in lines))
    names = ("nack", "pli", "fir", "tmmbr", "remb", "transport_cc")
    assert [name for name in names if getattr(agreed, name)] == known.split()


def test_retransmissions_are_taken_with_the_format_that_they_repair() -> None:
    lines = (*MODE_1, "a=rtpmap:97 rtx/90000", "a=fmtp:97 apt=96;rtx-time=200", "a=ssrc-group:FID 11 12")
    result = answer(video(*lines, media="4002 RTP/AVP 96 97"), SEEING)
    agreed = result.video
    assert agreed is not None
    assert (agreed.repairs, agreed.repair_sources) == ({97: 96}, {12: 11})
    assert agreed.send is not None
    assert (agreed.send.rtx, agreed.receive[96].rtx) == (97, 97)
    assert video_lines(result)[0] == "video 40002 RTP/AVP 96 97"
    assert {"a=rtpmap:97 rtx/90000", "a=fmtp:97 apt=96"} < set(video_lines(result))


# -- directions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("direction", "ours", "sends", "receives", "held"),
    [
        ("sendrecv", "sendrecv", True, True, False),
        ("sendonly", "recvonly", False, True, True),
        ("recvonly", "sendonly", True, False, False),
        ("inactive", "inactive", False, False, True),
    ],
)
def test_directions(direction: str, ours: str, sends: bool, receives: bool, held: bool) -> None:
    result = answer(video(*MODE_1, f"a={direction}"), SEEING)
    assert result.video is not None
    assert (result.video.sends, result.video.receives, result.video.held) == (sends, receives, held)
    assert video_lines(result)[-1] == f"a={ours}"
    assert result.audio.sends


# -- keys ---------------------------------------------------------------------------------------------------------

SECURE = video(
    *MODE_1,
    f"a=crypto:2 AES_CM_128_HMAC_SHA1_80 {KEY[:-1]}t",
    media="4002 RTP/SAVP 96",
    sound="4000 RTP/SAVP 0\r\n" + CRYPTO,
)


def test_pictures_have_keys_of_their_own() -> None:
    result = answer(SECURE, SEEING)
    assert result.video is not None
    assert result.video.srtp_send is not None
    assert result.video.srtp_send != result.audio.srtp_send
    assert result.video.srtp_receive != result.audio.srtp_receive
    assert sum(line.startswith("a=crypto:2 ") for line in video_lines(result)) == 1
    assert result.protection is Protection.SDES
    assert answer(SECURE, SEEING, result) == result


def test_plain_pictures_beside_encrypted_sound_are_not_called_encrypted() -> None:
    half = answer(video(*MODE_1, sound="4000 RTP/SAVP 0\r\n" + CRYPTO), SEEING)
    assert half.video is not None
    assert (half.audio.srtp_send is None, half.protection) == (False, Protection.NONE)
    strict = replace(SEEING, srtp=SrtpPolicy.REQUIRED)
    whole = answer(video(*MODE_1, sound="4000 RTP/SAVP 0\r\n" + CRYPTO), strict)
    assert (whole.video, whole.protection) == (None, Protection.SDES)


def test_an_encrypted_section_goes_before_a_plain_one() -> None:
    lines = [*MODE_1, "m=video 4004 RTP/SAVP 96", *MODE_1, CRYPTO]
    result = answer(video(*lines), SEEING)
    assert [line.split()[1] for line in text_of(result) if line.startswith("m=")] == ["40000", "0", "40002"]
    assert result.main is not None
    assert result.main.index == 2


def test_pictures_have_an_association_of_their_own() -> None:
    offer = read("baresip-offer-dtls-mux")
    sound = offer.sections[0]
    names = ("setup", "fingerprint", "rtcp-mux")
    lines = [
        f"a={name}:{value}" if value else f"a={name}" for name, value in sound.attributes if name in names
    ]
    both = replace(
        offer, sections=(sound, *video(*MODE_1, *lines, media="4002 UDP/TLS/RTP/SAVPF 96").sections[1:])
    )
    local = replace(SEEING_DTLS, address="127.0.0.1", loopback=True)
    result = answer(both, local)
    assert result.video is not None
    assert result.video_transport is not None
    assert result.video_transport.dtls is not None
    assert (result.video.srtp_send, result.video.rtcp_mux, result.protection) == (None, True, Protection.DTLS)
    assert answer(both, local, result) == result


# -- a call that goes on ------------------------------------------------------------------------------------------


def test_pictures_come_and_go() -> None:
    offer = SECURE
    first = answer(offer, SEEING)
    ended = answer(
        replace(offer, sections=(offer.sections[0], replace(offer.sections[1], port=0))), SEEING, first
    )
    assert (ended.video, ended.video_transport, ended.protection) == (None, None, Protection.SDES)
    assert video_lines(ended) == ["video 0 RTP/SAVP 96"]
    again = answer(offer, SEEING, ended)
    assert again.video is not None
    assert first.video is not None
    assert again.video.srtp_send != first.video.srtp_send, (
        "the key of a stream that has ended is not used again"
    )
    assert answer(offer, SEEING, again) == again


def test_pictures_are_added_to_a_call() -> None:
    first = answer(audio(), SEEING)
    assert first.video is None
    second = answer(video(*MODE_1), SEEING, first)
    assert second.video is not None
    assert second.audio.codec == "PCMU"
    assert first.video is None


def test_held_sound_leaves_pictures_as_they_are_offered() -> None:
    first = answer(video(*MODE_1), SEEING)
    held = answer(video(*MODE_1, sound="0 RTP/AVP 0"), SEEING, first)
    assert (held.audio.held, held.video) == (True, first.video)


def test_the_stream_stays_where_it_is() -> None:
    lines = [*MODE_1, "m=video 4004 RTP/AVP 96", *PLAIN_VP8]
    first = answer(video(*lines), SEEING)
    assert first.main is not None
    assert first.main.index == 1
    lines[2] = "m=video 4004 RTP/AVP 96"
    moved = video(*lines)
    gone = answer(
        replace(moved, sections=(moved.sections[0], replace(moved.sections[1], port=0), moved.sections[2])),
        SEEING,
        first,
    )
    assert gone.main is not None
    assert (gone.main.index, gone.video is None) == (2, False)
    assert answer(moved, SEEING, gone).main == gone.main


def test_h264_alone_is_a_policy() -> None:
    assert (
        seen(*MODE_1, local=replace(SEEING, pictures=PicturePolicy(codecs=(H264,)))).receive[96].codec
        == "H264"
    )
