"""What feedback a peer wants of pictures: a=rtcp-fb (RFC 4585 section 4.2, RFC 5104, REMB, transport-cc).

Room systems name feedback inside plain RTP/AVP; it is taken at its word there, and said back, as RFC 8643 does with
encryption.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum

from bridge.sdp.description import Attribute

_EVERY = "*"


class Feedback(Enum):
    """One kind of feedback, as its line says it."""

    NACK = "nack"
    PLI = "nack pli"
    FIR = "ccm fir"
    TMMBR = "ccm tmmbr"
    REMB = "goog-remb"
    TRANSPORT = "transport-cc"


Wanted = dict[str, dict[Feedback, None]]
"""Payload type as text, or "*" -> the feedback wanted for it, in the order of the lines."""


def read_feedback(values: Iterable[str]) -> Wanted:
    """Read rtcp-fb lines; what is unknown is skipped. Some devices put two words of ccm on one line."""
    wanted: Wanted = {}
    for value in values:
        payload_type, *words = value.lower().split()[:6] or ("",)
        found = wanted.setdefault(payload_type, {})
        match words:
            case ["nack"]:
                found[Feedback.NACK] = None
            case ["nack", "pli", *_]:
                found[Feedback.PLI] = None
            case ["ccm", *kinds]:
                found |= {each: None for each in (Feedback.FIR, Feedback.TMMBR) if each.value[4:] in kinds}
            case ["goog-remb", *_]:
                found[Feedback.REMB] = None
            case ["transport-cc", *_]:
                found[Feedback.TRANSPORT] = None
            case _:
                pass
    return wanted


def feedback_for(wanted: Wanted, payload_type: int) -> frozenset[Feedback]:
    """Tell which feedback is wanted for one format."""
    return frozenset((*wanted.get(_EVERY, ()), *wanted.get(str(payload_type), ())))


def answered_feedback(
    wanted: Wanted, payload_types: Sequence[int], agreed: Iterable[Feedback]
) -> list[Attribute]:
    """Say agreed feedback back as it was said: for all formats at once, or for each."""
    kept = frozenset(agreed)
    lines: list[Attribute] = []
    for name in (_EVERY, *map(str, payload_types)):
        lines += [("rtcp-fb", f"{name} {each.value}") for each in wanted.get(name, ()) if each in kept]
    return lines


def offered_feedback(offered: Iterable[Feedback]) -> list[Attribute]:
    """Write the feedback of an offer, for all formats at once."""
    return [("rtcp-fb", f"{_EVERY} {each.value}") for each in offered]
