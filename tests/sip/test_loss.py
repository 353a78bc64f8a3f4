"""Two agents with a bad network between them: every call completes, once, and nothing is left behind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bridge.sip import commands, events
from bridge.sip.commands import Hop, Input
from bridge.sip.events import Output
from tests.net import Net
from tests.sip.desk import ANSWER, OFFER, End, Pair, reactions


def calls(pair: Pair, count: int, every_s: float = 0.7, hold_s: float = 35.0) -> None:
    """Place calls from left to right, each ended by one of the two sides after a while."""
    for number in range(count):
        hop = Hop(pair.protocol, pair.right.address[0], pair.right.address[1])
        invite = commands.Invite(
            f"out-{number}", "sip:1001@192.0.2.2", f"sip:left-{number}@192.0.2.1", OFFER, hop=hop
        )
        pair.feed(pair.left, invite)
        pair.run(every_s)
        if number >= hold_s / every_s:
            hang_up(pair, number - int(hold_s / every_s))
    pair.run(60)
    for number in range(count):
        hang_up(pair, number)
    pair.run(100)


def hang_up(pair: Pair, number: int) -> None:
    if number % 2:
        pair.feed(pair.left, commands.Bye(f"out-{number}"))
        return
    for each in pair.right.told(events.IncomingCall):
        if isinstance(each, events.IncomingCall) and each.sender.uri.user == f"left-{number}":
            pair.feed(pair.right, commands.Bye(each.call))


def check(pair: Pair, count: int) -> None:
    assert len(pair.left.told(events.DialAnswered)) == count
    assert pair.left.told(events.DialFailed) == []
    assert len(pair.right.told(events.IncomingCall)) == count
    for end in (pair.left, pair.right):
        ended = [each for each in end.told(events.CallEnded) if isinstance(each, events.CallEnded)]
        assert len(ended) == count
        assert {each.why for each in ended} <= {events.Ending.BYE, events.Ending.LOCAL, events.Ending.GONE}
        live = dict(end.agent.live)
        assert not any(live.values()), live


@pytest.mark.parametrize(
    ("loss", "reorder", "seed", "protocol"),
    [
        (0.0, 0.0, 1, "udp"),
        (0.1, 0.05, 2, "udp"),
        (0.2, 0.1, 3, "udp"),
        (0.2, 0.1, 4, "udp"),
        (0.0, 0.0, 5, "tcp"),
    ],
)
def test_all_calls_complete(loss: float, reorder: float, seed: int, protocol: str) -> None:
    pair = Pair(Net(loss, reorder, 20, seed, duplicate=loss / 4), protocol)
    calls(pair, 60)
    check(pair, 60)
    if loss:
        assert pair.net.lost > 20


def ringing_first(end: End) -> None:
    """Let an end ring reliably before it answers."""

    def react(event: Output) -> Iterator[Input]:
        if isinstance(event, events.IncomingCall):
            yield commands.Ring(event.call, True)
            yield commands.Progress(event.call, 183, ANSWER, True)
        yield from reactions(event)

    end.react = react


@pytest.mark.parametrize("seed", [7, 8])
def test_reliable_ringing_completes_too(seed: int) -> None:
    pair = Pair(Net(0.15, 0.05, 20, seed))
    ringing_first(pair.right)
    calls(pair, 25)
    check(pair, 25)


@pytest.mark.parametrize("seed", [9, 10])
def test_offers_from_both_sides_at_once_settle(seed: int) -> None:
    pair = Pair(Net(0.1, 0.05, 20, seed))
    pair.feed(pair.left, commands.Invite("out", "sip:1001@192.0.2.2", "sip:l@192.0.2.1", OFFER))
    pair.run(10)
    (incoming,) = pair.right.told(events.IncomingCall)
    assert isinstance(incoming, events.IncomingCall)
    for _ in range(5):
        pair.feed(pair.left, commands.Reinvite("out", OFFER))
        pair.feed(pair.right, commands.Reinvite(incoming.call, ANSWER))
        pair.run(30)
    assert len(pair.left.told(events.OfferAnswered)) == 5
    assert len(pair.right.told(events.OfferAnswered)) == 5
    pair.feed(pair.left, commands.Bye("out"))
    pair.run(100)
    assert not any(pair.right.agent.live.values())


@pytest.mark.parametrize("seed", [11, 12])
def test_sessions_are_refreshed_for_hours(seed: int) -> None:
    pair = Pair(Net(0.1, 0.0, 20, seed))
    pair.feed(pair.left, commands.Invite("out", "sip:1001@192.0.2.2", "sip:l@192.0.2.1", OFFER))
    pair.run(6 * 3600)
    assert pair.left.told(events.CallEnded) == []
    assert pair.net.sent >= 2 * 6 * 3600 / 900
    pair.net._loss = 1.0
    pair.run(3600)
    assert len(pair.left.told(events.CallEnded)) == len(pair.right.told(events.CallEnded)) == 1
    assert not any(pair.left.agent.live.values())


@pytest.mark.parametrize("when", [0.0, 0.01, 0.03, 0.05, 0.07])
def test_cancel_crosses_the_answer(when: float) -> None:
    pair = Pair(Net(0.0, 0.0, 20, 1))
    pair.feed(pair.left, commands.Invite("out", "sip:1001@192.0.2.2", "sip:l@192.0.2.1", OFFER))
    pair.run(when)
    pair.feed(pair.left, commands.Cancel("out") if when < 0.04 else commands.Bye("out"))
    pair.run(100)
    assert len(pair.left.told(events.DialFailed)) + len(pair.left.told(events.CallEnded)) == 1
    assert len(pair.right.told(events.CallEnded)) == 1
    for end in (pair.left, pair.right):
        assert not any(end.agent.live.values())


def test_a_peer_that_vanishes_is_noticed() -> None:
    pair = Pair(Net(0.0, 0.0, 20, 1))
    pair.feed(pair.left, commands.Invite("out", "sip:1001@192.0.2.2", "sip:l@192.0.2.1", OFFER))
    pair.run(2)
    pair.net._loss = 1.0
    pair.run(2000)
    assert len(pair.left.told(events.CallEnded)) == 1
    assert len(pair.right.told(events.CallEnded)) == 1


def test_the_net_may_be_awful() -> None:
    pair = Pair(Net(0.5, 0.2, 100, 20, duplicate=0.1))
    calls(pair, 20, every_s=1.0)
    pair.run(2000)
    for end in (pair.left, pair.right):
        assert not any(end.agent.live.values())
