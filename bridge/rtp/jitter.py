"""The jitter buffer of one source: packets in as they come, 20 ms of work for the decoder out at each tick.

Strategy. The buffer keeps a *schedule*: media time is played at a fixed distance (`delay`) behind its transit
time, and moves on by one tick at each `pop`, whether packets are there or not. A packet that is there when its
tick comes is played in it, so a quiet network costs nothing but the wait for the tick. What is missing is
rebuilt from the next packet (Opus FEC) or concealed; a packet whose time has passed is dropped.

The delay moves in whole frames only. It is *raised* (STRETCH) when the latest of the recent packets, but for one
outlier in ten seconds, would miss their tick, and by one packet while losses repeat and FEC could mend them.
It is *lowered* (SHRINK) when even those packets would be in time a frame earlier. Clock drift needs nothing
more: it moves the transit times slowly, and a frame is put in or taken out each time they have moved by 20 ms.

A stall that no allowed delay can bridge (180 ms) is not followed: its packets are dropped when they come at last,
and the delay is what it was. If everything is late for longer than 0.2 s, the path has changed: start anew.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import Final, NamedTuple

from bridge.rtp.payload import opus_has_fec

TICK_S: Final = 0.02
FRAME: Final = 960
RATE: Final = 48_000


class UnitKind(Enum):
    """What the decoder is to do."""

    PACKET = "packet"  # decode the payload
    FEC = "fec"  # the payload is the *next* packet: decode its in-band FEC for `samples` lost before it (Opus only)
    CONCEAL = "conceal"  # nothing there: invent `samples` that go on from the sound before
    SILENCE = "silence"  # nothing is expected (pause, DTX, no source): comfort noise or nothing
    SHRINK = "shrink"  # decode the payload and merge it with the running sound, so that it takes only `samples`
    STRETCH = "stretch"  # decode the payload and draw it out, so that it takes `samples`: a frame more than it has


class Unit(NamedTuple):
    """One step for the decoder. `samples`: how much output at 48 kHz this unit stands for.

    The units of one pop add up to what the tick still needs after what earlier units left over: a 60 ms packet fills
    three ticks, and the two pops after it return (). SHRINK of a packet of 20 ms stands for 0 samples: its sound is
    to be melted into the unit behind it, which is in the same pop. `payload_type` tells the decoder to use; for
    CONCEAL and SILENCE it is that of the last packet, -1 before the first.
    """

    kind: UnitKind
    payload_type: int
    payload: bytes
    samples: int
