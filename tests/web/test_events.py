"""Event streams: what comes on them, in which order, after a broken line too; and that nobody overhears by them.

reliability.md G-06 (waiting callers), S-05 and S-09 (states, not histories; a reader that does not read), A-06 (the end
within a second).
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bridge.media import contract
from bridge.rooms import commands
from bridge.web.channel import MOST_BYTES
from tests.web.asgi import Stream
from tests.web.house import Browser, House, live

pytestmark = pytest.mark.usefixtures("quick_pins")

SYNC = ["participant_sync_begin", "participant_create", "participant_sync_end", "participant_update"]
SURROUNDINGS = ["conference_update", "layout", "stage"]


async def settle() -> None:
    """Until what is to be told has been told."""
    await asyncio.sleep(0.5)


def test_a_stream_begins_with_all_that_there_is(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        kari = await house.browser("1002", "Kari", "246810")
        async with kari.stream() as stream:
            assert stream.status == 200
            assert stream.names() == [*SYNC, *SURROUNDINGS]
            assert list(stream.roster()) == [kari.uuid]
            assert len({event.id for event in stream.events}) == 1

    live(scene, tmp_path)


def test_who_waits_is_told_of_himself_alone_whatever_happens(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        host = await house.host("1004")
        guest = await house.browser("1004", "Guest", "none")
        await host.on(guest.uuid, "unlock")
        knocker = await house.browser("1004", "Knocker", "none")
        async with knocker.stream() as stream:
            for what in ("muteguests", "unmuteguests", "clearallbuzz", "unlock", "lock"):
                await host.post(what)
                await settle()
            for what in ("mute", "unmute", "spotlighton"):
                await host.on(guest.uuid, what)
            await host.post("message", {"payload": "about the one at the door"})
            await host.on(knocker.uuid, "message", {"payload": "to the one at the door"})
            await guest.own("buzz")
            phone = house.phone("phone", "1004")
            phone.keys("#")
            await settle()
            house.switchboard.media_event(contract.Talking("1004", (host.uuid, guest.uuid)))
            await host.post("transform_layout", {"transforms": {"layout": "4:0"}})
            await knocker.call()
            await settle()
            assert {event.name for event in stream.events} == {"participant_update"}
            assert {event.data["uuid"] for event in stream.events} == {knocker.uuid}
            for what in ("participants", "conference_status", "available_layouts", "invitation"):
                assert (await knocker.get(what)).status == 403
            await host.on(knocker.uuid, "disconnect")
            await asyncio.sleep(1)
            assert stream.closed
            assert stream.events[-1].data == {
                "reason": "Timeout waiting for conference host to join or permit access to locked conference",
                "code": "declined",
            }  # fmt: skip

    live(scene, tmp_path)


def test_who_is_admitted_gets_the_room_and_nothing_of_before(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        host = await house.host("1004")
        knocker = await house.browser("1004", "Knocker", "none")
        await host.post("message", {"payload": "before"})
        async with knocker.stream() as stream:
            await host.on(knocker.uuid, "unlock")
            await host.post("message", {"payload": "after"})
            await settle()
            start = stream.names().index("participant_sync_begin")
            assert set(stream.names()[:start]) == {"participant_update"}
            assert stream.names()[start:][:8] == [SYNC[0], SYNC[1], *SYNC[1:], *SURROUNDINGS]
            assert [message["payload"] for message in stream.of("message_received")] == ["after"]
            assert stream.roster()[knocker.uuid]["service_type"] == "conference"
            assert stream.of("conference_update")[-1]["locked"] is True

    live(scene, tmp_path)


def test_hosts_hear_of_knocks_and_guests_do_not(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        host = await house.host("1004")
        guest = await house.browser("1004", "Guest", "none")
        await host.on(guest.uuid, "unlock")
        async with host.stream() as for_host, guest.stream() as for_guest:
            knocker = await house.browser("1004", "Knocker", "none", source="192.0.2.4")
            await settle()
            assert for_host.of("notice")[-1] == {
                "what": "knock", "uuid": knocker.uuid, "display_name": "Knocker", "again": False,
            }  # fmt: skip
            assert knocker.uuid in for_host.roster()
            assert knocker.uuid not in for_guest.roster()
            assert not for_guest.of("notice")
            await knocker.post("release_token")
            await settle()
            assert knocker.uuid not in for_host.roster()
            assert for_host.of("participant_delete") == [{"uuid": knocker.uuid}]
            assert not for_guest.of("participant_delete")

    live(scene, tmp_path)


def test_a_host_without_sound_sees_who_waits_for_him(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        host = await house.browser("1002", "Host", "246810")
        async with host.stream() as stream:
            await settle()
            house.phone("phone", "1002").keys("#")
            await settle()
            assert stream.roster()["phone"]["lobby"] == "waiting"

    live(scene, tmp_path)


def test_a_guest_who_becomes_host_sees_the_lobby_and_forgets_it_again(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        host = await house.host("1004")
        guest = await house.browser("1004", "Guest", "none")
        await host.on(guest.uuid, "unlock")
        knocker = await house.browser("1004", "Knocker", "none")
        async with guest.stream() as stream:
            before = stream.events[-1].id
            await host.on(guest.uuid, "role", {"role": "chair"})
            await settle()
            assert knocker.uuid in stream.roster()
            await host.on(guest.uuid, "role", {"role": "guest"})
            await settle()
            assert knocker.uuid not in stream.roster()
        async with guest.stream(Last_Event_ID=before) as again:
            assert "Knocker" not in str(again.events)

    live(scene, tmp_path)


def test_a_broken_stream_goes_on_where_it_was(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        host = await house.host("1001")
        async with host.stream() as stream:
            await settle()
            last = stream.events[-1].id
        ola = await house.browser("1001", "Ola")
        await host.post("message", {"payload": "missed"})
        await settle()
        async with host.stream(Last_Event_ID=last) as again:
            assert "participant_sync_begin" not in again.names()
            assert [each["uuid"] for each in again.of("participant_create")] == [ola.uuid]
            assert [each["payload"] for each in again.of("message_received")] == ["missed"]
        path = f"{house.base('1001')}/events?token={host.token}&last_event_id={last}"
        async with Stream(house.app, path) as by_address:
            assert by_address.names() == again.names()

    live(scene, tmp_path)


@pytest.mark.parametrize("last", ["", "x", "other-3", "٣", "-", "a" * 100])
def test_a_stream_that_cannot_go_on_begins_anew(last: str, tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        host = await house.host("1001")
        async with host.stream(Last_Event_ID=last.encode().decode("latin-1")) as stream:
            assert stream.names()[:4] == SYNC

    live(scene, tmp_path)


def test_an_id_of_somebody_elses_stream_is_worth_nothing(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        host = await house.host("1004")
        knocker = await house.browser("1004", "Knocker", "none")
        async with host.stream() as stream:
            await settle()
        async with knocker.stream(Last_Event_ID=stream.events[0].id) as other:
            assert other.names() == ["participant_update"]

    live(scene, tmp_path)


def test_a_quiet_stream_is_kept_alive(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        kari = await house.browser("1001", "Kari")
        async with kari.stream() as stream:
            await asyncio.sleep(61)
            assert stream.heartbeats == 4

    live(scene, tmp_path)


def test_a_ticket_opens_the_stream_for_a_minute_and_nothing_else(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        kari = await house.browser("1001", "Kari")
        ticket = (await kari.post("events_ticket")).result["ticket"]
        path = f"{house.base('1001')}/events?ticket={ticket}"
        async with Stream(house.app, path) as stream:
            assert stream.status == 200
        assert (await house.get("1001", f"participants?ticket={ticket}")).status == 403
        assert (await house.get("1001", "participants", ticket)).status == 403
        async with Stream(house.app, f"{house.base('1002')}/events?ticket={ticket}") as elsewhere:
            assert elsewhere.status == 403
        await asyncio.sleep(60)
        async with Stream(house.app, path) as late:
            assert late.status == 403

    live(scene, tmp_path)


def test_there_are_only_so_many_streams(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        kari = await house.browser("1001", "Kari")
        streams = [kari.stream() for _ in range(5)]
        for stream in streams:
            await stream.__aenter__()
        assert [stream.status for stream in streams] == [200, 200, 200, 200, 429]
        for stream in streams:
            await stream.__aexit__(None, None, None)
        async with kari.stream() as again:
            assert again.status == 200

    live(scene, tmp_path)


def test_changes_are_told_together_at_most_five_times_a_second(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        host = await house.host("1002")
        guest = await house.browser("1002", "Guest", "none")
        async with host.stream() as stream:
            await settle()
            before = len(stream.events)
            focus = house.conferences.get("1002")
            assert focus is not None
            for number in range(200):
                focus.ask(commands.Mute(host.uuid, guest.uuid, number % 2 == 0))
                await asyncio.sleep(0.005)
            await settle()
            assert len(stream.events) - before <= 7
            assert stream.roster()[guest.uuid]["is_muted"] == "NO"

    live(scene, tmp_path)


def test_who_talks_is_told_at_once(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        host = await house.host("1002")
        guest = await house.browser("1002", "Guest", "none")
        await settle()
        async with guest.stream() as stream:
            house.switchboard.media_event(contract.Talking("1002", (host.uuid,)))
            await asyncio.sleep(0.01)
            assert stream.of("stage")[-1] == [{"participant_uuid": host.uuid, "stage_index": 0, "vad": 100}]
            house.switchboard.media_event(contract.Talking("1002", ()))
            await asyncio.sleep(0.01)
            assert stream.of("stage")[-1] == []
            spoken = {
                each["uuid"]: each["last_spoken_time"] for each in (await guest.get("participants")).result
            }
            assert spoken[host.uuid] > 1_700_000_000
            assert spoken[guest.uuid] == 0
            assert len(stream.of("stage")) == 3

    live(scene, tmp_path)


def test_a_reader_that_does_not_read_costs_a_bounded_memory_and_gets_the_state_when_it_does(
    tmp_path: Path,
) -> None:
    async def scene(house: House) -> None:
        host = await house.host("1001")
        slow = await house.browser("1001", "Slow")
        async with slow.stream() as stream:
            await settle()
            channel = house.clients.by_token(slow.token).channel  # type: ignore[union-attr]
            stream.stalled = True
            for number in range(120):
                await host.post("message", {"payload": f"{number} " + "x" * 3900})
                await asyncio.sleep(0.3)
                if number % 30 == 0:
                    await host.refresh()
                    await slow.refresh()
            assert sum(len(data) for _, data in channel._kept) <= MOST_BYTES
        async with slow.stream(Last_Event_ID=channel.id_of(1)) as again:
            assert again.names()[:5] == [SYNC[0], SYNC[1], *SYNC[1:]]
            assert not again.of("message_received")

    live(scene, tmp_path)


@pytest.mark.parametrize("stalled", [False, True])
def test_who_is_removed_has_no_stream_no_token_and_no_media_within_a_second(
    stalled: bool, tmp_path: Path
) -> None:
    async def scene(house: House) -> None:
        host = await house.host("1002")
        guest = await house.browser("1002", "Guest", "none")
        await guest.call()
        async with guest.stream() as stream:
            await settle()
            stream.stalled = stalled
            await host.on(guest.uuid, "disconnect")
            await asyncio.sleep(1)
            assert stream.closed
            if not stalled:
                assert stream.events[-1].data["code"] == "kicked"
        assert (await guest.refresh()).status == 403
        assert any(
            isinstance(each, contract.CloseLeg) and each.leg == guest.uuid for each in house.studio.told
        )
        assert guest.uuid not in house.studio.newest_plan()
        assert (await house.enter("1002", "Guest", resume=guest.given["resume"])).status == 403

    live(scene, tmp_path)


async def crowd(house: House, count: int) -> list[Browser]:
    await house.host("1002")
    return [
        await house.browser("1002", f"Guest {number}", "none", source=f"192.0.2.{number}")
        for number in range(count)
    ]


def test_a_crowd_costs_each_reader_a_line_for_each_newcomer(tmp_path: Path) -> None:
    """Many come within two seconds: each is told once, and the rest of the state at most five times a second."""

    async def scene(house: House) -> None:
        people = await crowd(house, 20)
        async with people[0].stream() as stream:
            await settle()
            before = len(stream.events)
            for number in range(60):
                await house.browser("1002", f"Late {number}", "none", source=f"198.51.100.{number}")
                await asyncio.sleep(0.02)
            await settle()
            news = stream.names()[before:]
            assert news.count("participant_create") == 60
            assert news.count("layout") <= 9
            assert len(news) <= 60 + 9
            assert len(stream.roster()) == 81

    live(scene, tmp_path)
