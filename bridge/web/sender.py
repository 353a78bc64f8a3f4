"""Cameras and encoders: legs that only send, let in by a word that a host has made (RFC 9725).

offer -> leg -> door of the conference -> answer; one leg for each word: who comes again with it takes his own place
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

from bridge.admission import RETRY_AFTER_S
from bridge.call_record import CallRecord
from bridge.driver import in_turn
from bridge.errors import ProtocolError, Reason
from bridge.leg import Told
from bridge.reception import Reception
from bridge.rooms.participant import Role
from bridge.sdp import ice_fragment
from bridge.sdp.transport import Credentials
from bridge.switchboard import Switchboard
from bridge.text import clean_name
from bridge.web.leg import WebLeg
from bridge.web.media import NoMediaError, WebTerms
from bridge.web.protocol import SENT_AWAY
from bridge.web.refusal import refused
from config.model import Room

NAME: Final = "Camera"  # of a leg whose word has none

_DIRECTIONS: Final = (b"a=sendrecv", b"a=sendonly", b"a=recvonly", b"a=inactive")


class SendingLeg(WebLeg):
    """One camera or encoder. `session`: the name of its resource; `version`: goes up when ICE restarts."""

    way = "whip"
    session = ""
    word = ""
    version = 1

    async def offer(self, sdp: bytes) -> bytes:
        """Take its offer; the answer receives only. Raises ProtocolError, NoMediaError."""
        return await super().offer(sending(sdp))

    def restart(self, remote: Credentials) -> bytes:
        """Its ICE has new credentials; returns ours as a fragment (RFC 9725 section 4.3.3). Raises ProtocolError."""
        agreed = self._media.restart(remote)
        self.version += 1
        return ice_fragment.serialise(agreed.description, agreed.index)


class Surroundings(Protocol):
    """What the rest of the bridge does for senders."""

    def refusal(self) -> str | None:
        """The name of what stands against newcomers now, or None."""

    def record(self, record: CallRecord) -> None:
        """A leg has ended."""


class Senders:
    """All legs that come by WHIP. `forget` is told the word of one that was sent away: it is good no more."""

    def __init__(
        self,
        reception: Reception,
        switchboard: Switchboard,
        terms: WebTerms,
        surroundings: Surroundings,
        forget: Callable[[str], None],
        wallclock: Callable[[], float],
    ) -> None:
        self._reception = reception
        self._switchboard = switchboard
        self._terms = terms
        self._surroundings = surroundings
        self._forget = forget
        self._wallclock = wallclock
        self._legs: dict[str, SendingLeg] = {}  # by session; bounded by admission
        self._records: dict[str, CallRecord] = {}  # by leg, until its port is free

    def __len__(self) -> int:
        return len(self._legs)

    async def open(
        self, room: Room, word: str, name: str, source: str, offer: bytes
    ) -> tuple[SendingLeg, bytes]:
        """A new leg and the answer to its offer. Raises RefusedError; ProtocolError for the offer."""
        if (trouble := self._surroundings.refusal()) is not None:
            raise refused(Reason.SHUTDOWN if trouble == "draining" else Reason.OVERLOADED, RETRY_AFTER_S)
        for before in [each for each in self._legs.values() if each.word == word]:
            before.hang_up(Reason.REPLACED)
        leg = SendingLeg(
            secrets.token_hex(6), room, clean_name(name) or NAME, source, self._terms, self._switchboard, self
        )
        leg.session, leg.word = secrets.token_urlsafe(18), word
        self._stand(leg)
        try:
            answer = await leg.offer(offer)
        except NoMediaError:
            leg.hang_up(Reason.OVERLOADED)
            raise refused(Reason.OVERLOADED, RETRY_AFTER_S) from None
        except (ProtocolError, asyncio.CancelledError):
            leg.hang_up(Reason.NOT_ACCEPTABLE)
            raise
        self._reception.audit(room, leg, "arrived")
        try:
            leg.desk = self._reception.attend(leg, room, Role.GUEST)
        except Exception:
            leg.hang_up(Reason.FAULT)
            raise
        if leg.reason is not None:
            leg.desk.left(leg.reason)
            raise refused(leg.reason)
        return leg, answer

    def find(self, room: Room, session: str) -> SendingLeg | None:
        """The leg of this session, if it stands."""
        leg = self._legs.get(session)
        return leg if leg is not None and leg.room is room else None

    def hang_up_all(self, reason: Reason) -> None:
        """End every leg."""
        in_turn(lambda leg: leg.hang_up(reason), tuple(self._legs.values()))

    def _stand(self, leg: SendingLeg) -> None:
        self._legs[leg.session] = leg
        now = self._wallclock()
        self._records[leg.id] = CallRecord(
            leg.id, leg.room.number, leg.way, "in", leg.source, now, answered=now
        )
        self._reception.metrics.calls_up.inc()

    # -- what befalls them --------------------------------------------------------------------------------------------

    def told(self, leg: WebLeg, event: Told) -> None:
        """A camera is told nothing."""

    def media_quiet(self, leg: WebLeg) -> None:
        """It has nobody to ask whether it is there."""

    def media_lost(self, leg: WebLeg, call: str, why: str) -> None:
        """Without sound or picture there is nothing left of it; it may come again with its word."""
        # Later in this turn of the loop: the leg is in the middle of giving up its media.
        asyncio.get_running_loop().call_soon(partial(leg.hang_up, Reason.MEDIA_LOST))

    def referred(self, leg: WebLeg, room: Room, role: Role | None) -> None:
        """It cannot be told where to go; it ends."""

    def gone(self, leg: WebLeg) -> None:
        """It has left."""
        assert isinstance(leg, SendingLeg) and leg.reason is not None
        self._legs.pop(leg.session, None)
        if leg.reason in SENT_AWAY:
            self._forget(leg.word)
        self._reception.metrics.calls_up.dec()
        self._reception.metrics.calls.labels(leg.reason.value).inc()

    def ended(self, leg: WebLeg) -> None:
        """Its port is free as well."""
        record = self._records.pop(leg.id, None)
        if record is not None and leg.reason is not None:
            record.ended, record.reason, record.quality = self._wallclock(), leg.reason, leg.quality
            record.protection = "dtls"
            self._surroundings.record(record)


def sending(offer: bytes) -> bytes:
    """An offer as one that only sends, so that its answer only receives (RFC 9725 section 4.2).

    Raises ProtocolError 400 for one that does not want to send.
    """
    lines = offer.split(b"\n")
    found = {line.strip() for line in lines} & set(_DIRECTIONS)
    if found & {b"a=recvonly", b"a=inactive"}:
        raise ProtocolError("whip-direction", "must send")
    kept = [line for line in lines if line.strip() not in _DIRECTIONS]
    # On the level of the session it holds for all sections.
    first = next((at for at, line in enumerate(kept) if line.startswith(b"m=")), len(kept))
    return b"\n".join([*kept[:first], b"a=sendonly\r", *kept[first:]])
