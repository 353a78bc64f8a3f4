"""Fakes for the control side: a studio that notes what media is told, and legs that note what befalls them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from bridge.errors import Reason
from bridge.leg import Desk, Told
from bridge.media import contract
from bridge.rooms.participant import NO_PICTURES, Pictures, Role
from bridge.sdp.audio import NegotiatedAudio
from bridge.sdp.description import parse
from bridge.sdp.local import Local
from bridge.sdp.negotiate import answer
from bridge.switchboard import Switchboard
from config.model import Room
from mixer.plan import Plan
from mixer.scene import Scene, View

OFFER = (
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\n"
)
AUDIO: NegotiatedAudio = answer(
    parse(OFFER), Local("127.0.0.1", 20000, 20001, 1, bytes(32), loopback=True)
).audio
QUALITY = contract.Quality(1, 0, 1, 0.0, "PCMA", 0.0, 0.0)


class FakeStudio:
    """Stands for the media processes. Prompts end only when a test says so."""

    def __init__(self) -> None:
        self.told: list[contract.Command] = []
        self.placed: dict[str, str] = {}
        self.stays = True  # the ports of a leg that goes to another conference

    def place(self, leg: str, conference: str) -> None:
        self.placed[leg] = conference

    def move(self, leg: str, conference: str) -> bool:
        if self.stays:
            self.placed[leg] = conference
        return self.stays

    def send(self, command: contract.Command) -> None:
        self.told.append(command)

    def plays(self, leg: str) -> list[str]:
        """All prompts that were played to a leg, in order."""
        return [
            name
            for each in self.told
            if isinstance(each, contract.Play) and leg in each.legs
            for name in each.prompts
        ]

    def plans(self) -> list[Plan]:
        """All plans that media was told, in order."""
        return [each.plan for each in self.told if isinstance(each, contract.SetPlan)]

    def newest_plan(self) -> dict[str, bool]:
        """leg -> heard, of the newest plan."""
        plans = self.plans()
        return {seat.leg: seat.heard for seat in plans[-1].seats} if plans else {}

    def end_plays(self, switchboard: Switchboard) -> None:
        """Let everything that plays, loops excepted, come to its end."""
        plays = [each for each in self.told if isinstance(each, contract.Play) and not each.loop]
        for each in plays:
            switchboard.media_event(contract.PlayEnded(each.play))


class InstantStudio(FakeStudio):
    """A studio that opens and closes ports at the next turn of the loop."""

    board: Switchboard
    ports = True

    def send(self, command: contract.Command) -> None:
        super().send(command)
        event: contract.Event
        match command:
            case contract.OpenLeg() if self.ports:
                event = contract.LegOpened(command.leg, command.address, 20000, 20001)
            case contract.OpenLeg():
                event = contract.OpenFailed(command.leg, "no-ports")
            case contract.CloseLeg():
                event = contract.LegClosed(command.leg, QUALITY)
            case _:
                return
        asyncio.get_running_loop().call_soon(self.board.media_event, event)


class FakeProjector:
    """Stands for the video workers, and notes what they are told to show."""

    def __init__(self) -> None:
        self.shown: list[Scene] = []

    def show(self, scene: Scene) -> None:
        self.shown.append(scene)

    def newest(self, conference: str) -> Scene:
        """What a conference shows now."""
        return next(each for each in reversed(self.shown) if each.conference == conference)

    def view(self, conference: str, sink: str) -> View:
        """What somebody sees there."""
        scene = self.newest(conference)
        return scene.views[scene.watchers[sink]]


class FakeMedia:
    """A media listener that notes what it is told."""

    def __init__(self) -> None:
        self.heard: list[object] = []

    def media_opened(self, opened: contract.LegOpened) -> None:
        self.heard.append(("opened", opened.address, opened.port, opened.rtcp_port))

    def media_refused(self, why: str) -> None:
        self.heard.append(("refused", why))

    def media_digit(self, digit: str) -> None:
        self.heard.append(("digit", digit))

    def media_silent(self, seconds: float, final: bool) -> None:
        self.heard.append(("silent", final))

    def media_back(self) -> None:
        self.heard.append("back")

    def media_connected(self, protocol: str, suite: str) -> None:
        self.heard.append(("connected", protocol, suite))

    def media_failed(self, why: str) -> None:
        self.heard.append(("failed", why))

    def media_pictures(self, event: contract.Seen | contract.KeyNeeded) -> None:
        self.heard.append(event)

    def media_closed(self, quality: contract.Quality | None) -> None:
        self.heard.append("closed")

    def media_died(self) -> None:
        self.heard.append("died")


class FakeLeg:
    """A leg whose desk is told that it left as soon as it is hung up, like a real one."""

    way = "sip"

    def __init__(
        self,
        name: str,
        switchboard: Switchboard,
        source: str = "127.0.0.9",
        trusted: bool = False,
        pictures: Pictures = NO_PICTURES,
    ) -> None:
        self.id = name
        self.display_name = name.title()
        self.source = source
        self.trusted = trusted
        self.events: list[Told] = []
        self.ended: Reason | None = None
        self.desk: Desk | None = None
        self.on_hold = False
        self.has_media = True
        self.encrypted = False
        self.outgoing = False
        self.pictures = pictures
        self.interpreter = False
        self.referred: list[tuple[str, Role | None]] = []
        switchboard.open(name, "room", "127.0.0.1", FakeMedia())

    def arrive(self, welcome: Callable[[FakeLeg], Desk]) -> FakeLeg:
        self.desk = welcome(self)
        if self.ended is not None:
            self.desk.left(self.ended)
        return self

    def keys(self, digits: str) -> None:
        assert self.desk is not None
        for digit in digits:
            self.desk.digit(digit)

    def hold(self, on: bool) -> None:
        """What a re-INVITE of the peer does."""
        self.on_hold = on
        if self.desk is not None:
            self.desk.held(on)

    def media(self, on: bool, encrypted: bool = True) -> None:
        """What a call of a browser does that was in without sound."""
        self.has_media, self.encrypted = on, encrypted
        if self.desk is not None:
            self.desk.media(on, encrypted)

    def video(self, pictures: Pictures) -> None:
        """What a re-INVITE does that agrees on something else."""
        self.pictures = pictures
        if self.desk is not None:
            self.desk.video(pictures)

    def notify(self, event: Told) -> None:
        self.events.append(event)

    def refer(self, room: Room, role: Role | None) -> None:
        self.referred.append((room.number, role))
        if self.desk is not None:
            self.desk.left(Reason.TRANSFERRED)
            self.desk = None

    def hang_up(self, reason: Reason) -> None:
        if self.ended is None:
            self.ended = reason
            if self.desk is not None:
                self.desk.left(reason)
