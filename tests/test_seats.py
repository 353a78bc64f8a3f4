"""Who is lost comes back to his seat; who left, was sent away, or is too late does not. Locks outlive a crash, but not
a run that has ended, and not for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from bridge.errors import Reason
from bridge.rooms import commands
from bridge.rooms.participant import Place, Role
from bridge.seats import Seat
from config.model import Room
from tests.faketime import run
from tests.studio import FakeLeg
from tests.test_reception import House

NUMBER = "1002"
Scene = Callable[[House], Awaitable[None]]


class Home(House):
    """A house in which people have seats."""

    @property
    def room(self) -> Room:
        room = self.reception.room(NUMBER)
        assert room is not None
        return room

    def sit(self, name: str, role: Role = Role.GUEST) -> tuple[FakeLeg, str]:
        """Somebody comes in by a browser; returns his leg and the key to his seat."""
        key = self.seats.give(name, name.title(), NUMBER, role)
        leg = FakeLeg(name, self.switchboard)
        return leg.arrive(lambda leg: self.reception.attend(leg, self.room, role)), key

    def back(self, key: str) -> FakeLeg | None:
        """Somebody comes back with his key."""
        seat = self.reception.resume(key, self.room)
        if seat is None:
            return None
        leg = FakeLeg(seat.leg, self.switchboard)
        return leg.arrive(lambda leg: self.reception.attend(leg, self.room, seat.role, seat=seat))

    def places(self) -> dict[str, tuple[Place, Role]]:
        focus = self.conferences.get(NUMBER)
        people = focus.conference.people if focus else ()
        return {person.leg: (person.place, person.role) for person in people}

    @property
    def locked(self) -> bool:
        focus = self.conferences.get(NUMBER)
        return focus is not None and focus.conference.locked

    def command(self, command: commands.Command) -> None:
        focus = self.conferences.get(NUMBER)
        assert focus is not None
        focus.command(command)
        self.studio.end_plays(self.switchboard)


INSIDE, KNOCKING, WAITING = Place.INSIDE, Place.KNOCKING, Place.WAITING
HOST, GUEST = Role.HOST, Role.GUEST


def live(folder: Path, scene: Callable[[Home], Awaitable[None]], began: float = 1_700_000_000.0) -> None:
    """One life of the bridge, which ends without a word: what is kept is what was kept all along."""

    async def whole() -> None:
        house = Home(folder, began)
        await scene(house)
        house.seats.close()
        house.store.close()

    run(whole())


def test_after_a_crash_everybody_is_back_in_role_and_the_door_is_locked(tmp_path: Path) -> None:
    keys = {}

    async def before(house: Home) -> None:
        for name, role in (("host", HOST), ("guest", GUEST), ("made", GUEST)):
            _, keys[name] = house.sit(name, role)
        house.command(commands.SetRole("host", "made", HOST))
        house.command(commands.Lock("host", True))
        _, keys["knocker"] = house.sit("knocker")

    async def after(house: Home) -> None:
        house.call("stranger", NUMBER).keys("#")
        assert house.places() == {"stranger": (KNOCKING, GUEST)}
        for name in ("guest", "knocker", "made", "host"):
            assert house.back(keys[name]) is not None
        assert house.places() == {
            "stranger": (KNOCKING, GUEST), "guest": (INSIDE, GUEST), "knocker": (KNOCKING, GUEST),
            "made": (INSIDE, HOST), "host": (INSIDE, HOST),
        }  # fmt: skip
        assert house.locked

    live(tmp_path, before)
    live(tmp_path, after, 1_700_000_010.0)
    live(tmp_path, after, 1_700_000_020.0)


def test_a_stranger_who_comes_and_goes_does_not_open_the_door(tmp_path: Path) -> None:
    async def before(house: Home) -> None:
        house.sit("host", HOST)
        house.command(commands.Lock("host", True))

    async def after(house: Home) -> None:
        stranger = house.call("stranger", NUMBER)
        stranger.keys("#")
        stranger.hang_up(Reason.NORMAL)
        assert house.conferences.get(NUMBER) is None
        house.call("another", NUMBER).keys("#")
        assert house.places() == {"another": (KNOCKING, GUEST)}

    live(tmp_path, before)
    live(tmp_path, after)


def test_what_is_too_long_ago_is_forgotten(tmp_path: Path) -> None:
    keys = []

    async def before(house: Home) -> None:
        keys.append(house.sit("host", HOST)[1])
        house.command(commands.Lock("host", True))
        await asyncio.sleep(3600)  # it is not the age of a seat that counts

    async def soon(house: Home) -> None:
        assert house.seats.find(keys[0], NUMBER) is not None
        assert house.seats.run_state(NUMBER) is not None

    async def late(house: Home) -> None:
        assert house.seats.find(keys[0], NUMBER) is None and house.back(keys[0]) is None
        house.call("guest", NUMBER).keys("#")
        assert house.places() == {"guest": (WAITING, GUEST)}
        assert not house.store.keeps()

    live(tmp_path, before)
    live(tmp_path, soon, 1_700_003_600.0 + 200)
    live(tmp_path, late, 1_700_003_600.0 + 600)


def test_nobody_who_comes_back_leaves_nothing_behind(tmp_path: Path) -> None:
    async def before(house: Home) -> None:
        house.sit("host", HOST)
        house.command(commands.Lock("host", True))

    async def after(house: Home) -> None:
        await asyncio.sleep(320)
        assert not house.store.keeps()
        house.call("guest", NUMBER).keys("#")
        assert house.places() == {"guest": (WAITING, GUEST)}

    live(tmp_path, before)
    live(tmp_path, after)


@pytest.mark.parametrize("reason", [Reason.MEDIA_LOST, Reason.SIGNALLING_LOST, Reason.SHUTDOWN])
def test_who_is_lost_comes_back_past_the_lock(tmp_path: Path, reason: Reason) -> None:
    async def scene(house: Home) -> None:
        house.sit("host", HOST)
        leg, key = house.sit("guest")
        house.command(commands.Lock("host", True))
        leg.hang_up(reason)
        await asyncio.sleep(250)
        assert house.back(key) is not None
        assert house.places()["guest"] == (INSIDE, GUEST)
        assert house.conferences.seats.find(key, "1001") is None

    live(tmp_path, scene)


def test_nobody_comes_back_too_late(tmp_path: Path) -> None:
    async def scene(house: Home) -> None:
        house.sit("host", HOST)
        leg, key = house.sit("guest")
        leg.hang_up(Reason.SIGNALLING_LOST)
        await asyncio.sleep(301)
        assert house.back(key) is None

    live(tmp_path, scene)


@pytest.mark.parametrize("how", ["kick", "leave", "end", "transfer", "decline"])
def test_who_is_sent_away_or_leaves_does_not_come_back(tmp_path: Path, how: str) -> None:
    async def scene(house: Home) -> None:
        house.sit("host", HOST)
        if how == "decline":
            house.command(commands.Lock("host", True))
        leg, key = house.sit("guest")
        match how:
            case "kick":
                house.command(commands.Kick("host", "guest"))
            case "end":
                house.command(commands.End("host", at_once=True))
            case "transfer":
                house.command(commands.Transfer("host", "guest", "1001"))
            case "decline":
                house.command(commands.Decline("host", "guest"))
            case _:
                leg.hang_up(Reason.NORMAL)
        assert house.back(key) is None

    live(tmp_path, scene)


def test_who_is_away_when_it_ends_does_not_come_back(tmp_path: Path) -> None:
    async def scene(house: Home) -> None:
        house.sit("host", HOST)
        leg, key = house.sit("guest")
        leg.hang_up(Reason.SIGNALLING_LOST)
        house.command(commands.End("host", at_once=True))
        assert house.back(key) is None

    live(tmp_path, scene)


def test_in_the_same_life_a_guest_starts_no_run(tmp_path: Path) -> None:
    async def scene(house: Home) -> None:
        host, _ = house.sit("host", HOST)
        guest, key = house.sit("guest")
        guest.hang_up(Reason.SIGNALLING_LOST)
        host.hang_up(Reason.NORMAL)
        assert house.back(key) is not None
        assert house.places() == {"guest": (WAITING, GUEST)}

    live(tmp_path, scene)


def test_a_bridge_that_is_stopped_keeps_what_a_crash_would(tmp_path: Path) -> None:
    keys = []

    async def before(house: Home) -> None:
        legs = [house.sit("host", HOST), house.sit("guest")]
        house.command(commands.Lock("host", True))
        for leg, key in legs:
            leg.hang_up(Reason.SHUTDOWN)
            keys.append(key)
        assert house.conferences.get(NUMBER) is not None or not house.places()

    async def after(house: Home) -> None:
        assert house.back(keys[1]) is not None and house.back(keys[0]) is not None
        assert house.places() == {"guest": (INSIDE, GUEST), "host": (INSIDE, HOST)}
        assert house.locked

    live(tmp_path, before)
    live(tmp_path, after, 1_700_000_005.0)


def test_a_lock_ends_with_its_run(tmp_path: Path) -> None:
    async def before(house: Home) -> None:
        house.sit("host", HOST)
        house.command(commands.Lock("host", True))
        house.command(commands.End("host", at_once=True))
        assert not house.store.keeps()

    live(tmp_path, before)


def test_a_lock_before_the_start_goes_with_who_set_it(tmp_path: Path) -> None:
    async def before(house: Home) -> None:
        leg = FakeLeg("host", house.switchboard)
        leg.has_media = False
        leg.arrive(lambda leg: house.reception.attend(leg, house.room, HOST))
        house.command(commands.Lock("host", True))
        assert house.store.keeps()
        leg.hang_up(Reason.NORMAL)
        assert not house.store.keeps()

    live(tmp_path, before)


def test_a_leg_that_is_still_there_keeps_its_place_on_the_roll(tmp_path: Path) -> None:
    async def scene(house: Home) -> None:
        house.sit("host", HOST)
        _, key = house.sit("guest")
        seat = house.reception.resume(key, house.room)
        assert seat == Seat("guest", NUMBER, GUEST, "Guest", True, False)
        house.back(key)
        assert list(house.places()) == ["host", "guest"]

    live(tmp_path, scene)


def test_keys_are_long_and_not_kept(tmp_path: Path) -> None:
    async def scene(house: Home) -> None:
        _, key = house.sit("guest")
        assert len(key) >= 32
        assert house.seats.find(key[:-1], NUMBER) is None and house.seats.find("", NUMBER) is None
        house.store.save_mark(1.0)
        files = b"".join(path.read_bytes() for path in tmp_path.iterdir())
        assert key.encode() not in files and b"guest" in files
        assert key not in repr(house.lines)

    live(tmp_path, scene)


def test_a_file_that_takes_nothing_costs_no_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(house: Home) -> None:
        monkeypatch.setattr(house.store, "_write", lambda *_: False)
        house.sit("host", HOST)
        house.command(commands.Lock("host", True))
        assert house.locked

    live(tmp_path, scene)
