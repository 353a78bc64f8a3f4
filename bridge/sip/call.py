"""One call that has a dialog: what the other side does in it, and how it ends (RFC 3261 sections 12 to 15).

Calls that come in live here from their INVITE on; calls that go out from their first 2xx on (`bridge.sip.dial`).
What we offer ourselves is in `bridge.sip.offering`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from bridge.bucket import Bucket
from bridge.errors import ProtocolError
from bridge.sip.answering import Answering
from bridge.sip.calls import Calls
from bridge.sip.capabilities import (
    ACCEPT,
    ALLOW,
    SDP,
    SUPPORTED,
    Pairs,
    RefusalError,
    check_coding,
    check_required,
    session_description,
)
from bridge.sip.dialog import Dialog
from bridge.sip.events import (
    AckReceived,
    CallEnded,
    Ending,
    Output,
    Reinvited,
    UpdateReceived,
)
from bridge.sip.exchange import ClientTransaction, ServerTransaction
from bridge.sip.flow import Flow
from bridge.sip.keys import read_info
from bridge.sip.layer import Layer
from bridge.sip.message import Message, Request, Response
from bridge.sip.offering import GONE, Offering
from bridge.sip.session_timer import SessionTimer, check_interval

# What is answered to an INFO that will not be understood the next time either.
_UNKNOWN_INFO: Final = (405, 415, 420, 469, 501)


class Call:
    """One call. `caller`: whether we made it; `first`: the message that made the dialog."""

    def __init__(
        self, layer: Layer, calls: Calls, name: str, dialog: Dialog, first: Message, caller: bool
    ) -> None:
        self._layer = layer
        self._calls = calls
        self.name = name
        self.dialog = dialog
        self.session = SessionTimer(layer, self)
        self._offering = Offering(layer, self, dialog, self.session, first, caller)
        self._answered = caller
        self._told = False  # CallEnded
        self._over = False
        self._leaving: Pairs | None = None  # BYE waits for the ACK (RFC 3261 section 15)
        self._serving: Answering | None = None  # the INVITE that nobody above has answered yet
        # Content types of INFO that the other side has refused; those that we send are few.
        self._unknown: set[str] = set()
        self._unacknowledged: dict[int, Answering] = {}  # those answered, without ACK, by CSeq number
        self._update: ServerTransaction | None = None  # the UPDATE that nobody above has answered yet
        settings = layer.settings
        self._offers = Bucket(settings.reinvites_per_s, settings.reinvites_per_s, layer.now)
        self._digits = Bucket(settings.digits_per_s, settings.digits_burst, layer.now)
        calls.named[name] = self
        calls.dialogs[dialog.id] = self

    # -- the beginning

    def serve(self, answering: Answering, offer: bytes | None) -> None:
        """Take the INVITE that began the call."""
        self._serving = answering
        self._offering.theirs = offer or b""

    def begin(self, ours: bytes, theirs: bytes, response: Response) -> None:
        """Take the descriptions and the 2xx of a call that we made."""
        self._offering.ours, self._offering.theirs = ours, theirs
        self.session.settle(response)

    def acknowledge(self, transaction: ClientTransaction, response: Response) -> None:
        """Send the ACK of the 2xx to the INVITE that made this call, again for each copy."""
        self._offering.acknowledge(transaction, response)

    def drop_fork(self) -> None:
        """End a dialog that nobody above knows of: another branch of a fork, or answered after our CANCEL."""
        self._told = True
        self._send_bye([])
        self._finish(Ending.LOCAL)

    # -- commands

    def progress(self, status: int, sdp: bytes | None, reliable: bool) -> None:
        """Send 101 to 199 for the first INVITE."""
        if self._serving is None or self._answered:
            self._layer.drop("command-late")
            return
        self._serving.progress(status, sdp, reliable)

    def answer(self, sdp: bytes) -> None:
        """Answer the INVITE or UPDATE that waits for it."""
        if self._update is not None:
            self._offering.ours = sdp
            transaction, self._update = self._update, None
            self._accept_update(transaction, sdp)
            return
        serving, self._serving = self._serving, None
        if serving is None:
            self._layer.drop("command-late")
            return
        self._stop_ringing()
        self._answered = True
        self._offering.ours = sdp
        self._unacknowledged[serving.number] = serving
        serving.accept(sdp, self.session.answer(serving.request))
        self._take_target(serving.request)

    def reject(self, status: int, retry_after: int | None = None, phrase: str | None = None) -> None:
        """Refuse the INVITE or UPDATE that waits; refusing the first INVITE ends the call."""
        status = status if 300 <= status <= 699 else 500
        headers = [] if retry_after is None else [("Retry-After", str(retry_after))]
        if self._update is not None:
            self._layer.cancel_timer(self, "update")
            transaction, self._update = self._update, None
            self._reply(transaction, status, headers)
            return
        serving, self._serving = self._serving, None
        if serving is None:
            self._layer.drop("command-late")
            return
        serving.refuse(status, headers, phrase)
        if not self._answered:
            self._finish(Ending.LOCAL, status)

    def offer(self, sdp: bytes) -> None:
        """Offer a new description to the other side."""
        if not self._answered or self._over or self._leaving is not None:
            self._layer.drop("command-late")
            return
        self._offering.offer(sdp)

    def send_info(self, content_type: str, body: bytes) -> None:
        """Send an INFO, unless the other side has refused one of this kind before."""
        if content_type in self._unknown:
            return
        if not self._answered or self._over or self._leaving is not None:
            self._layer.drop("command-late")
            return
        self._offering.send("INFO", [], body, content_type, self)

    def hang_up(self, reason: str | None = None) -> None:
        """End the call: BYE once its INVITE is acknowledged, or a refusal before it is answered."""
        held = [each for each in self._unacknowledged.values() if each.pending]
        if not self._answered:
            self.reject(480)
        elif held:
            # The 200 waits for a PRACK: nothing is answered on the wire, so it can still be refused.
            held[0].refuse(480, [])
            self._finish(Ending.LOCAL, 480)
        elif self._leaving is not None:
            self._layer.drop("command-late")
        elif self._unacknowledged:
            # RFC 3261 section 15: not before the ACK, or its time-out.
            self._leaving = [("Reason", reason)] if reason else []
            self._tell_end(Ending.LOCAL)
        else:
            self._send_bye([("Reason", reason)] if reason else [])
            self._finish(Ending.LOCAL)

    def cancelled(self, transaction: ServerTransaction) -> None:
        """The caller gave the INVITE up (CANCEL); too late if it has its 200."""
        held = [each for each in self._unacknowledged.values() if each.pending]
        for answering in [self._serving, *held]:
            if answering is None or answering.transaction is not transaction:
                continue
            answering.refuse(487, [])
            self._unacknowledged.pop(answering.number, None)
            first = self._serving is None or not self._answered
            self._serving = None
            if first:
                self._finish(Ending.CANCEL, 487)

    # -- requests in the dialog

    def receive(self, transaction: ServerTransaction) -> None:
        """Serve a request in the dialog. Out of order: 500 (RFC 3261 section 12.2.2)."""
        request = transaction.request
        try:
            if not self.dialog.in_order(request):
                raise RefusalError(500)
            if self._leaving is not None and request.method not in ("BYE", "PRACK"):
                raise RefusalError(481)
            check_required(request)
            self.dialog.heard(request, transaction.origin)
            _SERVE.get(request.method, Call._serve_other)(self, transaction)
        except RefusalError as refusal:
            self._reply(transaction, refusal.status, list(refusal.headers))
        except ProtocolError as error:
            self._reply(transaction, error.status, [])

    def receive_ack(self, ack: Request, flow: Flow) -> None:
        """The ACK of a 2xx of ours; its copies are counted."""
        self.dialog.heard(ack, flow)
        answering = self._unacknowledged.get(ack.cseq.number)
        if answering is None or not answering.acknowledged():
            self._layer.drop("ack-copy")
            return
        del self._unacknowledged[answering.number]
        if self._leaving is not None:
            if not self._unacknowledged:
                self._send_bye(self._leaving)
                self._finish(Ending.LOCAL)
            return
        description = None
        if answering.late:
            try:
                description = session_description(ack)
            except (ProtocolError, RefusalError):
                self._layer.drop("ack-body")
        self._offering.theirs = description or self._offering.theirs
        self.tell(AckReceived(self.name, description))

    def _serve_invite(self, transaction: ServerTransaction) -> None:
        """A re-INVITE: one at a time, none across ours, no more than the limit (RFC 3261 section 14.2)."""
        request = transaction.request
        if self._serving is not None:
            raise self._later()
        self._check_glare()
        check_coding(request)
        check_interval(request, self._layer.settings.min_se_s)
        offer = session_description(request)
        transaction.to_tag = self.dialog.local_tag
        contact = self.dialog.contact
        self._serving = Answering(self._layer, self, transaction, contact, late=offer is None)
        self._serving.trying()
        self._offering.theirs = offer or self._offering.theirs
        self.tell(Reinvited(self.name, offer))

    def _serve_update(self, transaction: ServerTransaction) -> None:
        """UPDATE (RFC 3311 section 5.2): a refresh without, an offer with a body."""
        request = transaction.request
        check_coding(request)
        check_interval(request, self._layer.settings.min_se_s)
        offer = session_description(request)
        if offer is None:
            self._accept_update(transaction, b"")
            return
        if self._update is not None or (self._serving is not None and not self._serving.late):
            raise self._later()
        self._check_glare()
        self._update = transaction
        self._offering.theirs = offer
        self._layer.set_timer(self, "update", 32 * self._layer.settings.timing.t1)
        self.tell(UpdateReceived(self.name, offer))

    def _later(self) -> RefusalError:
        """Another offer is being answered: 500 with a random pause (RFC 3261 section 14.2)."""
        return RefusalError(500, ("Retry-After", str(int(self._layer.chance() * 10))))

    def _check_glare(self) -> None:
        """Raise RefusalError 491 where an offer of ours is open, and where the other side offers too often.

        491 and not 503 for too many: every phone knows to wait a moment and try again, and keeps the call.
        """
        ours = any(each.late for each in self._unacknowledged.values())
        if ours or self._offering.is_pending or self._update is not None or self._serving is not None:
            raise RefusalError(491)
        if not self._offers.take(self._layer.now):
            raise RefusalError(491)

    def _accept_update(self, transaction: ServerTransaction, sdp: bytes) -> None:
        self._layer.cancel_timer(self, "update")
        pairs = [("Contact", self.dialog.contact), ALLOW, SUPPORTED]
        if self._answered:
            pairs += self.session.answer(transaction.request)
        self._take_target(transaction.request)
        self._reply(transaction, 200, pairs, sdp)

    def _serve_info(self, transaction: ServerTransaction) -> None:
        """INFO: keys, and the wish for a key frame."""
        request = transaction.request
        if not self._digits.take(self._layer.now):
            raise RefusalError(503, ("Retry-After", "1"))
        event = read_info(self.name, request)
        self._reply(transaction, 200, [])
        if event is not None:
            self.tell(event)

    def _serve_bye(self, transaction: ServerTransaction) -> None:
        reason = transaction.request.headers.get("Reason") or ""
        self._reply(transaction, 200, [])
        self._finish(Ending.BYE, 0, reason)

    def _serve_prack(self, transaction: ServerTransaction) -> None:
        """PRACK (RFC 3262 section 3). An offer in it would be a second one while the first is open: 488."""
        asked = [self._serving, *self._unacknowledged.values()]
        if not any(
            each is not None and each.pending and each.acknowledge_progress(transaction.request)
            for each in asked
        ):
            raise RefusalError(481)
        self._reply(transaction, 488 if transaction.request.body else 200, [])

    def _serve_options(self, transaction: ServerTransaction) -> None:
        self._reply(transaction, 200, [ALLOW, SUPPORTED, ACCEPT])

    def _serve_other(self, transaction: ServerTransaction) -> None:
        match transaction.method:
            case "REFER":
                raise RefusalError(603)
            case "NOTIFY":
                raise RefusalError(481)
            case "SUBSCRIBE" | "PUBLISH":
                raise RefusalError(489)
            case _:
                raise RefusalError(405, ALLOW)

    # -- time, and what our own requests meet

    def on_refresh_due(self) -> None:
        """Half of the session's time is over."""
        self._offering.refresh()

    def on_session_expired(self) -> None:
        """Nobody refreshed: BYE (RFC 4028 section 10)."""
        self._send_bye([("Reason", 'SIP;cause=408;text="session expired"')])
        self._finish(Ending.SESSION_EXPIRED)

    def on_timer(self, name: str) -> None:
        """Nobody above answered the UPDATE or the call, or not before the caller's own limit (RFC 3261 13.3.1)."""
        if name == "update":
            self.reject(500)
        elif self._serving is not None and not self._answered:
            status = 487 if name == "expires" else 480
            self._serving.refuse(status, [])
            self._finish(Ending.UNANSWERED, status)

    def on_unacknowledged(self, answering: Answering, why: Ending) -> None:
        """Our 2xx (or reliable 1xx) was never acknowledged; the dialog of a 2xx is up, so BYE (13.3.1.4)."""
        self._unacknowledged.pop(answering.number, None)
        if self._serving is answering:
            self._serving = None
        if why is Ending.NO_ACK:
            self._send_bye(self._leaving or [("Reason", 'SIP;cause=408;text="no ACK"')])
        self._finish(why)

    def on_ack(self, transaction: ServerTransaction, ack: Request) -> None:
        """An ACK with the branch of its INVITE: a peer of RFC 2543."""
        self.receive_ack(ack, transaction.origin)

    def on_unsent(self, transaction: ServerTransaction) -> None:
        """The connection broke before the INVITE was answered; an unacknowledged refusal has ended the call already."""
        if self._serving is not None and self._serving.transaction is transaction:
            self._serving = None
            if not self._answered:
                self._finish(Ending.FLOW_LOST)

    def on_response(self, transaction: ClientTransaction, response: Response) -> None:
        """A response to our INFO or BYE."""
        if response.status in GONE and transaction.method != "BYE":
            self.lose(response.status)
        elif transaction.method == "INFO" and response.status in _UNKNOWN_INFO:
            self._unknown.add(transaction.request.headers.get("Content-Type") or "")

    def on_silence(self, transaction: ClientTransaction, status: int) -> None:
        """No response to our INFO or BYE."""
        if status == 408 and transaction.method != "BYE":
            self.lose(status)

    def flow_lost(self, flow: Flow) -> None:
        """The connection is gone. An answered call goes on: the next request connects anew, and media is watched."""
        if self.dialog.flow == flow:
            self.dialog.flow = None

    def is_busy(self) -> bool:
        """Whether our own offer has to wait."""
        return self._serving is not None or self._update is not None or bool(self._unacknowledged)

    # -- sending, telling, ending

    def tell(self, event: Output) -> None:
        """Hand an event up, unless the end has been told."""
        if not self._told:
            self._layer.emit(event)

    def lose(self, status: int) -> None:
        """The other side does not know the dialog, or does not answer in it."""
        if self._over:
            return
        if status == 408:
            self._send_bye([])
        self._finish(Ending.GONE, status)

    def _send_bye(self, pairs: Pairs) -> None:
        self._leaving = None
        self._offering.send("BYE", pairs, b"", SDP, self)

    def _reply(self, transaction: ServerTransaction, status: int, headers: Pairs, body: bytes = b"") -> None:
        reply = transaction.request.reply(status, None, self.dialog.local_tag, headers, body)
        self._layer.respond(transaction, reply)

    def _take_target(self, message: Message) -> None:
        try:
            self.dialog.refresh_target(message)
        except ProtocolError:
            self._layer.drop("contact")

    def _stop_ringing(self) -> None:
        self._layer.cancel_timer(self, "ring")
        self._layer.cancel_timer(self, "expires")

    def _tell_end(self, why: Ending, status: int = 0, reason: str = "") -> None:
        self.tell(CallEnded(self.name, why, status, reason))
        self._told = True

    def _finish(self, why: Ending, status: int = 0, reason: str = "") -> None:
        """Free everything; transactions under way run out by themselves."""
        if self._over:
            return
        self._over = True
        self.session.stop()
        self._offering.stop()
        self._layer.cancel_timer(self, "update")
        self._stop_ringing()
        if self._update is not None:
            self._reply(self._update, 487, [])
        for answering in [self._serving, *self._unacknowledged.values()]:
            if answering is not None:
                answering.abandon()
        self._update = self._serving = None
        self._unacknowledged.clear()
        self._calls.dialogs.pop(self.dialog.id, None)
        if self._calls.named.get(self.name) is self:
            del self._calls.named[self.name]
        self._tell_end(why, status, reason)


_SERVE: dict[str, Callable[[Call, ServerTransaction], None]] = {
    "INVITE": Call._serve_invite,
    "UPDATE": Call._serve_update,
    "INFO": Call._serve_info,
    "BYE": Call._serve_bye,
    "PRACK": Call._serve_prack,
    "OPTIONS": Call._serve_options,
}
