"""What a jitter buffer hands to a decoder at each tick."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class UnitKind(Enum):
    """What the decoder is to do."""

    PACKET = "packet"  # decode the payload
    FEC = "fec"  # the payload is the *next* packet: decode its in-band FEC for `samples` lost before it (Opus only)
    CONCEAL = "conceal"  # nothing there: invent `samples` that go on from the sound before
    SILENCE = "silence"  # nothing is expected (pause, DTX, no source): comfort noise or nothing
    SHRINK = "shrink"  # decode, and merge it with the sound around it, so that it takes only `samples`
    STRETCH = "stretch"  # decode, and draw it out, so that it takes `samples`: a frame more than it has


class Unit(NamedTuple):
    """One step for the decoder. `samples`: how much output at 48 kHz this unit stands for.

    The units of one pop add up to what the tick still needs after what earlier units left over: a 60 ms packet fills
    three ticks, and the two pops after it return (). A SHRINK of a 20 ms packet stands for 0 samples: its sound is
    to be melted into the unit behind it, which is in the same pop. `payload_type` tells the decoder to use; for
    CONCEAL and SILENCE it is that of the last packet, -1 before the first.
    """

    kind: UnitKind
    payload_type: int
    payload: bytes
    samples: int
