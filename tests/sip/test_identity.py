"""Configured peers prove themselves on INVITE; guests are never challenged, and get nothing by claiming a name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.sip import events
from bridge.sip.auth import DigestClient
from bridge.sip.settings import AgentSettings, Endpoint
from tests.sip.desk import LISTENERS, OFFER, TCP, Desk, Peer, responses, statuses, told

KARI = Endpoint("room system", "kari", "client.example.net", "kari-auth", "secret")
MODERN = replace(KARI, sha256=True)
TRUNK = Endpoint("telco", "", "", addresses=frozenset({"192.0.2.77"}))


def desk(*endpoints: Endpoint) -> Desk:
    return Desk(AgentSettings(LISTENERS, realm="mcu", endpoints=endpoints))


def who(out: list[events.Output]) -> str | None:
    (incoming,) = told(out)
    assert isinstance(incoming, events.IncomingCall)
    return incoming.endpoint


@pytest.mark.parametrize("algorithm", ["SHA-256", "MD5"])
def test_a_password_is_asked_for_and_proved(algorithm: str) -> None:
    table, peer = desk(MODERN), Peer()
    (challenge,) = responses(table.receive(peer.request("INVITE", OFFER)))
    assert challenge.status == 401
    assert table.quiet()
    values = [
        each for each in challenge.headers.get_all("WWW-Authenticate") if f"algorithm={algorithm}" in each
    ]
    challenge.headers.replace("WWW-Authenticate", values[0])
    client = DigestClient("kari-auth", "secret", "mcu", lambda: "cnonce")
    header = client.answer(401, challenge.headers, "INVITE", peer.target)
    assert header is not None
    proof = f"{header[0]}: {header[1]}\r\n"
    out = table.receive(peer.request("INVITE", OFFER, proof))
    assert statuses(out) == [100]
    assert who(out) == "room system"
    # The same proof in another request is a replay: a fresh nonce is asked for.
    other = Peer(call_id="c2@client")
    (again,) = responses(table.receive(other.request("INVITE", OFFER, proof)))
    assert again.status == 401
    assert "stale=true" in (again.headers.get("WWW-Authenticate") or "")


def test_old_phones_see_nothing_that_they_do_not_know() -> None:
    (challenge,) = responses(desk(KARI).receive(Peer().request("INVITE", OFFER)))
    (value,) = challenge.headers.get_all("WWW-Authenticate")
    assert "algorithm=MD5" in value


def test_a_wrong_password_stays_outside() -> None:
    table, peer = desk(KARI), Peer()
    (challenge,) = responses(table.receive(peer.request("INVITE", OFFER)))
    header = DigestClient("kari-auth", "wrong", "mcu").answer(401, challenge.headers, "INVITE", peer.target)
    assert header is not None
    out = table.receive(peer.request("INVITE", OFFER, f"{header[0]}: {header[1]}\r\n"))
    assert statuses(out) == [401]
    assert told(out) == []


def test_guests_are_never_challenged() -> None:
    out = desk(Endpoint("other", "ola", "client.example.net", "ola", "x")).receive(
        Peer().request("INVITE", OFFER)
    )
    assert statuses(out) == [100]
    assert who(out) is None


def test_only_invite_is_challenged() -> None:
    table = desk(KARI)
    assert statuses(table.receive(Peer().request("OPTIONS"))) == [200]
    assert statuses(table.receive(Peer().request("REGISTER"))) == [405]


def test_a_trunk_is_known_by_its_address() -> None:
    assert who(desk(TRUNK).receive(Peer().request("INVITE", OFFER))) == "telco"
    away = Endpoint("telco", "", "", addresses=frozenset({"198.51.100.1"}))
    assert who(desk(away).receive(Peer().request("INVITE", OFFER))) is None
    assert who(desk(away, TRUNK).receive(Peer(TCP).request("INVITE", OFFER), TCP)) == "telco"


def test_an_endpoint_without_password_or_address_proves_nothing() -> None:
    assert (
        who(desk(Endpoint("x", "kari", "client.example.net")).receive(Peer().request("INVITE", OFFER)))
        is None
    )


def test_secrets_are_not_printed() -> None:
    assert "secret" not in repr(KARI)


def test_a_name_may_be_written_with_escapes() -> None:
    """RFC 3261 section 19.1.4: the same user."""
    table, peer = desk(KARI), Peer()
    assert statuses(table.receive(peer.request("INVITE", OFFER).replace(b"sip:kari@c", b"sip:%6bari@c"))) == [
        401
    ]
