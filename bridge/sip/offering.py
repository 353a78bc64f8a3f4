"""What we offer in a call that is up: re-INVITE, UPDATE, the refresh of the session, and their answers.

One at a time (RFC 3261 section 14.1); what collides with the other side's is tried again after the pauses of the RFC.
"""

from __future__ import annotations

from typing import Protocol

from bridge.errors import ProtocolError
from bridge.sip.capabilities import (
    ALLOW,
    SDP,
    SUPPORTED_INSIDE,
    Pairs,
    RefusalError,
    session_description,
)
from bridge.sip.dialog import Dialog
from bridge.sip.events import OfferAnswered, OfferRefused, Output
from bridge.sip.exchange import ClientTransaction, ClientUser
from bridge.sip.layer import Layer
from bridge.sip.message import Message, Request, Response
from bridge.sip.session_timer import SessionTimer

_MOST_RETRIES = 3
_MOST_ACKS = 4  # of the oldest beyond, a copy would come minutes late
GONE = (408, 481)  # these end the whole dialog, whatever the request was (RFC 3261 section 12.2.1.2)


def credentials(request: Request) -> Pairs:
    """The header lines by which a request of ours proves who we are."""
    names = ("Authorization", "Proxy-Authorization")
    return [(name, value) for name, value in request.headers.items() if name in names]


class OfferingUser(Protocol):
    """The call that offers."""

    name: str

    def is_busy(self) -> bool:
        """Whether an offer of the other side is being answered, or an ACK is missing that should answer ours."""
        ...

    def tell(self, event: Output) -> None:
        """Hand an event up."""
        ...

    def lose(self, status: int) -> None:
        """The other side does not know the dialog (481), or does not answer in it (408)."""
        ...


class Offering:
    """Our side of offer and answer in one call. `ours` and `theirs` are the newest descriptions."""

    def __init__(
        self,
        layer: Layer,
        user: OfferingUser,
        dialog: Dialog,
        session: SessionTimer,
        first: Message,
        caller: bool,
    ) -> None:
        self._layer = layer
        self._user = user
        self._dialog = dialog
        self._session = session
        self._caller = caller  # whether the Call-ID is ours
        self._updates = "UPDATE" in first.allow
        self.ours = b""
        self.theirs = b""
        self._under_way: ClientTransaction | None = None
        self._refreshing = False  # what is under way is a refresh only
        self._wanted = False  # an offer waits to be sent
        self._retries = 0
        self._over = False
        self._acks: dict[int, bytes] = {}  # the ACKs of the last 2xx, by CSeq number: for copies of these

    @property
    def is_pending(self) -> bool:
        """Whether an offer or refresh of ours is on its way."""
        return self._under_way is not None

    def offer(self, sdp: bytes) -> None:
        """Send a re-INVITE, or have it sent when nothing else is on its way; a newer offer replaces a waiting one."""
        self.ours = sdp
        self._retries = 0
        if self.is_pending or self._user.is_busy():
            self._wanted = True
            self._layer.set_timer(self, "retry", self._pause())
            return
        self._send_offer("INVITE", sdp)

    def refresh(self) -> None:
        """Refresh the session, by UPDATE where the other side knows it (RFC 4028 section 7.4)."""
        if self.is_pending or self._user.is_busy():
            self._session.retry(2.0)
            return
        self._retries = 0
        self._send_refresh()

    def stop(self) -> None:
        """The call is over: answer 2xx copies with ACK, nothing else."""
        self._over = True
        self._layer.cancel_timer(self, "retry")

    def send(
        self, method: str, headers: Pairs, body: bytes, kind: str, user: ClientUser
    ) -> ClientTransaction | None:
        """Send any request in the dialog; None if its target cannot be used."""
        try:
            request = self._dialog.request(method, headers=headers)
            flow, hop = self._dialog.next_hop()
        except ProtocolError:
            self._layer.drop("target")
            return None
        if body:
            request.headers.add("Content-Type", kind)
            request.body = body
        return self._layer.send(request, user, flow, hop)

    def acknowledge(self, transaction: ClientTransaction, response: Response) -> None:
        """Send the ACK of a 2xx to an INVITE of ours, the same again for a copy (RFC 3261 section 13.2.2.4)."""
        number = transaction.request.cseq.number
        try:
            if number in self._acks:
                self._layer.send_again(self._acks[number], *self._dialog.next_hop())
                return
            self._dialog.refresh_target(response)
            # With the credentials of its INVITE (RFC 3261 section 13.2.2.4).
            ack = self._dialog.request("ACK", number=number, headers=credentials(transaction.request))
            self._acks[number] = self._layer.send_ack(ack, *self._dialog.next_hop())
            if len(self._acks) > _MOST_ACKS:
                del self._acks[min(self._acks)]
        except ProtocolError:
            self._layer.drop("target")

    def on_response(self, transaction: ClientTransaction, response: Response) -> None:
        """A response to our re-INVITE or UPDATE (RFC 3261 section 14.1, RFC 3311 section 5.1)."""
        status = response.status
        if transaction.method == "INVITE" and 200 <= status < 300:
            self.acknowledge(transaction, response)
        if status < 200 or transaction is not self._under_way:
            return
        self._under_way = None
        if self._over:
            return
        if status < 300:
            self._settle(transaction, response)
        elif status in GONE:
            self._user.lose(status)
        elif (
            self._retries < _MOST_RETRIES
            and (pause := self._worth_a_retry(transaction, response)) is not None
        ):
            self._retries += 1
            self._wanted = self._wanted or not self._refreshing
            self._layer.set_timer(self, "retry", pause)
        elif not self._refreshing:
            self._user.tell(OfferRefused(self._user.name, status))

    def _worth_a_retry(self, transaction: ClientTransaction, response: Response) -> float | None:
        """After how many seconds to try again, None if it is of no use."""
        status = response.status
        if status in (491, 500, 503):
            return self._pause()
        if status == 422:
            try:
                return 0.0 if self._session.raise_least(response) else None
            except ProtocolError:
                return None
        if transaction.method == "UPDATE" and status in (405, 501) and self.ours:
            self._updates = False
            return 0.0
        return None

    def on_silence(self, transaction: ClientTransaction, status: int) -> None:
        """No response: the other side is gone (408), or the connection is (503)."""
        if transaction is not self._under_way:
            return
        self._under_way = None
        if self._over:
            return
        if status == 408:
            self._user.lose(status)
        elif self._refreshing:
            self._session.retry(10.0)
        else:
            self._user.tell(OfferRefused(self._user.name, status))

    def on_timer(self, name: str) -> None:
        """Try again."""
        if self.is_pending or self._user.is_busy():
            self._layer.set_timer(self, "retry", self._pause())
        elif self._wanted:
            self._send_offer("INVITE", self.ours)
        else:
            self._send_refresh()

    def _settle(self, transaction: ClientTransaction, response: Response) -> None:
        self._retries = 0
        self._session.settle(response)
        try:
            if transaction.method == "UPDATE":
                self._dialog.refresh_target(response)
            answer = session_description(response)
        except (ProtocolError, RefusalError):
            answer = None
        if answer is not None and (not self._refreshing or answer != self.theirs):
            self.theirs = answer
            self._user.tell(OfferAnswered(self._user.name, answer))

    def _send_refresh(self) -> None:
        if self._updates or not self.ours:
            self._send_offer("UPDATE", b"", refresh=True)
        else:
            self._send_offer("INVITE", self.ours, refresh=True)

    def _send_offer(self, method: str, sdp: bytes, refresh: bool = False) -> None:
        self._refreshing = refresh
        self._wanted = self._wanted and refresh
        pairs = [("Contact", self._dialog.contact), ALLOW, SUPPORTED_INSIDE]
        if self._session.interval_s:
            pairs += self._session.proposal()
        self._under_way = self.send(method, pairs, sdp, SDP, self)

    def _pause(self) -> float:
        """How long to wait after a 491: longer for him who owns the Call-ID (RFC 3261 section 14.1)."""
        chance = self._layer.chance()
        return 2.1 + 1.9 * chance if self._caller else 2.0 * chance
