"""What every process that control starts does first: it leaves the deciding to control, and dies with it."""

from __future__ import annotations

import contextlib
import ctypes
import signal

_PR_SET_PDEATHSIG = 1


def become_quiet() -> None:
    """Let control alone decide when to end: a Ctrl-C or SIGTERM for the whole group is its business. Die with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
