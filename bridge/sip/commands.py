"""What goes into the agent: what the transports saw, and what the floor above wants. `Wake` is the third kind.

A call is named by a string that is unique while the call lives: the agent's own for calls that come in
(`IncomingCall.call`), the caller's choice for calls that go out (`Invite.call`). A command for a call that has just
ended is ignored and counted ("command-late"): the two ends may always cross.
"""

from __future__ import annotations

from dataclasses import dataclass

from bridge.sip.flow import Flow


@dataclass(frozen=True, slots=True)
class Credentials:
    """What one realm knows us by (RFC 3261 section 22). Never sent to any other realm; never printed."""

    realm: str
    username: str
    password: str

    def __repr__(self) -> str:
        return f"Credentials({self.realm!r}, ***)"


@dataclass(frozen=True, slots=True)
class Hop:
    """Where a request goes first: `protocol` "udp", "tcp", "tls" or "" (ours to choose by size), host, port."""

    protocol: str
    host: str
    port: int


# -- from the transports ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """One datagram, or one framed message of a stream."""

    raw: bytes
    flow: Flow


@dataclass(frozen=True, slots=True)
class FlowLost:
    """A connection is closed; nothing can be sent on it any more."""

    flow: Flow


@dataclass(frozen=True, slots=True)
class Connected:
    """The `Connect` output numbered `ref` has succeeded and its bytes are sent: answers come in on `flow`."""

    ref: int
    flow: Flow


@dataclass(frozen=True, slots=True)
class ConnectFailed:
    """The `Connect` output numbered `ref` has failed: no name, no route, refused, TLS, not allowed."""

    ref: int
    why: str = ""


# -- from above: calls that came in ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ring:
    """Send 180. `reliable`: with PRACK if the caller knows it (RFC 3262); what the caller requires is done anyway."""

    call: str
    reliable: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """Send 183 (or another 101-199), with the answer to the caller's offer as early media where `sdp` is given."""

    call: str
    status: int = 183
    sdp: bytes | None = None
    reliable: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """Send 200 with `sdp`: the answer, or our offer if the INVITE had none. It is resent until the ACK comes."""

    call: str
    sdp: bytes


@dataclass(frozen=True, slots=True)
class Reject:
    """Refuse an unanswered call with a final status of 300 to 699. `reason`: the phrase, `retry_after` [s]."""

    call: str
    status: int
    retry_after: int | None = None
    reason: str | None = None


# -- from above: any call --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AnswerReinvite:
    """Answer a `Reinvited` or `UpdateReceived`: with `sdp` (200), or without (refused with `status`)."""

    call: str
    sdp: bytes | None = None
    status: int = 488


@dataclass(frozen=True, slots=True)
class Reinvite:
    """Offer a new session description to the other side (re-INVITE)."""

    call: str
    sdp: bytes


@dataclass(frozen=True, slots=True)
class SendInfo:
    """Send an INFO request with a body (RFC 6086 section 4: a legacy usage)."""

    call: str
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Bye:
    """End an answered call. `reason`: a whole Reason header value (RFC 3326), like 'SIP;cause=200;text="ended"'.

    An unanswered call is refused with 480 or cancelled instead.
    """

    call: str
    reason: str | None = None


# -- from above: calls that go out, trunks, life ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Invite:
    """Call `target` (a SIP URI). `sender`: the From value without tag. `credentials`: for this call's 401 or 407 only.

    The request goes out on `flow`, else to `hop`, else to where the URI points. `ring_s`: give up after that long.
    """

    call: str
    target: str
    sender: str
    sdp: bytes
    credentials: Credentials | None = None
    flow: Flow | None = None
    hop: Hop | None = None
    ring_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Cancel:
    """Give up a call that goes out and is not answered yet."""

    call: str


@dataclass(frozen=True, slots=True)
class Trunk:
    """A registrar that should know us. `address`: our address of record there; `expires_s`: asked for lifetime."""

    name: str
    registrar: str
    address: str
    credentials: Credentials | None = None
    hop: Hop | None = None
    expires_s: int = 3600


@dataclass(frozen=True, slots=True)
class Register:
    """Keep `trunk` registered until `Unregister`; a second one with the same name replaces the first."""

    trunk: Trunk


@dataclass(frozen=True, slots=True)
class Unregister:
    """Take the registration of the named trunk back (Expires: 0), and forget it."""

    trunk: str


@dataclass(frozen=True, slots=True)
class Drain:
    """Refuse new calls with 503 from now on. `retry_after_s` is told to the callers."""

    retry_after_s: int = 30


Input = (
    MessageReceived
    | FlowLost
    | Connected
    | ConnectFailed
    | Ring
    | Progress
    | Answer
    | Reject
    | AnswerReinvite
    | Reinvite
    | SendInfo
    | Bye
    | Invite
    | Cancel
    | Register
    | Unregister
    | Drain
)
