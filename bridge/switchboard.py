"""Control's side of the sound: joins legs to the media processes and plays prompts.

Above this file nobody knows that media is another process. Each leg registers one listener for what media tells of
it; a prompt that ends calls back whoever asked for it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Protocol

from bridge.media import contract
from bridge.sdp.audio import NegotiatedAudio
from mixer.plan import Plan


class MediaListener(Protocol):
    """What a leg is told about its media."""

    def media_opened(self, address: str, port: int, rtcp_port: int) -> None:
        """Ports are reserved."""

    def media_refused(self, why: str) -> None:
        """No ports could be had."""

    def media_digit(self, digit: str) -> None:
        """A key was pressed in band of RTP (RFC 4733)."""

    def media_silent(self, seconds: float, final: bool) -> None:
        """Nothing valid is received; `final` ends the leg."""

    def media_back(self) -> None:
        """Packets come again."""

    def media_closed(self, quality: contract.Quality | None) -> None:
        """The ports are free. `quality` is None when the media process died."""

    def media_died(self) -> None:
        """The media process that served this leg is gone."""


class Studio(Protocol):
    """The part of `bridge.media.pool.MediaPool` that is used here."""

    def place(self, leg: str, conference: str) -> None:
        """Choose the media process that will serve the leg: one for all legs of a conference."""

    def send(self, command: contract.Command) -> None:
        """Pass a command to the process that serves its leg or conference."""


class Switchboard:
    """Routes commands to media and events back to legs. `on_talking` gets (conference, leg ids)."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._listeners: dict[str, MediaListener] = {}
        self._plays: dict[str, tuple[tuple[str, ...], Callable[[], None]]] = {}
        self._plans: dict[str, Plan] = {}
        self._numbers = itertools.count(1)
        self.on_talking: dict[str, Callable[[tuple[str, ...]], None]] = {}

    # -- a leg's ports ---------------------------------------------------------------------------------------------

    def open(self, leg: str, conference: str, address: str, listener: MediaListener) -> None:
        """Reserve ports on local `address` for a leg of `conference`; the listener hears how it went."""
        self._listeners[leg] = listener
        self._studio.place(leg, conference)
        self._studio.send(contract.OpenLeg(leg, address))

    def configure(
        self,
        leg: str,
        audio: NegotiatedAudio,
        signalling: str,
        latch: bool,
        timeout_s: float,
        held_timeout_s: float,
    ) -> None:
        """Tell media what was agreed (again, after each re-INVITE)."""
        self._studio.send(contract.ConfigureLeg(leg, audio, signalling, latch, timeout_s, held_timeout_s))

    def close(self, leg: str) -> bool:
        """Free the leg's ports; `media_closed` follows. False when it has none, and nothing follows."""
        if leg not in self._listeners:
            return False
        self._studio.send(contract.CloseLeg(leg))
        return True

    def send_digit(self, leg: str, digit: str) -> None:
        """Send a key to the peer."""
        self._studio.send(contract.SendDigit(leg, digit))

    # -- what is heard ---------------------------------------------------------------------------------------------

    def plan(self, plan: Plan) -> None:
        """The newest plan of a conference. It is remembered, and told again to a process that takes over."""
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
        """Play prompts to legs; `then` is called once when they have ended, were stopped, or could not be played."""
        present = tuple(leg for leg in legs if leg in self._listeners)
        if not present or not prompts:
            if then is not None:
                then()
            return
        play = f"p{next(self._numbers)}"
        if then is not None:
            self._plays[play] = (present, then)
        self._studio.send(contract.Play(play, present, tuple(prompts), language, loop, interrupt))

    def stop(self, *legs: str) -> None:
        """Stop all that plays to these legs."""
        present = tuple(leg for leg in legs if leg in self._listeners)
        if present:
            self._studio.send(contract.StopPlay(present))

    # -- what media tells ------------------------------------------------------------------------------------------

    def media_event(self, event: contract.Event) -> None:
        """Take one event of a media process. An event about a leg that is gone is late and ignored."""
        match event:
            case contract.LegOpened(leg=leg) if listener := self._listeners.get(leg):
                listener.media_opened(event.address, event.port, event.rtcp_port)
            case contract.OpenFailed(leg=leg) if listener := self._listeners.pop(leg, None):
                listener.media_refused(event.why)
            case contract.Digit(leg=leg) if listener := self._listeners.get(leg):
                listener.media_digit(event.digit)
            case contract.MediaLost(leg=leg) if listener := self._listeners.get(leg):
                listener.media_silent(event.seconds, event.final)
            case contract.MediaBack(leg=leg) if listener := self._listeners.get(leg):
                listener.media_back()
            case contract.LegClosed(leg=leg) if listener := self._listeners.pop(leg, None):
                listener.media_closed(event.quality)
            case contract.PlayEnded():
                if play := self._plays.pop(event.play, None):
                    play[1]()
            case contract.Talking():
                if talking := self.on_talking.get(event.conference):
                    talking(event.legs)
            case _:
                pass

    def process_lost(self, legs: tuple[str, ...]) -> None:
        """A media process died and took these legs' ports, and all that played to them, with it."""
        gone = frozenset(legs)
        listeners = [listener for leg in legs if (listener := self._listeners.pop(leg, None))]
        unheard = [play for play, (hearers, _) in self._plays.items() if gone.issuperset(hearers)]
        for play in unheard:
            self._plays.pop(play)[1]()
        for listener in listeners:
            listener.media_died()
        for plan in self._plans.values():
            if any(seat.leg in gone for seat in plan.seats):
                self._studio.send(contract.SetPlan(plan))
