"""The driver: outputs are performed in order, inputs fed meanwhile wait, and one timer serves the machine."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from bridge.driver import Driver
from bridge.machine import Wake
from tests.faketime import run


class Echo:
    """Answers "go" with two outputs and asks to be woken 5 s later; a wake-up is told as "woken"."""

    def __init__(self) -> None:
        self._due: float | None = None
        self.times: list[float] = []

    def handle(self, event: str | Wake, now: float) -> Sequence[str]:
        if isinstance(event, Wake):
            self._due = None
            self.times.append(now)
            return ["woken"]
        if event == "go":
            self._due = now + 5.0
            return ["first", "second"]
        return [event]

    def deadline(self) -> float | None:
        return self._due


def test_outputs_come_in_order_and_the_timer_wakes_the_machine() -> None:
    async def scene() -> None:
        machine, said = Echo(), list[str]()
        driver = Driver(machine, said.append)
        start = asyncio.get_running_loop().time()
        driver.feed("go")
        assert said == ["first", "second"]
        await asyncio.sleep(6)
        assert said == ["first", "second", "woken"]
        assert machine.times == [start + 5.0]

    run(scene())


def test_what_is_fed_while_performing_waits_its_turn() -> None:
    async def scene() -> None:
        said: list[str] = []

        def perform(output: str) -> None:
            said.append(output)
            if output == "first":
                driver.feed("third")

        driver = Driver(Echo(), perform)
        driver.feed("go")
        assert said == ["first", "second", "third"]
        driver.close()

    run(scene())


def test_nothing_happens_after_close() -> None:
    async def scene() -> None:
        said: list[str] = []
        driver = Driver(Echo(), said.append)
        driver.feed("go")
        driver.close()
        driver.feed("go")
        await asyncio.sleep(10)
        assert said == ["first", "second"]

    run(scene())
