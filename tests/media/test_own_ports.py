"""Keeps: DTLS on a leg's own ports, as phones have it: from the described address only until it is proven."""

from __future__ import annotations

import pytest

from bridge.errors import ProtocolError
from bridge.media import contract
from bridge.rtc.dtls import Handshake
from bridge.rtp.link import SdesLink
from bridge.rtp.source import UNPROVEN_PACKETS
from bridge.sdp.audio import SrtpKey
from bridge.sdp.transport import DtlsRole, NegotiatedDtls, NegotiatedTransport
from tests.media.bench_leg import IDENTITY, PEER, SIGNALLING, BenchLeg
from tests.rtc.ends import OURS, THEIRS

MOVED = ("203.0.113.5", 5555)


class DtlsLeg(BenchLeg):
    """A leg whose peer shakes hands; we are `role`."""

    def __init__(self, role: DtlsRole) -> None:
        super().__init__()
        self.role = role
        self.association = 0
        self.peer = self._peer()

    def _peer(self) -> Handshake:
        other = DtlsRole.CLIENT if self.role is DtlsRole.SERVER else DtlsRole.SERVER
        return Handshake(THEIRS, NegotiatedDtls(other, (IDENTITY.fingerprint,)), self.now)

    def agree(self, **changes: object) -> None:
        """Both have each other's description."""
        wanted = NegotiatedDtls(self.role, (THEIRS.fingerprint,), self.association)
        self.configure(rtcp_mux=True, transport=NegotiatedTransport(dtls=wanted), **changes)  # type: ignore[arg-type]

    def begin_anew(self) -> None:
        """A re-INVITE with another association."""
        self.association += 1
        self.peer = self._peer()
        self.agree()

    def shake(self, source: tuple[str, int] = PEER, ticks: int = 6) -> None:
        """The peer's part of the handshake, from `source`."""
        for record in self.peer.start(self.now):
            self.hear(record, source)
        for _ in range(ticks):
            ours, self.rtp[:] = list(self.rtp), []
            for datagram, to in ours:
                if datagram[0] < 64 and to == source:
                    for answer in self.peer.handle(datagram, self.now):
                        self.hear(answer, source)
            self.pass_time(0.1)
        if self.peer.keys is not None:
            self.link = SdesLink(*self.peer.keys)


@pytest.mark.parametrize("role", list(DtlsRole))
def test_sound_both_ways(role: DtlsRole) -> None:
    leg = DtlsLeg(role)
    leg.agree()
    leg.send()
    assert not [1 for datagram, _ in leg.rtp if datagram[0] >= 64]
    leg.shake()
    assert leg.told(contract.Connected) == [contract.Connected("a", "udp", "AEAD_AES_256_GCM")]
    leg.pass_time(0.2, talking=True)
    leg.rtp.clear()
    leg.send(3)
    assert leg.session.quality.packets_received == 10
    assert [leg.link.unwrap_rtp(datagram)[12:] for datagram, _ in leg.rtp] == [b"\xff" * 160] * 3
    assert not leg.drops


def test_only_the_described_address_may_shake_hands() -> None:
    leg = DtlsLeg(DtlsRole.SERVER)
    leg.agree()
    leg.shake(source=("192.0.2.7", 4010))
    leg.shake(source=MOVED)
    assert not leg.rtp and not leg.told(contract.Connected)
    assert set(leg.drops) == {"rtp-address"}


def test_a_peer_behind_a_nat_may_shake_hands_where_that_is_allowed() -> None:
    leg = DtlsLeg(DtlsRole.SERVER)
    leg.agree(remote=("10.0.0.5", 4000), latch=True)
    natted = (SIGNALLING, 61_000)
    leg.shake(source=natted)
    leg.send()
    assert leg.told(contract.Connected)
    assert leg.rtp[-1][1] == natted


def test_afterwards_a_packet_that_proves_itself_is_followed_and_a_record_is_not() -> None:
    leg = DtlsLeg(DtlsRole.SERVER)
    leg.agree()
    leg.shake()
    leg.hear(b"\x16\xfe\xfd" + bytes(30), source=MOVED)
    assert leg.drops == {"dtls-address": 1}
    leg.send()
    assert leg.rtp[-1][1] == PEER
    leg.hear(source=MOVED)
    leg.send()
    assert leg.rtp[-1][1] == MOVED
    for record in leg.peer.close():
        leg.hear(record, source=PEER)
        assert not leg.told(contract.TransportFailed)
        leg.hear(record, source=MOVED)
    assert leg.told(contract.TransportFailed) == [contract.TransportFailed("a", "dtls-closed")]


def test_our_hello_is_sent_again_but_not_for_ever_and_not_to_a_victim() -> None:
    leg = DtlsLeg(DtlsRole.CLIENT)
    leg.agree(signalling="198.51.100.1")
    leg.pass_time(19.0)
    assert 3 < len(leg.rtp) <= UNPROVEN_PACKETS
    leg.pass_time(2.0)
    assert leg.told(contract.TransportFailed) == [contract.TransportFailed("a", "dtls-timeout")]
    sent = len(leg.rtp)
    leg.pass_time(30.0)
    leg.send()
    assert len(leg.rtp) == sent


def test_nothing_plain_passes_instead() -> None:
    leg = DtlsLeg(DtlsRole.SERVER)
    leg.agree()
    leg.pass_time(1.0, talking=True)
    leg.send(5)
    assert not leg.rtp and leg.drops == {"dtls-not-up": 50}
    assert not leg.told(contract.MediaStarted)
    leg.shake()
    leg.rtp.clear()
    leg.hear(BenchLeg().packet())
    leg.send()
    with pytest.raises(ProtocolError):
        SdesLink(SrtpKey("AEAD_AES_256_GCM", bytes(44)), SrtpKey("AEAD_AES_256_GCM", bytes(44))).unwrap_rtp(
            leg.rtp[0][0]
        )
    assert leg.session.quality.packets_received == 0


def test_another_association_in_a_re_invite() -> None:
    leg = DtlsLeg(DtlsRole.SERVER)
    leg.agree()
    leg.shake()
    leg.agree()  # the same again: nothing begins anew
    leg.pass_time(0.2, talking=True)
    assert leg.session.quality.packets_received == 10
    leg.begin_anew()
    leg.pass_time(0.2, talking=True)
    assert leg.session.quality.packets_received == 20
    leg.shake()
    leg.pass_time(0.2, talking=True)
    assert leg.session.quality.packets_received == 30
    assert len(leg.told(contract.Connected)) == 2


def test_from_dtls_to_sdes_and_to_plain() -> None:
    leg = DtlsLeg(DtlsRole.SERVER)
    leg.agree()
    leg.shake()
    keys = (SrtpKey("AEAD_AES_128_GCM", bytes(28)), SrtpKey("AEAD_AES_128_GCM", bytes(range(28))))
    leg.configure(srtp_send=keys[0], srtp_receive=keys[1])
    leg.link = SdesLink(keys[1], keys[0])
    leg.pass_time(0.2, talking=True)
    assert leg.session.quality.packets_received == 10
    leg.configure()
    leg.link = BenchLeg().link
    leg.pass_time(0.2, talking=True)
    assert leg.session.quality.packets_received == 20


def test_the_end_is_told_to_the_peer() -> None:
    leg = DtlsLeg(DtlsRole.SERVER)
    leg.agree()
    leg.shake()
    leg.transport.close()
    for datagram, _ in leg.rtp:
        if datagram[0] < 64:
            leg.peer.handle(datagram, leg.now)
    assert leg.peer.failed == "dtls-closed"


def test_certificates_of_others() -> None:
    leg = DtlsLeg(DtlsRole.SERVER)
    leg.agree()
    leg.peer = Handshake(OURS, NegotiatedDtls(DtlsRole.CLIENT, (IDENTITY.fingerprint,)), leg.now)
    leg.shake()
    leg.pass_time(4.0)
    assert leg.told(contract.TransportFailed) == [contract.TransportFailed("a", "dtls-fingerprint")]
