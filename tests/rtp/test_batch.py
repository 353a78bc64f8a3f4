"""Packets are protected where they lie, just as they would be one by one."""

from __future__ import annotations

import struct

import pytest

from bridge.errors import ProtocolError
from bridge.rtc.link import DtlsLink
from bridge.rtp.batch import SLOT, Batch
from bridge.rtp.link import Link, PlainLink, SdesLink
from bridge.sdp.audio import SrtpKey

SUITES = {
    "AES_CM_128_HMAC_SHA1_80": 30,
    "AES_CM_128_HMAC_SHA1_32": 30,
    "AES_256_CM_HMAC_SHA1_80": 46,
    "AEAD_AES_128_GCM": 28,
    "AEAD_AES_256_GCM": 44,
}


def packets(sizes: list[int]) -> list[bytes]:
    return [struct.pack("!BBHII", 0x80, 96, number, 1, 2) + bytes(size) for number, size in enumerate(sizes)]


def filled(what: list[bytes]) -> Batch:
    batch = Batch()
    for number, packet in enumerate(what):
        batch.view[number * SLOT : number * SLOT + len(packet)] = packet
    batch.sizes = [len(packet) for packet in what]
    return batch


def links() -> list[tuple[Link, Link]]:
    made: list[tuple[Link, Link]] = [(PlainLink(), PlainLink())]
    for suite, length in SUITES.items():
        key = SrtpKey(suite, bytes(range(length)))
        made.append((SdesLink(key, key), SdesLink(key, key)))
    return made


@pytest.mark.parametrize("pair", links(), ids=["plain", *SUITES])
def test_the_same_as_one_by_one(pair: tuple[Link, Link]) -> None:
    what = packets([1180, 1180, 1, 0, 700, 1200])
    batch = filled(what)
    batch.wrap(pair[0].wrap_rtp_all)
    datagrams = list(map(bytes, batch.datagrams()))
    assert datagrams == [pair[1].wrap_rtp(packet) for packet in what]
    assert batch.sizes == list(map(len, datagrams))


def test_what_cannot_be_protected_ends_the_batch() -> None:
    batch = filled(packets([10, 1_400, 10]))
    key = SrtpKey("AEAD_AES_128_GCM", bytes(28))
    with pytest.raises(ProtocolError) as fault:
        batch.wrap(SdesLink(key, key).wrap_rtp_all)
    assert fault.value.name == "srtp-too-long"
    assert len(list(batch.datagrams())) == 1
    with pytest.raises(ProtocolError) as fault:
        batch.wrap(DtlsLink().wrap_rtp_all)
    assert fault.value.name == "dtls-not-up"
    assert not batch.sizes


@pytest.mark.parametrize(
    ("sizes", "runs"),
    [
        ([], []),
        ([5], [[5]]),
        ([9, 9, 9, 4], [[9, 9, 9, 4]]),
        ([4, 9, 9], [[4], [9, 9]]),
        ([9, 4, 4, 9], [[9, 4], [4], [9]]),
        ([9, 4, 9, 9, 1], [[9, 4], [9, 9, 1]]),
    ],
)
def test_runs_of_one_size(sizes: list[int], runs: list[list[int]]) -> None:
    batch = filled([bytes((number,)) * size for number, size in enumerate(sizes)])
    found = [[len(each) for each in run] for run in batch.runs()]
    assert found == runs
    assert b"".join(b"".join(run) for run in batch.runs()) == b"".join(batch.datagrams())
