"""G.711 for the test phone, independent of the bridge's: what a byte means is computed, encoding takes the nearest."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tests.peers.sound import Samples

Bytes = npt.NDArray[np.uint8]


def _mu_law() -> npt.NDArray[np.int32]:
    """Linear value (16-bit scale) of each mu-law byte (ITU-T G.711 table 2)."""
    code = ~np.arange(256) & 0xFF
    magnitude = (((code & 15) << 3) + 132 << (code >> 4 & 7)) - 132
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int32)


def _a_law() -> npt.NDArray[np.int32]:
    """Linear value (16-bit scale) of each A-law byte (ITU-T G.711 table 1)."""
    code = np.arange(256) ^ 0x55
    segment = code >> 4 & 7
    step = ((code & 15) << 4) + 8
    magnitude = np.where(segment == 0, step, step + 256 << np.maximum(segment - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int32)


class Law:
    """One of the two laws."""

    def __init__(self, payload_type: int, values: npt.NDArray[np.int32]) -> None:
        self.payload_type = payload_type
        self._values = (values / 32768).astype(np.float32)
        self._order = np.argsort(self._values, kind="stable").astype(np.uint8)
        ladder = self._values[self._order]
        self._borders = (ladder[1:] + ladder[:-1]) / 2

    def encode(self, samples: Samples) -> bytes:
        """8 kHz samples in -1..1 to as many bytes."""
        return self._order[np.searchsorted(self._borders, samples)].tobytes()

    def decode(self, payload: bytes) -> Samples:
        """Bytes to as many 8 kHz samples in -1..1."""
        return self._values[np.frombuffer(payload, np.uint8)]


LAWS = {"PCMU": Law(0, _mu_law()), "PCMA": Law(8, _a_law())}
RATE = 8000
