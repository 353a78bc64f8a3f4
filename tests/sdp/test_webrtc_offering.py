"""An offer of ours with ICE and DTLS is one that others take, and only a proper answer to it stands."""

from __future__ import annotations

from dataclasses import replace

import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription

from bridge.errors import ProtocolError
from bridge.sdp.description import Description, parse
from bridge.sdp.local import Local, SrtpPolicy
from bridge.sdp.negotiate import Agreed, Protection, accept, answer, offer
from bridge.sdp.transport import DtlsRole, Fingerprint
from tests.sdp.samples import BROWSER, DTLS, LOCAL, SHARED, answer_refusal, read, text_of

HASH = "19:E2:1C:3B:4B:9F:81:E6:B8:5C:F4:A5:A8:D8:73:04:BB:05:2F:70:9F:04:A9:0E:05:E9:26:33:E8:70:88:A2"
ICE = "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\n"
SHA256 = f"a=fingerprint:sha-256 {HASH}\r\n"


def given(
    *,
    proto: str = "UDP/TLS/RTP/SAVPF",
    ice: str = ICE,
    dtls: str = SHA256,
    setup: str = "a=setup:active\r\n",
    mux: str = "a=rtcp-mux\r\n",
    more: str = "",
) -> Description:
    """Write an answer."""
    head = "v=0\r\no=- 1 1 IN IP4 192.0.2.24\r\ns=-\r\nc=IN IP4 192.0.2.24\r\nt=0 0\r\n"
    return parse(
        f"{head}m=audio 4000 {proto} 96\r\na=rtpmap:96 opus/48000/2\r\n{ice}{dtls}{setup}{mux}{more}".encode()
    )


def test_a_first_offer_to_browsers() -> None:
    lines = text_of(offer(BROWSER))
    assert {"a=ice-lite", "a=setup:actpass", "a=rtcp-mux", "a=rtcp-mux-only", "a=end-of-candidates"} < set(
        lines
    )
    assert any(line.startswith("m=audio 10000 UDP/TLS/RTP/SAVPF ") for line in lines)
    assert not any("crypto" in line for line in lines)


def test_a_first_offer_to_phones_keeps_to_what_all_of_them_know() -> None:
    assert offer(DTLS).body == offer(LOCAL).body


async def test_aiortc_answers_it() -> None:
    made = offer(BROWSER)
    peer = RTCPeerConnection()
    try:
        await peer.setRemoteDescription(RTCSessionDescription(made.body.decode(), "offer"))
        await peer.setLocalDescription(await peer.createAnswer())
        agreed = accept(made, parse(peer.localDescription.sdp.encode()))
    finally:
        await peer.close()
    assert agreed.protection is Protection.DTLS
    assert agreed.transport.ice is not None
    assert agreed.audio.codec == "opus"


@pytest.mark.parametrize(
    ("setup", "role"),
    [
        ("a=setup:active\r\n", DtlsRole.SERVER),
        ("a=setup:passive\r\n", DtlsRole.CLIENT),
        ("", DtlsRole.CLIENT),
        ("a=setup:actpass\r\n", DtlsRole.SERVER),
    ],
)
def test_the_answer_decides_who_begins(setup: str, role: DtlsRole) -> None:
    agreed = accept(offer(BROWSER), given(setup=setup))
    assert agreed.transport.dtls is not None
    assert agreed.transport.dtls.role is role
    assert agreed.audio.remote == ("", 0)


@pytest.mark.parametrize(
    ("answered", "name"),
    [
        (given(dtls=""), "sdp-fingerprint"),
        (given(dtls="a=fingerprint:sha-1 00\r\n"), "sdp-fingerprint"),
        (given(setup="a=setup:holdconn\r\n"), "sdp-setup"),
        (given(ice=""), "sdp-no-ice"),
        (given(mux=""), "sdp-no-rtcp-mux"),
        (given(ice="a=ice-ufrag:abcd\r\n"), "sdp-ice-credentials"),
        (given(proto="RTP/AVP", dtls=""), "sdp-fingerprint"),
    ],
)
def test_answers_of_no_use(answered: Description, name: str) -> None:
    assert answer_refusal(offer(BROWSER), answered) == name


def test_dtls_that_was_not_offered_is_not_accepted() -> None:
    assert answer_refusal(offer(LOCAL), given(ice="")) == "sdp-dtls"
    plain = accept(offer(LOCAL), given(proto="RTP/AVP", ice=""))
    assert plain.protection is Protection.NONE


# -- later offers -------------------------------------------------------------------------------------------------

DTLS_OFFER = parse(
    f"v=0\r\nc=IN IP4 192.0.2.24\r\nm=audio 4000 UDP/TLS/RTP/SAVP 0\r\n{SHA256}a=setup:passive\r\n".encode()
)


def roles(agreed: Agreed) -> tuple[int, DtlsRole]:
    """Tell association and role."""
    assert agreed.transport.dtls is not None
    return agreed.transport.dtls.association, agreed.transport.dtls.role


def test_a_refresh_says_the_same_again_and_changes_nothing() -> None:
    for local, their_offer in ((BROWSER, read("device-webrtc-browser-wss")), (DTLS, DTLS_OFFER)):
        first = answer(their_offer, local)
        made = offer(local, first)
        assert made.body == first.body
        theirs = replace(
            their_offer,
            sections=tuple(
                replace(each, attributes=tuple(line for line in each.attributes if line[0] != "setup"))
                for each in their_offer.sections
            ),
        )
        again = accept(made, theirs)
        assert (again.transport, roles(again)) == (first.transport, roles(first))


@pytest.mark.parametrize("policy", [SrtpPolicy.PREFERRED, SrtpPolicy.REQUIRED])
def test_a_later_offer_of_all_we_have_keeps_to_dtls(policy: SrtpPolicy) -> None:
    local = replace(DTLS, srtp=policy)
    first = answer(DTLS_OFFER, local)
    made = offer(local, first, anew=True)
    lines = text_of(made)
    assert {"a=setup:actpass", *(line for line in text_of(first) if "fingerprint" in line)} < set(lines)
    assert any(line.startswith("m=audio 40000 UDP/TLS/RTP/SAVP ") for line in lines)
    assert not any("crypto" in line or "ice" in line for line in lines)
    same = accept(made, given(proto="UDP/TLS/RTP/SAVP", ice="", setup="a=setup:passive\r\n"))
    other = accept(made, given(proto="UDP/TLS/RTP/SAVP", ice="", setup="a=setup:active\r\n"))
    assert (roles(same), roles(other)) == ((0, DtlsRole.CLIENT), (1, DtlsRole.SERVER))


def moved(local: Local) -> Local:
    """The same leg on ports of another process, which has another certificate."""
    candidates = tuple(replace(each, port=10_001) for each in local.candidates)
    return replace(
        local,
        port=50_000,
        rtcp_port=50_001,
        candidates=candidates,
        fingerprint=Fingerprint("sha-256", bytes(32)),
    )


def test_new_ports_bring_new_credentials_and_a_new_association() -> None:
    first = answer(read("chromium-offer-video-channel"), BROWSER)
    made = offer(moved(BROWSER), first, anew=True)
    lines = text_of(made)
    assert "a=group:BUNDLE 0" in lines
    assert [line for line in lines if line.startswith("a=mid:")] == ["a=mid:0", "a=mid:1", "a=mid:2"]
    assert [line for line in lines if line.startswith("a=extmap:")] == [
        line for line in text_of(first) if line.startswith("a=extmap:")
    ]
    assert "a=rtcp-fb:* transport-cc" in lines
    extensions = (
        "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
        "a=extmap:9 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n"
    )
    answered = given(setup="a=setup:passive\r\n", more=f"a=mid:0\r\n{extensions}")
    agreed = accept(made, answered)
    assert roles(agreed) == (1, DtlsRole.CLIENT)
    assert agreed.transport.ice is not None
    assert first.transport.ice is not None
    assert agreed.transport.ice.local != first.transport.ice.local
    assert (agreed.audio.mid, agreed.audio.mid_id, agreed.audio.level_id) == ("0", 4, 0)
    with pytest.raises(ProtocolError):
        accept(made, given(ice=""))


def test_a_name_of_the_association_stays_until_the_association_changes() -> None:
    named = replace(
        DTLS_OFFER,
        sections=tuple(
            replace(each, attributes=(*each.attributes, ("tls-id", "a" * 20))) for each in DTLS_OFFER.sections
        ),
    )

    def name(lines: list[str]) -> str:
        return next(line for line in lines if line.startswith("a=tls-id:"))

    first = answer(named, DTLS)
    assert name(text_of(offer(DTLS, first, anew=True))) == name(text_of(first))
    assert name(text_of(offer(moved(DTLS), first, anew=True))) != name(text_of(first))
    assert not any("tls-id" in line for line in text_of(offer(DTLS, answer(DTLS_OFFER, DTLS), anew=True)))


def test_sound_that_the_answer_refuses_rests_on_the_same_transport() -> None:
    first = answer(read("device-webrtc-browser-wss"), SHARED)
    made = offer(SHARED, first)
    body = b"v=0\r\nm=audio 0 UDP/TLS/RTP/SAVPF 0\r\nm=video 0 UDP/TLS/RTP/SAVPF 96\r\n"
    ended = accept(made, parse(body))
    assert (ended.audio.held, ended.transport) == (True, first.transport)
