"""The transaction layer: every live transaction, their timers, and the way out (RFC 3261 sections 17 and 18).

Strategy: machines decide (`bridge.sip.transaction`), the layer performs: it finds the transaction of a message, keeps
the one heap of timers, writes Via, and collects what is to be sent in `out`. Users of transactions are told through
the protocols of `bridge.sip.exchange`. `now` is the time of the input that is being handled; nothing here knows a
clock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bridge.sip.commands import Hop
from bridge.sip.events import Connect, Drop, Output, SendOn
from bridge.sip.exchange import (
    ClientTransaction,
    ClientUser,
    ServerTransaction,
    ServerUser,
    TimerUser,
    reply_flow,
)
from bridge.sip.flow import Flow
from bridge.sip.headers import Headers
from bridge.sip.message import Request, Response
from bridge.sip.settings import Addresses, Advertised, AgentSettings
from bridge.sip.timer import Timers
from bridge.sip.transaction import (
    CLIENT,
    INVITE_CLIENT,
    INVITE_SERVER,
    MAGIC_COOKIE,
    SERVER,
    Do,
    Input,
    Key,
    State,
    Transaction,
    client_key,
    server_key,
)
from bridge.sip.uri import host_port


class Layer:
    """All transactions of one agent, and what everything above them shares.

    `token` gives a new random string for tags, branches and Call-IDs; `chance` gives a float in [0, 1).
    """

    def __init__(
        self, settings: AgentSettings, token: Callable[[], str], chance: Callable[[], float]
    ) -> None:
        self.settings = settings
        self.addresses = Addresses(settings.listeners)
        self.token = token
        self.chance = chance
        self.now = 0.0
        self.out: list[Output] = []
        self.timers: Timers[tuple[object, Input | str]] = Timers()
        self.servers: dict[Key, ServerTransaction] = {}
        self.clients: dict[Key, ClientTransaction] = {}
        self.merging: dict[Key, Key] = {}
        self._by_flow: dict[Flow, set[Transaction]] = {}
        self._connecting: dict[int, ClientTransaction] = {}
        self._ref = 0

    # -- what users share

    def emit(self, output: Output) -> None:
        """Hand an event up."""
        self.out.append(output)

    def drop(self, name: str, flow: Flow | None = None) -> None:
        """Count something that stays unanswered."""
        self.out.append(Drop(name, flow))

    def set_timer(self, user: TimerUser, name: str, seconds: float) -> None:
        """Call `user.on_timer(name)` after `seconds`."""
        self.timers.set((user, name), self.now + seconds)

    def cancel_timer(self, user: TimerUser, name: str) -> None:
        """Forget it."""
        self.timers.cancel((user, name))

    @property
    def full(self) -> bool:
        """Whether no further transaction should be begun for a stranger."""
        return len(self.servers) + len(self.clients) >= self.settings.most_transactions

    # -- server side

    def find_server(self, request: Request, method: str | None = None) -> ServerTransaction | None:
        """The transaction that a received request belongs to; `method` "INVITE" finds what a CANCEL is for."""
        return self.servers.get(self._server_key(request, method or request.method))

    def _server_key(self, request: Request, method: str) -> Key:
        via = request.via
        host, port = via.sent_by
        if via.modern:
            return server_key(via.branch, f"{host}:{port}", method, ())
        # RFC 2543: Request-URI, Call-ID, From tag, CSeq number and top Via are the same in all copies, and in the ACK.
        legacy = (
            request.uri,
            request.call_id,
            request.from_.tag or "",
            str(request.cseq.number),
            f"{host}:{port}",
        )
        return server_key("", "", method, legacy)

    def is_merged(self, request: Request) -> bool:
        """Whether this request came before by another path (RFC 3261 section 8.2.2.2)."""
        key = self.merging.get(_merge_key(request))
        return key is not None and key in self.servers

    def open_server(self, request: Request, flow: Flow, user: ServerUser | None = None) -> ServerTransaction:
        """Begin a server transaction."""
        table = INVITE_SERVER if request.method == "INVITE" else SERVER
        key = self._server_key(request, request.method)
        target = reply_flow(request, flow)
        transaction = ServerTransaction(
            table, key, request.method, target, flow.reliable, self.settings.timing
        )
        transaction.request = request
        transaction.origin = flow
        transaction.user = user
        transaction.to_tag = ""
        transaction.merged = None
        self.servers[key] = transaction
        if flow.reliable:
            self._by_flow.setdefault(flow, set()).add(transaction)
        if request.to.tag is None:
            transaction.merged = _merge_key(request)
            self.merging[transaction.merged] = key
        return transaction

    def respond(self, transaction: ServerTransaction, response: Response) -> None:
        """Send a response through its transaction, 2xx copies included."""
        transaction_input = Input.SEND_FAILURE
        if response.status < 200:
            transaction_input = Input.SEND_PROVISIONAL
        elif response.status < 300:
            transaction_input = Input.SEND_SUCCESS
        self._run(transaction, transaction_input, response.serialise(), None)
        if transaction.state is State.COMPLETED:
            transaction.request = _SPENT

    def spend(self, transaction: ServerTransaction) -> None:
        """The 2xx of an INVITE is acknowledged: only its key is still of use, to absorb copies.

        At 200 calls a second 6,400 of these are kept at any time; with their requests they were 100 MB.
        """
        transaction.request = _SPENT
        transaction.sent = b""
        transaction.user = None

    def repeat(self, transaction: ServerTransaction, data: bytes) -> None:
        """Send the kept 2xx or reliable 1xx of an INVITE once more; what copies of the INVITE get stays as it is."""
        if transaction.state in (State.ACCEPTED, State.PROCEEDING) and transaction.flow is not None:
            self.out.append(SendOn(transaction.flow, data))

    def copy_received(self, transaction: ServerTransaction) -> None:
        """A copy of the request came in."""
        self._run(transaction, Input.REQUEST, b"", None)

    def ack_received(self, transaction: ServerTransaction, ack: Request) -> None:
        """An ACK with the branch of the INVITE came in."""
        self._run(transaction, Input.ACK, b"", ack)

    # -- client side

    def send(
        self, request: Request, user: ClientUser, flow: Flow | None, hop: Hop | None
    ) -> ClientTransaction:
        """Begin a client transaction: write Via, send on `flow`, or connect to `hop`."""
        table = INVITE_CLIENT if request.method == "INVITE" else CLIENT
        branch = MAGIC_COOKIE + self.token()
        protocol, data, upgraded = self._write(request, branch, flow, hop)
        key = client_key(branch, request.method)
        transaction = ClientTransaction(
            table, key, request.method, flow, protocol != "udp", self.settings.timing
        )
        transaction.request = request
        transaction.user = user
        transaction.hop = replace(hop, protocol=protocol) if hop is not None and flow is None else None
        transaction.upgraded = upgraded
        transaction.ref = 0
        transaction.sent = data
        self.clients[key] = transaction
        self._begin(transaction)
        return transaction

    def cancel(self, transaction: ClientTransaction, user: ClientUser, reason: str | None = None) -> None:
        """Send CANCEL for an INVITE: same Via, Route, CSeq number (RFC 3261 section 9.1)."""
        request = transaction.request
        headers = _repeated(request, "CANCEL")
        if reason:
            headers.append(("Reason", reason))
        cancel = Request("CANCEL", request.uri, Headers(headers))
        key = client_key(transaction.key[0], "CANCEL")
        reliable = transaction.reliable
        errand = ClientTransaction(CLIENT, key, "CANCEL", transaction.flow, reliable, self.settings.timing)
        errand.request, errand.user, errand.hop, errand.upgraded = cancel, user, transaction.hop, False
        errand.ref = 0
        errand.sent = cancel.serialise()
        self.clients[key] = errand
        self._begin(errand)

    def send_ack(self, ack: Request, flow: Flow | None, hop: Hop | None) -> bytes:
        """Send the ACK of a 2xx: a request with a branch of its own and no transaction (RFC 3261 section 13.2.2.4).

        Returns the bytes, for `send_again`.
        """
        protocol, data, _ = self._write(ack, MAGIC_COOKIE + self.token(), flow, hop)
        self.send_again(data, flow, hop if hop is None else replace(hop, protocol=protocol))
        return data

    def send_again(self, data: bytes, flow: Flow | None, hop: Hop | None) -> None:
        """Send bytes that belong to no transaction."""
        if flow is not None:
            self.out.append(SendOn(flow, data))
        elif hop is not None:
            self._ref += 1
            self.out.append(Connect(self._ref, hop.protocol or "udp", hop.host, hop.port, data))

    def response_received(self, response: Response, flow: Flow) -> None:
        """Find the transaction of a response, or drop it (RFC 3261 section 18.1.2)."""
        key = client_key(response.via.branch, response.cseq.method)
        transaction = self.clients.get(key)
        if transaction is None:
            self.drop("response-stray", flow)
            return
        if transaction.flow is None:
            self._settle_flow(transaction, flow)  # the answer was quicker than `Connected`
        event = Input.FAILURE
        if response.status < 200:
            event = Input.PROVISIONAL
        elif response.status < 300:
            event = Input.SUCCESS
        self._run(transaction, event, b"", response)

    def connected(self, ref: int, flow: Flow) -> None:
        """A `Connect` output has succeeded."""
        transaction = self._connecting.pop(ref, None)
        if transaction is not None and transaction.flow is None:
            self._settle_flow(transaction, flow)

    def _settle_flow(self, transaction: ClientTransaction, flow: Flow) -> None:
        transaction.flow = flow
        if flow.reliable and transaction.state is not State.TERMINATED:
            self._by_flow.setdefault(flow, set()).add(transaction)

    def connect_failed(self, ref: int) -> None:
        """A `Connect` output has failed; a request that went by TCP only for its size is tried by UDP."""
        transaction = self._connecting.pop(ref, None)
        if transaction is None or transaction.state is State.TERMINATED:
            return
        if not transaction.upgraded or transaction.hop is None:
            self._run(transaction, Input.BROKEN, b"", None)
            return
        # RFC 3261 section 18.1.1: nothing has been received there, so the branch stays.
        for timer in transaction.running:
            self.timers.cancel((transaction, timer))
        transaction.upgraded = transaction.reliable = False
        transaction.hop = replace(transaction.hop, protocol="udp")
        transaction.request.headers.remove("Via")
        _, transaction.sent, _ = self._write(transaction.request, transaction.key[0], None, transaction.hop)
        self._begin(transaction)

    def flow_lost(self, flow: Flow) -> None:
        """A connection is gone: its transactions fail."""
        for transaction in sorted(self._by_flow.pop(flow, ()), key=lambda each: each.key):
            self._run(transaction, Input.BROKEN, b"", None)

    # -- performing

    def timer_due(self, transaction: Transaction, timer: Input) -> None:
        """A timer of a transaction has run out."""
        self._run(transaction, timer, b"", None)

    def _begin(self, transaction: ClientTransaction) -> None:
        self._transmit(transaction)
        for timer, seconds in transaction.begin():
            self.timers.set((transaction, timer), self.now + seconds)
        if transaction.flow is not None and transaction.flow.reliable:
            self._by_flow.setdefault(transaction.flow, set()).add(transaction)

    def _transmit(self, transaction: Transaction) -> None:
        if transaction.flow is not None:
            self.out.append(SendOn(transaction.flow, transaction.sent))
        elif isinstance(transaction, ClientTransaction) and transaction.hop is not None:
            hop = transaction.hop
            self._ref += 1
            self._connecting[self._ref] = transaction
            transaction.ref = self._ref
            self.out.append(Connect(self._ref, hop.protocol, hop.host, hop.port, transaction.sent))

    def _run(
        self, transaction: Transaction, event: Input, data: bytes, message: Request | Response | None
    ) -> None:
        """Feed a transaction and do what it asks for."""
        doing, starting, stopping = transaction.feed(event)
        for timer in stopping:
            self.timers.cancel((transaction, timer))
        for timer, seconds in starting:
            self.timers.set((transaction, timer), self.now + seconds)
        for do in doing:
            if do is Do.SEND:
                transaction.sent = data
                self._transmit(transaction)
            elif do is Do.RESEND:
                if transaction.sent and transaction.flow is not None:
                    self.out.append(SendOn(transaction.flow, transaction.sent))
            elif (
                do is Do.ACK and isinstance(transaction, ClientTransaction) and isinstance(message, Response)
            ):
                self._acknowledge(transaction, message)
        if transaction.state is State.TERMINATED:
            self._forget(transaction)
        if doing:
            _tell(transaction, doing[-1], message)

    def _acknowledge(self, transaction: ClientTransaction, response: Response) -> None:
        """Send the ACK of a failure response: part of the transaction (RFC 3261 section 17.1.1.3)."""
        pairs = _repeated(transaction.request, "ACK")
        to = response.headers.get("To") or ""
        pairs = [(name, to if name == "To" else value) for name, value in pairs]
        ack = Request("ACK", transaction.request.uri, Headers(pairs)).serialise()
        self.send_again(ack, transaction.flow, transaction.hop)

    def _forget(self, transaction: Transaction) -> None:
        if isinstance(transaction, ServerTransaction):
            if self.servers.get(transaction.key) is transaction:
                del self.servers[transaction.key]
            merged = transaction.merged
            if merged is not None and self.merging.get(merged) == transaction.key:
                del self.merging[merged]
            flow: Flow | None = transaction.origin
        else:
            self.clients.pop(transaction.key, None)
            if isinstance(transaction, ClientTransaction):
                self._connecting.pop(transaction.ref, None)
            flow = transaction.flow
        if flow is not None and flow.reliable and (group := self._by_flow.get(flow)) is not None:
            group.discard(transaction)
            if not group:
                del self._by_flow[flow]

    def _write(
        self, request: Request, branch: str, flow: Flow | None, hop: Hop | None
    ) -> tuple[str, bytes, bool]:
        """Put Via in and serialise; choose TCP for what is too long for a datagram (RFC 3261 section 18.1.1).

        Returns the protocol, the bytes, and whether TCP was chosen for the size.
        """
        if flow is not None:
            self._put_via(request, flow.protocol, self.addresses.on(flow), branch)
            return flow.protocol, request.serialise(), False
        protocol = hop.protocol if hop is not None else ""
        host = hop.host if hop is not None else ""
        self._put_via(request, protocol or "udp", self.addresses.by(protocol or "udp", host), branch)
        data = request.serialise()
        if protocol or len(data) <= self.settings.largest_datagram:
            return protocol or "udp", data, False
        request.headers.remove("Via")
        self._put_via(request, "tcp", self.addresses.by("tcp", host), branch)
        return "tcp", request.serialise(), True

    def _put_via(self, request: Request, protocol: str, ours: Advertised, branch: str) -> None:
        sent_by = host_port(ours.host, ours.port)
        rport = ";rport" if protocol == "udp" else ""
        request.headers.insert_first("Via", f"SIP/2.0/{protocol.upper()} {sent_by};branch={branch}{rport}")


def _tell(transaction: Transaction, do: Do, message: Request | Response | None) -> None:
    """Tell the user of a transaction what the table says."""
    if isinstance(transaction, ServerTransaction):
        user = transaction.user
        if user is None:
            return
        if do is Do.TELL and isinstance(message, Request):
            user.on_ack(transaction, message)
        elif do in (Do.TELL_TIMEOUT, Do.TELL_BROKEN):
            user.on_unsent(transaction)
    elif isinstance(transaction, ClientTransaction):
        if do is Do.TELL and isinstance(message, Response):
            transaction.user.on_response(transaction, message)
        elif do is Do.TELL_TIMEOUT:
            transaction.user.on_silence(transaction, 408)
        elif do is Do.TELL_BROKEN:
            transaction.user.on_silence(transaction, 503)


_SPENT = Request("", "", Headers())
_KEPT = frozenset(("Via", "Route", "From", "To", "Call-ID", "CSeq", "Max-Forwards"))


def _repeated(request: Request, method: str) -> list[tuple[str, str]]:
    """The headers that ACK and CANCEL repeat from their INVITE."""
    pairs = [(name, value) for name, value in request.headers.items() if name in _KEPT]
    return [(name, f"{request.cseq.number} {method}" if name == "CSeq" else value) for name, value in pairs]


def _merge_key(request: Request) -> Key:
    cseq = request.cseq
    return (request.call_id, request.from_.tag or "", str(cseq.number), cseq.method)
