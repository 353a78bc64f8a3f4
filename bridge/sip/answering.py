"""One INVITE that we serve, from its arrival to its ACK: first ones and re-INVITEs alike.

Provisional responses, reliable where asked (RFC 3262); the 2xx, resent until the ACK comes (RFC 3261 section 13.3.1.4).
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

from bridge.errors import ProtocolError
from bridge.sip.capabilities import ALLOW, SUPPORTED, Pairs
from bridge.sip.events import Ending
from bridge.sip.exchange import ServerTransaction
from bridge.sip.grammar import number
from bridge.sip.layer import Layer
from bridge.sip.message import Request

# Provisional responses that wait for a PRACK; the oldest ones are dropped: only the last state matters.
_MOST_QUEUED = 4
_HIGHEST = 2**31


class AnsweringUser(Protocol):
    """Whose INVITE it is."""

    def on_unacknowledged(self, answering: Answering, why: Ending) -> None:
        """The ACK (or PRACK) never came."""
        ...


class Answering:
    """What we owe to one INVITE. `late`: it had no offer, so that ours goes into the 2xx."""

    def __init__(
        self, layer: Layer, user: AnsweringUser, transaction: ServerTransaction, contact: str, late: bool
    ) -> None:
        self._layer = layer
        self._user = user
        self.transaction = transaction
        self.request: Request = transaction.request
        self.late = late
        self.pending = True  # no final response yet
        self.waiting = False  # 2xx sent, no ACK yet
        self._contact = contact
        self._data = b""
        self._pause = layer.settings.timing.t1
        self._rseq = 0
        self._unacknowledged = 0  # RSeq of the reliable response on its way, 0 = none
        self._described = False  # it carries SDP: the 2xx has to wait for its PRACK
        self._queue: deque[tuple[int, bytes | None]] = deque(maxlen=_MOST_QUEUED)
        self._held: tuple[bytes, Pairs] | None = None

    @property
    def number(self) -> int:
        """The CSeq number of the INVITE."""
        return self.request.cseq.number

    def trying(self) -> None:
        """Send 100 at once (RFC 3261 section 17.2.1)."""
        self._layer.respond(self.transaction, self.request.reply(100))

    def progress(self, status: int, sdp: bytes | None, reliable: bool) -> None:
        """Send a provisional response above 100; with late offers without SDP, for that would be an offer."""
        if not self.pending or self._held is not None:
            return
        sdp = None if self.late else sdp
        if "100rel" not in self.request.require and not (reliable and "100rel" in self.request.supported):
            self._send_progress(status, sdp, [])
        elif self._unacknowledged:
            self._queue.append((status, sdp))
        else:
            self._send_reliably(status, sdp)

    def _send_progress(self, status: int, sdp: bytes | None, headers: Pairs) -> None:
        pairs = [("Contact", self._contact), ALLOW, *headers]
        response = self.request.reply(status, None, self.transaction.to_tag, pairs, sdp or b"")
        self._layer.respond(self.transaction, response)

    def _send_reliably(self, status: int, sdp: bytes | None) -> None:
        self._rseq = self._rseq + 1 if self._rseq else 1 + int(self._layer.chance() * 1000)
        self._unacknowledged = self._rseq
        self._described = sdp is not None
        self._send_progress(status, sdp, [("Require", "100rel"), ("RSeq", str(self._rseq))])
        timing = self._layer.settings.timing
        self._data, self._pause = self.transaction.sent, timing.t1
        self._layer.set_timer(self, "resend", timing.t1)
        self._layer.set_timer(self, "give-up", 64 * timing.t1)

    def acknowledge_progress(self, prack: Request) -> bool:
        """Take a PRACK; False if it is for nothing that we sent (RFC 3262 section 3: answer 481)."""
        words = (prack.headers.get("RAck") or "").split()
        if len(words) != 3 or not self._unacknowledged:
            return False
        try:
            rseq, cseq = number(words[0], _HIGHEST, "rack"), number(words[1], 2**32 - 1, "rack")
        except ProtocolError:
            return False
        if (rseq, cseq, words[2]) != (self._unacknowledged, self.number, "INVITE"):
            return False
        self._unacknowledged = 0
        self._stop()
        if self._held is not None:
            held, self._held = self._held, None
            self.accept(*held)
        elif self._queue:
            self._send_reliably(*self._queue.popleft())
        return True

    def accept(self, sdp: bytes, headers: Pairs) -> None:
        """Send 200, now or, with SDP on its way in a reliable response, after its PRACK (RFC 3262 section 3)."""
        if self._unacknowledged and self._described:
            self._held = (sdp, headers)
            return
        self._stop()
        self._queue.clear()
        self._unacknowledged = 0
        self.pending, self.waiting = False, True
        pairs = [("Contact", self._contact), ALLOW, SUPPORTED, *headers]
        response = self.request.reply(200, None, self.transaction.to_tag, pairs, sdp)
        self._layer.respond(self.transaction, response)
        timing = self._layer.settings.timing
        self._data, self._pause = self.transaction.sent, timing.t1
        self._layer.set_timer(self, "resend", timing.t1)
        self._layer.set_timer(self, "give-up", 64 * timing.t1)

    def refuse(self, status: int, headers: Pairs, phrase: str | None = None) -> None:
        """Send a final response of 300 to 699; its ACK is the transaction's business."""
        if not self.pending:
            return
        self._stop()
        self.pending, self._held = False, None
        response = self.request.reply(status, phrase, self.transaction.to_tag, headers)
        self._layer.respond(self.transaction, response)

    def acknowledged(self) -> bool:
        """Take an ACK for the 2xx; False if it is a copy."""
        if not self.waiting:
            return False
        self.waiting = False
        self._stop()
        self._layer.spend(self.transaction)
        return True

    def abandon(self) -> None:
        """The call is over: send nothing again; an INVITE without a final response gets 487."""
        self.refuse(487, [])
        self._stop()
        self.waiting = False

    def on_timer(self, name: str) -> None:
        """Send a copy, or give up."""
        if name == "resend":
            self._layer.repeat(self.transaction, self._data)
            self._pause = 2 * self._pause
            if self.waiting:
                self._pause = min(self._pause, self._layer.settings.timing.t2)
            self._layer.set_timer(self, "resend", self._pause)
            return
        self._stop()
        if self.waiting:
            self.waiting = False
            self._user.on_unacknowledged(self, Ending.NO_ACK)
        elif self.pending:
            self.refuse(504, [])
            self._user.on_unacknowledged(self, Ending.NO_PRACK)

    def _stop(self) -> None:
        self._layer.cancel_timer(self, "resend")
        self._layer.cancel_timer(self, "give-up")
