"""An offer with ICE and DTLS is answered as a lite agent does, on one port, in one bundle, and with nothing less."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.errors import ProtocolError
from bridge.sdp.description import Description, parse
from bridge.sdp.local import SrtpPolicy
from bridge.sdp.negotiate import Agreed, answer, restart_ice, wants_ice
from bridge.sdp.transport import Credentials, DtlsRole, Fingerprint
from tests.sdp.samples import BROWSER, CRYPTO, DTLS, LOCAL, SHARED, audio, read, refusal, text_of

HASH = "19:E2:1C:3B:4B:9F:81:E6:B8:5C:F4:A5:A8:D8:73:04:BB:05:2F:70:9F:04:A9:0E:05:E9:26:33:E8:70:88:A2"
OTHER = HASH.replace("19", "91")
ICE = ("a=ice-ufrag:abcd", "a=ice-pwd:abcdefghijklmnopqrstuvwx")
AGAIN = ("a=ice-ufrag:efgh", "a=ice-pwd:ABCDEFGHIJKLMNOPQRSTUVWX")
SHA256 = f"a=fingerprint:sha-256 {HASH}"
EITHER = "a=setup:actpass"
MEDIA = "9 UDP/TLS/RTP/SAVPF 111"
OPUS = "a=rtpmap:111 opus/48000/2"


def web(
    *lines: str, ice: tuple[str, ...] = ICE, dtls: tuple[str, ...] = (SHA256, EITHER), media: str = MEDIA
) -> Description:
    """Write what a browser would offer, with these lines besides."""
    return audio(*ice, *dtls, "a=rtcp-mux", OPUS, *lines, media=media, address="0.0.0.0")


def session(result: Agreed) -> list[str]:
    """Give the attributes of our description as a whole."""
    lines = text_of(result)
    return lines[lines.index("t=0 0") + 1 : next(i for i, line in enumerate(lines) if line.startswith("m="))]


def test_a_whole_answer_to_a_browser() -> None:
    result = answer(read("device-webrtc-browser-wss"), BROWSER)
    ice = result.transport.ice
    assert ice is not None
    assert session(result) == ["a=group:BUNDLE 0", "a=ice-lite", "a=ice-options:ice2 trickle"]
    lines = text_of(result)
    assert lines[lines.index("a=ptime:20") + 1 :] == [
        f"a=ice-ufrag:{ice.local.ufrag}",
        f"a=ice-pwd:{ice.local.password}",
        "a=candidate:1 1 udp 2130706431 198.51.100.7 10000 typ host",
        "a=candidate:2 1 tcp 1520434943 198.51.100.7 10000 typ host tcptype passive",
        "a=end-of-candidates",
        "a=rtcp-mux",
        "a=fingerprint:sha-256 " + bytes(range(32)).hex(":").upper(),
        "a=setup:passive",
        "a=rtcp-rsize",
        "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level",
        "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid",
        "a=mid:0",
        "a=msid:samrom audio",
        "a=sendrecv",
        "m=video 0 UDP/TLS/RTP/SAVPF 96",
        "a=mid:1",
        "",
    ]
    agreed = result.audio
    assert (agreed.mid, agreed.mid_id, agreed.level_id, agreed.rtcp_mux) == ("0", 4, 1, True)
    assert (agreed.remote, agreed.remote_rtcp, agreed.sends, agreed.held) == (("", 0), ("", 0), True, False)
    assert agreed.srtp_send is None
    assert ice.remote == Credentials("4ZcD", "2/1muCWoOi3uLifh0NuRHlZC")


# -- ICE ----------------------------------------------------------------------------------------------------------


def test_ports_are_chosen_by_what_is_offered() -> None:
    assert wants_ice(read("device-webrtc-browser-wss"))
    assert wants_ice(web())
    assert not wants_ice(audio())
    assert not wants_ice(parse(b"v=0\r\n"))
    assert not wants_ice(web(ice=("a=ice-ufrag:abc", "a=ice-pwd:abcdefghijklmnopqrstuvwx")))


def test_a_peer_with_rtcp_on_a_port_of_its_own_gets_no_ice() -> None:
    separate = audio(*ICE, SHA256, EITHER, media="4000 UDP/TLS/RTP/SAVPF 0")
    assert not wants_ice(separate)
    result = answer(separate, DTLS)
    assert (result.transport.ice, result.audio.remote, result.audio.remote_rtcp) == (
        None,
        ("192.0.2.24", 4000),
        ("192.0.2.24", 4001),
    )
    assert not any("ice" in line or "candidate" in line for line in text_of(result))
    assert refusal(separate, SHARED) == "sdp-no-rtcp-mux"


def test_a_lite_peer_gets_no_ice() -> None:
    body = b"v=0\r\nc=IN IP4 192.0.2.24\r\na=ice-lite\r\nm=audio 4000 RTP/AVP 0\r\na=rtcp-mux\r\n"
    lite = parse(body + "\r\n".join([*ICE, ""]).encode())
    assert not wants_ice(lite)
    assert answer(lite, LOCAL).transport.ice is None
    assert refusal(lite, SHARED) == "sdp-ice-lite"


@pytest.mark.parametrize(
    "ice",
    [
        ("a=ice-ufrag:abc", "a=ice-pwd:abcdefghijklmnopqrstuvwx"),
        ("a=ice-ufrag:abcd", "a=ice-pwd:abcdefghijklmnopqrstu"),
        ("a=ice-ufrag:abcd",),
        ("a=ice-pwd:abcdefghijklmnopqrstuvwx",),
        ("a=ice-ufrag:ab:d", "a=ice-pwd:abcdefghijklmnopqrstuvwx"),
        ("a=ice-ufrag:abcd", "a=ice-pwd:abcdefghijklmnopqrstuv å"),
        ("a=ice-ufrag:" + "u" * 257, "a=ice-pwd:abcdefghijklmnopqrstuvwx"),
    ],
)
def test_broken_credentials_are_refused(ice: tuple[str, ...]) -> None:
    for local in (DTLS, SHARED, BROWSER):
        assert refusal(web(ice=ice), local) == "sdp-ice-credentials"


def test_credentials_may_be_said_once_for_all_sections() -> None:
    body = b"v=0\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\nm=audio 9 RTP/AVP 0\r\na=rtcp-mux\r\n"
    ice = answer(parse(body), SHARED).transport.ice
    assert ice is not None
    assert ice.remote.ufrag == "abcd"


def test_ice_also_for_plain_sound_and_for_sdes() -> None:
    plain = answer(audio(*ICE, "a=rtcp-mux", media="9 RTP/AVP 0"), SHARED)
    assert plain.transport.ice is not None
    assert plain.transport.dtls is None
    assert "m=audio 10000 RTP/AVP 0" in text_of(plain)
    keyed = answer(audio(*ICE, "a=rtcp-mux", CRYPTO, media="9 RTP/SAVP 0"), SHARED)
    assert keyed.transport.ice is not None
    assert keyed.audio.srtp_send is not None


def test_the_address_in_an_answer_is_that_of_the_default_candidate() -> None:
    behind = replace(SHARED, address="10.0.0.7", port=0, rtcp_port=0)
    lines = text_of(answer(web(), behind))
    assert lines[lines.index("m=audio 10000 UDP/TLS/RTP/SAVPF 111") + 1] == "c=IN IP4 198.51.100.7"


def test_candidates_of_the_peer_are_of_no_interest() -> None:
    lines = [f"a=candidate:{n} 1 udp {n} 192.0.2.{n % 250} 4000 typ host" for n in range(500)]
    odd = ["a=candidate:", "a=candidate:1 1 UDP", "a=candidate:1 0 udp 1 [::1] 1 typ"]
    assert answer(web(*lines, *odd), BROWSER) == answer(web(), BROWSER)


def test_a_leg_on_the_shared_port_takes_nothing_without_ice() -> None:
    assert refusal(audio(), SHARED) == "sdp-no-ice"
    assert refusal(web(ice=()), BROWSER) == "sdp-no-ice"


def test_a_browser_without_candidates_is_not_on_hold() -> None:
    assert not answer(web(), BROWSER).audio.held
    assert refusal(web(), DTLS) == "sdp-ice-only"


# -- ICE restart --------------------------------------------------------------------------------------------------


def test_new_credentials_are_answered_with_new_ones() -> None:
    first = answer(web(), BROWSER)
    same = answer(web("a=inactive"), BROWSER, first)
    other = answer(web(ice=AGAIN), BROWSER, same)
    back = answer(web(), BROWSER, other)
    assert first.transport.ice == same.transport.ice == back.transport.ice
    assert first.transport.ice is not None
    assert other.transport.ice is not None
    assert first.transport.ice.local != other.transport.ice.local
    assert first.transport.ice.local.ufrag != other.transport.ice.local.ufrag
    assert first.transport.dtls == other.transport.dtls


def test_a_restart_without_an_offer_is_like_one_with_an_offer() -> None:
    first = answer(web(), BROWSER)
    restarted = restart_ice(first, Credentials("efgh", "ABCDEFGHIJKLMNOPQRSTUVWX"), BROWSER)
    assert restarted == answer(web(ice=AGAIN), BROWSER, first)
    assert restart_ice(restarted, Credentials("efgh", "ABCDEFGHIJKLMNOPQRSTUVWX"), BROWSER) == restarted


def test_each_leg_has_credentials_of_its_own() -> None:
    one = answer(web(), BROWSER).transport.ice
    two = answer(web(), replace(BROWSER, secret=b"y" * 32)).transport.ice
    assert one is not None
    assert two is not None
    assert one.local.ufrag != two.local.ufrag
    assert one.local.password != two.local.password


# -- DTLS ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("offered", "answered", "role"),
    [
        (("a=setup:actpass",), "a=setup:passive", DtlsRole.SERVER),
        (("a=setup:passive",), "a=setup:active", DtlsRole.CLIENT),
        (("a=setup:active",), "a=setup:passive", DtlsRole.SERVER),
        (("a=setup:ACTPASS ",), "a=setup:passive", DtlsRole.SERVER),
        ((), "a=setup:passive", DtlsRole.SERVER),
    ],
)
def test_who_begins(offered: tuple[str, ...], answered: str, role: DtlsRole) -> None:
    result = answer(web(dtls=(SHA256, *offered)), BROWSER)
    assert answered in text_of(result)
    assert result.transport.dtls is not None
    assert result.transport.dtls.role is role


def test_without_ice_we_begin_where_we_may_choose() -> None:
    body = f"v=0\r\nc=IN IP4 192.0.2.24\r\nm=audio 4000 UDP/TLS/RTP/SAVP 0\r\n{SHA256}\r\n{EITHER}\r\n"
    result = answer(parse(body.encode()), DTLS)
    assert "a=setup:active" in text_of(result)
    assert result.transport.dtls is not None
    assert result.transport.dtls.role is DtlsRole.CLIENT


@pytest.mark.parametrize("value", ["holdconn", "server", ""])
def test_roles_of_no_use(value: str) -> None:
    assert refusal(web(dtls=(SHA256, f"a=setup:{value}")), BROWSER) == "sdp-setup"


def test_fingerprints_stand_in_the_section_or_for_all_sections() -> None:
    head = f"v=0\r\nc=IN IP4 192.0.2.24\r\n{SHA256}\r\na=setup:passive\r\nm=audio 4000 UDP/TLS/RTP/SAVP 0\r\n"
    shared = answer(parse(head.encode()), DTLS).transport.dtls
    own = answer(parse(f"{head}a=fingerprint:sha-256 {OTHER}\r\n".encode()), DTLS).transport.dtls
    assert shared is not None
    assert own is not None
    assert [each.value.hex(":").upper() for each in (*shared.fingerprints, *own.fingerprints)] == [
        HASH,
        OTHER,
    ]
    assert shared.role is own.role is DtlsRole.CLIENT


def test_of_several_fingerprints_the_good_ones_count() -> None:
    lines = (
        "a=fingerprint:sha-1 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33",
        f"a=fingerprint:SHA-256 {HASH.lower()}",
        SHA256,
        f"a=fingerprint:sha-512 {HASH}",
        f"a=fingerprint:sha-512 {HASH}:{OTHER}",
        "a=fingerprint:sha-256 xy",
        "a=fingerprint:",
    )
    dtls = answer(web(dtls=(*lines, EITHER)), BROWSER).transport.dtls
    assert dtls is not None
    octets = bytes.fromhex(HASH.replace(":", ""))
    assert dtls.fingerprints[0] == Fingerprint("sha-256", octets)
    assert [each.algorithm for each in dtls.fingerprints] == ["sha-256", "sha-512"]


@pytest.mark.parametrize(
    "lines",
    [
        (),
        ("a=fingerprint:sha-1 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33",),
        ("a=fingerprint:md5 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF",),
        ("a=fingerprint:sha-256 " + HASH.replace("19", "+9"),),
    ],
)
def test_a_certificate_that_is_not_proved_is_refused(lines: tuple[str, ...]) -> None:
    assert refusal(web(dtls=(*lines, EITHER)), BROWSER) == "sdp-fingerprint"


def test_many_fingerprints_are_bounded() -> None:
    many = [f"a=fingerprint:sha-256 {n:02X}{HASH[2:]}" for n in range(200)]
    dtls = answer(web(dtls=(*many, EITHER)), BROWSER).transport.dtls
    assert dtls is not None
    assert len(dtls.fingerprints) == 8


BOTH = (SHA256, EITHER)


@pytest.mark.parametrize(
    ("proto", "lines", "off", "preferred", "required"),
    [
        ("UDP/TLS/RTP/SAVPF", BOTH, "sdp-dtls", "dtls", "dtls"),
        ("UDP/TLS/RTP/SAVP", BOTH, "sdp-dtls", "dtls", "dtls"),
        ("UDP/TLS/RTP/SAVP", (*BOTH, CRYPTO), "sdp-dtls", "dtls", "dtls"),
        ("UDP/TLS/RTP/SAVP", (CRYPTO,), "sdp-dtls", "sdp-fingerprint", "sdp-fingerprint"),
        ("RTP/AVP", BOTH, "plain", "dtls", "dtls"),
        ("RTP/SAVPF", BOTH, "sdp-no-key", "dtls", "dtls"),
        ("RTP/SAVP", (*BOTH, CRYPTO), "sdp-no-key", "dtls", "dtls"),
        ("RTP/SAVP", (CRYPTO,), "sdp-no-key", "sdes", "sdes"),
        ("RTP/AVP", ("a=fingerprint:sha-256 AA",), "plain", "plain", "sdp-no-key"),
        ("TCP/DTLS/RTP/SAVPF", BOTH, "sdp-dtls", "sdp-profile", "sdp-profile"),
    ],
)
def test_security_matrix(proto: str, lines: tuple[str, ...], off: str, preferred: str, required: str) -> None:
    def outcome(policy: SrtpPolicy) -> str:
        local = replace(DTLS, srtp=policy)
        offered = audio(*lines, media=f"4000 {proto} 0")
        try:
            result = answer(offered, local)
        except ProtocolError:
            return refusal(offered, local)
        assert f"m=audio 40000 {proto} 0" in text_of(result)
        if result.transport.dtls is not None:
            assert result.audio.srtp_send is None
            return "dtls"
        return "plain" if result.audio.srtp_send is None else "sdes"

    assert [outcome(policy) for policy in SrtpPolicy] == [required, preferred, off]


@pytest.mark.parametrize("policy", SrtpPolicy)
def test_browsers_get_dtls_or_nothing(policy: SrtpPolicy) -> None:
    local = replace(BROWSER, srtp=policy)
    assert answer(web(), local).transport.dtls is not None
    assert answer(web(media="9 TCP/DTLS/RTP/SAVPF 111"), local).transport.dtls is not None
    assert refusal(web(CRYPTO, dtls=(), media="9 RTP/SAVPF 111"), local) == "sdp-fingerprint"
    assert refusal(web(dtls=(), media="9 RTP/AVP 111"), local) == "sdp-fingerprint"
    assert refusal(web(), replace(local, fingerprint=None)) == "sdp-dtls"


# -- associations -------------------------------------------------------------------------------------------------

ID, NEXT_ID = "a=tls-id:" + "a" * 20, "a=tls-id:" + "b" * 20


def association(result: Agreed) -> int:
    """Tell the number of the DTLS association."""
    assert result.transport.dtls is not None
    return result.transport.dtls.association


@pytest.mark.parametrize(
    ("again", "new"),
    [
        (web(), False),
        (web("a=inactive"), False),
        (web(ice=AGAIN), False),
        (web(dtls=(SHA256, "a=setup:active")), False),
        (web(dtls=(SHA256, "a=setup:holdconn")), False),
        (web(dtls=(SHA256, "a=setup:passive")), True),
        (web(dtls=(f"a=fingerprint:sha-256 {OTHER}", EITHER)), True),
        (web(dtls=(SHA256, f"a=fingerprint:sha-256 {OTHER}", EITHER)), True),
        (web(dtls=(SHA256, EITHER, ID)), True),
    ],
)
def test_when_a_new_association_is_due(again: Description, new: bool) -> None:
    first = answer(web(), BROWSER)
    second = answer(again, BROWSER, first)
    assert association(second) == association(first) + new
    assert answer(again, BROWSER, second) == second


def test_order_of_fingerprints_means_nothing() -> None:
    two = (SHA256, f"a=fingerprint:sha-256 {OTHER}")
    first = answer(web(dtls=(*two, EITHER)), BROWSER)
    assert association(answer(web(dtls=(*reversed(two), EITHER)), BROWSER, first)) == 0


def test_another_certificate_of_ours_is_another_association() -> None:
    first = answer(web(), BROWSER)
    moved = replace(BROWSER, fingerprint=Fingerprint("sha-256", bytes(32)))
    assert association(answer(web(), moved, first)) == 1


def test_a_name_of_the_association_is_answered_with_one() -> None:
    def names(result: Agreed) -> list[str]:
        return [line for line in text_of(result) if "tls-id" in line]

    first = answer(web(dtls=(SHA256, EITHER, ID)), BROWSER)
    same = answer(web("a=inactive", dtls=(SHA256, EITHER, ID)), BROWSER, first)
    other = answer(web(dtls=(SHA256, EITHER, NEXT_ID)), BROWSER, same)
    assert (association(same), association(other)) == (0, 1)
    assert len(names(first)) == 1
    assert names(first) == names(same) != names(other)
    assert not names(answer(web(), BROWSER))


@pytest.mark.parametrize("value", ["", "a" * 19, "a" * 256, "ø" * 20])
def test_names_of_associations_are_checked(value: str) -> None:
    offered = web(dtls=(SHA256, EITHER, f"a=tls-id:{value}"))
    if value:
        assert refusal(offered, BROWSER) == "sdp-tls-id"
    else:
        assert association(answer(offered, BROWSER)) == 0


def test_a_peer_that_begins_again_from_nothing_is_counted_on() -> None:
    first = answer(web(), BROWSER, None, association=4)
    assert association(first) == 4
    assert association(answer(web(dtls=(SHA256, "a=setup:passive")), BROWSER, first)) == 5


# -- hold, resume, another codec ----------------------------------------------------------------------------------


@pytest.mark.parametrize("direction", ["sendonly", "inactive"])
def test_hold_and_resume(direction: str) -> None:
    first = answer(web(), BROWSER)
    held = answer(web(f"a={direction}"), BROWSER, first)
    assert (held.audio.sends, held.audio.held) == (False, True)
    assert held.transport == first.transport
    resumed = answer(web(), BROWSER, held)
    assert (resumed.audio, resumed.transport) == (first.audio, first.transport)


def test_hold_by_port_0_keeps_the_transport() -> None:
    first = answer(web(), BROWSER)
    held = answer(web(media="0 UDP/TLS/RTP/SAVPF 111"), BROWSER, first)
    assert (held.audio.held, held.transport) == (True, first.transport)
    assert session(held) == []
    assert answer(web(), BROWSER, held).transport == first.transport


def test_another_codec_on_the_same_transport() -> None:
    first = answer(web(), BROWSER)
    changed = answer(web(media="9 UDP/TLS/RTP/SAVPF 0"), BROWSER, first)
    assert (changed.audio.codec, changed.transport) == ("PCMU", first.transport)


def test_a_shared_port_is_not_left_for_plain_addresses() -> None:
    first = answer(web(), SHARED)
    assert refusal(audio(), SHARED, first) == "sdp-no-ice"


# -- bundles ------------------------------------------------------------------------------------------------------


def bundled(*sections: tuple[str, ...], group: str = "a=group:BUNDLE a v d") -> Description:
    """Write an offer of several sections; the first line of each is its m-line."""
    lines = ["v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "c=IN IP4 0.0.0.0", "t=0 0", group]
    for media, *rest in sections:
        lines += [f"m={media}", *rest]
    return parse("\r\n".join([*lines, ""]).encode())


CARRIED = (*ICE, SHA256, EITHER, "a=rtcp-mux")
SOUND = ("audio 9 UDP/TLS/RTP/SAVPF 111", "a=mid:a", OPUS)
PICTURE = ("video 9 UDP/TLS/RTP/SAVPF 96", "a=mid:v")
CHANNEL = ("application 9 UDP/DTLS/SCTP webrtc-datachannel", "a=mid:d")


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (2, 0, 1)])
def test_what_is_rejected_keeps_its_name_and_leaves_the_bundle(order: tuple[int, ...]) -> None:
    sections = [(*(SOUND, PICTURE, CHANNEL)[each], *CARRIED) for each in order]
    names = "avd"
    group = "a=group:BUNDLE " + " ".join(names[each] for each in order)
    result = answer(bundled(*sections, group=group), BROWSER)
    assert "a=group:BUNDLE a" in session(result)
    assert result.index == order.index(0)
    others = [each for each in result.description.sections if each.kind != "audio"]
    assert [each.port for each in others] == [0, 0]
    assert [each.attributes for each in others] == [(("mid", names[each]),) for each in order if each]


def test_the_first_section_of_a_bundle_carries_it_though_nothing_flows_in_it() -> None:
    picture = (*PICTURE, "a=rtpmap:96 VP8/90000", "a=fmtp:96 max-fs=12288", "a=sendrecv")
    offered = bundled(
        (*picture, *AGAIN, *CARRIED[2:]),
        (*SOUND, *CARRIED),
        (*CHANNEL, *CARRIED),
        group="a=group:BUNDLE v a d",
    )
    result = answer(offered, BROWSER)
    assert "a=group:BUNDLE v a" in session(result)
    assert (result.index, result.audio.mid) == (1, "a")
    ice = result.transport.ice
    assert ice is not None
    assert ice.remote == Credentials("efgh", "ABCDEFGHIJKLMNOPQRSTUVWX"), "the first section's"
    lines = text_of(result)
    shown = lines[lines.index("m=video 10000 UDP/TLS/RTP/SAVPF 96") + 1 :]
    assert shown[:3] == ["a=rtpmap:96 VP8/90000", "a=fmtp:96 max-fs=12288", f"a=ice-ufrag:{ice.local.ufrag}"]
    assert shown[shown.index("a=mid:v") + 1] == "a=inactive"
    assert "m=application 0 UDP/DTLS/SCTP webrtc-datachannel" in shown
    restarted = restart_ice(result, Credentials("abcd", "abcdefghijklmnopqrstuvwx"), BROWSER)
    assert sum("ice-ufrag" in line for line in text_of(restarted)) == 2
    assert f"a=ice-ufrag:{ice.local.ufrag}" not in text_of(restarted)


def test_what_a_peer_says_of_a_format_is_not_sent_back_unless_it_is_plain() -> None:
    odd = (*PICTURE, "a=rtpmap:96 VP8\x0b/90000", "a=fmtp:96 å", "a=rtpmap:96 VP8/90000")
    lines = text_of(answer(bundled((*odd, *CARRIED), SOUND, group="a=group:BUNDLE v a"), BROWSER))
    assert [line for line in lines if ":96 " in line] == ["a=rtpmap:96 VP8/90000"]


def test_a_bundled_section_may_leave_its_transport_to_the_first() -> None:
    alone = answer(bundled((*SOUND, *CARRIED)), BROWSER)
    for first, group in ((PICTURE, "a=group:BUNDLE v a"), (CHANNEL, "a=group:BUNDLE d a")):
        port_0 = ("audio 0 UDP/TLS/RTP/SAVPF 111", "a=bundle-only", *SOUND[1:])
        for sound in (SOUND, port_0):
            offered = bundled((*first, *CARRIED), sound, group=group)
            assert wants_ice(offered)
            result = answer(offered, BROWSER)
            assert (result.transport, result.audio) == (alone.transport, alone.audio)


def test_a_bundle_only_section_outside_a_bundle_is_none() -> None:
    port_0 = ("audio 0 UDP/TLS/RTP/SAVPF 111", "a=bundle-only", "a=mid:a", OPUS, *CARRIED)
    assert refusal(bundled(port_0, group="a=group:LS a"), BROWSER) == "sdp-no-audio"
    assert refusal(bundled(port_0), BROWSER) == "sdp-no-audio"


@pytest.mark.parametrize("mid", ["", "a b", "x" * 33, "å", '"'])
def test_names_of_no_use_are_not_sent_back(mid: str) -> None:
    result = answer(web(f"a=mid:{mid}", "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid"), BROWSER)
    assert (result.audio.mid, result.audio.mid_id) == ("", 0)
    assert not any("mid" in line for line in text_of(result))


# -- header extensions --------------------------------------------------------------------------------------------

FEEDBACK = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
FEEDBACK_LINES = (f"a=extmap:5 {FEEDBACK}", "a=rtcp-fb:111 transport-cc")


def test_feedback_is_given_where_it_is_wanted() -> None:
    result = answer(web(*FEEDBACK_LINES), BROWSER)
    assert result.audio.feedback_id == 5
    assert {f"a=extmap:5 {FEEDBACK}", "a=rtcp-fb:111 transport-cc"} < set(text_of(result))
    for_all = answer(web(FEEDBACK_LINES[0], "a=rtcp-fb:* transport-cc"), BROWSER)
    assert for_all.body == result.body


@pytest.mark.parametrize(
    ("lines", "media"),
    [
        (FEEDBACK_LINES[:1], MEDIA),
        (FEEDBACK_LINES[1:], MEDIA),
        ((FEEDBACK_LINES[0], "a=rtcp-fb:96 transport-cc"), MEDIA),
        ((FEEDBACK_LINES[0], "a=rtcp-fb:111 nack"), MEDIA),
        ((f"a=extmap:5/recvonly {FEEDBACK}", FEEDBACK_LINES[1]), MEDIA),
        (FEEDBACK_LINES, "9 UDP/TLS/RTP/SAVP 111"),
    ],
)
def test_no_feedback_otherwise(lines: tuple[str, ...], media: str) -> None:
    result = answer(web(*lines, media=media), BROWSER)
    assert result.audio.feedback_id == 0
    assert not any("transport-" in line for line in text_of(result))


def test_an_id_serves_one_extension() -> None:
    same = web("a=mid:0", "a=extmap:5 urn:ietf:params:rtp-hdrext:sdes:mid", *FEEDBACK_LINES)
    result = answer(same, BROWSER)
    assert (result.audio.mid_id, result.audio.feedback_id) == (5, 0)


def test_directions_of_extensions_are_turned() -> None:
    result = answer(web("a=extmap:3/sendonly urn:ietf:params:rtp-hdrext:ssrc-audio-level"), BROWSER)
    assert "a=extmap:3/recvonly urn:ietf:params:rtp-hdrext:ssrc-audio-level" in text_of(result)
