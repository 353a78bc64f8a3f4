"""Two ends get the same keys over a bad network, only with the right certificates, and nothing forged ends it."""

from __future__ import annotations

import contextlib
import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL

from bridge.errors import ProtocolError
from bridge.rtc import attempt, dtls, records
from bridge.rtc.dtls import DOUBT_S, GIVE_UP_S, Handshake
from bridge.rtc.identity import Identity, self_signed
from bridge.rtc.link import DtlsLink
from bridge.rtp.send_stream import SendStream
from bridge.sdp.transport import DtlsRole, Fingerprint, NegotiatedDtls
from tests.net import Net
from tests.rtc.ends import OURS, THEIRS, WALLCLOCK, Pair, handshake

FATAL_ALERT = bytes.fromhex("15fefd000000000000000000020228")


def fingerprint(algorithm: str) -> Fingerprint:
    der = THEIRS.certificate.public_bytes(Encoding.DER)
    return Fingerprint(algorithm, hashlib.new(algorithm.replace("-", ""), der).digest())


def expecting(*fingerprints: Fingerprint) -> Pair:
    """A pair whose server is told these of the client."""
    return Pair(server=Handshake(OURS, NegotiatedDtls(DtlsRole.SERVER, fingerprints), 100.0))


def run(pair: Pair) -> Pair:
    pair.start()
    pair.run(101.0)
    return pair


def hello_of(end: Handshake) -> bytes:
    (datagram,) = end.start(100.0)
    return datagram


def refused(end: Handshake, datagram: bytes, now: float = 100.0) -> str:
    with pytest.raises(ProtocolError) as fault:
        end.handle(datagram, now)
    return fault.value.name


def test_both_ends_get_the_same_keys() -> None:
    pair = run(Pair())
    assert pair.up
    assert pair.server.keys is not None
    assert pair.server.keys[0].suite == "AEAD_AES_256_GCM"
    assert (pair.drops, pair.net.sent) == ([], 4)
    assert (pair.server.deadline(), pair.client.deadline()) == (None, None)


def test_the_keys_fit_the_link() -> None:
    pair = run(Pair())
    ours, theirs = DtlsLink(), DtlsLink()
    assert pair.server.keys is not None and pair.client.keys is not None
    ours.take(pair.server.keys)
    theirs.take(pair.client.keys)
    packet = SendStream(7, 111, 48_000).packetise(b"sound", 960)
    assert theirs.unwrap_rtp(ours.wrap_rtp(packet)) == packet
    assert ours.unwrap_rtp(theirs.wrap_rtp(packet)) == packet


@pytest.mark.parametrize("seed", range(30))
def test_with_loss_it_takes_longer_and_comes_through(seed: int) -> None:
    pair = Pair(net=Net(loss=0.2, reorder=0.1, duplicate=0.05, delay_ms=30, seed=seed))
    pair.start()
    pair.run(100.0 + GIVE_UP_S)
    assert pair.up
    assert (pair.server.failed, pair.client.failed) == (None, None)


@pytest.mark.parametrize("seed", range(20))
def test_with_every_flight_in_many_datagrams(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempt, "MTU", 260)
    pair = Pair(net=Net(loss=0.1, reorder=0.2, duplicate=0.05, delay_ms=30, seed=seed))
    pair.start()
    pair.run(100.0 + GIVE_UP_S)
    assert pair.up
    assert pair.net.sent >= 8


@pytest.mark.parametrize("lost", range(4))
def test_any_one_flight_may_be_lost(lost: int) -> None:
    pair = Pair()
    pair.start()
    for _ in range(lost):
        pair.run(pair.net.next() or 0.0)
    gone = pair.net.next()
    assert gone is not None
    pair.net.pop(gone)
    pair.run(103.0)
    assert pair.up


def test_the_certificate_is_announced_by_its_fingerprint() -> None:
    assert OURS.fingerprint == Fingerprint(
        "sha-256", hashlib.sha256(OURS.certificate.public_bytes(Encoding.DER)).digest()
    )


@pytest.mark.parametrize("algorithm", ["sha-256", "sha-384", "sha-512"])
def test_the_hashes_that_count(algorithm: str) -> None:
    assert run(expecting(fingerprint(algorithm))).up


@pytest.mark.parametrize("role", list(DtlsRole))
def test_a_peer_with_an_rsa_key(role: DtlsRole) -> None:
    """As telephones have."""
    key = rsa.generate_private_key(65_537, 2_048)
    phone = Identity(self_signed(key, WALLCLOCK), key)
    other = DtlsRole.SERVER if role is DtlsRole.CLIENT else DtlsRole.CLIENT
    ends = {role: handshake(role, OURS, phone.fingerprint), other: handshake(other, phone, OURS.fingerprint)}
    assert run(Pair(ends[DtlsRole.SERVER], ends[DtlsRole.CLIENT])).up


def test_one_of_several_certificates_is_enough() -> None:
    assert run(expecting(OURS.fingerprint, THEIRS.fingerprint)).up


@pytest.mark.parametrize(
    "fingerprints",
    [
        (),
        (OURS.fingerprint,),
        (fingerprint("sha-1"),),
        (fingerprint("md5"),),
        # The best hash decides: a forger may know how to make the lesser one fit.
        (Fingerprint("sha-512", bytes(64)), fingerprint("sha-256")),
    ],
)
def test_a_foreign_certificate_gets_no_keys(fingerprints: tuple[Fingerprint, ...]) -> None:
    pair = run(expecting(*fingerprints))
    assert pair.server.keys is None
    assert pair.client.failed == "dtls-closed"
    pair.run(101.0 + DOUBT_S)
    assert pair.server.failed == "dtls-fingerprint"


def test_a_foreign_server_gets_no_keys() -> None:
    stranger = handshake(DtlsRole.CLIENT, THEIRS, THEIRS.fingerprint)
    pair = run(Pair(client=stranger))
    assert stranger.keys is None
    pair.run(101.0 + 2 * DOUBT_S)
    assert stranger.failed == "dtls-fingerprint"


def test_after_a_foreign_certificate_the_right_one_still_can() -> None:
    impostor = Identity.make(WALLCLOCK)
    pair = Pair()
    true, pair.client = pair.client, handshake(DtlsRole.CLIENT, impostor, OURS.fingerprint)
    run(pair)
    assert pair.server.keys is None
    pair.client = true
    pair.send(true, true.start(pair.now))
    pair.run(102.0)
    assert pair.up


def without_srtp() -> SSL.Connection:
    """The library by itself, with their certificate, and no word on SRTP."""
    context = SSL.Context(SSL.DTLS_METHOD)
    context.use_certificate(THEIRS.certificate)
    context.use_privatekey(THEIRS.key)
    return SSL.Connection(context, None)


def step(connection: SSL.Connection, datagrams: tuple[bytes, ...] = ()) -> bytes:
    """Feed the library, and have what it says."""
    for datagram in datagrams:
        connection.bio_write(datagram)
    with contextlib.suppress(SSL.WantReadError):
        connection.do_handshake()
    return connection.bio_read(4_000)


def test_a_client_without_srtp_is_not_answered() -> None:
    connection = without_srtp()
    connection.set_connect_state()
    assert refused(handshake(DtlsRole.SERVER), step(connection)) == "dtls-profile"


def test_a_server_without_srtp_brings_no_keys() -> None:
    connection, client = without_srtp(), handshake(DtlsRole.CLIENT, OURS)
    connection.set_accept_state()
    second = client.handle(step(connection, client.start(100.0)), 100.0)
    (farewell,) = client.handle(step(connection, second), 100.0)
    assert farewell[0] == records.ALERT
    assert client.keys is None
    due = client.deadline()
    while due is not None:
        client.wake(due)
        due = client.deadline()
    assert client.failed == "dtls-profile"


def test_silence_ends_it() -> None:
    for end in (handshake(DtlsRole.SERVER), handshake(DtlsRole.CLIENT)):
        end.start(100.0)
        now = 100.0
        while (due := end.deadline()) is not None:
            assert due >= now
            now = due
            end.wake(now)
        assert (end.failed, now) == ("dtls-timeout", 100.0 + GIVE_UP_S)
        assert refused(end, hello_of(handshake(DtlsRole.CLIENT)), now) == "dtls-over"


def test_before_there_is_a_path_no_time_runs() -> None:
    end = handshake(DtlsRole.CLIENT)
    assert end.deadline() is None
    assert refused(end, FATAL_ALERT) == "dtls-early"
    assert end.deadline() is None


def test_a_plain_alert_shortens_the_wait_and_ends_nothing() -> None:
    pair = Pair()
    pair.start()
    pair.run(100.015)
    assert refused(pair.server, FATAL_ALERT, 100.015) == "dtls-alert"
    assert refused(pair.client, FATAL_ALERT, 100.015) == "dtls-alert"
    pair.run(101.0)
    assert pair.up


def test_a_plain_alert_and_silence_is_the_end() -> None:
    client = handshake(DtlsRole.CLIENT)
    client.start(100.0)
    refused(client, FATAL_ALERT, 100.1)
    client.wake(100.1 + DOUBT_S)
    assert client.failed == "dtls-alert"


def test_an_established_association_minds_no_junk() -> None:
    pair = run(Pair())
    keys = pair.server.keys
    hello = hello_of(handshake(DtlsRole.CLIENT))
    assert refused(pair.client, hello, 101.0) == "dtls-epoch"
    # To the server it looks as if its last flight had been lost.
    assert sum(map(len, pair.server.handle(hello, 101.0))) < len(hello)
    for end in (pair.server, pair.client):
        assert refused(end, FATAL_ALERT, 101.0) == "dtls-epoch"
        for kind in (20, 21, 22, 23):
            end.handle(bytes((kind,)) + bytes.fromhex("fefd0001000000000009") + b"\0\x28" + bytes(40), 101.0)
    assert (pair.server.keys, pair.server.failed, pair.client.failed) == (keys, None, None)
    pair.send(pair.server, pair.server.close())
    pair.run(102.0)
    assert pair.client.failed == "dtls-closed"


@pytest.mark.parametrize("closer", ["server", "client"])
def test_close_is_said_and_answered(closer: str) -> None:
    pair = run(Pair())
    one, other = (pair.server, pair.client) if closer == "server" else (pair.client, pair.server)
    datagrams = one.close()
    assert one.close() == ()
    (datagram,) = datagrams
    assert len(other.handle(datagram, 101.0)) == 1
    assert (one.failed, other.failed) == (None, "dtls-closed")
    assert other.close() == ()
    assert refused(one, datagram) == "dtls-over"
    assert refused(other, datagram) == "dtls-over"


def test_closed_before_it_is_up_nothing_is_said() -> None:
    pair = Pair()
    pair.start()
    assert pair.client.close() == ()
    assert pair.client.deadline() is None
    assert pair.client.wake(101.0) == ()


def test_a_second_hello_does_not_spoil_the_first_ones_run() -> None:
    """Neither does one that comes before it: each is answered by an attempt of its own."""
    pair = Pair()
    server = pair.server
    server.handle(hello_of(handshake(DtlsRole.CLIENT)), 100.0)
    pair.start()
    pair.run(100.015)
    server.handle(hello_of(handshake(DtlsRole.CLIENT)), 100.015)
    pair.run(101.0)
    assert pair.up


def test_hellos_are_bounded() -> None:
    server = handshake(DtlsRole.SERVER)
    for _ in range(dtls.NEW_ATTEMPTS_PER_S):
        server.handle(hello_of(handshake(DtlsRole.CLIENT)), 100.0)
    assert refused(server, hello_of(handshake(DtlsRole.CLIENT))) == "dtls-hellos"
    assert len(server._attempts) == dtls.MAX_ATTEMPTS
    server.handle(hello_of(handshake(DtlsRole.CLIENT)), 101.0)


def test_the_same_hello_again_gets_the_same_flight_but_not_too_often() -> None:
    server = handshake(DtlsRole.SERVER)
    hello = hello_of(handshake(DtlsRole.CLIENT))
    (first,) = server.handle(hello, 100.0)
    assert server.handle(hello, 100.01) == ()
    (again,) = server.handle(hello, 100.1)
    bodies = [[record.body for record in records.split(datagram)] for datagram in (first, again)]
    assert bodies[0] == bodies[1]
    assert {record.sequence for record in records.split(first)}.isdisjoint(
        record.sequence for record in records.split(again)
    )


def test_a_broken_attempt_makes_room_for_the_next() -> None:
    """A forged certificate in the middle: that run is lost, the association is not."""
    server = handshake(DtlsRole.SERVER)
    server.handle(hello_of(handshake(DtlsRole.CLIENT)), 100.0)
    forged = bytes.fromhex("16fefd000000000000006300190b00000d000100000000000d") + bytes(13)
    assert refused(server, forged, 100.0) == "dtls-handshake"
    assert run(Pair(server=server)).up


def test_a_client_whose_attempt_broke_begins_anew() -> None:
    client = handshake(DtlsRole.CLIENT, THEIRS)
    client.start(100.0)
    forged = bytes.fromhex("16fefd000000000000000000190200000d000000000000000d") + bytes(13)
    assert refused(client, forged, 100.0) == "dtls-handshake"
    due = client.deadline()
    assert due is not None and due < 101.0
    (hello,) = client.wake(due)
    pair = Pair(client=client, now=due)
    pair.send(client, (hello,))
    pair.run(102.0)
    assert pair.up


def test_a_hello_in_pieces_is_put_together() -> None:
    """Browsers of today say more than one datagram holds."""
    server, client = handshake(DtlsRole.SERVER), handshake(DtlsRole.CLIENT, THEIRS)
    (record,) = records.split(hello_of(client))
    message = record.body[12:]
    head, cut = record.body[:6], 120
    pieces = [
        head + at.to_bytes(3, "big") + len(piece).to_bytes(3, "big") + piece
        for at, piece in ((0, message[:cut]), (cut, message[cut:]))
    ]
    datagrams = [
        b"\x16\xfe\xff\0\0" + number.to_bytes(6, "big") + len(piece).to_bytes(2, "big") + piece
        for number, piece in enumerate(pieces)
    ]
    assert refused(server, datagrams[1]) == "dtls-early"
    assert server.handle(datagrams[0], 100.0) == ()
    pair = Pair(server=server, client=client)
    pair.send(server, server.handle(datagrams[1], 100.0))
    pair.run(101.0)
    assert pair.up


def test_a_forged_number_does_not_make_the_true_record_a_replay() -> None:
    pair = Pair()
    pair.start()
    for _ in range(4):
        for end in (pair.server, pair.client):
            with contextlib.suppress(ProtocolError):
                end.handle(bytes.fromhex("14fefd0000ffffffffffff000101"), pair.now)
        pair.run(pair.net.next() or 101.0)
    assert pair.up


def test_a_message_too_large_is_not_gathered() -> None:
    server = handshake(DtlsRole.SERVER)
    server.handle(hello_of(handshake(DtlsRole.CLIENT)), 100.0)
    for offset in range(50):
        part = b"\x0b\xff\xff\xff\0\1" + offset.to_bytes(3, "big") + b"\0\0\1A"
        datagram = bytes.fromhex("16fefd0000000000000005") + len(part).to_bytes(2, "big") + part
        assert refused(server, datagram) == "dtls-fragment"
