"""Calls that we make: answered, refused, forked, challenged, cancelled; by UDP, or TCP when they are long."""

from __future__ import annotations

import pytest

from bridge.sip import commands, events
from bridge.sip.commands import Credentials, Hop
from bridge.sip.events import Output
from bridge.sip.flow import Flow
from bridge.sip.message import Request
from tests.sip.desk import ANSWER, LISTENERS, OFFER, OURS, Desk, Peer, answer_to, requests, statuses, told

HOP = Hop("udp", "192.0.2.9", 5060)
FLOW = Flow("udp", OURS, ("192.0.2.9", 5060))
CONTACT = "Contact: <sip:bob@192.0.2.9>\r\n"
KNOWN = Credentials("trunk.example.com", "alice", "secret")
CHALLENGE = 'Digest realm="trunk.example.com", nonce="abc", qop="auth", algorithm=SHA-256'


@pytest.fixture
def desk() -> Desk:
    return Desk(flow=FLOW)


def dial(
    desk: Desk, hop: Hop | None = HOP, credentials: Credentials | None = None, sdp: bytes = OFFER
) -> Request:
    command = commands.Invite(
        "out", "sip:bob@192.0.2.9", '"Room" <sip:1001@mcu.example.com>', sdp, credentials, hop=hop
    )
    out = desk.feed(command)
    for each in out:
        if isinstance(each, events.Connect):
            desk.feed(commands.Connected(each.ref, FLOW))
    return requests(out)[0]


def methods(out: list[Output]) -> list[str]:
    return [each.method for each in requests(out)]


def test_a_call_out(desk: Desk) -> None:
    invite = dial(desk)
    assert (invite.uri, invite.from_.display, invite.body) == ("sip:bob@192.0.2.9", "Room", OFFER)
    assert invite.contact is not None
    assert "isfocus" in invite.contact.params
    assert invite.headers.get("Max-Forwards") == "70"
    assert desk.receive(answer_to(invite, 100)) == []
    assert told(desk.receive(answer_to(invite, 180, CONTACT))) == [events.DialProgress("out", 180)]
    out = desk.receive(answer_to(invite, 200, CONTACT, ANSWER))
    (ack,) = requests(out)
    assert (ack.method, ack.uri, ack.cseq.number, ack.to.tag) == ("ACK", "sip:bob@192.0.2.9", 1, "callee")
    assert ack.via.branch != invite.via.branch
    assert told(out) == [events.DialAnswered("out", ANSWER, FLOW)]
    copy = desk.receive(answer_to(invite, 200, CONTACT, ANSWER))
    assert methods(copy) == ["ACK"]
    assert requests(copy)[0].via.branch == ack.via.branch
    peer = Peer(FLOW, invite.call_id, "callee")
    peer.to_tag = invite.from_.tag or ""
    out = desk.receive(peer.request("BYE"))
    assert (statuses(out), told(out)) == ([200], [events.CallEnded("out", events.Ending.BYE)])
    desk.sleep(70)
    assert desk.quiet()


def test_the_invite_is_resent_by_a_and_given_up_by_b(desk: Desk) -> None:
    dial(desk)
    out = desk.sleep(33)
    assert [when for when, each in out if isinstance(each, events.SendOn)] == [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert out[-1] == (32.0, events.DialFailed("out", 408))
    assert desk.quiet()


@pytest.mark.parametrize("status", [302, 404, 486, 503, 603])
def test_refusals_are_told_and_acknowledged(desk: Desk, status: int) -> None:
    invite = dial(desk)
    out = desk.receive(answer_to(invite, status, "Contact: <sip:elsewhere@192.0.2.66>\r\n"))
    (ack,) = requests(out)
    assert (ack.method, ack.via.branch, ack.to.tag) == ("ACK", invite.via.branch, "callee")
    assert told(out) == [events.DialFailed("out", status, "X")]
    assert methods(desk.receive(answer_to(invite, status))) == ["ACK"]
    desk.sleep(40)
    assert desk.quiet()


def test_two_branches_of_a_fork_answer(desk: Desk) -> None:
    invite = dial(desk)
    desk.receive(answer_to(invite, 180, CONTACT, tag="one"))
    desk.receive(answer_to(invite, 180, CONTACT, tag="two"))
    assert told(desk.receive(answer_to(invite, 200, CONTACT, ANSWER, tag="one")))
    other = answer_to(invite, 200, "Contact: <sip:bob2@192.0.2.10>\r\n", ANSWER, tag="two")
    out = desk.receive(other)
    assert [(each.method, each.uri, each.to.tag) for each in requests(out)] == [
        ("ACK", "sip:bob2@192.0.2.10", "two"),
        ("BYE", "sip:bob2@192.0.2.10", "two"),
    ]
    assert told(out) == []
    assert methods(desk.receive(other)) == ["ACK"]
    assert methods(desk.feed(commands.Bye("out"))) == ["BYE"]
    desk.sleep(70)
    assert desk.quiet()


def test_a_cancel_after_ringing(desk: Desk) -> None:
    invite = dial(desk)
    desk.receive(answer_to(invite, 180, CONTACT))
    (cancel,) = requests(desk.feed(commands.Cancel("out")))
    assert (cancel.method, cancel.via.branch, cancel.cseq) == ("CANCEL", invite.via.branch, (1, "CANCEL"))
    assert "tag" not in cancel.to.params
    assert desk.receive(answer_to(cancel, 200)) == []
    out = desk.receive(answer_to(invite, 487))
    assert (methods(out), told(out)) == (["ACK"], [events.DialFailed("out", 487, "X")])


def test_a_cancel_before_any_answer_waits_for_one(desk: Desk) -> None:
    invite = dial(desk)
    assert desk.feed(commands.Bye("out")) == []
    assert methods(desk.receive(answer_to(invite, 100))) == ["CANCEL"]


def test_a_cancel_between_challenge_and_answer_waits_for_the_new_invite(desk: Desk) -> None:
    invite = dial(desk, credentials=KNOWN)
    desk.receive(answer_to(invite, 100))
    again = requests(desk.receive(answer_to(invite, 401, f"WWW-Authenticate: {CHALLENGE}\r\n")))[1]
    assert desk.feed(commands.Cancel("out")) == []
    (cancel,) = requests(desk.receive(answer_to(again, 100)))
    assert cancel.via.branch == again.via.branch


def test_a_200_that_crosses_the_cancel_gets_ack_and_bye(desk: Desk) -> None:
    invite = dial(desk)
    desk.receive(answer_to(invite, 180, CONTACT))
    desk.feed(commands.Cancel("out"))
    out = desk.receive(answer_to(invite, 200, CONTACT, ANSWER))
    assert (methods(out), told(out)) == (["ACK", "BYE"], [events.DialFailed("out", 487)])
    desk.sleep(70)
    assert desk.quiet()


def test_a_cancel_that_nobody_answers(desk: Desk) -> None:
    invite = dial(desk)
    desk.receive(answer_to(invite, 180, CONTACT))
    desk.feed(commands.Cancel("out"))
    assert told(desk.sleep(33)) == [events.DialFailed("out", 487)]


def test_ringing_has_an_end(desk: Desk) -> None:
    invite = dial(desk)
    desk.receive(answer_to(invite, 180, CONTACT))
    assert methods([each for _, each in desk.sleep(60.1)]) == ["CANCEL"]


@pytest.mark.parametrize(
    ("status", "field", "ours"),
    [(401, "WWW-Authenticate", "Authorization"), (407, "Proxy-Authenticate", "Proxy-Authorization")],
)
def test_a_challenge_is_answered_once(desk: Desk, status: int, field: str, ours: str) -> None:
    invite = dial(desk, credentials=KNOWN)
    out = desk.receive(answer_to(invite, status, f"{field}: {CHALLENGE}\r\n"))
    ack, again = requests(out)
    assert (ack.method, again.method, again.cseq.number) == ("ACK", "INVITE", 2)
    assert (again.call_id, again.from_.tag) == (invite.call_id, invite.from_.tag)
    assert 'username="alice"' in (again.headers.get(ours) or "")
    out = desk.receive(answer_to(again, status, f"{field}: {CHALLENGE}\r\n"))
    assert told(out) == [events.DialFailed("out", status, "X")]


@pytest.mark.parametrize("realm", ["other.example.com", ""])
def test_no_other_realm_gets_our_digest(desk: Desk, realm: str) -> None:
    invite = dial(desk, credentials=KNOWN)
    out = desk.receive(
        answer_to(invite, 401, f'WWW-Authenticate: Digest realm="{realm}", nonce="n", qop="auth"\r\n')
    )
    assert methods(out) == ["ACK"]
    assert told(out) == [events.DialFailed("out", 401, "X")]


def test_422_is_tried_again_with_the_interval_asked_for(desk: Desk) -> None:
    invite = dial(desk)
    _, again = requests(desk.receive(answer_to(invite, 422, "Min-SE: 3600\r\n")))
    assert (again.headers.get("Session-Expires"), again.headers.get("Min-SE")) == ("3600", "3600")
    out = desk.receive(answer_to(again, 422, "Min-SE: 3600\r\n"))
    assert told(out) == [events.DialFailed("out", 422, "X")]


def test_long_requests_go_by_tcp_and_come_back_to_udp(desk: Desk) -> None:
    command = commands.Invite("out", "sip:bob@192.0.2.9", "sip:1001@mcu", OFFER + b"a" * 1500)
    (out,) = desk.feed(command)
    assert isinstance(out, events.Connect)
    assert (out.protocol, out.host, out.port) == ("tcp", "192.0.2.9", 5060)
    assert b"Via: SIP/2.0/TCP 203.0.113.1:5060;" in out.data
    (again,) = desk.feed(commands.ConnectFailed(out.ref, "refused"))
    assert isinstance(again, events.Connect)
    assert again.protocol == "udp"
    assert b"Via: SIP/2.0/UDP 203.0.113.1:5060;" in again.data
    desk.feed(commands.Connected(again.ref, FLOW))
    assert [when for when, _ in desk.sleep(2)] == [0.5, 1.5]
    desk.feed(commands.ConnectFailed(again.ref, "late"))


def test_no_way_there(desk: Desk) -> None:
    command = commands.Invite("out", "sip:bob@192.0.2.9;transport=tcp", "sip:1001@mcu", OFFER)
    (out,) = desk.feed(command)
    assert isinstance(out, events.Connect)
    assert desk.feed(commands.ConnectFailed(out.ref, "refused")) == [events.DialFailed("out", 503)]
    assert desk.quiet()


def test_sips_goes_by_tls(desk: Desk) -> None:
    (out,) = desk.feed(commands.Invite("out", "sips:bob@b.example.com", "sip:1001@mcu", OFFER))
    assert isinstance(out, events.Connect)
    assert (out.protocol, out.port) == ("tls", 5061)
    assert b"Contact: <sips:1001@mcu.example.com:5061>;isfocus" in out.data  # RFC 3261 section 8.1.1.8


@pytest.mark.parametrize("target", ["mailto:x@y", "nonsense", "sip:", "tel:+47"])
def test_a_target_that_cannot_be_dialled(desk: Desk, target: str) -> None:
    (failed,) = told(desk.feed(commands.Invite("out", target, "sip:1001@mcu", OFFER)))
    assert isinstance(failed, events.DialFailed)
    assert desk.quiet()


def test_two_calls_cannot_have_one_name(desk: Desk) -> None:
    dial(desk)
    with pytest.raises(ValueError, match="two calls"):
        dial(desk)


def test_a_connection_that_breaks_before_the_answer(desk: Desk) -> None:
    flow = Flow("tcp", OURS, ("192.0.2.9", 5060), 4)
    desk.feed(commands.Invite("out", "sip:bob@192.0.2.9", "sip:1001@mcu", OFFER, flow=flow))
    assert desk.feed(commands.FlowLost(flow)) == [events.DialFailed("out", 503)]
    assert desk.quiet()


def test_requests_in_an_early_dialog(desk: Desk) -> None:
    invite = dial(desk)
    desk.receive(answer_to(invite, 183, CONTACT))
    peer = Peer(FLOW, invite.call_id, "callee")
    peer.to_tag = invite.from_.tag or ""
    assert statuses(desk.receive(peer.request("UPDATE"))) == [200]
    assert statuses(desk.receive(peer.request("UPDATE", OFFER))) == [500]
    assert statuses(desk.receive(peer.request("BYE"))) == [481]


def test_a_200_that_no_dialog_can_be_made_of(desk: Desk) -> None:
    invite = dial(desk)
    out = desk.receive(answer_to(invite, 200, "Contact: <mailto:bob@example.com>\r\n", ANSWER))
    assert out == [events.Drop("dialog"), events.DialFailed("out", 502)]
    desk.sleep(40)
    assert desk.quiet()


def test_the_sender_may_be_bare_and_the_address_is_the_listeners(desk: Desk) -> None:
    (out,) = desk.feed(
        commands.Invite("out", "sip:bob@192.0.2.9", "sip:1001@mcu.example.com", OFFER, hop=HOP)
    )
    assert isinstance(out, events.Connect)
    assert b"From: <sip:1001@mcu.example.com>;tag=" in out.data
    assert LISTENERS[0].host.encode() in out.data


def test_the_ack_shows_what_its_invite_showed(desk: Desk) -> None:
    """RFC 3261 section 13.2.2.4: the same credentials; a proxy may ask for them."""
    invite = dial(desk, credentials=KNOWN)
    again = requests(desk.receive(answer_to(invite, 407, f"Proxy-Authenticate: {CHALLENGE}\r\n")))[1]
    (ack,) = requests(desk.receive(answer_to(again, 200, CONTACT, ANSWER)))
    shown = ack.headers.get("Proxy-Authorization")
    assert shown is not None
    assert shown == again.headers.get("Proxy-Authorization")
    (bye,) = requests(desk.feed(commands.Bye("out")))
    assert "Proxy-Authorization" not in bye.headers


def test_a_challenge_whose_nonce_was_old_is_answered_again(desk: Desk) -> None:
    invite = dial(desk, credentials=KNOWN)
    out = desk.receive(answer_to(invite, 401, f"WWW-Authenticate: {CHALLENGE}\r\n"))
    stale = f"WWW-Authenticate: {CHALLENGE.replace('abc', 'new')}, stale=true\r\n"
    _, third = requests(desk.receive(answer_to(requests(out)[1], 401, stale)))
    assert 'nonce="new"' in (third.headers.get("Authorization") or "")
    out = desk.receive(answer_to(third, 401, stale))
    assert (methods(out), told(out)) == (["ACK"], [events.DialFailed("out", 401, "X")])


@pytest.mark.parametrize("more", ["", "Require: 100rel\r\nRSeq: 7\r\n"])
def test_an_answer_that_came_early_need_not_come_again(desk: Desk, more: str) -> None:
    invite = dial(desk)
    desk.receive(answer_to(invite, 183, CONTACT + more, ANSWER, tag="other"))
    desk.receive(answer_to(invite, 183, CONTACT + more, OFFER))
    out = desk.receive(answer_to(invite, 200, CONTACT))
    assert told(out) == [events.DialAnswered("out", OFFER, FLOW)]
