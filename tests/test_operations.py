"""What an operator may do: see who is in a room, steer it, call out to whom the configuration allows, and drain; each
step is in the audit log. An operator has no ear in any room."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import pytest

from bridge.errors import Reason
from bridge.leg import Called
from bridge.load import LoadWatch
from bridge.operations import Operations, fits
from bridge.rooms.participant import Pictures, Role
from bridge.sip.signalling import Signalling
from bridge.sip.uri import Uri
from config.model import DialOutConfig, Peer, PeerKind, Room
from tests.faketime import run
from tests.test_reception import House

TRUNK = Peer("trunk", PeerKind.TRUNK, ("192.0.2.1",), server="sip:Provider.example:5070")
DIAL_OUT = DialOutConfig(("*@provider.example", "+47*@other.example", "kari@client.example"), per_minute=2)


class Signals:
    """Signalling that only notes what it is told."""

    def __init__(self) -> None:
        self.dialled: list[tuple[str, str, str | None]] = []
        self.roles: list[Role] = []
        self.drained: list[int] = []

    def dial(self, room: Room, target: Uri, trunk: Peer | None, role: Role) -> str:
        self.dialled.append((room.number, str(target), trunk.name if trunk else None))
        self.roles.append(role)
        return f"out{len(self.dialled)}"

    def drain(self, retry_after_s: int) -> None:
        self.drained.append(retry_after_s)


class Load:
    """The load that a test wants."""

    draining = False
    trouble: str | None = None

    def refusal(self) -> str | None:
        return "draining" if self.draining else self.trouble


class Desk:
    """Operations over a real house."""

    def __init__(self, folder: Path) -> None:
        self.house = House(folder)
        self.signals, self.load, self.stopped = Signals(), Load(), list[float]()
        self.operations = Operations(
            self.house.conferences, self.house.reception, cast(Signalling, self.signals), cast(LoadWatch, self.load),
            (TRUNK,), DIAL_OUT, 60.0, self.house.note, lambda: None,
            lambda: self.stopped.append(asyncio.get_running_loop().time()),
        )  # fmt: skip

    def events(self) -> list[str]:
        return [line["event"] for line in self.house.lines]


def play(folder: Path, scene: Callable[[Desk], Awaitable[Any]]) -> Desk:
    async def whole() -> Desk:
        desk = Desk(folder)
        await scene(desk)
        await desk.house.close()
        return desk

    return run(whole())


def test_who_is_where(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        assert desk.operations.conferences() == [] and desk.operations.people("1002") is None
        await desk.house.host("host", "1002")
        desk.house.call("guest", "1002").keys("#")
        desk.operations.command("1002", "lock", None)
        desk.house.call("late", "1002").keys("#")
        assert desk.operations.conferences() == [
            {
                "number": "1002",
                "started": True,
                "locked": True,
                "inside": 2,
                "hosts": 1,
                "lobby": 1,
                "talking": 0,
                "layout": "1:7",
                "watching": 0,
            }
        ]
        people = desk.operations.people("1002")
        assert people is not None
        assert [(each["name"], each["role"], each["place"]) for each in people] == [
            ("Host", "host", "inside"), ("Guest", "guest", "inside"), ("Late", "guest", "knocking"),
        ]  # fmt: skip

    play(tmp_path, scene)


def test_pictures_are_steered(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        pictures = Pictures(camera=True, watches=True)
        await desk.house.host("host", "1002", pictures)
        desk.house.call("guest", "1002", pictures=pictures).keys("#")
        for what in ("mark-interpreter", "video-mute"):
            assert desk.operations.command("1002", what, "guest") is None
        assert desk.operations.command("1002", "next-layout", None) is None
        (shown,) = desk.operations.conferences()
        assert (shown["layout"], shown["watching"]) == ("1:21", 2)
        _, guest = desk.operations.people("1002") or [{}, {}]
        assert guest["interpreter"] and guest["video_muted"] and guest["camera"] and not guest["presenting"]
        for what in ("unmark-interpreter", "video-unmute"):
            desk.operations.command("1002", what, "guest")
        _, guest = desk.operations.people("1002") or [{}, {}]
        assert not guest["interpreter"] and not guest["video_muted"]

    play(tmp_path, scene)


def test_steering_is_done_and_written_down(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        host = await desk.house.host("host", "1002")
        guest = desk.house.call("guest", "1002")
        guest.keys("#")
        command = desk.operations.command
        assert command("1002", "mute", "guest") is None
        assert desk.house.studio.newest_plan() == {"host": True, "guest": False}
        assert command("1002", "kick", "guest") is None
        desk.house.studio.end_plays(desk.house.switchboard)
        assert guest.ended is Reason.KICKED
        assert command("1002", "end", None) is None
        desk.house.studio.end_plays(desk.house.switchboard)
        assert host.ended is Reason.ENDED
        done = [(line["event"], line["by"], line["how"]) for line in desk.house.lines]
        assert ("mute-changed", "operator", "operator") in done and ("ended", "operator", "operator") in done

    play(tmp_path, scene)


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        command = desk.operations.command
        assert command("1002", "lock", None) == "no-such-conference"
        await desk.house.host("host", "1002")
        assert command("1002", "explode", None) == command("1002", "explode", "host") == "no-such-command"
        assert command("1002", "kick", None) == command("1002", "lock", "host") == "no-such-command"
        assert command("1002", "kick", "nobody") == "no-such-participant"

    play(tmp_path, scene)


def test_calls_out_go_where_the_configuration_allows(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        dial = desk.operations.dial
        assert dial("9999", "sip:kari@client.example") == "unknown-room"
        for uri in (
            "kari",
            "tel:+4722",
            "sip:",
            "sip:kari@client.example?Route=x",
            "sip:kari:x@client.example",
        ):
            assert dial("1002", uri) == "not-a-sip-uri", uri
        for uri in (
            "sip:ola@client.example",
            "sip:22@other.example",
            "sip:client.example",
            "sip:x@y.provider.example",
        ):
            assert dial("1002", uri) == "not-on-the-allow-list", uri
        assert dial("1002", "sip:kari@client.example") is None
        assert dial("1002", "sip:1@PROVIDER.example") is None
        assert dial("1002", "sip:+4722@other.example") == "too-many-calls-out"
        await asyncio.sleep(61)
        desk.load.trouble = "calls"
        assert dial("1002", "sip:+4722@other.example") == "calls"
        assert desk.signals.dialled == [
            ("1002", "sip:kari@client.example", None), ("1002", "sip:1@PROVIDER.example", "trunk"),
        ]  # fmt: skip
        assert desk.events() == ["dial", "dial"]

    play(tmp_path, scene)


def test_a_host_calls_out_where_the_configuration_allows_and_a_guest_does_not(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await desk.house.host("host", "1002")
        desk.house.call("guest", "1002").keys("#")
        focus = desk.house.conferences.get("1002")
        assert focus is not None
        dial = desk.operations.dial_for
        assert dial("guest", focus, "sip:kari@client.example") == "not-allowed"
        assert dial("stranger", focus, "sip:kari@client.example") == "not-allowed"
        assert dial("host", focus, "sip:ola@client.example") == "not-on-the-allow-list"
        assert dial("host", focus, "sip:kari@client.example", Role.HOST) == Called("out1")
        assert desk.signals.dialled == [("1002", "sip:kari@client.example", None)]
        assert desk.signals.roles == [Role.HOST]
        (line,) = (line for line in desk.house.lines if line["event"] == "dial")
        assert (line["by"], line["how"]) == ("host", "api") and "kari" not in repr(desk.house.lines)
        assert dial("host", focus, "sip:kari@client.example") == Called("out2")
        assert dial("host", focus, "sip:kari@client.example") == "too-many-calls-out"

    play(tmp_path, scene)


def test_draining_ends_the_bridge_in_the_end_and_once(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        now = asyncio.get_running_loop().time()
        desk.operations.drain()
        desk.operations.drain()
        assert desk.operations.ready() == "draining"
        assert desk.operations.dial("1002", "sip:kari@client.example") == "draining"
        await asyncio.sleep(61)
        assert desk.stopped == [now + 60] and len(desk.signals.drained) == 1
        assert desk.events() == ["drain"]

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("pattern", "target", "allowed"),
    [
        ("*@a.example", "x@a.example", True),
        ("*@a.example", "@a.example", True),
        ("*@a.example", "x@b.a.example", False),
        ("+47*@a.example", "+4722@A.example", True),
        ("+47*@a.example", "47@a.example", False),
        ("kari@a.example", "kari2@a.example", False),
    ],
)
def test_patterns(pattern: str, target: str, allowed: bool) -> None:
    assert fits(pattern, target) is allowed
