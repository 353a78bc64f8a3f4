"""The screen: what is shown of people, and how. Spotlights, what is written on pictures, and layouts (C5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bridge.rooms import events
from bridge.rooms.commands import SetBanner, SetLayout, SetOverlay, Spotlight
from bridge.rooms.events import Event, Origin, Refusal
from bridge.rooms.floor import switched
from bridge.rooms.layouts import NAMES, Layouts
from bridge.rooms.roll import Roll

LONGEST_OVERLAY: Final = 128
LONGEST_BANNER: Final = 256

Events = Iterator[Event]
Shown = Spotlight | SetOverlay | SetLayout | SetBanner


class Screen:
    """The part of a conference that is about pictures."""

    def __init__(self, roll: Roll, layouts: Layouts) -> None:
        self._roll = roll
        self.layouts = layouts
        self.banner = ""

    def handle(self, command: Shown, origin: Origin, now: float) -> Events:
        """Do what is asked."""
        match command:
            case Spotlight():
                yield from self._spotlight(command, origin, now)
            case SetOverlay():
                yield from self._overlay(command, origin)
            case SetLayout():
                yield from self._layout(command, origin)
            case SetBanner():
                yield from self._banner(command, origin)

    def _spotlight(self, command: Spotlight, origin: Origin, now: float) -> Events:
        person = self._roll.insider(command.who)
        if person is None:
            yield events.not_done(command, origin, Refusal.NOT_THERE)
            return
        lit = person.spotlight_since is not None
        on = switched(lit, command.on)
        if on is not lit:
            self._roll.change(person, spotlight_since=now if on else None)
            yield events.SpotlightChanged(person.leg, on, origin)

    def _overlay(self, command: SetOverlay, origin: Origin) -> Events:
        person = self._roll.insider(command.who)
        text = command.text or None
        if person is None:
            yield events.not_done(command, origin, Refusal.NOT_THERE)
        elif len(command.text) > LONGEST_OVERLAY:
            yield events.not_done(command, origin, Refusal.OUT_OF_RANGE)
        elif person.overlay != text:
            self._roll.change(person, overlay=text)
            yield events.OverlayChanged(person.leg, text, origin)

    def _layout(self, command: SetLayout, origin: Origin) -> Events:
        host = command.host_layout or command.layout or self.layouts.host
        guest = command.guest_layout or command.layout or self.layouts.guest
        if host not in NAMES or guest not in NAMES:
            yield events.not_done(command, origin, Refusal.OUT_OF_RANGE)
        elif (host, guest) != self.layouts:
            self.layouts = Layouts(host, guest)
            yield events.LayoutChanged(host, guest, origin)

    def _banner(self, command: SetBanner, origin: Origin) -> Events:
        if len(command.text) > LONGEST_BANNER:
            yield events.not_done(command, origin, Refusal.OUT_OF_RANGE)
        elif command.text != self.banner:
            self.banner = command.text
            yield events.BannerChanged(command.text, origin)
