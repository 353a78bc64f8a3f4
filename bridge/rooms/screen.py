"""The screen: what is shown of people, and how. Layouts, spotlights, interpreters, cameras that are muted, and what is
written on pictures (behaviours.md C5, d1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, assert_never

from bridge.rooms import events
from bridge.rooms.commands import (
    MarkInterpreter,
    NextLayout,
    SetBanner,
    SetLabels,
    SetLayout,
    SetOverlay,
    Spotlight,
    VideoMute,
    VideoMuteSelf,
)
from bridge.rooms.events import Event, Origin, Refusal
from bridge.rooms.floor import switched
from bridge.rooms.layouts import Layouts, following
from bridge.rooms.participant import Participant
from bridge.rooms.roll import Roll
from mixer.layout import NAMES

LONGEST_OVERLAY: Final = 128
LONGEST_BANNER: Final = 256

Events = Iterator[Event]
Shown = (
    Spotlight | SetOverlay | SetLayout | NextLayout | SetLabels | SetBanner | MarkInterpreter | VideoMute
    | VideoMuteSelf
)  # fmt: skip


class Screen:
    """The part of a conference that is about pictures. `names`, `frames`: whether they are drawn."""

    def __init__(self, roll: Roll, layouts: Layouts, names: bool, frames: bool) -> None:
        self._roll = roll
        self.reset(layouts, names, frames)

    def reset(self, layouts: Layouts, names: bool, frames: bool) -> None:
        """Be as a run begins."""
        self.layouts = layouts
        self.names = names
        self.frames = frames
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
            case NextLayout():
                chosen = following(self.layouts.host)
                yield from self._layout(SetLayout(command.by, chosen, how=command.how), origin)
            case SetLabels():
                yield from self._labels(command, origin)
            case SetBanner():
                yield from self._banner(command, origin)
            case MarkInterpreter():
                yield from self._interpreter(command, origin, now)
            case VideoMute() | VideoMuteSelf():
                yield from self._video_mute(command, origin)
            case _:
                assert_never(command)

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

    def _labels(self, command: SetLabels, origin: Origin) -> Events:
        names = self.names if command.names is None else command.names
        frames = self.frames if command.frames is None else command.frames
        if (names, frames) != (self.names, self.frames):
            self.names, self.frames = names, frames
            yield events.LabelsChanged(names, frames, origin)

    def _interpreter(self, command: MarkInterpreter, origin: Origin, now: float) -> Events:
        person = self._roll.insider(command.who)
        if person is None:
            yield events.not_done(command, origin, Refusal.NOT_THERE)
            return
        marked = person.interpreter_since is not None
        on = switched(marked, command.on)
        if on is not marked:
            self._roll.change(person, interpreter_since=now if on else None)
            yield events.InterpreterChanged(person.leg, on, origin)

    def _video_mute(self, command: VideoMute | VideoMuteSelf, origin: Origin) -> Events:
        by_host = isinstance(command, VideoMute)
        person = self._roll.insider(command.who if isinstance(command, VideoMute) else command.by)
        if person is None:
            yield events.not_done(command, origin, Refusal.NOT_THERE)
            return
        before = person.host_video_muted if by_host else person.self_video_muted
        on = switched(before, command.on)
        if on is not before:
            person = self._set_video_mute(person, by_host, on)
            yield events.VideoMuteChanged(person.leg, on, by_host, not person.video_muted, origin)

    def _set_video_mute(self, person: Participant, by_host: bool, on: bool) -> Participant:
        return self._roll.change(person, **{"host_video_muted" if by_host else "self_video_muted": on})

    def _banner(self, command: SetBanner, origin: Origin) -> Events:
        if len(command.text) > LONGEST_BANNER:
            yield events.not_done(command, origin, Refusal.OUT_OF_RANGE)
        elif command.text != self.banner:
            self.banner = command.text
            yield events.BannerChanged(command.text, origin)
