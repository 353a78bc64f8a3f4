"""One run of the DTLS handshake by the library, over memory: datagrams in, datagrams out.

The library writes records into a stream without saying where a datagram ends, and its clock is the system's. So its
records are packed into datagrams here, and the last flight is kept, to be sent again when the caller says so
(RFC 6347 section 4.2.4). A record that is sent twice needs a new number, or the peer takes it for a replay: those that
are not encrypted are numbered here; the one that is, Finished, is new to a peer that missed it.
"""

from __future__ import annotations

import hashlib
from enum import Enum
from typing import Final

from OpenSSL import SSL, crypto

from bridge.errors import ProtocolError
from bridge.rtc import records
from bridge.rtc.identity import PROFILES, Identity
from bridge.rtc.records import Record
from bridge.sdp.audio import SrtpKey
from bridge.sdp.transport import DtlsRole

MTU: Final = 1_200  # octets of a datagram; every path carries IPv6's 1,280
RESEND_S: Final = 0.05  # the answer to a repeated flight is given at most so often
_READ: Final = 16_384  # a flight of ours has less than two thousand
_APPLICATION_READ: Final = 2_048

# name of the profile -> (suite of SRTP, octets of its key, of its salt)
_SUITES: Final = {
    "SRTP_AEAD_AES_256_GCM": ("AEAD_AES_256_GCM", 32, 12),
    "SRTP_AEAD_AES_128_GCM": ("AEAD_AES_128_GCM", 16, 12),
    "SRTP_AES128_CM_SHA1_80": ("AES_CM_128_HMAC_SHA1_80", 16, 14),
}
assert set(_SUITES) == set(PROFILES.values())


class Phase(Enum):
    """How far it is."""

    SHAKING = "shaking"
    DONE = "done"
    CLOSED = "closed"  # the peer has closed it
    BROKEN = "broken"  # the library has given it up


class Attempt:
    """One connection of the library. `random`: of the ClientHello that it answers, b"" if we are the client.

    `sent`: when the last flight was last sent [monotonic seconds]. `alerted`: whether the peer ended it by an alert
    that it proved.
    """

    __slots__ = (
        "_answered",
        "_connection",
        "_flight",
        "_heard",
        "_next",
        "_role",
        "_taken",
        "alerted",
        "phase",
        "random",
        "sent",
    )

    def __init__(self, identity: Identity, role: DtlsRole, random: bytes = b"") -> None:
        self._connection = identity.connection()
        self._connection.set_ciphertext_mtu(MTU)
        self._role = role
        if role is DtlsRole.CLIENT:
            self._connection.set_connect_state()
        else:
            self._connection.set_accept_state()
        self._flight: list[Record] = []
        self._next = 0  # number of our next unencrypted record
        self._taken = 0  # of those that came
        self._heard = -1  # highest message number that came
        self._answered = -1  # the same when our last flight was made
        self.random = random
        self.phase = Phase.SHAKING
        self.alerted = False
        self.sent = 0.0

    def advance(self, incoming: list[Record], highest: int, now: float) -> tuple[bytes, ...]:
        """Go as far as these records carry; returns datagrams to send. `highest`: message number in them, -1 = none.

        A flight that repeats one which was answered gets the same answer again. Look at `phase` afterwards.
        """
        repeated = 0 <= highest <= self._answered
        self._heard = max(self._heard, highest)
        if incoming:
            self._connection.bio_write(b"".join(map(self._numbered, incoming)))
        if self.phase is Phase.DONE:
            self._read()
        else:
            self._shake()
        fresh = self._output()
        if self.phase is Phase.SHAKING and -1 < _first(fresh) <= _first(self._flight):
            self._flight = fresh  # the library's own timer; when it is to be sent again is said by ours
        elif fresh:
            return self._send(fresh, now)
        if repeated and self._flight and now - self.sent >= RESEND_S:
            return self.resend(now)
        return ()

    def _numbered(self, record: Record) -> bytes:
        """An unencrypted record by our own count: a forged one must not make the library take the true one, of the
        same number or a lower one, for a replay."""
        if record.epoch:
            return record.raw
        self._taken += 1
        return records.renumbered(record, self._taken)

    def _shake(self) -> None:
        try:
            self._connection.do_handshake()
        except SSL.WantReadError:
            return
        except SSL.Error:
            self.phase = Phase.BROKEN
            return
        self.phase = Phase.DONE

    def _read(self) -> None:
        """Let the library take what comes after the handshake: alerts, and a Finished that the peer repeats."""
        try:
            while self._connection.recv(_APPLICATION_READ):
                pass  # data channels are not agreed
        except SSL.WantReadError:
            return
        except SSL.ZeroReturnError:
            self.phase = Phase.CLOSED
        except SSL.Error as fault:
            # The library's connection is of no use any more. What it gave keys to goes on, but for an alert: that
            # was authenticated, what is not is dropped in silence.
            self.phase = Phase.BROKEN
            self.alerted = "alert" in str(fault)

    def _output(self) -> list[Record]:
        """What the library has written, alerts about a handshake that failed left out: they would only help a forger
        to end ours."""
        try:
            written = self._connection.bio_read(_READ)
        except SSL.Error:
            return []
        return [] if self.phase is Phase.BROKEN else records.split(written)

    def _send(self, flight: list[Record], now: float) -> tuple[bytes, ...]:
        """Send a flight, and keep it unless it is an alert."""
        if any(record.kind == records.HANDSHAKE for record in flight):
            self._flight = flight
            self._answered = self._heard
            self.sent = now
        return self._packed(flight)

    def resend(self, now: float) -> tuple[bytes, ...]:
        """The last flight once more."""
        self.sent = now
        if self._role is DtlsRole.CLIENT and self.phase is Phase.SHAKING and self._renew():
            self._flight = self._output() or self._flight
        return self._packed(self._flight)

    def _renew(self) -> bool:
        """Whether the library's own timer has run out as well: then it makes a new Finished, which also a peer that
        has seen ours, and whose answer was lost, does not take for a replay."""
        try:
            return self._connection.DTLSv1_handle_timeout()
        except SSL.Error:
            self.phase = Phase.BROKEN
            return False

    def forget(self) -> None:
        """Keep the last flight no longer."""
        self._flight = []

    @property
    def waiting(self) -> bool:
        """Whether a flight of ours waits for its answer."""
        return self.phase is Phase.SHAKING and bool(self._flight)

    def _packed(self, flight: list[Record]) -> tuple[bytes, ...]:
        """Records as datagrams of MTU octets at most."""
        datagrams: list[bytes] = []
        datagram = b""
        for record in flight:
            raw = record.raw
            if record.epoch == 0:
                raw = records.renumbered(record, self._next)
                self._next += 1
            if datagram and len(datagram) + len(raw) > MTU:
                datagrams.append(datagram)
                datagram = b""
            datagram += raw
        return (*datagrams, datagram) if datagram else tuple(datagrams)

    def close(self) -> tuple[bytes, ...]:
        """The close_notify."""
        try:
            self._connection.shutdown()
        except SSL.Error:
            return ()
        return self._packed(self._output())

    def digest(self, algorithm: str) -> bytes:
        """Of the peer's certificate, by a name of hashlib; b"" if there is none."""
        certificate = self._connection.get_peer_certificate()
        if certificate is None:
            return b""
        return hashlib.new(algorithm, crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate)).digest()

    def keys(self) -> tuple[SrtpKey, SrtpKey]:
        """The keys of SRTP, (what we send, what we receive), by RFC 5764 section 4.2.

        Raises ProtocolError("dtls-profile") if no profile was agreed.
        """
        suite = _SUITES.get(self._connection.get_selected_srtp_profile().decode("ascii", "replace"))
        if suite is None:
            raise ProtocolError("dtls-profile")
        name, key, salt = suite
        material = self._connection.export_keying_material(b"EXTRACTOR-dtls_srtp", 2 * (key + salt))
        client = SrtpKey(name, material[:key] + material[2 * key : 2 * key + salt])
        server = SrtpKey(name, material[key : 2 * key] + material[2 * key + salt :])
        return (client, server) if self._role is DtlsRole.CLIENT else (server, client)


def _first(flight: list[Record]) -> int:
    """Number of a flight's first handshake message that is not encrypted, -1 if there is none."""
    for record in flight:
        if record.kind == records.HANDSHAKE and record.epoch == 0:
            return next(records.fragments(record.body)).number
    return -1
