"""What keeps libsvtav1 from running away with the machine: it makes the thread that opens it go before all others."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator


@contextlib.contextmanager
def kept_priority() -> Iterator[None]:
    """After what is done within, or within a function so decorated, this thread is scheduled as before.

    Where it may (as root), libsvtav1 asks for SCHED_FIFO with priority 99 and leaves it so. All that is started later
    inherits that: a browser would take a whole core from everybody, for good.
    """
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        if os.sched_getscheduler(0) != policy:
            os.sched_setscheduler(0, policy, parameters)
