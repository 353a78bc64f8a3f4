"""The peer's faults and the person's refusals: the only two kinds of "no" that are not our own bugs."""

from __future__ import annotations

from enum import Enum


class ProtocolError(Exception):
    """What a peer sent cannot be used.

    Parsers raise this and nothing else. `name` is the drop's name in the counters (kebab-case, from a fixed
    set in the code, never from the wire); `status` is the SIP status code that a request with this fault is
    answered with, where the protocol allows an answer.
    """

    def __init__(self, name: str, detail: str = "", status: int = 400) -> None:
        super().__init__(f"{name}: {detail}" if detail else name)
        self.name = name
        self.detail = detail
        self.status = status


class Reason(Enum):
    """Why a leg is refused or ends. How it sounds (status code, prompt) is each language's own table."""

    NORMAL = "normal"  # the caller hung up
    UNKNOWN_ROOM = "unknown-room"  # unknown, disabled or blocked: they look alike from outside
    NOT_ACCEPTABLE = "not-acceptable"  # no common codec or security
    BAD_PIN = "bad-pin"  # the last try failed
    NO_ANSWER = "no-answer"  # the PIN dialogue ran out of time
    FULL = "full"  # the room is at its limit
    DECLINED = "declined"  # a host said no, or nobody answered the knock
    HOST_ABSENT = "host-absent"  # the wait for the host ran out of time
    KICKED = "kicked"  # a host removed this one
    ENDED = "ended"  # a host, an operator or the rules of the room ended the conference
    TRANSFERRED = "transferred"  # a host sent this one to another room
    REPLACED = "replaced"  # the same person came back to this seat by another connection
    MEDIA_LOST = "media-lost"  # nothing was received for too long
    SIGNALLING_LOST = "signalling-lost"  # no ACK, session timer expired, transport gone
    OVERLOADED = "overloaded"  # admission control
    SHUTDOWN = "shutdown"  # the bridge stops
    FAULT = "fault"  # our own fault
