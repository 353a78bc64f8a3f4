"""What we show of ourselves in a DTLS handshake: a certificate of our own making, known by its fingerprint."""

from __future__ import annotations

import datetime
import secrets
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from OpenSSL import SSL

from bridge.sdp.transport import Fingerprint

VALID_DAYS: Final = (
    3_650  # nobody judges it by its dates (RFC 8122 section 5), and a process may run for long
)

# Forward secrecy always, authenticated encryption first; a browser has to have the first (RFC 8827 section 6.5). Our
# own certificate is ECDSA; the peer's may be RSA when the peer is the server.
CIPHERS: Final[dict[int, str]] = {
    0xC02B: "ECDHE-ECDSA-AES128-GCM-SHA256",
    0xC02C: "ECDHE-ECDSA-AES256-GCM-SHA384",
    0xCCA9: "ECDHE-ECDSA-CHACHA20-POLY1305",
    0xC02F: "ECDHE-RSA-AES128-GCM-SHA256",
    0xC030: "ECDHE-RSA-AES256-GCM-SHA384",
    0xCCA8: "ECDHE-RSA-CHACHA20-POLY1305",
    0xC009: "ECDHE-ECDSA-AES128-SHA",
    0xC00A: "ECDHE-ECDSA-AES256-SHA",
    0xC013: "ECDHE-RSA-AES128-SHA",
}
# What a client must offer at least one of to be answered: those that go with our certificate.
SERVER_CIPHERS: Final = frozenset(number for number, name in CIPHERS.items() if "ECDSA" in name)

# Protection profile of SRTP (RFC 5764 section 4.1.2, RFC 7714 section 14.2), in our order: number -> name.
PROFILES: Final[dict[int, str]] = {
    0x0008: "SRTP_AEAD_AES_256_GCM",
    0x0007: "SRTP_AEAD_AES_128_GCM",
    0x0001: "SRTP_AES128_CM_SHA1_80",
}

_DTLS_1_2: Final = 0xFEFD
_OPTIONS: Final = (
    SSL.OP_NO_QUERY_MTU
    | SSL.OP_NO_TICKET
    | SSL.OP_NO_RENEGOTIATION
    | SSL.OP_NO_COMPRESSION
    | SSL.OP_CIPHER_SERVER_PREFERENCE
)


class Identity:
    """A certificate with its key, ready for any number of handshakes. `fingerprint`: SHA-256, for our descriptions."""

    def __init__(
        self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
    ) -> None:
        self.certificate = certificate
        self.key = key
        self.fingerprint = Fingerprint("sha-256", certificate.fingerprint(hashes.SHA256()))
        context = SSL.Context(SSL.DTLS_METHOD)
        context.set_min_proto_version(_DTLS_1_2)
        context.set_max_proto_version(_DTLS_1_2)
        context.set_options(_OPTIONS)
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        context.set_mode(SSL.MODE_RELEASE_BUFFERS)
        context.set_cipher_list(":".join(CIPHERS.values()).encode())
        context.set_tlsext_use_srtp(":".join(PROFILES.values()).encode())
        # Who it is says the fingerprint, not a chain: any certificate will do here, but there has to be one.
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)
        context.use_certificate(certificate)
        context.use_privatekey(key)
        self._context = context

    @classmethod
    def make(cls, now_utc: datetime.datetime) -> Identity:
        """A new key on P-256 and a certificate that names nobody. `now_utc`: aware, for its dates."""
        key = ec.generate_private_key(ec.SECP256R1())
        return cls(self_signed(key, now_utc), key)

    def connection(self) -> SSL.Connection:
        """A new connection over memory."""
        return SSL.Connection(self._context, None)


def self_signed(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, now_utc: datetime.datetime
) -> x509.Certificate:
    """A certificate for this key that says nothing but a random name."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, secrets.token_hex(8))])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now_utc - datetime.timedelta(days=1))
        .not_valid_after(now_utc + datetime.timedelta(days=VALID_DAYS))
        .sign(key, hashes.SHA256())
    )
