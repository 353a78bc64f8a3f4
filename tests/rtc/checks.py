"""Connectivity checks as another implementation writes them (aioice), and how it reads our answers."""

from __future__ import annotations

from typing import Any

from aioice import stun as other

from bridge.sdp.transport import Credentials, NegotiatedIce

OURS = Credentials("bridgeufrag", "a password of the bridge's own")
THEIRS = Credentials("peer", "a password of the peer's own..")
AGREED = NegotiatedIce(OURS, THEIRS)


def check(
    ours: Credentials = OURS,
    theirs: Credentials = THEIRS,
    *,
    nominate: bool = False,
    priority: int = 1_845_494_271,
    role: str = "ICE-CONTROLLING",
    password: str | None = None,
    fingerprint: bool = True,
    method: other.Method = other.Method.BINDING,
    kind: other.Class = other.Class.REQUEST,
    **more: Any,
) -> bytes:
    """One check of the peer's. `more`: attributes by name, "_" for "-"."""
    message = other.Message(message_method=method, message_class=kind)
    message.attributes["USERNAME"] = f"{ours.ufrag}:{theirs.ufrag}"
    message.attributes["PRIORITY"] = priority
    message.attributes[role] = 77
    if nominate:
        message.attributes["USE-CANDIDATE"] = None
    message.attributes.update({name.replace("_", "-"): value for name, value in more.items()})
    message.add_message_integrity((ours.password if password is None else password).encode())
    return bytes(message) if fingerprint else without_fingerprint(bytes(message))


def without_fingerprint(datagram: bytes) -> bytes:
    """The same message without its last attribute."""
    return datagram[:2] + (len(datagram) - 28).to_bytes(2, "big") + datagram[4:-8]


def read(answers: tuple[bytes, ...]) -> other.Message:
    """The one answer, as the other side reads it."""
    (answer,) = answers
    return other.parse_message(answer)
