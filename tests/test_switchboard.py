"""The switchboard: events reach the leg they are about, whoever waits for a prompt is always called back, once, and a
leg that outlives its media process finds its sound again. When nobody is left, nothing is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from bridge.media import contract
from bridge.message import Message
from bridge.sdp.video import Content
from bridge.switchboard import LONGEST_PLAY_S, Switchboard
from mixer.plan import Plan, Seat
from tests.faketime import run
from tests.studio import AUDIO, QUALITY, FakeMedia, FakeStudio

SEEN = contract.Seen("a", Content.MAIN, True)


class World:
    """A switchboard before a fake studio, with legs "a" and "b" in room 1."""

    def __init__(self) -> None:
        self.studio = FakeStudio()
        self.board = Switchboard(self.studio)
        self.media = {leg: FakeMedia() for leg in "ab"}
        self.ended: list[str] = []
        for leg in self.media:
            self.open(leg)
            self.configure(leg)

    def open(self, leg: str) -> None:
        self.board.open(leg, "1", "127.0.0.1", self.media[leg])
        self.board.media_event(contract.LegOpened(leg, "127.0.0.1", 20000, 20001))

    def configure(self, leg: str) -> None:
        self.board.configure(leg, AUDIO, "127.0.0.1", False, 30.0, 1800.0)

    def play(self, *legs: str, **more: Any) -> str:
        """Play a farewell, and say its name."""
        self.board.play(legs, ("removed",), "en", then=lambda: self.ended.append("".join(legs)), **more)
        return self.newest(contract.Play).play

    def newest(self, kind: type[contract.Play]) -> contract.Play:
        return [each for each in self.studio.told if isinstance(each, kind)][-1]

    def told(self, kind: type[Message]) -> list[Message]:
        return [each for each in self.studio.told if isinstance(each, kind)]

    def left_over(self) -> list[object]:
        """All that the switchboard remembers of legs and plays."""
        board = self.board
        return [board._listeners, board._awaited, board._loops, board._fresh, board._plans]


Scene = Callable[[World], Coroutine[Any, Any, None]]


def scene(body: Scene) -> Callable[[], None]:
    """Run a test in fake time, in a world of its own."""

    async def whole() -> None:
        await body(World())

    def test() -> None:
        run(whole())

    return test


@scene
async def test_events_reach_the_leg_they_are_about(world: World) -> None:
    for event in (
        contract.Digit("a", "5"),
        contract.MediaLost("a", 5.0, False),
        contract.MediaBack("a"),
        SEEN,
        contract.KeyNeeded("a"),
        contract.LegClosed("a", QUALITY),
    ):
        world.board.media_event(event)
    opened = ("opened", "127.0.0.1", 20000, 20001)
    told = [("digit", "5"), ("silent", False), "back", SEEN, contract.KeyNeeded("a"), "closed"]
    assert world.media["a"].heard == [opened, *told]
    assert world.media["b"].heard == [opened]


@scene
async def test_what_comes_late_is_ignored(world: World) -> None:
    world.board.media_event(contract.LegClosed("a", QUALITY))
    heard = list(world.media["a"].heard)
    for event in (
        contract.LegOpened("a", "127.0.0.1", 1, 2),
        contract.OpenFailed("a", "no-ports"),
        contract.Digit("a", "5"),
        contract.MediaLost("a", 5.0, True),
        contract.MediaBack("a"),
        SEEN,
        contract.KeyNeeded("a"),
        contract.MediaStarted("a"),
        contract.LegClosed("a", QUALITY),
        contract.PlayEnded("p99"),
        contract.Talking("1", ("a",)),
    ):
        world.board.media_event(event)
    world.board.process_lost(("a",))
    assert world.media["a"].heard == heard
    assert not world.board.close("a")


@scene
async def test_who_talks_is_told_to_the_conference(world: World) -> None:
    told: list[tuple[str, ...]] = []
    world.board.on_talking["1"] = told.append
    world.board.media_event(contract.Talking("1", ("a", "b")))
    world.board.media_event(contract.Talking("2", ("c",)))
    assert told == [("a", "b")]


@scene
async def test_the_end_of_a_play_is_told_once(world: World) -> None:
    play = world.play("a")
    assert not world.ended
    for _ in range(2):
        world.board.media_event(contract.PlayEnded(play))
    await asyncio.sleep(LONGEST_PLAY_S + 1)
    assert world.ended == ["a"]


@scene
async def test_a_play_that_nobody_can_hear_has_ended(world: World) -> None:
    world.board.play(("gone",), ("removed",), "en", then=lambda: world.ended.append("gone"))
    world.board.play(("a",), (), "en", then=lambda: world.ended.append("empty"))
    assert world.ended == ["gone", "empty"]
    assert not world.told(contract.Play)


@scene
async def test_legs_without_ports_are_left_out(world: World) -> None:
    world.board.play(("a", "gone", "b"), ("ending",), "en")
    assert world.newest(contract.Play).legs == ("a", "b")
    world.board.stop("gone")
    assert not world.told(contract.StopPlay)


@scene
async def test_a_play_that_is_never_told_ended_ends_by_the_clock(world: World) -> None:
    world.play("a")
    await asyncio.sleep(LONGEST_PLAY_S - 1)
    assert not world.ended
    await asyncio.sleep(2)
    assert world.ended == ["a"]


@scene
async def test_a_play_ends_when_its_last_hearer_goes(world: World) -> None:
    world.play("a", "b")
    world.board.media_event(contract.LegClosed("a", QUALITY))
    assert not world.ended
    world.board.process_lost(("b",))
    assert world.ended == ["ab"]
    assert world.media["b"].heard[-1] == "died"


@scene
async def test_who_waits_is_called_before_the_leg_hears_that_media_died(world: World) -> None:
    """A farewell ends with its media process: the leg must be hung up then, not set up again."""
    order: list[str] = []
    world.media["a"].media_died = lambda: order.append("died")  # type: ignore[method-assign]
    world.board.play(("a",), ("removed",), "en", then=lambda: order.append("ended"))
    world.board.process_lost(("a", "b"))
    assert order == ["ended", "died"]


@scene
async def test_a_listener_that_fails_costs_the_others_nothing(world: World) -> None:
    def fail() -> None:
        raise ValueError("no good")

    world.media["a"].media_died = fail  # type: ignore[method-assign]
    with pytest.raises(ValueError, match="no good"):
        world.board.process_lost(("a", "b"))
    assert world.media["b"].heard[-1] == "died"


@scene
async def test_a_leg_that_finds_another_process_hears_as_before(world: World) -> None:
    plan = Plan("1", (Seat("a"), Seat("b")))
    world.board.plan(plan)
    world.board.play(("c", "b"), ("music",), "nb", loop=True)
    world.board.process_lost(("a", "b"))
    world.studio.told.clear()
    for leg in "ab":
        world.open(leg)
    assert not world.told(contract.SetPlan), "no process has its legs yet"
    world.configure("a")
    world.configure("b")
    assert {each.plan for each in world.studio.told if isinstance(each, contract.SetPlan)} == {plan}
    again = world.newest(contract.Play)
    assert (again.legs, again.prompts, again.language, again.loop) == (("b",), ("music",), "nb", True)
    kinds = [type(each) for each in world.studio.told]
    assert kinds.index(contract.ConfigureLeg) < kinds.index(contract.SetPlan)
    world.studio.told.clear()
    world.configure("b")
    assert [type(each) for each in world.studio.told] == [contract.ConfigureLeg], "a re-INVITE is nothing new"


@scene
async def test_music_that_was_stopped_does_not_come_back(world: World) -> None:
    world.board.play(("a",), ("music",), "en", loop=True)
    world.board.stop("a")
    world.board.process_lost(("a",))
    world.studio.told.clear()
    world.open("a")
    world.configure("a")
    assert not world.told(contract.Play)


@scene
async def test_a_conference_that_ended_is_not_told_again(world: World) -> None:
    world.board.plan(Plan("1", (Seat("a"),)))
    world.board.plan(Plan("1"))
    world.board.process_lost(("a",))
    world.studio.told.clear()
    world.open("a")
    world.configure("a")
    assert not world.told(contract.SetPlan)


@scene
async def test_when_all_are_gone_nothing_is_left(world: World) -> None:
    world.board.plan(Plan("1", (Seat("a"), Seat("b"))))
    world.board.play(("a", "b"), ("music",), "en", loop=True)
    world.play("a")
    world.play("b", interrupt=True)
    world.board.process_lost(("a",))
    world.open("a")
    for leg in "ab":
        assert world.board.close(leg)
    world.board.process_lost(("a",))
    world.board.media_event(contract.LegClosed("b", QUALITY))
    world.board.plan(Plan("1"))
    assert not any(world.left_over()), world.left_over()
    assert world.ended == ["a", "b"]


@scene
async def test_a_leg_that_gets_no_ports_is_told_and_forgotten(world: World) -> None:
    media = world.media["c"] = FakeMedia()
    world.board.open("c", "1", "127.0.0.1", media)
    world.board.media_event(contract.OpenFailed("c", "no-ports"))
    assert media.heard == [("refused", "no-ports")]
    assert not world.board.close("c") and "c" not in world.board._fresh


@scene
async def test_keys_are_sent_to_the_peer(world: World) -> None:
    world.board.send_digit("a", "#")
    assert world.studio.told[-1] == contract.SendDigit("a", "#")
