"""A network of the test's own, with addresses that are not loopback's: the bridge treats them as strangers.

Everything stays in this machine: a network namespace whose loopback device holds documentation addresses (RFC 5737).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
from collections.abc import Iterator

import pytest

BRIDGE, NEIGHBOUR, ATTACKERS = "192.0.2.1", "192.0.2.", "198.51.100."
_CLONE_NEWNET = 0x40000000


@contextlib.contextmanager
def own_network() -> Iterator[None]:
    """Move this thread, and what it starts, into a fresh network; skips the test where that is not permitted."""
    libc = ctypes.CDLL(None, use_errno=True)
    here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        if libc.unshare(_CLONE_NEWNET) != 0:
            pytest.skip("a network of our own needs root")
        try:
            _ip("link", "set", "lo", "up")
            for prefix in (NEIGHBOUR, ATTACKERS):
                _ip("route", "add", "local", f"{prefix}0/24", "dev", "lo")
            yield
        finally:
            libc.setns(here, _CLONE_NEWNET)
    finally:
        os.close(here)


def _ip(*words: str) -> None:
    try:
        subprocess.run(["ip", *words], check=True, capture_output=True, timeout=10)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a network of our own needs ip, and root")


@contextlib.contextmanager
def cut_off(address: str) -> Iterator[None]:
    """Drop every packet from and to an address of `own_network`, as a pulled cable does."""
    rules = "\n".join((
        "table inet cut {",
        "  chain in { type filter hook input priority 0;",
        f"    ip saddr {address} drop; ip daddr {address} drop; }}",
        "}",
    ))  # fmt: skip
    try:
        subprocess.run(["nft", "-f", "-"], input=rules.encode(), check=True, capture_output=True, timeout=10)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("nft is not there, or not permitted")
    try:
        yield
    finally:
        subprocess.run(["nft", "delete", "table", "inet", "cut"], check=True, capture_output=True, timeout=10)
