"""Trunks: REGISTER, its refresh at about half its life, back-off, 423, challenges for the right realm only."""

from __future__ import annotations

import pytest

from bridge.sip import commands, events
from bridge.sip.commands import Credentials, Hop, Trunk
from bridge.sip.flow import Flow
from bridge.sip.message import Request
from tests.sip.desk import OURS, Desk, answer_to, requests, told

FLOW = Flow("udp", OURS, ("192.0.2.9", 5060))
TRUNK = Trunk(
    "telco",
    "sip:telco.example.com",
    "sip:4712345678@telco.example.com",
    Credentials("telco", "user", "secret"),
    Hop("udp", "192.0.2.9", 5060),
    600,
)
CHALLENGE = 'WWW-Authenticate: Digest realm="{}", nonce="{}", qop="auth"{}\r\n'


@pytest.fixture
def desk() -> Desk:
    return Desk(flow=FLOW)


def begin(desk: Desk) -> Request:
    (out,) = desk.feed(commands.Register(TRUNK))
    assert isinstance(out, events.Connect)
    desk.feed(commands.Connected(out.ref, FLOW))
    return requests([out])[0]


def test_it_registers_and_refreshes_at_half_life(desk: Desk) -> None:
    register = begin(desk)
    assert (register.uri, register.expires) == ("sip:telco.example.com", 600)
    assert register.headers.get("Contact") == "<sip:4712345678@203.0.113.1:5060>"
    assert told(desk.receive(answer_to(register, 200, "Expires: 300\r\n"))) == [
        events.Registered("telco", 300)
    ]
    out = desk.sleep(151)
    (refresh,) = requests(out)
    assert out[0][0] == 150.0
    assert (refresh.call_id, refresh.cseq.number) == (register.call_id, 2)


def test_the_lifetime_of_the_contact_counts_first(desk: Desk) -> None:
    more = "Contact: <sip:4712345678@203.0.113.1:5060>;expires=120\r\nExpires: 3600\r\n"
    assert told(desk.receive(answer_to(begin(desk), 200, more))) == [events.Registered("telco", 120)]


def test_a_challenge_is_answered_once_and_again_if_stale(desk: Desk) -> None:
    register = begin(desk)
    (again,) = requests(desk.receive(answer_to(register, 401, CHALLENGE.format("telco", "n1", ""))))
    assert 'username="user"' in (again.headers.get("Authorization") or "")
    (third,) = requests(desk.receive(answer_to(again, 401, CHALLENGE.format("telco", "n2", ", stale=true"))))
    out = desk.receive(answer_to(third, 401, CHALLENGE.format("telco", "n3", ", stale=true")))
    assert requests(out) == []
    assert told(out) == [events.RegistrationFailed("telco", 401, 22.5)]


def test_another_realm_gets_nothing(desk: Desk) -> None:
    out = desk.receive(answer_to(begin(desk), 401, CHALLENGE.format("evil", "n", "")))
    assert requests(out) == []
    assert told(out) == [events.RegistrationFailed("telco", 401, 22.5)]


def test_423_is_obeyed_once(desk: Desk) -> None:
    (again,) = requests(desk.receive(answer_to(begin(desk), 423, "Min-Expires: 1200\r\n")))
    assert again.expires == 1200
    (failed,) = told(desk.receive(answer_to(again, 423, "Min-Expires: 2400\r\n")))
    assert isinstance(failed, events.RegistrationFailed)


def test_failures_back_off(desk: Desk) -> None:
    begin(desk)
    failures = [each for _, each in desk.sleep(5000) if isinstance(each, events.RegistrationFailed)]
    assert {each.status for each in failures} == {408}
    pauses = [each.retry_s for each in failures]
    assert pauses[:4] == [22.5, 45, 90, 180]
    assert max(each or 0 for each in pauses) <= 1800


def test_no_way_there_is_tried_again(desk: Desk) -> None:
    (out,) = desk.feed(commands.Register(TRUNK))
    assert isinstance(out, events.Connect)
    assert told(desk.feed(commands.ConnectFailed(out.ref, "no route"))) == [
        events.RegistrationFailed("telco", 503, 22.5)
    ]
    assert [each for _, each in desk.sleep(30) if isinstance(each, events.Connect)]


def test_a_lost_connection_is_made_anew(desk: Desk) -> None:
    (out,) = desk.feed(commands.Register(TRUNK))
    assert isinstance(out, events.Connect)
    flow = Flow("tcp", OURS, ("192.0.2.9", 5060), 5)
    desk.feed(commands.Connected(out.ref, flow))
    desk.receive(answer_to(requests([out])[0], 200), flow)
    desk.feed(commands.FlowLost(flow))
    assert desk.sleep(10)[0][0] == 3.0


def test_it_is_taken_back(desk: Desk) -> None:
    desk.receive(answer_to(begin(desk), 200))
    (register,) = requests(desk.feed(commands.Unregister("telco")))
    assert register.expires == 0
    assert told(desk.receive(answer_to(register, 200))) == [events.Registered("telco", 0)]
    assert desk.sleep(10_000) == []
    assert desk.agent.live["registrations"] == 0
    assert desk.quiet()


def test_a_second_one_with_the_name_replaces_the_first(desk: Desk) -> None:
    register = begin(desk)
    other = begin(desk)
    assert told(desk.receive(answer_to(register, 200))) == []
    assert told(desk.receive(answer_to(other, 200))) == [events.Registered("telco", 600)]
    assert len(requests(desk.sleep(400))) >= 1


def test_a_registrar_that_cannot_be_named(desk: Desk) -> None:
    out = desk.feed(commands.Register(Trunk("bad", "nonsense", "sip:a@b")))
    assert told(out) == [events.RegistrationFailed("bad", 400, None)]


def test_among_several_bindings_ours_counts(desk: Desk) -> None:
    """An earlier life of ours, at another port, may be registered still (RFC 3261 section 10.2.4)."""
    more = "Contact: <sip:4712345678@203.0.113.1:5070>;expires=3000, <sip:4712345678@203.0.113.1:5060>;expires=90\r\n"
    assert told(desk.receive(answer_to(begin(desk), 200, more))) == [events.Registered("telco", 90)]


def test_a_challenge_to_taking_it_back_is_answered_too(desk: Desk) -> None:
    """Also when it is taken back while an answer to the first challenge is on its way."""
    desk.receive(answer_to(begin(desk), 401, CHALLENGE.format("telco", "n1", "")))
    (last,) = requests(desk.feed(commands.Unregister("telco")))
    (again,) = requests(desk.receive(answer_to(last, 401, CHALLENGE.format("telco", "n2", ""))))
    assert (again.expires, "Authorization" in again.headers) == (0, True)
    assert told(desk.receive(answer_to(again, 200))) == [events.Registered("telco", 0)]
