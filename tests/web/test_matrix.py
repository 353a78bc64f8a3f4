"""Who may use what (reliability.md W-04): every route of the client API, tried by everybody.

A route without a row in `TABLE` fails the test; so does a row without a route, a route without a gate, and a gate that
is not as its row says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from bridge.errors import Reason
from bridge.rooms.participant import Place, Role
from bridge.web.access import Access
from bridge.web.client_api import BASE, client_router
from bridge.web.gate import Gate, Unguarded
from bridge.web.protocol import INVALID_ROLE, INVALID_TOKEN
from tests.faketime import run
from tests.web.asgi import Reply, Stream
from tests.web.house import Browser, House, offer

P = "/participants/{uuid}"
C = P + "/calls/{call}"

TABLE: dict[str, Access] = {
    "POST /request_token": Access.OPEN,
    **dict.fromkeys(
        ["POST /refresh_token", "POST /release_token", "POST /events_ticket", "GET /events", "GET /theme",
         "GET /theme/"], Access.ANY),
    **dict.fromkeys(
        ["GET /conference_status", "GET /participants", "GET /available_layouts", "GET /layout_svgs",
         "GET /get_message_text", "GET /get_clock", f"GET {P}/avatar.jpg", "POST /message", f"POST {P}/message",
         f"POST {P}/fecc", "POST /breakoutbuzz", "POST /clearbreakoutbuzz"], Access.INSIDE),
    **dict.fromkeys(
        ["GET /invitation", "POST /whip_token", "POST /start_conference", "POST /lock", "POST /unlock",
         "POST /admit_all", "POST /muteguests", "POST /unmuteguests", "POST /set_guests_can_unmute",
         "POST /clearallbuzz", "POST /clearspotlights", "POST /transform_layout", "POST /disconnect",
         "POST /cancel_disconnect", "POST /dial", f"POST {P}/unlock", f"POST {P}/spotlighton",
         f"POST {P}/spotlightoff", f"POST {P}/overlaytext", f"POST {P}/role", f"POST {P}/transfer",
         "POST /set_guests_can_present", "POST /set_guests_can_see_guests", "POST /set_message_text",
         "POST /set_clock", "POST /set_pinning_config", "POST /silent_video_detection", "POST /breakouts",
         "POST /video_mixes/create", "POST /video_mixes/{mix}/configure", "POST /video_mixes/{mix}/delete",
         f"POST {P}/interpreteron", f"POST {P}/interpreteroff",
         f"POST {P}/allowrxpresentation", f"POST {P}/denyrxpresentation", f"POST {P}/layout_group",
         f"POST {P}/send_to_audio_mixes", f"POST {P}/receive_from_audio_mix"], Access.HOST),
    **dict.fromkeys(
        [f"POST {P}/client_mute", f"POST {P}/client_unmute", f"POST {P}/calls", f"POST {C}/ack",
         f"POST {C}/new_candidate", f"POST {C}/update", f"POST {C}/disconnect", f"POST {C}/statistics",
         f"POST {P}/preferred_aspect_ratio", f"POST {P}/notify_not_afk"], Access.OWN),
    f"POST {P}/disconnect": Access.OWN_OR_HOST,
    **dict.fromkeys(
        [f"POST {P}/buzz", f"POST {P}/take_floor", f"POST {P}/show_live_captions",
         f"POST {P}/hide_live_captions", f"POST {C}/dtmf", f"POST {C}/fecc"], Access.OWN_INSIDE),
    **dict.fromkeys(
        [f"POST {P}/mute", f"POST {P}/unmute", f"POST {P}/clearbuzz", f"POST {P}/dtmf", f"POST {P}/video_muted",
         f"POST {P}/video_unmuted", f"POST {P}/pres_in_mix", f"POST {P}/release_floor"], Access.OWN_INSIDE_OR_HOST),
}  # fmt: skip

BODIES: dict[str, Any] = {
    "message": {"type": "text/plain", "payload": "hello"}, "set_guests_can_unmute": {"setting": True},
    "transform_layout": {"transforms": {"layout": "4:0"}}, "dial": {"destination": "ola@example.net"},
    "set_message_text": {"text": "x"}, "dtmf": {"digits": "1"}, "overlaytext": {"text": "x"},
    "role": {"role": "guest"}, "update": {"sdp": offer()},
    "transfer": {"conference_alias": "1002", "role": "guest"}, "calls": {"sdp": offer()},
    "new_candidate": {"candidate": "", "mid": "0"}, "set_guests_can_present": {"setting": True},
    "pres_in_mix": {"state": True},
}  # fmt: skip

# Everybody who may try: nobody in particular, one who knocks, a guest, a host, and a host of another room.
WAITING, GUEST, HOST = "knocker", "guest", "host"
ACTORS = ("nobody", WAITING, GUEST, HOST, "stranger")


def passes(access: Access, actor: str, own: bool) -> bool:
    """The expectation, written down apart from the code that it is to judge."""
    match access:
        case Access.OPEN:
            return True
        case Access.ANY:
            return actor in (WAITING, GUEST, HOST)
        case Access.INSIDE:
            return actor in (GUEST, HOST)
        case Access.HOST:
            return actor == HOST
        case Access.OWN:
            return own and actor in (WAITING, GUEST, HOST)
        case Access.OWN_OR_HOST:
            return (own and actor in (WAITING, GUEST)) or actor == HOST
        case Access.OWN_INSIDE:
            return own and actor in (GUEST, HOST)
        case Access.OWN_INSIDE_OR_HOST:
            return (own and actor == GUEST) or actor == HOST


def routes(house: House) -> Iterator[APIRoute]:
    for route in client_router(house.clients).routes:
        assert isinstance(route, APIRoute)
        yield route


def gates(dependant: Dependant) -> list[Gate | Unguarded]:
    found = [each.call for each in dependant.dependencies if isinstance(each.call, Gate | Unguarded)]
    return found + [gate for each in dependant.dependencies for gate in gates(each)]


def name(route: APIRoute) -> str:
    (method,) = route.methods or {"none"}
    return f"{method} {route.path.removeprefix(BASE)}"


def test_every_route_has_a_row_and_a_gate_as_it_says(tmp_path: Path) -> None:
    async def scene() -> None:
        house = House(tmp_path)
        found = {name(route): gates(route.dependant) for route in routes(house)}
        await house.close()
        assert set(found) == set(TABLE)
        for route, its in found.items():
            assert [gate.access for gate in its] == [TABLE[route]], route

    run(scene())


@dataclass
class Cast:
    """Everybody who tries, as they should be; `bystander` is whom the others' commands are about."""

    house: House
    people: dict[str, Browser]

    def stands(self) -> bool:
        """Whether all are where and what they were."""
        expected = {
            "host": (Role.HOST, Place.INSIDE), "guest": (Role.GUEST, Place.INSIDE),
            "bystander": (Role.GUEST, Place.INSIDE), "knocker": (Role.GUEST, Place.KNOCKING),
            "stranger": (Role.HOST, Place.INSIDE),
        }  # fmt: skip
        for who, wanted in expected.items():
            client = self.house.clients.by_token(self.people[who].token)
            person = self.house.clients.board(client).person(client.id) if client else None
            if person is None or (person.role, person.place) != wanted:
                return False
        return True


async def cast(house: House) -> Cast:
    """A locked room with everybody in their places; the stranger is host somewhere else."""
    house.clients.hang_up_all(Reason.NORMAL)
    host = await house.browser("1004", "Host", "246810")
    await host.call()
    people = {"host": host, "stranger": await house.browser("1002", "Stranger", "246810")}
    for who in ("guest", "bystander", "knocker"):
        people[who] = await house.browser("1004", who.title(), "none")
        if who != "knocker":
            await host.on(people[who].uuid, "unlock")
    made = Cast(house, people)
    assert made.stands()
    return made


async def attempt(house: House, route: str, actor: Browser | None, target: str) -> Reply | None:
    """Use a route; None: a stream was opened."""
    method, path = route.split(" ")
    where = path.strip("/").format(uuid=target, call="0123456789abcdef", mix="main") + "/" * path.endswith(
        "/"
    )
    token = actor.token if actor is not None else ""
    if path == "/events":
        async with Stream(house.app, f"{house.base('1004')}/events?token={token}") as stream:
            return None if stream.status == 200 else Reply(stream.status, {}, b"{}")
    if method == "GET":
        return await house.get("1004", where, token)
    return await house.post("1004", where, BODIES.get(path.rpartition("/")[2]), token)


def refused(reply: Reply | None) -> bool:
    if reply is None or reply.status != 403:
        return False
    return reply.body == b"{}" or reply.result in (INVALID_TOKEN, INVALID_ROLE)


@pytest.mark.parametrize("who", ACTORS)
@pytest.mark.usefixtures("quick_pins")
def test_nobody_gets_further_than_the_table_says(who: str, tmp_path: Path) -> None:
    async def scene() -> None:
        house = House(tmp_path)
        scene_cast = await cast(house)
        for route, access in TABLE.items():
            for own in (True, False) if "{uuid}" in route else (False,):
                if not scene_cast.stands():
                    scene_cast = await cast(house)
                actor = scene_cast.people.get(who)
                target = actor.uuid if own and actor is not None else scene_cast.people["bystander"].uuid
                if route.endswith("/unlock") and own is False and "{uuid}" in route:
                    target = scene_cast.people["knocker"].uuid
                await asyncio.sleep(0.1)  # not more than so many requests a second
                reply = await attempt(house, route, actor, target)
                allowed = passes(access, who, own)
                assert refused(reply) is not allowed, (route, who, own, reply)
                if reply is not None:
                    assert reply.status < 500
        await house.close()

    run(scene())
