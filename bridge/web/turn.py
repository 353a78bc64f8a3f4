"""Credentials for TURN servers, good for a while: what coturn calls `use-auth-secret`, and others a TURN REST API.

The user name is the end of its validity and a name, the password a keyed hash of it under a secret that we share with
the servers (draft-uberti-behave-turn-rest-00). Nothing needs to be told to them.
"""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass
from typing import Any

from config.secret import Secret


@dataclass(frozen=True, slots=True)
class TurnServers:
    """Servers that share one secret. `uris` as in RFC 7065; none: clients are told of none."""

    uris: tuple[str, ...] = ()
    secret: Secret = Secret()
    lifetime_s: float = 7200.0

    def credentials(self, name: str, wallclock: float) -> TurnCredentials | None:
        """What whoever is called `name` may use from now on, or None without servers. `wallclock`: Unix seconds."""
        if not self.uris:
            return None
        user = f"{int(wallclock + self.lifetime_s)}:{name}"
        digest = hmac.digest(self.secret.reveal().encode(), user.encode(), "sha1")
        return TurnCredentials(self.uris, user, Secret(base64.b64encode(digest).decode()))


@dataclass(frozen=True, slots=True)
class TurnCredentials:
    """What one client is told."""

    uris: tuple[str, ...]
    user: str
    password: Secret

    def servers(self) -> list[dict[str, Any]]:
        """As the client API tells it in `turn`, and as a browser's peer connection takes it."""
        return [{"urls": list(self.uris), "username": self.user, "credential": self.password.reveal()}]

    def links(self) -> list[str]:
        """As values of Link headers (RFC 9725 section 4.6)."""
        said = f'; rel="ice-server"; username="{self.user}"; credential="{self.password.reveal()}"'
        return [f'<{uri}>{said}; credential-type="password"' for uri in self.uris]
