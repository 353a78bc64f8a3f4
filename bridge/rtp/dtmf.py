"""Keys as telephone-events (RFC 4733 section 2): a digit is told once when received, and a proper train is sent.

Senders repeat one event in many packets with the same timestamp, and the end of it three times. Any of them may be
lost: the digit is told at the first end seen, when another event begins, or when nothing more comes.
"""

from __future__ import annotations

from collections import deque
from struct import Struct
from typing import Final

from bridge.errors import ProtocolError
from bridge.rtp.packet import RtpPacket

DIGITS: Final = "0123456789*#ABCD"
_EVENT = Struct("!BBH")
_END: Final = 0x80
_MAX_DURATION: Final = 0xFFFF

_TIMEOUT_S: Final = 0.15  # three updates of 50 ms missed (RFC 4733 section 2.5.2.1)
_DIGITS_PER_S: Final = 10.0  # no thumb and few dialling machines are faster; PIN guessing must not be
_BURST: Final = 10.0
_REORDERED: Final = 0x80000000


class DtmfReceiver:
    """The events of one peer. `refused`: digits beyond ten a second (after a burst of ten), dropped."""

    __slots__ = ("_ended", "_event", "_filled", "_segment", "_timestamp", "_tokens", "deadline", "refused")

    def __init__(self) -> None:
        self._event = -1  # the running event, -1 = none or told already
        self._timestamp = -1  # of the newest event, told or not
        self._segment = (-1, -1)  # event and timestamp with which a very long press goes on
        self._ended = False
        self._tokens = _BURST
        self._filled = 0.0
        self.refused = 0
        self.deadline: float | None = None  # when `expire` wants to be called [monotonic seconds]

    def push(self, packet: RtpPacket, now: float) -> str | None:
        """Take a packet of the negotiated type. Returns one digit that has ended, or None.

        Events over 15 are legal, but no digits. Raises ProtocolError("dtmf-length") for a payload that is no event.
        """
        payload = packet.payload
        if len(payload) < _EVENT.size or len(payload) & 3:
            raise ProtocolError("dtmf-length", f"{len(payload)} bytes")
        event, flags, duration = _EVENT.unpack_from(payload)
        if event >= len(DIGITS):
            return None
        timestamp = packet.timestamp
        digit = None
        if timestamp != self._timestamp:
            if (timestamp - self._timestamp) & 0xFFFFFFFF >= _REORDERED and self._timestamp >= 0:
                return None  # an old event's packet, overtaken
            if (event, timestamp) == self._segment and not packet.marker:
                if self._event < 0:  # told in a pause: it stays told
                    self._timestamp = timestamp
                    return None
            else:
                digit = self._tell(now)
                self._event = event
                self._ended = False
            self._timestamp = timestamp
        if self._event < 0:
            return None
        # RFC 4733 section 2.5.1.3: a press longer than the field can say goes on as another segment.
        if duration == _MAX_DURATION:
            self._segment = (event, (timestamp + _MAX_DURATION) & 0xFFFFFFFF)
        self._ended = self._ended or bool(flags & _END)
        if self._ended and digit is None:
            return self._tell(now)
        self.deadline = now if self._ended else now + _TIMEOUT_S
        return digit

    def expire(self, now: float) -> str | None:
        """The deadline has come: the digit whose end was lost, once."""
        if self.deadline is None or now < self.deadline:
            return None
        return self._tell(now)

    def _tell(self, now: float) -> str | None:
        """The running event's digit, if there is one and not too many have been told."""
        event, self._event = self._event, -1
        self.deadline = None
        if event < 0:
            return None
        self._tokens = min(_BURST, self._tokens + (now - self._filled) * _DIGITS_PER_S)
        self._filled = now
        if self._tokens < 1:
            self.refused += 1
            return None
        self._tokens -= 1
        return DIGITS[event]


_QUEUE: Final = 64  # digits waiting; beyond that a new one is refused
_TONE: Final = 4_800  # 100 ms at 48 kHz
_GAP: Final = 4_800
_ENDS: Final = 3
_VOLUME: Final = 10  # -10 dBm0


class DtmfSender:
    """Makes the event packets that take the sound's place while a key is down.

    `clock_rate` [Hz] is that of the negotiated telephone-event; durations are told in it.
    """

    __slots__ = (
        "_elapsed",
        "_ends",
        "_event",
        "_gap",
        "_started",
        "_timestamp",
        "_waiting",
        "clock_rate",
        "payload_type",
    )

    def __init__(self, payload_type: int, clock_rate: int = 8_000) -> None:
        self.payload_type = payload_type
        self.clock_rate = clock_rate
        self._waiting: deque[int] = deque()
        self._event = -1
        self._timestamp = 0
        self._elapsed = 0  # samples at 48 kHz since the key went down
        self._ends = 0
        self._gap = 0

    @property
    def active(self) -> bool:
        """Whether `next` has anything to send now or later."""
        return self._event >= 0 or bool(self._waiting)

    def press(self, digit: str) -> bool:
        """Queue a digit; False when it is none, or 64 wait already."""
        event = DIGITS.find(digit.upper()) if len(digit) == 1 else -1
        if event < 0 or len(self._waiting) >= _QUEUE:
            return False
        self._waiting.append(event)
        return True

    def next(self, timestamp: int, samples: int) -> tuple[bytes, bool, int] | None:
        """What to send for the next `samples` [48 kHz]: payload, marker, RTP timestamp; None = the sound itself.

        `timestamp`: RTP timestamp of that moment. The event keeps the one it began with (RFC 4733 section 2.1).
        """
        marker = False
        if self._event < 0:
            self._gap = max(0, self._gap - samples)
            if self._gap or not self._waiting:
                return None
            self._event = self._waiting.popleft()
            self._timestamp = timestamp
            self._elapsed = 0
            self._ends = 0
            marker = True
        timestamp = self._timestamp
        if not self._ends:
            self._elapsed += samples
        end = self._elapsed >= _TONE
        duration = min(_MAX_DURATION, self._elapsed * self.clock_rate // 48_000)
        payload = _EVENT.pack(self._event, _VOLUME | (_END if end else 0), duration)
        if end:
            self._ends += 1
            if self._ends == _ENDS:
                self._event = -1
                self._gap = _GAP
        return payload, marker, timestamp
