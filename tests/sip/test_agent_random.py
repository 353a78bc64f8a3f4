"""Whatever comes in whatever order, the agent never raises, tells each end once, and frees everything at last."""

from __future__ import annotations

from collections import Counter

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.machine import WAKE
from bridge.sip import commands, events
from bridge.sip.commands import Hop, Input
from bridge.sip.flow import Flow
from tests.sip.desk import ANSWER, OFFER, OURS, TCP, UDP, Desk, Peer, answer_to, requests, told
from tests.sip.fuzz_agent import TARGETS

METHODS = (
    "INVITE",
    "ACK",
    "BYE",
    "CANCEL",
    "INFO",
    "UPDATE",
    "PRACK",
    "OPTIONS",
    "REFER",
    "REGISTER",
    "MESSAGE",
)
MORE = (
    "",
    "Supported: timer, 100rel\r\nAllow: UPDATE\r\n",
    "Require: 100rel\r\n",
    "Session-Expires: 100;refresher=uas\r\nSupported: timer\r\n",
    "Session-Expires: 20\r\n",
    "RAck: 501 1 INVITE\r\n",
    "Record-Route: <sip:192.0.2.5>\r\n",
)
HOP = Hop("udp", "192.0.2.9", 5060)
STATUSES = (100, 180, 183, 200, 302, 401, 407, 422, 481, 486, 487, 491, 500, 503, 603)

step = st.one_of(
    st.tuples(
        st.just("request"),
        st.integers(0, 2),
        st.sampled_from(METHODS),
        st.sampled_from(MORE),
        st.integers(1, 4),
        st.booleans(),
        st.booleans(),
    ),
    st.tuples(
        st.just("response"),
        st.integers(0, 5),
        st.sampled_from(STATUSES),
        st.sampled_from("ab"),
        st.booleans(),
    ),
    st.tuples(st.just("command"), st.integers(0, 9), st.sampled_from(["in-1", "in-2", "in-3", "out"])),
    st.tuples(st.just("sleep"), st.sampled_from([0.0, 0.4, 3.0, 33.0, 200.0])),
)


def command(number: int, call: str) -> Input:
    return (
        commands.Ring(call, True),
        commands.Progress(call, 183, ANSWER, True),
        commands.Answer(call, ANSWER),
        commands.Reject(call, 486),
        commands.AnswerReinvite(call, ANSWER),
        commands.AnswerReinvite(call, None),
        commands.Reinvite(call, ANSWER),
        commands.SendInfo(call, "application/dtmf", b"1"),
        commands.Bye(call),
        commands.Cancel(call),
    )[number]


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(step, max_size=40), st.booleans())
def test_any_order_of_anything(steps: list[tuple[object, ...]], stream: bool) -> None:
    flow = TCP if stream else UDP
    desk = Desk(flow=flow)
    peers = [Peer(flow, f"call-{number}") for number in range(3)]
    desk.feed(commands.Invite("out", "sip:b@192.0.2.9", "sip:1001@mcu", OFFER, hop=HOP, ring_s=100))
    for each in steps:
        match each:
            case ("request", int(who), str(method), str(more), int(cseq), bool(inside), bool(body)):
                peer = peers[who]
                tag, peer.to_tag = peer.to_tag, peer.to_tag if inside else ""
                branch = f"z9hG4bK-{who}-{cseq}-{inside}"
                out = desk.receive(
                    peer.request(method, OFFER if body else b"", more, cseq=cseq, branch=branch)
                )
                peer.to_tag = tag
                peer.learn(out)
            case ("response", int(which), int(status), str(tag), bool(body)):
                sent = requests(desk.log)
                if sent:
                    more = "Contact: <sip:b@192.0.2.9>\r\nRequire: 100rel\r\nRSeq: 1\r\nMin-SE: 300\r\n"
                    more += 'WWW-Authenticate: Digest realm="r", nonce="n"\r\nSession-Expires: 100\r\n'
                    desk.receive(
                        answer_to(sent[-1 - which % len(sent)], status, more, ANSWER if body else b"", tag)
                    )
            case ("command", int(number), str(call)):
                desk.feed(command(number, call))
            case ("sleep", float(seconds)):
                desk.sleep(seconds)
    desk.feed(commands.FlowLost(Flow("tcp", OURS, ("192.0.2.77", 40001), 7)))
    for call in ("in-1", "in-2", "in-3", "out"):
        desk.feed(commands.Bye(call))
    desk.sleep(3000)
    for _ in range(5):
        for call in list(desk.agent._calls.named):
            desk.feed(commands.Bye(call))
        desk.sleep(3000)
    assert desk.quiet(), desk.agent.live
    check_ends([each for _, each in desk.log])


def check_ends(log: list[events.Output]) -> None:
    begun = Counter(each.call for each in log if isinstance(each, events.IncomingCall | events.DialAnswered))
    ended = Counter(each.call for each in log if isinstance(each, events.CallEnded))
    assert begun == ended
    failed = [each for each in log if isinstance(each, events.DialFailed)]
    assert len(failed) + begun["out"] == 1
    over: set[str] = set()
    for each in told(log):
        call = getattr(each, "call", "")
        assert call not in over, "told something of a call after its end"
        if isinstance(each, events.CallEnded | events.DialFailed):
            over.add(call)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(TARGETS)), st.integers(0, 12), st.integers(0, 400), st.binary(max_size=8))
def test_broken_messages_never_raise(name: str, which: int, place: int, noise: bytes) -> None:
    target, seeds = TARGETS[name]
    seed = seeds[which % len(seeds)]
    place = min(place, len(seed))
    target(seed[:place] + noise + seed[place + len(noise) :])


def test_waking_too_often_does_no_harm() -> None:
    desk = Desk()
    desk.receive(Peer().request("INVITE", OFFER))
    assert [desk.feed(WAKE) for _ in range(5)] == [[]] * 5
