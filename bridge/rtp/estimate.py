"""What a path carries [bit/s], from what the peer tells of it: REMB, TMMBR, transport-wide feedback, loss.

The peer's word is an upper bound. Below it we find out ourselves: grow while all is well, faster as far as what is
really sent supports it; where a queue builds up go down at once to less than came through; where packets are lost, by
their share (draft-ietf-rmcat-gcc-02 sections 5.5 and 6). Loss that does not get less when we send less is not ours.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from math import inf
from typing import Final

from bridge.rtp.delay_trend import DelayTrend, Usage
from bridge.rtp.departures import Departures
from bridge.rtp.loss_bound import LossBound, Verdict
from bridge.rtp.rtcp_feedback import TransportWide

FLOOR: Final = 64_000  # [bit/s]; less makes no picture, and is not believed
START: Final = 700_000  # before the peer has told anything
CEILING: Final = 3_000_000  # of a stream
GROWTH: Final = 0.15  # a second, to `HEADROOM` times what is sent: from the floor to 1.5 Mbit/s in 25 s
CREEP: Final = 0.1  # a second, beyond: nothing says that the path carries it, nor that it does not
HEADROOM: Final = 1.5
_NEAR: Final = 0.15  # of the rate at which a queue built up last: there it grows by `_STEP` only
_STEP: Final = 40_000.0  # [bit/s] a second
_FORGET_S: Final = 15.0  # after which that rate is forgotten
_CUT, _DEEP_CUT = 0.85, 0.7  # of what came through; the second one where a long queue has to drain
_MOST_CUT: Final = 0.5  # of what was sent: what comes through may be little only because little was sent
_LONG_QUEUE_S: Final = 0.2
_CUT_AGAIN_S: Final = 0.25  # and a round trip, before what was cut can show
_SHOWS_S: Final = (
    0.3  # after a cut less is sent, at last; what is lost of what was sent before says nothing new
)
_TELLS_S: Final = 3.0  # who numbers what came tells of it several times a second
_SILENT_S: Final = 15.0  # without any word of the peer nothing grows
_USED_S: Final = 3.0  # a stream that has sent nothing for so long leaves its share to the others
_RATE_S: Final = 0.5  # what is sent and what comes through is measured over so long


class Estimate:
    """Of one path, for all streams of pictures along it, each known by its SSRC. `now` is monotonic seconds.

    `bitrate`: what may be sent in all; `share`: by one stream.
    """

    def __init__(self, now: float) -> None:
        self.bitrate = START
        self._ceilings: dict[int, int] = {}  # by stream
        self._used: dict[int, float] = {}  # when a stream last sent something; those that rest are left out
        self._limits: dict[int, int] = {}  # TMMBR, by stream
        self._remb = inf
        self._carried = float(START)
        self._departures = Departures()
        self._trend = DelayTrend()
        self._losses = LossBound()
        self._round_trip = 0.1
        self._grown = now
        self._cut = -inf
        self._heard = now  # when the peer last told anything of what it gets
        self._told = -inf  # and when it last did so packet by packet
        self._met = (inf, -inf)  # at which rate a queue built up, and when
        self._sent = _Meter()
        self._came = _Meter()

    # -- what was agreed -------------------------------------------------------------------------------------------

    def configure(self, ssrc: int, ceiling: int, numbered: bool) -> None:
        """A stream along this path: `ceiling` is what its description allows [bit/s], 0 = it does not say; `numbered`:
        whether transport-wide feedback comes."""
        self._ceilings[ssrc] = min(ceiling, CEILING) if ceiling else CEILING
        self._departures.remembers = numbered
        self._settle()

    def forget(self, ssrc: int) -> None:
        """The stream rests, or is over."""
        self._ceilings.pop(ssrc, None)
        self._used.pop(ssrc, None)
        self._limits.pop(ssrc, None)
        self._settle()

    def share(self, ssrc: int) -> int:
        """What this stream may send [bit/s]: as much as each other that is in use."""
        share = self.bitrate // len(self._used.keys() | {ssrc})
        return max(FLOOR, min(share, self._ceilings.get(ssrc, CEILING), self._limits.get(ssrc, CEILING)))

    # -- out -------------------------------------------------------------------------------------------------------

    @property
    def next_number(self) -> int:
        """The transport-wide number of the packet that leaves next."""
        return self._departures.next_number

    def depart(self, ssrc: int, sizes: Sequence[int], now: float) -> None:
        """Packets of a stream leave, of so many octets, the first with `next_number`."""
        self._used[ssrc] = now
        self._sent.add(sum(sizes), now)
        self._departures.leave(sizes, now)

    # -- what the peer tells ---------------------------------------------------------------------------------------

    def on_remb(self, bitrate: int, now: float) -> None:
        """The peer's own estimate for all we send; 0 is legal."""
        self._heard = max(self._heard, now)
        self._remb = bitrate
        self._settle()

    def on_request(self, ssrc: int, bitrate: int) -> None:
        """TMMBR for one of our streams: no more than this until it says otherwise."""
        self._limits[ssrc] = bitrate

    def on_round_trip(self, seconds: float) -> None:
        """A round trip was measured; 0 = it was not yet."""
        if seconds > 0.0:
            self._round_trip = min(1.0, max(0.01, seconds))

    def on_loss(self, lost: int, expected: int, now: float) -> None:
        """A report told of so many packets, of which so many were lost; where the peer numbers what came, that says
        more."""
        self._heard = now
        if now - self._told > _TELLS_S and now - self._cut > _SHOWS_S + self._round_trip:
            self._lose(lost, expected, now)
        self.wake(now)

    def on_transport_wide(self, feedback: TransportWide, now: float) -> None:
        """The peer told which packets came, and when."""
        passages, lost = self._departures.take(feedback)
        if not passages:
            return
        self._heard = self._told = now
        came = 0
        for passage in passages:
            self._trend.push(passage.sent, passage.arrival)
            self._came.add(passage.octets, passage.last)
            came += passage.packets
        if passages[-1].sent > self._cut + _SHOWS_S:
            self._lose(lost, lost + came, now)
        self._weigh(passages[-1].last, now)

    def _weigh(self, arrival: float, now: float) -> None:
        """Look at the queue after each feedback."""
        self.wake(now)
        if self._trend.usage is not Usage.OVER or now - self._cut < _CUT_AGAIN_S + self._round_trip:
            return
        came = self._came.rate(arrival)
        deep = self._trend.queue_s > _LONG_QUEUE_S
        self._met = (came, now)
        sent = min(self._carried, max(self._sent.rate(now), FLOOR))
        self._lower(max(came * (_DEEP_CUT if deep else _CUT), _MOST_CUT * sent), now)

    def _lose(self, lost: int, expected: int, now: float) -> None:
        sent = max(self._sent.rate(now), FLOOR)
        if self._losses.take(lost, expected, min(self._carried, sent), now) is Verdict.CUT:
            self._lower(min(self._carried, sent) * self._losses.kept, now)

    def _lower(self, bitrate: float, now: float) -> None:
        self._carried = max(FLOOR, min(self._carried, bitrate))
        self._cut = self._grown = now
        self._losses.forget()
        self._settle()

    # -- time ------------------------------------------------------------------------------------------------------

    def wake(self, now: float) -> None:
        """Time passes: grow, if all is well. To be called twice a second or so."""
        elapsed, self._grown = min(1.0, max(0.0, now - self._grown)), now
        if min(self._used.values(), default=now) < now - _USED_S:
            self._used = {ssrc: when for ssrc, when in self._used.items() if now - when < _USED_S}
        told = now - self._heard < _SILENT_S
        if not told or self._losses.verdict is not Verdict.FREE or self._trend.usage is not Usage.NORMAL:
            return
        carried, (met, when) = self._carried, self._met
        if now - when > _FORGET_S:
            met = inf
        if abs(carried - met) < _NEAR * met:
            self._carried = carried + _STEP * elapsed
        else:
            quick = carried < HEADROOM * self._sent.rate(now)
            self._carried = carried * (1 + (GROWTH if quick else CREEP)) ** elapsed
        self._settle()

    def _settle(self) -> None:
        ceiling = sum(self._ceilings.values()) or CEILING
        self._carried = min(self._carried, ceiling)
        self.bitrate = max(FLOOR, int(min(self._carried, self._remb)))


class _Meter:
    """How much there was lately."""

    __slots__ = ("_octets", "_parts", "_since")

    def __init__(self) -> None:
        self._parts: deque[tuple[float, int]] = deque()  # (when, octets) of a twentieth of a second each
        self._octets = 0
        self._since: float | None = None

    def add(self, octets: int, now: float) -> None:
        """So much, now."""
        parts = self._parts
        if parts and now - parts[-1][0] < _RATE_S / 10:
            parts[-1] = (parts[-1][0], parts[-1][1] + octets)
        else:
            parts.append((now, octets))
        self._octets += octets
        self._forget(now)

    def _forget(self, now: float) -> None:
        parts = self._parts
        while parts and now - parts[0][0] > _RATE_S:
            self._octets -= parts.popleft()[1]

    def rate(self, now: float) -> float:
        """[bit/s]"""
        self._forget(now)
        return self._octets * 8 / _RATE_S
