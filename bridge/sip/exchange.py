"""A live transaction with its message, its way and its user; and what users promise to the transaction layer."""

from __future__ import annotations

from typing import Protocol

from bridge.sip.commands import Hop
from bridge.sip.flow import Flow
from bridge.sip.message import Request, Response
from bridge.sip.transaction import Key, Transaction


class ServerUser(Protocol):
    """Who answers a request."""

    def on_ack(self, transaction: ServerTransaction, ack: Request) -> None:
        """An ACK for the 2xx came with the branch of the INVITE (RFC 2543 peers do so)."""
        ...

    def on_unsent(self, transaction: ServerTransaction) -> None:
        """The final response was not acknowledged in time, or the connection is gone."""
        ...


class ClientUser(Protocol):
    """Who sent a request."""

    def on_response(self, transaction: ClientTransaction, response: Response) -> None:
        """A response came, provisional or final; a 2xx to INVITE may come several times."""
        ...

    def on_silence(self, transaction: ClientTransaction, status: int) -> None:
        """No final response will come: 408 timed out, 503 no way there."""
        ...


class TimerUser(Protocol):
    """Who sets timers of its own."""

    def on_timer(self, name: str) -> None:
        """The timer `name` has run out."""
        ...


class ServerTransaction(Transaction):
    """A request received. `origin` is the flow it came in on; `flow` is where its responses go.

    `request` is let go with the final response, to save memory: an empty one stands in for it then.
    """

    __slots__ = ("merged", "origin", "request", "to_tag", "user")

    request: Request
    origin: Flow
    user: ServerUser | None
    to_tag: str
    merged: Key | None


class ClientTransaction(Transaction):
    """A request sent; `hop` and `ref` while it has no flow. `upgraded`: TCP only because of its size."""

    __slots__ = ("hop", "ref", "request", "upgraded", "user")

    request: Request
    user: ClientUser
    hop: Hop | None
    ref: int
    upgraded: bool


def reply_flow(request: Request, flow: Flow) -> Flow:
    """Where responses to a request go (RFC 3261 section 18.2.2, RFC 3581 section 4).

    The connection that it came by; over UDP the source with rport, else the source's address and the port of sent-by.
    `maddr` and a forged `received` are ignored: nothing is ever sent to a third address.
    """
    via = request.via
    if flow.reliable or via.wants_rport or via.sent_by[1] == flow.remote[1]:
        return flow
    return flow.towards(via.sent_by[1])
