"""A whole media process on the workbench: real sessions and mixer, fake time, no sockets, no threads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bridge.media import contract
from bridge.media.mixing import AudioMixer, Job, Received
from bridge.sdp.audio import NegotiatedAudio
from mixer.plan import Plan, Seat
from tests.media.bench_leg import AUDIO, BenchLeg
from tests.peers.g711 import LAWS
from tests.peers.sound import sine, tones_in

LAW = LAWS["PCMU"]


class Talker(BenchLeg):
    """A leg whose peer sends a tone in PCMU, or nothing if `hz` is 0."""

    def __init__(self, leg: str, hz: float, audio: NegotiatedAudio = AUDIO) -> None:
        super().__init__()
        self.name = leg
        self.agreed = audio
        tone = sine(hz, 1.0, 8000) if hz else np.zeros(8000, np.float32)
        self._frames = [LAW.encode(tone[at : at + 160]) for at in range(0, 8000, 160)] if hz else []
        self.ticks = 0
        self.configure(audio)

    def talk(self) -> None:
        """The peer's packet of this tick."""
        if self._frames:
            self.hear(self.packet(self._frames[self.ticks % 50]))
        self.ticks += 1

    def tones(self, last: int = 40) -> list[int]:
        """The tones [Hz] in what was sent to it of late."""
        payloads = [LAW.decode(datagram[12:]) for datagram, _ in self.rtp[-last:] if datagram[1] & 127 == 0]
        return [round(tone.hz) for tone in tones_in(np.concatenate(payloads), 8000)] if payloads else []


class BenchRoom:
    """Legs and a mixer; `tick` is 20 ms for all of them."""

    def __init__(self, talkers: Sequence[Talker], seated: Sequence[str]) -> None:
        self.talkers = talkers
        self.mixer = AudioMixer()
        self.heard = set(seated)
        self.drops = 0
        self._commands: list[contract.Command] = [
            contract.ConfigureLeg(talker.name, talker.agreed) for talker in talkers
        ]
        self._commands.append(contract.SetPlan(Plan("1001", tuple(Seat(leg) for leg in seated))))

    def tick(self) -> None:
        """Everybody's packet comes in, the mixer works, everybody's packet goes out."""
        received = []
        for talker in self.talkers:
            talker.now += 0.02
            talker.talk()
            units = talker.session.pop(talker.now)
            if units and talker.name in self.heard:
                received.append(Received(talker.name, units, talker.session.take_level()))
            if talker.session.deadline <= talker.now:
                talker.session.wake(talker.now, 1.7e9)
        commands, self._commands = self._commands, []
        result = self.mixer.tick(Job(list(commands), received))
        assert not result.faults
        self.drops += sum(result.drops.values())
        by_name = {talker.name: talker for talker in self.talkers}
        for legs, payload, samples, marker, level in result.outgoing:
            for leg in legs:
                by_name[leg].session.send_audio(payload, samples, marker, level)
