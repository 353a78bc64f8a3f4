"""The tick of the mixer: what the legs have said in, what each is to hear out.

Runs in one worker thread and keeps no clock: a call of `AudioMixer.tick` is 20 ms. The order of a tick:
commands -> units to sound and levels (`sources`) -> who is mixed (`room`, `mixer.speaker`) -> 48 kHz of those ->
sum and mix-minus (`mixer.audio`) -> prompts, noise, limiter (`sounds`) -> shared encodings (`encoders`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, assert_never

from bridge.codec import g722
from bridge.media import contract
from bridge.media.encoders import LossStep, OpusSettings, form_of
from bridge.media.hearing import Units
from bridge.media.playing import Player
from bridge.media.prompts import Prompts
from bridge.media.room import Mixed, Room
from bridge.media.sounds import Base, Content, Listener, Outgoing, Sounds
from bridge.media.sources import Sources
from bridge.sdp.audio import NegotiatedAudio
from mixer.plan import Plan

__all__ = ["AudioMixer", "Job", "Loss", "OpusSettings", "Outgoing", "Received", "Result"]


DEFAULT_OPUS = OpusSettings()


class Loss(NamedTuple):
    """The peer of a leg has reported this fraction (0 to 1) of our packets lost since its last report."""

    leg: str
    fraction: float


class Received(NamedTuple):
    """What a leg's jitter buffer gave for this tick.

    `level`: how loud its peer says that it is now (RFC 6464) [-dBov, 0 to 127], None when it does not say.
    """

    leg: str
    units: Units
    level: int | None = None


class Job(NamedTuple):
    """A tick's work: the commands since the last tick, in order, and what was received.

    Commands that are not about sound are ignored.
    """

    commands: list[contract.Command | Loss]
    received: list[Received]


class Result(NamedTuple):
    """What came of a tick.

    `outgoing`: payloads; more than one of a leg are in order of time. `events`: Talking, PlayEnded. The counts are of
    this tick. `drops`: by name (bad-payload, line-overrun, prompt-missing, prompt-bad, play-dropped), since the last
    tick in which one was told. `faults`: of ours, with the leg whose decoding or command failed ("": a command for more
    than one); its decoder begins anew, and after the third time stays silent.
    """

    outgoing: list[Outgoing]
    events: list[contract.Event]
    decoded_frames: int
    encoded_frames: int
    drops: dict[str, int]
    faults: list[tuple[str, Exception]]


class AudioMixer:
    """All conferences and legs of one media process."""

    def __init__(self, prompt_folders: Sequence[Path] = (), opus: OpusSettings = DEFAULT_OPUS) -> None:
        """Takes some 0.1 s: what a tick could have to wait for is fetched now."""
        g722.prepare()
        self._settings = opus
        self._prompts = Prompts(prompt_folders)
        self._player = Player(self._prompts)
        self._sources = Sources()
        self._sounds = Sounds(opus)
        self._rooms: dict[str, Room] = {}
        self._seated: dict[str, Room] = {}  # leg -> the room whose plan names it
        self._audio: dict[str, NegotiatedAudio] = {}
        self._loss: dict[str, LossStep] = {}
        self._unsettled: set[str] = set()  # legs that may have to hear something else
        self._told: dict[str, int] = {}
        self._tick = 0

    def tick(self, job: Job) -> Result:
        """20 ms of work. Raises only for faults of our own."""
        tick = self._tick
        self._tick += 1
        events: list[contract.Event] = []
        faults: list[tuple[str, Exception]] = []
        for command in job.commands:
            try:
                self._obey(command)
            except Exception as fault:  # a fault of ours costs this command, not those behind it
                faults.append((getattr(command, "leg", ""), fault))
        faults += self._sources.listen(job.received, tick)
        self._choose(tick, events)
        changed, ended = self._player.step(tick)
        self._unsettled |= changed
        events.extend(contract.PlayEnded(play) for play in ended)
        self._settle()
        self._sounds.render(self._mix(), tick)
        outgoing = self._sounds.encode(tick)
        decoded, encoded = self._sources.take_decoded(), self._sounds.take_encoded()
        return Result(outgoing, events, decoded, encoded, self._new_drops(tick), faults)

    # -- commands -------------------------------------------------------------------------------------------------

    def _obey(self, command: contract.Command | Loss) -> None:
        match command:
            case contract.ConfigureLeg():
                self._configure(command.leg, command.audio)
            case contract.CloseLeg():
                self._close(command.leg)
            case contract.SetPlan():
                self._plan(command.plan)
            case contract.Play():
                self._player.play(command, self._audio)
            case contract.StopPlay():
                self._player.stop(command.legs)
            case Loss():
                self._report(command)
            case (
                contract.OpenLeg()
                | contract.MoveLeg()
                | contract.WantKey()
                | contract.SendDigit()
                | contract.Shutdown()
            ):
                pass
            case _:
                assert_never(command)

    def _configure(self, leg: str, negotiated: NegotiatedAudio) -> None:
        new = leg not in self._audio
        self._audio[leg] = negotiated
        self._sources.configure(leg, negotiated.receive)
        if new and leg in self._seated:
            self._seated[leg].refresh()
        self._form(leg)

    def _form(self, leg: str) -> None:
        """What the leg is sent may have to look different."""
        loss = self._loss[leg].percent if leg in self._loss else 0
        audio = self._audio[leg]
        self._sounds.configure(leg, form_of(audio, loss, self._settings), levels=bool(audio.level_id))
        self._unsettled.add(leg)

    def _report(self, loss: Loss) -> None:
        if loss.leg in self._audio and self._loss.setdefault(loss.leg, LossStep()).report(loss.fraction):
            self._form(loss.leg)

    def _close(self, leg: str) -> None:
        room = self._seated.pop(leg, None)
        if room is not None:
            room.remove(leg)
        self._player.forget(leg)
        self._sounds.forget(leg)
        self._sources.forget(leg)
        self._audio.pop(leg, None)
        self._loss.pop(leg, None)
        self._unsettled.discard(leg)

    def _plan(self, plan: Plan) -> None:
        room = self._rooms.get(plan.conference)
        if room is None:
            room = self._rooms[plan.conference] = Room(plan.conference, self._sources)
        for seat in plan.seats:
            other = self._seated.get(seat.leg)
            if other is not None and other is not room:
                other.remove(seat.leg)
            self._seated[seat.leg] = room
        gone = room.seats.keys() - {seat.leg for seat in plan.seats}
        for leg in gone:
            del self._seated[leg]
        self._unsettled |= gone
        room.apply(plan)
        self._unsettled.update(room.seats)

    # -- the tick -------------------------------------------------------------------------------------------------

    def _choose(self, tick: int, events: list[contract.Event]) -> None:
        """Who is mixed in each room; brings those to 48 kHz."""
        slots: list[int] = []
        over: list[str] = []
        for conference, room in self._rooms.items():
            before = room.contributors
            slots.extend(room.choose().tolist())
            if room.contributors is not before:
                self._unsettled |= before ^ room.contributors
            talkers = room.talkers(tick)
            if talkers is not None:
                events.append(contract.Talking(conference, talkers))
            if not room.seats and not room.contributors:
                over.append(conference)
        for conference in over:
            del self._rooms[conference]
        self._sources.render(slots)

    def _settle(self) -> None:
        listeners = self._sounds.listeners
        wanted = [
            (listeners[leg], self._content(listeners[leg])) for leg in self._unsettled if leg in listeners
        ]
        self._unsettled = set(self._sounds.settle(wanted))

    def _content(self, listener: Listener) -> Content:
        leg = listener.leg
        prompt, background = self._player.overlay(leg)
        room = self._seated.get(leg)
        if room is None or not room.seats[leg].hears:
            return Content(Base.NOTHING, "", "", prompt, background)
        if leg in room.contributors:
            return Content(Base.MINUS, room.conference, leg, prompt, background)
        return Content(Base.MIX, room.conference, "", prompt, background)

    def _mix(self) -> dict[str, Mixed]:
        heard = self._sounds.conferences
        return {name: room.mix() for name, room in self._rooms.items() if name in heard or room.contributors}

    def _new_drops(self, tick: int) -> dict[str, int]:
        if tick % 50:
            return {}
        now = self._sources.count_drops() + self._prompts.counters + self._player.counters
        new = {name: count - self._told.get(name, 0) for name, count in now.items()}
        self._told = dict(now)
        return {name: count for name, count in new.items() if count}
