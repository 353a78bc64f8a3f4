"""What protects one leg's packets: nothing, keys from the description (SDES), or keys from a handshake (DTLS-SRTP)."""

from __future__ import annotations

from math import inf

from bridge.errors import ProtocolError
from bridge.rtc.dtls import Handshake
from bridge.rtc.identity import Identity
from bridge.rtc.link import DtlsLink
from bridge.rtp.link import Link, PlainLink, SdesLink
from bridge.sdp.audio import NegotiatedAudio
from bridge.sdp.transport import NegotiatedDtls
from bridge.sdp.video import NegotiatedVideo


class Protection:
    """A leg's link, and the handshake that gives it keys where that was agreed.

    `link`: wraps and unwraps. `ready`: whether it can, by now. `suite`: name of the SRTP suite, "" = not protected.
    `handshakes`: how many have come to a good end.
    """

    __slots__ = (
        "_agreed",
        "_handshake",
        "_identity",
        "_keys",
        "_taken",
        "handshakes",
        "link",
        "ready",
        "suite",
    )

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self.link: Link = PlainLink()
        self.ready = True
        self.suite = ""
        self.handshakes = 0
        self._keys: object = (None, None)  # of SDES
        self._agreed: NegotiatedDtls | None = None
        self._handshake: Handshake | None = None
        self._taken = False  # the handshake's keys are in the link

    def configure(
        self, stream: NegotiatedAudio | NegotiatedVideo, dtls: NegotiatedDtls | None, now: float
    ) -> None:
        """Take what was agreed, first or anew. A key or an association that stays the same goes on where it was; the
        keys before a new association serve until it has brought its own.

        Raises ProtocolError for keys that cannot be used.
        """
        if dtls is not None:
            self._agree(dtls, now)
            return
        keys = stream.srtp_send, stream.srtp_receive
        if self._agreed is None and keys == self._keys:
            return
        self._agreed = self._handshake = None
        if keys[0] is not None and keys[1] is not None:
            self.link = SdesLink(keys[0], keys[1], before=self.link)
            self.suite = keys[0].suite
        else:
            self.link, self.suite = PlainLink(), ""
        self._keys, self.ready = keys, True

    def _agree(self, dtls: NegotiatedDtls, now: float) -> None:
        before, self._agreed = self._agreed, dtls
        if before is not None and before.association == dtls.association:
            return
        if not isinstance(self.link, DtlsLink) or self.failed is not None:
            self.link, self.ready, self.suite = DtlsLink(), False, ""
            self._keys = (None, None)
        self._handshake = Handshake(self._identity, dtls, now)
        self._taken = False

    @property
    def shakes(self) -> bool:
        """Whether DTLS was agreed on: its records are to be given to `take`."""
        return self._handshake is not None

    @property
    def proven(self) -> bool:
        """Whether what the link unwraps is proven to be the peer's."""
        return self.ready and self.link.secure

    @property
    def settled(self) -> bool:
        """Whether the link has all the keys that were agreed on, and not still those before."""
        return self.ready and (self._handshake is None or self._taken)

    @property
    def failed(self) -> str | None:
        """Why the present handshake, or what it had set up, came to nothing; a drop's name."""
        return self._handshake.failed if self._handshake is not None else None

    # -- the handshake: what is returned is to be sent to the peer, in order -----------------------------------------

    def start(self, now: float) -> tuple[bytes, ...]:
        """There is somebody to send to: a client says hello, once, and time begins to run."""
        return self._handshake.start(now) if self._handshake is not None else ()

    def take(self, record: bytes, now: float) -> tuple[bytes, ...]:
        """A datagram of DTLS. Raises ProtocolError for what is dropped."""
        if self._handshake is None:
            raise ProtocolError("dtls-not-agreed")
        answers = self._handshake.handle(record, now)
        self._take_keys(self._handshake)
        return answers

    @property
    def deadline(self) -> float:
        """When `wake` wants to be called [monotonic seconds]."""
        due = self._handshake.deadline() if self._handshake is not None else None
        return inf if due is None else due

    def wake(self, now: float) -> tuple[bytes, ...]:
        """Send again what was not answered."""
        return self._handshake.wake(now) if self._handshake is not None else ()

    def close(self) -> tuple[bytes, ...]:
        """Tell the peer that nothing more comes."""
        return self._handshake.close() if self._handshake is not None else ()

    def _take_keys(self, handshake: Handshake) -> None:
        if handshake.keys is None or self._taken or not isinstance(self.link, DtlsLink):
            return
        self.link.take(handshake.keys)
        self.suite = handshake.keys[0].suite
        self._taken = self.ready = True
        self.handshakes += 1
