"""Calls over connections that come and go: an answered call outlives its connection, and takes up a new one."""

from __future__ import annotations

import pytest

from bridge.sip import commands, events
from bridge.sip.flow import Flow
from tests.sip.desk import ANSWER, OFFER, OURS, TCP, TLS, Desk, Peer, requests, set_up, statuses, told

AGAIN = Flow("tcp", OURS, ("192.0.2.77", 40_123), 11)


@pytest.fixture
def desk() -> Desk:
    return Desk(flow=TCP)


@pytest.fixture
def peer() -> Peer:
    return Peer(TCP)


def way(out: list[events.Output]) -> Flow | str:
    """How the last message left: on a flow, or to a host that must be connected to."""
    last = [each for each in out if isinstance(each, events.SendOn | events.Connect)][-1]
    return last.flow if isinstance(last, events.SendOn) else f"{last.protocol}:{last.host}:{last.port}"


def test_our_bye_goes_where_the_contact_says_when_the_connection_is_gone(desk: Desk, peer: Peer) -> None:
    call = set_up(desk, peer)
    assert told(desk.feed(commands.FlowLost(TCP))) == []
    out = desk.feed(commands.Bye(call))
    assert way(out) == "udp:192.0.2.77:40001"
    (failed,) = (each.ref for each in out if isinstance(each, events.Connect))
    assert told(desk.feed(commands.ConnectFailed(failed))) == []
    desk.sleep(70)
    assert desk.quiet()


def test_a_request_on_a_new_connection_brings_the_call_there(desk: Desk, peer: Peer) -> None:
    call = set_up(desk, peer)
    desk.feed(commands.FlowLost(TCP))
    assert statuses(desk.receive(peer.request("OPTIONS"), AGAIN)) == [200]
    assert way(desk.feed(commands.Bye(call))) == AGAIN


def test_an_ack_on_a_new_connection_does_too(desk: Desk, peer: Peer) -> None:
    (incoming,) = told(desk.receive(peer.request("INVITE", OFFER)))
    assert isinstance(incoming, events.IncomingCall)
    peer.learn(desk.feed(commands.Answer(incoming.call, ANSWER)))
    desk.feed(commands.FlowLost(TCP))
    assert told(desk.receive(peer.request("ACK", cseq=1), AGAIN)) == [events.AckReceived(incoming.call, None)]
    assert way(desk.feed(commands.Bye(incoming.call))) == AGAIN


def test_a_stranger_who_knows_the_call_id_only_moves_nothing(desk: Desk, peer: Peer) -> None:
    call = set_up(desk, peer)
    stranger = Flow("tcp", OURS, ("198.51.100.66", 5060), 12)
    guess = Peer(stranger, tag="f1")
    guess.to_tag = "guessed"
    assert statuses(desk.receive(guess.request("OPTIONS"), stranger)) == [481]
    desk.receive(guess.request("ACK", cseq=1), stranger)
    assert way(desk.feed(commands.Bye(call))) == TCP


def test_a_call_that_is_not_answered_ends_with_its_connection(desk: Desk, peer: Peer) -> None:
    (incoming,) = told(desk.receive(peer.request("INVITE", OFFER)))
    assert isinstance(incoming, events.IncomingCall)
    ended = events.CallEnded(incoming.call, events.Ending.FLOW_LOST)
    assert told(desk.feed(commands.FlowLost(TCP))) == [ended]
    assert desk.quiet()


def test_a_dialog_begun_with_sips_stays_sips() -> None:
    """RFC 3261 section 12.1.1: then our Contact is a sips URI too."""
    desk, peer = Desk(flow=TLS), Peer(TLS, uri="sips:1001@mcu.example.com")
    set_up(desk, peer)
    answers = [each for _, each in desk.log if isinstance(each, events.SendOn) and b" 200 OK" in each.data]
    assert b"Contact: <sips:1001@mcu.example.com:5061>;isfocus" in answers[0].data
    assert requests(desk.log) == []
