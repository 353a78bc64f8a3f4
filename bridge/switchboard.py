"""Control's side of the sound: joins legs to the media processes and plays prompts.

Above this file nobody knows that media is another process. Each leg registers one listener for what media tells of
it; a prompt that ends calls back whoever asked for it. When a media process dies, a leg that gets new ports finds its
conference's plan and its waiting music there as before.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from bridge.driver import in_turn
from bridge.media import contract
from bridge.sdp.audio import NegotiatedAudio
from bridge.sdp.transport import PLAIN, NegotiatedTransport
from bridge.sdp.video import NegotiatedVideo
from mixer.plan import Plan

LONGEST_PLAY_S: Final = 30.0  # after that a play that somebody waits for is taken to have ended


class MediaListener(Protocol):
    """What a leg is told about its media."""

    def media_opened(self, opened: contract.LegOpened) -> None:
        """Ports are reserved."""

    def media_refused(self, why: str) -> None:
        """No ports could be had."""

    def media_digit(self, digit: str) -> None:
        """A key was pressed in band of RTP (RFC 4733)."""

    def media_silent(self, seconds: float, final: bool) -> None:
        """Nothing valid is received; `final` ends the leg."""

    def media_back(self) -> None:
        """Packets come again."""

    def media_connected(self, protocol: str, suite: str) -> None:
        """ICE has found a path ("udp" or "tcp"), or another one; DTLS is up, with this SRTP suite ("" = none)."""

    def media_failed(self, why: str) -> None:
        """ICE or DTLS came to nothing: there will be no sound unless something else is agreed."""

    def media_pictures(self, event: contract.Seen | contract.KeyNeeded) -> None:
        """Pictures come, or come no longer; or a key frame is needed, and the peer knows no feedback."""

    def media_closed(self, quality: contract.Quality | None) -> None:
        """The ports are free. `quality` is None when the media process died."""

    def media_died(self) -> None:
        """The media process that served this leg is gone."""


class Studio(Protocol):
    """The part of `bridge.media.pool.MediaPool` that is used here."""

    def place(self, leg: str, conference: str) -> None:
        """Choose the media process that will serve the leg: one for all legs of a conference."""

    def move(self, leg: str, conference: str) -> bool:
        """Let an open leg change conference where its ports can stay."""

    def send(self, command: contract.Command) -> None:
        """Pass a command to the process that serves its leg or conference."""


@dataclass(slots=True)
class _Awaited:
    """A play whose end somebody waits for: the legs that have not gone meanwhile, and what is due at the end."""

    legs: set[str]
    then: Callable[[], None]
    limit: asyncio.TimerHandle


class Switchboard:
    """Routes commands to media and events back to legs. `on_talking`: by conference, who is told who talks."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._listeners: dict[str, MediaListener] = {}
        self._awaited: dict[str, _Awaited] = {}
        self._plans: dict[str, Plan] = {}
        self._loops: dict[str, contract.Play] = {}  # what plays to a leg in the background
        self._fresh: dict[
            str, str
        ] = {}  # leg -> conference, of legs that media has not been told to serve yet
        self._numbers = itertools.count(1)
        self.on_talking: dict[str, Callable[[tuple[str, ...]], None]] = {}

    # -- a leg's ports ---------------------------------------------------------------------------------------------

    def open(
        self,
        leg: str,
        conference: str,
        address: str,
        listener: MediaListener,
        *,
        shared: bool = False,
        video: bool = False,
    ) -> None:
        """Reserve ports on local `address` for a leg of `conference`; the listener hears how it went.

        `shared`: on the one port for legs with ICE instead. `video`: a second pair for pictures.
        """
        self._listeners[leg] = listener
        self._fresh[leg] = conference
        self._studio.place(leg, conference)
        self._studio.send(contract.OpenLeg(leg, address, shared, video, conference))

    def configure(
        self,
        leg: str,
        audio: NegotiatedAudio,
        signalling: str,
        latch: bool,
        timeout_s: float,
        held_timeout_s: float,
        transport: NegotiatedTransport = PLAIN,
        *,
        video: NegotiatedVideo | None = None,
        slides: NegotiatedVideo | None = None,
        video_transport: NegotiatedTransport | None = None,
    ) -> None:
        """Tell media what was agreed (again, after each new offer and answer)."""
        sound = leg, audio, signalling, latch, timeout_s, held_timeout_s, transport
        self._studio.send(contract.ConfigureLeg(*sound, video, slides, video_transport))
        if (conference := self._fresh.pop(leg, None)) is not None:
            self._restore(leg, conference)

    def move(self, leg: str, conference: str) -> bool:
        """The leg goes to another conference. False: its ports cannot stay; close them, and open others there."""
        self._loops.pop(leg, None)
        return leg in self._listeners and self._studio.move(leg, conference)

    def close(self, leg: str) -> bool:
        """Free the leg's ports; `media_closed` follows. False when it has none, and nothing follows."""
        self._loops.pop(leg, None)
        if leg not in self._listeners:
            return False
        self._studio.send(contract.CloseLeg(leg))
        return True

    def want_key(self, leg: str) -> None:
        """The peer wants a key frame of what it sees."""
        if leg in self._listeners:
            self._studio.send(contract.WantKey(leg))

    def send_digit(self, leg: str, digit: str) -> None:
        """Send a key to the peer."""
        self._studio.send(contract.SendDigit(leg, digit))

    # -- what is heard ---------------------------------------------------------------------------------------------

    def plan(self, plan: Plan) -> None:
        """The newest plan of a conference. It is remembered for a media process that takes over."""
        if plan.seats:
            self._plans[plan.conference] = plan
        else:
            self._plans.pop(plan.conference, None)
        self._studio.send(contract.SetPlan(plan))

    def play(
        self,
        legs: Sequence[str],
        prompts: Sequence[str],
        language: str,
        *,
        loop: bool = False,
        interrupt: bool = False,
        then: Callable[[], None] | None = None,
    ) -> None:
        """Play prompts to legs; `then` is called once when they have ended, were stopped, or could not be played.

        It is called after `LONGEST_PLAY_S` at the latest, and not for a loop.
        """
        present = tuple(leg for leg in legs if leg in self._listeners)
        if not present or not prompts:
            if then is not None:
                then()
            return
        play = f"p{next(self._numbers)}"
        if then is not None:
            limit = asyncio.get_running_loop().call_later(LONGEST_PLAY_S, self._ended, play)
            self._awaited[play] = _Awaited(set(present), then, limit)
        command = contract.Play(play, present, tuple(prompts), language, loop, interrupt)
        if loop:
            self._loops |= dict.fromkeys(present, command)
        self._studio.send(command)

    def stop(self, *legs: str) -> None:
        """Stop all that plays to these legs."""
        for leg in legs:
            self._loops.pop(leg, None)
        present = tuple(leg for leg in legs if leg in self._listeners)
        if present:
            self._studio.send(contract.StopPlay(present))

    # -- what media tells ------------------------------------------------------------------------------------------

    def media_event(self, event: contract.Event) -> None:
        """Take one event of a media process. An event about a leg that is gone is late and ignored."""
        match event:
            case contract.LegOpened(leg=leg) if listener := self._listeners.get(leg):
                listener.media_opened(event)
            case contract.OpenFailed(leg=leg) if listener := self._forget(leg):
                listener.media_refused(event.why)
            case contract.Digit(leg=leg) if listener := self._listeners.get(leg):
                listener.media_digit(event.digit)
            case contract.MediaLost(leg=leg) if listener := self._listeners.get(leg):
                listener.media_silent(event.seconds, event.final)
            case contract.Connected(leg=leg) if listener := self._listeners.get(leg):
                listener.media_connected(event.protocol, event.suite)
            case contract.TransportFailed(leg=leg) if listener := self._listeners.get(leg):
                listener.media_failed(event.why)
            case contract.MediaBack(leg=leg) if listener := self._listeners.get(leg):
                listener.media_back()
            case contract.Seen(leg=leg) | contract.KeyNeeded(leg=leg) if listener := self._listeners.get(leg):
                listener.media_pictures(event)
            case contract.LegClosed(leg=leg) if listener := self._forget(leg):
                listener.media_closed(event.quality)
            case contract.PlayEnded():
                self._ended(event.play)
            case contract.Talking():
                if talking := self.on_talking.get(event.conference):
                    talking(event.legs)
            case _:
                pass

    def process_lost(self, legs: tuple[str, ...]) -> None:
        """A media process died and took these legs' ports, and all that played to them, with it."""
        gone = {leg: listener for leg in legs if (listener := self._listeners.pop(leg, None))}
        told = [partial(self._forget, leg) for leg in gone] + [each.media_died for each in gone.values()]
        in_turn(lambda tell: tell(), told)

    # -- what follows ----------------------------------------------------------------------------------------------

    def _forget(self, leg: str) -> MediaListener | None:
        """The leg has no ports any more; nobody waits for what it will not hear."""
        self._fresh.pop(leg, None)
        listener = self._listeners.pop(leg, None)
        for play, awaited in tuple(self._awaited.items()):
            awaited.legs.discard(leg)
            if not awaited.legs:
                self._ended(play)
        return listener

    def _ended(self, play: str) -> None:
        if awaited := self._awaited.pop(play, None):
            awaited.limit.cancel()
            awaited.then()

    def _restore(self, leg: str, conference: str) -> None:
        """A leg whose media process died has found another, which knows nothing yet of what it should hear."""
        plan = self._plans.get(conference)
        if plan is not None and any(seat.leg == leg for seat in plan.seats):
            self._studio.send(contract.SetPlan(plan))
        if loop := self._loops.get(leg):
            play = f"p{next(self._numbers)}"
            self._studio.send(contract.Play(play, (leg,), loop.prompts, loop.language, loop=True))
