"""The main program of a media process: started by `bridge.media.pool`, told everything else over the socket."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import os
import resource
import socket
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from bridge import log
from bridge.child import become_quiet
from bridge.media.settings import MediaSettings

if TYPE_CHECKING:
    from bridge.media.audio_loop import AudioLoop

_WILD_S = 3  # of real-time without ever waiting


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until control says `Shutdown` or its end of the socket closes; returns the exit status."""
    parser = argparse.ArgumentParser(prog="bridge.media.process")
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--settings", required=True, help="MediaSettings as JSON")
    told = parser.parse_args(arguments)
    settings = msgspec.json.decode(told.settings, type=MediaSettings)
    become_quiet()
    log.configure("info")
    # One thread does all arithmetic; OpenBLAS reads this when numpy is imported, hence the imports below.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    import uvloop

    import bridge.media.audio_loop

    # What is imported lives as long as the process: the collector need not look at it again.
    gc.collect()
    gc.freeze()
    _ask_for_priority(settings)
    end = socket.socket(fileno=told.fd)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_serve(end, settings, bridge.media.audio_loop.AudioLoop))


async def _serve(end: socket.socket, settings: MediaSettings, make: type[AudioLoop]) -> int:
    from bridge import wire
    from bridge.media import contract

    wire.prepare(end)
    done: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    link: wire.Wire[contract.Command, contract.Event]

    def tell(event: contract.Event) -> None:
        link.send(event)

    def finish(reason: str) -> None:
        if not done.done():
            done.set_result(reason)

    audio = make(settings, tell, finish)
    decoder: msgspec.msgpack.Decoder[contract.Command] = msgspec.msgpack.Decoder(contract.Command)
    link = wire.Wire(end, decoder, audio.command, finish, audio.drops)
    audio.start()
    reason = await done
    await audio.stop()
    link.close()
    return 0 if reason in ("shutdown", "closed") else 1


def _ask_for_priority(settings: MediaSettings) -> None:
    """Run before other programs where the machine permits it; threads started later inherit this.

    Sound is due every 20 ms, and takes a small part of them: on a busy machine a real-time priority lowers the
    jitter of what we send several times. Should the process ever run wild, the kernel ends it after `_WILD_S`.
    """
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, settings.nice)
    if settings.realtime_priority:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_RTTIME, (_WILD_S * 1_000_000, _WILD_S * 1_000_000))
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(settings.realtime_priority))


if __name__ == "__main__":
    sys.exit(main())
