"""The rights of web clients: which kinds of routes there are, and who may use each kind."""

from __future__ import annotations

from enum import Enum
from typing import assert_never

from bridge.web.roster import INSIDE, View


class Access(Enum):
    """Who may use a route. `{uuid}` is the participant in its path."""

    OPEN = "open"  # without a token
    ANY = "any"  # whoever has a token, waiting or inside
    INSIDE = "inside"  # those in the room
    HOST = "host"  # hosts in the room
    OWN = "own"  # {uuid} himself, waiting or inside
    OWN_OR_HOST = "own-or-host"  # {uuid} himself, waiting or inside; hosts in the room
    OWN_INSIDE = "own-inside"  # {uuid} himself, in the room
    OWN_INSIDE_OR_HOST = "own-inside-or-host"  # {uuid} himself, in the room; hosts in the room


def permits(access: Access, view: View, own: bool) -> bool:
    """The table: whether somebody who sees as much as `view` may use a route; `own`: it is about himself."""
    inside, host = view in INSIDE, view is View.HOST
    match access:
        case Access.OPEN | Access.ANY:
            return True
        case Access.INSIDE:
            return inside
        case Access.HOST:
            return host
        case Access.OWN:
            return own
        case Access.OWN_OR_HOST:
            return own or host
        case Access.OWN_INSIDE:
            return own and inside
        case Access.OWN_INSIDE_OR_HOST:
            return (own and inside) or host
        case _:
            assert_never(access)
