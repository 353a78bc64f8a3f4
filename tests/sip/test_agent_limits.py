"""Floods, limits and the end of things: bounded tables, 503 in time, everything freed, no answer that amplifies."""

from __future__ import annotations

from itertools import pairwise

import pytest

from bridge.sip import commands, events
from bridge.sip.commands import Drain
from bridge.sip.settings import Addresses, AgentSettings, contact_value
from tests.sip.desk import (
    ANSWER,
    LISTENERS,
    OFFER,
    TCP,
    TLS,
    UDP,
    Desk,
    Peer,
    Room,
    drops,
    responses,
    set_up,
    statuses,
    told,
)


def test_a_thousand_calls_come_and_go_without_growth() -> None:
    desk = Desk()
    for number in range(1000):
        peer = Peer(call_id=f"call-{number}")
        set_up(desk, peer)
        desk.sleep(0.01)
        desk.receive(peer.request("BYE"))
    assert desk.agent.live["calls"] == 0
    desk.sleep(33)
    assert desk.quiet()
    assert len(desk.agent._layer.timers._heap) < 200
    assert desk.agent._layer._by_flow == {}


def test_a_thousand_calls_over_one_connection_that_breaks() -> None:
    desk = Desk(AgentSettings(LISTENERS, most_calls=2000), flow=TCP)
    for number in range(500):
        set_up(desk, Peer(TCP, f"call-{number}"))
        desk.receive(Peer(TCP, f"half-{number}").request("INVITE", OFFER))
    out = desk.feed(commands.FlowLost(TCP))
    ended = [each for each in told(out) if isinstance(each, events.CallEnded)]
    assert len(ended) == 500
    assert {each.why for each in ended} == {events.Ending.FLOW_LOST}
    assert desk.agent.live["calls"] == 500


def test_an_answered_call_outlives_its_connection() -> None:
    desk = Desk(flow=TCP)
    peer = Peer(TCP)
    call = set_up(desk, peer)
    assert desk.feed(commands.FlowLost(TCP)) == []
    (out,) = [each for each in desk.feed(commands.Bye(call)) if isinstance(each, events.Connect)]
    assert (out.host, out.port) == ("192.0.2.77", 40001)


def test_a_thousand_invites_that_are_never_acknowledged() -> None:
    desk = Desk(AgentSettings(LISTENERS, most_calls=300))
    room = Room(desk)
    found: list[int] = []
    for number in range(1000):
        out = room.receive(Peer(call_id=f"call-{number}").request("INVITE", OFFER), UDP)
        found += [each for each in statuses(out) if each >= 200]
    assert (found.count(200), found.count(503)) == (300, 700)
    assert desk.agent.live["calls"] == 300
    desk.sleep(33)
    assert desk.agent.live["calls"] == 0
    desk.sleep(64)
    assert desk.quiet()


def test_a_limit_says_when_to_come_back() -> None:
    desk = Desk(AgentSettings(LISTENERS, most_calls=1, retry_after_s=7))
    set_up(desk, Peer())
    (answer,) = responses(desk.receive(Peer(call_id="c2").request("INVITE", OFFER)))
    assert (answer.status, answer.headers.get("Retry-After")) == (503, "7")
    desk = Desk(AgentSettings(LISTENERS, most_transactions=1))
    set_up(desk, Peer())
    assert statuses(desk.receive(Peer(call_id="c2").request("INVITE", OFFER))) == [503]


def test_draining_refuses_what_is_new_and_keeps_what_is_up() -> None:
    desk, peer = Desk(), Peer()
    set_up(desk, peer)
    desk.feed(Drain(60))
    (answer,) = responses(desk.receive(Peer(call_id="c2").request("INVITE", OFFER)))
    assert (answer.status, answer.headers.get("Retry-After")) == (503, "60")
    assert statuses(desk.receive(Peer(call_id="c3").request("OPTIONS"))) == [503]
    assert statuses(desk.receive(peer.request("INFO"))) == [200]
    assert statuses(desk.receive(peer.request("BYE"))) == [200]


@pytest.mark.parametrize(
    "method", ["REGISTER", "SUBSCRIBE", "NOTIFY", "PUBLISH", "MESSAGE", "OPTIONS", "BYE", "REFER"]
)
def test_floods_of_what_we_refuse_leave_nothing(method: str) -> None:
    desk = Desk()
    for number in range(200):
        data = Peer(call_id=f"flood-{number}").request(method)
        (out,) = desk.receive(data)
        assert isinstance(out, events.SendOn)
        assert len(out.data) <= 3 * len(data)
    assert desk.quiet()
    assert desk.agent.deadline() is None


def test_no_single_answer_to_an_invite_is_three_times_as_long() -> None:
    room = Room(Desk())
    for more in ("", "Session-Expires: 5\r\n", "Require: x\r\n", "Replaces: a;to-tag=b;from-tag=c\r\n"):
        data = Peer(call_id=f"c{len(more)}").request("INVITE", OFFER, more)
        for each in room.receive(data, UDP):
            assert not isinstance(each, events.SendOn) or len(each.data) <= 3 * len(data)


def test_a_flood_of_reinvites_is_held_to_four_a_second() -> None:
    desk, peer = Desk(), Peer()
    call = set_up(desk, peer)
    served = refused = 0
    for _ in range(500):
        branch = f"z9hG4bK-flood-{peer.cseq}"
        out = desk.receive(peer.request("INVITE", OFFER, branch=branch))
        if told(out):
            served += 1
            desk.feed(commands.AnswerReinvite(call, ANSWER))
            desk.receive(peer.request("ACK", cseq=peer.cseq))
        else:
            assert statuses(out) == [491]
            refused += 1
            desk.receive(peer.request("ACK", cseq=peer.cseq, branch=branch, contact=False))
        desk.sleep(0.02)
    assert 40 <= served <= 45
    assert refused == 500 - served
    desk.sleep(40)
    assert desk.agent.live == {
        "calls": 1,
        "dialogs": 1,
        "transactions": 0,
        "merging": 0,
        "timers": 0,
        "registrations": 0,
    }


def test_info_lets_people_type_fast_and_floods_not() -> None:
    desk, peer = Desk(), Peer()
    set_up(desk, peer)
    typed = [statuses(desk.receive(peer.request("INFO", b"1", kind="application/dtmf"))) for _ in range(21)]
    assert typed == [[200]] * 21
    flood = [statuses(desk.receive(peer.request("INFO", b"1", kind="application/dtmf"))) for _ in range(100)]
    assert flood.count([503]) >= 90
    desk.sleep(10)
    assert statuses(desk.receive(peer.request("INFO", b"1", kind="application/dtmf"))) == [200]


def test_a_storm_of_copies_does_no_work_twice() -> None:
    desk, peer = Desk(), Peer()
    room = Room(desk)
    flow: list[bytes] = [peer.request("INVITE", OFFER)]
    for _ in range(11):
        peer.learn(room.receive(flow[0], UDP))
    ack = peer.request("ACK", cseq=1)
    info = peer.request("INFO", b"5", kind="application/dtmf")
    bye = peer.request("BYE")
    for data in (ack, info, bye):
        for _ in range(11):
            room.receive(data, UDP)
    kinds = [type(each).__name__ for each in room.events]
    assert kinds == ["IncomingCall", "AckReceived", "DigitReceived", "CallEnded"]
    desk.sleep(40)
    assert desk.quiet()


def test_invite_and_cancel_races_free_everything() -> None:
    desk = Desk()
    room = Room(desk)
    for number in range(200):
        peer = Peer(call_id=f"race-{number}")
        branch = f"z9hG4bK-race-{number}"
        invite = peer.request("INVITE", OFFER, branch=branch)
        cancel = peer.request("CANCEL", cseq=1, branch=branch, contact=False)
        match number % 3:
            case 0:
                room.receive(cancel, UDP)
                room.receive(invite, UDP)
            case 1:
                room.receive(invite, UDP)
                room.receive(cancel, UDP)
            case _:
                desk.receive(invite)
                room.receive(cancel, UDP)
                room.receive(invite, UDP)
    desk.sleep(100)
    assert desk.quiet()


@pytest.mark.parametrize(
    ("more", "uri", "status"),
    [
        ("Replaces: x@y;to-tag=1;from-tag=2\r\n", "", 481),
        ("Join: x@y;to-tag=1;from-tag=2\r\n", "", 481),
        ("Require: replaces\r\nReplaces: x@y;to-tag=1;from-tag=2\r\n", "", 420),
        ("", "sips:1001@mcu.example.com", 403),
        ("", "http://mcu.example.com", 416),
        ("Content-Encoding: gzip\r\n", "", 415),
        ("Content-Type: text/plain\r\n", "", 400),
    ],
)
def test_invites_that_are_refused_before_anybody_hears(more: str, uri: str, status: int) -> None:
    out = Desk().receive(Peer(uri=uri).request("INVITE", OFFER, more))
    assert statuses(out) == [status]
    assert told(out) == []


def test_a_body_that_we_cannot_read_is_415_unless_it_is_optional() -> None:
    (answer,) = responses(Desk().receive(Peer().request("INVITE", b"x", kind="application/x")))
    assert (answer.status, answer.headers.get("Accept")) == (415, "application/sdp")
    optional = "Content-Disposition: render; handling=optional\r\n"
    (incoming,) = told(Desk().receive(Peer().request("INVITE", b"x", optional, kind="application/x")))
    assert isinstance(incoming, events.IncomingCall)
    assert incoming.offer is None


def test_sips_over_tls_is_a_call() -> None:
    desk = Desk(flow=TLS)
    out = desk.receive(Peer(TLS, uri="sips:1001@mcu.example.com").request("INVITE", OFFER))
    assert statuses(out) == [100]


def test_a_response_with_two_vias_is_not_for_us() -> None:
    stray = b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1, SIP/2.0/UDP b;branch=z9hG4bK2\r\n"
    stray += b"From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\r\n"
    assert drops(Desk().receive(stray)) == ["response-vias"]


def test_which_of_our_addresses_is_told() -> None:
    addresses = Addresses(LISTENERS)
    assert addresses.on(TLS).port == 5061
    assert addresses.by("tls", "192.0.2.9").host == "mcu.example.com"
    assert addresses.by("tcp").protocol == "tcp"
    assert contact_value(LISTENERS[1], "10 01") == "<sip:203.0.113.1:5060;transport=tcp>;isfocus"
    with pytest.raises(ValueError, match="without listeners"):
        Addresses(())


def test_deadlines_never_lie_in_the_past_after_waking() -> None:
    desk = Desk()
    Room(desk).receive(Peer().request("INVITE", OFFER), UDP)
    times = [when for when, _ in desk.sleep(40)]
    assert all(one <= other for one, other in pairwise(times))
    assert desk.agent.deadline() is None or desk.agent.deadline() > desk.now  # type: ignore[operator]
