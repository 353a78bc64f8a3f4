"""The certificate of our own making: it can be served and trusted, only we can read its key, it is renewed in time."""

from __future__ import annotations

import datetime
import socket
import ssl
import threading
from pathlib import Path

import pytest
from cryptography import x509

from bridge.certificate import CertificateFiles, expiry, self_made

NOW = datetime.datetime.now(datetime.UTC)
NAMES = ["127.0.0.1", "::1", "rooms.example.org", "127.0.0.1"]


def made(folder: Path, names: list[str] = NAMES, days: int = 0) -> bytes:
    return self_made(folder, names, NOW + datetime.timedelta(days=days))[0].read_bytes()


@pytest.mark.parametrize("name", ["127.0.0.1", "::1", "rooms.example.org"])
def test_whoever_trusts_it_can_connect_by_each_of_its_names(tmp_path: Path, name: str) -> None:
    chain, key = self_made(tmp_path, NAMES, NOW)
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(chain, key)
    trusting = ssl.create_default_context(cafile=str(chain))
    ours, theirs = socket.socketpair()

    def serve() -> None:
        with served.wrap_socket(theirs, server_side=True) as connection:
            connection.recv(1)

    server = threading.Thread(target=serve)
    server.start()
    with trusting.wrap_socket(ours, server_hostname=name) as connection:
        connection.send(b"x")
    server.join()


def test_nobody_else_may_read_the_key(tmp_path: Path) -> None:
    _, key = self_made(tmp_path, NAMES, NOW)
    assert key.stat().st_mode & 0o077 == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["self-made.crt", "self-made.key"]


def test_it_is_kept_until_it_is_about_to_expire(tmp_path: Path) -> None:
    first = made(tmp_path)
    assert made(tmp_path) == made(tmp_path, days=330) == first
    assert made(tmp_path, days=340) != first


def test_it_is_made_anew_for_other_names(tmp_path: Path) -> None:
    first = made(tmp_path)
    second = made(tmp_path, ["192.0.2.1"])
    assert second != first
    found = x509.load_pem_x509_certificate(second).extensions
    names = found.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(name) for name in names.get_values_for_type(x509.IPAddress)] == ["192.0.2.1"]


@pytest.mark.parametrize("broken", ["self-made.crt", "self-made.key"])
def test_it_is_made_anew_when_a_file_is_broken_or_missing(tmp_path: Path, broken: str) -> None:
    first = made(tmp_path)
    (tmp_path / broken).write_text("nonsense")
    second = made(tmp_path)
    assert second != first
    (tmp_path / broken).unlink()
    assert made(tmp_path) != second


def test_a_key_that_belongs_to_another_certificate_is_noticed(tmp_path: Path) -> None:
    first = made(tmp_path)
    (tmp_path / "other").mkdir()
    _, key = self_made(tmp_path / "other", NAMES, NOW)
    (tmp_path / "self-made.key").write_bytes(key.read_bytes())
    assert made(tmp_path) != first


def test_names_that_no_certificate_can_hold_are_left_out(tmp_path: Path) -> None:
    certificate = x509.load_pem_x509_certificate(
        made(tmp_path, ["blåbær.example.org", "a" * 70 + ".example", "x"])
    )
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["xn--blbr-roah.example.org", "x"]


def test_a_certificate_file_that_vanishes_is_no_fault(tmp_path: Path) -> None:
    files = CertificateFiles(tmp_path / "chain.pem", tmp_path / "key.pem")
    assert files.changed_at() == (0.0, 0.0)
    files.chain.write_text("x")
    assert files.changed_at()[0] > 0


def test_when_it_expires_can_be_read(tmp_path: Path) -> None:
    chain, _ = self_made(tmp_path, NAMES, NOW)
    until = expiry(chain)
    assert until is not None and abs((until - NOW).days - 365) <= 1
    chain.write_text("junk")
    assert expiry(chain) is None
