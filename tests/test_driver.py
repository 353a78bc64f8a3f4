"""The driver: outputs are performed in order, inputs fed meanwhile wait, one timer serves the machine, and a fault with
one output costs the others nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from bridge.driver import Driver, in_turn
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


def test_a_fault_with_one_output_comes_out_after_all_the_others() -> None:
    async def scene() -> None:
        said: list[str] = []

        def perform(output: str) -> None:
            said.append(output)
            if output == "first":
                driver.feed("third")
                raise ValueError("no good")

        driver = Driver(Echo(), perform)
        with pytest.raises(ValueError, match="no good"):
            driver.feed("go")
        assert said == ["first", "second", "third"]
        await asyncio.sleep(6)
        assert said[-1] == "woken"

    run(scene())


def test_several_faults_come_out_together() -> None:
    with pytest.raises(ExceptionGroup) as raised:
        in_turn(int, ["x", "1", "y"])
    assert len(raised.value.exceptions) == 2


def test_a_machine_that_fails_when_woken_is_not_woken_again_at_once() -> None:
    class Broken(Echo):
        def handle(self, event: str | Wake, now: float) -> Sequence[str]:
            if isinstance(event, Wake):
                self.times.append(now)
                raise ValueError("broken")
            return super().handle(event, now)

    async def scene() -> None:
        loop, faults = asyncio.get_running_loop(), list[object]()
        loop.set_exception_handler(lambda _, context: faults.append(context["exception"]))
        machine = Broken()
        driver = Driver(machine, lambda _: None)
        driver.feed("go")
        await asyncio.sleep(8.5)
        driver.close()
        assert len(faults) == len(machine.times) == 4
        assert machine.times[1] - machine.times[0] == 1.0

    run(scene())
