"""A SIP leg has ports and terms for pictures, says what was agreed on them, and asks for key frames in signalling."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from bridge.media import contract
from bridge.rooms.participant import NO_PICTURES, Pictures
from bridge.sdp.local import PicturePolicy
from bridge.sdp.transport import PLAIN
from bridge.sdp.video import Content
from bridge.sip import commands, events
from bridge.sip.leg import State
from config.model import Room, RoomKind
from tests.faketime import run
from tests.sip.test_leg import ICE, PRINT, TERMS, World, dial, sdp

SEEING = replace(TERMS, pictures=PicturePolicy())
BOTH = Pictures(camera=True, watches=True)


def picture(direction: str = "sendrecv", port: int = 40002, more: str = "", proto: str = "RTP/AVP") -> str:
    """A section of video as phones have it."""
    return f"m=video {port} {proto} 96\r\na=rtpmap:96 H264/90000\r\na={direction}\r\n{more}"


class Room4(World):
    """A leg whose ports are two pairs."""

    def open_ports(self, port: int = 20000) -> None:
        self.switchboard.media_event(
            contract.LegOpened(
                "c1", "127.0.0.1", port, port + 1, (), 0, PRINT, video_port=port + 2, video_rtcp_port=port + 3
            )
        )

    def opens(self) -> list[contract.OpenLeg]:
        return [each for each in self.studio.told if isinstance(each, contract.OpenLeg)]


@pytest.fixture
def world() -> Room4:
    return Room4(SEEING)


def up(world: Room4, offer: bytes) -> None:
    world.leg.begin(offer)
    world.open_ports()
    world.leg.agent_event(events.AckReceived("c1", None))


def test_pictures_get_ports_and_a_configuration_of_their_own(world: Room4) -> None:
    up(world, sdp(more=picture()))
    (opened,) = world.opens()
    assert (opened.video, opened.shared) == (True, False)
    (told,) = world.configured()
    assert told.video is not None
    assert told.video.remote == ("127.0.0.1", 40002)
    assert (told.video_transport, told.slides) == (PLAIN, None)
    assert world.leg.pictures == BOTH
    assert "m=video 20002 RTP/AVP 96" in world.said()
    assert world.desk.told == [], "whoever takes the leg reads for himself"


def test_pictures_that_come_and_go_reach_the_desk_once_each(world: Room4) -> None:
    up(world, sdp())
    assert world.leg.pictures == NO_PICTURES
    for direction in ("sendrecv", "sendrecv", "sendonly", "recvonly", "inactive"):
        world.leg.agent_event(events.Reinvited("c1", sdp(more=picture(direction))))
    world.leg.agent_event(events.Reinvited("c1", sdp(more=picture(port=0))))
    world.leg.agent_event(events.UpdateReceived("c1", sdp(more=picture())))
    expected = [BOTH, Pictures(camera=True), Pictures(watches=True), NO_PICTURES, BOTH]
    assert world.desk.told == [("video", each) for each in expected]
    assert [each.video is None for each in world.configured()] == [True, *5 * [False], True, False]


def test_a_reoffer_that_is_refused_leaves_the_pictures_as_they_were(world: Room4) -> None:
    up(world, sdp(more=picture()))
    world.leg.agent_event(events.Reinvited("c1", sdp(formats="96", more=picture(port=0))))
    assert world.told[-1] == commands.AnswerReinvite("c1", None, 488)
    assert world.leg.pictures == BOTH
    assert len(world.configured()) == 1


def test_a_room_without_pictures_refuses_them() -> None:
    world = Room4(TERMS)
    up(world, sdp(more=picture()))
    assert [each.video for each in world.opens()] == [False]
    assert "m=video 0 RTP/AVP 96" in world.said()
    assert world.configured()[0].video is None


def test_a_late_offer_has_pictures(world: Room4) -> None:
    world.leg.begin(None)
    world.open_ports()
    answered = world.told[-1]
    assert isinstance(answered, commands.Answer)
    assert b"m=video 20002 RTP/AVP 97 98 99" in answered.sdp
    theirs = (
        picture().replace("96", "97").replace("H264/90000", "H264/90000\r\na=fmtp:97 packetization-mode=1")
    )
    world.leg.agent_event(events.AckReceived("c1", sdp(more=theirs)))
    video = world.configured()[0].video
    assert video is not None
    assert video.send is not None
    assert (video.send.codec, video.send.packetization_mode) == ("H264", 1)
    assert world.leg.pictures == BOTH


def test_a_dialled_leg_offers_pictures_and_takes_an_answer_without(world: Room4) -> None:
    dial(world)
    world.open_ports()
    world.leg.agent_event(events.DialAnswered("c1", sdp(more=picture(port=0))))
    assert (world.leg.state, world.leg.pictures) == (State.UP, NO_PICTURES)
    assert world.configured()[0].video is None


def test_a_revived_leg_offers_its_pictures_again(world: Room4) -> None:
    up(world, sdp(more=picture()))
    world.switchboard.process_lost(("c1",))
    world.open_ports(port=22000)
    again = world.told[-1]
    assert isinstance(again, commands.Reinvite)
    assert b"m=audio 22000" in again.sdp
    assert b"m=video 22002" in again.sdp
    world.leg.agent_event(events.OfferAnswered("c1", sdp(more=picture())))
    assert [each.video for each in world.opens()] == [True, True]
    assert world.configured()[-1].video is not None
    assert world.desk.told == [("silent", True), ("silent", False)]


def test_a_leg_that_arrives_elsewhere_tells_changes_there(world: Room4) -> None:
    up(world, sdp(more=picture()))
    world.leg.refer(Room("2000", RoomKind.OPEN), None)
    world.leg.agent_event(events.Reinvited("c1", sdp(more=picture())))
    world.leg.agent_event(events.Reinvited("c1", sdp(more=picture("recvonly"))))
    assert world.there.told == [("video", Pictures(watches=True))]


def test_without_the_shared_port_there_are_ports_for_pictures(world: Room4) -> None:
    world.leg.begin(sdp(media="40000 RTP/AVP", more=ICE))
    world.switchboard.media_event(contract.OpenFailed("c1", "no-shared-port"))
    assert [(each.shared, each.video) for each in world.opens()] == [(True, False), (False, True)]


def test_where_ports_are_short_there_is_sound_at_least(world: Room4) -> None:
    world.leg.begin(sdp(more=picture()))
    World.open_ports(world)
    world.leg.agent_event(events.AckReceived("c1", None))
    assert "m=video 0 RTP/AVP 96" in world.said()
    assert world.leg.state is State.UP


def test_pictures_outside_the_bundle_keep_a_leg_from_the_shared_port(world: Room4) -> None:
    dtls = "a=fingerprint:sha-256 " + ":".join(["AB"] * 32) + "\r\na=setup:actpass\r\n"
    sound = sdp(media="40000 UDP/TLS/RTP/SAVPF", more=ICE + dtls + picture(more=ICE, proto="RTP/AVPF"))
    world.leg.begin(sound)
    (opened,) = world.opens()
    assert (opened.shared, opened.video) == (False, True)


def test_pictures_in_the_bundle_need_no_ports(world: Room4) -> None:
    group = "a=group:BUNDLE 0 1\r\nm=audio"
    dtls = "a=fingerprint:sha-256 " + ":".join(["AB"] * 32) + "\r\na=setup:actpass\r\n" + ICE
    video = picture(more=dtls + "a=mid:1\r\n", proto="UDP/TLS/RTP/SAVPF")
    sound = sdp(media="40000 UDP/TLS/RTP/SAVPF", more=dtls + "a=mid:0\r\n" + video)
    world.leg.begin(sound.replace(b"m=audio", group.encode(), 1))
    (opened,) = world.opens()
    assert (opened.shared, opened.video) == (True, False)
    world.open_shared()
    world.leg.agent_event(events.AckReceived("c1", None))
    told = world.configured()[0]
    assert told.video is not None
    assert (told.video.mid, told.video_transport) == ("1", None)


# -- key frames, and whether pictures come ------------------------------------------------------------------------


def test_the_wish_for_a_key_frame_reaches_media(world: Room4) -> None:
    up(world, sdp(more=picture()))
    world.leg.agent_event(events.PictureFastUpdate("c1"))
    assert world.studio.told[-1] == contract.WantKey("c1")
    world.leg.agent_event(events.CallEnded("c1", events.Ending.BYE))
    world.close_ports()
    told = len(world.studio.told)
    world.switchboard.want_key("c1")
    assert len(world.studio.told) == told


def test_a_key_frame_is_asked_for_once_a_second_at_most(world: Room4) -> None:
    async def scene() -> None:
        up(world, sdp(more=picture()))
        for _ in range(25):
            world.switchboard.media_event(contract.KeyNeeded("c1"))
            await asyncio.sleep(0.1)

    run(scene())
    asked = [each for each in world.told if isinstance(each, commands.SendInfo)]
    assert [each.content_type for each in asked] == 3 * ["application/media_control+xml"]
    assert b"<picture_fast_update/>" in asked[0].body


def test_nobody_is_asked_before_the_call_is_up(world: Room4) -> None:
    world.leg.begin(sdp(more=picture()))
    world.open_ports()
    world.switchboard.media_event(contract.KeyNeeded("c1"))
    world.switchboard.media_event(contract.Seen("c1", Content.MAIN, True))
    assert isinstance(world.told[-1], commands.Answer)


def test_whether_pictures_come_is_told(world: Room4) -> None:
    up(world, sdp(more=picture()))
    world.switchboard.media_event(contract.Seen("c1", Content.MAIN, True))
    world.switchboard.media_event(contract.Seen("c1", Content.MAIN, False))
    assert world.desk.told == [("seen", Content.MAIN, True), ("seen", Content.MAIN, False)]
