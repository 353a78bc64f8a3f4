"""A browser, or a control tool, as a leg: a place in a conference that may have sound or not.

    attending (control only) <-> in sound -> over

What its conference says goes to `told`; the leg itself only looks for its own end. It ends by itself as soon as the
conference has decided so, and does not wait for the prompt that says farewell: who is sent away hears and says nothing
from that moment.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import replace
from typing import Protocol

from bridge.errors import ProtocolError, Reason
from bridge.focus import Attendance
from bridge.leg import Told
from bridge.media.contract import Quality
from bridge.rooms import events
from bridge.rooms.participant import NO_PICTURES, Pictures, Role
from bridge.sdp.video import Content
from bridge.switchboard import Switchboard
from bridge.web.media import WebMedia, WebTerms
from config.model import Room


class LegOwner(Protocol):
    """Whose leg it is, and what he is told of it."""

    def told(self, leg: WebLeg, event: Told) -> None:
        """Something happened in the conference that the leg may know."""

    def media_quiet(self, leg: WebLeg) -> None:
        """Nothing has been received for some seconds."""

    def media_lost(self, leg: WebLeg, call: str, why: str) -> None:
        """The media of a call has ended by itself; the leg stays."""

    def referred(self, leg: WebLeg, room: Room, role: Role | None) -> None:
        """It must go to another room, and leaves this one."""

    def gone(self, leg: WebLeg) -> None:
        """It has left; told once."""

    def ended(self, leg: WebLeg) -> None:
        """Its port is free as well; told once."""


class WebLeg:
    """One browser in one conference. `desk` is set by whoever brought it to the door, as is `interpreter`."""

    way = "web"
    trusted = False
    on_hold = False
    outgoing = False

    def __init__(
        self,
        leg: str,
        room: Room,
        display_name: str,
        source: str,
        terms: WebTerms,
        switchboard: Switchboard,
        owner: LegOwner,
    ) -> None:
        self.id = leg
        self.room = room
        self.display_name = display_name
        self.source = source
        self.has_media = False
        self.interpreter = False
        self.desk: Attendance | None = None
        self.reason: Reason | None = None
        self.call = ""
        self._owner = owner
        terms = terms if room.video else replace(terms, pictures=None)
        self._media = WebMedia(leg, room.number, terms, switchboard, self)

    # -- what the room sees -----------------------------------------------------------------------------------------

    @property
    def encrypted(self) -> bool:
        """Whether its media is encrypted: it is never otherwise."""
        return self.has_media

    @property
    def pictures(self) -> Pictures:
        """What was agreed on pictures."""
        return self._media.pictures if self.has_media else NO_PICTURES

    @property
    def quality(self) -> Quality | None:
        """What its media was like; known when that has ended."""
        return self._media.quality

    def notify(self, event: Told) -> None:
        """Something happened in the conference."""
        if self.reason is not None:
            return
        self._owner.told(self, event)
        if isinstance(event, events.Left | events.Refused) and event.leg == self.id:
            # Later in this turn of the loop: the conference is in the middle of telling everybody.
            asyncio.get_running_loop().call_soon(self.hang_up, event.reason)

    def hang_up(self, reason: Reason) -> None:
        """It is over: media ends, and the desk is told. The first reason counts."""
        if self.reason is not None:
            return
        self.reason = reason
        self.drop_media()
        self._media.end()
        try:
            if self.desk is not None:
                self.desk.left(reason)
        finally:
            self._owner.gone(self)
            if not self._media.closing:
                self._owner.ended(self)

    def refer(self, room: Room, role: Role | None) -> None:
        """The conference sends it to another room: a browser goes there by itself."""
        if self.reason is None:
            self._owner.referred(self, room, role)
            self.hang_up(Reason.TRANSFERRED)

    # -- calls ------------------------------------------------------------------------------------------------------

    async def offer(self, sdp: bytes) -> bytes:
        """A new peer connection; returns the answer to its offer, and `call` is its name from now on.

        Raises ProtocolError for an offer that cannot be agreed to, NoMediaError when there is no port.
        """
        answer = await self._media.answer(sdp)
        if self.reason is not None:
            self.drop_media()
            raise ProtocolError("leg-over", status=481)
        self.call = secrets.token_hex(8)
        return answer

    async def reoffer(self, call: str, sdp: bytes) -> bytes:
        """A further offer of the same peer connection; returns the answer. Raises ProtocolError."""
        if not self.is_call(call):
            raise ProtocolError("no-such-call", status=481)
        return await self._media.reoffer(sdp)

    def is_call(self, call: str) -> bool:
        """Whether this is the name of the call that stands."""
        return bool(call) and call == self.call

    def drop_media(self) -> None:
        """End the media and stay in the conference."""
        self.call = ""
        self._media.close()
        if self.has_media:
            self.has_media = False
            if self.desk is not None and self.reason is None:
                self.desk.media(False, False)
                self.desk.video(NO_PICTURES)

    # -- what becomes of the media ------------------------------------------------------------------------------------

    def media_up(self) -> None:
        """There is sound."""
        if not self.has_media and self.reason is None:
            self.has_media = True
            if self.desk is not None:
                self.desk.media(True, True)
                self.desk.video(self.pictures)

    def media_gone(self, why: str) -> None:
        """There is none any more; the leg stays."""
        call = self.call
        self.drop_media()
        if call and self.reason is None:
            self._owner.media_lost(self, call, why)

    def media_agreed(self) -> None:
        """Something else was agreed."""
        if self.desk is not None and self.reason is None:
            self.desk.video(self.pictures)

    def media_seen(self, content: Content, on: bool) -> None:
        """Pictures come, or do not."""
        if self.desk is not None and self.reason is None:
            self.desk.seen(content, on)

    def media_quiet(self, on: bool) -> None:
        """Nothing is received, or it is again."""
        if self.desk is not None and self.reason is None:
            self.desk.silent(on)
            if on:
                self._owner.media_quiet(self)

    def media_freed(self) -> None:
        """The port is free."""
        if self.reason is not None:
            self._owner.ended(self)

    def media_key(self, digit: str) -> None:
        """A key came in band."""
        self.key(digit)

    def key(self, digit: str) -> None:
        """A key of the caller's keypad, however it came."""
        if self.desk is not None and self.reason is None:
            self.desk.digit(digit)
