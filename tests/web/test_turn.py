"""What clients are told of TURN servers is what these work out for themselves, and ends in time."""

from __future__ import annotations

import base64
import hashlib
import hmac

from bridge.web.turn import TurnServers
from config.secret import Secret

URIS = ("turn:turn.example.org:3478?transport=udp", "turns:turn.example.org:5349?transport=tcp")
SERVERS = TurnServers(URIS, Secret("shared with the server"), lifetime_s=600.0)


def test_credentials_are_those_that_the_server_works_out() -> None:
    made = SERVERS.credentials("a1b2", 1_000_000.5)
    assert made is not None
    until, _, name = made.user.partition(":")
    assert (until, name) == ("1000600", "a1b2")
    expected = hmac.new(b"shared with the server", made.user.encode(), hashlib.sha1).digest()
    assert base64.b64decode(made.password.reveal()) == expected


def test_as_browsers_and_cameras_are_told() -> None:
    made = SERVERS.credentials("a1b2", 0.0)
    assert made is not None
    (server,) = made.servers()
    assert server["urls"] == list(URIS) and server["username"] == "600:a1b2"
    first, second = made.links()
    assert first.startswith(f'<{URIS[0]}>; rel="ice-server"; username="600:a1b2"; credential="')
    assert second.startswith(f"<{URIS[1]}>") and second.endswith('credential-type="password"')


def test_nobody_is_told_of_none_and_secrets_are_not_shown() -> None:
    assert TurnServers().credentials("a", 0.0) is None
    assert "shared" not in repr(SERVERS)
    made = SERVERS.credentials("a", 0.0)
    assert made is not None and made.password.reveal() not in repr(made)
