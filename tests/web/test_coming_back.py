"""Coming back: to one's own seat, with one's own role, by the key to it alone (reliability.md R-08, L-04)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bridge.errors import Reason
from bridge.media import contract
from tests.faketime import run
from tests.web.house import Browser, House, live

pytestmark = pytest.mark.usefixtures("quick_pins")


async def back(browser: Browser, **more: Any) -> Browser:
    return await browser.house.browser(browser.alias, "", resume=browser.given["resume"], **more)


def test_the_same_leg_goes_on_by_another_connection(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        host = await house.host("1004")
        guest = await house.browser("1004", "Guest", "none")
        await host.on(guest.uuid, "unlock")
        await guest.call()
        async with host.stream() as for_host, guest.stream() as old:
            await asyncio.sleep(0.3)
            news = len(for_host.events)
            again = await back(guest)
            assert (again.uuid, again.given["display_name"]) == (guest.uuid, "Guest")
            assert again.given["current_service_type"] == "conference"
            await asyncio.sleep(1)
            assert old.closed
            assert old.events[-1].data["code"] == "replaced"
            await again.call()
            async with again.stream() as new:
                await asyncio.sleep(0.3)
                assert new.roster().keys() == {host.uuid, guest.uuid}
                assert new.roster()[guest.uuid]["has_media"] is True
            assert {event.name for event in for_host.events[news:]} == {"participant_update"}
        assert (await guest.refresh()).status == 403
        assert len(house.clients) == 2

    live(scene, tmp_path)


def test_who_was_away_too_long_comes_back_to_his_seat_in_a_locked_room(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        host = await house.host("1004")
        guest = await house.browser("1004", "Guest", "none")
        await host.on(guest.uuid, "unlock")
        for _ in range(3):
            await asyncio.sleep(50)
            await host.refresh()
        assert len((await host.get("participants")).result) == 1
        again = await back(guest)
        assert (again.uuid, again.given["lobby"], again.given["role"]) == (guest.uuid, None, "GUEST")
        people = (await host.get("participants")).result
        assert [each["display_name"] for each in people] == ["Host", "Guest"]

    live(scene, tmp_path)


@pytest.mark.parametrize("how", ["kicked", "released", "ended"])
def test_who_was_sent_away_or_left_has_no_seat(how: str, tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        host = await house.host("1002")
        guest = await house.browser("1002", "Guest", "none")
        match how:
            case "kicked":
                await host.on(guest.uuid, "disconnect")
            case "released":
                await guest.post("release_token")
            case "ended":
                await host.post("disconnect")
        await asyncio.sleep(1)
        reply = await house.enter("1002", "Guest", resume=guest.given["resume"])
        assert reply.status == 403
        assert reply.result["pin"] == "required"

    live(scene, tmp_path)


def test_a_key_opens_one_seat_in_one_room(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        host = await house.host("1002")
        for alias, key in (("1004", host.given["resume"]), ("1002", "x" * 32), ("1002", host.token)):
            assert (await house.enter(alias, "Eve", resume=key)).status == 403

    live(scene, tmp_path)


def test_after_a_restart_of_the_bridge_everybody_is_back_in_his_role_and_the_door_is_locked(
    tmp_path: Path,
) -> None:
    kept: dict[str, Browser] = {}

    async def before() -> None:
        house = House(tmp_path)
        kept["host"] = host = await house.host("1002")
        kept["guest"] = guest = await house.browser("1002", "Guest", "none")
        await host.post("lock")
        kept["knocker"] = await house.browser("1002", "Knocker", "none")
        async with guest.stream() as stream:
            closing = asyncio.create_task(house.close())
            await asyncio.sleep(1)
            assert stream.events[-1].data["code"] == "shutdown"
        await closing

    async def after() -> None:
        house = House(tmp_path)
        people = {}
        for who in ("guest", "host", "knocker"):
            old = kept[who]
            people[who] = again = await house.browser("1002", "", resume=old.given["resume"])
            assert again.uuid == old.uuid
        assert (people["host"].given["role"], people["guest"].given["role"]) == ("HOST", "GUEST")
        assert people["guest"].given["lobby"] is None
        assert people["knocker"].given["lobby"] == "knocking"
        assert (await people["host"].get("conference_status")).result["locked"] is True
        await people["guest"].call()
        assert people["guest"].uuid in house.studio.newest_plan()
        await house.close()

    run(before())
    run(after())


def test_a_leg_that_is_about_to_be_gone_is_waited_for(tmp_path: Path) -> None:
    """The port of the leg that ends and the port of the leg that begins are told apart."""

    async def scene(house: House) -> None:
        host = await house.host("1002")
        guest = await house.browser("1002", "Guest", "none")
        await guest.call()
        client = house.clients.by_token(guest.token)
        assert client is not None
        client.leg.hang_up(Reason.MEDIA_LOST)
        again = await back(guest)
        await again.call()
        await asyncio.sleep(1)
        assert guest.uuid in house.studio.newest_plan()
        opened = [each for each in house.studio.told if isinstance(each, contract.OpenLeg)]
        assert [each.leg for each in opened].count(guest.uuid) == 2
        assert [record.leg for record in house.outside.records] == [guest.uuid]
        assert len((await host.get("participants")).result) == 2

    live(scene, tmp_path)


def test_seats_are_open_while_nobody_new_is_taken(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        host = await house.host("1002")
        house.outside.trouble = "draining"
        assert (await back(host)).uuid == host.uuid
        assert (await house.enter("1002", "Guest", "none")).status == 503

    live(scene, tmp_path)


def test_a_seat_that_ends_while_its_port_becomes_free_is_not_taken(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        host = await house.host("1004")
        guest = await house.browser("1004", "Guest", "none")
        await host.on(guest.uuid, "unlock")
        await guest.call()
        house.clients._clients[guest.uuid].leg.hang_up(Reason.SIGNALLING_LOST)
        await asyncio.sleep(0.1)
        house.clients._leaving[guest.uuid] = freed = asyncio.get_running_loop().create_future()
        coming = asyncio.create_task(house.enter("1004", "Guest", resume=guest.given["resume"]))
        await asyncio.sleep(0.1)
        assert (await host.post("disconnect")).status == 200
        await asyncio.sleep(0.1)
        freed.set_result(None)
        assert (await coming).status == 403, "he is asked like anybody"
        del house.clients._leaving[guest.uuid]

    live(scene, tmp_path)


def test_a_fault_with_another_leg_leaves_nobody_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(house: House) -> None:
        host = await house.host()
        with monkeypatch.context() as broken, pytest.raises(ExceptionGroup):
            broken.setattr(house.clients._clients[host.uuid].leg, "notify", _fail)
            await house.enter("1002", "Kari", "246810")
        assert [each["uuid"] for each in (await host.get("participants")).result] == [host.uuid]
        assert len(house.clients) == 1
        await host.post("release_token")
        assert house.conferences.get("1002") is None

    live(scene, tmp_path)


def _fail(_: object) -> None:
    raise RuntimeError("a fault of ours")
