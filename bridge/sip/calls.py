"""Every live call of one agent: by the name that the floor above uses, and by dialog."""

from __future__ import annotations

from typing import Protocol

from bridge.sip.dialog import DialogId
from bridge.sip.exchange import ServerTransaction
from bridge.sip.flow import Flow
from bridge.sip.message import Request


class Correspondent(Protocol):
    """Who takes the requests of a dialog."""

    def receive(self, transaction: ServerTransaction) -> None:
        """A request in the dialog, ACK and CANCEL excepted."""
        ...

    def receive_ack(self, ack: Request, flow: Flow) -> None:
        """The ACK of a 2xx, and the flow that it came by."""
        ...

    def flow_lost(self, flow: Flow) -> None:
        """A connection is gone; it may be this dialog's."""
        ...


class Calls:
    """The tables. `named` holds calls by name, `dialogs` the takers of requests by dialog."""

    def __init__(self) -> None:
        self.named: dict[str, object] = {}
        self.dialogs: dict[DialogId, Correspondent] = {}
        self._serial = 0

    def new_name(self) -> str:
        """A name for a call that comes in, not used by any other."""
        self._serial += 1
        while f"in-{self._serial}" in self.named:
            self._serial += 1
        return f"in-{self._serial}"

    def of(self, request: Request) -> Correspondent | None:
        """Whose dialog a request belongs to (RFC 3261 section 12.2.2)."""
        return self.dialogs.get((request.call_id, request.to.tag or "", request.from_.tag or ""))
