"""A first offer is answered with the sound both ends can have and the security the leg wants, or with 488."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.codec.table import OPUS, PCMA
from bridge.errors import ProtocolError
from bridge.sdp.description import parse
from bridge.sdp.local import Local, Preference, SrtpPolicy
from bridge.sdp.negotiate import answer, wants_ipv6
from tests.sdp.samples import CRYPTO, KEY, LOCAL, LOOPBACK, agreed, audio, refusal, text_of

OFF = replace(LOCAL, srtp=SrtpPolicy.OFF)
REQUIRED = replace(LOCAL, srtp=SrtpPolicy.REQUIRED)
OURS = replace(LOCAL, preference=Preference.OURS)
EVERYTHING = (
    "a=rtpmap:111 opus/48000/2",
    "a=fmtp:111 useinbandfec=1; maxaveragebitrate=32000",
    "a=rtpmap:101 telephone-event/8000",
    "a=rtpmap:110 telephone-event/48000",
)


def test_a_whole_answer() -> None:
    result = answer(audio(*EVERYTHING, media="4000 RTP/AVPF 0 111 9 13 18 101 110"), LOCAL)
    assert text_of(result) == [
        "v=0",
        "o=- 7 1 IN IP4 198.51.100.7",
        "s=Samrom",
        "c=IN IP4 198.51.100.7",
        "t=0 0",
        "m=audio 40000 RTP/AVPF 0 111 9 13 101",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:111 opus/48000/2",
        "a=fmtp:111 useinbandfec=1;stereo=0;sprop-stereo=0",
        "a=rtpmap:9 G722/8000",
        "a=rtpmap:13 CN/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-15",
        "a=ptime:20",
        "a=sendrecv",
        "",
    ]
    assert result.audio.receive == {0: "PCMU", 111: "opus", 9: "G722", 13: "CN"}
    assert (result.audio.event_send, result.audio.event_receive, result.audio.event_clock_rate) == (
        101,
        101,
        8000,
    )
    assert (result.audio.remote, result.audio.remote_rtcp) == (("192.0.2.24", 4000), ("192.0.2.24", 4001))


# -- codecs -------------------------------------------------------------------------------------------------------


def test_the_order_is_theirs_unless_it_is_ours() -> None:
    media = "4000 RTP/AVP 0 8 9 111 101 110"
    theirs, ours = agreed(*EVERYTHING, media=media), agreed(*EVERYTHING, media=media, local=OURS)
    assert (theirs.codec, theirs.event_send) == ("PCMU", 101)
    assert (ours.codec, ours.event_send, ours.event_clock_rate) == ("opus", 110, 48_000)
    assert theirs.receive == ours.receive
    assert list(ours.receive) == [111, 9, 8, 0]


def test_the_wishes_for_our_opus() -> None:
    result = agreed(*EVERYTHING, media="4000 RTP/AVP 111")
    assert (result.opus_fec, result.opus_dtx, result.opus_bitrate, result.opus_max_rate) == (
        True,
        False,
        32_000,
        48_000,
    )


def test_silence_is_asked_for_where_it_is_wanted() -> None:
    result = answer(audio(*EVERYTHING, media="4000 RTP/AVP 111"), replace(LOCAL, opus_dtx=True))
    assert "a=fmtp:111 useinbandfec=1;stereo=0;sprop-stereo=0;usedtx=1" in text_of(result)


def test_codecs_we_do_not_want_are_not_there() -> None:
    assert (
        agreed(*EVERYTHING, media="4000 RTP/AVP 0 111 8", local=replace(LOCAL, codecs=(OPUS, PCMA))).codec
        == "opus"
    )
    assert refusal(audio(media="4000 RTP/AVP 0"), replace(LOCAL, codecs=(OPUS,))) == "sdp-no-codec"


def test_events_alone_are_no_sound() -> None:
    assert refusal(audio("a=rtpmap:98 telephone-event/8000", media="4000 RTP/AVP 98 13")) == "sdp-no-codec"


def test_no_events_offered_none_agreed() -> None:
    result = agreed(media="4000 RTP/AVP 8")
    assert (result.event_send, result.event_receive) == (None, None)


# -- packet lengths -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((), 20),
        (("a=ptime:10",), 10),
        (("a=ptime:20",), 20),
        (("a=ptime:25",), 20),
        (("a=ptime:30",), 30),
        (("a=ptime:60",), 60),
        (("a=ptime:120",), 60),
        (("a=ptime:5",), 10),
        (("a=ptime:0", "a=maxptime:0"), 20),
        (("a=ptime:999999999999",), 20),
        (("a=ptime:-20",), 20),
        (("a=ptime:",), 20),
        (("a=ptime: 40 ",), 40),
        (("a=ptime:20.5",), 20),
        (("a=ptime:60", "a=maxptime:40"), 40),
        (("a=maxptime:10",), 10),
        (("a=maxptime:1",), 10),
        (("a=maxptime:200",), 20),
        (("a=ptime:20", "a=maxptime:30", "a=ptime:40", "a=maxptime:40"), 20),
    ],
)
def test_packet_length(lines: tuple[str, ...], expected: int) -> None:
    assert agreed(*lines).ptime_ms == expected
    assert f"a=ptime:{expected}" in text_of(answer(audio(*lines), LOCAL))


def test_opus_has_no_frame_of_30_ms() -> None:
    assert (
        agreed("a=rtpmap:96 opus/48000/2", "a=ptime:30", media="4000 RTP/AVP 96").ptime_ms,
        agreed("a=ptime:30").ptime_ms,
    ) == (20, 30)


# -- direction and hold -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("offered", "answered", "sends", "receives", "held"),
    [
        ("sendrecv", "sendrecv", True, True, False),
        ("sendonly", "recvonly", False, True, True),
        ("recvonly", "sendonly", True, False, False),
        ("inactive", "inactive", False, False, True),
    ],
)
def test_directions(offered: str, answered: str, sends: bool, receives: bool, held: bool) -> None:
    result = answer(audio(f"a={offered}"), LOCAL)
    assert f"a={answered}" in text_of(result)
    assert (result.audio.sends, result.audio.receives, result.audio.held) == (sends, receives, held)


def test_the_section_outranks_the_session() -> None:
    body = b"v=0\r\ns=-\r\nc=IN IP4 192.0.2.24\r\na=inactive\r\nm=audio 4000 RTP/AVP 0\r\n"
    assert answer(parse(body), LOCAL).audio.held
    assert not answer(parse(body + b"a=sendrecv\r\na=inactive\r\n"), LOCAL).audio.held


@pytest.mark.parametrize("address", ["0.0.0.0", "::"])
@pytest.mark.parametrize(
    ("direction", "answered"),
    [("sendrecv", "recvonly"), ("sendonly", "recvonly"), ("recvonly", "inactive"), ("inactive", "inactive")],
)
def test_hold_by_address_sends_nothing_anywhere(address: str, direction: str, answered: str) -> None:
    result = answer(audio(f"a={direction}", address=address), LOCAL)
    assert f"a={answered}" in text_of(result)
    assert (result.audio.sends, result.audio.held) == (False, True)
    assert result.audio.remote == result.audio.remote_rtcp == ("", 0)


def test_a_browser_without_candidates_does_not_hold() -> None:
    ice = ("a=ice-ufrag:abcd", "a=ice-pwd:abcdefghijklmnopqrstuvwx")
    assert refusal(audio(*ice, media="9 RTP/AVP 0", address="0.0.0.0")) == "sdp-ice-only"
    assert agreed(*ice).remote == ("192.0.2.24", 4000)


# -- addresses and RTCP -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "rtcp"),
    [
        ((), ("192.0.2.24", 4001)),
        (("a=rtcp:5000",), ("192.0.2.24", 5000)),
        (("a=rtcp:5000 IN IP4 192.0.2.9",), ("192.0.2.9", 5000)),
        (("a=rtcp:5000 IN IP4 127.0.0.1",), ("", 0)),
        (("a=rtcp:5060 IN IP4 198.51.100.7",), ("", 0)),
        (("a=rtcp:9 IN IP4 0.0.0.0",), ("", 0)),
        (("a=rtcp:0",), ("", 0)),
        (("a=rtcp:x",), ("", 0)),
        (("a=rtcp:5000", "a=rtcp-mux"), ("192.0.2.24", 4000)),
        (("a=rtcp-mux-only",), ("192.0.2.24", 4000)),
    ],
)
def test_where_rtcp_goes(lines: tuple[str, ...], rtcp: tuple[str, int]) -> None:
    assert agreed(*lines).remote_rtcp == rtcp


def test_the_last_port_leaves_no_room_for_rtcp() -> None:
    assert agreed(media="65535 RTP/AVP 0").remote_rtcp == ("", 0)


def test_mux_and_reduced_size_are_answered_when_offered() -> None:
    both = answer(audio("a=rtcp-mux", "a=rtcp-rsize"), LOCAL)
    assert {"a=rtcp-mux", "a=rtcp-rsize"} < set(text_of(both))
    assert (both.audio.rtcp_mux, both.audio.rtcp_reduced_size) == (True, True)
    neither = answer(audio(), LOCAL)
    assert not {"a=rtcp-mux", "a=rtcp-rsize"} & set(text_of(neither))


def test_mux_only_is_not_answered_in_kind() -> None:
    offered = audio("a=rtcp-mux", "a=rtcp-mux-only")
    assert "a=rtcp-mux-only" not in text_of(answer(offered, LOCAL))
    assert refusal(offered, replace(LOCAL, rtcp_mux=False)) == "sdp-rtcp-mux-only"


def test_mux_is_declined_where_it_is_not_wanted() -> None:
    result = answer(audio("a=rtcp-mux"), replace(LOCAL, rtcp_mux=False))
    assert not result.audio.rtcp_mux
    assert "a=rtcp-mux" not in text_of(result)


def test_an_odd_rtcp_port_of_ours_is_named() -> None:
    odd = replace(LOCAL, rtcp_port=40_009)
    assert "a=rtcp:40009" in text_of(answer(audio(), odd))
    assert "a=rtcp:40009" not in text_of(answer(audio("a=rtcp-mux"), odd))


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("metadata.internal.example", "sdp-address-name"),
        ("224.2.1.1/127", "sdp-address-multicast"),
        ("255.255.255.255", "sdp-address-special"),
        ("127.0.0.1", "sdp-address-loopback"),
        ("::ffff:127.0.0.1", "sdp-address-mapped"),
        ("2001:db8::1", "sdp-address-family"),
    ],
)
def test_addresses_of_no_use(address: str, name: str) -> None:
    assert refusal(audio(address=address)) == name


@pytest.mark.parametrize("port", [5060, 40_000, 40_001])
def test_never_to_ourselves(port: int) -> None:
    assert refusal(audio(media=f"{port} RTP/AVP 0", address=LOCAL.address)) == "sdp-address-own"
    assert refusal(audio(media=f"{port} RTP/AVP 0", address="127.0.0.1"), LOOPBACK) == "sdp-address-own"


def test_low_ports_are_unusual_but_allowed() -> None:
    assert agreed(media="53 RTP/AVP 0").remote == ("192.0.2.24", 53)


def test_ipv6() -> None:
    local = replace(LOCAL, address="2001:db8::7")
    offered = audio(address="2001:DB8::1")
    result = answer(offered, local)
    assert result.audio.remote == ("2001:db8::1", 4000)
    assert {"o=- 7 1 IN IP6 2001:db8::7", "c=IN IP6 2001:db8::7"} < set(text_of(result))
    assert wants_ipv6(offered)
    assert not wants_ipv6(audio())
    assert not wants_ipv6(parse(b"v=0\r\n"))


def test_the_sections_own_address_counts() -> None:
    assert agreed("c=IN IP4 192.0.2.99").remote == ("192.0.2.99", 4000)


def test_no_address_at_all() -> None:
    assert refusal(parse(b"v=0\r\nm=audio 4000 RTP/AVP 0\r\n")) == "sdp-connection"


# -- security -----------------------------------------------------------------------------------------------------


def secured(local: Local, *lines: str, proto: str) -> str:
    """Say how such an offer ends: "plain", "srtp", or why it is refused."""
    offered = audio(*lines, media=f"4000 {proto} 0")
    try:
        result = answer(offered, local)
    except ProtocolError:
        return refusal(offered, local)
    keys = (result.audio.srtp_send, result.audio.srtp_receive)
    assert (keys[0] is None) == (keys[1] is None)
    assert any(line.startswith("a=crypto:1 ") for line in text_of(result)) == (keys[0] is not None)
    assert f"m=audio 40000 {proto} 0" in text_of(result)
    return "plain" if keys[0] is None else "srtp"


BROKEN = CRYPTO + "|1:1"


@pytest.mark.parametrize(
    ("proto", "line", "off", "preferred", "required"),
    [
        ("RTP/AVP", None, "plain", "plain", "sdp-no-key"),
        ("RTP/AVP", CRYPTO, "plain", "srtp", "srtp"),
        ("RTP/AVP", BROKEN, "plain", "plain", "sdp-no-key"),
        ("RTP/AVPF", CRYPTO, "plain", "srtp", "srtp"),
        ("RTP/SAVP", None, "sdp-no-key", "sdp-no-key", "sdp-no-key"),
        ("RTP/SAVP", CRYPTO, "sdp-no-key", "srtp", "srtp"),
        ("RTP/SAVP", BROKEN, "sdp-no-key", "sdp-no-key", "sdp-no-key"),
        ("RTP/SAVPF", CRYPTO, "sdp-no-key", "srtp", "srtp"),
        ("RTP/SAVP", "a=fingerprint:sha-256 AA", "sdp-no-key", "sdp-no-key", "sdp-no-key"),
        ("UDP/TLS/RTP/SAVPF", CRYPTO, "sdp-dtls", "sdp-dtls", "sdp-dtls"),
        ("UDP/TLS/RTP/SAVP", None, "sdp-dtls", "sdp-dtls", "sdp-dtls"),
        ("RTP/FOO", None, "sdp-profile", "sdp-profile", "sdp-profile"),
    ],
)
def test_security_matrix(proto: str, line: str | None, off: str, preferred: str, required: str) -> None:
    lines = () if line is None else (line,)
    assert [secured(local, *lines, proto=proto) for local in (OFF, LOCAL, REQUIRED)] == [
        off,
        preferred,
        required,
    ]


def test_the_first_usable_key_is_taken_with_its_tag() -> None:
    lines = (
        f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 {KEY}|2^31|1:1",
        "a=crypto:2 F8_128_HMAC_SHA1_80 " + KEY,
        f"a=crypto:7 AES_CM_128_HMAC_SHA1_32 {KEY}|2^20",
        CRYPTO.replace(":1 ", ":9 "),
    )
    result = answer(audio(*lines, media="4000 RTP/SAVP 0"), LOCAL)
    assert result.audio.srtp_receive is not None
    assert result.audio.srtp_send is not None
    assert result.audio.srtp_receive.suite == result.audio.srtp_send.suite == "AES_CM_128_HMAC_SHA1_32"
    assert result.audio.srtp_receive.key != result.audio.srtp_send.key
    assert [line[:12] for line in text_of(result) if "crypto" in line] == ["a=crypto:7 A"]


def test_suites_can_be_left_out() -> None:
    local = replace(LOCAL, suites=("AEAD_AES_256_GCM",))
    assert refusal(audio(CRYPTO, media="4000 RTP/SAVP 0"), local) == "sdp-no-key"


# -- sections -----------------------------------------------------------------------------------------------------


def several(*media: str) -> bytes:
    return "\r\n".join(["v=0", "s=-", "c=IN IP4 192.0.2.24", *media, ""]).encode()


def media_lines(offer: bytes, local: Local = LOCAL) -> list[str]:
    return [line[2:] for line in text_of(answer(parse(offer), local)) if line.startswith("m=")]


def test_every_other_section_is_answered_in_its_place_with_port_0() -> None:
    offer = several(
        "m=video 4002 RTP/AVP 97 98",
        "m=image 4004 udptl t38",
        "m=audio 4000 RTP/AVP 0",
        "m=audio 4006 RTP/AVP 8",
        "m=application 5070 UDP/BFCP *",
        "m=application 4008 RTP/AVP 100",
        "m=application 4010 UDP/UDT/IX *",
        "m=message 1 TCP/MSRP *",
        "m=foo 1 bar baz",
    )
    assert media_lines(offer) == [
        "video 0 RTP/AVP 97",
        "image 0 udptl t38",
        "audio 40000 RTP/AVP 0",
        "audio 0 RTP/AVP 8",
        "application 0 UDP/BFCP *",
        "application 0 RTP/AVP 100",
        "application 0 UDP/UDT/IX *",
        "message 0 TCP/MSRP *",
        "foo 0 bar baz",
    ]


def test_the_first_usable_audio_is_taken() -> None:
    offer = several("m=audio 0 RTP/AVP 0", "m=audio 4000 RTP/AVP 97", "m=audio 4002 RTP/AVP 8")
    assert media_lines(offer) == ["audio 0 RTP/AVP 0", "audio 0 RTP/AVP 97", "audio 40000 RTP/AVP 8"]


def test_keys_go_before_order_where_they_are_preferred() -> None:
    offer = several("m=audio 4000 RTP/AVP 0", "m=audio 4000 RTP/SAVP 0", CRYPTO)
    plain, secure = (
        ["audio 40000 RTP/AVP 0", "audio 0 RTP/SAVP 0"],
        ["audio 0 RTP/AVP 0", "audio 40000 RTP/SAVP 0"],
    )
    assert [media_lines(offer, local) for local in (OFF, LOCAL, REQUIRED)] == [plain, secure, secure]


@pytest.mark.parametrize(
    ("offer", "name"),
    [
        (several(), "sdp-no-audio"),
        (several("m=video 4000 RTP/AVP 97"), "sdp-no-audio"),
        (several("m=audio 0 RTP/AVP 0"), "sdp-no-audio"),
        (several("m=audio 4000 RTP/AVP 18"), "sdp-no-codec"),
    ],
)
def test_nothing_to_hear(offer: bytes, name: str) -> None:
    assert refusal(parse(offer)) == name


# -- audio levels -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "level_id"),
    [
        ("3 urn:ietf:params:rtp-hdrext:ssrc-audio-level", 3),
        ("14/sendonly urn:ietf:params:rtp-hdrext:ssrc-audio-level vad=on", 14),
        ("3/recvonly urn:ietf:params:rtp-hdrext:ssrc-audio-level", 0),
        ("0 urn:ietf:params:rtp-hdrext:ssrc-audio-level", 0),
        ("15 urn:ietf:params:rtp-hdrext:ssrc-audio-level", 0),
        ("3 urn:ietf:params:rtp-hdrext:toffset", 0),
        ("", 0),
    ],
)
def test_audio_levels(value: str, level_id: int) -> None:
    result = answer(audio(f"a=extmap:{value}"), LOCAL)
    assert result.audio.level_id == level_id
    assert any("extmap" in line for line in text_of(result)) == (level_id != 0)
    assert answer(audio(f"a=extmap:{value}"), replace(LOCAL, audio_levels=False)).audio.level_id == 0
