"""SRTP by SDES keys: every suite against itself and against an independent reading; roll-over, replay, forgery."""

from __future__ import annotations

import hashlib
import hmac
import json
import random
from dataclasses import dataclass

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from bridge.errors import ProtocolError
from bridge.rtp import rtcp
from bridge.rtp.link import Link, PlainLink, SdesLink
from bridge.rtp.packet import parse
from bridge.rtp.send_stream import SendStream
from tests.rtp.playback import VECTORS, pcap, shared

LENGTHS = {
    "AES_CM_128_HMAC_SHA1_80": 30,
    "AES_CM_128_HMAC_SHA1_32": 30,
    "AES_256_CM_HMAC_SHA1_80": 46,
    "AES_256_CM_HMAC_SHA1_32": 46,
    "AEAD_AES_128_GCM": 28,
    "AEAD_AES_256_GCM": 44,
}
TAGS = {
    "AES_CM_128_HMAC_SHA1_32": 4,
    "AES_256_CM_HMAC_SHA1_32": 4,
    "AEAD_AES_128_GCM": 16,
    "AEAD_AES_256_GCM": 16,
}


@dataclass(frozen=True)
class Key:
    suite: str
    key: bytes


def key(suite: str, seed: int = 0) -> Key:
    return Key(suite, random.Random(seed).randbytes(LENGTHS[suite]))


def ends(suite: str) -> tuple[SdesLink, SdesLink]:
    one, two = key(suite, 1), key(suite, 2)
    return SdesLink(one, two), SdesLink(two, one)


def packets(count: int, sequence: int = 100) -> list[bytes]:
    sender = SendStream(0x11223344, 0, 8_000, sequence=sequence)
    return [sender.packetise(bytes((place & 255,)) * 160, 960) for place in range(count)]


def refused(link: Link, datagram: bytes, control: bool = False) -> str:
    with pytest.raises(ProtocolError) as fault:
        (link.unwrap_rtcp if control else link.unwrap_rtp)(datagram)
    return fault.value.name


@pytest.mark.parametrize("suite", LENGTHS)
def test_round_trip(suite: str) -> None:
    ours, theirs = ends(suite)
    for packet in packets(20):
        wrapped = ours.wrap_rtp(packet)
        assert len(wrapped) == len(packet) + TAGS.get(suite, 10)
        assert wrapped[:12] == packet[:12]
        assert wrapped[12:40] != packet[12:40]
        assert theirs.unwrap_rtp(wrapped) == packet
    report = rtcp.serialise(rtcp.ReceiverReport(1))
    assert theirs.unwrap_rtcp(ours.wrap_rtcp(report)) == report
    assert ours.unwrap_rtp(theirs.wrap_rtp(packets(1)[0])) == packets(1)[0]


# An independent reading of RFC 3711 and RFC 6188: AES by another library, the rest written out.


def counter_mode(cipher_key: bytes, block: int, length: int) -> bytes:
    encryptor = Cipher(algorithms.AES(cipher_key), modes.CTR(block.to_bytes(16, "big"))).encryptor()
    return encryptor.update(bytes(length))


def derived(master: Key, label: int, length: int) -> bytes:
    """RFC 3711 section 4.3.1 with a key derivation rate of 0."""
    salt = int.from_bytes(master.key[-14:], "big")
    return counter_mode(master.key[:-14], (salt ^ label << 48) << 16, length)


def by_the_book(master: Key, packet: bytes, roll_over: int, tag: int) -> bytes:
    cipher_key = derived(master, 0, len(master.key) - 14)
    salt = int.from_bytes(derived(master, 2, 14), "big")
    index = roll_over << 16 | int.from_bytes(packet[2:4], "big")
    ssrc = int.from_bytes(packet[8:12], "big")
    stream = counter_mode(cipher_key, salt << 16 ^ ssrc << 64 ^ index << 16, len(packet) - 12)
    body = packet[:12] + bytes(a ^ b for a, b in zip(packet[12:], stream, strict=True))
    authentic = hmac.new(derived(master, 1, 20), body + roll_over.to_bytes(4, "big"), hashlib.sha1)
    return body + authentic.digest()[:tag]


@pytest.mark.parametrize("suite", [name for name in LENGTHS if "CM" in name and "GCM" not in name])
def test_counter_mode_is_what_the_rfcs_say(suite: str) -> None:
    master = key(suite, 5)
    link = SdesLink(master, master)
    for place, packet in enumerate(packets(40, sequence=65_520)):
        assert link.wrap_rtp(packet) == by_the_book(master, packet, int(place >= 16), TAGS.get(suite, 10))


def test_derivation_of_rfc_6188_section_7_2() -> None:
    master = Key(
        "",
        bytes.fromhex(
            "f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b63b04803de51ee7c96423ab5b78d2"
        ),
    )
    assert derived(master, 0, 32).hex() == "5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4"
    assert derived(master, 2, 14).hex() == "fa31791685ca444a9e07c6c64e93"
    assert derived(master, 1, 20).hex() == "fd9c32d39ed5fbb5a9dc96b30818454d1313dc05"


@pytest.mark.parametrize("suite", LENGTHS)
def test_the_roll_over_counter_goes_up_at_the_wrap(suite: str) -> None:
    ours, theirs = ends(suite)
    plain = packets(250, sequence=65_400)
    assert [theirs.unwrap_rtp(ours.wrap_rtp(packet)) for packet in plain] == plain


@pytest.mark.parametrize("suite", LENGTHS)
def test_replays_are_dropped_and_the_call_goes_on(suite: str) -> None:
    ours, theirs = ends(suite)
    wrapped = [ours.wrap_rtp(packet) for packet in packets(250)]
    for datagram in wrapped[:200]:
        theirs.unwrap_rtp(datagram)
    assert [refused(theirs, datagram) for datagram in wrapped[150:200]] == ["srtp-replay"] * 50
    assert refused(theirs, wrapped[0]) == "srtp-replay"  # older than the window
    assert len([theirs.unwrap_rtp(datagram) for datagram in wrapped[200:]]) == 50


@pytest.mark.parametrize("suite", LENGTHS)
def test_forged_tags_are_dropped_and_the_call_goes_on(suite: str) -> None:
    ours, theirs = ends(suite)
    wrapped = [ours.wrap_rtp(packet) for packet in packets(100)]
    for datagram in wrapped:
        for place in (2, 20, len(datagram) - 1):
            forged = bytearray(datagram)
            forged[place] ^= 1
            assert refused(theirs, bytes(forged)) in ("srtp-auth", "srtp-replay")
        theirs.unwrap_rtp(datagram)


@pytest.mark.parametrize("suite", LENGTHS)
def test_control_packets(suite: str) -> None:
    ours, theirs = ends(suite)
    report = rtcp.serialise(rtcp.ReceiverReport(1)) * 2
    wrapped = ours.wrap_rtcp(report)
    # SRTCP keeps 80 bits even where RTP has 32 (RFC 4568 section 6.2.2, RFC 6188 section 4).
    assert len(wrapped) == len(report) + 4 + (16 if "GCM" in suite else 10)
    forged = wrapped[:-5] + bytes((wrapped[-5] ^ 1,)) + wrapped[-4:]
    assert refused(theirs, forged, control=True) == "srtp-auth"
    assert theirs.unwrap_rtcp(wrapped) == report
    assert refused(theirs, wrapped, control=True) == "srtp-replay"
    for size in (0, 3, 8, 12):
        assert refused(theirs, wrapped[:size], control=True).startswith("srtp-")


def test_reordered_packets_are_taken() -> None:
    ours, theirs = ends("AES_CM_128_HMAC_SHA1_80")
    wrapped = [ours.wrap_rtp(packet) for packet in packets(100)]
    random.Random(3).shuffle(wrapped)
    assert sorted(parse(theirs.unwrap_rtp(datagram)).sequence for datagram in wrapped) == list(
        range(100, 200)
    )


def test_anything_at_all_is_refused_by_name() -> None:
    _, theirs = ends("AES_CM_128_HMAC_SHA1_80")
    rng = random.Random(4)
    for _ in range(3_000):
        datagram = rng.randbytes(rng.choice((0, 1, 8, 11, 12, 13, 22, 60, 200)))
        assert refused(theirs, datagram) in ("srtp-auth", "srtp-malformed", "srtp-fault", "srtp-replay")
        assert refused(theirs, datagram, control=True).startswith("srtp-")


def test_packets_that_are_too_long() -> None:
    ours, theirs = ends("AES_CM_128_HMAC_SHA1_80")
    head = packets(1)[0][:12]
    assert theirs.unwrap_rtp(ours.wrap_rtp(head + bytes(1_344)))
    with pytest.raises(ProtocolError) as fault:
        ours.wrap_rtp(head + bytes(1_345))
    assert fault.value.name == "srtp-too-long"
    with pytest.raises(ProtocolError) as fault:
        ours.wrap_rtcp(head + bytes(1_500))
    assert fault.value.name == "srtp-too-long"
    assert refused(theirs, bytes(1_501)) == "srtp-too-long"


def test_keys_that_cannot_be_used() -> None:
    good = key("AES_CM_128_HMAC_SHA1_80")
    for bad, name in (
        (Key("F8_128_HMAC_SHA1_80", bytes(30)), "srtp-suite"),
        (Key("", b""), "srtp-suite"),
        (Key("AES_CM_128_HMAC_SHA1_80", bytes(29)), "srtp-key"),
        (Key("AES_CM_128_HMAC_SHA1_80", bytes(31)), "srtp-key"),
        (Key("AEAD_AES_256_GCM", bytes(30)), "srtp-key"),
    ):
        for pair in ((bad, good), (good, bad)):
            with pytest.raises(ProtocolError) as fault:
                SdesLink(*pair)
            assert (fault.value.name, fault.value.status) == (name, 488)


def test_the_plain_link_changes_nothing_and_proves_nothing() -> None:
    link: Link = PlainLink()
    assert not link.secure
    assert link.unwrap_rtp(link.wrap_rtp(b"rtp")) == b"rtp"
    assert link.unwrap_rtcp(link.wrap_rtcp(b"rtcp")) == b"rtcp"
    secure: Link = SdesLink(key("AEAD_AES_128_GCM"), key("AEAD_AES_128_GCM"))
    assert secure.secure


@shared
@pytest.mark.shared
def test_a_capture_over_the_wrap() -> None:
    """M-06: 250 of 250 unprotected, 50 of 50 replays dropped."""
    (entry,) = (
        entry
        for entry in json.loads((VECTORS / "manifest.json").read_text())
        if entry["name"] == "seq-srtp-roc"
    )
    master = Key("AES_CM_128_HMAC_SHA1_80", bytes.fromhex(entry["key_hex"]))
    link = SdesLink(master, master)
    datagrams = [datagram for _, _, datagram in pcap(VECTORS / entry["file"])]
    clear = [parse(link.unwrap_rtp(datagram)) for datagram in datagrams]
    assert len(clear) == 250
    assert [packet.sequence for packet in clear] == [(65_400 + place) & 0xFFFF for place in range(250)]
    assert {len(packet.payload) for packet in clear} == {160}
    assert [refused(link, datagram) for datagram in datagrams[-50:]] == ["srtp-replay"] * 50


@shared
@pytest.mark.shared
def test_garbage_does_not_end_a_call() -> None:
    """CVE-2021-41105: a hundred bad packets ended calls elsewhere."""
    ours, theirs = ends("AES_CM_128_HMAC_SHA1_80")
    garbage = (VECTORS / "rtp" / "rtp-srtp-garbage.bin").read_bytes()
    assert {refused(theirs, garbage) for _ in range(2_000)} == {"srtp-auth"}
    assert theirs.unwrap_rtp(ours.wrap_rtp(packets(1)[0])) == packets(1)[0]
