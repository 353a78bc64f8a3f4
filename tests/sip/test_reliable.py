"""Reliable provisional responses: as the called side (RFC 3262 section 3) and as the calling one (section 4)."""

from __future__ import annotations

import pytest

from bridge.sip import commands, events
from tests.sip.desk import ANSWER, OFFER, Desk, Peer, answer_to, messages, requests, responses, statuses, told


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def peer() -> Peer:
    return Peer()


def incoming(desk: Desk, peer: Peer, more: str) -> str:
    out = desk.receive(peer.request("INVITE", OFFER, more))
    return next(each.call for each in out if isinstance(each, events.IncomingCall))


@pytest.mark.parametrize(
    ("more", "asked", "reliable"),
    [
        ("Require: 100rel\r\n", False, True),
        ("Supported: 100rel\r\n", True, True),
        ("Supported: 100rel\r\n", False, False),
        ("", True, False),
    ],
)
def test_who_gets_them(desk: Desk, peer: Peer, more: str, asked: bool, reliable: bool) -> None:
    call = incoming(desk, peer, more)
    (ringing,) = responses(desk.feed(commands.Ring(call, asked)))
    assert ("100rel" in ringing.require, "RSeq" in ringing.headers) == (reliable, reliable)


def test_they_are_resent_until_the_prack(desk: Desk, peer: Peer) -> None:
    call = incoming(desk, peer, "Require: 100rel\r\n")
    out = desk.feed(commands.Ring(call))
    peer.learn(out)
    rseq = responses(out)[0].headers.get("RSeq")
    assert [when for when, _ in desk.sleep(4)] == [0.5, 1.5, 3.5]
    assert statuses(desk.receive(peer.request("PRACK", more="RAck: 9999 1 INVITE\r\n"))) == [481]
    assert statuses(desk.receive(peer.request("PRACK", more="RAck: nonsense\r\n"))) == [481]
    assert statuses(desk.receive(peer.request("PRACK", more=f"RAck: {rseq} 1 INVITE\r\n"))) == [200]
    assert desk.sleep(20) == []
    assert statuses(desk.receive(peer.request("PRACK", more=f"RAck: {rseq} 1 INVITE\r\n"))) == [481]
    assert statuses(desk.feed(commands.Answer(call, ANSWER))) == [200]


def test_the_next_one_waits_for_the_prack(desk: Desk, peer: Peer) -> None:
    call = incoming(desk, peer, "Require: 100rel\r\n")
    out = desk.feed(commands.Ring(call))
    peer.learn(out)
    rseq = int(responses(out)[0].headers.get("RSeq") or 0)
    assert desk.feed(commands.Progress(call, 183)) == []
    out = desk.receive(peer.request("PRACK", more=f"RAck: {rseq} 1 INVITE\r\n"))
    assert statuses(out) == [183, 200]
    assert responses(out)[0].headers.get("RSeq") == str(rseq + 1)


def test_the_200_waits_for_the_prack_of_early_media(desk: Desk, peer: Peer) -> None:
    call = incoming(desk, peer, "Require: 100rel\r\n")
    out = desk.feed(commands.Progress(call, 183, ANSWER))
    peer.learn(out)
    (progress,) = responses(out)
    assert progress.body == ANSWER
    assert desk.feed(commands.Answer(call, ANSWER)) == []
    out = desk.receive(peer.request("PRACK", more=f"RAck: {progress.headers.get('RSeq')} 1 INVITE\r\n"))
    assert statuses(out) == [200, 200]
    assert told(desk.receive(peer.request("ACK", cseq=1))) == [events.AckReceived(call, None)]


def test_a_cancel_while_the_200_waits(desk: Desk, peer: Peer) -> None:
    call = incoming(desk, peer, "Require: 100rel\r\n")
    desk.feed(commands.Progress(call, 183, ANSWER))
    desk.feed(commands.Answer(call, ANSWER))
    out = desk.receive(peer.request("CANCEL", cseq=1, branch="z9hG4bK-c1@client-f1-1", contact=False))
    assert statuses(out) == [200, 487]
    assert told(out) == [events.CallEnded(call, events.Ending.CANCEL, 487)]
    desk.sleep(70)
    assert desk.quiet()


def test_without_a_prack_the_call_ends(desk: Desk, peer: Peer) -> None:
    call = incoming(desk, peer, "Require: 100rel\r\n")
    desk.feed(commands.Ring(call))
    out = desk.sleep(33)
    assert told(out) == [events.CallEnded(call, events.Ending.NO_PRACK)]
    assert 504 in statuses(out)
    desk.sleep(70)
    assert desk.quiet()


def test_a_called_side_gets_its_prack_once_and_in_order(desk: Desk) -> None:
    hop = commands.Hop("udp", "192.0.2.9", 5060)
    (invite,) = requests(
        desk.feed(commands.Invite("out", "sip:bob@192.0.2.9", "sip:1001@mcu", OFFER, hop=hop))
    )
    reliable = "Require: 100rel\r\nContact: <sip:bob@192.0.2.9>\r\n"
    first = answer_to(invite, 183, reliable + "RSeq: 7\r\n", ANSWER)
    out = desk.receive(first)
    (prack,) = requests(out)
    assert (prack.method, prack.headers.get("RAck"), prack.cseq.number) == ("PRACK", "7 1 INVITE", 2)
    assert told(out) == [events.DialProgress("out", 183, ANSWER)]
    assert desk.receive(first) == []
    assert desk.receive(answer_to(invite, 180, reliable + "RSeq: 9\r\n")) == []
    assert len(requests(desk.receive(answer_to(invite, 180, reliable + "RSeq: 8\r\n")))) == 1
    out = desk.receive(answer_to(invite, 200, "Contact: <sip:bob@192.0.2.9>\r\n", ANSWER))
    assert [each.cseq for each in requests(out)] == [(1, "ACK")]
    (bye,) = requests(desk.feed(commands.Bye("out")))
    assert bye.cseq.number == 4


def test_hanging_up_while_the_200_waits_refuses(desk: Desk, peer: Peer) -> None:
    """Nothing is answered on the wire yet, so the caller need not ring for another 32 s."""
    call = incoming(desk, peer, "Require: 100rel\r\n")
    peer.learn(desk.feed(commands.Progress(call, 183, ANSWER)))
    assert desk.feed(commands.Answer(call, ANSWER)) == []
    out = desk.feed(commands.Bye(call))
    assert statuses(out) == [480]
    assert told(out) == [events.CallEnded(call, events.Ending.LOCAL, 480)]
    desk.receive(peer.request("ACK", cseq=1, branch=messages(desk.log)[0].via.branch))
    desk.sleep(70)
    assert desk.quiet()
