"""Keeping one trunk's registration alive (RFC 3261 section 10.2)."""

from __future__ import annotations

from bridge.errors import ProtocolError
from bridge.sip.commands import Trunk
from bridge.sip.dial import hop_towards
from bridge.sip.events import Registered, RegistrationFailed
from bridge.sip.exchange import ClientTransaction
from bridge.sip.flow import Flow
from bridge.sip.grammar import number
from bridge.sip.headers import Headers
from bridge.sip.layer import Layer
from bridge.sip.message import Request, Response
from bridge.sip.proof import Proof
from bridge.sip.settings import contact_value
from bridge.sip.uri import Uri, parse_name_addr, same_host

_FIRST_RETRY_S = 30.0
_LONGEST_RETRY_S = 1800.0
_LEAST_S = 30
_LONGEST_S = 86_400


class Registration:
    """One binding at one registrar: REGISTER, refresh at about half its life, back-off when it fails."""

    def __init__(self, layer: Layer, trunk: Trunk) -> None:
        self._layer = layer
        self._trunk = trunk
        self._call_id = layer.token()
        self._tag = layer.token()
        self._number = 0
        self._expires_s = trunk.expires_s
        self._failures = 0
        self._raised = False  # by a 423
        self._leaving = False
        self._transaction: ClientTransaction | None = None
        self._contact: Uri | None = None  # what we registered last
        self._flow: Flow | None = None  # the connection that the registrar may call us on
        self._proof = Proof(trunk.credentials, layer.token)

    def register(self) -> None:
        """Send REGISTER now."""
        try:
            self._send([])
        except ProtocolError:
            self._layer.drop("registrar")
            self._layer.emit(RegistrationFailed(self._trunk.name, 400, None))

    def unregister(self) -> None:
        """Take the binding back; nothing is refreshed any more."""
        self._leaving = True
        self._expires_s = 0
        self._proof.begin()
        self._layer.cancel_timer(self, "register")
        self.register()

    def stop(self) -> None:
        """Forget it without a word: another registration takes its place."""
        self._leaving = True
        self._transaction = None
        self._layer.cancel_timer(self, "register")

    def _send(self, extra: list[tuple[str, str]]) -> None:
        trunk = self._trunk
        hop = trunk.hop or hop_towards(trunk.registrar)
        user = parse_name_addr(trunk.address).uri.user or self._layer.settings.user
        listener = self._layer.addresses.by(hop.protocol or "udp", hop.host)
        contact = contact_value(listener, user, focus=False, secure=trunk.registrar.startswith("sips:"))
        self._contact = parse_name_addr(contact).uri
        self._number += 1
        pairs = [
            ("Max-Forwards", "70"),
            ("From", f"<{trunk.address}>;tag={self._tag}"),
            ("To", f"<{trunk.address}>"),
            ("Call-ID", self._call_id),
            ("CSeq", f"{self._number} REGISTER"),
            ("Contact", contact),
            ("Expires", str(self._expires_s)),
            *extra,
        ]
        self._transaction = self._layer.send(
            Request("REGISTER", trunk.registrar, Headers(pairs)), self, None, hop
        )

    def on_response(self, transaction: ClientTransaction, response: Response) -> None:
        """A response to REGISTER."""
        status = response.status
        if transaction is not self._transaction or status < 200:
            return
        self._transaction = None
        if status < 300:
            self._flow = transaction.flow
            self._registered(response)
        elif status in (401, 407) and self._answer_challenge(response):
            return
        elif status == 423 and self._raise_expiry(response):
            self.register()
        else:
            self._failed(status)

    def on_silence(self, transaction: ClientTransaction, status: int) -> None:
        """No answer, or no way there."""
        if transaction is self._transaction:
            self._transaction = None
            self._failed(status)

    def flow_lost(self, flow: Flow) -> None:
        """The connection is gone: calls cannot come in by it any more, so make another soon."""
        if flow == self._flow and not self._leaving:
            self._flow = None
            if self._transaction is None:
                self._layer.set_timer(self, "register", 1 + 4 * self._layer.chance())

    def on_timer(self, name: str) -> None:
        """Refresh, or try again."""
        self.register()

    def _answer_challenge(self, response: Response) -> bool:
        header = self._proof.answer(response, "REGISTER", self._trunk.registrar)
        if header is None:
            return False
        self._send([header])
        return True

    def _raise_expiry(self, response: Response) -> bool:
        """Take the Min-Expires of a 423, once (RFC 3261 section 10.2.8)."""
        try:
            least = number(response.headers.get("Min-Expires") or "", _LONGEST_S, "min-expires")
        except ProtocolError:
            return False
        if self._raised or least <= self._expires_s:
            return False
        self._raised = True
        self._proof.begin()
        self._expires_s = least
        return True

    def _registered(self, response: Response) -> None:
        self._failures = 0
        self._settled()
        if self._leaving:
            self._layer.emit(Registered(self._trunk.name, 0))
            return
        seconds = max(_LEAST_S, min(_granted(response, self._contact, self._expires_s), _LONGEST_S))
        # About half, not exactly: many trunks begun together need not refresh together.
        self._layer.set_timer(self, "register", seconds * (0.45 + 0.1 * self._layer.chance()))
        self._layer.emit(Registered(self._trunk.name, seconds))

    def _settled(self) -> None:
        """The errand has come to an end, one way or the other."""
        self._proof.begin()
        self._raised = False

    def _failed(self, status: int) -> None:
        self._settled()
        if self._leaving:
            self._layer.emit(RegistrationFailed(self._trunk.name, status, None))
            return
        pause = min(_LONGEST_RETRY_S, _FIRST_RETRY_S * 2 ** min(self._failures, 8))
        pause *= 0.5 + 0.5 * self._layer.chance()
        self._failures += 1
        self._layer.set_timer(self, "register", pause)
        self._layer.emit(RegistrationFailed(self._trunk.name, status, pause))


def _granted(response: Response, ours: Uri | None, asked: int) -> int:
    """The lifetime [s] that the registrar gave us: with our Contact, else in Expires, else what we asked for.

    A registrar lists all bindings of the address (RFC 3261 section 10.3), perhaps one of an earlier life of ours. Where
    it lists one only, that is ours, even if something on the way has rewritten it.
    """
    try:
        contacts = response.contacts
        if len(contacts) > 1:
            contacts = tuple(each for each in contacts if ours is not None and _same_binding(each.uri, ours))
        if contacts and (text := contacts[0].params.get("expires")):
            return number(text, 2**32 - 1, "expires")
        return asked if response.expires is None else response.expires
    except ProtocolError:
        return asked


def _same_binding(one: Uri, other: Uri) -> bool:
    """Whether two Contact URIs are one, as far as ours can differ (RFC 3261 section 19.1.4)."""
    return same_host(one.host, other.host) and (one.user, one.port, one.transport) == (
        other.user,
        other.port,
        other.transport,
    )
