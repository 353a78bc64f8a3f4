"""Handshakes with an independent implementation: both roles, every profile, with and without loss; and media after."""

from __future__ import annotations

import asyncio
import random
from typing import Any, cast

import pytest
from aiortc.rtcdtlstransport import (
    SRTP_PROFILES,
    RTCCertificate,
    RTCDtlsFingerprint,
    RTCDtlsParameters,
    RTCDtlsTransport,
)
from OpenSSL.SSL import WantReadError

from bridge.errors import ProtocolError
from bridge.rtc.dtls import Handshake
from bridge.rtc.link import DtlsLink
from bridge.rtp.send_stream import SendStream
from bridge.sdp.transport import DtlsRole, Fingerprint, NegotiatedDtls
from tests import faketime
from tests.rtc.ends import OURS

DELAY_S = 0.02
CERTIFICATE = RTCCertificate.generateCertificate()
SUITES = {
    "AEAD_AES_256_GCM": b"SRTP_AEAD_AES_256_GCM",
    "AEAD_AES_128_GCM": b"SRTP_AEAD_AES_128_GCM",
    "AES_CM_128_HMAC_SHA1_80": b"SRTP_AES128_CM_SHA1_80",
}


class Wire:
    """What the other implementation takes for its ICE transport; at its far end is a handshake of ours.

    Its library measures time by the system's clock, which stands still here. So when it has waited for long enough
    without an answer, or has had a repeated flight, its last flight is repeated for it.
    """

    role = "controlled"

    def __init__(self, ours: Handshake, loss: float, seed: int) -> None:
        self.ours = ours
        self.peer: RTCDtlsTransport | None = None
        self._inbox: asyncio.Queue[bytes] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        self._loss = loss
        self._chance = random.Random(seed)
        self._last = b""

    def _later(self, deliver: Any, datagram: bytes) -> None:
        if self._chance.random() >= self._loss:
            self._loop.call_later(DELAY_S, deliver, datagram)

    async def _recv(self) -> bytes:
        try:
            return await self._inbox.get()
        except asyncio.CancelledError:
            self._later(self._take, self._last)
            raise

    async def _send(self, datagram: bytes) -> None:
        self._last = datagram
        self._later(self._take, datagram)

    def _give(self, datagram: bytes) -> None:
        if self.peer is not None and self.peer.encrypted:
            self._later(self._take, self._last)
        self._inbox.put_nowait(datagram)

    def _take(self, datagram: bytes) -> None:
        try:
            self.say(self.ours.handle(datagram, self._loop.time()))
        except ProtocolError as fault:
            assert fault.name in ("dtls-over", "dtls-epoch", "dtls-early")

    def say(self, datagrams: tuple[bytes, ...]) -> None:
        """From us to the peer."""
        for datagram in datagrams:
            self._later(self._give, datagram)

    async def keep_time(self) -> None:
        """Wake our end when it wants to be."""
        while (due := self.ours.deadline()) is not None:
            await asyncio.sleep(max(0.0, min(due - self._loop.time(), 0.1)))
            self.say(self.ours.wake(self._loop.time()))


def announced() -> tuple[Fingerprint, ...]:
    return tuple(
        Fingerprint(each.algorithm, bytes.fromhex(each.value.replace(":", "")))
        for each in CERTIFICATE.getFingerprints()
    )


async def connect(
    role: DtlsRole, profile: bytes | None = None, loss: float = 0.0, seed: int = 1
) -> tuple[Handshake, RTCDtlsTransport, Wire]:
    """Our handshake and theirs, after both have done what they could."""
    now = asyncio.get_running_loop().time()
    ours = Handshake(OURS, NegotiatedDtls(role, announced()), now)
    wire = Wire(ours, loss, seed)
    theirs = RTCDtlsTransport(cast(Any, wire), [CERTIFICATE])
    wire.peer = theirs
    theirs._set_role("client" if role is DtlsRole.SERVER else "server")
    if profile is not None:
        theirs._srtp_profiles = [each for each in SRTP_PROFILES if each.openssl_profile == profile]
    value = OURS.fingerprint.value.hex(":").upper()
    wire.say(ours.start(now))
    parameters = RTCDtlsParameters([RTCDtlsFingerprint("sha-256", value)])
    await asyncio.gather(asyncio.wait_for(theirs.start(parameters), 30), wire.keep_time())
    return ours, theirs, wire


def packet(sequence: int) -> bytes:
    return SendStream(7, 111, 48_000, sequence=sequence).packetise(b"sound", 960)


@pytest.mark.parametrize("role", list(DtlsRole))
@pytest.mark.parametrize("suite", SUITES)
def test_each_profile_in_each_role(role: DtlsRole, suite: str) -> None:
    async def scene() -> None:
        ours, theirs, _ = await connect(role, SUITES[suite])
        assert theirs.state == "connected"
        assert ours.keys is not None
        assert [key.suite for key in ours.keys] == [suite, suite]
        link = DtlsLink()
        link.take(ours.keys)
        assert theirs._rx_srtp.unprotect(link.wrap_rtp(packet(5))) == packet(5)
        assert link.unwrap_rtp(theirs._tx_srtp.protect(packet(9))) == packet(9)
        await theirs.stop()

    faketime.run(scene())


@pytest.mark.parametrize("role", list(DtlsRole))
def test_the_strongest_profile_is_taken(role: DtlsRole) -> None:
    async def scene() -> None:
        ours, theirs, _ = await connect(role)
        assert ours.keys is not None and ours.keys[0].suite == "AEAD_AES_256_GCM"
        await theirs.stop()

    faketime.run(scene())


@pytest.mark.parametrize("role", list(DtlsRole))
@pytest.mark.parametrize("seed", range(12))
def test_with_a_fifth_of_it_lost(role: DtlsRole, seed: int) -> None:
    async def scene() -> None:
        ours, theirs, _ = await connect(role, None, 0.2, seed)
        assert (theirs.state, ours.failed) == ("connected", None)
        assert ours.keys is not None
        await theirs.stop()

    faketime.run(scene())


@pytest.mark.parametrize("role", list(DtlsRole))
def test_their_farewell_is_heard(role: DtlsRole) -> None:
    async def scene() -> None:
        ours, theirs, _ = await connect(role)
        await theirs.stop()
        await asyncio.sleep(1)
        assert ours.failed == "dtls-closed"

    faketime.run(scene())


@pytest.mark.parametrize("role", list(DtlsRole))
def test_our_farewell_is_heard(role: DtlsRole) -> None:
    async def scene() -> None:
        ours, theirs, wire = await connect(role)
        wire.say(ours.close())
        await asyncio.sleep(1)
        assert theirs.state == "closed"

    faketime.run(scene())


def test_data_that_was_not_agreed_is_passed_over() -> None:
    async def scene() -> None:
        ours, theirs, _ = await connect(DtlsRole.SERVER)
        await theirs._send_data(b"an association of SCTP")
        await asyncio.sleep(1)
        assert ours.failed is None
        await theirs.stop()

    faketime.run(scene())


def test_renegotiation_is_not_to_be_had() -> None:
    """We say so, and this peer ends the association over it, by an alert that counts because it is encrypted."""

    async def scene() -> None:
        ours, theirs, _ = await connect(DtlsRole.SERVER)
        keys, connection = ours.keys, theirs._ssl
        assert connection is not None
        connection.renegotiate()
        with pytest.raises(WantReadError):
            connection.do_handshake()
        await theirs._write_ssl()
        await asyncio.sleep(1)
        assert (ours.failed, ours.keys) == ("dtls-alert", keys)
        await theirs.stop()

    faketime.run(scene())
