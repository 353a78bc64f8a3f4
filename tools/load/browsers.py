"""A crowd that comes as browsers do: by the client API, with events followed, and sound by ICE, DTLS and SRTP."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from bridge.rtc.identity import Identity
from tools.load.member import Member, Part, State, Tell
from tools.load.peer import BrowserStream
from tools.load.poll import Poll
from tools.load.speech import Codec
from tools.load.web import Connection

_REFRESH_S = 50.0
_GIVE_UP_S = 20.0
_LAST_EVENT = b"event: disconnect\n"


Then = Callable[["Visit", Any], None]


@dataclass(slots=True)
class Visit(Member):
    """One browser's. `entered`, `called`: when it had its token, and the answer to its offer. `due`: when it refreshes
    its token, or gives up."""

    token: str = ""
    person: str = ""  # path
    entered: float = 0.0
    called: float = 0.0
    due: float = 0.0
    requests: Connection | None = None
    news: Connection | None = None
    tail: bytes = b""  # of the events: one may come in two pieces


class Browsers:
    """See `tools.load.member.Signalling`. `uri`: of the room's page, such as http://127.0.0.1:8080/1001."""

    def __init__(
        self, uri: str, codec: Codec, parts: Sequence[Part], poll: Poll, on_up: Tell, on_over: Tell
    ) -> None:
        place = urlsplit(uri)
        self.refusals: dict[int, int] = {}
        self._address = place.hostname or "", place.port or 80
        self._room = f"/api/client/v2/conferences{place.path}"
        self._poll = poll
        self._on_up, self._on_over = on_up, on_over
        identity = Identity.make(datetime.datetime.now(datetime.UTC))
        self.members = [Visit(index) for index in range(len(parts))]
        self.streams = [
            BrowserStream(codec, part, identity, self._connected(visit))
            for visit, part in zip(self.members, parts, strict=True)
        ]
        self.pictures = [stream.pictures for stream in self.streams if stream.pictures is not None]
        for stream in self.streams:
            poll.watch(stream, stream.receive)

    def begin(self, index: int, now: float) -> None:
        """Ask for a token; what follows, follows from the answers."""
        visit = self.members[index]
        visit.state, visit.begun, visit.due = State.CALLING, now, now + _GIVE_UP_S
        self._ask(visit, "request_token", {"display_name": f"Load {index}"}, self._entered)

    def end(self, index: int, now: float) -> None:
        """Hang up and leave."""
        visit = self.members[index]
        visit.state, visit.due = State.LEAVING, now + _GIVE_UP_S
        self.streams[index].hang_up()
        self._ask(visit, "release_token", {}, self._left)

    def repeat_due(self, now: float) -> None:
        """Keep every path and token alive, and give up what has come to nothing."""
        for visit, stream in zip(self.members, self.streams, strict=True):
            if visit.state in (State.CALLING, State.UP):
                stream.wake(now)
            if visit.due and now >= visit.due:
                visit.due = now + _REFRESH_S
                if visit.state is State.UP:
                    self._ask(visit, "refresh_token", {}, self._refreshed)
                else:
                    self._finish(visit, State.FAILED)

    def close(self) -> None:
        """Give everything back, without a word."""
        for visit in self.members:
            self._let_go(visit)
        for stream in self.streams:
            stream.close()

    # -- the way in --------------------------------------------------------------------------------------------------

    def _ask(self, visit: Visit, what: str, body: object, then: Then, again: bool = True) -> None:
        """Ask something of the conference; `then(visit, result)` is called when that was answered well.

        `again`: a connection that has rested may be closed just then; a browser asks once more on a new one, too.
        """

        def answered(status: int, reply: Any) -> None:
            if visit.state in (State.OVER, State.FAILED):
                return
            if status == 200 and isinstance(reply, dict):
                then(visit, reply["result"])
            elif status == 0 and again:
                self._ask(visit, what, body, then, again=False)
            else:
                self.refusals[status] = self.refusals.get(status, 0) + 1
                self._finish(visit, State.FAILED)

        if visit.requests is None or visit.requests.closed:
            visit.requests = Connection(self._address, self._poll)
        visit.requests.ask(f"{self._room}/{what}", visit.token, body, answered)

    def _entered(self, visit: Visit, result: Any) -> None:
        visit.token, visit.entered = result["token"], time.monotonic()
        visit.person = f"participants/{result['participant_uuid']}"
        offer = self.streams[visit.index].offer()
        self._ask(visit, f"{visit.person}/calls", {"call_type": "WEBRTC", "sdp": offer}, self._called)
        self._ask(visit, "events_ticket", {}, self._follow)

    def _called(self, visit: Visit, result: Any) -> None:
        visit.called = time.monotonic()
        self.streams[visit.index].accept(result["sdp"], visit.called)
        self._ask(visit, f"{visit.person}/calls/{result['call_uuid']}/ack", {}, _nothing)

    def _follow(self, visit: Visit, result: Any) -> None:
        visit.news = Connection(self._address, self._poll, lambda part: self._told(visit, part))
        path = f"{self._room}/events?ticket={result['ticket']}"
        visit.news.ask(path, "", None, lambda status, reply: None, method="GET")

    def _told(self, visit: Visit, part: bytes) -> None:
        """Events; nothing of them is of interest but how many there are, and that it is over."""
        text = visit.tail + part
        visit.events += text.count(b"\n\n")
        visit.tail = text[text.rfind(b"\n\n") + 2 :] if b"\n\n" in text else text
        if _LAST_EVENT in text and visit.state is State.UP:
            visit.hung_up_on = True
            self._finish(visit, State.OVER)

    def _refreshed(self, visit: Visit, result: Any) -> None:
        visit.token = result["token"]

    # -- up, and out -------------------------------------------------------------------------------------------------

    def _connected(self, visit: Visit) -> Callable[[float], None]:
        def up(now: float) -> None:
            visit.state, visit.answered, visit.due = State.UP, now, now + _REFRESH_S
            self._on_up(visit)

        return up

    def _left(self, visit: Visit, result: Any) -> None:
        self._finish(visit, State.OVER)

    def _finish(self, visit: Visit, state: State) -> None:
        visit.state, visit.due = state, 0.0
        self.streams[visit.index].stop()
        self._let_go(visit)
        self._on_over(visit)

    def _let_go(self, visit: Visit) -> None:
        for connection in (visit.requests, visit.news):
            if connection is not None:
                connection.close()


def _nothing(visit: Visit, result: Any) -> None:
    pass
