"""Ranges of UDP ports that are free on loopback, away from the kernel's own ephemeral range."""

from __future__ import annotations

import os
import random
import socket

_rng = random.Random(os.getpid())


def free_range(pairs: int) -> tuple[int, int]:
    """First (even) and last port of a range of `2 * pairs` ports, all free on 127.0.0.1 a moment ago."""
    for _ in range(200):
        first = _rng.randrange(21000, 32000 - 2 * pairs, 2)
        if all(_is_free(port) for port in range(first, first + 2 * pairs)):
            return first, first + 2 * pairs - 1
    raise RuntimeError("no free ports")


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def has_ipv6() -> bool:
    """Whether this machine has an IPv6 loopback."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True
