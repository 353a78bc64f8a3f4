"""Debian's coturn on loopback, with a secret that it shares with the bridge (use-auth-secret)."""

from __future__ import annotations

import re
import secrets
from types import TracebackType
from typing import Any, Self

from tests.peers.child import LOOPBACK, Child, Folder, free_port, wait_until

_RELAYS = 100
_ALLOCATED = re.compile(r"ALLOCATE processed, success")


class Turn:
    """A TURN server over UDP and TCP, as a context manager. It relays to loopback, which a real one must not."""

    def __init__(self) -> None:
        self._folder = Folder("tu")
        self.secret = secrets.token_urlsafe(24)
        self.port = free_port(2)
        low = free_port(_RELAYS)
        configuration = f"""
            listening-ip={LOOPBACK}
            relay-ip={LOOPBACK}
            listening-port={self.port}
            min-port={low}
            max-port={low + _RELAYS - 1}
            realm=example.org
            use-auth-secret
            static-auth-secret={self.secret}
            fingerprint
            allow-loopback-peers
            no-tls
            no-dtls
            no-cli
            no-rfc5780
            verbose
            log-file=stdout
            pidfile={self._folder.path / "pid"}
            userdb={self._folder.path / "users"}
        """
        (self._folder.path / "turn.conf").write_text(configuration.replace(" " * 12, ""))
        argv = ["turnserver", "-c", str(self._folder.path / "turn.conf")]
        self.child = Child(argv, self._folder.path / "log", folder=self._folder.path)

    def __enter__(self) -> Self:
        self.child.__enter__()
        try:
            self.child.wait_text(f"IPv4. TCP listener opened on : {LOOPBACK}:{self.port}", 10)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End it."""
        self.child.end()
        self._folder.remove()

    @property
    def settings(self) -> dict[str, Any]:
        """The bridge's table `[turn]` for it."""
        ways = ("udp", "tcp")
        return {
            "uris": [f"turn:{LOOPBACK}:{self.port}?transport={way}" for way in ways],
            "secret": self.secret,
        }

    def wait_allocations(self, count: int, timeout: float = 10.0) -> None:
        """Wait until so many relays were asked for by people who knew a right password."""
        wait_until(lambda: self.allocations() >= count, timeout, self.child.tail)

    def allocations(self) -> int:
        """How many relays were given so far."""
        return len(_ALLOCATED.findall(self.child.text()))
