"""The link of DTLS-SRTP lets nothing through, in either direction, before it has keys; new keys take over at once."""

from __future__ import annotations

import random

import pytest

from bridge.errors import ProtocolError
from bridge.rtc.link import DtlsLink
from bridge.rtp.link import Link
from bridge.rtp.send_stream import SendStream
from bridge.sdp.audio import SrtpKey


def keys(seed: int) -> tuple[SrtpKey, SrtpKey]:
    chance = random.Random(seed)
    return SrtpKey("AEAD_AES_128_GCM", chance.randbytes(28)), SrtpKey(
        "AEAD_AES_128_GCM", chance.randbytes(28)
    )


def pair(seed: int) -> tuple[DtlsLink, DtlsLink]:
    ours, theirs = DtlsLink(), DtlsLink()
    one, two = keys(seed)
    ours.take((one, two))
    theirs.take((two, one))
    return ours, theirs


def packet(sequence: int = 1) -> bytes:
    return SendStream(7, 111, 48_000, sequence=sequence).packetise(b"sound", 960)


def test_without_keys_nothing_passes() -> None:
    link: Link = DtlsLink()
    assert link.secure
    for method in (link.wrap_rtp, link.wrap_rtcp, link.unwrap_rtp, link.unwrap_rtcp):
        with pytest.raises(ProtocolError, match="dtls-not-up"):
            method(packet())


def test_with_keys_it_passes() -> None:
    ours, theirs = pair(1)
    assert theirs.unwrap_rtp(ours.wrap_rtp(packet())) == packet()
    report = b"\x80\xc9\0\1" + bytes(4)
    assert theirs.unwrap_rtcp(ours.wrap_rtcp(report)) == report


def test_new_keys_replace_the_ones_before() -> None:
    ours, theirs = pair(1)
    old = ours.wrap_rtp(packet(2))
    one, two = keys(2)
    ours.take((one, two))
    theirs.take((two, one))
    assert theirs.unwrap_rtp(ours.wrap_rtp(packet())) == packet()
    with pytest.raises(ProtocolError, match="srtp-auth"):
        theirs.unwrap_rtp(old)
