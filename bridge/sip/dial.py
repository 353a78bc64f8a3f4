"""A call that we make, until it is answered or has failed (RFC 3261 sections 8.1, 9.1 and 13.2).

Lives on behind the answered call until its transaction ends, for copies of the 2xx and for those of other branches of a
fork, which get ACK and BYE.
"""

from __future__ import annotations

from bridge.errors import ProtocolError
from bridge.sip.call import Call
from bridge.sip.calls import Calls
from bridge.sip.capabilities import ALLOW, SDP, SUPPORTED, Pairs, RefusalError, session_description
from bridge.sip.commands import Hop, Invite
from bridge.sip.dialog import Dialog, DialogId, from_response, hop_of
from bridge.sip.events import DialAnswered, DialFailed, DialProgress
from bridge.sip.exchange import ClientTransaction, ServerTransaction
from bridge.sip.flow import Flow
from bridge.sip.grammar import number
from bridge.sip.headers import Headers
from bridge.sip.layer import Layer
from bridge.sip.message import Request, Response
from bridge.sip.proof import Proof
from bridge.sip.session_timer import SessionTimer
from bridge.sip.settings import contact_value
from bridge.sip.uri import parse_name_addr, parse_uri

_MOST_FORKS = 16  # dialogs of one INVITE; further ones are ignored and run into their own time-outs
_MOST_TRIES = 4  # INVITEs of one call: the first, after a challenge, after 422s


def hop_towards(text: str) -> Hop:
    """Where a SIP URI points, see `dialog.hop_of`. Raises ProtocolError."""
    uri = parse_uri(text)
    if not uri.is_sip:
        raise ProtocolError("uri", "not a SIP address")
    return hop_of(uri)


class Dial:
    """One outgoing call before its answer."""

    def __init__(self, layer: Layer, calls: Calls, command: Invite) -> None:
        self._layer = layer
        self._calls = calls
        self._command = command
        self.name = command.call
        self._call_id = layer.token()
        self._tag = layer.token()
        self._number = 0
        self._tries = 0
        self._transaction: ClientTransaction | None = None
        self._proof = Proof(command.credentials, layer.token)
        self._session = SessionTimer(layer, _NO_SESSION)
        self._early: dict[str, Dialog] = {}
        self._reliable: dict[str, int] = {}  # To tag -> RSeq last acknowledged
        self._described: dict[str, bytes] = {}  # To tag -> the answer that came before the 2xx
        self._extras: dict[DialogId, Call] = {}
        self._answered: Call | None = None
        self._rung = False  # a provisional response came: CANCEL may be sent
        self._cancelling = False
        self._over = False
        calls.named[self.name] = self

    # -- commands

    def start(self) -> None:
        """Send the INVITE. Raises ProtocolError if the target or the sender cannot be used."""
        parse_name_addr(self._command.sender)
        self._invite([])
        self._layer.set_timer(self, "ring", self._command.ring_s)

    def cancel(self) -> None:
        """Give up: CANCEL, at once or after the first provisional response (RFC 3261 section 9.1)."""
        if self._over or self._cancelling:
            return
        self._cancelling = True
        self._layer.set_timer(self, "cancelled", 64 * self._layer.settings.timing.t1)
        if self._rung and self._transaction is not None:
            self._layer.cancel(self._transaction, _Cancelling())

    def _invite(self, extra: Pairs) -> None:
        command = self._command
        flow = command.flow
        hop = None if flow is not None else command.hop or hop_towards(command.target)
        self._number += 1
        self._tries += 1
        self._rung = False
        pairs: Pairs = [
            ("Max-Forwards", "70"),
            ("From", f"{_bracketed(command.sender)};tag={self._tag}"),
            ("To", f"<{command.target}>"),
            ("Call-ID", self._call_id),
            ("CSeq", f"{self._number} INVITE"),
            ("Contact", self._contact(flow, hop)),
            ALLOW,
            SUPPORTED,
            *self._session.proposal(),
            *extra,
            ("Content-Type", SDP),
        ]
        request = Request("INVITE", command.target, Headers(pairs), command.sdp)
        self._transaction = self._layer.send(request, self, flow, hop)

    def _contact(self, flow: Flow | None, hop: Hop | None) -> str:
        addresses = self._layer.addresses
        if flow is not None:
            listener = addresses.on(flow)
        else:
            listener = addresses.by((hop.protocol if hop else "") or "udp", hop.host if hop else "")
        user = parse_name_addr(self._command.sender).uri.user or self._layer.settings.user
        secure = self._command.target.startswith("sips:")
        return contact_value(listener, user, secure=secure)

    # -- responses

    def on_response(self, transaction: ClientTransaction, response: Response) -> None:
        """A response to the INVITE."""
        if transaction is not self._transaction:
            return
        if response.status < 200:
            self._provisional(transaction, response)
        elif response.status < 300:
            self._success(transaction, response)
        elif not self._over:
            self._failure(transaction, response)

    def on_silence(self, transaction: ClientTransaction, status: int) -> None:
        """Nobody answered, or there is no way."""
        if transaction is self._transaction and not self._over:
            self._fail(487 if self._cancelling else status)

    def _provisional(self, transaction: ClientTransaction, response: Response) -> None:
        if self._over:
            return
        if not self._rung:
            self._rung = True
            if self._cancelling:
                self._layer.cancel(transaction, _Cancelling())
        tag = response.to.tag
        if response.status == 100 or tag is None:
            return
        if not self._acknowledge_progress(transaction, response, tag):
            return
        try:
            description = session_description(response)
        except (ProtocolError, RefusalError):
            description = None
        if description is not None:
            self._described[tag] = description
        if not self._cancelling:
            self._layer.emit(DialProgress(self.name, response.status, description))

    def _acknowledge_progress(self, transaction: ClientTransaction, response: Response, tag: str) -> bool:
        """Send PRACK for a reliable provisional response; False for a copy or one out of order (RFC 3262 section 4)."""
        dialog = self._early.get(tag)
        if dialog is None and len(self._early) < _MOST_FORKS:
            dialog = self._early_dialog(transaction, response, tag)
        if dialog is None or "100rel" not in response.require:
            return dialog is not None
        try:
            rseq = number(response.headers.get("RSeq") or "", 2**32 - 1, "rseq")
        except ProtocolError:
            self._layer.drop("rseq")
            return False
        last = self._reliable.get(tag)
        if last is not None and rseq != last + 1:
            return False
        self._reliable[tag] = rseq
        prack = dialog.request("PRACK", headers=[("RAck", f"{rseq} {self._number} INVITE")])
        self._layer.send(prack, _Cancelling(), *dialog.next_hop())
        return True

    def _early_dialog(self, transaction: ClientTransaction, response: Response, tag: str) -> Dialog | None:
        try:
            dialog = from_response(transaction.request, response, transaction.flow)
        except ProtocolError:
            self._layer.drop("early-dialog")
            return None
        dialog.contact = transaction.request.headers.get("Contact") or ""
        self._early[tag] = dialog
        self._calls.dialogs[dialog.id] = self
        return dialog

    def _success(self, transaction: ClientTransaction, response: Response) -> None:
        """2xx: the first makes the call; those of other forks are ended again (RFC 3261 section 13.2.2.4)."""
        tag = response.to.tag or ""
        known = self._extras.get((self._call_id, self._tag, tag))
        if known is not None:
            known.acknowledge(transaction, response)
            return
        if len(self._extras) >= _MOST_FORKS:
            self._layer.drop("forks")
            return
        try:
            dialog = from_response(transaction.request, response, transaction.flow)
        except ProtocolError:
            self._layer.drop("dialog")
            if not self._over:
                self._fail(502)
            return
        early = self._early.pop(tag, None)
        if early is not None:
            dialog.local_seq, dialog.remote_seq = early.local_seq, early.remote_seq
        dialog.contact = transaction.request.headers.get("Contact") or ""
        wanted = self._answered is None and not self._cancelling and not self._over
        call = Call(
            self._layer, self._calls, self.name if wanted else f"{self.name}/{tag}", dialog, response, True
        )
        self._extras[dialog.id] = call
        call.acknowledge(transaction, response)
        if wanted:
            self._establish(call, transaction, response)
        else:
            call.drop_fork()
            if self._cancelling and not self._over and self._answered is None:
                self._fail(487)

    def _establish(self, call: Call, transaction: ClientTransaction, response: Response) -> None:
        self._answered = call
        self._over = True
        try:
            # An answer in a reliable provisional response need not be given again (RFC 3262 section 5).
            description = session_description(response) or self._described.get(response.to.tag or "")
        except (ProtocolError, RefusalError):
            description = None
        self._stop()
        call.begin(self._command.sdp, description or b"", response)
        self._layer.emit(DialAnswered(self.name, description, transaction.flow))

    def _failure(self, transaction: ClientTransaction, response: Response) -> None:
        status = response.status
        if not self._cancelling and self._tries < _MOST_TRIES:
            header = self._proof.answer(response, "INVITE", self._command.target)
            if header is not None:
                self._forget_early()
                self._invite([header])
                return
            if status == 422:
                try:
                    again = self._session.raise_least(response)
                except ProtocolError:
                    again = False
                if again:
                    self._forget_early()
                    self._invite([])
                    return
        self._fail(status, response.phrase)

    def _fail(self, status: int, reason: str = "") -> None:
        self._over = True
        self._stop()
        if self._calls.named.get(self.name) is self:
            del self._calls.named[self.name]
        self._layer.emit(DialFailed(self.name, status, reason))

    def _stop(self) -> None:
        self._layer.cancel_timer(self, "ring")
        self._layer.cancel_timer(self, "cancelled")
        self._forget_early()

    def _forget_early(self) -> None:
        for dialog in self._early.values():
            if self._calls.dialogs.get(dialog.id) is self:
                del self._calls.dialogs[dialog.id]
        self._early.clear()
        self._described.clear()

    # -- time

    def on_timer(self, name: str) -> None:
        """It rang long enough; or nobody answered the CANCEL."""
        if name == "ring":
            self.cancel()
        elif not self._over:
            self._fail(487)

    # -- requests in early dialogs

    def receive(self, transaction: ServerTransaction) -> None:
        """A request in an early dialog: only what changes nothing is served before the answer."""
        request = transaction.request
        dialog = self._early.get(request.from_.tag or "")
        if dialog is None or not dialog.in_order(request):
            status = 481 if dialog is None else 500
        elif request.method in ("UPDATE", "OPTIONS") and not request.body:
            status = 200
        else:
            status = 500 if request.method == "UPDATE" else 481
        pairs: Pairs = [("Retry-After", "5")] if status == 500 else [ALLOW]
        if request.method == "UPDATE" and status == 200 and dialog is not None:
            pairs.append(("Contact", dialog.contact))
        self._layer.respond(transaction, request.reply(status, None, self._tag, pairs))

    def receive_ack(self, ack: Request, flow: Flow) -> None:
        """No INVITE is served here."""
        self._layer.drop("ack-stray")

    def flow_lost(self, flow: Flow) -> None:
        """The transaction hears of it."""


class _Cancelling:
    """Whoever sent a CANCEL or PRACK learns nothing from its answer: the INVITE's own final response counts."""

    def on_response(self, transaction: ClientTransaction, response: Response) -> None:
        """Nothing to do."""

    def on_silence(self, transaction: ClientTransaction, status: int) -> None:
        """Nothing to do."""


class _NoSession:
    """Before the answer there is no session to refresh."""

    def on_refresh_due(self) -> None:
        """Never called."""

    def on_session_expired(self) -> None:
        """Never called."""


_NO_SESSION = _NoSession()


def _bracketed(sender: str) -> str:
    """A From value whose parameters, if any, are inside brackets, so that a tag can follow."""
    return sender if "<" in sender else f"<{sender}>"
