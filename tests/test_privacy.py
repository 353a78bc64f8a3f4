"""Nobody overhears (reliability.md G-06), whatever happens: over random sequences of calls and browsers, keys, hold,
hang-ups, kicks, transfers, chat, and media that dies or comes late, with the real reception, focus and switchboard,

- no plan that media is told has a seat for a leg that is not let in, or is on hold;
- no scene that is shown has a leg as a face, a name or a number that is not let in, or is on hold, and what such a leg
  sees is a card; nor does any plan want its pictures;
- what is played to a leg outside is meant for it alone, and is one of the few prompts that tell nothing of the room;
- no leg outside, or on hold, is told of anybody but itself;
- no line of the audit log has a PIN in it, right or wrong;
- when all have hung up, nothing is left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.errors import Reason
from bridge.focus import Conferences
from bridge.leg import Desk, Told
from bridge.media import contract
from bridge.metrics import Metrics
from bridge.reception import Reception
from bridge.rooms import commands, pins
from bridge.rooms.commands import Command, How
from bridge.rooms.directory import Directory
from bridge.rooms.events import Said, TalkersChanged
from bridge.rooms.gallery import Canvas
from bridge.rooms.participant import Pictures, Role
from bridge.screens import Screens
from bridge.sdp.video import Content
from bridge.seats import Seats
from bridge.store import Store
from bridge.switchboard import Switchboard
from config.model import LimitsConfig, Room, RoomKind
from config.secret import Secret
from mixer.scene import SLIDES, Card, Scene, View
from tests.faketime import run
from tests.studio import AUDIO, QUALITY, FakeMedia

HOST, GUEST, WRONG = "918273", "564738", "777123"
WRITTEN = "written in confidence"
PICTURES = (
    Pictures(),
    Pictures(True, True, True, True),
    Pictures(camera=True, watches=True),
    Pictures(watches=True),
)
PIN_OF = {Role.HOST: Secret(HOST), Role.GUEST: Secret(GUEST)}
ROOMS = (
    Room("1", RoomKind.OPEN, limit=3, chat=True),
    Room("2", RoomKind.HOST_PIN, host_pin=PIN_OF[Role.HOST], last_one_end_s=60.0, chat=True),
    Room("3", RoomKind.HOST_GUEST_PIN, host_pin=PIN_OF[Role.HOST], guest_pin=PIN_OF[Role.GUEST], mute_guests=True),
    Room("4", RoomKind.AUTO_LOCK, host_pin=PIN_OF[Role.HOST]),
)  # fmt: skip
# All that may sound outside: nothing that tells who or how many there are, or what they do.
OUTSIDE = frozenset(
    (
        "welcome-silence", "ask-pin", "ask-pin-or-hash", "pin-wrong", "pin-last-try", "pin-failed", "pin-timeout",
        "overloaded", "full", "wait-host", "knocking", "music", "declined", "ended", "removed", "not-allowed",
        "not-available", "transferred",
    )
)  # fmt: skip
# What tells of others: never to a leg that is on hold.
OF_THE_ROOM = frozenset(
    (
        "tone-leave", "locked", "unlocked", "host-gone", "all-muted", "all-unmuted", "ending", "ending-cancelled",
        "hand-raised-host",
    )
)  # fmt: skip


class Projector:
    """The video workers: looks at every scene."""

    def __init__(self, look: Callable[[Scene], None]) -> None:
        self._look = look
        self.scenes: dict[str, Scene] = {}

    def show(self, scene: Scene) -> None:
        self._look(scene)
        self.scenes[scene.conference] = scene
        if not scene.watchers:
            del self.scenes[scene.conference]


class Studio:
    """The media processes: notes who hears music, and looks at every command before it is obeyed."""

    def __init__(self, look: Callable[[contract.Command], None]) -> None:
        self._look = look
        self.playing: list[str] = []
        self.music: set[str] = set()

    def place(self, leg: str, conference: str) -> None:
        pass

    def move(self, leg: str, conference: str) -> bool:
        return True

    def send(self, command: contract.Command) -> None:
        self._look(command)
        match command:
            case contract.Play(loop=True):
                self.music |= set(command.legs)
            case contract.Play():
                self.playing.append(command.play)
            case contract.StopPlay():
                self.music -= set(command.legs)
            case contract.CloseLeg():
                self.music.discard(command.leg)


class Caller(FakeMedia):
    """A telephone: a leg with media that may die and be had again."""

    way = "sip"
    source = "192.0.2.9"
    trusted = True  # wrong PINs do not make it wait

    def __init__(self, number: int, house: House) -> None:
        super().__init__()
        self.id = f"leg{number}"
        self.display_name = f"NAME-{number:03}"
        self.on_hold = False
        self.gone = False
        self.revives = True
        self.desk: Desk | None = None
        self._house = house
        self._set_up()

    def _set_up(self) -> None:
        board = self._house.board
        board.open(self.id, "", "127.0.0.1", self)
        board.media_event(contract.LegOpened(self.id, "127.0.0.1", 2, 3))
        board.configure(self.id, AUDIO, "", False, 30.0, 1800.0)

    def arrive(self, welcome: Callable[[Caller, Room], Desk], room: Room) -> None:
        self.desk = welcome(self, room)
        if self.gone:
            self.desk.left(Reason.NORMAL)

    def hold(self, on: bool) -> None:
        if self.on_hold is not on and self.desk is not None:
            self.on_hold = on
            self.desk.held(on)

    has_media = True
    encrypted = False
    outgoing = False
    interpreter = False

    @property
    def pictures(self) -> Pictures:
        return PICTURES[self.has_media and int(self.id[3:]) % len(PICTURES)]

    def notify(self, event: Told) -> None:
        self._house.look_at_event(self, event)

    def refer(self, room: Room, role: Role | None) -> None:
        desk, self.desk = self.desk, None
        assert desk is not None
        desk.left(Reason.TRANSFERRED)
        if not self.gone:
            self.desk = self._house.reception.move(self, room, role)
            if self.gone:
                self.desk.left(Reason.NORMAL)

    def hang_up(self, reason: Reason) -> None:
        if self.gone:
            return
        self.gone = True
        if self.desk is not None:
            self.desk.left(reason)
        if self._house.board.close(self.id):
            self._house.board.media_event(contract.LegClosed(self.id, QUALITY))

    def media_died(self) -> None:
        if self.gone:
            return
        if not self.revives or self.desk is None:
            self.hang_up(Reason.FAULT)
            return
        self.desk.silent(True)
        self._set_up()
        self.desk.silent(False)


class Browser(Caller):
    """A leg that has media now and then, or never."""

    way = "web"

    def _set_up(self) -> None:
        if self.has_media:
            super()._set_up()

    def __init__(self, number: int, house: House) -> None:
        self.has_media = False
        super().__init__(number, house)

    def sound(self, on: bool) -> None:
        """It gets media, or loses it and stays."""
        if on is self.has_media or self.gone or self.desk is None:
            return
        self.has_media = on
        if on:
            self._set_up()
        elif self._house.board.close(self.id):
            self._house.board.media_event(contract.LegClosed(self.id, QUALITY))
        self.desk.media(on, on)
        self.desk.video(self.pictures)

    def media_died(self) -> None:
        self.has_media = False
        if self.desk is not None and not self.gone:
            self.desk.media(False, False)
            self.desk.video(self.pictures)


class NoStore:
    """Nothing outlives these tests."""

    def counters(self, name: str) -> bytes | None:
        return None

    def save_counters(self, name: str, state: bytes) -> bool:
        return True

    def mark(self) -> float | None:
        return None

    def keeps(self) -> bool:
        return False

    def runs(self) -> dict[str, bytes]:
        return {}

    def seat_legs(self) -> set[str]:
        return set()

    def taken(self, *_: object) -> bool:
        return True

    vacate_seats = expire_seats = delete_seat = delete_vacant_seats = save_run = delete_run = taken


class House:
    """Reception with all below it. Who is inside is told by the audit log, who is on hold by the telephones."""

    def __init__(self) -> None:
        self.studio = Studio(self.look_at_command)
        self.board = Switchboard(self.studio)
        self.faults: list[BaseException] = []
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: self.faults.append(context["exception"])  # of a timer
        )
        self.inside: set[str] = set()
        self.callers: dict[str, Caller] = {}  # all that ever were, by leg
        self.seats: dict[int, Caller] = {}  # the telephones of the table, by number
        store = cast(Store, NoStore())
        seats = Seats(store, 300.0, lambda: 0.0)
        self.projector = Projector(self.look_at_scene)
        screens = Screens(self.projector, Canvas())
        self.conferences = Conferences(
            Directory(ROOMS), self.board, seats, self.look_at_line, "en", 8, screens
        )
        self.reception = Reception(
            self.conferences, self.board, store, LimitsConfig(), "en", self.look_at_line,
            Metrics(), self.faults.append, lambda: 0.0,
        )  # fmt: skip

    # -- what is looked at ------------------------------------------------------------------------------------------

    def look_at_line(self, line: Any) -> None:
        text = repr(line)
        assert not any(secret in text for secret in (HOST, GUEST, WRONG, WRITTEN)), text
        if line["event"] == "joined":
            self.inside.add(line["leg"])
        elif line["event"] == "left":
            self.inside.discard(line["leg"])

    def look_at_command(self, command: contract.Command) -> None:
        match command:
            case contract.SetPlan(plan=plan):
                for seat in plan.seats:
                    assert seat.leg in self.inside, f"{seat.leg} is outside and in {plan}"
                    assert not self.callers[seat.leg].on_hold, f"{seat.leg} is on hold and in {plan}"
                    assert self.callers[seat.leg].has_media, f"{seat.leg} has no media and is in {plan}"
                    assert not seat.seen or self.callers[seat.leg].pictures.camera
            case contract.Play():
                self._look_at_play(command)
            case _:
                pass

    def look_at_scene(self, scene: Scene) -> None:
        outside = [each for each in self.callers.values() if each.id not in self.inside or each.on_hold]
        names, legs = {each.display_name for each in outside}, {each.id for each in outside}
        for view in scene.views:
            shown = {face.source.removesuffix(SLIDES) for face in view.faces}
            assert not shown & legs, f"somebody outside is seen in {scene}"
            told = {face.name for face in view.faces} | {voice.name for voice in view.voices} | {view.banner}
            assert not told & names, f"somebody outside is named in {scene}"
        for sink, at in scene.watchers.items():
            leg, view = sink.removesuffix(SLIDES), scene.views[at]
            assert leg not in {face.source for face in view.faces} or sink.endswith(SLIDES)
            if leg in legs:
                assert view == View(card=view.card) and view.card is not Card.NONE, (
                    f"{leg} is outside: {view}"
                )
                assert view.card not in (Card.ALONE, Card.NO_PICTURES), f"{leg} is outside: {view}"

    def _look_at_play(self, play: contract.Play) -> None:
        for leg in play.legs:
            if leg not in self.inside:
                assert play.legs == (leg,) and OUTSIDE.issuperset(play.prompts), f"{leg} is outside: {play}"
            elif self.callers[leg].on_hold:
                assert OF_THE_ROOM.isdisjoint(play.prompts), f"{leg} is on hold: {play}"

    def look_at_event(self, hearer: Caller, event: Told) -> None:
        if hearer.id not in self.inside or hearer.on_hold:
            others = {each.display_name for each in self.callers.values() if each is not hearer}
            assert not any(name in repr(event) for name in others), f"{hearer.id} is told {event}"
            assert not isinstance(event, Said | TalkersChanged), f"{hearer.id} is told {event}"
        if isinstance(event, Said):
            assert event.to is None or hearer.id in (event.leg, event.to), f"{hearer.id} is told {event}"

    def look_at_music(self) -> None:
        assert not self.studio.music & self.inside, "the music of the lobby goes on in the room"

    # -- what happens -------------------------------------------------------------------------------------------------

    def call(self, number: int, room: Room, by_us: bool = False) -> None:
        if number in self.seats and not self.seats[number].gone:
            return
        caller = Caller(len(self.callers), self)
        self.callers[caller.id] = self.seats[number] = caller
        caller.arrive(self.reception.welcome_dialled if by_us else self.reception.welcome, room)

    def browse(self, number: int, room: Room, role: Role) -> None:
        if number in self.seats and not self.seats[number].gone:
            return
        browser = Browser(len(self.callers), self)
        self.callers[browser.id] = self.seats[number] = browser
        browser.arrive(lambda leg, room: self.reception.attend(leg, room, role), room)

    def talk(self) -> None:
        for number, talking in tuple(self.board.on_talking.items()):
            focus = self.conferences.get(number)
            assert focus is not None
            talking(tuple(person.leg for person in focus.conference.people if person.inside))

    def at(self, number: int) -> Caller | None:
        caller = self.seats.get(number)
        return None if caller is None or caller.gone else caller

    def kill_media(self, revive: bool) -> None:
        up = [caller for caller in self.callers.values() if not caller.gone]
        for caller in up:
            caller.revives = revive
        self.studio.music.clear()
        self.studio.playing.clear()
        self.board.process_lost(tuple(caller.id for caller in up))

    def end_plays(self) -> None:
        playing, self.studio.playing = self.studio.playing, []
        for play in playing:
            self.board.media_event(contract.PlayEnded(play))

    async def close(self) -> None:
        for caller in tuple(self.callers.values()):
            caller.hang_up(Reason.NORMAL)
        await asyncio.sleep(100)
        assert not list(self.conferences) and not self.inside
        assert not self.reception.verdicts._tries and not self.board.on_talking
        screens = self.conferences.screens
        assert not self.projector.scenes
        assert not any((screens._scenes, screens._cards, screens._blanks, screens._shown))
        board = self.board
        assert not any((board._listeners, board._awaited, board._loops, board._fresh, board._plans))
        await self.reception.close()
        assert not self.faults, self.faults


# -- steps ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Call:
    number: int
    room: Room
    by_us: bool

    async def take(self, house: House) -> None:
        house.call(self.number, self.room, self.by_us)


@dataclass(frozen=True)
class Arrive:
    """A whole arrival: call, perhaps hold, key, and wait for the verdict."""

    number: int
    room: Room
    keys: str
    hold: bool

    async def take(self, house: House) -> None:
        house.call(self.number, self.room)
        if self.hold:
            await Hold(self.number, True).take(house)
        await Keys(self.number, self.keys).take(house)
        await asyncio.sleep(2.0)


@dataclass(frozen=True)
class Keys:
    number: int
    keys: str

    async def take(self, house: House) -> None:
        for key in self.keys:
            if (caller := house.at(self.number)) is not None and caller.desk is not None:
                caller.desk.digit(key)


@dataclass(frozen=True)
class Browse:
    """Somebody whom reception has admitted comes by a browser, with sound or without."""

    number: int
    room: Room
    role: Role
    sound: bool

    async def take(self, house: House) -> None:
        house.browse(self.number, self.room, self.role)
        await Sound(self.number, self.sound).take(house)


@dataclass(frozen=True)
class Sound:
    number: int
    on: bool

    async def take(self, house: House) -> None:
        if isinstance(caller := house.at(self.number), Browser):
            caller.sound(self.on)


@dataclass(frozen=True)
class Ask:
    """Somebody asks by his browser for something, perhaps about somebody else."""

    number: int
    other: int
    make: Callable[[str, str], Command]

    async def take(self, house: House) -> None:
        by, who = house.at(self.number), house.at(self.other)
        if by is not None and who is not None:
            for focus in house.conferences:
                focus.command(self.make(by.id, who.id))


@dataclass(frozen=True)
class Look:
    """Pictures, or slides, of somebody come or come no longer."""

    number: int
    content: Content
    on: bool

    async def take(self, house: House) -> None:
        if (caller := house.at(self.number)) is not None and caller.desk is not None:
            caller.desk.seen(self.content, self.on)


@dataclass(frozen=True)
class Talk:
    async def take(self, house: House) -> None:
        house.talk()


@dataclass(frozen=True)
class Hold:
    number: int
    on: bool

    async def take(self, house: House) -> None:
        if (caller := house.at(self.number)) is not None:
            caller.hold(self.on)


@dataclass(frozen=True)
class HangUp:
    number: int

    async def take(self, house: House) -> None:
        if (caller := house.at(self.number)) is not None:
            caller.hang_up(Reason.NORMAL)


@dataclass(frozen=True)
class MediaDies:
    revive: bool

    async def take(self, house: House) -> None:
        house.kill_media(self.revive)


@dataclass(frozen=True)
class Operator:
    room: Room
    number: int
    make: Callable[[str], Command]

    async def take(self, house: House) -> None:
        focus, caller = house.conferences.get(self.room.number), house.at(self.number)
        if focus is not None:
            focus.command(self.make(caller.id if caller is not None else "nobody"))


@dataclass(frozen=True)
class Wait:
    seconds: float

    async def take(self, house: House) -> None:
        await asyncio.sleep(self.seconds)


@dataclass(frozen=True)
class PlaysEnd:
    async def take(self, house: House) -> None:
        house.end_plays()


Step = (
    Browse
    | Sound
    | Ask
    | Talk
    | Look
    | Arrive
    | Call
    | Keys
    | Hold
    | HangUp
    | MediaDies
    | Operator
    | Wait
    | PlaysEnd
)

ORDERS: tuple[Callable[[str], Command], ...] = (
    lambda leg: commands.Lock("operator", None, How.OPERATOR),
    lambda leg: commands.Admit("operator", leg, How.OPERATOR),
    lambda leg: commands.AdmitAll("operator", How.OPERATOR),
    lambda leg: commands.Decline("operator", leg, How.OPERATOR),
    lambda leg: commands.Kick("operator", leg, How.OPERATOR),
    lambda leg: commands.Mute("operator", leg, None, How.OPERATOR),
    lambda leg: commands.SetRole("operator", leg, Role.GUEST, How.OPERATOR),
    lambda leg: commands.SetRole("operator", leg, Role.HOST, How.OPERATOR),
    lambda leg: commands.End("operator", True, How.OPERATOR),
    lambda leg: commands.Start("operator", How.OPERATOR),
    lambda leg: commands.Transfer("operator", leg, "1", how=How.OPERATOR),
    lambda leg: commands.Transfer("operator", leg, "2", Role.HOST, How.OPERATOR),
    lambda leg: commands.Transfer("operator", leg, "3", how=How.OPERATOR),
    lambda leg: commands.Transfer("operator", leg, "4", Role.GUEST, How.OPERATOR),
)
ASKED: tuple[Callable[[str, str], Command], ...] = (
    lambda by, who: commands.Say(by, WRITTEN),
    lambda by, who: commands.Say(by, WRITTEN, who),
    lambda by, who: commands.Transfer(by, who, "4"),
    lambda by, who: commands.Kick(by, who),
    lambda by, who: commands.Lock(by, how=How.API),
    lambda by, who: commands.Admit(by, who, How.API),
    lambda by, who: commands.Decline(by, who, How.API),
    lambda by, who: commands.Hand(by, False, who),
    lambda by, who: commands.Spotlight(by, who),
    lambda by, who: commands.SetOverlay(by, who, "Interpreter"),
    lambda by, who: commands.SetLayout(by, "4:0"),
    lambda by, who: commands.SetBanner(by, "hello"),
    lambda by, who: commands.AllowGuestsUnmute(by),
    lambda by, who: commands.ClientMute(by, True),
    lambda by, who: commands.SendKeys(by, who, WRONG),
    lambda by, who: commands.Start(by),
    lambda by, who: commands.VideoMute(by, who),
    lambda by, who: commands.VideoMuteSelf(by),
    lambda by, who: commands.MarkInterpreter(by, who),
    lambda by, who: commands.Present(by, True),
    lambda by, who: commands.Present(by, False, who),
    lambda by, who: commands.AllowGuestsPresent(by),
)
KEYS = (
    f"{HOST}#", f"{GUEST}#", f"{WRONG}#", WRONG, "#", "#", "*7", "*2#", "*2", "*22", "*5", "*6", "*1", "*3", "*0",
    "*4", "*8", "##", "*", "5",
)  # fmt: skip

numbers = st.integers(0, 3)


def steps_in(rooms: st.SearchStrategy[Room]) -> st.SearchStrategy[list[Step]]:
    """Random steps, of which most come from somewhere and lead somewhere."""
    by_us = st.integers(0, 9).map(lambda n: n == 0)
    entry = st.sampled_from((f"{HOST}#", f"{GUEST}#", "#"))
    step = st.one_of(
        st.builds(Arrive, numbers, rooms, entry, st.integers(0, 3).map(lambda n: n == 0)),
        st.builds(Arrive, numbers, rooms, entry, st.just(False)),
        st.builds(Call, numbers, rooms, by_us),
        st.builds(Browse, numbers, rooms, st.sampled_from(Role), st.booleans()),
        st.builds(Sound, numbers, st.booleans()),
        st.builds(Ask, numbers, numbers, st.sampled_from(ASKED)),
        st.builds(Ask, numbers, numbers, st.sampled_from(ASKED)),
        st.builds(Keys, numbers, entry),
        st.builds(Keys, numbers, st.sampled_from(KEYS)),
        st.builds(Keys, numbers, st.sampled_from(KEYS)),
        st.builds(Hold, numbers, st.booleans()),
        st.builds(Operator, rooms, numbers, st.sampled_from(ORDERS)),
        st.builds(Wait, st.sampled_from((0.1, 1.1, 3.1))),
        st.builds(Wait, st.sampled_from((5.0, 31.0, 61.0, 130.0, 901.0))),
        st.sampled_from((PlaysEnd(), PlaysEnd(), Talk(), MediaDies(True), MediaDies(False))),
        st.builds(Look, numbers, st.sampled_from(Content), st.booleans()),
        st.builds(HangUp, numbers),
    )
    return st.lists(step, min_size=20, max_size=60)


# Most of the time all are in one room; else in all of them.
walks = st.one_of(*(steps_in(st.just(room)) for room in ROOMS), steps_in(st.sampled_from(ROOMS)))


async def walk(sequence: Iterable[Step]) -> None:
    house = House()
    for step in sequence:
        await step.take(house)
        house.look_at_music()
    await house.close()


def quick_verdict(room: Room | None, pin: Secret) -> Role | None:
    """Like `pins.verdict`, of PINs that are not hashed."""
    assert room is not None
    ways = ((Role.HOST, room.host_pin), (Role.GUEST, room.guest_pin))
    return next((role for role, configured in ways if configured and configured == pin), None)


@settings(max_examples=250, deadline=None)
@given(walks)
def test_nobody_overhears(sequence: list[Step]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pins, "verdict", quick_verdict)
        run(walk(sequence))


def test_the_walk_itself_looks_at_something(monkeypatch: pytest.MonkeyPatch) -> None:
    """A consultation by hand: so that the property above is known to see rooms with people in them."""

    async def consultation() -> None:
        house = House()
        seen: list[contract.Command] = []
        look = house.studio._look
        house.studio._look = lambda command: (seen.append(command), look(command))[1]  # type: ignore[func-returns-value]
        for step in (
            Call(0, ROOMS[1], False), Keys(0, "#"), Call(1, ROOMS[1], False), Keys(1, f"{HOST}#"), Wait(5.0),
            Keys(1, "*7"), Call(2, ROOMS[1], False), Keys(2, "#"), Hold(0, True), MediaDies(True), Keys(1, "*2#"),
        ):  # fmt: skip
            await step.take(house)
        assert house.inside == {"leg0", "leg1", "leg2"}
        plans = [
            {seat.leg for seat in each.plan.seats} for each in seen if isinstance(each, contract.SetPlan)
        ]
        assert {"leg0", "leg1"} in plans and plans[-1] == {"leg1", "leg2"}
        assert house.studio.music == set()
        scene = house.projector.scenes["2"]
        assert [face.source for face in scene.views[scene.watchers["leg1"]].faces] == ["leg2"]
        assert [face.source for face in scene.views[scene.watchers["leg2"]].faces] == ["leg1"]
        await house.close()

    monkeypatch.setattr(pins, "verdict", quick_verdict)
    run(consultation())
