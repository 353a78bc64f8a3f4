"""Every shared SIP message, stream and device offer gets from the agent what its manifest says may come back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bridge.sip import commands, events
from bridge.sip.events import Output
from bridge.sip.flow import Flow
from bridge.sip.framing import KeepAlive, StreamFramer
from tests.sip.desk import OURS, Desk, Peer, Room, drops, messages, responses, statuses

VECTORS = Path(__file__).parents[2] / ".." / "shared" / "vectors"
KINDS = ("sip", "stream", "device")


def entries() -> list[dict[str, Any]]:
    manifest = VECTORS / "manifest.json"
    if not manifest.exists():
        return []
    return [each for each in json.loads(manifest.read_text()) if each["kind"] in KINDS]


# What only time or the handshake shows: the transports' tests hold these.
_NOT_HERE = {"slowloris-part", "tls-half-hello"}
ENTRIES = [each for each in entries() if each["name"] not in _NOT_HERE]
pytestmark = [pytest.mark.shared, pytest.mark.skipif(not ENTRIES, reason="the shared vectors are not here")]


def flow_of(transport: str) -> Flow:
    protocol = "tls" if transport == "wss" else transport
    return Flow(protocol, OURS if protocol != "tls" else (OURS[0], 5061), ("198.51.100.77", 5062), 3)


def deliver(room: Room, data: bytes, flow: Flow) -> tuple[list[Output], bool, bool]:
    """Let the bytes in as their transport would; returns outputs, whether it closed, whether it ponged."""
    if flow.protocol == "udp":
        return room.receive(data, flow), False, False
    framer = StreamFramer()
    out: list[Output] = []
    pieces = framer.push(data)
    for each in pieces:
        if isinstance(each, bytes):
            out += room.receive(each, flow)
    return out, framer.fault is not None, KeepAlive.PING in pieces


def fits(expect: str, finals: list[int], dropped: bool, closed: bool, ponged: bool) -> bool:
    for word in expect.replace(" x2", "").split("|"):
        match word.strip():
            case "accept" | "accept-no-send":
                # 400 is no acceptance; 415 and 488 are the answers of one who understood.
                if finals and all(each not in (400, 416, 505, 513) for each in finals):
                    return True
            case "drop" | "stun-reply":
                if dropped and not finals:
                    return True
            case "close":
                if closed:
                    return True
            case "pong":
                if ponged:
                    return True
            case number:
                if finals and finals[0] == int(number):
                    return True
    return False


@pytest.mark.parametrize("entry", ENTRIES, ids=[each["name"] for each in ENTRIES])
def test_a_shared_message(entry: dict[str, Any]) -> None:
    desk = Desk()
    room = Room(desk)
    data = (VECTORS / entry["file"]).read_bytes()
    flow = flow_of(entry["transport"])
    out, closed, ponged = deliver(room, data, flow)
    finals = [each for each in statuses(out) if each >= 200]
    assert fits(entry["expect"], finals, bool(drops(out)), closed, ponged), (
        entry["expect"],
        finals,
        drops(out),
    )
    if "x2" in entry["expect"]:
        assert len(finals) == 2
    for each in out:
        if isinstance(each, events.SendOn):
            assert each.flow.remote[0] == "198.51.100.77"
            assert len(each.data) <= 3 * len(data)
        assert not isinstance(each, events.Connect)
    answered = [
        (each.headers.get("CSeq"), each.headers.get("Via")) for each in responses(out) if each.status >= 200
    ]
    assert len(set(answered)) == len(finals)
    # The next one is served as before, and nothing stays behind.
    assert statuses(room.receive(Peer(call_id="probe").request("OPTIONS"), Peer().flow)) == [200]
    for call in [each.call for each in room.events if isinstance(each, events.IncomingCall)]:
        desk.feed(commands.Bye(call))
    desk.sleep(150)
    assert desk.quiet()


@pytest.mark.parametrize("entry", ENTRIES, ids=[each["name"] for each in ENTRIES])
def test_what_we_send_for_it_can_be_read(entry: dict[str, Any]) -> None:
    room = Room(Desk())
    out, _, _ = deliver(room, (VECTORS / entry["file"]).read_bytes(), flow_of(entry["transport"]))
    for message in messages(out):
        # Of a hundred Via lines, what was cut off cannot be echoed.
        assert message.fault is None or entry["name"] == "via-100"


@pytest.mark.parametrize(
    "entry", [each for each in ENTRIES if each["kind"] == "sip"], ids=lambda each: each["name"]
)
def test_repeats_leave_nothing(entry: dict[str, Any]) -> None:
    desk = Desk()
    room = Room(desk)
    data = (VECTORS / entry["file"]).read_bytes()
    for _ in range(20):
        deliver(room, data, flow_of(entry["transport"]))
    assert desk.agent.live["calls"] <= 1
    desk.sleep(150)
    assert desk.quiet() or desk.agent.live["calls"] == 0
