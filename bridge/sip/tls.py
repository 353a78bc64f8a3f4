"""The certificates of the TLS listeners, and their change while the bridge runs.

A listener keeps one context for its life; each handshake is given the context of the newest good certificate
(the callback for server names runs in every handshake, also without a name). So a reload touches no connection
that is up, and takes effect at once or not at all.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """Where a certificate chain and its private key lie, as PEM."""

    chain: Path
    key: Path


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


def _context(files: CertificateFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.load_cert_chain(files.chain, files.key)
    return context
