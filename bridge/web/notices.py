"""What a client is told of an event beside the state that it changes: messages, knocks, and what is about to happen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from bridge.leg import Told
from bridge.rooms import events
from bridge.web.roster import INSIDE, View

Notice = tuple[str, dict[str, Any]]

NOTED: Final = (
    events.Said | events.Knocking | events.KnocksReported | events.HandChanged | events.EndAnnounced
    | events.EndCancelled | events.HostsGone | events.Alone
)  # fmt: skip
"""The events that are told beside the state; all others only change it."""


def notice(event: Told, me: str, view: View, name_of: Callable[[str], str]) -> Iterator[Notice]:
    """The events for the client with the leg `me`, who sees as much as `view` says.

    Who sees nothing of the room is told nothing here, whatever may have been on its way to him. `notice` is ours, the
    other names are upstream's.
    """
    if view not in INSIDE:
        return
    match event:
        case events.Said():
            yield (
                "message_received",
                {
                    "origin": name_of(event.leg),
                    "uuid": event.leg,
                    "type": "text/plain",
                    "payload": event.text,
                    "direct": event.to is not None,
                },
            )
        case events.Knocking() if view is View.HOST and event.leg != me:
            yield _ours("knock", uuid=event.leg, display_name=event.name, again=event.again or event.moved)
        case events.KnocksReported():
            yield _ours("knocks", count=event.count)
        case events.HandChanged() if event.leg != me:
            yield _ours("hand", uuid=event.leg, raised=event.raised)
        case events.EndAnnounced():
            yield _ours("ending", after_s=event.after_s)
        case events.EndCancelled():
            yield _ours("ending-cancelled")
        case events.HostsGone():
            yield _ours("hosts-gone", ends_after_s=event.ends_after_s)
        case events.Alone():
            yield _ours("alone")
        case _:
            return


def _ours(what: str, **more: Any) -> Notice:
    return "notice", {"what": what, **more}
