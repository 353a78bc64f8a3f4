"""Pictures by the client API: who is shown where, cameras that are muted, slides, interpreters and labels; and that who
waits is told nothing of any of it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from bridge.rooms.participant import Pictures
from bridge.sdp.video import Content
from mixer.scene import SLIDES, Card
from tests.web.asgi import Reply, Stream
from tests.web.house import Browser, House, live

BROWSER = Pictures(camera=True, slides=True, watches=True, watches_slides=True)


async def settle() -> None:
    await asyncio.sleep(0.3)


async def room(house: House, alias: str = "1002") -> tuple[Browser, Browser]:
    """A host and a guest with sound and pictures."""
    host = await house.host(alias)
    guest = await house.browser(alias, "Guest", "none")
    if alias == "1004":
        await host.on(guest.uuid, "unlock")
    await guest.call()
    await settle()
    return host, guest


async def person(by: Browser, who: Browser) -> dict[str, Any]:
    """How one is shown to another."""
    people = (await by.get("participants")).result
    return next(dict(each) for each in people if each["uuid"] == who.uuid)


def done(reply: Reply) -> bool:
    return reply.status == 200 and reply.result is True


def given(reply: Reply) -> bool:
    """Whether the floor was taken or given back: upstream's clients take no other result for that than null."""
    return reply.status == 200 and reply.result is None


def slides(house: House, who: Browser) -> None:
    """His browser has agreed on slides, both ways."""
    client = house.clients.by_token(who.token)
    assert client is not None and client.leg.desk is not None
    client.leg.desk.video(BROWSER)


def presentations(stream: Stream) -> list[tuple[str, str]]:
    """What was told of slides: the event, and whose they are."""
    return [
        (each.name, each.data["presenter_uuid"] if each.data else "")
        for each in stream.events
        if each.name.startswith("presentation")
    ]


def test_a_call_with_pictures_is_shown_and_sees(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        host, guest = await room(house)
        assert host.given["call_type"] == "video" and host.given["guests_can_present"] is True
        shown = await person(host, guest)
        assert (shown["is_video_call"], shown["is_audio_only_call"], shown["is_video_muted"]) == (
            "YES",
            "NO",
            False,
        )
        view = house.projector.view("1002", host.uuid)
        assert [face.source for face in view.faces] == [guest.uuid]
        async with host.stream() as stream:
            await settle()
            assert stream.of("layout")[-1]["participants"] == [host.uuid, guest.uuid]
            assert [each["participant_uuid"] for each in stream.of("stage")[-1]] == [host.uuid, guest.uuid]
            assert [each["vad"] for each in stream.of("stage")[-1]] == [0, 0]

    live(scene, tmp_path, pictures=True)


def test_a_talker_who_moves_is_told(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        host, guest = await room(house)
        async with guest.stream() as stream:
            await settle()
            focus = house.conferences.get("1002")
            assert focus is not None
            focus.talkers((guest.uuid,))
            await asyncio.sleep(2)
            assert stream.of("layout")[-1]["participants"] == [guest.uuid, host.uuid]
            assert stream.of("stage")[-1][0] == {"participant_uuid": guest.uuid, "stage_index": 0, "vad": 100}

    live(scene, tmp_path, pictures=True)


def test_cameras_are_muted_by_their_owners_and_by_hosts(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        host, guest = await room(house)
        assert done(await guest.own("video_muted"))
        shown = await person(host, guest)
        assert (shown["is_video_muted"], shown["video_muted_by_host"]) == (True, False)
        assert done(await host.on(guest.uuid, "video_muted")) and done(await guest.own("video_unmuted"))
        shown = await person(host, guest)
        assert (shown["is_video_muted"], shown["video_muted_by_host"]) == (True, True)
        assert done(await host.on(guest.uuid, "video_unmuted"))
        assert (await person(host, guest))["is_video_muted"] is False
        assert (await guest.on(host.uuid, "video_muted")).status == 403

    live(scene, tmp_path, pictures=True)


def test_interpreters_are_marked_by_hosts(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        host, guest = await room(house)
        assert done(await host.on(guest.uuid, "interpreteron"))
        assert (await person(host, guest))["is_interpreter"] is True
        assert house.projector.view("1002", host.uuid).faces[0].guaranteed
        assert done(await host.on(guest.uuid, "interpreteroff"))
        assert (await person(host, guest))["is_interpreter"] is False
        assert (await guest.own("interpreteron")).status == 403

    live(scene, tmp_path, pictures=True)


def test_an_interpreter_who_comes_back_is_one_still(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        host = await house.host("1002")
        guest = await house.browser("1002", "Guest", "none")
        await host.on(guest.uuid, "interpreteron")
        await asyncio.sleep(house.token_s / 2)
        await host.refresh()
        await asyncio.sleep(house.token_s / 2 + 1)  # the guest has gone silent
        again = await house.browser("1002", "Guest", resume=guest.given["resume"])
        assert again.uuid == guest.uuid and (await person(host, again))["is_interpreter"] is True

    live(scene, tmp_path)


def test_an_interpreter_comes_by_a_name_of_the_room(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        host = await house.host("1002")
        guest = await house.browser("signs", "Interpreter", "none")
        assert (await person(host, guest))["is_interpreter"] is True

    live(scene, tmp_path)


def test_slides_are_told_to_all_but_who_shows_them(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        host, guest = await room(house)
        slides(house, guest)
        slides(house, host)
        async with host.stream() as for_host, guest.stream() as for_guest:
            assert given(await guest.own("take_floor"))
            await settle()
            assert presentations(for_host) == [("presentation_start", guest.uuid)]
            assert presentations(for_guest) == []
            start = for_host.of("presentation_start")[0]
            assert start["presenter_name"] == "Guest"
            assert (await person(host, guest))["is_presenting"] == "YES"
            async with host.stream() as late:
                await settle()
                assert presentations(late) == [("presentation_start", guest.uuid)]
            assert given(await host.own("take_floor"))
            await settle()
            assert presentations(for_guest) == [("presentation_start", host.uuid)]
            assert presentations(for_host)[1:] == [("presentation_stop", "")]
            assert given(await guest.own("release_floor"))  # as clients do that are displaced
            assert (await person(guest, host))["is_presenting"] == "YES"
            assert presentations(for_guest)[1:] == []
            assert given(await host.own("release_floor"))
            await settle()
            assert presentations(for_guest)[1:] == [("presentation_stop", "")]

    live(scene, tmp_path, pictures=True)


def test_a_host_takes_the_floor_away(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        host, guest = await room(house)
        async with guest.stream() as stream:
            assert given(await guest.own("take_floor"))
            assert (await guest.on(host.uuid, "release_floor")).status == 403
            await settle()
            assert given(await host.on(guest.uuid, "release_floor"))
            await settle()
            assert presentations(stream) == [("presentation_start", ""), ("presentation_stop", "")]
            assert given(await guest.own("take_floor"))
            assert done(await host.post("set_guests_can_present", {"setting": False}))
            assert (await person(host, guest))["is_presenting"] == "NO"
            assert (await host.get("conference_status")).result["guests_can_present"] is False
            assert (await guest.own("take_floor")).status == 403
            assert given(await host.own("take_floor"))

    live(scene, tmp_path, pictures=True)


def test_slides_in_ones_picture_of_the_room(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        host, guest = await room(house)
        slides(house, guest)
        slides(house, host)
        client = house.clients.by_token(guest.token)
        assert client is not None
        await guest.own("take_floor")
        client.leg.media_seen(Content.SLIDES, True)
        source = f"{guest.uuid}{SLIDES}"
        assert house.projector.view("1002", f"{host.uuid}{SLIDES}").faces[0].source == source
        assert source not in [face.source for face in house.projector.view("1002", host.uuid).faces]
        assert done(await host.own("pres_in_mix", {"state": True}))
        assert house.projector.view("1002", host.uuid).faces[0].source == source
        assert (await person(host, host))["needs_presentation_in_mix"] is True
        assert (await guest.on(host.uuid, "pres_in_mix", {"state": False})).status == 403
        assert done(await host.on(guest.uuid, "pres_in_mix", {"state": False}))

    live(scene, tmp_path, pictures=True)


def test_names_and_frames_are_switched(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        host, guest = await room(house)
        wanted = {"enable_overlay_text": False, "enable_active_speaker_indication": False, "layout": "4:0"}
        async with guest.stream() as stream:
            assert done(await host.post("transform_layout", {"transforms": wanted}))
            await settle()
            told = stream.of("layout")[-1]
            assert (told["view"], told["overlay_text_enabled"]) == ("4:0", False)
        newest = house.projector.newest("1002")
        assert (newest.names, newest.frames) == (False, False)

    live(scene, tmp_path, pictures=True)


def test_who_waits_is_told_nothing_of_pictures(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        host, guest = await room(house, "1004")
        knocker = await house.browser("1004", "Knocker", "none")
        await knocker.call()
        async with knocker.stream() as stream:
            await guest.own("take_floor")
            await host.post("transform_layout", {"transforms": {"layout": "4:0"}})
            await host.on(guest.uuid, "video_muted")
            await settle()
            assert not {"layout", "stage", "presentation_start", "presentation_stop"} & set(stream.names())
            view = house.projector.view("1004", knocker.uuid)
            assert view.card is Card.WAITING_TO_BE_LET_IN and not view.faces
            await host.on(knocker.uuid, "unlock")
            await settle()
            assert presentations(stream) == [("presentation_start", guest.uuid)]
            assert stream.of("layout") and stream.of("stage")

    live(scene, tmp_path, pictures=True)
