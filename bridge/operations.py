"""What an operator may do with a running bridge, and how hosts call out. An operator has no ear in any room."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

from bridge.errors import ProtocolError
from bridge.focus import Audit, Conferences, Focus
from bridge.leg import Called
from bridge.load import LoadWatch
from bridge.reception import Reception
from bridge.rooms import commands
from bridge.rooms.commands import Command, How
from bridge.rooms.events import DialAsked
from bridge.rooms.participant import Participant, Role
from bridge.sip.signalling import Signalling
from bridge.sip.uri import parse_uri
from config.model import DialOutConfig, Peer, PeerKind, Room

OPERATOR: Final = "operator"
RETRY_AFTER_S: Final = 30  # told to callers while the bridge drains

ROOM_COMMANDS: Final[dict[str, Callable[[], Command]]] = {
    "start": lambda: commands.Start(OPERATOR, How.OPERATOR),
    "lock": lambda: commands.Lock(OPERATOR, True, How.OPERATOR),
    "unlock": lambda: commands.Lock(OPERATOR, False, How.OPERATOR),
    "mute-guests": lambda: commands.MuteGuests(OPERATOR, True, How.OPERATOR),
    "unmute-guests": lambda: commands.MuteGuests(OPERATOR, False, How.OPERATOR),
    "next-layout": lambda: commands.NextLayout(OPERATOR, How.OPERATOR),
    "admit-all": lambda: commands.AdmitAll(OPERATOR, How.OPERATOR),
    "end": lambda: commands.End(OPERATOR, at_once=True, how=How.OPERATOR),
}
"""What can be done to a conference, by name."""

PERSON_COMMANDS: Final[dict[str, Callable[[str], Command]]] = {
    "admit": lambda leg: commands.Admit(OPERATOR, leg, How.OPERATOR),
    "decline": lambda leg: commands.Decline(OPERATOR, leg, How.OPERATOR),
    "mute": lambda leg: commands.Mute(OPERATOR, leg, True, How.OPERATOR),
    "unmute": lambda leg: commands.Mute(OPERATOR, leg, False, How.OPERATOR),
    "video-mute": lambda leg: commands.VideoMute(OPERATOR, leg, True, How.OPERATOR),
    "video-unmute": lambda leg: commands.VideoMute(OPERATOR, leg, False, How.OPERATOR),
    "mark-interpreter": lambda leg: commands.MarkInterpreter(OPERATOR, leg, True, How.OPERATOR),
    "unmark-interpreter": lambda leg: commands.MarkInterpreter(OPERATOR, leg, False, How.OPERATOR),
    "kick": lambda leg: commands.Kick(OPERATOR, leg, How.OPERATOR),
    "make-host": lambda leg: commands.SetRole(OPERATOR, leg, Role.HOST, How.OPERATOR),
    "make-guest": lambda leg: commands.SetRole(OPERATOR, leg, Role.GUEST, How.OPERATOR),
}
"""What can be done to somebody in a conference or its lobby, by name."""


class Operations:
    """Everything behind the management port. `stop` ends the bridge; `healthy` names the part that does not live."""

    def __init__(
        self,
        conferences: Conferences,
        reception: Reception,
        signalling: Signalling,
        load: LoadWatch,
        peers: Sequence[Peer],
        dial_out: DialOutConfig,
        drain_s: float,
        audit: Audit,
        healthy: Callable[[], str | None],
        stop: Callable[[], None],
    ) -> None:
        self._conferences = conferences
        self._reception = reception
        self._signalling = signalling
        self._load = load
        self._peers = tuple(peers)
        self._dial_out = dial_out
        self._drain_s = drain_s
        self._audit = audit
        self._stop = stop
        self._dialled_at: list[float] = []  # within the last minute; bounded by `per_minute`
        self.healthy = healthy

    def ready(self) -> str | None:
        """None when new calls are taken, else the name of what stands against it."""
        return self._load.refusal()

    def drain(self) -> None:
        """Take no new calls; the bridge ends when none is left, or after its time with BYE."""
        if self._load.draining:
            return
        self._load.draining = True
        self._audit({"room": "", "event": "drain", "by": OPERATOR, "how": How.OPERATOR.value})
        self._signalling.drain(RETRY_AFTER_S)
        asyncio.get_running_loop().call_later(self._drain_s, self._stop)

    # -- conferences ------------------------------------------------------------------------------------------------

    def conferences(self) -> list[dict[str, Any]]:
        """Numbers and head counts of the conferences that live now; no names."""
        listed = []
        for focus in self._conferences:
            people = focus.conference.people
            inside = [person for person in people if person.inside]
            listed.append({
                "number": focus.room.number, "started": focus.conference.started, "locked": focus.conference.locked,
                "inside": len(inside), "hosts": sum(person.is_host for person in inside),
                "lobby": len(people) - len(inside), "talking": len(focus.talking),
                "layout": focus.conference.layouts.host, "watching": len(focus.conference.scene.watchers),
            })  # fmt: skip
        return listed

    def people(self, number: str) -> list[dict[str, Any]] | None:
        """Everybody in a conference and its lobby, in the order of coming; None when there is no such conference."""
        focus = self._conferences.get(number)
        if focus is None:
            return None
        return [_shown(person, person.leg in focus.talking) for person in focus.conference.people]

    def command(self, number: str, name: str, leg: str | None) -> str | None:
        """Do something to a conference, or to one `leg` in it; None when it was asked for, else why it was not."""
        focus = self._conferences.get(number)
        if focus is None:
            return "no-such-conference"
        if leg is None:
            make = ROOM_COMMANDS.get(name)
            command = make() if make else None
        else:
            make_for = PERSON_COMMANDS.get(name)
            command = make_for(leg) if make_for else None
        if command is None:
            return "no-such-command"
        if leg is not None and all(person.leg != leg for person in focus.conference.people):
            return "no-such-participant"
        focus.command(command)
        return None

    # -- calls out --------------------------------------------------------------------------------------------------

    def dial(self, number: str, uri: str) -> str | None:
        """Call somebody into a room; None when the call is under way, else why it is not."""
        room = self._reception.room(number)
        if room is None:
            return "unknown-room"
        called = self._call(room, uri, Role.GUEST, OPERATOR, How.OPERATOR)
        return None if isinstance(called, Called) else called

    def dial_for(self, by: str, focus: Focus, uri: str, role: Role = Role.GUEST) -> Called | str:
        """Call somebody into a room for the leg `by`, if that is a host there: what is called, or why nothing is."""
        asked = focus.ask(commands.Dial(by))
        if not any(isinstance(event, DialAsked) for event in asked):
            return "not-allowed"
        return self._call(focus.room, uri, role, by, How.API)

    def _call(self, room: Room, uri: str, role: Role, by: str, how: How) -> Called | str:
        """Whoever asks, calls go only where the configuration allows, and only so many a minute."""
        if (trouble := self.ready()) is not None:
            return trouble
        try:
            target = parse_uri(uri)
        except ProtocolError:
            return "not-a-sip-uri"
        if not target.is_sip or target.headers or target.password is not None:
            return "not-a-sip-uri"
        allowed = f"{target.user or ''}@{target.host}"
        if not any(fits(pattern, allowed) for pattern in self._dial_out.allow):
            return "not-on-the-allow-list"
        if not self._paced():
            return "too-many-calls-out"
        trunk = next((peer for peer in self._peers if _serves(peer, target.host)), None)
        self._audit({"room": room.number, "event": "dial", "by": by, "how": how.value})
        return Called(self._signalling.dial(room, target, trunk, role))

    def _paced(self) -> bool:
        now = asyncio.get_running_loop().time()
        self._dialled_at = [at for at in self._dialled_at if now - at < 60.0]
        if len(self._dialled_at) >= self._dial_out.per_minute:
            return False
        self._dialled_at.append(now)
        return True


def fits(pattern: str, target: str) -> bool:
    """Whether "user@host" is allowed by a pattern. "*" stands for the rest of the user part: "*@host", "+47*@host"."""
    user, _, host = pattern.lower().partition("@")
    dialled, _, at = target.lower().partition("@")
    if host != at:
        return False
    return dialled.startswith(user[:-1]) if user.endswith("*") else dialled == user


def _serves(peer: Peer, host: str) -> bool:
    """Whether a call out to `host` goes through this trunk."""
    if peer.kind is not PeerKind.TRUNK or not peer.server:
        return False
    return parse_uri(peer.server).host.lower() == host.lower()


def _shown(person: Participant, talking: bool) -> dict[str, Any]:
    return {
        "leg": person.leg, "name": person.name, "role": person.role.value, "place": person.place.value,
        "muted": person.muted, "held": person.held, "lost": person.silent, "hand": person.hand_since is not None,
        "talking": talking, "camera": person.pictures.camera, "watches": person.pictures.watches,
        "video_muted": person.video_muted, "interpreter": person.interpreter_since is not None,
        "presenting": person.presenting_since is not None,
    }  # fmt: skip
