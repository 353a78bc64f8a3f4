"""A dialog: what two user agents keep of each other between INVITE and BYE (RFC 3261 section 12).

Strategy: From, To and the route set are kept as the text that the peer wrote and are only ever echoed. Where a request
goes is decided here too (`next_hop`), because symmetric signalling through NAT needs what the dialog knows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bridge.errors import ProtocolError
from bridge.sip.commands import Hop
from bridge.sip.flow import Flow
from bridge.sip.grammar import split_list
from bridge.sip.headers import Headers
from bridge.sip.message import Message, Request, Response
from bridge.sip.uri import Uri, is_literal, parse_name_addr, parse_uri, same_host

DialogId = tuple[str, str, str]  # Call-ID, our tag, their tag ("" for a peer of RFC 2543)

_MOST_ROUTES = 30


@dataclass(slots=True)
class Dialog:
    """One dialog, seen from us.

    `local`, `remote`: values for From and To of our requests, tags included. `target`: the remote target URI as
    written. `routes`: the route set in the order of our requests. `local_seq`, `remote_seq`: CSeq numbers last used,
    None before the first of the other side. `flow`: where the peer was last seen; `symmetric`: it sends from where it
    listens, or hides behind NAT, so that requests go back on the flow. `relayed`: a proxy stands between it and the
    flow. `contact`: our own Contact value in it.
    """

    call_id: str
    local_tag: str
    remote_tag: str
    local: str
    remote: str
    target: str
    routes: tuple[str, ...]
    local_seq: int
    remote_seq: int | None
    flow: Flow | None
    symmetric: bool = True
    relayed: bool = False
    contact: str = ""

    @property
    def id(self) -> DialogId:
        """What messages of this dialog are found by."""
        return (self.call_id, self.local_tag, self.remote_tag)

    def request(
        self, method: str, *, number: int | None = None, headers: Iterable[tuple[str, str]] = ()
    ) -> Request:
        """Make a request in the dialog, without Via (RFC 3261 section 12.2.1.1).

        The CSeq number goes up, except for ACK and CANCEL: they repeat the `number` of their INVITE.
        """
        if number is None:
            self.local_seq += 1
            number = self.local_seq
        uri, routes = self._routing()
        pairs = [("Route", route) for route in routes]
        pairs += [
            ("Max-Forwards", "70"),
            ("From", self.local),
            ("To", self.remote),
            ("Call-ID", self.call_id),
            ("CSeq", f"{number} {method}"),
        ]
        pairs += headers
        return Request(method, uri, Headers(pairs))

    def _routing(self) -> tuple[str, tuple[str, ...]]:
        """Request-URI and Route values: loose routers, or strict ones (RFC 3261 section 12.2.1.1)."""
        if not self.routes:
            return self.target, ()
        first = parse_name_addr(self.routes[0]).uri
        if first.loose:
            return self.target, self.routes
        return first.as_request_uri(), (*self.routes[1:], f"<{self.target}>")

    def next_hop(self) -> tuple[Flow | None, Hop | None]:
        """Where our next request goes: a flow that exists, or a host to connect to (one of the two).

        Connections are reused (RFC 5923), but not one of a proxy that wants no further part in the dialog: it did not
        record-route. Over UDP, the flow is used where the peer signals symmetrically or where its address is not the
        one we see (NAT); its host with the announced port where it merely sends from another port; and what the route
        set or the target says where the request came through a proxy.
        """
        uri = parse_name_addr(self.routes[0]).uri if self.routes else parse_uri(self.target)
        flow, hop = self.flow, hop_of(uri)
        if flow is not None:
            if self.symmetric or (flow.reliable and (self.routes or not self.relayed)):
                return flow, None
            if not flow.reliable and same_host(uri.host, flow.remote[0]):
                return flow.towards(hop.port), None
        return None, hop

    def heard(self, request: Request, flow: Flow) -> None:
        """Take note of the way that a request of the peer came by: the newest is where it can be reached."""
        self.flow = flow
        self.relayed = _is_relayed(request)

    def refresh_target(self, message: Message) -> None:
        """Take over the Contact of a target refresh request or its 2xx (RFC 3261 section 12.2).

        Raises ProtocolError if the Contact cannot be read; without one nothing changes.
        """
        contact = message.contact
        if contact is not None and contact.uri.is_sip:
            self.target = contact.uri.as_request_uri()

    def in_order(self, request: Request) -> bool:
        """Take the CSeq of a request; False if it is not higher than the last one (section 12.2.2: answer 500)."""
        number = request.cseq.number
        if self.remote_seq is not None and number <= self.remote_seq:
            return False
        self.remote_seq = number
        return True


def hop_of(uri: Uri) -> Hop:
    """Where a SIP URI points, without SRV (RFC 3263 section 4.1): its host and port, its transport or ours to choose.

    A sips URI goes by TLS, whatever its transport parameter says (RFC 3261 section 26.2.2).
    """
    protocol = "tls" if uri.scheme == "sips" else uri.transport
    if protocol not in ("udp", "tcp", "tls"):
        protocol = ""
    return Hop(protocol, uri.host, uri.port or (5061 if protocol == "tls" else 5060))


def _is_relayed(request: Request) -> bool:
    return len(split_list(request.headers.get_all("Via"))) > 1


def _routes(message: Message) -> list[str]:
    """The Record-Route values as written, in order. Raises ProtocolError if one cannot be used."""
    values = split_list(message.headers.get_all("Record-Route"))
    if len(values) > _MOST_ROUTES:
        raise ProtocolError("record-route", "too many")
    for value in values:
        if not parse_name_addr(value).uri.is_sip:
            raise ProtocolError("record-route", "not SIP")
    return values


def _target(message: Message) -> str:
    contact = message.contact
    if contact is None or not contact.uri.is_sip:
        raise ProtocolError("contact", "missing, or not a SIP address")
    return contact.uri.as_request_uri()


def _symmetric(request: Request, flow: Flow) -> bool:
    """Whether requests to the sender of this one should go back to where it came from."""
    if _is_relayed(request):
        return False
    if request.via.wants_rport:
        return True
    routes = request.record_routes
    host = routes[0].uri.host if routes else parse_uri(_caller(request)).host
    return is_literal(host) and not same_host(host, flow.remote[0])


def _caller(request: Request) -> str:
    """The remote target of a caller; one of RFC 2543 may send no Contact and is reached at its From address."""
    return str(request.from_.uri) if request.contact is None else _target(request)


def from_request(request: Request, local_tag: str, flow: Flow) -> Dialog:
    """The dialog that a UAS makes with its first response that carries a To tag (RFC 3261 section 12.1.1).

    Raises ProtocolError if Contact or Record-Route cannot be used.
    """
    return Dialog(
        call_id=request.call_id,
        local_tag=local_tag,
        remote_tag=request.from_.tag or "",
        local=f"{request.headers.get('To')};tag={local_tag}",
        remote=request.headers.get("From") or "",
        target=_caller(request),
        routes=tuple(_routes(request)),
        local_seq=0,
        remote_seq=request.cseq.number,
        flow=flow,
        symmetric=_symmetric(request, flow),
        relayed=_is_relayed(request),
    )


def from_response(request: Request, response: Response, flow: Flow | None) -> Dialog:
    """The dialog that a UAC makes of a response with a To tag (RFC 3261 section 12.1.2); the route set is turned round.

    Without a Contact, which a 2xx should have and a provisional response need not, the target is the Request-URI.
    Raises ProtocolError if what the response says cannot be used.
    """
    contact = response.contact
    target = request.uri if contact is None else _target(response)
    return Dialog(
        call_id=request.call_id,
        local_tag=request.from_.tag or "",
        remote_tag=response.to.tag or "",
        local=request.headers.get("From") or "",
        remote=response.headers.get("To") or "",
        target=target,
        routes=tuple(reversed(_routes(response))),
        local_seq=request.cseq.number,
        remote_seq=None,
        flow=flow,
        symmetric=False,
    )
