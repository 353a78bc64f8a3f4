"""The four transaction machines of RFC 3261 section 17, with the Accepted states of RFC 6026, as tables.

Strategy: a machine is a table (state, input) -> (next state, what to do). What is not in the table is ignored, which is
what the RFC asks for in each such place. A `Transaction` walks one table; it owns no clock and no wire: `feed` returns
what to do, and names the timers to start. `bridge.sip.layer` performs it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from bridge.sip.flow import Flow

MAGIC_COOKIE = "z9hG4bK"


@dataclass(frozen=True, slots=True)
class Timing:
    """The base values of RFC 3261 section 17.1.1.1 [s]."""

    t1: float = 0.5  # round trip
    t2: float = 4.0  # longest pause between two copies of a non-INVITE request or of a response
    t4: float = 5.0  # how long a message lives in the network
    c: float = 185.0  # how long a final response may come after a provisional one; over 3 minutes (16.6)


class State(Enum):
    """Where a transaction stands; the names of RFC 3261 section 17 and RFC 6026."""

    CALLING = "calling"
    TRYING = "trying"
    PROCEEDING = "proceeding"
    COMPLETED = "completed"
    CONFIRMED = "confirmed"
    ACCEPTED = "accepted"
    TERMINATED = "terminated"


class Input(Enum):
    """What happens to a transaction."""

    REQUEST = "copy of the request received"
    ACK = "ACK received"
    SEND_PROVISIONAL = "user sends 1xx"
    SEND_SUCCESS = "user sends 2xx"
    SEND_FAILURE = "user sends 300-699"
    PROVISIONAL = "1xx received"
    SUCCESS = "2xx received"
    FAILURE = "300-699 received"
    BROKEN = "transport failed"
    TIMER_A = "A"
    TIMER_B = "B"
    TIMER_C = "C"
    TIMER_D = "D"
    TIMER_E = "E"
    TIMER_F = "F"
    TIMER_G = "G"
    TIMER_H = "H"
    TIMER_I = "I"
    TIMER_J = "J"
    TIMER_K = "K"
    TIMER_L = "L"
    TIMER_M = "M"


class Do(Enum):
    """What the table asks for."""

    SEND = "send the given message and keep it for copies"
    RESEND = "send the kept message again"
    ACK = "send the ACK of a failure response"
    TELL = "hand the message to the user"
    TELL_TIMEOUT = "tell the user that nobody answered"
    TELL_BROKEN = "tell the user that the transport failed"


@dataclass(frozen=True, slots=True)
class Step:
    """One cell of a table: the next state, what to do in order, the timers to start.

    Timers of an earlier state are stopped by leaving it.
    """

    state: State
    do: tuple[Do, ...] = ()
    start: tuple[Input, ...] = ()


Table = dict[State, dict[Input, Step]]

_CALLING, _TRYING, _PROCEEDING = State.CALLING, State.TRYING, State.PROCEEDING
_COMPLETED, _CONFIRMED, _ACCEPTED, _TERMINATED = (
    State.COMPLETED,
    State.CONFIRMED,
    State.ACCEPTED,
    State.TERMINATED,
)
_TIMED_OUT = Step(_TERMINATED, (Do.TELL_TIMEOUT,))
_FAILED = Step(_TERMINATED, (Do.TELL_BROKEN,))
_GONE = Step(_TERMINATED)

# RFC 3261 figure 5 and RFC 6026 figure 5. Ours in Proceeding: a lost connection ends the transaction, and so does timer
# C, which the RFC gives to proxies only (section 16.6): without it a peer that says 100 and no more is kept for ever.
INVITE_CLIENT: Table = {
    _CALLING: {
        Input.TIMER_A: Step(_CALLING, (Do.RESEND,), (Input.TIMER_A,)),
        Input.TIMER_B: _TIMED_OUT,
        Input.BROKEN: _FAILED,
        Input.PROVISIONAL: Step(_PROCEEDING, (Do.TELL,), (Input.TIMER_C,)),
        Input.SUCCESS: Step(_ACCEPTED, (Do.TELL,), (Input.TIMER_M,)),
        Input.FAILURE: Step(_COMPLETED, (Do.ACK, Do.TELL), (Input.TIMER_D,)),
    },
    _PROCEEDING: {
        Input.PROVISIONAL: Step(_PROCEEDING, (Do.TELL,), (Input.TIMER_C,)),
        Input.TIMER_C: _TIMED_OUT,
        Input.SUCCESS: Step(_ACCEPTED, (Do.TELL,), (Input.TIMER_M,)),
        Input.FAILURE: Step(_COMPLETED, (Do.ACK, Do.TELL), (Input.TIMER_D,)),
        Input.BROKEN: _FAILED,
    },
    _COMPLETED: {
        Input.FAILURE: Step(_COMPLETED, (Do.ACK,)),
        Input.TIMER_D: _GONE,
        Input.BROKEN: _GONE,
    },
    _ACCEPTED: {
        Input.SUCCESS: Step(_ACCEPTED, (Do.TELL,)),
        Input.TIMER_M: _GONE,
        Input.BROKEN: _GONE,
    },
    _TERMINATED: {},
}

# RFC 3261 figure 6.
CLIENT: Table = {
    _TRYING: {
        Input.TIMER_E: Step(_TRYING, (Do.RESEND,), (Input.TIMER_E,)),
        Input.TIMER_F: _TIMED_OUT,
        Input.BROKEN: _FAILED,
        Input.PROVISIONAL: Step(_PROCEEDING, (Do.TELL,)),
        Input.SUCCESS: Step(_COMPLETED, (Do.TELL,), (Input.TIMER_K,)),
        Input.FAILURE: Step(_COMPLETED, (Do.TELL,), (Input.TIMER_K,)),
    },
    _PROCEEDING: {
        Input.TIMER_E: Step(_PROCEEDING, (Do.RESEND,), (Input.TIMER_E,)),
        Input.TIMER_F: _TIMED_OUT,
        Input.BROKEN: _FAILED,
        Input.PROVISIONAL: Step(_PROCEEDING, (Do.TELL,)),
        Input.SUCCESS: Step(_COMPLETED, (Do.TELL,), (Input.TIMER_K,)),
        Input.FAILURE: Step(_COMPLETED, (Do.TELL,), (Input.TIMER_K,)),
    },
    _COMPLETED: {Input.TIMER_K: _GONE, Input.BROKEN: _GONE},
    _TERMINATED: {},
}

# RFC 3261 figure 7 and RFC 6026 figure 7. As above, a lost connection ends it in Proceeding too.
INVITE_SERVER: Table = {
    _PROCEEDING: {
        Input.REQUEST: Step(_PROCEEDING, (Do.RESEND,)),
        Input.SEND_PROVISIONAL: Step(_PROCEEDING, (Do.SEND,)),
        Input.SEND_SUCCESS: Step(_ACCEPTED, (Do.SEND,), (Input.TIMER_L,)),
        Input.SEND_FAILURE: Step(_COMPLETED, (Do.SEND,), (Input.TIMER_G, Input.TIMER_H)),
        Input.BROKEN: _FAILED,
    },
    _COMPLETED: {
        Input.REQUEST: Step(_COMPLETED, (Do.RESEND,)),
        Input.TIMER_G: Step(_COMPLETED, (Do.RESEND,), (Input.TIMER_G,)),
        Input.TIMER_H: _TIMED_OUT,
        Input.ACK: Step(_CONFIRMED, (), (Input.TIMER_I,)),
        Input.BROKEN: _FAILED,
    },
    _CONFIRMED: {Input.TIMER_I: _GONE, Input.BROKEN: _GONE},
    _ACCEPTED: {
        Input.SEND_SUCCESS: Step(_ACCEPTED, (Do.SEND,)),
        Input.ACK: Step(_ACCEPTED, (Do.TELL,)),
        Input.TIMER_L: _GONE,
        Input.BROKEN: _GONE,
    },
    _TERMINATED: {},
}

# RFC 3261 figure 8.
SERVER: Table = {
    _TRYING: {
        Input.SEND_PROVISIONAL: Step(_PROCEEDING, (Do.SEND,)),
        Input.SEND_SUCCESS: Step(_COMPLETED, (Do.SEND,), (Input.TIMER_J,)),
        Input.SEND_FAILURE: Step(_COMPLETED, (Do.SEND,), (Input.TIMER_J,)),
        Input.BROKEN: _FAILED,
    },
    _PROCEEDING: {
        Input.REQUEST: Step(_PROCEEDING, (Do.RESEND,)),
        Input.SEND_PROVISIONAL: Step(_PROCEEDING, (Do.SEND,)),
        Input.SEND_SUCCESS: Step(_COMPLETED, (Do.SEND,), (Input.TIMER_J,)),
        Input.SEND_FAILURE: Step(_COMPLETED, (Do.SEND,), (Input.TIMER_J,)),
        Input.BROKEN: _FAILED,
    },
    _COMPLETED: {
        Input.REQUEST: Step(_COMPLETED, (Do.RESEND,)),
        Input.TIMER_J: _GONE,
        Input.BROKEN: _GONE,
    },
    _TERMINATED: {},
}

# Timers that only resend: a reliable transport does that itself.
_RESENDING = frozenset((Input.TIMER_A, Input.TIMER_E, Input.TIMER_G))
# Timers that absorb stray copies: with a reliable transport there are none, and they run out at once. J is among them;
# L and M are not (RFC 6026 section 8.7: forks and late copies come over any transport).
_ABSORBING = frozenset((Input.TIMER_D, Input.TIMER_I, Input.TIMER_J, Input.TIMER_K))


class Transaction:
    """One transaction: a table, the state in it, and the pauses between copies (all times in seconds).

    `key` identifies it in its table of transactions; `reliable` tells the transport's nature.
    """

    __slots__ = (
        "_pause",
        "_table",
        "_timing",
        "flow",
        "key",
        "method",
        "reliable",
        "running",
        "sent",
        "state",
    )

    def __init__(
        self, table: Table, key: Key, method: str, flow: Flow | None, reliable: bool, timing: Timing
    ) -> None:
        self.key = key
        self.method = method
        self.flow = flow
        self.reliable = reliable
        self.sent = b""
        self.state = next(iter(table))
        self.running: tuple[Input, ...] = ()
        self._table = table
        self._timing = timing
        self._pause = timing.t1

    def begin(self) -> list[tuple[Input, float]]:
        """The timers to start when a client transaction has sent its request: (timer, seconds)."""
        if self._table is INVITE_CLIENT:
            return self._start((Input.TIMER_A, Input.TIMER_B))
        return self._start((Input.TIMER_E, Input.TIMER_F))

    def feed(self, event: Input) -> tuple[tuple[Do, ...], list[tuple[Input, float]], tuple[Input, ...]]:
        """Take one input. Returns what to do, the timers to start as (timer, seconds), and the timers to stop.

        An input that the state does not know does nothing (RFC 3261 section 17 ignores each of them).
        """
        step = self._table[self.state].get(event)
        if step is None:
            return (), [], ()
        stop: tuple[Input, ...] = ()
        if step.state is not self.state:
            stop = self._leave(step.state)
        starting = self._start(step.start)
        if any(seconds == 0.0 for _, seconds in starting):
            # Absorbing timers of zero length: straight on to Terminated (RFC 3261 section 17.1.1.2 and others).
            self.state = State.TERMINATED
            stop, self.running = stop + self.running, ()
            starting = []
        return step.do, starting, stop

    def _leave(self, state: State) -> tuple[Input, ...]:
        """Change the state; returns the timers that end with the old one."""
        old, self.state = self.running, state
        self.running = ()
        if self._table is CLIENT and state is State.PROCEEDING:
            # E goes on, now at T2, and F still runs (RFC 3261 section 17.1.2.2).
            self._pause = self._timing.t2
            self.running = old
            return ()
        return old

    def _start(self, timers: tuple[Input, ...]) -> list[tuple[Input, float]]:
        starting = []
        for timer in timers:
            if timer in _RESENDING and self.reliable:
                continue
            starting.append((timer, self._seconds(timer)))
            if timer not in self.running:
                self.running += (timer,)
        return starting

    def _seconds(self, timer: Input) -> float:
        """How long a timer runs when it is started now (RFC 3261 table 4)."""
        timing = self._timing
        if timer in _RESENDING:
            pause = self._pause
            longest = float("inf") if timer is Input.TIMER_A else timing.t2
            self._pause = min(2 * pause, longest)
            return pause
        if timer in _ABSORBING and self.reliable:
            return 0.0
        if timer is Input.TIMER_C:
            return timing.c
        if timer in (Input.TIMER_I, Input.TIMER_K):
            return timing.t4
        return 64 * timing.t1


# A key is the branch with the sent-by of the top Via and the method, or what RFC 2543 peers give instead of a branch.
Key = tuple[str, ...]


def server_key(branch: str, sent_by: str, method: str, legacy: Key) -> Key:
    """The key of a received request (RFC 3261 section 17.2.3).

    `sent_by` is host:port of the top Via. An ACK belongs to the INVITE that it acknowledges. Without the magic cookie,
    or with nothing behind it, `legacy` identifies the request as RFC 2543 did: parts that all copies share.
    """
    method = "INVITE" if method == "ACK" else method
    if branch.startswith(MAGIC_COOKIE) and len(branch) > len(MAGIC_COOKIE):
        return (branch, sent_by.lower(), method)
    return ("", method, *legacy)


def client_key(branch: str, method: str) -> Key:
    """The key of a received response: our branch, and the method of CSeq (RFC 3261 section 17.1.3)."""
    return (branch, method)
