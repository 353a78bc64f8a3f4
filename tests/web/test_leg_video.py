"""A browser's pictures go with its sound: agreed on in one bundle, told to the room as long as the path is there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from bridge.codec.table import AUDIO_CODECS
from bridge.errors import Reason
from bridge.focus import Attendance
from bridge.media import contract
from bridge.rooms.participant import NO_PICTURES, Pictures
from bridge.sdp.description import parse
from bridge.sdp.local import PicturePolicy
from bridge.sdp.video import Content
from bridge.switchboard import Switchboard
from bridge.web.leg import WebLeg
from bridge.web.media import WebTerms
from bridge.web.sender import SendingLeg
from config.model import Room, RoomKind
from tests.faketime import run
from tests.web.house import RtcStudio, offer

ROOM = Room("1001", RoomKind.OPEN)
TERMS = WebTerms("127.0.0.1", AUDIO_CODECS, loopback=True, pictures=PicturePolicy())
BOTH = Pictures(camera=True, watches=True)
WITH_MID = offer().replace(
    "a=rtpmap:96", "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=rtcp-fb:96 nack pli\r\na=rtpmap:96"
)
SLIDES = WITH_MID.replace("BUNDLE 0 1", "BUNDLE 0 1 2") + (
    WITH_MID[WITH_MID.index("m=video") :].replace("a=mid:1", "a=mid:2\r\na=content:slides")
)


@dataclass
class Desk:
    told: list[object] = field(default_factory=list)

    def media(self, on: bool, encrypted: bool) -> None:
        self.told.append(("media", on))

    def video(self, pictures: Pictures) -> None:
        self.told.append(pictures)

    def seen(self, content: Content, on: bool) -> None:
        self.told.append((content, on))

    def left(self, reason: Reason) -> None:
        self.told.append(reason)


class Owner:
    """Hears nothing of interest."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


class World:
    """One leg before a fake studio."""

    def __init__(self, kind: type[WebLeg] = WebLeg, terms: WebTerms = TERMS, room: Room = ROOM) -> None:
        self.studio = RtcStudio()
        self.studio.board = self.board = Switchboard(self.studio)
        self.desk = Desk()
        self.leg = kind("w1", room, "Kari", "127.0.0.9", terms, self.board, cast(Any, Owner()))
        self.leg.desk = cast(Attendance, self.desk)

    def connect(self) -> None:
        self.board.media_event(contract.Connected("w1", "udp", "AEAD_AES_128_GCM"))

    def configured(self) -> contract.ConfigureLeg:
        return [each for each in self.studio.told if isinstance(each, contract.ConfigureLeg)][-1]


def play(scene: Callable[[World], Awaitable[None]], **more: Any) -> None:
    async def whole() -> None:
        await scene(World(**more))

    run(whole())


def test_pictures_are_told_when_the_path_is_there_and_when_it_is_gone() -> None:
    async def scene(world: World) -> None:
        answer = parse(await world.leg.offer(WITH_MID.encode()))
        assert [section.port for section in answer.sections] == [10000, 10000]
        assert (world.leg.pictures, world.desk.told) == (NO_PICTURES, [])
        told = world.configured()
        assert told.video is not None
        assert (told.video.mid, told.video.mid_id, told.video.pli) == ("1", 4, True)
        assert (told.video_transport, told.slides) == (None, None)
        (opened,) = [each for each in world.studio.told if isinstance(each, contract.OpenLeg)]
        assert (opened.shared, opened.video) == (True, False)
        world.board.media_event(contract.Seen("w1", Content.MAIN, True))
        assert world.desk.told == []
        world.connect()
        assert world.leg.pictures == BOTH
        world.board.media_event(contract.Seen("w1", Content.MAIN, True))
        world.board.media_event(contract.KeyNeeded("w1"))
        world.leg.drop_media()
        assert world.desk.told == [("media", True), BOTH, (Content.MAIN, True), ("media", False), NO_PICTURES]
        assert world.leg.pictures == NO_PICTURES

    play(scene)


def test_slides_are_a_second_stream() -> None:
    async def scene(world: World) -> None:
        await world.leg.offer(SLIDES.encode())
        world.connect()
        told = world.configured()
        assert told.slides is not None
        assert told.slides.mid == "2"
        assert world.leg.pictures == Pictures(True, True, True, True)

    play(scene)


def test_a_further_offer_changes_them() -> None:
    async def scene(world: World) -> None:
        await world.leg.offer(WITH_MID.encode())
        world.connect()
        watching = "a=recvonly".join(WITH_MID.rsplit("a=sendrecv", 1))
        answer = parse(await world.leg.reoffer(world.leg.call, watching.encode()))
        assert ("sendonly", None) in answer.sections[1].attributes
        assert world.desk.told[-1] == Pictures(watches=True)
        await world.leg.reoffer(world.leg.call, WITH_MID.replace("m=video 9", "m=video 0").encode())
        assert world.desk.told[-1] == NO_PICTURES
        assert world.configured().video is None

    play(scene)


@pytest.mark.parametrize(
    ("terms", "room"), [(replace(TERMS, pictures=None), ROOM), (TERMS, replace(ROOM, video=False))]
)
def test_where_there_are_no_pictures_they_are_refused(terms: WebTerms, room: Room) -> None:
    async def scene(world: World) -> None:
        answer = parse(await world.leg.offer(WITH_MID.encode()))
        assert [section.port for section in answer.sections] == [10000, 0]
        assert world.configured().video is None

    play(scene, terms=terms, room=room)


def test_a_camera_that_comes_by_whip_only_sends() -> None:
    async def scene(world: World) -> None:
        answer = parse(await world.leg.offer(WITH_MID.encode()))
        assert [("recvonly", None) in section.attributes for section in answer.sections] == [True, True]
        world.connect()
        assert world.leg.pictures == Pictures(camera=True)

    play(scene, kind=SendingLeg)


def test_ice_restarts_with_pictures() -> None:
    async def scene(world: World) -> None:
        first = parse(await world.leg.offer(WITH_MID.encode()))
        again = WITH_MID.replace("abcd", "efgh")
        second = parse(await world.leg.reoffer(world.leg.call, again.encode()))
        words = [
            [value for name, value in section.attributes if name == "ice-ufrag"]
            for section in (*first.sections, *second.sections)
        ]
        assert words[0] == words[1] != words[2] == words[3]
        assert world.configured().video is not None

    play(scene)
