"""Bodies of real devices and of attackers get the answers they should, from files kept as they came."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from bridge.errors import ProtocolError
from bridge.sdp.description import parse
from bridge.sdp.local import Local, SrtpPolicy
from bridge.sdp.negotiate import Agreed, Protection, answer, wants_ipv6
from tests.sdp.samples import (
    BROWSER,
    DATA,
    DTLS,
    FINGERPRINT,
    LOCAL,
    LOOPBACK,
    SHARED,
    read,
    refusal,
    text_of,
)

VECTORS = Path(__file__).parents[2] / ".." / "shared" / "vectors"


def local_for(body: bytes, base: Local = LOCAL) -> Local:
    """Do as a leg does: open the leg on an address of the family that the offer wants."""
    try:
        return replace(base, address="2001:db8::7") if wants_ipv6(parse(body)) else base
    except ProtocolError:
        return base


# -- devices ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Expected:
    """What comes of a device's offer: m-lines of the answer, packets, digits, and whether it is encrypted."""

    media: tuple[str, ...]
    ptime_ms: int = 20
    event: int | None = None
    secure: bool = False
    held: bool = False


DEVICES = {
    "device-cisco-ce-multistream": Expected(
        (
            "audio 40000 RTP/AVP 114 9 8 0 101",
            "video 0 RTP/AVP 116",
            "application 0 UDP/BFCP *",
            "video 0 RTP/AVP 97",
            "application 0 UDP/UDT/IX *",
            "application 0 RTP/AVP 100",
        ),
        event=101,
    ),
    "device-compact-headers": Expected(("audio 40000 RTP/AVP 0 8 101", "video 0 RTP/AVP 97"), event=101),
    "device-gateway-t38": Expected(("audio 40000 RTP/AVP 8 0", "image 0 udptl t38")),
    "device-hold-zero-address": Expected(
        ("audio 40000 RTP/AVP 0 101", "video 0 RTP/AVP 34"), event=101, held=True
    ),
    "device-huawei-viewpoint": Expected(
        ("audio 40000 RTP/AVP 9 8 0 97", "video 0 RTP/AVP 105", "application 0 RTP/AVP 100"), event=97
    ),
    "device-ipv6-only": Expected(("audio 40000 RTP/AVP 9 0 8", "video 0 RTP/AVP 109")),
    "device-lync-multipart-alternative-2": Expected(
        ("audio 40000 RTP/SAVP 9 0 8 13 101", "video 0 RTP/SAVP 122"), event=101, secure=True
    ),
    "device-opus-mono-cbr-phone": Expected(("audio 40000 RTP/AVPF 107 8 101",), ptime_ms=60, event=101),
    "device-pbx-duplicate-ptime": Expected(("audio 40000 RTP/AVP 8 97",), event=97),
    "device-polycom-hdx": Expected(
        ("audio 40000 RTP/AVP 9 0 8", "video 0 RTP/AVP 109", "application 0 TCP/BFCP *")
    ),
    "device-tandberg-tc": Expected(
        (
            "audio 40000 RTP/AVP 9 8 0 106",
            "video 0 RTP/AVP 97",
            "application 0 UDP/BFCP *",
            "video 0 RTP/AVP 97",
            "application 0 RTP/AVP 105",
        ),
        event=106,
    ),
    "device-yealink-vc": Expected(
        (
            "audio 40000 RTP/AVP 9 8 0",
            "video 0 RTP/AVP 98",
            "application 0 RTP/AVP 100",
            "application 0 UDP/BFCP *",
        )
    ),
    "baresip-offer-plain": Expected(("audio 40000 RTP/AVP 96 9 0 8 101",), event=101),
    "baresip-offer-srtp": Expected(("audio 40000 RTP/AVP 96 9 0 8 101",), event=101, secure=True),
    "baresip-offer-srtp-mand": Expected(("audio 40000 RTP/SAVP 96 9 0 8 101",), event=101, secure=True),
    "baresip-offer-srtp-mandf": Expected(("audio 40000 RTP/SAVPF 96 9 0 8 101",), event=101, secure=True),
    "baresip-offer-dtls": Expected(("audio 40000 UDP/TLS/RTP/SAVPF 96 9 0 8 101",), event=101, secure=True),
    "baresip-offer-dtls-mux": Expected(
        ("audio 40000 UDP/TLS/RTP/SAVPF 96 9 0 8 101",), event=101, secure=True
    ),
    "baresip-offer-ice-no-mux": Expected(("audio 40000 RTP/AVP 96 9 0 8 101",), event=101),
    "linphone-offer-dtls": Expected(("audio 40000 UDP/TLS/RTP/SAVP 96 0 8 99",), event=99, secure=True),
    "linphone-offer-plain": Expected(("audio 40000 RTP/AVP 96 0 8 99",), event=99),
    "linphone-offer-srtp": Expected(("audio 40000 RTP/SAVP 96 0 8 99",), event=99, secure=True),
    "style-asterisk": Expected(("audio 40000 RTP/AVP 0 8 9 107 101",), event=101),
    "style-freeswitch-savp": Expected(("audio 40000 RTP/SAVP 102 9 0 8 103",), event=103, secure=True),
    "style-desk-phone-two-profiles": Expected(
        ("audio 40000 RTP/SAVP 9 0 8 101", "audio 0 RTP/AVP 9"), event=101, secure=True
    ),
    "style-border-controller": Expected(("audio 40000 RTP/AVP 8 0 13 96",), event=96),
    "style-volte-handset": Expected(("audio 40000 RTP/AVPF 9 8 96",), event=96),
}
REFUSED = {
    "device-webrtc-browser-wss": "sdp-dtls",
    "device-lync-multipart-alternative-1": "sdp-no-key",
}


def side(name: str) -> Local:
    base = LOCAL if name.startswith(("device", "style")) else replace(LOOPBACK, fingerprint=FINGERPRINT)
    return replace(base, address="2001:db8::7") if wants_ipv6(read(name)) else base


@pytest.mark.parametrize("name", DEVICES)
def test_a_devices_offer_is_answered(name: str) -> None:
    result, expected = answer(read(name), side(name)), DEVICES[name]
    assert tuple(line[2:] for line in text_of(result) if line.startswith("m=")) == expected.media
    agreed = result.audio
    assert (agreed.ptime_ms, agreed.event_receive, result.protection is not Protection.NONE, agreed.held) == (
        expected.ptime_ms,
        expected.event,
        expected.secure,
        expected.held,
    )
    assert agreed.payload_type == int(expected.media[0].split()[3])


@pytest.mark.parametrize("name", DEVICES)
def test_a_devices_re_offer_hold_and_resume(name: str) -> None:
    local, offer = side(name), read(name)
    first = answer(offer, local)
    assert answer(offer, local, first) == first
    quiet = tuple(
        replace(section, attributes=(("inactive", None), *section.attributes)) for section in offer.sections
    )
    held = answer(replace(offer, sections=quiet), local, first)
    assert (held.audio.sends, held.audio.receives, held.audio.held) == (False, False, True)
    assert answer(offer, local, held).audio == first.audio


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_plain_leg_cannot_do_is_refused(name: str) -> None:
    with pytest.raises(ProtocolError, match=REFUSED[name]) as caught:
        answer(read(name), side(name))
    assert caught.value.status == 488


def test_digits_beside_opus_at_48_khz() -> None:
    assert answer(read("device-opus-mono-cbr-phone"), LOCAL).audio.event_clock_rate == 48_000
    wishes = answer(read("device-opus-mono-cbr-phone"), LOCAL).audio
    assert (wishes.opus_dtx, wishes.opus_bitrate, wishes.opus_max_rate) == (True, 24_000, 16_000)


def test_suites_under_unknown_names_are_passed_over() -> None:
    keys = answer(read("style-freeswitch-savp"), LOCAL).audio
    assert keys.srtp_send is not None
    assert keys.srtp_send.suite == "AES_256_CM_HMAC_SHA1_80"


# -- odd and hostile bodies ---------------------------------------------------------------------------------------

ODD = {
    "sdp-bandwidth-zero": None,
    "sdp-bundle-unknown-mid": "sdp-dtls",
    "sdp-candidate-broken": "sdp-dtls",
    "sdp-connection-hostname": "sdp-address-name",
    "sdp-connection-mapped-v6": "sdp-address-mapped",
    "sdp-connection-multicast": "sdp-address-multicast",
    "sdp-crypto-bad-base64": "sdp-no-key",
    "sdp-crypto-short-key": "sdp-no-key",
    "sdp-direction-conflict": None,
    "sdp-extmap-id-0-and-256": None,
    "sdp-fingerprint-md5": "sdp-dtls",
    "sdp-fmtp-no-params": "sdp-no-codec",
    "sdp-ice-ufrag-long": "sdp-ice-credentials",
    "sdp-lf-only": None,
    "sdp-missing-v": "sdp-version",
    "sdp-mline-removed": None,
    "sdp-no-connection": "sdp-connection",
    "sdp-nul-bytes": "sdp-nul",
    "sdp-port-5060-signalling": "sdp-address-own",
    "sdp-port-70000": "sdp-port",
    "sdp-proto-unknown": "sdp-profile",
    "sdp-ptime-zero": None,
    "sdp-rtpmap-odd": None,
    "sdp-savp-no-crypto": "sdp-no-key",
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_body(name: str) -> None:
    local = LOOPBACK if name == "sdp-port-5060-signalling" else LOCAL
    try:
        answer(read(name), local)
    except ProtocolError as error:
        assert error.name == ODD[name]
    else:
        assert ODD[name] is None


BY_DTLS = {
    "sdp-bundle-unknown-mid": "sdp-fingerprint",
    "sdp-candidate-broken": "sdp-fingerprint",
    "sdp-fingerprint-md5": "sdp-fingerprint",
    "sdp-ice-ufrag-long": "sdp-ice-credentials",
    "sdp-savp-no-crypto": "sdp-no-key",
}


@pytest.mark.parametrize("name", BY_DTLS)
def test_a_body_that_even_dtls_does_not_help(name: str) -> None:
    assert refusal(read(name), DTLS) == BY_DTLS[name]


@pytest.mark.parametrize("name", ODD)
def test_browsers_legs_take_no_odd_body(name: str) -> None:
    for local in (SHARED, BROWSER):
        with pytest.raises(ProtocolError):
            answer(read(name), local)


# -- the vectors beside the project -------------------------------------------------------------------------------


def vectors(kind: str) -> list[dict[str, Any]]:
    manifest = VECTORS / "manifest.json"
    if not manifest.exists():
        return []
    entries: list[dict[str, Any]] = json.loads(manifest.read_bytes())
    return [entry for entry in entries if entry["kind"] == kind]


def outcome(body: bytes, local: Local, previous: Agreed | None = None) -> str:
    """Say how an offer ends: "accept", "accept-no-send", or the status code."""
    try:
        result = answer(parse(body), local_for(body, local), previous)
    except ProtocolError as error:
        return str(error.status)
    nowhere = result.audio.remote == ("", 0) and not result.audio.sends
    return "accept-no-send" if nowhere else "accept"


@pytest.mark.shared
@pytest.mark.skipif(not VECTORS.exists(), reason="the vectors are not here")
@pytest.mark.parametrize("entry", vectors("sdp"), ids=lambda entry: entry["name"])
@pytest.mark.parametrize("policy", SrtpPolicy)
def test_shared_bodies(entry: dict[str, Any], policy: SrtpPolicy) -> None:
    body = (VECTORS / entry["file"]).read_bytes()
    allowed = entry["expect"].split("|")
    for base in (LOCAL, LOOPBACK, DTLS):
        got = outcome(body, replace(base, srtp=policy))
        # Without keys an offer of plain RTP is rightly refused by a leg that requires them.
        assert got in allowed or (policy is SrtpPolicy.REQUIRED and got == "488"), got


@pytest.mark.shared
@pytest.mark.skipif(not VECTORS.exists(), reason="the vectors are not here")
@pytest.mark.parametrize("entry", vectors("sdp"), ids=lambda entry: entry["name"])
def test_shared_bodies_on_legs_with_ice(entry: dict[str, Any]) -> None:
    """They need ICE and DTLS, so what others may take they may refuse."""
    body = (VECTORS / entry["file"]).read_bytes()
    for local in (SHARED, BROWSER):
        assert outcome(body, local) in (*entry["expect"].split("|"), "488", "accept")


@pytest.mark.shared
@pytest.mark.skipif(not VECTORS.exists(), reason="the vectors are not here")
def test_shared_body_with_a_section_less() -> None:
    before = answer(read("device-compact-headers"), LOCAL)
    body = (VECTORS / "sdp" / "sdp-mline-removed.sdp").read_bytes()
    assert outcome(body, LOCAL, before) == "488"


@pytest.mark.shared
@pytest.mark.skipif(not VECTORS.exists(), reason="the vectors are not here")
@pytest.mark.parametrize("entry", vectors("device"), ids=lambda entry: entry["name"])
def test_shared_devices_are_the_ones_kept_here(entry: dict[str, Any]) -> None:
    body = (VECTORS / entry["file"]).read_bytes().partition(b"\r\n\r\n")[2]
    kept = [
        name
        for name in (*DEVICES, *REFUSED)
        if name.startswith(f"device-{entry['name']}") and (DATA / f"{name}.sdp").read_bytes() in body
    ]
    assert len(kept) == {"delayed-offer-callmanager": 0, "lync-multipart-alternative": 2}.get(
        entry["name"], 1
    )
