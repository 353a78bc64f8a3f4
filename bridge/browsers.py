"""What the rest of the bridge does for browsers and cameras: load, TURN, invitations, calls out, records."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bridge.call_record import CallRecord
from bridge.focus import Focus
from bridge.leg import Called
from bridge.rooms.participant import Role
from bridge.web.clients import Invitation, Servers
from bridge.web.turn import TurnCredentials, TurnServers
from config.model import Room

Dial = Callable[[str, Focus, str, Role], Called | str]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """See `bridge.web.clients.Surroundings`. `url`: of the web, without a slash; `sip_host`: after the "@"."""

    load: Callable[[], str | None]
    turn_servers: TurnServers
    url: str
    sip_host: str
    call: Dial
    on_record: Callable[[CallRecord], None]
    wallclock: Callable[[], float]

    def refusal(self) -> str | None:
        """The name of what stands against newcomers now, or None."""
        return self.load()

    def turn(self, leg: str) -> TurnCredentials | None:
        """What a leg may use of our TURN servers."""
        return self.turn_servers.credentials(leg, self.wallclock())

    def servers(self, client: str) -> Servers:
        """TURN servers with credentials. No STUN: the bridge's own addresses are all that a browser needs to know."""
        credentials = self.turn(client)
        return Servers([], credentials.servers() if credentials else [])

    def invitation(self, room: Room) -> Invitation:
        """How others find a room."""
        number = room.number
        return Invitation(
            number, f"{number}@{self.sip_host}", f"{self.url}/{number}", f"{self.url}/whip/{number}"
        )

    def dial(self, by: str, focus: Focus, uri: str, role: Role) -> Called | str:
        """A host calls somebody into his room: what is called, or why nothing is."""
        return self.call(by, focus, uri, role)

    def record(self, record: CallRecord) -> None:
        """A leg has ended."""
        self.on_record(record)
