"""A SIP leg answers offers, makes late ones, follows hold, outlives its media process, and always says that it left."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

import pytest

from bridge.codec.table import AUDIO_CODECS
from bridge.errors import Reason
from bridge.media import contract
from bridge.rooms.participant import Pictures, Role
from bridge.sdp.local import SrtpPolicy
from bridge.sdp.negotiate import Protection
from bridge.sdp.video import Content
from bridge.sip import commands, events
from bridge.sip.events import Ending
from bridge.sip.flow import Flow
from bridge.sip.leg import SipLeg, State
from bridge.sip.terms import Caller, LegTerms
from bridge.switchboard import Switchboard
from config.model import Room, RoomKind
from tests.faketime import run
from tests.studio import FakeStudio

TERMS = LegTerms(
    "127.0.0.1", "", "", AUDIO_CODECS, SrtpPolicy.PREFERRED, 20, False, 30.0, 1800.0, frozenset(), loopback=True,
    ice=True,
)  # fmt: skip
PRINT = bytes(range(32))
OURS = "a=fingerprint:sha-256 " + PRINT.hex(":").upper()
DTLS = f"a=fingerprint:sha-256 {bytes(32).hex(':')}\r\na=setup:actpass\r\n"
ICE = "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=rtcp-mux\r\n"


def sdp(
    direction: str = "sendrecv",
    address: str = "127.0.0.1",
    formats: str = "8 101",
    media: str = "40000 RTP/AVP",
    more: str = "",
) -> bytes:
    return (
        f"v=0\r\no=- 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n"
        f"m=audio {media} {formats}\r\na=rtpmap:101 telephone-event/8000\r\na={direction}\r\n{more}"
    ).encode()


@dataclass
class Desk:
    told: list[object] = field(default_factory=list)

    def digit(self, digit: str) -> None:
        self.told.append(digit)

    def held(self, on: bool) -> None:
        self.told.append(("held", on))

    def silent(self, on: bool) -> None:
        self.told.append(("silent", on))

    def media(self, on: bool, encrypted: bool) -> None:
        self.told.append(("media", on, encrypted))

    def video(self, pictures: Pictures) -> None:
        self.told.append(("video", pictures))

    def seen(self, content: Content, on: bool) -> None:
        self.told.append(("seen", content, on))

    def left(self, reason: Reason) -> None:
        self.told.append(("left", reason))


class World:
    """One leg between a fake agent and a fake studio."""

    def __init__(self, terms: LegTerms = TERMS) -> None:
        self.studio = FakeStudio()
        self.switchboard = Switchboard(self.studio)
        self.told: list[commands.Input] = []
        self.desk = Desk()
        self.gone = 0
        self.there = Desk()
        self.moved: list[tuple[str, Role | None]] = []
        self.leg = SipLeg(
            "c1", "c1", "1001", Caller("Kari", "127.0.0.1", False), terms, self.switchboard, self.told.append,
            lambda leg: self.desk, self._moved, self._gone,
        )  # fmt: skip

    def _moved(self, leg: SipLeg, room: Room, role: Role | None) -> Desk:
        self.moved.append((room.number, role))
        return self.there

    def _gone(self, leg: SipLeg) -> None:
        self.gone += 1

    def open_ports(self, port: int = 20000) -> None:
        self.switchboard.media_event(contract.LegOpened("c1", "127.0.0.1", port, port + 1, fingerprint=PRINT))

    def open_shared(self, fingerprint: bytes = PRINT, port: int = 10000) -> None:
        self.switchboard.media_event(
            contract.LegOpened("c1", "127.0.0.1", port, port, ("127.0.0.1", "::1"), port, fingerprint)
        )

    def said(self) -> list[str]:
        """The lines of the description that was sent last."""
        command = self.told[-1]
        assert isinstance(command, commands.Answer | commands.AnswerReinvite | commands.Reinvite)
        assert command.sdp is not None
        return command.sdp.decode().split("\r\n")

    def shared(self) -> list[bool]:
        """For each time that ports were asked for, whether it was the shared one."""
        return [each.shared for each in self.studio.told if isinstance(each, contract.OpenLeg)]

    def close_ports(self) -> None:
        quality = contract.Quality(1, 0, 1, 0.0, "PCMA", 0.0, 0.0)
        self.switchboard.media_event(contract.LegClosed("c1", quality))

    def configured(self) -> list[contract.ConfigureLeg]:
        return [each for each in self.studio.told if isinstance(each, contract.ConfigureLeg)]


@pytest.fixture
def world() -> World:
    return World()


def up(world: World, offer: bytes | None = None) -> None:
    world.leg.begin(offer or sdp())
    world.open_ports()
    world.leg.agent_event(events.AckReceived("c1", None))


def test_media_starts_with_the_ack_and_not_before(world: World) -> None:
    world.leg.begin(sdp())
    world.open_ports()
    assert isinstance(world.told[-1], commands.Answer)
    assert not world.configured()
    world.leg.agent_event(events.AckReceived("c1", None))
    assert world.configured()[0].audio.codec == "PCMA"
    assert world.leg.state is State.UP


def test_an_offer_without_common_sound_is_refused_and_frees_everything(world: World) -> None:
    world.leg.begin(sdp(formats="96"))
    world.open_ports()
    assert world.told == [commands.Reject("c1", 488)]
    world.leg.agent_event(events.CallEnded("c1", Ending.LOCAL))
    assert isinstance(world.studio.told[-1], contract.CloseLeg)
    world.close_ports()
    assert (world.gone, world.leg.reason) == (1, Reason.NOT_ACCEPTABLE)


def test_a_late_offer_is_ours_and_its_answer_comes_with_the_ack(world: World) -> None:
    world.leg.begin(None)
    world.open_ports()
    offered = world.told[-1]
    assert isinstance(offered, commands.Answer) and b"opus" in offered.sdp
    world.leg.agent_event(events.AckReceived("c1", sdp()))
    assert world.configured()[0].audio.codec == "PCMA"


def test_a_late_offer_without_an_answer_ends_the_call(world: World) -> None:
    world.leg.begin(None)
    world.open_ports()
    world.leg.agent_event(events.AckReceived("c1", None))
    assert isinstance(world.told[-1], commands.Bye)


@pytest.mark.parametrize(
    "held",
    [sdp("sendonly"), sdp("inactive"), sdp(address="0.0.0.0")],
    ids=["sendonly", "inactive", "zero address"],
)
def test_hold_and_resume_reach_the_desk_once_each(world: World, held: bytes) -> None:
    up(world)
    for offer in (held, held, sdp()):
        world.leg.agent_event(events.Reinvited("c1", offer))
        assert isinstance(world.told[-1], commands.AnswerReinvite)
    assert world.desk.told == [("held", True), ("held", False)]


def test_a_bad_reoffer_is_refused_and_the_call_goes_on(world: World) -> None:
    up(world)
    world.leg.agent_event(events.Reinvited("c1", sdp(formats="96")))
    assert world.told[-1] == commands.AnswerReinvite("c1", None, 488)
    assert world.leg.state is State.UP


def test_a_dead_media_process_is_survived_by_a_reinvite(world: World) -> None:
    up(world)
    world.switchboard.process_lost(("c1",))
    world.open_ports(port=22000)
    again = world.told[-1]
    assert isinstance(again, commands.Reinvite) and b"m=audio 22000" in again.sdp
    world.leg.agent_event(events.OfferAnswered("c1", sdp()))
    assert len(world.configured()) == 2
    assert world.gone == 0 and world.desk.told == [("silent", True), ("silent", False)]


def test_a_call_that_will_not_be_revived_ends(world: World) -> None:
    up(world)
    world.switchboard.process_lost(("c1",))
    world.open_ports(port=22000)
    world.leg.agent_event(events.OfferRefused("c1", 488))
    assert isinstance(world.told[-1], commands.Bye)
    world.leg.agent_event(events.CallEnded("c1", Ending.LOCAL))
    world.close_ports()
    assert world.desk.told == [("silent", True), ("left", Reason.FAULT)] and world.gone == 1


ELSEWHERE = Room("2000", RoomKind.OPEN)


def test_a_call_is_sent_to_another_room_and_keeps_its_ports(world: World) -> None:
    up(world)
    world.leg.refer(ELSEWHERE, Role.GUEST)
    assert world.desk.told == [("left", Reason.TRANSFERRED)]
    assert world.moved == [("2000", Role.GUEST)] and world.leg.conference == "2000"
    assert world.studio.placed["c1"] == "2000"
    world.leg.agent_event(events.DigitReceived("c1", "5"))
    assert world.there.told == ["5"] and len(world.configured()) == 1


def test_or_gets_others_where_another_process_serves_that_room(world: World) -> None:
    up(world)
    world.studio.stays = False
    world.leg.refer(ELSEWHERE, None)
    assert isinstance(world.studio.told[-1], contract.CloseLeg) and not world.moved
    world.close_ports()
    assert world.studio.placed["c1"] == "2000"
    world.open_ports(port=22000)
    again = world.told[-1]
    assert isinstance(again, commands.Reinvite) and b"m=audio 22000" in again.sdp
    world.leg.agent_event(events.OfferAnswered("c1", sdp("sendonly")))
    assert world.moved == [("2000", None)] and world.leg.state is State.UP and world.leg.on_hold
    world.leg.agent_event(events.Reinvited("c1", sdp()))
    assert world.there.told == [("silent", False), ("held", False)]
    world.leg.hang_up(Reason.KICKED)
    world.leg.agent_event(events.CallEnded("c1", Ending.LOCAL))
    world.close_ports()
    assert world.there.told[-1] == ("left", Reason.KICKED) and world.gone == 1


def test_a_call_that_ends_on_the_way_to_another_room_is_over(world: World) -> None:
    up(world)
    world.studio.stays = False
    world.leg.refer(ELSEWHERE, None)
    world.leg.agent_event(events.CallEnded("c1", Ending.BYE))
    world.close_ports()
    assert (world.moved, world.gone) == ([], 1)


def test_a_call_whose_media_died_arrives_when_it_is_revived(world: World) -> None:
    up(world)
    world.switchboard.process_lost(("c1",))
    world.leg.refer(ELSEWHERE, Role.HOST)
    world.open_ports(port=22000)
    world.leg.agent_event(events.OfferAnswered("c1", sdp()))
    assert world.moved == [("2000", Role.HOST)] and world.leg.state is State.UP


def test_a_call_that_is_ending_goes_nowhere(world: World) -> None:
    up(world)
    world.leg.hang_up(Reason.KICKED)
    world.leg.refer(ELSEWHERE, None)
    assert not world.moved


def test_silence_is_told_then_ends_the_call(world: World) -> None:
    up(world)
    world.switchboard.media_event(contract.MediaLost("c1", 5.0, False))
    world.switchboard.media_event(contract.MediaBack("c1"))
    world.switchboard.media_event(contract.MediaLost("c1", 30.0, True))
    assert world.desk.told == [("silent", True), ("silent", False)]
    assert isinstance(world.told[-1], commands.Bye)
    world.leg.agent_event(events.CallEnded("c1", Ending.LOCAL))
    assert world.desk.told[-1] == ("left", Reason.MEDIA_LOST)


def test_a_call_cancelled_while_ports_open_leaves_nothing(world: World) -> None:
    world.leg.begin(sdp())
    world.leg.agent_event(events.CallEnded("c1", Ending.CANCEL))
    world.open_ports()
    assert not world.told
    world.close_ports()
    assert world.gone == 1


def test_without_ports_the_caller_hears_503(world: World) -> None:
    world.leg.begin(sdp())
    world.switchboard.media_event(contract.OpenFailed("c1", "no ports"))
    assert world.told == [commands.Reject("c1", 503, retry_after=10)]
    world.leg.agent_event(events.CallEnded("c1", Ending.LOCAL))
    assert (world.gone, world.leg.reason) == (1, Reason.OVERLOADED)


def test_a_dialled_leg_joins_when_it_answers(world: World) -> None:
    world.leg.dial(lambda body: commands.Invite("c1", "sip:x@127.0.0.1", "<sip:a@b>", body), six=False)
    world.open_ports()
    assert isinstance(world.told[-1], commands.Invite)
    world.leg.agent_event(events.DialAnswered("c1", sdp()))
    assert world.configured() and world.leg.state is State.UP


def test_a_dialled_leg_that_is_busy_is_over(world: World) -> None:
    world.leg.dial(lambda body: commands.Invite("c1", "sip:x@127.0.0.1", "<sip:a@b>", body), six=False)
    world.open_ports()
    world.leg.agent_event(events.DialFailed("c1", 486))
    world.close_ports()
    assert world.gone == 1


def dial(world: World) -> None:
    world.leg.dial(lambda body: commands.Invite("c1", "sip:x@127.0.0.1", "<sip:a@b>", body), six=False)


def test_a_call_that_waits_for_its_ack_is_ended_not_refused(world: World) -> None:
    world.leg.begin(sdp())
    world.open_ports()
    world.leg.hang_up(Reason.SHUTDOWN)
    assert isinstance(world.told[-1], commands.Bye), "a refusal would come too late"
    world.leg.agent_event(events.AckReceived("c1", None))
    assert not world.configured() and not world.desk.told
    world.leg.agent_event(events.CallEnded("c1", Ending.LOCAL))
    world.close_ports()
    assert (world.gone, world.leg.reason) == (1, Reason.SHUTDOWN)


def test_media_that_dies_before_the_ack_ends_the_call(world: World) -> None:
    world.leg.begin(sdp())
    world.open_ports()
    world.switchboard.process_lost(("c1",))
    assert isinstance(world.told[-1], commands.Bye)
    world.leg.agent_event(events.CallEnded("c1", Ending.LOCAL))
    assert (world.gone, world.leg.reason) == (1, Reason.FAULT)


def test_a_dialled_leg_without_ports_is_over_at_once(world: World) -> None:
    dial(world)
    world.switchboard.media_event(contract.OpenFailed("c1", "no ports"))
    assert not world.told, "the agent never heard of it"
    assert (world.gone, world.leg.reason) == (1, Reason.OVERLOADED)


def test_a_dialled_leg_whose_media_dies_before_its_ports_is_over_at_once(world: World) -> None:
    dial(world)
    world.switchboard.process_lost(("c1",))
    assert (world.told, world.gone) == ([], 1)


def test_a_dialled_leg_that_is_cancelled_keeps_the_reason(world: World) -> None:
    dial(world)
    world.open_ports()
    world.leg.hang_up(Reason.SHUTDOWN)
    assert isinstance(world.told[-1], commands.Bye)
    world.leg.agent_event(events.DialFailed("c1", 487))
    world.close_ports()
    assert (world.gone, world.leg.reason) == (1, Reason.SHUTDOWN)


def test_a_call_cancelled_where_no_ports_are_left_leaves_nothing(world: World) -> None:
    world.leg.begin(sdp())
    world.leg.agent_event(events.CallEnded("c1", Ending.CANCEL))
    world.switchboard.media_event(contract.OpenFailed("c1", "no ports"))
    world.close_ports()
    assert world.gone == 1


def test_only_the_first_reason_to_hang_up_counts(world: World) -> None:
    up(world)
    world.leg.hang_up(Reason.KICKED)
    world.leg.hang_up(Reason.ENDED)
    assert sum(isinstance(each, commands.Bye) for each in world.told) == 1
    world.leg.agent_event(events.CallEnded("c1", Ending.LOCAL))
    world.close_ports()
    assert world.desk.told == [("left", Reason.KICKED)]


def test_media_that_dies_while_the_call_ends_holds_nothing_up(world: World) -> None:
    up(world)
    world.leg.hang_up(Reason.KICKED)
    world.switchboard.process_lost(("c1",))
    world.leg.agent_event(events.CallEnded("c1", Ending.LOCAL))
    assert world.gone == 1
    up_again = World()
    up(up_again)
    up_again.leg.agent_event(events.CallEnded("c1", Ending.BYE))
    up_again.switchboard.process_lost(("c1",))
    assert up_again.gone == 1


def test_the_ack_of_their_offer_is_no_answer_to_ours(world: World) -> None:
    up(world)
    world.leg.agent_event(events.Reinvited("c1", sdp()))
    world.switchboard.process_lost(("c1",))
    world.open_ports(port=22000)
    world.leg.agent_event(events.AckReceived("c1", None))
    assert isinstance(world.told[-1], commands.Reinvite), "the call goes on"
    world.leg.agent_event(events.OfferAnswered("c1", sdp()))
    assert world.leg.state is State.UP


def test_a_late_reoffer_is_answered_by_its_ack(world: World) -> None:
    up(world)
    world.leg.agent_event(events.Reinvited("c1", None))
    world.leg.agent_event(events.AckReceived("c1", sdp("sendonly")))
    assert len(world.configured()) == 2
    assert world.desk.told == [("held", True)]


def test_a_call_that_begins_on_hold_is_known_to_be_so_when_it_arrives(world: World) -> None:
    up(world, sdp("inactive"))
    assert world.leg.on_hold
    world.leg.agent_event(events.Reinvited("c1", sdp()))
    assert world.desk.told == [("held", False)] and not world.leg.on_hold


def test_while_no_media_process_is_up_ports_are_asked_for_now_and_then(world: World) -> None:
    async def scene() -> None:
        up(world)
        for _ in range(3):
            world.switchboard.process_lost(("c1",))
            await asyncio.sleep(1)
        opened = [each for each in world.studio.told if isinstance(each, contract.OpenLeg)]
        assert len(opened) == 4
        world.open_ports(port=22000)
        world.leg.agent_event(events.OfferAnswered("c1", sdp()))
        assert world.leg.state is State.UP
        for _ in range(50):
            world.switchboard.process_lost(("c1",))
            await asyncio.sleep(1)
        assert isinstance(world.told[-1], commands.Bye)

    run(scene())


def test_a_call_that_ends_between_two_tries_for_ports_leaves_nothing(world: World) -> None:
    async def scene() -> None:
        up(world)
        world.switchboard.process_lost(("c1",))
        world.switchboard.process_lost(("c1",))
        world.leg.agent_event(events.CallEnded("c1", Ending.BYE))
        assert world.gone == 1
        told = len(world.studio.told)
        await asyncio.sleep(1)
        assert len(world.studio.told) == told

    run(scene())


def test_a_dialled_leg_is_where_its_answer_came_from(world: World) -> None:
    dial(world)
    world.open_ports()
    flow = Flow("udp", ("127.0.0.1", 5060), ("192.0.2.7", 5062), 1)
    world.leg.agent_event(events.DialAnswered("c1", sdp(), flow))
    assert world.configured()[0].signalling == world.leg.source == "192.0.2.7"


# -- ICE and DTLS -------------------------------------------------------------------------------------------------


def test_a_peer_with_dtls_gets_it_on_ports_of_its_own(world: World) -> None:
    assert world.leg.protection is None and not world.leg.encrypted
    up(world, sdp(media="40000 UDP/TLS/RTP/SAVP", more=DTLS))
    assert world.shared() == [False]
    assert {"m=audio 20000 UDP/TLS/RTP/SAVP 8 101", OURS, "a=setup:active"} < set(world.said())
    (configured,) = world.configured()
    assert configured.transport.dtls is not None and configured.transport.ice is None
    assert configured.audio.remote == ("127.0.0.1", 40000)
    assert world.leg.protection is Protection.DTLS and world.leg.encrypted


def test_without_a_certificate_there_is_no_dtls(world: World) -> None:
    world.leg.begin(sdp(media="40000 UDP/TLS/RTP/SAVP", more=DTLS))
    world.switchboard.media_event(contract.LegOpened("c1", "127.0.0.1", 20000, 20001))
    assert world.told == [commands.Reject("c1", 488)]


def test_a_peer_with_ice_gets_the_shared_port(world: World) -> None:
    world.leg.begin(sdp(address="0.0.0.0", media="9 UDP/TLS/RTP/SAVPF", more=ICE + DTLS))
    assert world.shared() == [True]
    world.open_shared()
    assert {
        "a=ice-lite",
        "m=audio 10000 UDP/TLS/RTP/SAVPF 8 101",
        "a=candidate:1 1 udp 2130706431 127.0.0.1 10000 typ host",
        "a=candidate:2 1 udp 2130706175 ::1 10000 typ host",
        "a=candidate:3 1 tcp 1520434687 127.0.0.1 10000 typ host tcptype passive",
    } < set(world.said())
    world.leg.agent_event(events.AckReceived("c1", None))
    (configured,) = world.configured()
    assert configured.transport.dtls is not None and configured.transport.ice is not None
    assert not world.leg.on_hold


def test_public_addresses_stand_in_candidates() -> None:
    world = World(replace(TERMS, outside=("198.51.100.1",)))
    world.leg.begin(sdp(media="9 RTP/AVP", more=ICE))
    world.open_shared()
    candidates = [line.split()[4] for line in world.said() if line.startswith("a=candidate")]
    assert candidates == ["198.51.100.1", "::1", "198.51.100.1", "::1"]
    assert "c=IN IP4 198.51.100.1" in world.said()


@pytest.mark.parametrize("more", [ICE.replace("a=rtcp-mux\r\n", ""), "a=ice-lite\r\n" + ICE, ""])
def test_who_cannot_use_the_shared_port_gets_ports_of_its_own(world: World, more: str) -> None:
    offer = sdp(more=more).replace(
        b"t=0 0\r\n", b"t=0 0\r\na=ice-lite\r\n" if "lite" in more else b"t=0 0\r\n"
    )
    up(world, offer)
    assert world.shared() == [False]
    assert not any("ice" in line or "candidate" in line for line in world.said())


def test_where_there_is_no_port_for_ice_nobody_gets_it() -> None:
    world = World(replace(TERMS, ice=False))
    up(world, sdp(more=ICE))
    assert world.shared() == [False]


def test_without_the_shared_port_there_is_sound_all_the_same(world: World) -> None:
    world.leg.begin(sdp(more=ICE))
    world.switchboard.media_event(contract.OpenFailed("c1", "no-shared-port"))
    assert world.shared() == [True, False]
    world.open_ports()
    assert "m=audio 20000 RTP/AVP 8 101" in world.said()
    assert not any("ice" in line for line in world.said())


def test_new_ports_mean_new_credentials_and_a_new_handshake(world: World) -> None:
    theirs = sdp(media="9 UDP/TLS/RTP/SAVPF", more=ICE + DTLS)
    world.leg.begin(theirs)
    world.open_shared()
    before = {line for line in world.said() if "ice-" in line}
    world.leg.agent_event(events.AckReceived("c1", None))
    world.switchboard.process_lost(("c1",))
    world.open_shared(fingerprint=bytes(32), port=10001)
    offered = set(world.said())
    assert {"a=setup:actpass", "a=rtcp-mux-only"} < offered
    assert any(line.startswith("m=audio 10001 UDP/TLS/RTP/SAVPF ") for line in offered)
    assert before & offered == {"a=ice-lite", "a=ice-options:ice2 trickle"}
    world.leg.agent_event(events.OfferAnswered("c1", theirs.replace(b"actpass", b"passive")))
    first, second = (each.transport for each in world.configured())
    assert first.ice is not None and second.ice is not None and first.ice.local != second.ice.local
    assert first.dtls is not None and second.dtls is not None
    assert second.dtls.association == first.dtls.association + 1
    assert world.shared() == [True, True]


def test_protection_that_changes_reaches_the_desk(world: World) -> None:
    up(world)
    world.leg.agent_event(events.Reinvited("c1", sdp(more=DTLS)))
    assert world.leg.protection is Protection.DTLS
    world.leg.agent_event(events.Reinvited("c1", sdp()))
    assert world.desk.told == [("media", True, True), ("media", True, False)]


def test_a_failed_handshake_ends_the_call(world: World) -> None:
    up(world, sdp(more=DTLS))
    world.switchboard.media_event(contract.TransportFailed("c1", "dtls-fingerprint"))
    assert isinstance(world.told[-1], commands.Bye)
    world.leg.agent_event(events.CallEnded("c1", Ending.LOCAL))
    assert world.leg.reason is Reason.MEDIA_LOST


def test_a_peer_that_closes_dtls_is_left_to_say_goodbye(world: World) -> None:
    up(world, sdp(more=DTLS))
    told = len(world.told)
    world.switchboard.media_event(contract.TransportFailed("c1", "dtls-closed"))
    assert len(world.told) == told
    world.leg.agent_event(events.CallEnded("c1", Ending.BYE))
    assert world.leg.reason is Reason.NORMAL
