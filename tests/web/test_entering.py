"""How one comes in by the client API: room, PIN or none, limits; and how long a token is good (behaviours.md C1)."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from bridge.web.clients import MOST_WAITING
from bridge.web.protocol import INVALID_TOKEN
from config.model import LimitsConfig
from tests.web.conftest import HOST_PIN
from tests.web.house import Browser, House, live

TEXTS = Path(__file__).parents[3] / "shared" / "vectors" / "text"
pytestmark = pytest.mark.usefixtures("quick_pins")


def test_a_room_without_pin_makes_hosts(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        reply = await house.enter("1001", "Kari")
        assert (reply.status, reply.result["role"]) == (200, "HOST")
        assert reply.result["current_service_type"] == "conference"
        assert reply.result["expires"] == "120"
        assert reply.headers["content-type"] == "application/json"

    live(scene, tmp_path)


@pytest.mark.parametrize(("number", "guest"), [("1002", "none"), ("1003", "required"), ("1005", "required")])
def test_a_room_with_pin_asks_for_it(number: str, guest: str, tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        reply = await house.enter(number, "Kari")
        assert reply.status == 403
        assert (reply.result["pin"], reply.result["guest_pin"]) == ("required", guest)
        as_guest = await house.enter(number, "Kari", "none")
        assert as_guest.status == (200 if guest == "none" else 403)

    live(scene, tmp_path)


@pytest.mark.parametrize(("pin", "role"), [("246810", "HOST"), ("135791", "GUEST")])
def test_the_pin_decides_the_role(pin: str, role: str, tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        assert (await house.enter("1003", "Kari", pin)).result["role"] == role

    live(scene, tmp_path)


def test_who_walks_through_the_numbers_does_not_get_on_by_asking_much_at_a_time(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        async def learnt(source: str) -> int:
            asked = [house.enter(str(50_000 + each), "Kari", source=source) for each in range(150)]
            return [reply.status for reply in await asyncio.gather(*asked)].count(404)

        # The first come before anything is known of their source, others an address of the same network (IPv6).
        assert await learnt("2001:db8::1") <= 32
        assert await learnt("2001:db8::2") <= 32
        assert (await house.enter("1001", "Kari", source="2001:db8:0:1::1")).status == 200

    live(scene, tmp_path)


def test_one_source_cannot_fill_the_lobbies_of_all_rooms(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        for number in ("1002", "1004") * (MOST_WAITING // 2):
            assert (await house.enter(number, "Guest", "none", source="192.0.2.1")).status == 200
        reply = await house.enter("1002", "Guest", "none", source="192.0.2.1")
        assert reply.status == 429 and int(reply.headers["retry-after"]) > 0
        assert (await house.enter("1002", "Guest", "none", source="192.0.2.2")).status == 200
        assert (await house.enter("1002", "Host", HOST_PIN, source="192.0.2.1")).status == 200
        assert (await house.enter("1001", "Kari", source="192.0.2.3")).status == 200
        for _ in range(MOST_WAITING + 1):  # from this machine: a proxy may bring everybody
            assert (await house.enter("1004", "Guest", "none", source="127.0.0.1")).status == 200

    live(scene, tmp_path)


def test_a_pin_may_come_as_a_header_and_the_body_goes_before_it(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        body = {"display_name": "Kari"}
        by_header = await house.post("1002", "request_token", body, pin=HOST_PIN)
        assert by_header.result["role"] == "HOST"
        guest = await house.post("1002", "request_token", body, pin="none")
        assert guest.result["role"] == "GUEST"
        both = await house.post("1002", "request_token", {**body, "pin": "none"}, pin=HOST_PIN)
        assert both.result["role"] == "GUEST"

    live(scene, tmp_path)


def test_guests_wait_for_the_host_and_knock_at_a_locked_door(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        early = await house.browser("1002", "Early", "none")
        assert (early.given["current_service_type"], early.given["lobby"]) == ("waiting_room", "waiting")
        await house.host("1004")
        late = await house.browser("1004", "Late", "none")
        assert (late.given["current_service_type"], late.given["lobby"]) == ("waiting_room", "knocking")

    live(scene, tmp_path)


def test_unknown_and_disabled_rooms_look_alike(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        for pin in (None, "none", "123456"):
            unknown, disabled = [await house.enter(alias, "Kari", pin) for alias in ("9999", "1006")]
            assert unknown == disabled
            assert unknown.status == (404 if pin != "123456" else 403)

    live(scene, tmp_path)


def test_a_room_that_does_not_exist_judges_pins_like_any_other(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        loop, taken = asyncio.get_running_loop(), []
        for alias, source in (("9999", "192.0.2.1"), ("1002", "192.0.2.2")):
            began = loop.time()
            reply = await house.enter(alias, "Kari", "123456", source)
            taken.append((reply, loop.time() - began))
        assert taken[0] == taken[1]

    live(scene, tmp_path)


def test_wrong_pins_are_told_later_and_later(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        loop, waited = asyncio.get_running_loop(), []
        for _ in range(4):
            began = loop.time()
            reply = await house.enter("1002", "Kari", "111111")
            assert (reply.status, reply.result) == (403, "Invalid PIN")
            waited.append(round(loop.time() - began))
        assert waited == [1, 2, 4, 4]

    live(scene, tmp_path)


def test_who_looks_for_rooms_is_slowed_down(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        loop = asyncio.get_running_loop()
        for number in range(2000, 2021):
            await house.enter(str(number), "Kari")
        began = loop.time()
        assert (await house.enter("1001", "Kari")).status == 200
        assert loop.time() > began
        began = loop.time()
        assert (await house.enter("1001", "Ola", source="192.0.2.7")).status == 200
        assert loop.time() == began

    live(scene, tmp_path)


@pytest.mark.shared
@pytest.mark.skipif(not TEXTS.exists(), reason="the vectors are not beside the project")
def test_no_guess_opens_a_room(tmp_path: Path) -> None:
    tries = json.loads((TEXTS / "pin-tries.json").read_text())["tries"]

    async def scene(house: House) -> None:
        verdicts = 0
        for number, pin in enumerate(tries):
            reply = await house.enter("1005", "Eve", pin, source=f"192.0.2.{number % 200}")
            assert reply.status in (400, 403, 503)
            verdicts += reply.status == 403 and reply.result == "Invalid PIN"
        assert verdicts <= 20 + (asyncio.get_running_loop().time() - 1000.0) / 60

    live(scene, tmp_path)


@pytest.mark.shared
@pytest.mark.skipif(not TEXTS.exists(), reason="the vectors are not beside the project")
def test_names_are_made_safe(tmp_path: Path) -> None:
    names = json.loads((TEXTS / "display-names.json").read_text())

    async def scene(house: House) -> None:
        host = await house.browser("1002", "Host", HOST_PIN)
        for vector in names:
            given, expect = vector["name"], vector["expect"]
            one = await house.browser("1002", given, "none")
            shown = one.given["display_name"]
            assert (0 < len(shown) <= 64 + 10 and shown.isprintable()) or "\u200d" in shown
            assert not set("\r\n\u202e\u2066") & set(shown)
            if (expect.startswith("kept") and "whole" not in expect) or "shown as text" in expect:
                assert shown == given
            if expect == "trimmed":
                assert shown == given.strip()
            listed = [each["display_name"] for each in (await host.get("participants")).result]
            assert shown in listed
            await one.post("release_token")
            await asyncio.sleep(0.5)

    live(scene, tmp_path)


@pytest.mark.parametrize(
    "body",
    [
        {"display_name": 7}, {"display_name": {"toString": 1}}, {"display_name": "x", "pin": {"$ne": None}},
        {"display_name": "x", "pin": 246810}, ["x"], "x", {"display_name": "x" * 2000},
        {"display_name": "x", "resume": []}, b"{", b"\xff\xfe", {"display_name": "x", "token": "t" * 300},
    ],
)  # fmt: skip
def test_other_types_and_sizes_are_refused(body: Any, tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        reply = await house.post("1001", "request_token", body)
        assert reply.status == 400
        assert "246810" not in reply.body.decode()

    live(scene, tmp_path)


def test_a_full_room_says_so_and_keeps_nothing_of_who_came(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        for name in ("Kari", "Ola"):
            await house.browser("1001", name)
        reply = await house.enter("1001", "Eve")
        assert (reply.status, reply.result) == (403, "Participant limit reached")
        assert len(house.clients) == 2

    live(scene, tmp_path)


@pytest.mark.parametrize(("trouble", "word"), [("draining", "maintenance"), ("sessions", "resource")])
def test_a_bridge_that_takes_nobody_says_when_to_come_again(trouble: str, word: str, tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        house.outside.trouble = trouble
        reply = await house.enter("1001", "Kari")
        assert reply.status == 503
        assert word in reply.result
        assert int(reply.headers["retry-after"]) > 0

    live(scene, tmp_path)


def test_one_source_asks_for_tokens_only_so_often(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        statuses = [(await house.enter("1002", "Eve")).status for _ in range(220)]
        assert set(statuses) == {403, 429}
        assert (await house.enter("1002", "Kari", "none", source="192.0.2.3")).status == 200

    live(scene, tmp_path)


def test_a_token_opens_its_own_room_only_by_any_of_its_names(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        kari = await house.host("1002", "Kari")
        for alias in ("1002", "clinic", "CLINIC", "ward@example.org"):
            assert (await house.get(alias, "conference_status", kari.token)).status == 200
        for alias in ("1003", "9999", "1006"):
            refusal = await house.get(alias, "conference_status", kari.token)
            assert (refusal.status, refusal.result) == (403, INVALID_TOKEN)
        assert (await house.get("1002", f"conference_status?token={kari.token}")).status == 200

    live(scene, tmp_path)


def test_who_refreshes_stays_and_who_does_not_is_gone_at_the_end_of_the_token(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        kari = await house.host("1002", "Kari")
        ola = await house.browser("1002", "Ola", "none")
        async with ola.stream() as stream:
            for _ in range(3):
                await asyncio.sleep(59)
                await kari.refresh()
            assert stream.closed
            assert stream.events[-1].name == "disconnect"
            assert stream.events[-1].data["code"] == "signalling-lost"
        assert [each["uuid"] for each in (await kari.get("participants")).result] == [kari.uuid]
        assert (await ola.refresh()).status == 403

    live(scene, tmp_path)


def test_the_old_token_stays_good_until_its_own_end(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        kari = await house.browser("1001", "Kari")
        old = kari.token
        await asyncio.sleep(60)
        await kari.refresh()
        assert (await house.get("1001", "participants", old)).status == 200
        await asyncio.sleep(61)
        assert (await house.get("1001", "participants", old)).status == 403
        assert (await kari.get("participants")).status == 200

    live(scene, tmp_path)


def test_leaving_ends_token_and_leg_by_beacon_as_well(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        for by_address in (False, True):
            kari = await house.browser("1001", "Kari")
            what = f"release_token?token={kari.token}" if by_address else "release_token"
            reply = await house.post("1001", what, {"reason": "x"}, "" if by_address else kari.token)
            assert reply.result is True
            assert (await kari.get("participants")).status == 403
            assert len(house.clients) == 0
        records = [(record.reason.value, record.protection) for record in house.outside.records]
        assert records == [("normal", ""), ("normal", "")], "nothing was agreed on"

    live(scene, tmp_path)


def test_one_token_asks_only_so_often(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        kari = await house.browser("1001", "Kari")
        replies = [await kari.get("participants") for _ in range(80)]
        assert {reply.status for reply in replies} == {200, 429}
        assert "retry-after" in replies[-1].headers
        await asyncio.sleep(1)
        assert (await kari.get("participants")).status == 200

    live(scene, tmp_path)


def test_no_pin_and_no_token_is_written_down(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        kari = await house.host("1002", "Kari")
        await house.enter("1002", "Eve", "987654")
        await kari.post("release_token")
        written = json.dumps(house.lines)
        for secret in (HOST_PIN, "987654", kari.token, kari.given["resume"]):
            assert secret not in written
        assert "pin-verdict" in written

    live(scene, tmp_path)


def test_three_wrong_pins_do_not_keep_the_host_out(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        for _ in range(3):
            await house.enter("1002", "Eve", "111111", source="192.0.2.66")
        assert isinstance(await house.browser("1002", "Host", HOST_PIN), Browser)

    live(scene, tmp_path, limits=LimitsConfig())
