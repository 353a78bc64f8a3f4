"""The session timer of one call, as refresher and as the one who waits (RFC 4028)."""

from __future__ import annotations

from typing import Protocol

from bridge.errors import ProtocolError
from bridge.sip.capabilities import Pairs, RefusalError
from bridge.sip.grammar import BLANK, number, parse_params
from bridge.sip.layer import Layer
from bridge.sip.message import Message, Request, Response

_LONGEST = 2**31
SHORTEST_S = 90  # below it no interval is valid (RFC 4028 sections 4 and 5)


class SessionUser(Protocol):
    """Whose session it is."""

    def on_refresh_due(self) -> None:
        """Send a refresh now."""
        ...

    def on_session_expired(self) -> None:
        """No refresh came in time: end the call."""
        ...


def session_expires(message: Message) -> tuple[int, str] | None:
    """The Session-Expires value [s] and its refresher ("uac", "uas" or ""), None if absent. Raises ProtocolError."""
    text = message.headers.get("Session-Expires")
    if text is None:
        return None
    seconds, _, params = text.partition(";")
    refresher = (parse_params(params).get("refresher") or "").lower()
    return number(seconds.strip(BLANK), _LONGEST, "session-expires"), refresher


def min_se(message: Message) -> int:
    """The Min-SE value [s], 0 if absent. Raises ProtocolError."""
    text = message.headers.get("Min-SE")
    return 0 if text is None else number(text.partition(";")[0].strip(BLANK), _LONGEST, "min-se")


def check_interval(request: Request, least: int) -> None:
    """Raise RefusalError 422 where a shorter interval is asked for than we accept (RFC 4028 section 9).

    Only of who knows session timers: to others, for whom a proxy asked, the 422 would mean nothing.
    """
    asked = session_expires(request)
    if asked is not None and asked[0] < least and _knows(request):
        raise RefusalError(422, ("Min-SE", str(least)))


def _knows(request: Request) -> bool:
    """Whether the sender of a request knows session timers."""
    return "timer" in request.supported or "timer" in request.require


class SessionTimer:
    """When to refresh, and when to give up. `interval_s` is 0 while there is no session timer."""

    def __init__(self, layer: Layer, user: SessionUser) -> None:
        self._layer = layer
        self._user = user
        self._least = layer.settings.min_se_s
        self.interval_s = 0
        self.ours = False  # whether we refresh

    def proposal(self) -> Pairs:
        """The headers of our INVITE or UPDATE (RFC 4028 section 7.1); in a refresh, the roles stay as they are."""
        seconds = max(self.interval_s or self._layer.settings.session_expires_s, self._least)
        role = (";refresher=uac" if self.ours else ";refresher=uas") if self.interval_s else ""
        pairs = [("Session-Expires", f"{seconds}{role}")]
        if self._least > SHORTEST_S:
            pairs.append(("Min-SE", str(self._least)))
        return pairs

    def raise_least(self, response: Response) -> bool:
        """Take the Min-SE of a 422; False if it would not change anything (RFC 4028 section 7.3)."""
        wanted = min_se(response)
        if wanted <= self._least or wanted > 86_400:
            return False
        self._least = wanted
        if self.interval_s:
            self.interval_s = max(self.interval_s, wanted)
        return True

    def answer(self, request: Request) -> Pairs:
        """Settle the timer as UAS, start it, and give the headers of the 2xx (RFC 4028 section 9)."""
        asked, known = session_expires(request), _knows(request)
        if asked is not None and asked[0] < SHORTEST_S:
            asked = None  # not a valid interval, and who asked cannot be told so by 422
        if asked is None and not known:
            self.stop()
            return []
        longest = max(self._layer.settings.session_expires_s, min_se(request))
        seconds, refresher = asked or (longest, "")
        seconds = min(seconds, longest)
        if not known or refresher not in ("uac", "uas"):
            # He who asks refreshes, unless he cannot: a hundred legs refresh better on a hundred machines.
            refresher = "uac" if known else "uas"
        self._start(seconds, ours=refresher == "uas")
        pairs = [("Session-Expires", f"{seconds};refresher={refresher}")]
        return [("Require", "timer"), *pairs] if known else pairs

    def settle(self, response: Response) -> None:
        """Settle the timer as UAC by a 2xx and start it; without Session-Expires there is none (section 7.2)."""
        try:
            agreed = session_expires(response)
        except ProtocolError:
            agreed = None
        if agreed is None or agreed[0] < 1:
            self.stop()
            return
        seconds, refresher = agreed
        self._start(max(seconds, self._layer.settings.min_se_s), ours=refresher != "uas")

    def retry(self, seconds: float) -> None:
        """Try the refresh again soon; the expiry stays where it is."""
        self._layer.set_timer(self, "refresh", seconds)

    def stop(self) -> None:
        """No timer any more."""
        self.interval_s = 0
        self._layer.cancel_timer(self, "refresh")
        self._layer.cancel_timer(self, "expiry")

    def _start(self, seconds: int, ours: bool) -> None:
        self.stop()
        self.interval_s, self.ours = seconds, ours
        if ours:
            self._layer.set_timer(self, "refresh", seconds / 2)
        # BYE slightly before the expiry, so that it still finds the proxies' state (RFC 4028 section 10).
        self._layer.set_timer(self, "expiry", seconds - min(32.0, seconds / 3))

    def on_timer(self, name: str) -> None:
        """A timer of ours has run out."""
        if name == "refresh":
            self._user.on_refresh_due()
        else:
            self._user.on_session_expired()
