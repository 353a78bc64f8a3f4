"""How the reasons for which a leg ends sound in SIP, and what SIP's endings mean as reasons: the one pair of tables."""

from __future__ import annotations

from typing import Final

from bridge.errors import Reason
from bridge.sip.events import Ending

STATUS: Final = {
    Reason.NORMAL: 480,
    Reason.UNKNOWN_ROOM: 404,
    Reason.NOT_ACCEPTABLE: 488,
    Reason.BAD_PIN: 403,
    Reason.NO_ANSWER: 408,
    Reason.FULL: 486,
    Reason.DECLINED: 603,
    Reason.HOST_ABSENT: 480,
    Reason.KICKED: 403,
    Reason.ENDED: 480,
    Reason.TRANSFERRED: 480,
    Reason.REPLACED: 480,
    Reason.MEDIA_LOST: 480,
    Reason.SIGNALLING_LOST: 480,
    Reason.OVERLOADED: 503,
    Reason.SHUTDOWN: 503,
    Reason.FAULT: 500,
}
"""The status of a refusal, and the cause in the Reason header of a BYE (RFC 3326)."""

ENDINGS: Final = {
    Ending.BYE: Reason.NORMAL,
    Ending.CANCEL: Reason.NORMAL,
    Ending.NO_ACK: Reason.SIGNALLING_LOST,
    Ending.NO_PRACK: Reason.SIGNALLING_LOST,
    Ending.UNANSWERED: Reason.FAULT,
    Ending.SESSION_EXPIRED: Reason.SIGNALLING_LOST,
    Ending.GONE: Reason.SIGNALLING_LOST,
    Ending.FLOW_LOST: Reason.SIGNALLING_LOST,
}
"""Why a call is over that we did not end ourselves."""


def of_refusal(status: int) -> Reason:
    """Why a call of ours came to nothing, by the final response to its INVITE."""
    return Reason.NO_ANSWER if status in (408, 480, 487) else Reason.DECLINED
