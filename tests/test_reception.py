"""From the call to the room and out of it: PIN, waiting, lock, knock, admit, decline, kick, end; prompts and audit."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bridge.errors import Reason
from bridge.focus import Conferences
from bridge.metrics import Metrics
from bridge.reception import Reception
from bridge.rooms.pins import hash_pin
from bridge.store import Store
from bridge.switchboard import Switchboard
from config.model import LimitsConfig, Room, RoomKind
from config.secret import Secret
from tests.faketime import run
from tests.studio import FakeLeg, FakeStudio

HOST = hash_pin(Secret("246810"), b"0" * 16)
GUEST = hash_pin(Secret("135791"), b"1" * 16)
ROOMS = (
    Room("1001", RoomKind.OPEN, limit=2),
    Room("1002", RoomKind.HOST_PIN, host_pin=HOST),
    Room("1003", RoomKind.HOST_GUEST_PIN, host_pin=HOST, guest_pin=GUEST),
    Room("1004", RoomKind.AUTO_LOCK, host_pin=HOST),
)


@dataclass
class House:
    """A reception with all below it, on fakes."""

    folder: Path
    studio: FakeStudio = field(default_factory=FakeStudio)
    lines: list[dict[str, Any]] = field(default_factory=list)
    faults: list[BaseException] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.switchboard = Switchboard(self.studio)
        self.store = Store(self.folder)
        self.conferences = Conferences(self.switchboard, self.note, "en", 8)
        self.reception = Reception(
            ROOMS, self.conferences, self.switchboard, self.store, LimitsConfig(), "en", self.note, Metrics(),
            self.faults.append, time.time,
        )  # fmt: skip

    def note(self, line: Any) -> None:
        self.lines.append(dict(line))

    def call(self, name: str, number: str, source: str = "127.0.0.9") -> FakeLeg:
        room = self.reception.find(number, "", source, False)
        assert room is not None
        return FakeLeg(name, self.switchboard, source).arrive(lambda leg: self.reception.welcome(leg, room))

    async def verdict(self) -> None:
        """Until the PIN is checked (a real thread) and its delay over (fake time)."""
        await asyncio.gather(*self.reception._crew._tasks)
        await asyncio.sleep(5)

    async def host(self, name: str, number: str) -> FakeLeg:
        leg = self.call(name, number)
        leg.keys("246810#")
        await self.verdict()
        return leg

    async def close(self) -> None:
        await self.reception.close()
        self.store.close()
        assert not self.faults


Scene = Callable[[House], Awaitable[None]]


@pytest.fixture
def play(tmp_path: Path) -> Callable[[Scene], House]:
    def start(scene: Scene) -> House:
        async def whole() -> House:
            house = House(tmp_path)
            await scene(house)
            await house.close()
            return house

        return run(whole())

    return start


def test_unknown_numbers_find_nothing_and_slow_their_source_down(play: Callable[[Scene], House]) -> None:
    async def scene(house: House) -> None:
        for number in range(25):
            assert house.reception.find(f"9{number}", "", "192.0.2.7", False) is None
        assert house.reception.delay_s("192.0.2.7", False) > 0
        assert house.reception.delay_s("192.0.2.8", False) == 0
        assert [line["event"] for line in house.lines] == ["guessed-numbers"]

    play(scene)


def test_an_open_room_lets_in_without_a_question(play: Callable[[Scene], House]) -> None:
    async def scene(house: House) -> None:
        house.call("anna", "1001")
        house.call("bert", "1001")
        assert house.studio.newest_plan() == {"anna": True, "bert": True}
        third = house.call("cleo", "1001")
        assert house.studio.plays("cleo") == ["full"]
        house.studio.end_plays(house.switchboard)
        assert third.ended is Reason.FULL

    play(scene)


def test_the_guest_waits_until_the_host_has_keyed_his_pin(play: Callable[[Scene], House]) -> None:
    async def scene(house: House) -> None:
        guest = house.call("guest", "1002")
        guest.keys("#")
        assert house.studio.plays("guest")[-2:] == ["wait-host", "music"]
        assert house.studio.newest_plan() == {}
        await house.host("host", "1002")
        assert house.studio.newest_plan() == {"host": True, "guest": True}

    house = play(scene)
    text = repr(house.lines)
    assert "246810" not in text
    assert [line["outcome"] for line in house.lines if line["event"] == "pin-verdict"] == ["host"]


def test_three_wrong_pins_end_the_call_and_each_is_told(play: Callable[[Scene], House]) -> None:
    async def scene(house: House) -> None:
        leg = house.call("mallory", "1003")
        for _ in range(3):
            leg.keys("000000#")
            await house.verdict()
        told = house.studio.plays("mallory")
        assert [name for name in told if name.startswith("pin")] == [
            "pin-wrong",
            "pin-last-try",
            "pin-failed",
        ]
        house.studio.end_plays(house.switchboard)
        assert leg.ended is Reason.BAD_PIN

    play(scene)


def test_wrong_pins_are_remembered_over_a_restart(play: Callable[[Scene], House], tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        leg = house.call("mallory", "1003")
        leg.keys("000000#")
        await house.verdict()

    async def again(house: House) -> None:
        saved = house.reception._guard.save(asyncio.get_running_loop().time())
        assert list(saved["rooms"]) == ["1003"]

    play(scene)
    play(again)


def test_lock_knock_admit_and_decline_by_keypad(play: Callable[[Scene], House]) -> None:
    async def scene(house: House) -> None:
        host = await house.host("host", "1002")
        host.keys("*7")
        first, second = house.call("first", "1002"), house.call("second", "1002", "127.0.0.8")
        first.keys("#")
        second.keys("#")
        assert house.studio.newest_plan() == {"host": True}
        assert house.studio.plays("host").count("somebody-knocks") == 2
        host.keys("*2#")
        assert set(house.studio.newest_plan()) == {"host", "first"}
        host.keys("*22")
        assert house.studio.plays("second")[-1] == "declined"
        house.studio.end_plays(house.switchboard)
        assert second.ended is Reason.DECLINED
        assert first.ended is None
        assert not any("Second" in repr(event) for event in first.events)

    play(scene)


def test_a_guests_host_keys_do_nothing_but_say_so(play: Callable[[Scene], House]) -> None:
    async def scene(house: House) -> None:
        await house.host("host", "1002")
        guest = house.call("guest", "1002")
        guest.keys("#")
        for keys in ("*7", "*5", "*2#", "*22", "##"):
            guest.keys(keys)
        assert house.studio.plays("guest").count("not-allowed") == 5
        assert house.conferences.get("1002") is not None
        assert not house.conferences.get("1002").conference.locked  # type: ignore[union-attr]

    house = play(scene)
    assert sum(line["event"] == "not-allowed" for line in house.lines) == 5


def test_ending_for_all_hangs_everybody_up_and_leaves_nothing(play: Callable[[Scene], House]) -> None:
    async def scene(house: House) -> None:
        host = await house.host("host", "1002")
        guest = house.call("guest", "1002")
        guest.keys("#")
        host.keys("##")
        await asyncio.sleep(4)
        house.studio.end_plays(house.switchboard)
        assert host.ended is guest.ended is Reason.ENDED
        assert house.conferences.get("1002") is None

    play(scene)


def test_a_leg_that_hangs_up_at_reception_leaves_nothing(play: Callable[[Scene], House]) -> None:
    async def scene(house: House) -> None:
        leg = house.call("shy", "1003")
        leg.keys("24")
        leg.hang_up(Reason.NORMAL)
        assert house.conferences.get("1003") is None
        busy = house.call("busy", "1003")
        busy.keys("246810#")
        busy.hang_up(Reason.NORMAL)
        await house.verdict()
        assert house.conferences.get("1003") is None

    play(scene)
