"""Our offers in a call: one at a time, tried again after glare, given up in the right way; INFO that we send."""

from __future__ import annotations

import pytest

from bridge.sip import commands, events
from tests.sip.desk import ANSWER, OFFER, Desk, Peer, answer_to, requests, set_up, statuses, told

CONTACT = "Contact: <sip:kari@192.0.2.77:5060>\r\n"


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def peer() -> Peer:
    return Peer()


def test_a_reinvite_of_ours(desk: Desk, peer: Peer) -> None:
    call = set_up(desk, peer)
    (offer,) = requests(desk.feed(commands.Reinvite(call, ANSWER + b"a=x\r\n")))
    assert (offer.method, offer.body, offer.to.tag) == ("INVITE", ANSWER + b"a=x\r\n", "f1")
    desk.receive(answer_to(offer, 100))
    out = desk.receive(answer_to(offer, 200, CONTACT, OFFER))
    assert [each.cseq for each in requests(out)] == [(1, "ACK")]
    assert told(out) == [events.OfferAnswered(call, OFFER)]
    assert [each.method for each in requests(desk.receive(answer_to(offer, 200, CONTACT, OFFER)))] == ["ACK"]
    assert desk.sleep(40) == []


def test_491_is_tried_again_and_then_given_up(desk: Desk, peer: Peer) -> None:
    call = set_up(desk, peer)
    out = desk.feed(commands.Reinvite(call, ANSWER))
    for _ in range(3):
        offer = next(each for each in requests(out) if each.method == "INVITE")
        assert told(desk.receive(answer_to(offer, 491))) == []
        out = [each for _, each in desk.sleep(2)]
    offer = next(each for each in requests(out) if each.method == "INVITE")
    assert told(desk.receive(answer_to(offer, 491))) == [events.OfferRefused(call, 491)]
    assert desk.agent.live["calls"] == 1


def test_488_leaves_the_session_as_it_was(desk: Desk, peer: Peer) -> None:
    call = set_up(desk, peer)
    (offer,) = requests(desk.feed(commands.Reinvite(call, ANSWER)))
    out = desk.receive(answer_to(offer, 488))
    assert [each.method for each in requests(out)] == ["ACK"]
    assert told(out) == [events.OfferRefused(call, 488)]
    assert statuses(desk.receive(peer.request("BYE"))) == [200]


def test_481_ends_the_call(desk: Desk, peer: Peer) -> None:
    call = set_up(desk, peer)
    (offer,) = requests(desk.feed(commands.Reinvite(call, ANSWER)))
    assert told(desk.receive(answer_to(offer, 481))) == [events.CallEnded(call, events.Ending.GONE, 481)]
    desk.sleep(70)
    assert desk.quiet()


def test_silence_ends_the_call_with_bye(desk: Desk, peer: Peer) -> None:
    call = set_up(desk, peer)
    desk.feed(commands.Reinvite(call, ANSWER))
    out = desk.sleep(33)
    assert told(out) == [events.CallEnded(call, events.Ending.GONE, 408)]
    assert "BYE" in [each.method for each in requests(out)]


def test_an_offer_waits_while_theirs_is_open(desk: Desk, peer: Peer) -> None:
    call = set_up(desk, peer)
    desk.receive(peer.request("INVITE", OFFER))
    assert desk.feed(commands.Reinvite(call, b"new")) == []
    assert [each.method for each in requests(desk.sleep(3))] == []
    desk.feed(commands.AnswerReinvite(call, ANSWER))
    desk.receive(peer.request("ACK", cseq=peer.cseq))
    (offer,) = requests(desk.sleep(1.2))[:1]
    assert offer.method == "INVITE"


def test_info_of_ours(desk: Desk, peer: Peer) -> None:
    call = set_up(desk, peer)
    (info,) = requests(desk.feed(commands.SendInfo(call, "application/media_control+xml", b"<x/>")))
    assert (info.method, info.headers.get("Content-Type"), info.body) == (
        "INFO",
        "application/media_control+xml",
        b"<x/>",
    )
    assert desk.receive(answer_to(info, 415)) == []
    again = commands.SendInfo(call, "application/media_control+xml", b"<x/>")
    assert requests(desk.feed(again)) == [], "who does not understand it is not asked again"
    (info,) = requests(desk.feed(commands.SendInfo(call, "application/dtmf", b"1")))
    assert told(desk.receive(answer_to(info, 481))) == [events.CallEnded(call, events.Ending.GONE, 481)]


def test_a_2xx_after_our_bye_is_still_acknowledged(desk: Desk, peer: Peer) -> None:
    call = set_up(desk, peer)
    (offer,) = requests(desk.feed(commands.Reinvite(call, ANSWER)))
    desk.feed(commands.Bye(call))
    out = desk.receive(answer_to(offer, 200, CONTACT, OFFER))
    assert [each.method for each in requests(out)] == ["ACK"]
    assert told(out) == []


def test_challenges_in_the_dialog_get_no_credentials(desk: Desk, peer: Peer) -> None:
    call = set_up(desk, peer)
    (offer,) = requests(desk.feed(commands.Reinvite(call, ANSWER)))
    out = desk.receive(answer_to(offer, 401, 'WWW-Authenticate: Digest realm="trunk", nonce="n"\r\n'))
    assert [each.method for each in requests(out)] == ["ACK"]
    assert told(out) == [events.OfferRefused(call, 401)]
    assert not any("uthorization" in name for each in requests(desk.log) for name, _ in each.headers.items())


@pytest.mark.parametrize("command", [commands.Ring, commands.Bye, commands.Cancel])
def test_commands_for_calls_that_are_gone(desk: Desk, command: type[commands.Bye]) -> None:
    assert desk.feed(command("gone")) == [events.Drop("command-late")]


def test_a_reinvite_of_ours_wants_no_reliable_responses(desk: Desk, peer: Peer) -> None:
    """Nobody would send their PRACK, and the other side would give up after 32 s (RFC 3262 section 3)."""
    call = set_up(desk, peer)
    (offer,) = requests(desk.feed(commands.Reinvite(call, ANSWER)))
    assert offer.supported == ("timer",)


def test_a_late_copy_of_an_older_2xx_changes_nothing(desk: Desk, peer: Peer) -> None:
    """It gets the ACK that it got before, and its old Contact is not taken for a new one."""
    call = set_up(desk, peer)
    acks = []
    for host in ("192.0.2.81", "192.0.2.82"):
        (offer,) = requests(desk.feed(commands.Reinvite(call, ANSWER)))
        ok = answer_to(offer, 200, f"Contact: <sip:kari@{host}>\r\n", OFFER)
        acks.append((ok, requests(desk.receive(ok))[0]))
    copy, first = acks[0]
    (again,) = requests(desk.receive(copy))
    assert again.via.branch == first.via.branch
    assert requests(desk.feed(commands.Bye(call)))[0].uri == "sip:kari@192.0.2.82"
