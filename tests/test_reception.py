"""From the call to the room and out of it: PIN, waiting, lock, knock, admit, decline, kick, end; prompts and audit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bridge.errors import Reason
from bridge.focus import Conferences
from bridge.media import contract
from bridge.metrics import Metrics
from bridge.reception import Reception
from bridge.rooms import pins
from bridge.rooms.directory import Directory
from bridge.rooms.events import StageChanged
from bridge.rooms.gallery import Canvas
from bridge.rooms.participant import NO_PICTURES, Pictures
from bridge.rooms.pins import hash_pin
from bridge.screens import Screens
from bridge.seats import Seats
from bridge.store import Store
from bridge.switchboard import LONGEST_PLAY_S, Switchboard
from bridge.verdicts import COUNTERS
from config.model import LimitsConfig, Room, RoomKind
from config.secret import Secret
from mixer.scene import Card, View
from tests.faketime import run
from tests.studio import FakeLeg, FakeProjector, FakeStudio

HOST = hash_pin(Secret("246810"), b"0" * 16)
GUEST = hash_pin(Secret("135791"), b"1" * 16)
ROOMS = (
    Room("1001", RoomKind.OPEN, limit=2),
    Room("1002", RoomKind.HOST_PIN, host_pin=HOST),
    Room("1003", RoomKind.HOST_GUEST_PIN, host_pin=HOST, guest_pin=GUEST),
    Room("1004", RoomKind.AUTO_LOCK, host_pin=HOST),
    Room("1005", RoomKind.HOST_PIN, host_pin=HOST, limit=1),
)


@dataclass
class House:
    """A reception with all below it, on fakes."""

    folder: Path
    began: float = 1_700_000_000.0  # Unix seconds
    studio: FakeStudio = field(default_factory=FakeStudio)
    lines: list[dict[str, Any]] = field(default_factory=list)
    faults: list[BaseException] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.switchboard = Switchboard(self.studio)
        self.store = Store(self.folder)
        self.seats = Seats(self.store, 300.0, lambda: self.wallclock)
        self.projector = FakeProjector()
        screens = Screens(self.projector, Canvas())
        self.conferences = Conferences(
            Directory(ROOMS), self.switchboard, self.seats, self.note, "en", 8, screens
        )
        self.reception = Reception(
            self.conferences, self.switchboard, self.store, LimitsConfig(), "en", self.note, Metrics(),
            self.faults.append, lambda: self.wallclock,
        )  # fmt: skip

    @property
    def wallclock(self) -> float:
        """Unix seconds; they go on with the fake time."""
        return self.began + asyncio.get_running_loop().time()

    def note(self, line: Any) -> None:
        self.lines.append(dict(line))

    def call(
        self, name: str, number: str, source: str = "127.0.0.9", pictures: Pictures = NO_PICTURES
    ) -> FakeLeg:
        room = self.reception.find(number, "", source, False)
        assert room is not None
        leg = FakeLeg(name, self.switchboard, source, pictures=pictures)
        return leg.arrive(lambda leg: self.reception.welcome(leg, room))

    async def verdict(self) -> None:
        """Until the PIN is checked (a real thread) and its delay over (fake time)."""
        await asyncio.gather(*self.reception.verdicts._crew._tasks)
        await asyncio.sleep(5)

    async def host(self, name: str, number: str, pictures: Pictures = NO_PICTURES) -> FakeLeg:
        leg = self.call(name, number, pictures=pictures)
        leg.keys("246810#")
        await self.verdict()
        return leg

    async def close(self) -> None:
        await self.reception.close()
        self.seats.close()
        self.store.close()
        assert not self.faults, self.faults


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
        saved = house.reception.verdicts._guard.save(asyncio.get_running_loop().time())
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


def test_who_is_hung_up_while_he_comes_to_the_door_leaves_nothing(play: Callable[[Scene], House]) -> None:
    """The room fills up while he keys, and his ports are gone, so that there is no farewell to wait for."""

    async def scene(house: House) -> None:
        first, second = house.call("first", "1005"), house.call("second", "1005")
        house.switchboard.process_lost(("second",))
        first.keys("#")
        second.keys("#")
        assert second.ended is Reason.FULL
        first.hang_up(Reason.NORMAL)
        assert house.conferences.get("1005") is None

    play(scene)


def test_who_comes_on_hold_is_never_in_the_sound(play: Callable[[Scene], House]) -> None:
    async def scene(house: House) -> None:
        await house.host("host", "1002")
        guest = house.call("guest", "1002")
        guest.hold(True)
        guest.keys("#")
        assert all("guest" not in {seat.leg for seat in plan.seats} for plan in house.studio.plans())
        assert "tone-join" not in house.studio.plays("guest")
        guest.hold(False)
        assert house.studio.newest_plan() == {"host": True, "guest": True}

    play(scene)


def test_all_of_a_turn_is_in_the_audit_log_before_anybody_hears_of_it(play: Callable[[Scene], House]) -> None:
    async def scene(house: House) -> None:
        guest = house.call("guest", "1002")
        guest.keys("#")
        written: list[int] = []
        send = house.studio.send

        def noting(command: contract.Command) -> None:
            if isinstance(command, contract.SetPlan):
                written.append(len(house.lines))
            send(command)

        house.studio.send = noting  # type: ignore[method-assign]
        await house.host("host", "1002")
        events = [line["event"] for line in house.lines]
        assert events[-3:] == ["started", "joined", "joined"]
        assert set(written) == {len(events)}

    play(scene)


def test_a_farewell_that_never_ends_ends_by_the_clock(play: Callable[[Scene], House]) -> None:
    async def scene(house: House) -> None:
        host = await house.host("host", "1002")
        host.keys("##")
        await asyncio.sleep(4)
        assert host.ended is None
        await asyncio.sleep(LONGEST_PLAY_S)
        assert host.ended is Reason.ENDED
        assert house.conferences.get("1002") is None

    play(scene)


def test_media_that_dies_during_a_farewell_ends_it(play: Callable[[Scene], House]) -> None:
    async def scene(house: House) -> None:
        host = await house.host("host", "1002")
        wrong = house.call("wrong", "1003")
        for _ in range(3):
            wrong.keys("000000#")
            await house.verdict()
        host.keys("##")
        await asyncio.sleep(4)
        house.switchboard.process_lost(("host", "wrong"))
        assert (host.ended, wrong.ended) == (Reason.ENDED, Reason.BAD_PIN)
        assert house.conferences.get("1002") is None

    play(scene)


def test_a_check_that_fails_sends_its_caller_away_and_costs_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene() -> None:
        house = House(tmp_path)
        verdict = pins.verdict
        monkeypatch.setattr(pins, "verdict", lambda *_: 1 / 0)
        leg = house.call("unlucky", "1003")
        leg.keys("135791#")
        await asyncio.sleep(5)
        assert house.studio.plays("unlucky")[-1] == "overloaded"
        assert [type(fault) for fault in house.faults] == [ZeroDivisionError]
        house.faults.clear()
        monkeypatch.setattr(pins, "verdict", verdict)
        await house.host("host", "1003")
        assert house.studio.newest_plan() == {"host": True}
        assert not house.reception.verdicts._tries
        await house.close()

    run(scene())


def test_a_store_that_takes_nothing_delays_no_verdict(
    play: Callable[[Scene], House], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(house: House) -> None:
        monkeypatch.setattr(house.store, "save_counters", lambda *_: False)
        leg = house.call("mallory", "1003")
        leg.keys("000000#")
        await house.verdict()
        assert "pin-wrong" in house.studio.plays("mallory")

    play(scene)


def test_counters_that_cannot_be_read_do_not_stop_the_start(
    play: Callable[[Scene], House], tmp_path: Path
) -> None:
    store = Store(tmp_path)
    store.save_counters(COUNTERS, b"\xc1 nonsense")
    store.close()

    async def scene(house: House) -> None:
        await house.host("host", "1002")

    play(scene)


def test_who_is_called_by_the_bridge_is_let_in_past_the_lock(play: Callable[[Scene], House]) -> None:
    async def scene(house: House) -> None:
        host = await house.host("host", "1004")
        room = house.reception.room("1004")
        assert room is not None
        called = FakeLeg("called", house.switchboard).arrive(
            lambda leg: house.reception.welcome_dialled(leg, room)
        )
        assert set(house.studio.newest_plan()) == {"host", "called"}
        called.hang_up(Reason.NORMAL)
        host.hang_up(Reason.NORMAL)

    house = play(scene)
    assert not any(isinstance(each, contract.Play) and "pin" in repr(each) for each in house.studio.told[-5:])


# -- pictures -------------------------------------------------------------------------------------------------------

BOTH = Pictures(camera=True, watches=True)


def test_a_video_call_sees_cards_until_it_sees_people(play: Callable[[Scene], House]) -> None:
    async def scene(house: House) -> None:
        guest = house.call("guest", "1002", pictures=BOTH)
        assert house.projector.view("1002", "guest") == View(card=Card.WELCOME)
        assert house.conferences.get("1002") is None, "no conference begins for a card"
        guest.keys("#")
        assert house.projector.view("1002", "guest") == View(card=Card.WAITING_FOR_HOST)
        host = await house.host("host", "1002", BOTH)
        assert [face.source for face in house.projector.view("1002", "guest").faces] == ["host"]
        assert [face.source for face in house.projector.view("1002", "host").faces] == ["guest"]
        assert {seat.leg: seat.seen for seat in house.studio.plans()[-1].seats} == {"host": 720, "guest": 720}
        host.keys("##")
        await asyncio.sleep(4)
        assert house.projector.view("1002", "guest") == View(card=Card.ENDED)
        await asyncio.sleep(LONGEST_PLAY_S)
        assert house.projector.newest("1002").watchers == {}

    play(scene)


def test_a_room_that_is_full_says_so_in_the_picture(play: Callable[[Scene], House]) -> None:
    async def scene(house: House) -> None:
        await house.host("host", "1005", BOTH)
        late = house.call("late", "1005", pictures=BOTH)
        assert house.projector.view("1005", "late") == View(card=Card.FULL)
        house.studio.end_plays(house.switchboard)
        assert late.ended is Reason.FULL and "late" not in house.projector.newest("1005").watchers

    play(scene)


def test_who_is_declined_learns_no_more_from_the_picture(play: Callable[[Scene], House]) -> None:
    async def scene(house: House) -> None:
        host = await house.host("host", "1004", BOTH)
        knocker = house.call("knocker", "1004", pictures=BOTH)
        knocker.keys("#")
        assert house.projector.view("1004", "knocker") == View(card=Card.WAITING_TO_BE_LET_IN)
        assert house.projector.view("1004", "host").knocking == 1
        host.keys("*22")
        assert house.projector.view("1004", "knocker") == View(card=Card.DECLINED)

    play(scene)


def test_a_call_that_gets_pictures_at_reception_sees_its_card(play: Callable[[Scene], House]) -> None:
    async def scene(house: House) -> None:
        leg = house.call("leg", "1002")
        assert house.projector.shown == []
        leg.video(BOTH)
        assert house.projector.view("1002", "leg").card is Card.WELCOME
        leg.video(NO_PICTURES)
        assert house.projector.newest("1002").watchers == {}
        leg.video(BOTH)
        leg.keys("1#")
        leg.hang_up(Reason.NORMAL)
        assert house.projector.newest("1002").watchers == {}

    play(scene)


def test_a_talker_moves_pictures_when_he_has_talked_for_a_while(play: Callable[[Scene], House]) -> None:
    async def scene(house: House) -> None:
        host = await house.host("host", "1002", BOTH)
        for name in ("one", "two"):
            house.call(name, "1002", pictures=BOTH).keys("#")
        host.events.clear()
        house.switchboard.media_event(contract.Talking("1002", ("two",)))
        assert [face.source for face in house.projector.view("1002", "host").faces] == ["one", "two"]
        assert house.projector.view("1002", "host").faces[1].talking
        await asyncio.sleep(2)
        assert [face.source for face in house.projector.view("1002", "host").faces] == ["two", "one"]
        assert any(isinstance(event, StageChanged) for event in host.events)
        assert not any(line["event"].startswith("talk") for line in house.lines)

    play(scene)
