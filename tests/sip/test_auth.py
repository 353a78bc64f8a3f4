"""A password is proved without being told, each proof is good once, and none is given to strangers."""

from __future__ import annotations

import pytest

from bridge.errors import ProtocolError
from bridge.sip.auth import (
    Challenge,
    DigestClient,
    DigestVerifier,
    Outcome,
    Verdict,
    digest_response,
    digest_secret,
    is_stale,
    parse_challenge,
    parse_digest,
)
from bridge.sip.headers import Headers
from tests.sip.samples import response, sample

URI = "sip:1001@mcu.example.com"
PASSWORDS = {"trunk": "s3cret", "bjørn": "blå"}


def verifier() -> DigestVerifier:
    """One for the realm "bridge", nonces good for 60 s, at most three used ones remembered."""
    return DigestVerifier("bridge", lifetime_s=60.0, most_nonces=3, key=b"k" * 32)


def client(username: str = "trunk", password: str = "s3cret", realm: str = "bridge") -> DigestClient:
    """One with a fixed client nonce."""
    return DigestClient(username, password, realm, draw=lambda: "0a4f113b")


def challenged(values: list[str], status: int = 401) -> Headers:
    """The headers of a challenging response."""
    name = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
    return Headers([(name, value) for value in values])


def answered(values: list[str], by: DigestClient, uri: str = URI, method: str = "INVITE") -> str:
    """The Authorization value that a client gives."""
    answer = by.answer(401, challenged(values), method, uri)
    assert answer is not None and answer[0] == "Authorization"
    return answer[1]


def test_the_examples_of_rfc_7616() -> None:
    fields = {
        "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        "uri": "/dir/index.html",
        "qop": "auth",
        "nc": "00000001",
        "cnonce": "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    }
    expected = {
        "MD5": "8ca523f5e9506fed4657c9700eebdbec",
        "SHA-256": "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
    }
    for algorithm, digest in expected.items():
        secret = digest_secret(algorithm, "Mufasa", "http-auth@example.org", "Circle of Life")
        assert digest_response(algorithm, secret, "GET", fields) == digest


def test_the_example_of_rfc_2617_without_qop() -> None:
    challenge = 'Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5c"'
    answer = answered(
        [challenge], client("Mufasa", "Circle Of Life", "testrealm@host.com"), "/dir/index.html", "GET"
    )
    fields = parse_digest(answer)
    assert fields["response"] == "670fd8c2df070c60b045671b8b24ff02"
    assert fields["opaque"] == "5c" and "nc" not in fields and "cnonce" not in fields


@pytest.mark.parametrize("algorithm", [0, 1])
@pytest.mark.parametrize("username", ["trunk", "bjørn"])
def test_who_knows_the_password_is_let_in(algorithm: int, username: str) -> None:
    server = verifier()
    value = answered([server.challenge(5.0)[algorithm]], client(username, PASSWORDS[username]))
    verdict = server.verify([value], "INVITE", URI, PASSWORDS.get, 6.0)
    assert verdict == Verdict(Outcome.PROVED, username)


def test_the_strongest_algorithm_comes_first_and_is_chosen() -> None:
    values = verifier().challenge(5.0)
    assert ["algorithm=SHA-256" in value for value in values] == [True, False]
    assert all('qop="auth"' in value and 'realm="bridge"' in value for value in values)
    assert "algorithm=SHA-256" in answered(
        [*reversed(values), 'Digest realm="bridge", nonce="n", algorithm=X'], client()
    )


@pytest.mark.parametrize(
    ("username", "password", "method", "uri"),
    [
        ("trunk", "wrong", "INVITE", URI),
        ("nobody", "", "INVITE", URI),
        ("trunk", "s3cret", "BYE", URI),
        ("trunk", "s3cret", "INVITE", "sip:1002@mcu.example.com"),
        ("trunk", "s3cret", "INVITE", "junk"),
    ],
)
def test_who_does_not_is_not(username: str, password: str, method: str, uri: str) -> None:
    server = verifier()
    value = answered(server.challenge(5.0), client(username, password))
    assert server.verify([value], method, uri, PASSWORDS.get, 6.0).outcome is Outcome.WRONG


def test_parameters_of_the_uri_may_differ() -> None:
    server = verifier()
    value = answered(server.challenge(5.0), client(), f"{URI};transport=tcp")
    assert (
        server.verify([value], "INVITE", URI.replace("mcu", "MCU"), PASSWORDS.get, 6.0).outcome
        is Outcome.PROVED
    )


def test_a_proof_is_good_once() -> None:
    server, by = verifier(), client()
    challenge = server.challenge(5.0)
    first, second = answered(challenge, by), answered(challenge, by)
    assert "nc=00000001" in first and "nc=00000002" in second
    assert server.verify([second], "INVITE", URI, PASSWORDS.get, 6.0).outcome is Outcome.PROVED
    for again in (second, first):
        assert server.verify([again], "INVITE", URI, PASSWORDS.get, 6.0).outcome is Outcome.STALE


def test_a_nonce_grows_old() -> None:
    server = verifier()
    value = answered(server.challenge(5.0), client())
    assert server.verify([value], "INVITE", URI, PASSWORDS.get, 65.1).outcome is Outcome.STALE
    stale = server.challenge(65.1, stale=True)
    assert is_stale(401, challenged(stale)) and not is_stale(401, challenged(server.challenge(66.0)))
    assert not is_stale(403, challenged(stale))


def test_a_stale_nonce_tells_nothing_about_a_wrong_password() -> None:
    server = verifier()
    value = answered(server.challenge(5.0), client(password="wrong"))
    assert server.verify([value], "INVITE", URI, PASSWORDS.get, 999.0).outcome is Outcome.WRONG


def test_the_table_of_used_nonces_is_bounded_and_forgets_safely() -> None:
    server = verifier()
    values = [answered(server.challenge(5.0), client()) for _ in range(5)]
    for value in values:
        assert server.verify([value], "INVITE", URI, PASSWORDS.get, 6.0).outcome is Outcome.PROVED
    for value in values:
        assert server.verify([value], "INVITE", URI, PASSWORDS.get, 6.0).outcome is Outcome.STALE
    assert len(server._counts) <= 3


def test_foreign_and_broken_credentials() -> None:
    server = verifier()
    value = answered(server.challenge(5.0), client())
    absent = [
        [], ["Digest"], ["Basic dHJ1bms6"], ["Digest realm=bridge, realm=bridge"], ["Digest =x"], ["Digest x"],
        [value.replace('realm="bridge"', 'realm="other"')], ['Digest realm="bridge'],
    ]  # fmt: skip
    for values in absent:
        assert server.verify(values, "INVITE", URI, PASSWORDS.get, 6.0).outcome is Outcome.ABSENT
    wrong = [
        value.replace("qop=auth", "qop=auth-int"), value.replace("qop=auth, ", ""), value.replace("nc=0", "nc=x"),
        value.replace("nc=00000001", "nc=1"), value.replace("SHA-256", "SHA-512"), value.replace("SHA-256", "MD5"),
        value.replace('nonce="', 'nonce="0'), value.replace('nonce="', 'nonce="ø'),
        value.replace('response="', 'response="ø'),
        value.replace('cnonce="0a4f113b"', 'cnonce=""'), value.replace('username="trunk"', 'user="trunk"'),
        'Digest realm="bridge"', value.replace(".1.", f".{'f' * 32}."),
    ]  # fmt: skip
    for text in wrong:
        assert server.verify([text], "INVITE", URI, PASSWORDS.get, 6.0).outcome is Outcome.WRONG, text
    assert server.verify(["Basic x", value], "INVITE", URI, PASSWORDS.get, 6.0).outcome is Outcome.PROVED


def test_a_nonce_of_another_server_is_wrong() -> None:
    other = DigestVerifier("bridge", key=b"x" * 32)
    value = answered(other.challenge(5.0), client())
    assert verifier().verify([value], "INVITE", URI, PASSWORDS.get, 6.0).outcome is Outcome.WRONG


def test_only_the_configured_realm_is_answered() -> None:
    leak = response(sample("challenge-our-bye.sip"))
    assert client().answer(leak.status, leak.headers, "BYE", "sip:a@client.example.net") is None
    assert client(realm="gw.example.org").answer(leak.status, leak.headers, "BYE", "sip:a@b") is not None
    assert client(realm="").answer(leak.status, leak.headers, "BYE", "sip:a@b") is not None


def test_a_proxy_is_answered_with_its_own_header() -> None:
    values = verifier().challenge(5.0)
    answer = client().answer(407, challenged(values, 407), "INVITE", URI)
    assert answer is not None and answer[0] == "Proxy-Authorization"
    assert client().answer(407, challenged(values, 401), "INVITE", URI) is None
    assert client().answer(486, challenged(values), "INVITE", URI) is None


def test_counts_start_again_with_a_new_nonce() -> None:
    server, by = verifier(), client()
    answered(server.challenge(5.0), by)
    assert "nc=00000001" in answered(server.challenge(5.0), by)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Digest",
        "Negotiate",
        'Digest realm="a"',
        'Digest realm="a", nonce=""',
        'Digest realm="a", nonce="n", qop="auth-int"',
    ],
)
def test_challenges_that_cannot_be_answered(value: str) -> None:
    assert parse_challenge(value) is None


def test_challenges_are_read_with_odd_blanks_and_quotes() -> None:
    value = 'digest  Realm = "a,\\"b\\"" ,NONCE="n", qop="auth-int , auth", algorithm=md5, stale=TRUE, x=y'
    assert parse_challenge(value) == Challenge('a,"b"', "n", "MD5", True, None, True)


def test_quotes_in_a_realm_survive() -> None:
    server = DigestVerifier('say "hi"', key=b"k")
    value = answered(server.challenge(1.0), client(realm='say "hi"'))
    assert server.verify([value], "INVITE", URI, PASSWORDS.get, 1.0).outcome is Outcome.PROVED


def test_too_many_fields() -> None:
    with pytest.raises(ProtocolError):
        parse_digest("Digest " + ",".join(f"a{n}=1" for n in range(40)))


def test_a_client_does_not_show_its_password() -> None:
    assert "s3cret" not in repr(client())
