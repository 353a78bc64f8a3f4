"""Whoever brings his PIN along (browser, API) is judged as callers are, by the same budgets and in constant time; rooms
that do not exist are judged too (reliability.md A-01 to A-04). Who sends somebody on learns nothing of other rooms."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from bridge.errors import Reason
from bridge.leg import Desk
from bridge.rooms import commands, pins
from bridge.rooms.budget import MOST_ENTRIES
from bridge.rooms.events import Event, NotAllowed, TalkersChanged, Transferred, record
from bridge.rooms.participant import Role
from bridge.verdicts import MOST_NOWHERE, NOWHERE, Try
from bridge.web.newcomers import Claim
from config.model import Room
from config.secret import Secret
from tests.faketime import run
from tests.studio import FakeLeg
from tests.test_reception import House

HOST, GUEST = Secret("246810"), Secret("135791")
WRONG = Secret("000000")

Scene = Callable[[House], Awaitable[None]]


@dataclass(frozen=True)
class Somebody:
    """Who would be a leg."""

    id: str
    source: str = "192.0.2.1"
    trusted: bool = False
    display_name: str = "Somebody"
    way: str = "web"


def room(house: House, number: str) -> Room:
    found = house.reception.room(number)
    assert found is not None
    return found


def quick(of: Room | None, pin: Secret) -> Role | None:
    """A check without argon2id."""
    if of is None or pin.reveal() not in ("246810", "135791"):
        return None
    return Role.HOST if pin.reveal() == "246810" else Role.GUEST if of.guest_pin else None


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Scene], House]:
    monkeypatch.setattr(pins, "verdict", quick)

    def start(scene: Scene) -> House:
        async def whole() -> House:
            house = House(tmp_path)
            await scene(house)
            await house.close()
            return house

        return run(whole())

    return start


async def timed(answer: Awaitable[Role | Reason]) -> tuple[Role | Reason, float]:
    """An answer, and how long it took [s]."""
    now = asyncio.get_running_loop().time
    began = now()
    return await answer, round(now() - began, 3)


@pytest.mark.parametrize(
    ("number", "pin", "guest", "verdict"),
    [
        ("1001", None, True, Role.HOST),
        ("1001", WRONG, False, Role.HOST),
        ("1002", None, True, Role.GUEST),
        ("1002", HOST, False, Role.HOST),
        ("1002", GUEST, False, Reason.BAD_PIN),
        ("1002", None, False, Reason.BAD_PIN),
        ("1003", None, True, Reason.BAD_PIN),
        ("1003", GUEST, False, Role.GUEST),
        ("1003", HOST, False, Role.HOST),
        ("1004", None, True, Role.GUEST),
    ],
)
def test_the_matrix_of_pins(
    play: Callable[[Scene], House], number: str, pin: Secret | None, guest: bool, verdict: Role | Reason
) -> None:
    async def scene(house: House) -> None:
        assert await house.reception.admit(Somebody("x"), room(house, number), pin, guest) is verdict

    house = play(scene)
    assert house.lines[0]["event"] == "arrived" and "246810" not in repr(house.lines)


def test_verdicts_come_late_by_the_tries_of_their_source_right_or_wrong(
    play: Callable[[Scene], House],
) -> None:
    async def scene(house: House) -> None:
        admit, of = house.reception.admit, room(house, "1003")
        for wait_s in (1.0, 2.0, 4.0, 4.0):
            assert await timed(admit(Somebody("x"), of, WRONG, False)) == (Reason.BAD_PIN, wait_s)
        assert await timed(admit(Somebody("x"), of, HOST, False)) == (Role.HOST, 4.0)
        assert await timed(admit(Somebody("y", "192.0.2.2"), of, HOST, False)) == (Role.HOST, 1.0)
        await asyncio.sleep(601)
        assert await timed(admit(Somebody("x"), of, HOST, False)) == (Role.HOST, 1.0)

    play(scene)


def test_a_room_that_does_not_exist_is_judged_like_any_other(play: Callable[[Scene], House]) -> None:
    async def scene(house: House) -> None:
        admit = house.reception.admit
        told = [
            [await timed(admit(Somebody("x", source), of, WRONG, False, "7777")) for _ in range(8)]
            for source, of in (("192.0.2.1", room(house, "1003")), ("192.0.2.2", None))
        ]
        assert told[0] == told[1]
        assert await admit(Somebody("x"), None, None, True, "7777") is Reason.UNKNOWN_ROOM

    house = play(scene)
    assert not any("7777" in repr(line) for line in house.lines)


def test_made_up_rooms_do_not_push_the_counters_of_true_ones_out() -> None:
    leg = Claim("leg", "Name", "192.0.2.1")
    doors = {Try(leg, None, Secret("1"), print, f"made up {each}").door for each in range(20_000)}
    assert len(doors) <= MOST_NOWHERE < MOST_ENTRIES
    assert all(door.startswith(NOWHERE) for door in doors)


def test_twenty_wrong_verdicts_in_ten_minutes_over_all_ways(play: Callable[[Scene], House]) -> None:
    """A-02, A-03: forty sources try by call and by web; the host comes in all the same."""

    async def scene(house: House) -> None:
        of = room(house, "1003")
        verdicts: list[tuple[float, Role | Reason]] = []
        now = asyncio.get_running_loop().time

        async def web(source: str) -> None:
            for number in range(30):
                verdict = await house.reception.admit(
                    Somebody(f"{source}-{number}", source), of, WRONG, False
                )
                verdicts.append((now(), verdict))

        async def call(source: str) -> None:
            for number in range(10):
                leg = house.call(f"{source}-{number}", "1003", source)
                for _ in range(3):
                    leg.keys("000000#")
                    await asyncio.sleep(70)

        began = now()
        async with asyncio.TaskGroup() as group:
            for number in range(40):
                group.create_task((web if number % 2 else call)(f"192.0.2.{number}"))
            await asyncio.sleep(400)
            late = now()
            assert await house.reception.admit(Somebody("host", "198.51.100.1"), of, HOST, False) is Role.HOST
            assert now() - late <= 61
        wrong = [
            line for line in house.lines if line["event"] == "pin-verdict" and line["outcome"] == "wrong"
        ]
        assert {line["way"] for line in wrong} == {"sip", "web"}
        assert len(wrong) <= 20 * ((now() - began) / 600 + 1)
        assert [line["event"] for line in house.lines].count("guessed-pins") == 1

    play(scene)


def test_tries_are_remembered_over_a_restart(play: Callable[[Scene], House]) -> None:
    async def scene(house: House) -> None:
        for _ in range(3):
            await house.reception.admit(Somebody("x"), room(house, "1003"), WRONG, False)

    async def again(house: House) -> None:
        verdict = await timed(house.reception.admit(Somebody("x"), room(house, "1003"), WRONG, False))
        assert verdict == (Reason.BAD_PIN, 4.0)

    play(scene)
    play(again)


def test_who_goes_away_while_he_is_judged_has_tried(play: Callable[[Scene], House]) -> None:
    async def scene(house: House) -> None:
        of = room(house, "1003")
        for number in range(10):
            await house.reception.admit(Somebody(f"x{number}", f"192.0.2.{number}"), of, WRONG, False)
        impatient = asyncio.create_task(house.reception.admit(Somebody("y"), of, HOST, False))
        await asyncio.sleep(0.5)
        twice = await house.reception.admit(Somebody("y"), of, HOST, False)
        assert twice is Reason.OVERLOADED, "one try at a time"
        impatient.cancel()
        await asyncio.gather(impatient, return_exceptions=True)
        assert not house.reception.verdicts._tries

    play(scene)


def test_a_full_room_is_full_before_and_after_the_pin(play: Callable[[Scene], House]) -> None:
    async def scene(house: House) -> None:
        of = room(house, "1005")
        house.call("guest", "1005").keys("#")
        assert await house.reception.admit(Somebody("x"), of, None, True) is Role.GUEST
        late = FakeLeg("late", house.switchboard).arrive(
            lambda leg: house.reception.attend(leg, of, Role.GUEST)
        )
        house.studio.end_plays(house.switchboard)
        assert late.ended is Reason.FULL
        FakeLeg("host", house.switchboard).arrive(lambda leg: house.reception.attend(leg, of, Role.HOST))
        assert await house.reception.admit(Somebody("x"), of, HOST, False) is Reason.FULL

    play(scene)


# -- to another room ----------------------------------------------------------------------------------------------


async def two_rooms(house: House) -> tuple[FakeLeg, FakeLeg]:
    """A host and a guest in 1002."""
    host = await house.host("host", "1002")
    guest = house.call("guest", "1002")
    guest.keys("#")
    return host, guest


async def send(
    house: House, by: str, dialled: str, role: Role | None = None, pin: Secret | None = None
) -> tuple[Event, ...] | Reason:
    """Somebody in 1002 sends the guest elsewhere."""
    focus = house.conferences.get("1002")
    assert focus is not None
    events = await house.reception.transfer(focus, Somebody(by), "guest", dialled, role, pin)
    house.studio.end_plays(house.switchboard)
    return events


@pytest.mark.parametrize(
    ("dialled", "role", "pin", "outcome"),
    [
        ("1001", None, None, ("1001", Role.HOST)),  # everybody is host there
        ("1004", None, None, ("1004", Role.GUEST)),
        ("1004", Role.GUEST, None, ("1004", Role.GUEST)),
        ("1004", Role.HOST, None, Reason.BAD_PIN),
        ("1004", Role.HOST, WRONG, Reason.BAD_PIN),
        ("1004", Role.HOST, HOST, ("1004", Role.HOST)),
        ("1004", Role.GUEST, HOST, ("1004", Role.GUEST)),
        ("1003", None, None, ("1003", None)),  # is asked there
        ("1003", Role.GUEST, None, ("1003", None)),
        ("1003", Role.GUEST, GUEST, ("1003", Role.GUEST)),
        ("1003", Role.HOST, GUEST, Reason.BAD_PIN),
        ("9999", None, None, Reason.UNKNOWN_ROOM),
    ],
)
def test_a_transfer_gives_no_role_that_nobody_has_shown(
    play: Callable[[Scene], House],
    dialled: str,
    role: Role | None,
    pin: Secret | None,
    outcome: tuple[str, Role | None] | Reason,
) -> None:
    async def scene(house: House) -> None:
        _, guest = await two_rooms(house)
        events = await send(house, "host", dialled, role, pin)
        if isinstance(outcome, Reason):
            assert events is outcome and guest.referred == []
        else:
            assert not isinstance(events, Reason) and isinstance(events[0], Transferred)
            assert guest.referred == [outcome]

    play(scene)


def test_a_guest_learns_nothing_of_other_rooms(play: Callable[[Scene], House]) -> None:
    async def scene(house: House) -> None:
        await two_rooms(house)
        for dialled in ("1001", "9999", "1002"):
            events = await send(house, "guest", dialled, Role.HOST, HOST)
            assert not isinstance(events, Reason)
            assert [type(event) for event in events] == [NotAllowed]
            assert "9999" not in repr(record(events[0]))

    play(scene)


def test_nobody_is_sent_to_a_full_room(play: Callable[[Scene], House]) -> None:
    async def scene(house: House) -> None:
        _, guest = await two_rooms(house)
        house.call("one", "1001")
        house.call("two", "1001")
        assert await send(house, "host", "1001") is Reason.FULL and guest.referred == []

    play(scene)


def test_a_moved_call_knocks_waits_or_is_asked_there(play: Callable[[Scene], House]) -> None:
    async def scene(house: House) -> None:
        await house.host("there", "1004")
        for number, role, hears in (("1004", Role.GUEST, "knocking"), ("1003", None, "ask-pin")):
            move = partial(house.reception.move, room=room(house, number), role=role)
            leg = FakeLeg(f"moved-{number}", house.switchboard).arrive(move)
            assert hears in house.studio.plays(leg.id)
        assert [line["event"] for line in house.lines].count("moved") == 2

    play(scene)


# -- what legs and others learn -----------------------------------------------------------------------------------


def test_legs_in_the_room_learn_who_talks_and_nobody_else(play: Callable[[Scene], House]) -> None:
    async def scene(house: House) -> None:
        host, guest = await two_rooms(house)
        host.keys("*7")
        knocker = house.call("knocker", "1002")
        knocker.keys("#")
        guest.hold(True)
        talking = house.switchboard.on_talking["1002"]
        talking(("host",))
        talking(("host",))
        told = {
            leg.id: [each for each in leg.events if isinstance(each, TalkersChanged)]
            for leg in (host, guest, knocker)
        }
        assert told == {"host": [TalkersChanged(("host",))], "guest": [], "knocker": []}

    play(scene)


def test_who_asks_is_told_what_came_of_it(play: Callable[[Scene], House]) -> None:
    async def scene(house: House) -> None:
        await two_rooms(house)
        focus = house.conferences.get("1002")
        assert focus is not None
        ask = focus.ask
        assert [record(event)["event"] for event in ask(commands.Lock("host", True))] == ["lock-changed"]
        assert [type(event) for event in ask(commands.Lock("guest", False))] == [NotAllowed]
        assert ask(commands.Lock("host", True)) == ask(commands.Lock("stranger", False)) == ()

    play(scene)


def test_keys_are_sent_and_stand_in_no_line(play: Callable[[Scene], House]) -> None:
    async def scene(house: House) -> None:
        await two_rooms(house)
        focus = house.conferences.get("1002")
        assert focus is not None
        focus.command(commands.SendKeys("host", "guest", "4711"))
        sent = [each for each in house.studio.told if type(each).__name__ == "SendDigit"]
        assert len(sent) == 4

    house = play(scene)
    assert "4711" not in repr(house.lines)


def test_a_leg_without_media_gets_it_later(play: Callable[[Scene], House]) -> None:
    async def scene(house: House) -> None:
        leg = FakeLeg("host", house.switchboard)
        leg.has_media = False

        def welcome(leg: FakeLeg) -> Desk:
            return house.reception.attend(leg, room(house, "1002"), Role.HOST)

        leg.arrive(welcome)
        assert house.studio.newest_plan() == {}
        leg.media(True)
        assert house.studio.newest_plan() == {"host": True}
        focus = house.conferences.get("1002")
        assert focus is not None and focus.conference.people[0].encrypted
        leg.media(False)
        assert house.studio.newest_plan() == {}
        assert focus.conference.started

    play(scene)
