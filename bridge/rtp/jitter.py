"""The jitter buffer of one source: packets in as they come, 20 ms of work for the decoder out at each tick.

Strategy. The buffer keeps a *schedule*: a packet is played `delay` after its media time, and the schedule moves on by
one tick at each `pop`, whether packets are there or not. A packet that is there when its tick comes is played in it,
so a quiet network costs nothing but the wait for the tick. What is missing is rebuilt from the packet behind it (Opus
FEC) or concealed; a packet whose time has passed is dropped, unless the delay has to grow anyway.

`delay` moves in whole frames. It is raised (STRETCH) when the latest of the recent packets, but for one outlier in
ten seconds, would miss their tick, and by one packet while losses repeat that FEC could mend. It is lowered (SHRINK)
when even those packets would be in time a frame earlier. Clock drift needs nothing more: it moves the transit times
slowly, and a frame goes in or out each time they have moved by 20 ms.

A stall that no allowed delay can bridge (180 ms) is not followed: its packets are dropped when they come at last, and
the delay stays what it was. If everything is late for longer than 0.2 s, the path has changed: start anew.
"""

from __future__ import annotations

from math import ceil, gcd, inf
from typing import Final

from bridge.rtp.delay import DelayEstimate
from bridge.rtp.payload import opus_fec_samples
from bridge.rtp.units import Unit, UnitKind

TICK_S: Final = 0.02
FRAME: Final = 960
RATE: Final = 48_000
_SECONDS: Final = 1 / RATE  # a sample at 48 kHz

MAX_PACKETS: Final = 100  # 1 s of 10 ms packets; when full, the oldest is dropped
MAX_CONCEAL: Final = 15_360  # 320 ms in a row, then SILENCE
_IDLE: Final = RATE  # after 1 s without a packet the schedule is given up
_FAR: Final = 14_400  # a packet 300 ms ahead of the schedule is played at once
_TOLERANCE: Final = 480  # timestamps may be off by this much without meaning anything
_MISSED_S: Final = 0.019  # a tick this late is one that was left out
_PATIENCE_S: Final = 0.2  # everything late for so long: a new path

_CORRECTION_S: Final = 10.0  # between shrinks in quiet running
_HURRY_S: Final = 0.045  # with this much too much delay ...
_HURRY_EVERY_S: Final = 0.1  # ... a frame is taken out this often
_EXCESS_S: Final = 0.25  # with this much, what is too old is dropped at once
_STRETCH_EVERY_S: Final = 0.04
_SETTLE_S: Final = 2.0  # before the first frame is taken out of a new schedule
_EAGER_S: Final = 20.0  # a stretch so soon after a shrink: the shrink was too eager
_GUARD_S: Final = 0.001
_MAX_GUARD_S: Final = 0.01
_LOSS_MEMORY_S: Final = 10.0
_ON_TIME: Final = 24  # samples: half a millisecond too late is in time when the schedule is set up

_PACKET: Final = UnitKind.PACKET
_new_unit: Final = tuple.__new__

# stamp, duration, what pop returns for it when nothing is odd. Duration 0: a number that carried no sound.
_Entry = tuple[int, int, tuple[Unit, ...]]
_NO_SOUND: Final[_Entry] = (0, 0, ())


class Counters:
    """What happened in a buffer since its start; packets, but `concealed` and `fec` are samples at 48 kHz."""

    __slots__ = (
        "concealed",
        "fec",
        "late",
        "missed",
        "overflowed",
        "played",
        "resynced",
        "shrunk",
        "stretched",
    )

    def __init__(self) -> None:
        self.played = 0
        self.missed = 0  # numbers passed over because their packet was not there in time, if ever
        self.late = 0  # came when their time had passed: dropped
        self.overflowed = 0  # dropped because the buffer was full
        self.concealed = 0
        self.fec = 0
        self.shrunk = 0
        self.stretched = 0
        self.resynced = 0  # the schedule was set anew in mid-stream


class JitterBuffer:
    """The packets of one source, waiting for their tick.

    Times: `now` in monotonic seconds; a *stamp* is media time in samples at 48 kHz, never wrapping; a *transit* is
    arrival minus stamp in seconds, meaningful only against other transits. `fec_types`: the payload types whose
    packets may carry FEC for the packet before them.
    """

    __slots__ = (
        "_corrected",
        "_credit",
        "_grid",
        "_guard",
        "_invented",
        "_last_loss",
        "_late_since",
        "_next",
        "_packets",
        "_path",
        "_payload_type",
        "_position",
        "_quiet",
        "_running",
        "_shrunk_at",
        "_silence",
        "_splice",
        "counters",
        "delay",
        "fec_types",
    )

    def __init__(self, fec_types: frozenset[int] = frozenset()) -> None:
        self.fec_types = fec_types
        self.counters = Counters()
        self.delay = 0.0  # play time minus stamp [s]; compares with transits
        self._packets: dict[int, _Entry] = {}
        self._path = DelayEstimate()
        self._running = False
        self._next = 0  # extended number of the packet to play next
        self._splice = -1  # a number that follows on the one before, whatever lies between
        self._position = 0  # stamp up to which units were given
        self._credit = 0  # samples given beyond the last tick
        self._grid = -inf  # when ticks nominally are: the lower edge of when they really come
        self._payload_type = -1
        self._quiet = True  # a pause was announced, or nothing came yet
        self._invented = 0  # samples since the last packet
        self._silence = (Unit(UnitKind.SILENCE, -1, b"", FRAME),)
        self._late_since = 0.0
        self._corrected = -inf
        self._shrunk_at = -inf
        self._guard = _GUARD_S
        self._last_loss = -inf

    @property
    def depth_ms(self) -> float:
        """How long the fastest of the recent packets waits for being played [ms]; 0 before the first."""
        return (self.delay - self._path.base) * 1000 if self._running else 0.0

    # -- in --

    def push(
        self,
        sequence: int,
        stamp: int,
        duration: int,
        payload_type: int,
        payload: bytes,
        transit: float,
        now: float,
    ) -> None:
        """Take a packet. `sequence` and `stamp` are extended by the stream, which also drops duplicates.

        A packet whose turn has passed is counted as late and dropped; so is the oldest of more than MAX_PACKETS.
        """
        self._path.observe(transit, duration, now)
        if self._running:
            if stamp + duration <= self._position:
                if self._is_stale(sequence, duration, transit, now):
                    return
            else:
                self._late_since = 0.0
                if sequence < self._next:
                    self.counters.late += 1
                    return
        packets = self._packets
        packets[sequence] = (stamp, duration, (_new_unit(Unit, (_PACKET, payload_type, payload, duration)),))
        if len(packets) > MAX_PACKETS:
            self._drop_oldest()

    def skip(self, sequence: int) -> None:
        """A number without sound (telephone-event, comfort noise, keep-alive): not missed, but a pause begins."""
        if not self._running or sequence >= self._next:
            self._packets[sequence] = _NO_SOUND
            if len(self._packets) > MAX_PACKETS:
                self._drop_oldest()

    def splice(self, sequence: int) -> None:
        """The packet with this number follows directly on those pushed before: a new source, or a restarted one."""
        self._splice = sequence

    def _is_stale(self, sequence: int, duration: int, transit: float, now: float) -> bool:
        """Drop a packet whose time has passed, unless `pop` may still play it by raising the delay."""
        if not self._late_since:
            self._late_since = now
        elif now - self._late_since > _PATIENCE_S:
            self._restart()
            self._path.observe(transit, duration, now)
            return False
        if sequence >= self._next:
            return False
        self.counters.late += 1
        return True

    def _restart(self) -> None:
        """The path has changed: give up the schedule and all that was learnt."""
        self.counters.resynced += 1
        self._running = False
        self._late_since = 0.0
        self._path.forget()

    def _drop_oldest(self) -> None:
        oldest = min(self._packets)
        del self._packets[oldest]
        self.counters.overflowed += 1
        if self._running and oldest >= self._next:
            self._next = oldest + 1

    # -- out --

    def pop(self, now: float) -> tuple[Unit, ...]:
        """The units that this tick needs; called once per 20 ms. () when earlier units still last."""
        grid = self._grid + TICK_S
        late = now - grid
        if late < 0:
            grid = now
        elif late < _MISSED_S:
            grid += late * 0.02
        else:
            grid = self._miss_ticks(now, late)
        self._grid = grid
        credit = self._credit
        need = FRAME - credit
        if need <= 0:
            self._credit = -need
            return ()
        if not self._packets and (self._quiet or self._invented >= MAX_CONCEAL):
            return self._rest(need)
        if not self._running:
            return self._begin(grid, need)
        position = self._position
        self.delay = delay = grid + (credit - position) * _SECONDS
        over = delay - self._path.target
        if 0 <= over <= TICK_S:
            entry = self._packets.get(self._next)
            if entry is not None and entry[0] == position and entry[1] >= need:
                # The usual case: the right packet is there.
                del self._packets[self._next]
                _, duration, units = entry
                self._next += 1
                self._position = position + duration
                self._credit = duration - need
                self._sounded(units[0])
                return units
        elif over > _EXCESS_S and self._packets:
            self.counters.resynced += 1
            return self._begin(grid, need)
        return self._fill([], need, self._correction(over, delay, grid))

    def _miss_ticks(self, now: float, late: float) -> float:
        """Pop was not called in time: the schedule went on without us, and what it passed is not played."""
        if not self._running:
            return now
        ticks = int(late / TICK_S + 0.05)
        self._position += ticks * FRAME
        return self._grid + (ticks + 1) * TICK_S

    def _rest(self, need: int) -> tuple[Unit, ...]:
        """A pause goes on, as it does for most of a room most of the time: kept cheap."""
        self._credit = 0
        if self._running:
            self._position += need
            self._invented += need
            self._running = self._invented < _IDLE
        if self._silence[0].payload_type != self._payload_type:
            self._silence = (Unit(UnitKind.SILENCE, self._payload_type, b"", FRAME),)
        return self._silence if need == FRAME else (self._silence[0]._replace(samples=need),)

    def _begin(self, grid: float, need: int) -> tuple[Unit, ...]:
        """Start playing: leave out what is older than the delay wanted, wait where packets are still too few."""
        entries = sorted((number, entry) for number, entry in self._packets.items() if entry[1])
        if not entries:
            self._packets.clear()
            self._quiet = True
            return self._rest(need)
        # How long after this tick the first packet would have to wait, to be played with the delay wanted.
        before = self._path.start - grid
        kept = len(entries) - 1
        for index, (_, (stamp, duration, _)) in enumerate(entries):
            if before * RATE + stamp > -duration:
                kept = index
                break
        number, (stamp, duration, _) = entries[kept]
        for stale, _ in entries[:kept]:
            del self._packets[stale]
        self.counters.late += kept
        step = gcd(FRAME, duration)
        wait = before * RATE + stamp - (FRAME - need)
        silence = max(0, ceil((wait - _ON_TIME) / step) * step)
        self._running = True
        self._next = number
        self._position = stamp
        self._invented = 0
        self._corrected = grid - _CORRECTION_S + _SETTLE_S
        self.delay = grid + (FRAME - need + silence - stamp) * _SECONDS
        units = []
        if silence:
            units.append(Unit(UnitKind.SILENCE, self._payload_type, b"", silence))
        return self._fill(units, need - silence, 0)

    def _correction(self, over: float, delay: float, grid: float) -> int:
        """Whether the delay, which is `over` the target, is to grow (1) or to shrink (-1) by a frame now."""
        if over < 0:
            fits = delay + TICK_S <= self._path.limit
            return 1 if fits and grid - self._corrected >= _STRETCH_EVERY_S else 0
        if over <= TICK_S + self._guard:
            return 0
        since = grid - self._corrected
        return -1 if since >= _CORRECTION_S or (over > _HURRY_S and since >= _HURRY_EVERY_S) else 0

    def _fill(self, units: list[Unit], need: int, correction: int) -> tuple[Unit, ...]:
        """Add units worth `need` samples or more; what is over is kept as credit."""
        while need > 0:
            entry = self._packets.pop(self._next, None)
            if entry is None:
                made, correction = self._bridge(units, need, correction)
            elif not entry[1]:
                self._next += 1
                self._quiet = True
                continue
            else:
                made, correction = self._play(units, entry, need, correction)
            need -= made
        self._credit = -need
        return tuple(units)

    def _play(self, units: list[Unit], entry: _Entry, need: int, correction: int) -> tuple[int, int]:
        """The next packet is there. Returns the samples made (0: it was dropped) and the correction still open."""
        stamp, duration, (unit,) = entry
        ahead = stamp - self._position
        if ahead > _TOLERANCE:
            if ahead < _FAR:
                return self._pause(units, entry, ahead, need, correction)
            self.counters.resynced += 1
        samples = duration
        tolerance = min(_TOLERANCE, duration >> 1)
        if ahead < -tolerance:
            if self._may_wait(-ahead):
                self._stretched()
                correction = 0
            elif -ahead >= duration:
                self._next += 1
                self.counters.late += 1
                return 0, correction
            else:  # only its end is still to be heard
                samples = duration + ahead
        self._next += 1
        self._position = stamp + duration
        self._sounded(unit)
        if correction > 0:
            samples += FRAME
            correction = 0
            self._stretched()
        elif correction < 0 and (samples - FRAME >= need or self._next in self._packets):
            samples = max(0, samples - FRAME)
            correction = 0
            self._shrunk()
        if samples != duration:
            unit = unit._replace(
                kind=UnitKind.SHRINK if samples < duration else UnitKind.STRETCH, samples=samples
            )
        units.append(unit)
        return samples, correction

    def _sounded(self, unit: Unit) -> None:
        """A packet was given out."""
        self.counters.played += 1
        self._invented = 0
        self._payload_type = unit.payload_type
        # An Opus packet of so little begins a pause (DTX).
        self._quiet = len(unit.payload) <= 2

    def _pause(
        self, units: list[Unit], entry: _Entry, ahead: int, need: int, correction: int
    ) -> tuple[int, int]:
        """The next packet is there, but its time is not yet: the source was silent. Corrections cost nothing now."""
        self._packets[self._next] = entry
        if correction > 0:
            self._stretched()
            self._invent(units, need)
            return need, 0
        spare = int((self.delay - self._path.target) / TICK_S) * FRAME
        if spare > 0:
            cut = min(spare, ahead - ahead % FRAME)
            self._position += cut
            self.delay -= cut * _SECONDS
            ahead -= cut
            if ahead <= _TOLERANCE:
                return 0, 0
        made = min(ahead, need)
        self._quiet = True
        self._invent(units, made)
        self._position += made
        return made, 0

    def _bridge(self, units: list[Unit], need: int, correction: int) -> tuple[int, int]:
        """The next packet is not there. Returns the samples made (0: look again) and the correction still open."""
        packets = self._packets
        if packets:
            following = min(packets)
            stamp, duration, found = packets[following]
            gap = stamp - self._position
            if following == self._splice:
                self._next = following
                return 0, correction
            if not duration or gap <= min(_TOLERANCE, duration >> 1):
                self._miss(following, found)  # invented sound has stood for what was lost
                return 0, correction
            if gap >= _FAR:
                self.counters.resynced += 1
                self._position = stamp
                self._miss(following, found)
                return 0, correction
            if correction <= 0:
                return self._mend(units, need, gap, following, found[0]), correction
        if correction > 0 and not self._quiet and self._invented < MAX_CONCEAL:
            # The delay has to grow: wait for the packet instead of passing it over.
            self._stretched()
            self._invent(units, need)
            return need, 0
        self._invent(units, need)
        self._position += need
        return need, correction

    def _mend(self, units: list[Unit], need: int, gap: int, following: int, unit: Unit) -> int:
        """Packets are lost, a later one is there: conceal, and take the last of them from the later one's FEC."""
        cover = opus_fec_samples(unit.payload) if unit.payload_type in self.fec_types else 0
        if cover == gap:
            units.append(Unit(UnitKind.FEC, unit.payload_type, unit.payload, gap))
            self.counters.fec += gap
            self._position += gap
            self._miss(following, (unit,))
            return gap
        made = min(need, gap - cover if cover < gap else gap)
        self._invent(units, made)
        self._position += made
        return made

    def _miss(self, following: int, found: tuple[Unit, ...]) -> None:
        """Pass over the numbers before `following`. Where losses repeat, FEC is worth a packet's wait."""
        self.counters.missed += following - self._next
        self._next = following
        if found and found[0].payload_type in self.fec_types and opus_fec_samples(found[0].payload):
            if self._grid - self._last_loss < _LOSS_MEMORY_S:
                self._path.hold(self._grid + _LOSS_MEMORY_S, self._grid)
            self._last_loss = self._grid

    def _invent(self, units: list[Unit], samples: int) -> None:
        """Sound from nothing: what goes on from before, or silence when that has lasted too long."""
        concealed = not self._quiet and self._invented < MAX_CONCEAL
        kind = UnitKind.CONCEAL if concealed else UnitKind.SILENCE
        if concealed:
            self.counters.concealed += samples
        self._invented += samples
        units.append(Unit(kind, self._payload_type, b"", samples))

    def _may_wait(self, by: int) -> bool:
        """Whether the delay wanted allows for one that is greater by so many samples; if so, it is now."""
        delay = self.delay + by * _SECONDS
        if delay >= self._path.target + TICK_S or delay > self._path.limit:
            return False
        self.delay = delay
        return True

    def _stretched(self) -> None:
        self.counters.stretched += 1
        self._corrected = self._grid
        # A frame put in soon after one was taken out: that was too eager.
        if self._grid - self._shrunk_at < _EAGER_S:
            self._guard = min(_MAX_GUARD_S, 2 * self._guard + 0.002)

    def _shrunk(self) -> None:
        self.counters.shrunk += 1
        self._corrected = self._shrunk_at = self._grid


__all__ = ["FRAME", "MAX_PACKETS", "RATE", "TICK_S", "Counters", "JitterBuffer", "Unit", "UnitKind"]
