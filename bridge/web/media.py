"""The media of one leg that comes by ICE and DTLS-SRTP: ports, offers and answers, and what becomes of the path.

    offer -> (open the port) -> answer -> configure -> connected ... lost -> offer ...

One owner has one of these for as long as its leg lives. A second offer from nothing (the page was loaded again, the
path was lost) is answered on the same port and begins a new DTLS association.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field
from typing import Final, Protocol

from bridge.codec.table import AudioCodec
from bridge.errors import ProtocolError
from bridge.leg import pictures_of
from bridge.media.contract import KeyNeeded, LegOpened, Quality, Seen
from bridge.rooms.participant import Pictures
from bridge.sdp.description import parse
from bridge.sdp.ice import host_candidates
from bridge.sdp.local import Local, PicturePolicy
from bridge.sdp.negotiate import Agreed, answer, restart_ice
from bridge.sdp.transport import Credentials, Fingerprint
from bridge.sdp.video import Content
from bridge.switchboard import Switchboard

OPEN_S: Final = 5.0  # the longest that ports may take: a media process may be on its way up again

PEER_CLOSED: Final = "dtls-closed"
DIED: Final = "media-died"
SILENT: Final = "rtp-timeout"
ENDED: Final = "ended"


@dataclass(frozen=True, slots=True)
class WebTerms:
    """What all legs of this kind bring to their negotiation. `address`: where their port listens.

    `public`: addresses that candidates name instead of local ones (NAT 1:1). `timeout_s`: of silence, after which the
    path counts as lost. `loopback`: peers on this machine are allowed; `forbidden`: sockets of ours that nothing may be
    sent to. `pictures`: None = there are none.
    """

    address: str
    codecs: tuple[AudioCodec, ...]
    public: tuple[str, ...] = ()
    ptime_ms: int = 20
    timeout_s: float = 30.0
    loopback: bool = False
    forbidden: frozenset[tuple[str, int]] = field(default=frozenset(), repr=False)
    pictures: PicturePolicy | None = None


class MediaOwner(Protocol):
    """Whose media it is, and what he is told of it."""

    def media_up(self) -> None:
        """The path is there and protected; told again when it changes."""

    def media_gone(self, why: str) -> None:
        """There is no path any more, and no port: another offer may bring one."""

    def media_quiet(self, on: bool) -> None:
        """Nothing is received for some seconds, or it is received again."""

    def media_agreed(self) -> None:
        """Something else was agreed while the path is there."""

    def media_seen(self, content: Content, on: bool) -> None:
        """Pictures have begun to come, or come no longer."""

    def media_key(self, digit: str) -> None:
        """A key came in band."""

    def media_freed(self) -> None:
        """The port is free, and `quality` is known."""


class NoMediaError(Exception):
    """No port could be had; its argument says why."""


class WebMedia:
    """One leg's media. `quality`: what it was like, once it has ended.

    `answer`, `reoffer` and `restart` raise ProtocolError for what cannot be agreed to, and `answer` NoMediaError when
    there is no port. Offers of one leg are taken one at a time.
    """

    def __init__(
        self, leg: str, conference: str, terms: WebTerms, switchboard: Switchboard, owner: MediaOwner
    ) -> None:
        self.quality: Quality | None = None
        self.up = False
        self._leg = leg
        self._conference = conference
        self._terms = terms
        self._switchboard = switchboard
        self._owner = owner
        self._secret = secrets.token_bytes(32)
        self._session_id = secrets.randbits(62)
        self._associations = 0
        self._opened: LegOpened | None = None
        self._agreed: Agreed | None = None
        self._opening: asyncio.Future[LegOpened] | None = None
        self._closing: asyncio.Future[None] | None = None
        self._over = False
        self._turn = asyncio.Lock()

    # -- offers -----------------------------------------------------------------------------------------------------

    async def answer(self, offer: bytes) -> bytes:
        """Take an offer of a new peer connection; returns the answer. It takes the place of what was there before."""
        description = parse(offer)
        async with self._turn:
            opened = await self._open()
            agreed = answer(description, self._local(opened), association=self._associations)
            self._associations += 1
            self.up = False
            self._settle(agreed)
            return agreed.body

    async def reoffer(self, offer: bytes) -> bytes:
        """Take a further offer of the same peer connection (ICE restart); returns the answer."""
        description = parse(offer)
        async with self._turn:
            if self._agreed is None or self._opened is None:
                raise ProtocolError("sdp-no-call", status=481)
            agreed = answer(description, self._local(self._opened), self._agreed)
            dtls = agreed.transport.dtls
            if dtls is not None:
                self._associations = max(self._associations, dtls.association + 1)
            self._settle(agreed)
            if self.up:
                self._owner.media_agreed()
            return agreed.body

    def restart(self, remote: Credentials) -> Agreed:
        """The peer has new ICE credentials; returns what stands now, with ours."""
        if self._agreed is None or self._opened is None:
            raise ProtocolError("sdp-no-call", status=481)
        agreed = restart_ice(self._agreed, remote, self._local(self._opened))
        self._settle(agreed)
        return agreed

    @property
    def pictures(self) -> Pictures:
        """What was agreed on pictures."""
        return pictures_of(self._agreed)

    @property
    def closing(self) -> bool:
        """Whether a port is about to be free."""
        return self._closing is not None

    def close(self) -> None:
        """End it: nothing is told of it any more, but that the port is free."""
        self.up = False
        self._agreed = self._opened = None
        if self._opening is not None and not self._opening.done():
            self._opening.set_exception(NoMediaError(ENDED))
        if self._closing is None and self._switchboard.close(self._leg):
            self._closing = asyncio.get_running_loop().create_future()

    def end(self) -> None:
        """Close it for good: offers that still wait for their turn open no port any more."""
        self._over = True
        self.close()

    async def _open(self) -> LegOpened:
        if self._opened is not None:
            return self._opened
        if self._over:
            raise NoMediaError(ENDED)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(OPEN_S):
                if self._closing is not None:
                    # What media still has to say of the old port must not be taken for news of the new one.
                    await asyncio.shield(self._closing)
                if self._over:
                    raise NoMediaError(ENDED)
                self._opening = loop.create_future()
                self._switchboard.open(self._leg, self._conference, self._terms.address, self, shared=True)
                return await self._opening
        except TimeoutError:
            self.close()
            raise NoMediaError("timeout") from None
        finally:
            self._opening = None

    def _local(self, opened: LegOpened) -> Local:
        terms = self._terms
        return Local(
            address=opened.address,
            port=opened.port,
            rtcp_port=opened.rtcp_port,
            session_id=self._session_id,
            secret=self._secret,
            codecs=terms.codecs,
            ptime_ms=terms.ptime_ms,
            opus_dtx=True,
            loopback=terms.loopback,
            forbidden=terms.forbidden,
            candidates=host_candidates(opened.addresses, opened.port, opened.tcp_port, terms.public),
            fingerprint=Fingerprint("sha-256", opened.fingerprint),
            require_dtls=True,
            pictures=terms.pictures,
        )

    def _settle(self, agreed: Agreed) -> None:
        self._agreed = agreed
        # Of one who only listens, ICE tells when he is gone: that he sends nothing means nothing.
        self._switchboard.configure(
            self._leg, agreed.audio, "", False, self._terms.timeout_s, 0.0, agreed.transport,
            video=agreed.video, slides=agreed.slides,
        )  # fmt: skip

    def _lost(self, why: str) -> None:
        """The path is gone. The port goes, too: whoever comes back may find another media process."""
        if self._opened is not None or self._opening is not None:
            self.close()
            self._owner.media_gone(why)

    # -- what media tells -------------------------------------------------------------------------------------------

    def media_opened(self, opened: LegOpened) -> None:
        """There is a port."""
        if self._opening is not None and not self._opening.done():
            self._opened = opened
            self._opening.set_result(opened)

    def media_refused(self, why: str) -> None:
        """There is none."""
        if self._opening is not None and not self._opening.done():
            self._opening.set_exception(NoMediaError(why))
        self._freed()

    def media_digit(self, digit: str) -> None:
        """A key came by RFC 4733."""
        if self.up:
            self._owner.media_key(digit)

    def media_silent(self, seconds: float, final: bool) -> None:
        """Nothing is received: first a warning, then the path counts as lost."""
        if final:
            self._lost(SILENT)
        elif self.up:
            self._owner.media_quiet(True)

    def media_back(self) -> None:
        """Packets come again."""
        if self.up:
            self._owner.media_quiet(False)

    def media_pictures(self, event: Seen | KeyNeeded) -> None:
        """Pictures come, or do not. Browsers know feedback, so nobody is asked for key frames here."""
        if isinstance(event, Seen) and self.up:
            self._owner.media_seen(event.content, event.on)

    def media_connected(self, protocol: str, suite: str) -> None:
        """ICE has a path and DTLS its keys."""
        if self._agreed is not None:
            self.up = True
            self._owner.media_up()

    def media_failed(self, why: str) -> None:
        """ICE or DTLS came to nothing, or the peer has closed."""
        if why != PEER_CLOSED or self.up:  # else it is the peer connection before this one that says farewell
            self._lost(why)

    def media_closed(self, quality: Quality | None) -> None:
        """The port is free."""
        self.quality = quality or self.quality
        self._freed()

    def media_died(self) -> None:
        """The media process is gone, with the port."""
        self._freed()
        self._lost(DIED)

    def _freed(self) -> None:
        closing, self._closing = self._closing, None
        if closing is not None:
            if not closing.done():
                closing.set_result(None)
            self._owner.media_freed()
