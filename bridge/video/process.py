"""The main program of a video worker: started by `bridge.video.pool`, told the scene over the socket it is given.

It finds its media process by the name of an abstract Unix socket, and ends when either of the two has gone.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import os
import socket
import sys
from collections.abc import Sequence

import msgspec

from bridge import log
from bridge.child import become_quiet
from bridge.video.settings import VideoSettings


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until control says `Leave` or one of the sockets closes; returns the exit status."""
    parser = argparse.ArgumentParser(prog="bridge.video.process")
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--settings", required=True, help="VideoSettings as JSON")
    parser.add_argument("--conference", required=True)
    parser.add_argument("--pictures", required=True, help="name of the media process's abstract socket")
    told = parser.parse_args(arguments)
    settings = msgspec.json.decode(told.settings, type=VideoSettings)
    become_quiet()
    _give_way(settings.nice)
    log.configure("info")
    # Arithmetic is done in threads of our own; OpenBLAS reads this when numpy is imported, hence the imports below.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    import av.logging
    import uvloop

    import bridge.video.service  # noqa: F401

    av.logging.set_level(av.logging.PANIC)  # what peers send is counted here, not told by FFmpeg
    gc.collect()
    gc.freeze()
    end = socket.socket(fileno=told.fd)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_serve(end, told.conference, told.pictures, settings))


def _give_way(nice: int) -> None:
    """Run after the sound, whatever priority the parent has."""
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, nice)


async def _serve(end: socket.socket, conference: str, pictures: str, settings: VideoSettings) -> int:
    from bridge import wire
    from bridge.video.service import Service, reach

    wire.prepare(end)
    try:
        media = await reach(pictures)
    except OSError as fault:
        log.logger("video").error("media-not-reached", reason=type(fault).__name__)
        end.close()
        return 1
    reason = await Service(conference, settings, end, media).run()
    return 0 if reason in ("leave", "closed") else 1


if __name__ == "__main__":
    sys.exit(main())
