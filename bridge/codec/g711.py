"""G.711 (ITU-T G.711, RFC 3551 section 4.5.14) as tables: a code is an octet, everything else is a look-up.

Works on whole matrices of codes, one row a stream. A row's level needs no decoding: `LEVEL` holds the power of each
code.
"""

from __future__ import annotations

from enum import Enum

import numpy as np
import numpy.typing as npt

from mixer.pcm import Rows, Vector

Codes = npt.NDArray[np.uint8]
_SCALE = np.float32(1 / 32768)


class Law(Enum):
    """The two companding laws, by the names SDP gives them."""

    MU = "PCMU"
    A = "PCMA"


def _mu_values() -> npt.NDArray[np.int32]:
    code = ~np.arange(256, dtype=np.uint8)
    segment = (code >> 4 & 7).astype(np.int32)
    size = (((code & 15).astype(np.int32) << 3) + 132 << segment) - 132
    return np.where(code & 128, -size, size)


def _a_values() -> npt.NDArray[np.int32]:
    code = np.arange(256, dtype=np.uint8) ^ 0x55
    segment = (code >> 4 & 7).astype(np.int32)
    step = ((code & 15).astype(np.int32) << 4) + 8
    size = np.where(segment > 0, step + 256 << np.maximum(segment - 1, 0), step)
    return np.where(code & 128, size, -size)


def _codes(values: npt.NDArray[np.int32]) -> Codes:
    """For each 16-bit sample, as its bit pattern 0..65535, the code whose value is nearest."""
    order = np.argsort(values, kind="stable")
    ascending = values[order]
    borders = (ascending[1:] + ascending[:-1]) / 2
    samples = np.arange(65536, dtype=np.uint16).view(np.int16)
    return order[np.searchsorted(borders, samples)].astype(np.uint8)


_VALUES = {Law.MU: _mu_values(), Law.A: _a_values()}
_DECODED = {law: (values * _SCALE).astype(np.float32) for law, values in _VALUES.items()}
_POWER = {law: np.square(decoded) for law, decoded in _DECODED.items()}
_ENCODED = {law: _codes(values) for law, values in _VALUES.items()}
SILENCE = {Law.MU: 0xFF, Law.A: 0xD5}


def codes(payloads: list[bytes]) -> Codes:
    """Payloads of one length as a matrix, a row each."""
    return np.frombuffer(b"".join(payloads), np.uint8).reshape(len(payloads), -1)


def decode(rows: Codes, law: Law) -> Rows:
    """Codes (..., n) to samples of the same shape, full scale 1.0."""
    return np.asarray(_DECODED[law].take(rows), np.float32)


def power(rows: Codes, law: Law) -> Vector:
    """Mean square of each row of codes (rows, n), without decoding."""
    return np.asarray(_POWER[law].take(rows).sum(axis=1) / np.float32(rows.shape[1]), np.float32)


def encode(rows: Rows, law: Law) -> Codes:
    """Samples (..., n) in -1.0 to 1.0 to codes of the same shape; louder ones are clipped."""
    scaled = np.clip(rows * np.float32(32768), -32768, 32767).astype(np.int16)
    return np.asarray(_ENCODED[law].take(scaled.view(np.uint16)), np.uint8)
