"""What comes out of the agent: bytes for the transports, and what the floor above is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from bridge.sip.flow import Flow
from bridge.sip.uri import NameAddr, Uri

# -- for the transports ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SendOn:
    """Send on a flow that exists."""

    flow: Flow
    data: bytes


@dataclass(frozen=True, slots=True)
class Connect:
    """Find or make a flow to a host (name or address) and send; answer with `Connected` or `ConnectFailed`."""

    ref: int
    protocol: str
    host: str
    port: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Drop:
    """Something was left unanswered. `name` is one of a fixed set, for the counters; `flow` is where it came from."""

    name: str
    flow: Flow | None = None


# -- for the floor above: a call that comes in -----------------------------------------------------------------


class Ending(Enum):
    """Why a call is over, and by whom."""

    BYE = "bye"  # the other side hung up
    CANCEL = "cancel"  # the caller gave up before the answer
    LOCAL = "local"  # we hung up, refused or cancelled
    NO_ACK = "no-ack"  # our 200 was never acknowledged
    NO_PRACK = "no-prack"  # our reliable provisional response was never acknowledged
    UNANSWERED = "unanswered"  # nobody above answered in time
    SESSION_EXPIRED = "session-expired"  # no refresh in time (RFC 4028)
    GONE = "gone"  # the other side no longer knows the dialog, or does not answer in it
    FLOW_LOST = "flow-lost"  # the connection broke before the call was set up


@dataclass(frozen=True, slots=True)
class IncomingCall:
    """Somebody calls. Answer with `Ring`, `Progress`, `Answer` or `Reject`; 100 is already sent.

    `dialled` is the Request-URI, `sender` the From value, `offer` the SDP or None (late offer: put ours in `Answer`).
    `endpoint` is the name of the configured peer that proved to be the sender, or None: a guest.
    `user_agent` is as written by the peer: never to be trusted or shown unescaped.
    """

    call: str
    dialled: Uri
    sender: NameAddr
    flow: Flow
    offer: bytes | None
    endpoint: str | None = None
    supported: frozenset[str] = frozenset()
    require: frozenset[str] = frozenset()
    user_agent: str = ""
    call_id: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class AckReceived:
    """Our 200 is acknowledged. `answer`: the SDP in the ACK (late offer), else None. Told for re-INVITEs too."""

    call: str
    answer: bytes | None


@dataclass(frozen=True, slots=True)
class Reinvited:
    """A re-INVITE; answer with `AnswerReinvite`. `offer` None: put our offer there."""

    call: str
    offer: bytes | None


@dataclass(frozen=True, slots=True)
class UpdateReceived:
    """An UPDATE with an offer; answer with `AnswerReinvite`."""

    call: str
    offer: bytes


@dataclass(frozen=True, slots=True)
class OfferAnswered:
    """Our `Reinvite`, or a refresh of the session, was answered with `sdp`."""

    call: str
    sdp: bytes


@dataclass(frozen=True, slots=True)
class OfferRefused:
    """Our `Reinvite` was refused; the session goes on as it was before."""

    call: str
    status: int


@dataclass(frozen=True, slots=True)
class DigitReceived:
    """A key by INFO: one of 0-9 * # A-D."""

    call: str
    digit: str
    duration_ms: int = 0


@dataclass(frozen=True, slots=True)
class PictureFastUpdate:
    """The other side wants a key frame (RFC 5168)."""

    call: str


@dataclass(frozen=True, slots=True)
class CallEnded:
    """The call is over; told exactly once for each `IncomingCall` and each `DialAnswered`, whoever ended it."""

    call: str
    why: Ending
    status: int = 0
    reason: str = ""


# -- for the floor above: a call that goes out, trunks ---------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DialProgress:
    """The called side sent 101-199; `sdp`: early media."""

    call: str
    status: int
    sdp: bytes | None = None


@dataclass(frozen=True, slots=True)
class DialAnswered:
    """The called side answered; the ACK is sent."""

    call: str
    sdp: bytes | None
    flow: Flow | None = None


@dataclass(frozen=True, slots=True)
class DialFailed:
    """The call came to nothing. `status`: the final response, 408 for none, 503 for no way, 487 if cancelled."""

    call: str
    status: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Registered:
    """The registrar knows us for `expires_s`; the refresh is ours to do. 0: taken back."""

    trunk: str
    expires_s: float


@dataclass(frozen=True, slots=True)
class RegistrationFailed:
    """The registrar refused or was silent (408) or cannot be reached (503); tried again in `retry_s` (None: never)."""

    trunk: str
    status: int
    retry_s: float | None


Output = (
    SendOn
    | Connect
    | Drop
    | IncomingCall
    | AckReceived
    | Reinvited
    | UpdateReceived
    | OfferAnswered
    | OfferRefused
    | DigitReceived
    | PictureFastUpdate
    | CallEnded
    | DialProgress
    | DialAnswered
    | DialFailed
    | Registered
    | RegistrationFailed
)
