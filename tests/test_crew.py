"""A crew: its tasks are forgotten when they end, their faults are told, and closing leaves none behind."""

from __future__ import annotations

import asyncio

from bridge.crew import Crew
from tests.faketime import run


def test_a_task_that_ends_is_forgotten() -> None:
    async def scene() -> None:
        faults: list[BaseException] = []
        crew = Crew(faults.append)
        task = crew.start(asyncio.sleep(1), "nap")
        assert task.get_name() == "nap"
        await asyncio.sleep(2)
        assert task.done() and not crew._tasks and not faults

    run(scene())


def test_a_fault_is_told_and_costs_the_others_nothing() -> None:
    async def fail() -> None:
        raise ValueError("no good")

    async def scene() -> None:
        faults: list[BaseException] = []
        crew = Crew(faults.append)
        other = crew.start(asyncio.sleep(1), "nap")
        crew.start(fail(), "bad")
        await asyncio.sleep(0.5)
        assert [str(fault) for fault in faults] == ["no good"]
        assert not other.done()
        await crew.close()

    run(scene())


def test_closing_cancels_and_waits_for_the_end_and_is_no_fault() -> None:
    async def scene() -> None:
        faults: list[BaseException] = []
        tidied: list[bool] = []

        async def work() -> None:
            try:
                await asyncio.sleep(3600)
            finally:
                await asyncio.sleep(1)
                tidied.append(True)

        crew = Crew(faults.append)
        crew.start(work(), "work")
        await asyncio.sleep(0)
        await crew.close()
        assert tidied == [True] and not crew._tasks and not faults
        await crew.close()

    run(scene())
