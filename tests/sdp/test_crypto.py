"""Keys in a=crypto lines are taken when they can be used as they stand, and skipped otherwise (RFC 4568)."""

from __future__ import annotations

from base64 import b64encode

import pytest

from bridge.sdp.audio import SrtpKey
from bridge.sdp.crypto import KEY_BYTES, SUITES, Crypto, derive_key, parse
from tests.sdp.samples import KEY

SUITE = "AES_CM_128_HMAC_SHA1_80"


@pytest.mark.parametrize("suite", SUITES)
def test_every_suite_there_and_back(suite: str) -> None:
    crypto = Crypto(3, SrtpKey(suite, bytes(range(KEY_BYTES[suite]))))
    assert parse(crypto.serialise()) == crypto


@pytest.mark.parametrize(
    "options",
    ["", "|2^31", "|1000000", " WSH=64", " KDR=0", " -vendor=1"],
)
def test_harmless_options_are_read_over(options: str) -> None:
    crypto = parse(f"1 {SUITE} {KEY}{options}")
    assert crypto is not None
    assert len(crypto.key.key) == 30


def test_spelling_is_forgiven() -> None:
    assert parse(f"  2   {SUITE.lower()}  {KEY.replace('inline', 'INLINE')} ") == parse(f"2 {SUITE} {KEY}")


def test_missing_padding_is_forgiven() -> None:
    text = b64encode(bytes(46)).decode()
    assert text.endswith("==")
    assert parse(f"1 AES_256_CM_HMAC_SHA1_80 inline:{text.rstrip('=')}") is not None


@pytest.mark.parametrize(
    "value",
    [
        "",
        "1",
        f"1 {SUITE}",
        f"x {SUITE} {KEY}",
        f"-1 {SUITE} {KEY}",
        f"1 NULL_CIPHER {KEY}",
        f"1 F8_128_HMAC_SHA1_80 {KEY}",
        f"1 {SUITE} {KEY}|2^31|1:1",
        f"1 {SUITE} {KEY}|1:4",
        f"1 {SUITE} {KEY};{KEY}",
        f"1 {SUITE} {KEY} UNENCRYPTED_SRTP",
        f"1 {SUITE} {KEY} UNAUTHENTICATED_SRTP",
        f"1 {SUITE} {KEY} UNENCRYPTED_SRTCP",
        f"1 {SUITE} {KEY} KDR=4",
        f"1 {SUITE} {KEY} FEC_ORDER=FEC_SRTP",
        f"1 {SUITE} {KEY} dummy_session_params",
        f"1 {SUITE} inline:AAAA",
        f"1 {SUITE} inline:",
        f"1 {SUITE} inline:%%%%",
        f"1 {SUITE} uri:x",
        f"1 {SUITE} {KEY}A",
        f"1 {SUITE} inline:{'é' * 40}",
        f"1 AES_256_CM_HMAC_SHA1_80 {KEY}",
    ],
)
def test_what_cannot_be_used_is_skipped(value: str) -> None:
    assert parse(value) is None


def test_own_keys_differ_by_suite_generation_and_secret_and_can_be_made_again() -> None:
    keys = [derive_key(s, suite, n) for s in (b"a" * 32, b"b" * 32) for suite in SUITES for n in (0, 1)]
    assert len({key.key for key in keys}) == len(keys)
    assert [len(key.key) for key in keys] == [KEY_BYTES[key.suite] for key in keys]
    assert keys[0] == derive_key(b"a" * 32, SUITES[0], 0)


def test_a_key_is_not_printed() -> None:
    crypto = parse(f"1 {SUITE} {KEY}")
    assert crypto is not None
    assert KEY[7:] not in repr(crypto)
    assert "WVNf" not in repr(crypto)
    assert str(crypto.key.key) not in repr(crypto)
