"""Whatever people do to each other by the client API, every stream shows exactly what its reader may know (G-06).

After each step of a random life of a locked room: who is inside has on his stream just the people that he may see, as a
new request for them gives; who is outside has had nothing on it but news of himself.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.media import contract
from tests.web.asgi import Stream
from tests.web.house import Browser, House, live

pytestmark = pytest.mark.usefixtures("quick_pins")

WORDS = {
    "lock": None, "unlock": None, "muteguests": None, "unmuteguests": None, "clearallbuzz": None, "admit_all": None,
    "message": {"payload": "written inside"}, "transform_layout": {"transforms": {"layout": "4:0"}},
    "set_guests_can_unmute": {"setting": True}, "set_guests_can_present": {"setting": False},
}  # fmt: skip
DEEDS = {
    "unlock": None, "disconnect": None, "mute": None, "unmute": None, "buzz": None, "clearbuzz": None,
    "spotlighton": None, "client_mute": None, "overlaytext": {"text": "written on a picture"},
    "message": {"payload": "written to one"}, "role": {"role": "chair"}, "dtmf": {"digits": "*1"},
    "video_muted": None, "interpreteron": None, "take_floor": None, "release_floor": None,
    "pres_in_mix": {"state": True},
}  # fmt: skip

persons = st.integers(0, 4)
steps = st.one_of(
    st.tuples(st.just("come"), persons, st.sampled_from(["246810", "none"])),
    st.tuples(st.just("say"), persons, st.sampled_from(sorted(WORDS))),
    st.tuples(st.just("do"), persons, st.tuples(persons, st.sampled_from(sorted(DEEDS)))),
    st.tuples(st.just("call"), persons, st.none()),
    st.tuples(st.just("talk"), persons, st.none()),
    st.tuples(st.just("leave"), persons, st.none()),
)


class Life:
    """A room, who is in it or before it, and their streams."""

    def __init__(self, house: House, streams: AsyncExitStack) -> None:
        self.house = house
        self.streams = streams
        self.people: dict[int, tuple[Browser, Stream]] = {}
        self.entered: set[str] = set()

    async def step(self, what: str, who: int, how: Any) -> None:
        if what == "come" and who not in self.people:
            browser = await self.house.browser("1004", f"Person {who}", how)
            self.people[who] = browser, await self.streams.enter_async_context(browser.stream())
        elif who in self.people:
            await self.act(what, self.people[who][0], how)
        await asyncio.sleep(0.6)
        for number, (browser, stream) in tuple(self.people.items()):
            if stream.closed:
                del self.people[number]
            else:
                await self.check(browser, stream)

    async def act(self, what: str, browser: Browser, how: Any) -> None:
        match what:
            case "say":
                await browser.post(how, WORDS[how])
            case "do" if how[0] in self.people:
                await browser.on(self.people[how[0]][0].uuid, how[1], DEEDS[how[1]])
            case "call":
                await browser.call()
            case "talk":
                self.house.switchboard.media_event(contract.Talking("1004", (browser.uuid,)))
            case "leave":
                await browser.post("release_token")

    async def check(self, browser: Browser, stream: Stream) -> None:
        reply = await browser.get("participants")
        if reply.status == 200:
            self.entered.add(browser.uuid)
            seen = {each["uuid"]: {**each, "last_spoken_time": 0} for each in reply.result}
            told = {uuid: {**each, "last_spoken_time": 0} for uuid, each in stream.roster().items()}
            assert told == seen
            assert set(stream.of("layout")[-1]["participants"]) <= seen.keys()
            presenting = [uuid for uuid, each in seen.items() if each["is_presenting"] == "YES"]
            assert slides_of(stream) == "".join(uuid for uuid in presenting if uuid != browser.uuid)
        elif browser.uuid not in self.entered:
            names = {event.name for event in stream.events}
            assert names <= {"participant_update", "refresh_token", "call_disconnected"}
            assert {each["uuid"] for each in stream.of("participant_update")} == {browser.uuid}


def slides_of(stream: Stream) -> str:
    """Whose slides a stream says that there are."""
    told = [event for event in stream.events if event.name in ("presentation_start", "presentation_stop")]
    return str(told[-1].data["presenter_uuid"]) if told and told[-1].data else ""


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(steps, min_size=5, max_size=30))
def test_every_stream_shows_what_its_reader_may_know(sequence: list[tuple[str, int, Any]]) -> None:
    async def scene(house: House) -> None:
        async with AsyncExitStack() as streams:
            life = Life(house, streams)
            await life.step("come", 0, "246810")
            await life.step("call", 0, None)
            await life.step("come", 1, "none")
            for step in sequence:
                await life.step(*step)

    with TemporaryDirectory() as folder:
        live(scene, Path(folder), pictures=True)
