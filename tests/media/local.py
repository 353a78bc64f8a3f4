"""The media pool without processes: the same commands and events, served on the caller's own loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from bridge.media import contract
from bridge.media.audio_loop import AudioLoop
from bridge.media.mixing import Job
from bridge.media.settings import MediaSettings
from bridge.media.worker import Done, Mixer, work


class InlineWorker:
    """A worker without a thread: the result is there when `give` returns."""

    busy = False

    def __init__(self, mixer: Mixer, on_done: Done) -> None:
        self._mixer = mixer
        self._on_done = on_done

    def give(self, job: Job) -> None:
        """Do the work of a tick."""
        self._on_done(*work(self._mixer, job))

    def stop(self) -> None:
        """Nothing to end."""


class LocalMedia:
    """Stands in for `MediaPool` where a test joins control and media in one process, with real sockets on loopback.

    Messages are handed over in order and never from within `send`, as through the socket. `lose` plays the death
    of the process.
    """

    def __init__(
        self,
        settings: MediaSettings,
        on_event: Callable[[contract.Event], None],
        on_lost: Callable[[tuple[str, ...]], None],
        mixer: Mixer | None = None,
    ) -> None:
        self._settings = settings
        self._on_event = on_event
        self._on_lost = on_lost
        self._mixer = mixer
        self._audio: AudioLoop | None = None
        self._legs: dict[str, str] = {}
        self.figures: dict[int, contract.Figures] = {}
        self.pictures = ""  # where video workers find it

    async def start(self) -> None:
        """Begin to serve."""
        self._begin()

    async def stop(self) -> None:
        """Close all legs and end."""
        if self._audio is not None:
            audio, self._audio = self._audio, None
            await audio.stop()
            await asyncio.sleep(0)  # the last events are handed over

    def place(self, leg: str, conference: str) -> None:
        """As `MediaPool.place`; there is but one place."""
        self._legs[leg] = conference

    def move(self, leg: str, conference: str) -> bool:
        """As `MediaPool.move`; there is but one place."""
        self._legs[leg] = conference
        self.send(contract.MoveLeg(leg, conference))
        return True

    def send(self, command: contract.Command) -> None:
        """As `MediaPool.send`."""
        if self._audio is not None:
            asyncio.get_running_loop().call_soon(self._audio.command, command)

    async def lose(self) -> None:
        """The process dies and another one starts."""
        legs = tuple(self._legs)
        self._legs.clear()
        await self.stop()
        self._begin()
        self._on_lost(legs)

    def _begin(self) -> None:
        loop = asyncio.get_running_loop()
        audio: AudioLoop

        def tell(event: contract.Event) -> None:
            loop.call_soon(self._take, audio, event)

        audio = AudioLoop(self._settings, tell, lambda _: None, mixer=self._mixer, make_worker=InlineWorker)
        self._audio = audio
        audio.start()

    def _take(self, source: AudioLoop, event: contract.Event) -> None:
        match event:
            case contract.Hello():
                self.pictures = event.pictures
            case contract.Figures():
                self.figures[0] = event
            case contract.LegClosed(leg=leg) | contract.OpenFailed(leg=leg):
                if self._legs.pop(leg, None) is not None:
                    self._on_event(event)
            case _:
                self._on_event(event)
