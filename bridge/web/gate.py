"""Who may use which route: every route has one gate, and the gate is where a request meets its client.

The conference's own table of rights is asked again for each command; the gate comes before it, so that who waits at a
door learns nothing, whatever he asks.
"""

from __future__ import annotations

from typing import Final

from fastapi import Request

from bridge.web.access import Access, permits
from bridge.web.client import Client
from bridge.web.clients import Clients
from bridge.web.protocol import BUSY, INVALID_ROLE, INVALID_TOKEN
from bridge.web.refusal import RefusedError

RETRY_S: Final = 1


class Gate:
    """A dependency that gives the client who asks, or raises RefusedError: 403, or 429 for one who asks too often."""

    def __init__(self, access: Access, clients: Clients) -> None:
        self.access = access
        self._clients = clients

    async def __call__(self, request: Request) -> Client:
        """Let a request in."""
        return self.admit(request)

    def find(self, request: Request) -> Client | None:
        """Whose token stands in a request: in its headers, or for those that cannot set any in its address."""
        token = request.headers.get("token") or request.query_params.get("token", "")
        return self._clients.by_token(token)

    def admit(self, request: Request) -> Client:
        """The client with the token of a request, if it may use the route."""
        client = self.find(request)
        if client is None or not self._clients.meets(client, request.path_params["alias"]):
            raise RefusedError(403, INVALID_TOKEN)
        if client.busy(self._clients.now):
            raise RefusedError(429, BUSY, RETRY_S)
        view = self._clients.board(client).view(client)
        own = request.path_params.get("uuid") == client.id
        if not permits(self.access, view, own):
            raise RefusedError(403, INVALID_ROLE)
        return client


class TicketGate(Gate):
    """A gate that opens to a ticket for events as well."""

    def find(self, request: Request) -> Client | None:
        """Whose ticket or token stands in a request."""
        ticket = request.query_params.get("ticket", "")
        return self._clients.by_ticket(ticket) if ticket else super().find(request)


class Unguarded:
    """The mark of a route that needs no token."""

    access: Final = Access.OPEN

    async def __call__(self) -> None:
        """Let everybody in."""
