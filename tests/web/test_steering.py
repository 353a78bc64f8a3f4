"""What hosts and guests can do by the client API, and how it is answered (behaviours.md C2, C7)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bridge.media import contract
from bridge.rooms.participant import Role
from tests.web.asgi import Reply
from tests.web.house import Browser, House, live

pytestmark = pytest.mark.usefixtures("quick_pins")


async def room(house: House, number: str = "1002") -> tuple[Browser, Browser]:
    """A host and a guest inside."""
    host = await house.host(number)
    guest = await house.browser(number, "Guest", "none")
    if number == "1004":
        await host.on(guest.uuid, "unlock")
    return host, guest


async def seen(browser: Browser, other: str) -> dict[str, Any]:
    """How somebody is shown to `browser`."""
    return next(each for each in (await browser.get("participants")).result if each["uuid"] == other)


async def state(browser: Browser) -> dict[str, Any]:
    result: dict[str, Any] = (await browser.get("conference_status")).result
    return result


def done(reply: Reply) -> bool:
    assert reply.status == 200, reply.body
    return bool(reply.result)


def reason(reply: Reply) -> str:
    assert reply.result is False
    return str(reply.json["reason"])


def test_switches_of_the_conference(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        host, _ = await room(house)
        for on, off, field in (("lock", "unlock", "locked"), ("muteguests", "unmuteguests", "guests_muted")):
            assert done(await host.post(on)) and (await state(host))[field] is True
            assert done(await host.post(on))
            assert done(await host.post(off)) and (await state(host))[field] is False
        assert done(await host.post("set_guests_can_unmute", {"setting": True}))
        assert (await state(host))["guests_can_unmute"] is True

    live(scene, tmp_path)


def test_a_host_without_sound_starts_by_saying_so(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        host = await house.browser("1002", "Host", "246810")
        guest = await house.browser("1002", "Guest", "none")
        assert (await state(host))["started"] is False
        assert done(await host.post("start_conference"))
        assert (await state(host))["started"] is True
        assert (await guest.get("participants")).status == 200

    live(scene, tmp_path)


def test_knockers_are_let_in_declined_and_let_in_together(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        host = await house.host("1004")
        first, second, third, fourth = [await house.browser("1004", f"K{n}", "none") for n in range(4)]
        assert done(await host.on(second.uuid, "unlock"))
        assert (await second.get("participants")).status == 200
        assert done(await host.on(first.uuid, "disconnect"))
        assert (await first.refresh()).status == 403
        assert reason(await host.on(first.uuid, "unlock")) == "not-there"
        assert done(await host.post("admit_all"))
        for browser in (third, fourth):
            assert (await browser.get("participants")).status == 200
        assert reason(await host.post("admit_all")) == "nobody-knocks"

    live(scene, tmp_path)


def test_who_is_removed_must_knock_again(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        host, guest = await room(house, "1004")
        assert done(await host.on(guest.uuid, "disconnect"))
        again = await house.browser("1004", "Guest", "none", resume=guest.given["resume"])
        assert again.given["lobby"] == "knocking"

    live(scene, tmp_path)


def test_muting_by_a_host_and_by_oneself(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        host, guest = await room(house)
        await guest.call()
        assert done(await host.on(guest.uuid, "mute"))
        shown = await seen(guest, guest.uuid)
        assert (shown["is_muted"], shown["muted_by_host"]) == ("YES", True)
        assert house.studio.newest_plan()[guest.uuid] is False
        assert done(await guest.own("unmute"))  # he may only ask for the word
        shown = await seen(host, guest.uuid)
        assert shown["is_muted"] == "YES" and shown["buzz_time"] > 1_700_000_000
        assert done(await host.on(guest.uuid, "unmute"))
        shown = await seen(host, guest.uuid)
        assert (shown["is_muted"], shown["buzz_time"]) == ("NO", 0.0)
        assert done(await guest.own("mute"))
        assert (await seen(host, guest.uuid))["muted_by_host"] is False
        assert done(await guest.own("unmute"))
        assert house.studio.newest_plan()[guest.uuid] is True
        assert done(await host.own("mute"))
        assert (await seen(guest, host.uuid))["is_muted"] == "YES"

    live(scene, tmp_path)


def test_what_ones_device_says_is_shown_and_changes_no_sound(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        host, guest = await room(house)
        await guest.call()
        assert done(await guest.own("client_mute"))
        assert (await seen(host, guest.uuid))["is_client_muted"] is True
        assert house.studio.newest_plan()[guest.uuid] is True
        assert done(await guest.own("client_unmute"))
        assert (await seen(host, guest.uuid))["is_client_muted"] is False

    live(scene, tmp_path)


def test_hands(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        host, guest = await room(house)
        assert done(await guest.own("buzz"))
        assert (await seen(host, guest.uuid))["buzz_time"] > 0
        assert done(await host.on(guest.uuid, "clearbuzz"))
        assert (await seen(host, guest.uuid))["buzz_time"] == 0
        await guest.own("buzz")
        await host.own("buzz")
        assert done(await host.post("clearallbuzz"))
        assert [each["buzz_time"] for each in (await host.get("participants")).result] == [0.0, 0.0]

    live(scene, tmp_path)


def test_roles_and_the_last_host(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        host, guest = await room(house)
        assert done(await host.on(guest.uuid, "role", {"role": "chair"}))
        assert (await guest.refresh()).result["role"] == "HOST"
        assert done(await guest.post("lock"))
        assert done(await guest.on(host.uuid, "role", {"role": "guest"}))
        assert (await host.post("unlock")).status == 403
        assert reason(await guest.own("role", {"role": "guest"})) == "last-host"

    live(scene, tmp_path)


def test_pictures_are_arranged(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        host, guest = await room(house)
        async with host.stream() as for_host, guest.stream() as for_guest:
            assert done(await host.post("transform_layout", {"transforms": {"layout": "4:0"}}))
            await asyncio.sleep(0.3)
            assert for_guest.of("layout")[-1]["view"] == "4:0"
            wanted = {
                "transforms": {"host_layout": "1:21", "guest_layout": "1:0", "streaming": {"layout": "1:0"}}
            }
            assert done(await host.post("transform_layout", wanted))
            await asyncio.sleep(0.3)
            assert (for_host.of("layout")[-1]["view"], for_guest.of("layout")[-1]["view"]) == ("1:21", "1:0")
            screen = for_guest.of("layout")[-1]["requested_layout"]["primary_screen"]
            assert screen == {"chair_layout": "1:21", "guest_layout": "1:0"}
        assert (
            reason(await host.post("transform_layout", {"transforms": {"layout": "7:7"}})) == "out-of-range"
        )
        assert (
            reason(await host.post("transform_layout", {"transforms": {"recording_indicator": True}}))
            == "off"
        )
        assert "4:0" in (await guest.get("available_layouts")).result
        assert {"name": "4:0", "tags": []} in (await guest.get("available_layouts?annotate=true")).result
        assert (await guest.get("layout_svgs")).result["4:0"].startswith("<svg")

    live(scene, tmp_path)


def test_spotlights_and_what_stands_on_a_picture(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        host, guest = await room(house)
        for who in (host, guest):
            assert done(await host.on(who.uuid, "spotlighton"))
            assert (await seen(guest, who.uuid))["spotlight"] > 1_700_000_000
        assert done(await host.on(guest.uuid, "spotlightoff"))
        assert done(await host.post("clearspotlights"))
        assert [each["spotlight"] for each in (await host.get("participants")).result] == [0.0, 0.0]
        assert done(await host.on(guest.uuid, "overlaytext", {"text": " Interpreter \u202e"}))
        assert (await seen(guest, guest.uuid))["overlay_text"] == "Interpreter"
        assert done(await host.on(guest.uuid, "overlaytext", {"text": ""}))
        assert (await seen(guest, guest.uuid))["overlay_text"] == "Guest"

    live(scene, tmp_path)


def test_people_write_to_all_and_to_one(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        host, guest = await room(house, "1004")
        third = await house.browser("1004", "Third", "none")
        await host.on(third.uuid, "unlock")
        async with host.stream() as for_host, guest.stream() as for_guest, third.stream() as for_third:
            assert done(
                await guest.post("message", {"type": "text/plain; charset=utf-8", "payload": "<b>hi</b>"})
            )
            assert done(
                await guest.on(host.uuid, "message", {"type": "text/plain", "payload": "psst \u2028"})
            )
            await asyncio.sleep(0.3)
            said = {
                "origin": "Guest", "uuid": guest.uuid, "type": "text/plain", "payload": "<b>hi</b>", "direct": False,
            }  # fmt: skip
            whispered = {**said, "payload": "psst \ufffd", "direct": True}
            assert for_third.of("message_received") == [said]
            assert for_host.of("message_received") == for_guest.of("message_received") == [said, whispered]
        assert reason(await guest.post("message", {"type": "application/json", "payload": "{}"})) == "off"
        assert (await guest.post("message", {"payload": ""})).status == 400
        assert reason(await guest.on("nobody", "message", {"payload": "x"})) == "not-there"
        assert "psst" not in str(house.lines)

    live(scene, tmp_path)


def test_rooms_without_chat_say_that_it_is_off(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        host, _ = await room(house)
        assert host.given["chat_enabled"] is False
        assert reason(await host.post("message", {"payload": "x"})) == "off"

    live(scene, tmp_path)


def test_a_line_for_everybody(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        host, guest = await room(house)
        async with guest.stream() as stream:
            assert done(await host.post("set_message_text", {"text": "Back in five \u2028minutes"}))
            await asyncio.sleep(0.3)
            assert stream.of("conference_update")[-1]["message_text"] == "Back in five \ufffdminutes"
        assert (await guest.get("get_message_text")).result == {"text": "Back in five \ufffdminutes"}
        assert (await guest.get("get_clock")).result == {}
        assert done(await host.post("set_message_text", {"text": ""}))
        assert (await state(guest))["message_text"] == ""

    live(scene, tmp_path)


def test_keys_of_a_browser_reach_its_keypad(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        host, guest = await room(house)
        assert done(await host.own("dtmf", {"digits": "*7"}))
        assert (await state(host))["locked"] is True
        assert done(await host.own("dtmf", {"digits": "*"}))
        assert done(await host.own("dtmf", {"digits": "7"}))
        assert (await state(host))["locked"] is False
        await guest.own("dtmf", {"digits": "*7"})
        assert (await state(host))["locked"] is False
        for digits in ("", "*7x", "1" * 33):
            assert reason(await host.own("dtmf", {"digits": digits})) == "out-of-range"

    live(scene, tmp_path)


def test_a_host_sends_keys_to_somebodys_equipment(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        host, _ = await room(house)
        phone = house.phone("phone", "1002")
        phone.keys("#")
        assert done(await host.on("phone", "dtmf", {"digits": "12#"}))
        keys = [each.digit for each in house.studio.told if isinstance(each, contract.SendDigit)]
        assert keys == ["1", "2", "#"]
        assert (await seen(host, "phone"))["protocol"] == "sip"

    live(scene, tmp_path)


def test_the_end_for_all_at_once_and_with_notice(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        host, guest = await room(house)
        async with guest.stream() as stream:
            assert done(await host.post("disconnect", {"at_once": False}))
            assert done(await host.post("cancel_disconnect"))
            await asyncio.sleep(4)
            assert [each["what"] for each in stream.of("notice")] == ["ending", "ending-cancelled"]
            assert done(await host.post("disconnect"))
            await asyncio.sleep(1)
            assert stream.closed
            assert stream.events[-1].data["code"] == "ended"
        assert len(house.clients) == 0

    live(scene, tmp_path)


def test_calling_out_goes_where_it_is_allowed(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        host, _ = await room(house)
        reply = await host.post(
            "dial", {"destination": "kari@example.org", "role": "HOST", "protocol": "sip"}
        )
        assert reply.result == ["called"]
        assert house.outside.dialled == [(host.uuid, "1002", "sip:kari@example.org", Role.HOST)]
        refusal = await host.post("dial", {"destination": "sip:eve@example.net"})
        assert (refusal.status, refusal.result) == (403, "Gateway dial out failed")
        assert refusal.json["reason"] == "not-on-the-allow-list"

    live(scene, tmp_path)


@pytest.mark.parametrize(("role", "pin", "lobby"), [("guest", None, "knocking"), ("host", "246810", None)])
def test_somebody_is_sent_to_another_room(
    role: str, pin: str | None, lobby: str | None, tmp_path: Path
) -> None:
    async def scene(house: House) -> None:
        host, guest = await room(house)
        async with guest.stream() as stream:
            body = {"conference_alias": "1004", "role": role, **({"pin": pin} if pin else {})}
            assert done(await host.on(guest.uuid, "transfer", body))
            house.studio.end_plays(house.switchboard)
            await asyncio.sleep(0.3)
            (refer,) = stream.of("refer")
            assert refer["alias"] == "1004"
            there = await house.browser("1004", "Guest", token=refer["token"])
            assert (there.given["lobby"], there.given["role"]) == (lobby, role.upper())
            assert (await house.enter("1004", "Eve", token=refer["token"])).status == 403
            assert not stream.closed
            await asyncio.sleep(6)
            assert stream.closed
            assert stream.events[-1].data["code"] == "transferred"
        assert (await guest.refresh()).status == 403
        assert len((await host.get("participants")).result) == 1

    live(scene, tmp_path)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"conference_alias": "1004", "role": "host"}, "bad-pin"),
        ({"conference_alias": "1004", "role": "host", "pin": "111111"}, "bad-pin"),
        ({"conference_alias": "9999", "role": "guest"}, "unknown-room"),
    ],
)
def test_nobody_is_sent_where_the_host_has_no_right_to_send_him(
    body: dict[str, str], why: str, tmp_path: Path
) -> None:
    async def scene(house: House) -> None:
        host, guest = await room(house)
        reply = await host.on(guest.uuid, "transfer", body)
        assert (reply.status, reply.json["reason"]) == (403, why)
        assert len((await host.get("participants")).result) == 2

    live(scene, tmp_path)


def test_the_way_here_is_told_without_a_pin(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        host, _ = await room(house)
        assert (await host.get("invitation")).result == {
            "number": "1002", "sip": "1002@example.org", "link": "https://example.org/1002",
        }  # fmt: skip
        given = (await host.post("whip_token", {"name": "Room \u202ecamera"})).result
        assert given["url"] == "https://example.org/whip"
        found = house.clients.whip_pass(given["token"])
        assert found is not None and (found.room, found.name) == ("1002", "Room camera")
        assert house.clients.whip_pass(host.token) is None
        statuses = [(await host.post("whip_token")).status for _ in range(21)]
        assert statuses[-1] == 429

    live(scene, tmp_path)


@pytest.mark.parametrize(
    ("what", "status", "result"),
    [
        ("allowrxpresentation", 403, "Disabled"), ("layout_group", 403, "Disabled"),
        ("show_live_captions", 403, "Disabled"), ("hide_live_captions", 200, None), ("fecc", 403, "Disabled"),
        ("notify_not_afk", 200, False), ("preferred_aspect_ratio", 200, False),
    ],
)  # fmt: skip
def test_what_has_no_meaning_is_answered_as_switched_off(
    what: str, status: int, result: Any, tmp_path: Path
) -> None:
    async def scene(house: House) -> None:
        host = await house.host()
        reply = await host.own(what, {})
        assert (reply.status, reply.result) == (status, result)

    live(scene, tmp_path)
