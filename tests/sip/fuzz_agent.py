"""Targets for the fuzzer: an agent with a call in each state is fed bytes; it answers or drops, and never raises.

An agent is used for many cases, so that what one leaves behind is met by the next; it is replaced now and then.
"""

from __future__ import annotations

from collections.abc import Callable

from bridge.machine import WAKE
from bridge.sip import commands, events
from tests.sip.desk import ANSWER, OFFER, TCP, UDP, Desk, Peer, Room, answer_to, requests, set_up

_CASES_AN_AGENT = 500


class _Stage:
    """A desk with calls in many states, and the messages that fit them."""

    def __init__(self) -> None:
        self.desk = Desk()
        self.room = Room(self.desk)
        self.cases = 0
        up = Peer(call_id="up@c")
        set_up(self.desk, up, "Supported: timer, 100rel\r\nAllow: UPDATE\r\n")
        self.desk.receive(Peer(call_id="ringing@c").request("INVITE", OFFER, "Require: 100rel\r\n"))
        self.desk.feed(commands.Ring("in-2"))
        self.desk.feed(commands.Reinvite("in-1", ANSWER))
        hop = commands.Hop("udp", "192.0.2.9", 5060)
        out = self.desk.feed(commands.Invite("out", "sip:b@192.0.2.9", "sip:1001@mcu", OFFER, hop=hop))
        invite = requests(out)[0]
        rel = "Contact: <sip:b@192.0.2.9>\r\nRequire: 100rel\r\nRSeq: 1\r\n"
        self.messages = [
            up.request("INFO", b"Signal=5\r\nDuration=160\r\n", kind="application/dtmf-relay"),
            up.request("UPDATE", OFFER, "Session-Expires: 300;refresher=uas\r\nSupported: timer\r\n"),
            up.request("INVITE", OFFER, "Session-Expires: 90\r\nMin-SE: 90\r\n"),
            up.request("BYE", more='Reason: SIP;cause=200;text="x"\r\n'),
            up.request("ACK", OFFER, cseq=1),
            up.request("PRACK", more="RAck: 501 1 INVITE\r\n"),
            Peer(call_id="new@c").request(
                "INVITE", OFFER, "Record-Route: <sip:p;lr>\r\nSupported: timer\r\n"
            ),
            Peer(call_id="new@c").request("CANCEL"),
            Peer(call_id="ask@c").request("OPTIONS", more="Require: timer\r\nAuthorization: Digest x=y\r\n"),
            answer_to(invite, 183, rel, ANSWER),
            answer_to(
                invite, 200, "Contact: <sip:b@192.0.2.9>\r\nSession-Expires: 90;refresher=uac\r\n", ANSWER
            ),
            answer_to(invite, 401, 'WWW-Authenticate: Digest realm="x", nonce="y", qop="auth"\r\n'),
            answer_to(invite, 422, "Min-SE: 1000\r\n"),
        ]


class _Feeder:
    """Gives bytes to an agent, by datagram or connection."""

    def __init__(self, stream: bool) -> None:
        self._flow = TCP if stream else UDP
        self._stage: _Stage | None = None

    def __call__(self, data: bytes) -> object:
        stage = self._stage
        if stage is None or stage.cases >= _CASES_AN_AGENT:
            stage = self._stage = _Stage()
        stage.cases += 1
        out = stage.room.receive(data, self._flow)
        stage.desk.now += 0.05
        stage.room.react(stage.desk.feed(WAKE))
        assert all(len(each.data) < 200_000 for each in out if isinstance(each, events.SendOn))
        stage.desk.log.clear()
        stage.room.events.clear()
        return out


_SEEDS = _Stage().messages
TARGETS: dict[str, tuple[Callable[[bytes], object], list[bytes]]] = {
    "agent-datagram": (_Feeder(stream=False), _SEEDS),
    "agent-stream": (_Feeder(stream=True), _SEEDS),
}
