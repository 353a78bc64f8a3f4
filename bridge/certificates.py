"""The certificates that the bridge serves with: which they are, whether their files change, and when they expire."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from bridge.certificate import CertificateFiles, expiry, self_made
from bridge.log import logger

LOOK_S: Final = 2.0  # how often the files are looked at
REMIND_S: Final = 86_400.0  # how often it is said that a certificate is about to expire
WARN_DAYS: Final = 21

_log = logger("certificates")


class Certificates:
    """All of them. Those of our own making lie in `folder` and are for `names`; `on_change`: files have changed.

    `now` gives the wallclock.
    """

    def __init__(
        self,
        folder: Path,
        names: Sequence[str],
        on_change: Callable[[], None],
        now: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(datetime.UTC),
    ) -> None:
        self._folder = folder
        self._names = names
        self._on_change = on_change
        self._now = now
        self._files: list[CertificateFiles] = []
        self._own = False  # whether one of our own making is served

    def serve(self, chain: str, key: str, section: str) -> CertificateFiles:
        """The configured certificate of a `section`, or where there is none our own; it is watched from now on.

        Raises OSError when our own cannot be written.
        """
        if chain:
            files = CertificateFiles(Path(chain), Path(key or chain))
        else:
            _log.warning(
                "self-made-certificate",
                detail=f"nobody trusts it: set [{section}] certificate and key to one that an authority has signed",
            )
            self._own = True
            files = CertificateFiles(*self_made(self._folder, self._names, self._now()))
        self._files.append(files)
        return files

    async def watch(self) -> None:
        """Notice changed files, and say in good time that a certificate expires; for ever."""
        loop = asyncio.get_running_loop()
        seen, remind_at = self._times(), loop.time()
        while True:
            if loop.time() >= remind_at:
                remind_at = loop.time() + REMIND_S
                self.remind()
            await asyncio.sleep(LOOK_S)
            times = self._times()
            if times != seen:
                seen = times
                self._on_change()

    def remind(self) -> None:
        """Renew what is of our own making, and warn of what expires soon."""
        if self._own:
            self_made(self._folder, self._names, self._now())
        for chain in sorted({files.chain for files in self._files}):
            until = expiry(chain)
            left = (until - self._now()).days if until is not None else 0
            if left < WARN_DAYS:
                _log.warning("certificate-expires", file=str(chain), count=left, detail="days left")

    def _times(self) -> list[tuple[float, float]]:
        return [files.changed_at() for files in self._files]
