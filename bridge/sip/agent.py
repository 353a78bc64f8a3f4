"""The user agent: every message and command comes in here, and finds its transaction, dialog or refusal.

`Agent.handle(input, now)` returns what is to be sent and what the floor above is told, in order; `Agent.deadline()`
says when `WAKE` is wanted. Pure: no clock, no socket; random words come from the callables given.

Strategy: a request outside any dialog is refused without keeping anything (stateless UAS, RFC 3261 section 8.2.7): its
copies get the same answer, and a flood of them costs no memory. Only an INVITE that becomes a call, and what happens in
dialogs, has transactions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import assert_never

from bridge.errors import ProtocolError
from bridge.machine import Wake
from bridge.sip import commands
from bridge.sip.answering import Answering
from bridge.sip.call import Call
from bridge.sip.calls import Calls
from bridge.sip.capabilities import (
    ACCEPT,
    ALLOW,
    KNOWN,
    SUPPORTED,
    Pairs,
    RefusalError,
    check_coding,
    check_required,
    session_description,
)
from bridge.sip.commands import Input
from bridge.sip.dial import Dial
from bridge.sip.dialog import from_request
from bridge.sip.events import DialFailed, IncomingCall, Output, SendOn
from bridge.sip.exchange import TimerUser, reply_flow
from bridge.sip.flow import Flow
from bridge.sip.identity import Identity
from bridge.sip.layer import Layer
from bridge.sip.message import Request, Response
from bridge.sip.parser import parse_message
from bridge.sip.registration import Registration
from bridge.sip.session_timer import check_interval
from bridge.sip.settings import AgentSettings, contact_value
from bridge.sip.transaction import Input as TransactionInput
from bridge.sip.transaction import Transaction
from bridge.sip.uri import dialled
from bridge.sip.validation import validate_request, validate_response

# What methods that need a dialog, or that we do not serve, are answered with outside of one.
_OUTSIDE: dict[str, tuple[int, Pairs]] = {
    "BYE": (481, []),
    "INFO": (481, []),
    "UPDATE": (481, []),
    "PRACK": (481, []),
    "NOTIFY": (481, []),
    "SUBSCRIBE": (489, []),
    "PUBLISH": (489, []),
    "REGISTER": (405, [ALLOW]),
    "MESSAGE": (405, [ALLOW]),
    "REFER": (405, [ALLOW]),
}


class Agent:
    """A UAS and UAC core with all its calls.

    `token`: a new random word for each tag, branch and Call-ID, of at least 64 bits, token characters only.
    `chance`: a random float in [0, 1), for pauses that should differ.
    """

    def __init__(
        self, settings: AgentSettings, token: Callable[[], str], chance: Callable[[], float]
    ) -> None:
        self._settings = settings
        self._layer = Layer(settings, token, chance)
        self._calls = Calls()
        self._identity = Identity(settings.realm, settings.endpoints, token())
        self._registrations: dict[str, Registration] = {}
        self._draining: int | None = None
        self._secret = token().encode()

    # -- the machine

    def handle(self, event: Input | Wake, now: float) -> Sequence[Output]:
        """Take one input; `now` is monotonic seconds. Returns what follows from it, in order. Never raises for what
        a peer sent."""
        layer = self._layer
        layer.now = now
        if isinstance(event, commands.MessageReceived):
            self._message(event.raw, event.flow)
        elif isinstance(event, Wake):
            self._wake(now)
        else:
            self._command(event)
        out, layer.out = layer.out, []
        return out

    def deadline(self) -> float | None:
        """When `Wake` is wanted next [monotonic seconds], or None."""
        return self._layer.timers.deadline()

    @property
    def live(self) -> dict[str, int]:
        """How much is alive: calls, dialogs, transactions, timers, registrations. All but the last come back to 0."""
        layer = self._layer
        return {
            "calls": len(self._calls.named),
            "dialogs": len(self._calls.dialogs),
            "transactions": len(layer.servers) + len(layer.clients),
            "merging": len(layer.merging),
            "timers": len(layer.timers),
            "registrations": len(self._registrations),
        }

    def _wake(self, now: float) -> None:
        timers = self._layer.timers
        while (due := timers.pop(now)) is not None:
            owner, what = due
            if isinstance(what, TransactionInput):
                assert isinstance(owner, Transaction)
                self._layer.timer_due(owner, what)
            else:
                user: TimerUser = owner  # type: ignore[assignment]  # only `set_timer` puts strings in
                user.on_timer(what)

    # -- messages

    def _message(self, raw: bytes, flow: Flow) -> None:
        try:
            message = parse_message(raw)
            if isinstance(message, Response):
                self._response(message, flow)
            elif message.fault is not None and message.fault.status == 505:
                # Another version's Via may be unreadable; where it came from is not (RFC 4475 section 3.1.2.16).
                self._layer.emit(SendOn(flow, message.reply(505, None, self._tag_for(message)).serialise()))
            else:
                message.stamp_source(*flow.remote)
                self._request(message, flow)
        except ProtocolError as error:
            self._layer.drop(error.name, flow)

    def _response(self, response: Response, flow: Flow) -> None:
        validate_response(response)
        if len(response.vias) != 1:
            raise ProtocolError("response-vias", "meant for another hop")  # RFC 3261 section 8.1.3.3
        self._layer.response_received(response, flow)

    def _request(self, request: Request, flow: Flow) -> None:
        try:
            validate_request(request)
            transaction = self._layer.find_server(request)
            if request.method == "ACK":
                self._ack(request, flow)
            elif transaction is not None:
                self._layer.copy_received(transaction)
            elif request.method == "CANCEL":
                self._cancel(request, flow)
            elif request.to.tag is not None:
                self._inside(request, flow)
            elif request.method == "INVITE":
                self._invite(request, flow)
            else:
                self._outside(request)
        except RefusalError as refusal:
            self._refuse(request, flow, refusal.status, list(refusal.headers), refusal.phrase)
        except ProtocolError as error:
            if request.method == "ACK":
                raise
            self._refuse(request, flow, error.status, [], None)

    def _refuse(self, request: Request, flow: Flow, status: int, headers: Pairs, phrase: str | None) -> None:
        """Answer without keeping anything; the same request gets the same To tag again (RFC 3261 section 8.2.7)."""
        response = request.reply(status, phrase, self._tag_for(request), headers)
        self._layer.emit(SendOn(reply_flow(request, flow), response.serialise()))

    def _tag_for(self, request: Request) -> str:
        """A To tag that is the same for all copies of a request, and that nobody can guess."""
        word = f"{request.headers.get('Via')}|{request.headers.get('Call-ID')}|{request.headers.get('CSeq')}"
        seed = word.encode("utf-8", "surrogateescape")
        return hashlib.blake2s(seed, key=self._secret[:32], digest_size=8).hexdigest()

    def _ack(self, ack: Request, flow: Flow) -> None:
        transaction = self._layer.find_server(ack)
        if transaction is not None:
            self._layer.ack_received(transaction, ack)
            return
        correspondent = self._calls.of(ack)
        if correspondent is None:
            self._layer.drop("ack-stray", flow)
        else:
            correspondent.receive_ack(ack, flow)

    def _cancel(self, request: Request, flow: Flow) -> None:
        """RFC 3261 section 9.2: 200 whatever becomes of the INVITE, 481 where there is none."""
        invite = self._layer.find_server(request, "INVITE")
        if invite is None:
            raise RefusalError(481)
        transaction = self._layer.open_server(request, flow)
        self._layer.respond(transaction, request.reply(200, None, invite.to_tag or None))
        if isinstance(invite.user, Call):
            invite.user.cancelled(invite)

    def _inside(self, request: Request, flow: Flow) -> None:
        """A request with a To tag: it belongs to a dialog or to nothing."""
        if request.method not in KNOWN:
            raise RefusalError(501, ALLOW)
        correspondent = self._calls.of(request)
        if correspondent is None:
            raise RefusalError(481)
        transaction = self._layer.open_server(
            request, flow, correspondent if isinstance(correspondent, Call) else None
        )
        correspondent.receive(transaction)

    def _outside(self, request: Request) -> None:
        """A request outside any dialog, INVITE excepted: there is always a refusal, but for OPTIONS."""
        if request.method in _OUTSIDE:
            status, headers = _OUTSIDE[request.method]
            raise RefusalError(status, *headers)
        if request.method != "OPTIONS":
            raise RefusalError(501, ALLOW)
        self._check_room()
        check_required(request)
        raise RefusalError(200, ALLOW, ACCEPT, SUPPORTED)

    def _check_room(self) -> None:
        """Raise RefusalError 503 while draining, or at a limit."""
        if self._draining is not None:
            raise RefusalError(503, ("Retry-After", str(self._draining)))
        if self._layer.full or len(self._calls.named) >= self._settings.most_calls:
            raise RefusalError(503, ("Retry-After", str(self._settings.retry_after_s)))

    def _invite(self, request: Request, flow: Flow) -> None:
        """A new call, if nothing speaks against it (RFC 3261 section 8.2)."""
        if self._layer.is_merged(request):
            raise RefusalError(482)
        self._check_room()
        check_required(request)
        if request.target.scheme == "sips" and not flow.secure:
            # Not 416: that would ask for the same call without protection.
            raise RefusalError(403)
        if "Replaces" in request.headers or "Join" in request.headers:
            # RFC 3891 section 3: no such dialog; nobody takes a seat over by guessing.
            raise RefusalError(481)
        check_coding(request)
        check_interval(request, self._settings.min_se_s)
        offer = session_description(request)
        endpoint = self._identity.check(request, flow, self._layer.now)
        dialog = from_request(request, self._layer.token(), flow)
        user = dialled(request.target) or self._settings.user
        secure = request.target.scheme == "sips"
        dialog.contact = contact_value(self._layer.addresses.on(flow), user, secure=secure)
        transaction = self._layer.open_server(request, flow)
        transaction.to_tag = dialog.local_tag
        call = Call(self._layer, self._calls, self._calls.new_name(), dialog, request, False)
        transaction.user = call
        answering = Answering(self._layer, call, transaction, dialog.contact, late=offer is None)
        answering.trying()
        call.serve(answering, offer)
        self._layer.set_timer(call, "ring", self._settings.ring_limit_s)
        if request.expires:
            self._layer.set_timer(call, "expires", request.expires)
        self._layer.emit(
            IncomingCall(
                call=call.name,
                dialled=request.target,
                sender=request.from_,
                flow=flow,
                offer=offer,
                endpoint=endpoint,
                supported=frozenset(request.supported),
                require=frozenset(request.require),
                user_agent=request.headers.get("User-Agent") or "",
                call_id=request.call_id,
            )
        )

    # -- commands

    def _command(self, command: Input) -> None:
        match command:
            case commands.MessageReceived():
                self._message(command.raw, command.flow)
            case commands.FlowLost():
                self._flow_lost(command.flow)
            case commands.Connected():
                self._layer.connected(command.ref, command.flow)
            case commands.ConnectFailed():
                self._layer.connect_failed(command.ref)
            case commands.Invite():
                self._dial(command)
            case commands.Register():
                self._register(command.trunk)
            case commands.Unregister():
                registration = self._registrations.pop(command.trunk, None)
                if registration is not None:
                    registration.unregister()
            case commands.Drain():
                self._draining = command.retry_after_s
            case _:
                self._call_command(command)

    def _call_command(
        self,
        command: commands.Ring
        | commands.Progress
        | commands.Answer
        | commands.Reject
        | commands.AnswerReinvite
        | commands.Reinvite
        | commands.SendInfo
        | commands.Bye
        | commands.Cancel,
    ) -> None:
        call = self._calls.named.get(command.call)
        if isinstance(call, Dial) and isinstance(command, commands.Bye | commands.Cancel):
            call.cancel()
            return
        if not isinstance(call, Call):
            self._layer.drop("command-late")
            return
        match command:
            case commands.Ring():
                call.progress(180, None, command.reliable)
            case commands.Progress():
                call.progress(command.status, command.sdp, command.reliable)
            case commands.Answer():
                call.answer(command.sdp)
            case commands.Reject():
                call.reject(command.status, command.retry_after, command.reason)
            case commands.AnswerReinvite():
                if command.sdp is None:
                    call.reject(command.status)
                else:
                    call.answer(command.sdp)
            case commands.Reinvite():
                call.offer(command.sdp)
            case commands.SendInfo():
                call.send_info(command.content_type, command.body)
            case commands.Bye():
                call.hang_up(command.reason)
            case commands.Cancel():
                call.hang_up()
            case _:
                assert_never(command)

    def _flow_lost(self, flow: Flow) -> None:
        self._layer.flow_lost(flow)
        for correspondent in list(self._calls.dialogs.values()):
            correspondent.flow_lost(flow)
        for registration in self._registrations.values():
            registration.flow_lost(flow)

    def _dial(self, command: commands.Invite) -> None:
        if command.call in self._calls.named:
            raise ValueError(f"two calls with the name {command.call!r}")
        dial = Dial(self._layer, self._calls, command)
        try:
            dial.start()
        except ProtocolError as error:
            del self._calls.named[command.call]
            self._layer.emit(DialFailed(command.call, 400, error.name))

    def _register(self, trunk: commands.Trunk) -> None:
        old = self._registrations.pop(trunk.name, None)
        if old is not None:
            old.stop()
        registration = self._registrations[trunk.name] = Registration(self._layer, trunk)
        registration.register()
