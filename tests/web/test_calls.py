"""Calls of browsers: offers and answers, a new call in place of the old one, and what becomes of a lost path."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bridge.media import contract
from bridge.sdp.description import Description, Section, parse
from bridge.web.protocol import CALL_GONE
from tests.web.house import Browser, House, live, offer

pytestmark = pytest.mark.usefixtures("quick_pins")


def configured(house: House, leg: str) -> list[contract.ConfigureLeg]:
    """What media was told to agree to for a leg, in order."""
    return [each for each in house.studio.told if isinstance(each, contract.ConfigureLeg) and each.leg == leg]


def closed(house: House, leg: str) -> int:
    return sum(isinstance(each, contract.CloseLeg) and each.leg == leg for each in house.studio.told)


def value(section: Section, name: str) -> str | None:
    return next((text for found, text in section.attributes if found == name), None)


async def described(browser: Browser, ufrag: str = "abcd") -> Description:
    reply = await browser.own("calls", {"call_type": "WEBRTC", "sdp": offer(ufrag)})
    return parse(reply.result["sdp"].encode())


def test_the_answer_takes_the_sound_by_ice_and_dtls_and_refuses_the_picture(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        kari = await house.browser("1001", "Kari")
        answer = await described(kari)
        sound, picture = answer.sections
        assert (sound.kind, picture.kind, picture.port) == ("audio", "video", 0)
        assert sound.port != 0
        assert "UDP/TLS/RTP/SAVPF" in sound.proto
        assert value(sound, "candidate") is not None
        assert value(sound, "crypto") is None
        (opened,) = [each for each in house.studio.told if isinstance(each, contract.OpenLeg)]
        assert opened.shared
        (told,) = configured(house, kari.uuid)
        assert told.transport.ice is not None and told.transport.dtls is not None

    live(scene, tmp_path)


def test_sound_begins_when_the_path_is_there_and_starts_the_conference(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        host = await house.browser("1002", "Host", "246810")
        reply = await host.own("calls", {"sdp": offer()})
        state = await host.get("conference_status")
        assert state.result["started"] is False
        assert (await host.own(f"calls/{reply.result['call_uuid']}/ack", {})).result is True
        house.switchboard.media_event(contract.Connected(host.uuid, "udp", "AEAD_AES_128_GCM"))
        assert (await host.get("conference_status")).result["started"] is True
        (me,) = (await host.get("participants")).result
        assert (me["has_media"], me["encryption"], me["protocol"]) == (True, "On", "webrtc")
        assert host.uuid in house.studio.newest_plan()

    live(scene, tmp_path)


@pytest.mark.parametrize(
    "sdp",
    [
        "x",
        "v=0\r\n",
        offer().replace("m=audio", "m=text"),
        offer().replace("a=fingerprint", "a=x"),
    ],
)
def test_an_offer_that_is_none_is_refused_and_leaves_the_leg_alone(sdp: str, tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        kari = await house.browser("1001", "Kari")
        reply = await kari.own("calls", {"sdp": sdp})
        assert (reply.status, reply.result) == (400, "Call rejected")
        assert (await kari.get("participants")).status == 200
        assert (await described(kari)).sections[0].port != 0

    live(scene, tmp_path)


def test_slides_and_streams_are_off(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        kari = await house.browser("1001", "Kari")
        for body in ({"present": "send", "sdp": offer()}, {"call_type": "RTMP", "sdp": offer()}):
            assert (await kari.own("calls", body)).result == "Disabled"

    live(scene, tmp_path)


def test_a_second_call_takes_the_place_of_the_first_on_the_same_port(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        kari = await house.browser("1001", "Kari")
        first = await kari.call("aaaa")
        second = await kari.call("bbbb")
        one, other = configured(house, kari.uuid)
        assert one.transport.ice is not None and other.transport.ice is not None
        assert one.transport.dtls is not None and other.transport.dtls is not None
        assert one.transport.ice.local != other.transport.ice.local
        assert other.transport.dtls.association == one.transport.dtls.association + 1
        assert sum(isinstance(each, contract.OpenLeg) for each in house.studio.told) == 1
        gone = await kari.own(f"calls/{first}/ack", {})
        assert (gone.status, gone.result) == (403, CALL_GONE)
        assert (await kari.own(f"calls/{second}/ack")).result is True

    live(scene, tmp_path)


def test_the_farewell_of_the_peer_connection_before_does_not_end_the_new_one(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        kari = await house.browser("1001", "Kari")
        await kari.call("aaaa")
        async with kari.stream() as stream:
            await described(kari, "bbbb")
            house.switchboard.media_event(contract.TransportFailed(kari.uuid, "dtls-closed"))
            house.switchboard.media_event(contract.Connected(kari.uuid, "udp", "AEAD_AES_128_GCM"))
            await asyncio.sleep(1)
            assert not stream.of("call_disconnected")
            assert closed(house, kari.uuid) == 0

    live(scene, tmp_path)


def test_ice_restarts_by_an_update_of_the_same_call(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        kari = await house.browser("1001", "Kari")
        call = await kari.call("aaaa")
        reply = await kari.own(f"calls/{call}/update", {"sdp": offer("bbbb"), "fecc_supported": False})
        assert reply.result["call_uuid"] == call
        one, other = configured(house, kari.uuid)
        assert one.transport.ice is not None and other.transport.ice is not None
        assert one.transport.ice.local != other.transport.ice.local
        assert one.transport.dtls == other.transport.dtls
        again = await kari.own(f"calls/{call}/update", {"sdp": "x"})
        assert again.status == 400
        assert (await kari.own(f"calls/{call}/new_candidate", {"candidate": "", "mid": "0"})).result is None
        assert (await kari.own("calls/0123/update", {"sdp": offer()})).result == CALL_GONE
        third = await kari.call("cccc")
        assert third != call
        latest = configured(house, kari.uuid)[-1].transport.dtls
        assert latest is not None and one.transport.dtls is not None
        assert latest.association > one.transport.dtls.association

    live(scene, tmp_path)


def test_a_browser_hangs_up_its_sound_and_stays(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        host = await house.host("1002")
        guest = await house.browser("1002", "Guest", "none")
        call = await guest.call()
        assert (await guest.own(f"calls/{call}/disconnect")).result is None
        assert guest.uuid not in house.studio.newest_plan()
        shown = {each["uuid"]: each for each in (await host.get("participants")).result}
        assert (shown[guest.uuid]["has_media"], shown[guest.uuid]["protocol"]) == (False, "api")
        await guest.call()  # waits until the old port is free
        assert guest.uuid in house.studio.newest_plan()

    live(scene, tmp_path)


@pytest.mark.parametrize(("trouble", "reason"), [("too-many-legs", "too-many-legs"), ("silent", "timeout")])
def test_without_a_port_there_is_no_call_and_the_next_one_may_have_one(
    trouble: str, reason: str, tmp_path: Path
) -> None:
    async def scene(house: House) -> None:
        kari = await house.browser("1001", "Kari")
        house.studio.trouble = trouble
        reply = await kari.own("calls", {"sdp": offer()})
        assert (reply.status, reply.json["reason"]) == (504, reason)
        house.studio.trouble = ""
        await asyncio.sleep(1)
        await kari.call()

    live(scene, tmp_path)


def test_when_the_media_process_dies_the_browser_calls_again(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        host = await house.host("1002")
        async with host.stream() as stream:
            call = house.clients.by_token(host.token).leg.call  # type: ignore[union-attr]
            house.switchboard.process_lost((host.uuid,))
            await asyncio.sleep(0.3)
            lost = {"call_uuid": call, "reason": "Media process disconnected"}
            assert stream.of("call_disconnected") == [lost]
            assert stream.roster()[host.uuid]["has_media"] is False
            await host.call()
            await asyncio.sleep(20)
            assert stream.roster()[host.uuid]["has_media"] is True
            assert not stream.closed

    live(scene, tmp_path)


@pytest.mark.parametrize("alive", [True, False])
@pytest.mark.parametrize("how", ["rtp-timeout", "ice-consent", "dtls-closed"])
def test_who_loses_his_path_stays_if_he_shows_that_he_is_there(how: str, alive: bool, tmp_path: Path) -> None:
    """Who vanishes is shown as lost after five seconds, and is gone after thirty (reliability.md R-07)."""

    async def scene(house: House) -> None:
        host = await house.host("1002")
        guest = await house.browser("1002", "Guest", "none")
        await guest.call()

        async def shown() -> dict[str, Any] | None:
            people = (await host.get("participants")).result
            return next((each for each in people if each["uuid"] == guest.uuid), None)

        async with guest.stream() as stream:
            await asyncio.sleep(1)
            if how == "dtls-closed":  # it says farewell: nothing was missed of it before
                house.switchboard.media_event(contract.TransportFailed(guest.uuid, how))
                if alive:
                    await guest.refresh()
                await asyncio.sleep(11)
            else:
                house.switchboard.media_event(contract.MediaLost(guest.uuid, 5.0, False))
                await asyncio.sleep(0.1)
                assert (await shown() or {})["is_connection_lost"] is True
                assert stream.of("refresh_token") == [None]
                if alive:
                    await guest.refresh()
                await asyncio.sleep(25)
                lost = contract.MediaLost(guest.uuid, 30.0, True)
                failed = contract.TransportFailed(guest.uuid, how)
                house.switchboard.media_event(lost if how == "rtp-timeout" else failed)
                await asyncio.sleep(1)
                if alive:
                    await guest.refresh()
                    await asyncio.sleep(20)
            assert [each["reason"] for each in stream.of("call_disconnected")] == ["Ice failure"]
            assert (await shown() is not None) is alive
            assert stream.closed is not alive
            if alive:
                assert (await shown() or {})["has_media"] is False
        if not alive:
            again = await house.browser("1002", "x", resume=guest.given["resume"])
            assert (again.uuid, again.given["current_service_type"]) == (guest.uuid, "conference")

    live(scene, tmp_path)


def test_a_warning_passes_when_packets_come_again(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        host = await house.host("1001")
        house.switchboard.media_event(contract.MediaLost(host.uuid, 5.0, False))
        house.switchboard.media_event(contract.MediaBack(host.uuid))
        (me,) = (await host.get("participants")).result
        assert me["is_connection_lost"] is False

    live(scene, tmp_path)


def test_the_record_of_a_call_has_its_quality(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        host = await house.host("1001")
        await host.post("release_token")
        await asyncio.sleep(0.1)
        (record,) = house.outside.records
        assert (record.leg, record.way, record.reason.value) == (host.uuid, "web", "normal")
        assert record.quality is not None and record.ended >= record.answered > 0

    live(scene, tmp_path)


def test_keys_in_band_reach_the_keypad(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        host = await house.host("1002")
        for digit in "*7":
            house.switchboard.media_event(contract.Digit(host.uuid, digit))
        assert (await host.get("conference_status")).result["locked"] is True

    live(scene, tmp_path)


def test_two_offers_at_once_are_taken_one_after_the_other(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        kari = await house.browser("1001", "Kari")
        replies = await asyncio.gather(*(kari.own("calls", {"sdp": offer(each * 4)}) for each in "abc"))
        assert [reply.status for reply in replies] == [200] * 3
        numbers = [
            each.transport.dtls.association for each in configured(house, kari.uuid) if each.transport.dtls
        ]
        assert numbers == [0, 1, 2]

    live(scene, tmp_path)


def test_who_leaves_while_his_port_opens_keeps_none(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        kari = await house.browser("1001", "Kari")
        house.studio.trouble = "silent"
        calling = asyncio.create_task(kari.own("calls", {"sdp": offer()}))
        await asyncio.sleep(0.1)
        await kari.post("release_token")
        assert (await calling).status == 504
        await asyncio.sleep(0.1)
        assert closed(house, kari.uuid) == 1
        assert len(house.outside.records) == 1

    live(scene, tmp_path)


def test_an_offer_that_waits_for_another_opens_no_port_for_who_was_sent_away(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        host = await house.host()
        guest = await house.browser("1002", "Guest", "none")
        house.studio.trouble = "silent"
        body = {"call_type": "WEBRTC", "sdp": offer()}
        both = [asyncio.create_task(guest.own("calls", body)) for _ in range(2)]
        await asyncio.sleep(0.1)
        assert (await host.on(guest.uuid, "disconnect")).status == 200
        assert [reply.status for reply in await asyncio.gather(*both)] == [504, 504]
        assert (
            sum(isinstance(each, contract.OpenLeg) and each.leg == guest.uuid for each in house.studio.told)
            == 1
        )

    live(scene, tmp_path)
