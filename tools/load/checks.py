"""The full end of ICE, as small as it can be against a lite one (RFC 8445): one address each, one path, nominated at
once; then a check now and again, which is the other end's proof that we still want its packets (RFC 7675)."""

from __future__ import annotations

from typing import Final

from bridge.rtc import stun
from bridge.rtc.stun import Attribute, Form
from bridge.sdp.transport import Credentials

KEEP_ALIVE_S: Final = 2.5
_REPEAT_S: Final = 0.05
_PRIORITY: Final = (0x6EFFFFFF).to_bytes(4, "big")  # of a peer-reflexive address (RFC 8445 section 7.1.1)
_TIE_BREAKER: Final = bytes(8)


class Checks:
    """The checks of one path. `passed`: whether one was answered. All times are monotonic seconds."""

    def __init__(self, local: Credentials, remote: Credentials, now: float) -> None:
        self.passed = False
        self.due = now
        self._password = remote.password.encode()
        self._transaction = b""
        self._attributes = (
            (int(Attribute.USERNAME), f"{remote.ufrag}:{local.ufrag}".encode()),
            (int(Attribute.PRIORITY), _PRIORITY),
            (int(Attribute.ICE_CONTROLLING), _TIE_BREAKER),
            (int(Attribute.USE_CANDIDATE), b""),
        )

    def request(self, now: float) -> bytes:
        """The check that is due."""
        self.due = now + (KEEP_ALIVE_S if self.passed else _REPEAT_S)
        self._transaction = stun.new_transaction()
        return stun.serialise(Form.REQUEST, self._transaction, self._attributes, self._password)

    def answered(self, datagram: bytes, now: float) -> None:
        """An answer to a check. Raises ProtocolError for what is none."""
        answer = stun.parse(datagram)
        if answer.form is Form.SUCCESS and answer.is_proven_by(self._password) and not self.passed:
            self.passed = True
            self.due = now + KEEP_ALIVE_S
