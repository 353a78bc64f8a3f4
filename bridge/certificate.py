"""Certificates that the bridge serves with, their change while it runs, and one of our own making where none was given.

A listener keeps one context for its life; each handshake is given the context of the newest good certificate
(the callback for server names runs in every handshake, also without a name). So a reload touches no connection
that is up, and takes effect at once or not at all.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

VALID_DAYS = 365
RENEW_DAYS = 30


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """Where a certificate chain and its private key lie, as PEM."""

    chain: Path
    key: Path

    def changed_at(self) -> tuple[float, float]:
        """When each file was changed [Unix seconds], 0.0 if there is none."""
        return _changed_at(self.chain), _changed_at(self.key)


class ServerCertificate:
    """A certificate that can be changed. Raises OSError (ssl.SSLError too) if it cannot be loaded at first."""

    def __init__(self, files: CertificateFiles) -> None:
        self._files = files
        self._current = _context(files)
        self.context = _context(files)  # what the listener is given
        self.context.sni_callback = self._choose

    def reload(self) -> str | None:
        """Read the files again. Returns None, or what is wrong with them; then the old certificate stays."""
        try:
            self._current = _context(self._files)
        except (OSError, ValueError) as error:
            return f"{self._files.chain}: {error}"
        return None

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = self._current


def expiry(chain: Path) -> datetime.datetime | None:
    """When the certificate in a file is no longer valid; None if there is none that can be read."""
    try:
        return x509.load_pem_x509_certificate(chain.read_bytes()).not_valid_after_utc
    except (OSError, ValueError):
        return None


def _context(files: CertificateFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.load_cert_chain(files.chain, files.key)
    return context


def _changed_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def self_made(folder: Path, names: Iterable[str], now: datetime.datetime) -> tuple[Path, Path]:
    """Paths of chain and key of a self-signed certificate in `folder`; made anew when it no longer fits.

    `names`: addresses and host names that it is for. Raises OSError when the folder cannot be written.
    """
    chain, key = folder / "self-made.crt", folder / "self-made.key"
    wanted = [name for each in sorted(set(names)) if (name := _name(each)) is not None]
    if not _still_good(chain, key, wanted, now):
        _make(chain, key, wanted, now)
    return chain, key


def _still_good(chain: Path, key: Path, names: list[x509.GeneralName], now: datetime.datetime) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(chain.read_bytes())
        secret = serialization.load_pem_private_key(key.read_bytes(), None)
        alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (OSError, ValueError, TypeError, x509.ExtensionNotFound):
        return False
    return (
        certificate.not_valid_after_utc > now + datetime.timedelta(days=RENEW_DAYS)
        and list(alternative.value) == names
        and certificate.public_key() == secret.public_key()
    )


def _make(chain: Path, key: Path, names: list[x509.GeneralName], now: datetime.datetime) -> None:
    secret = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Samrom, self-made")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(secret.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(secret, hashes.SHA256())
    )
    pem = secret.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write(key, pem)
    _write(chain, certificate.public_bytes(serialization.Encoding.PEM))


def _write(path: Path, content: bytes) -> None:
    """Write a file that nobody else may read, whole or not at all."""
    draft = path.with_suffix(path.suffix + ".new")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    draft.replace(path)


def _name(text: str) -> x509.GeneralName | None:
    """An address, or a host name in its ASCII form; None if it is neither."""
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        pass
    try:
        return x509.DNSName(text.encode("idna").decode())
    except ValueError:
        return None
