"""A camera comes by WHIP with a host's word: it is heard and hears nothing, restarts ICE, and ends as it should."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import ProtocolError, Reason
from bridge.media import contract
from bridge.rooms.participant import Place
from bridge.sdp.description import parse
from bridge.web.sender import Senders, sending
from bridge.web.turn import TurnCredentials, TurnServers
from bridge.web.whip import whip_router
from config.secret import Secret
from tests.web.asgi import Reply, ask
from tests.web.house import Browser, House, live, offer

SDP, FRAGMENT = "application/sdp", "application/trickle-ice-sdpfrag"
TURN = TurnServers(("turn:turn.example.org",), Secret("shared with the server"))
RESTART = b"a=ice-ufrag:wxyz\r\na=ice-pwd:pCyIjjCyYVSCtxhTJpUnZxwG\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n"
CANDIDATE = (
    b"a=ice-ufrag:abcd\r\na=ice-pwd:pCyIjjCyYVSCtxhTJpUnZxwF\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n"
    b"a=candidate:1 1 udp 2130706431 192.0.2.1 50000 typ host\r\na=end-of-candidates\r\n"
)


class Studio:
    """A house with WHIP, and a host inside room 1002 who has made a word."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.senders = Senders(
            house.reception,
            house.switchboard,
            house.clients._terms,
            house.outside,
            house.clients.whip_over,
            lambda: house.wallclock,
        )
        self.app = FastAPI()
        self.app.include_router(
            whip_router(self.senders, house.reception.room, house.clients.whip_pass, self.turn)
        )
        self.word = ""

    def turn(self, leg: str) -> TurnCredentials | None:
        return TURN.credentials(leg, 0.0)

    async def open(self) -> Browser:
        host = await self.house.host()
        self.word = (await host.post("whip_token", {"name": "Camera 2"})).result["token"]
        return host

    async def post(
        self, sdp: str | None = None, number: str = "1002", kind: str = SDP, word: str | None = None
    ) -> Reply:
        body = (offer() if sdp is None else sdp).encode()
        headers = {"content-type": kind}
        if word != "":
            headers["authorization"] = f"Bearer {word or self.word}"
        return await ask(self.app, "POST", f"/whip/{number}", body, headers)

    async def on(self, method: str, where: str, body: bytes | None = None, **headers: str) -> Reply:
        told = {"authorization": f"Bearer {self.word}"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        return await ask(self.app, method, where, body, told)

    async def patch(self, where: str, body: bytes, match: str | None = "*", kind: str = FRAGMENT) -> Reply:
        more = {} if match is None else {"if_match": match}
        return await self.on("PATCH", where, body, content_type=kind, **more)

    def person(self, number: str = "1002") -> tuple[str, Place, bool] | None:
        """(name, place, media) of the one who came by WHIP."""
        focus = self.house.conferences.get(number)
        people = focus.conference.people if focus is not None else ()
        return next(((each.name, each.place, each.media) for each in people if each.way == "whip"), None)

    def leg(self) -> str:
        return next(iter(self.senders._legs.values())).id


def play(scene: Callable[[Studio], Awaitable[None]], folder: Path) -> House:
    async def inside(house: House) -> None:
        await scene(Studio(house))

    return live(inside, folder)


def test_it_comes_in_is_heard_and_goes(tmp_path: Path) -> None:
    async def scene(studio: Studio) -> None:
        await studio.open()
        reply = await studio.post()
        assert reply.status == 201 and reply.headers["content-type"] == SDP
        where = reply.headers["location"]
        assert where.startswith("/whip/1002/") and reply.headers["etag"] == '"1"'
        assert reply.headers["link"].startswith('<turn:turn.example.org>; rel="ice-server"; username="7200:')
        audio, video = parse(reply.body).sections
        names = dict(audio.attributes)
        assert "recvonly" in names and "sendrecv" not in names and video.port == 0
        assert studio.person() == ("Camera 2", Place.INSIDE, False)
        studio.house.switchboard.media_event(contract.Connected(studio.leg(), "udp", "AEAD_AES_128_GCM"))
        assert studio.person() == ("Camera 2", Place.INSIDE, True)
        seat = next(seat for seat in studio.house.studio.plans()[-1].seats if seat.leg == studio.leg())
        assert seat.heard
        assert (await studio.on("DELETE", where)).status == 200
        await asyncio.sleep(0.01)
        assert studio.person() is None and len(studio.senders) == 0
        (record,) = [each for each in studio.house.outside.records if each.way == "whip"]
        assert (record.reason, record.room) == (Reason.NORMAL, "1002") and record.quality is not None
        assert (await studio.on("DELETE", where)).status == 404

    house = play(scene, tmp_path)
    events = [line["event"] for line in house.lines if line.get("way") == "whip"]
    assert events[:2] == ["arrived", "joined"]


@pytest.mark.parametrize(
    ("word", "number", "kind", "sdp", "status"),
    [
        ("", "1002", SDP, None, 401),
        ("nobodys", "1002", SDP, None, 401),
        ("nobodys", "9999", SDP, None, 401),
        (None, "1003", SDP, None, 403),
        (None, "9999", SDP, None, 403),
        (None, "1002", "application/json", None, 415),
        (None, "1002", "text/plain", None, 415),
        (None, "1002", SDP, "nonsense", 400),
        (None, "1002", SDP, offer().replace("a=sendrecv", "a=recvonly"), 400),
        (None, "1002", SDP, offer().replace("sha-256", "md5"), 406),
        (None, "1002", SDP, offer().replace("m=audio", "m=audio2"), 406),
    ],
)
def test_what_is_refused(
    word: str | None, number: str, kind: str, sdp: str | None, status: int, tmp_path: Path
) -> None:
    async def scene(studio: Studio) -> None:
        await studio.open()
        reply = await studio.post(sdp, number, kind, word)
        assert reply.status == status
        assert (status == 401) is ("www-authenticate" in reply.headers)
        assert (status == 415) is ("accept-post" in reply.headers)
        await asyncio.sleep(0.01)
        assert len(studio.senders) == 0 and studio.person() is None

    play(scene, tmp_path)


def test_other_methods_are_not_for_it(tmp_path: Path) -> None:
    async def scene(studio: Studio) -> None:
        await studio.open()
        for method in ("GET", "PUT", "DELETE"):
            assert (await studio.on(method, "/whip/1002")).status == 405
        where = (await studio.post()).headers["location"]
        for method in ("GET", "POST", "PUT"):
            assert (await studio.on(method, where)).status == 405
        asked = await studio.on("OPTIONS", "/whip/1002")
        assert (asked.status, asked.headers["accept-post"]) == (204, SDP)

    play(scene, tmp_path)


def test_ice_restarts(tmp_path: Path) -> None:
    async def scene(studio: Studio) -> None:
        await studio.open()
        where = (await studio.post()).headers["location"]
        assert (await studio.patch(where, RESTART, None)).status == 428
        assert (await studio.patch(where, RESTART, '"7"')).status == 412
        assert (await studio.patch(where, RESTART, kind="text/plain")).status == 415
        assert (await studio.patch(where, b"a=ice-ufrag:x\r\n")).status == 406
        told = await studio.patch(where, CANDIDATE, '"1"')
        assert (told.status, told.body, told.headers["etag"]) == (204, b"", '"1"')
        answer = await studio.patch(where, RESTART)
        assert (answer.status, answer.headers["content-type"], answer.headers["etag"]) == (
            200,
            FRAGMENT,
            '"2"',
        )
        assert b"a=ice-ufrag:" in answer.body and b"a=ice-pwd:" in answer.body
        configured = [each for each in studio.house.studio.told if isinstance(each, contract.ConfigureLeg)]
        ice = configured[-1].transport.ice
        assert ice is not None and ice.remote.ufrag == "wxyz"
        assert ice.local.ufrag.encode() in answer.body
        assert (await studio.patch(where, CANDIDATE, '"1"')).status == 412
        assert (await studio.patch("/whip/1002/other", RESTART)).status == 404

    play(scene, tmp_path)


def test_one_word_is_for_one_camera(tmp_path: Path) -> None:
    async def scene(studio: Studio) -> None:
        host = await studio.open()
        first = (await studio.post()).headers["location"]
        second = (await studio.post()).headers["location"]
        assert first != second and len(studio.senders) == 1
        assert (await studio.on("DELETE", first)).status == 404
        other = (await host.post("whip_token")).result["token"]
        studio.word, mine = other, studio.word
        assert (await studio.on("DELETE", second)).status == 404, "not by another camera's word"
        assert (await studio.post()).status == 201 and len(studio.senders) == 2
        studio.word = mine
        assert (await studio.on("DELETE", second)).status == 200

    play(scene, tmp_path)


def test_it_knocks_where_it_is_locked_and_may_be_sent_away(tmp_path: Path) -> None:
    async def scene(studio: Studio) -> None:
        host = await studio.open()
        assert (await host.post("lock")).status == 200
        where = (await studio.post()).headers["location"]
        assert studio.person() == ("Camera 2", Place.KNOCKING, False)
        assert (await host.on(studio.leg(), "unlock")).status == 200
        assert studio.person() == ("Camera 2", Place.INSIDE, False)
        assert (await host.on(studio.leg(), "disconnect")).status == 200
        await asyncio.sleep(0.01)
        assert studio.person() is None and (await studio.on("DELETE", where)).status == 401
        assert (await studio.post()).status == 401, "nor does it come back"

    play(scene, tmp_path)


@pytest.mark.parametrize("end", ["all", "host"])
def test_a_word_ends_with_the_conference_and_with_the_host_who_is_sent_away(end: str, tmp_path: Path) -> None:
    async def scene(studio: Studio) -> None:
        host = await studio.open()
        other = await studio.house.browser("1002", "Kari", "246810")
        if end == "all":
            assert (await other.post("disconnect")).status == 200
        else:
            assert (await other.on(host.uuid, "disconnect")).status == 200
        await asyncio.sleep(0.01)
        assert (await studio.post()).status == 401

    play(scene, tmp_path)


@pytest.mark.parametrize("end", ["path", "media", "room", "bridge"])
def test_nothing_is_left_of_it(end: str, tmp_path: Path) -> None:
    async def scene(studio: Studio) -> None:
        host = await studio.open()
        await studio.post()
        leg, board = studio.leg(), studio.house.switchboard
        board.media_event(contract.Connected(leg, "udp", "AEAD_AES_128_GCM"))
        match end:
            case "path":
                board.media_event(contract.TransportFailed(leg, "ice-consent"))
            case "media":
                board.process_lost((leg,))
            case "room":
                await host.post("disconnect")
            case _:
                studio.senders.hang_up_all(Reason.SHUTDOWN)
        await asyncio.sleep(0.01)
        assert len(studio.senders) == 0 and not studio.senders._records
        assert studio.person() is None

    play(scene, tmp_path)


def test_nobody_comes_in_while_there_is_too_much_to_do(tmp_path: Path) -> None:
    async def scene(studio: Studio) -> None:
        await studio.open()
        studio.house.outside.trouble = "draining"
        reply = await studio.post()
        assert (reply.status, "retry-after" in reply.headers) == (503, True)
        studio.house.outside.trouble = None
        studio.house.studio.trouble = "no-port"
        assert (await studio.post()).status == 503
        await asyncio.sleep(0.01)
        assert len(studio.senders) == 0

    play(scene, tmp_path)


@given(
    st.binary(max_size=300)
    | st.lists(st.sampled_from([b"a=sendrecv\r", b"a=sendonly", b"m=audio 9", b"a=recvonly", b"x"])).map(
        b"\n".join
    )
)
def test_any_offer_sends_only_or_is_refused(body: bytes) -> None:
    try:
        made = sending(body)
    except ProtocolError as fault:
        assert fault.name == "whip-direction"
        return
    lines = [line.strip() for line in made.split(b"\n")]
    assert lines.count(b"a=sendonly") == 1 and not {b"a=sendrecv", b"a=recvonly", b"a=inactive"} & set(lines)
