"""One DTLS association of a leg (RFC 5763, RFC 5764): the handshake, whose certificate it was, and the keys of SRTP.

What a forged datagram can do. Nobody has signed a handshake until it is over, so the library gives one up when it is
fed nonsense. Three things stand before that:
- The caller lets in only addresses that ICE has authenticated. That is also why there is no cookie exchange: a cookie
  shows that a sender is where it says, which a check with the password has shown; it would cost every join a round
  trip.
- What can be seen from outside to be of no use (wrong type, wrong epoch, no cipher of ours, an unencrypted alert) is a
  named drop and never reaches the library (`records`).
- As the server, each ClientHello is answered by an attempt of its own, so that one hello cannot spoil another's run;
  an attempt that breaks is dropped and the next hello begins anew. As the client, a broken attempt is followed by a
  new one. What speaks against the peer but proves nothing (a plain alert, a foreign certificate) shortens the time
  that is left instead of ending it.
What is left: who can forge the peer's very address, and hits the moment with a message of the right kind, can spoil a
run. Once it is established only what is authenticated counts.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from bridge.errors import ProtocolError
from bridge.rtc import records
from bridge.rtc.attempt import Attempt, Phase
from bridge.rtc.identity import PROFILES, SERVER_CIPHERS, Identity
from bridge.rtc.records import Fragment, Record
from bridge.sdp.audio import SrtpKey
from bridge.sdp.transport import DtlsRole, NegotiatedDtls

GIVE_UP_S: Final = 20.0
DOUBT_S: Final = 3.0  # what is left when something speaks against it
# RFC 6347 section 4.2.4.1 has one second for peers unknown; here a path is known to be there, and people wait.
FIRST_RESEND_S: Final = 0.1
LAST_RESEND_S: Final = 0.8
MAX_ATTEMPTS: Final = 3  # the oldest is dropped
NEW_ATTEMPTS_PER_S: Final = 10

# Hash functions for fingerprints, the preferred one first (RFC 8122 section 5); SHA-1 and MD5 count for nothing.
_HASHES: Final = {"sha-512": "sha512", "sha-384": "sha384", "sha-256": "sha256"}

# Unencrypted handshake messages that each role takes (RFC 5246 section 7.4); Finished comes encrypted.
_TAKEN: Final = {
    DtlsRole.SERVER: frozenset(
        (1, 11, 15, 16)
    ),  # ClientHello, Certificate, CertificateVerify, ClientKeyExchange
    # ServerHello, HelloVerifyRequest, Certificate, ServerKeyExchange, CertificateRequest, ServerHelloDone
    DtlsRole.CLIENT: frozenset((2, 3, 11, 12, 13, 14)),
}
_FATAL: Final = 2


class Handshake:
    """One association. `keys`: (what we send, what we receive), once it is established and the peer is who it should
    be. `failed`: why it came to nothing or ended: dtls-timeout, dtls-alert, dtls-fingerprint, dtls-profile,
    dtls-closed. All times are monotonic seconds."""

    __slots__ = (
        "_agreed",
        "_attempts",
        "_begun",
        "_closed",
        "_doubt",
        "_due",
        "_give_up",
        "_identity",
        "_pause",
        "_up",
        "failed",
        "keys",
    )

    def __init__(self, identity: Identity, agreed: NegotiatedDtls, now: float) -> None:
        self._identity = identity
        self._agreed = agreed
        self._attempts: list[Attempt] = []  # until one of them is through; MAX_ATTEMPTS at most
        self._up: Attempt | None = None
        self._begun: deque[float] = deque(maxlen=NEW_ATTEMPTS_PER_S)
        self._give_up: float | None = None  # None: not started
        self._doubt = "dtls-timeout"
        self._due = now  # of the next resend
        self._pause = FIRST_RESEND_S
        self._closed = False
        self.keys: tuple[SrtpKey, SrtpKey] | None = None
        self.failed: str | None = None

    def start(self, now: float) -> tuple[bytes, ...]:
        """There is a path: begin, and let time run. Returns datagrams to send, none as the server."""
        if self._give_up is not None or self._closed:
            return ()
        self._give_up = now + GIVE_UP_S
        return self._say_hello(now) if self._agreed.role is DtlsRole.CLIENT else ()

    def handle(self, datagram: bytes, now: float) -> tuple[bytes, ...]:
        """Take a datagram from where the peer was proven to be; returns datagrams to send back.

        Look at `keys` and `failed` afterwards. Raises ProtocolError for what is dropped: dtls-record, dtls-message,
        dtls-fragment, dtls-hello, dtls-mki, dtls-cipher, dtls-profile, dtls-epoch, dtls-alert, dtls-hellos (too many),
        dtls-handshake (it broke an attempt), dtls-early (nothing is under way), dtls-over.
        """
        if self.failed is not None or self._closed:
            raise ProtocolError("dtls-over")
        found = records.split(datagram)
        if self._up is not None:
            return self._established(self._up, found, now)
        if self._give_up is None:
            if self._agreed.role is DtlsRole.CLIENT:
                raise ProtocolError("dtls-early")
            self._give_up = now + GIVE_UP_S
        return self._shake(found, now)

    # -- until it is established ------------------------------------------------------------------------------------

    def _shake(self, found: list[Record], now: float) -> tuple[bytes, ...]:
        useful, parts = self._sift(found, now)
        hello = next((part for part in parts if part.kind == records.CLIENT_HELLO and part.offset == 0), None)
        attempts = [self._attempt(hello, now)] if hello is not None else list(self._attempts)
        if not attempts:
            raise ProtocolError("dtls-early")
        highest = max((part.number for part in parts), default=-1)
        answers: list[bytes] = []
        for attempt in attempts:
            answer = attempt.advance(useful, highest, now)
            if answer and attempt.waiting:
                self._rearm(now)
            answers += answer
            if attempt.phase is Phase.BROKEN:
                self._attempts.remove(attempt)
            elif attempt.phase is Phase.DONE:
                answers += self._judge(attempt, now)
                if self._up is not None:
                    break
        if not answers and all(attempt.phase is Phase.BROKEN for attempt in attempts):
            raise ProtocolError("dtls-handshake")
        return tuple(answers)

    def _sift(self, found: list[Record], now: float) -> tuple[list[Record], list[Fragment]]:
        """What may go to the library, and the parts of messages in it that can be read."""
        useful: list[Record] = []
        parts: list[Fragment] = []
        name = "dtls-message"
        for record in found:
            if record.epoch > 1:
                name = "dtls-epoch"
            elif record.epoch == 1:
                useful.append(record)  # kept by the library until there are keys, a hundred of them at most
            elif record.kind == records.HANDSHAKE:
                inside = list(records.fragments(record.body))
                if all(part.kind in _TAKEN[self._agreed.role] for part in inside):
                    useful.append(record)
                    parts += inside
            elif record.kind == records.CHANGE_CIPHER_SPEC and record.body == b"\1":
                useful.append(record)
            elif record.kind == records.ALERT and len(record.body) == 2:
                name = "dtls-alert"
                if record.body[0] == _FATAL and self._attempts:
                    self._suspect("dtls-alert", now)
        if not useful:
            raise ProtocolError(name)
        return useful, parts

    def _attempt(self, first: Fragment, now: float) -> Attempt:
        """The attempt that answers this ClientHello; a new one if it is a hello not seen before."""
        if first.number:
            raise ProtocolError("dtls-hello", "not the first message")
        hello = records.hello(first)
        for attempt in self._attempts:
            if attempt.random == hello.random:
                return attempt
        if not hello.ciphers & SERVER_CIPHERS:
            raise ProtocolError("dtls-cipher")
        if hello.profiles is not None and not set(hello.profiles) & set(PROFILES):
            raise ProtocolError("dtls-profile")
        if len(self._begun) == self._begun.maxlen and now - self._begun[0] < 1.0:
            raise ProtocolError("dtls-hellos")
        self._begun.append(now)
        attempt = Attempt(self._identity, DtlsRole.SERVER, hello.random)
        self._attempts = [*self._attempts, attempt][-MAX_ATTEMPTS:]
        return attempt

    def _say_hello(self, now: float) -> tuple[bytes, ...]:
        """Begin as the client, for the first time or anew."""
        attempt = Attempt(self._identity, DtlsRole.CLIENT)
        self._attempts = [attempt]
        self._rearm(now)
        return attempt.advance([], -1, now)

    def _judge(self, attempt: Attempt, now: float) -> tuple[bytes, ...]:
        """A handshake is through: is it the peer's, and is there a profile? Then there are keys."""
        if not self._is_peer(attempt):
            why = "dtls-fingerprint"
        else:
            try:
                self.keys = attempt.keys()
            except ProtocolError as fault:
                why = fault.name
            else:
                self._up = attempt
                self._attempts = []
                if self._agreed.role is DtlsRole.CLIENT:
                    attempt.forget()  # the server has had it
                return ()
        self._attempts.remove(attempt)
        self._suspect(why, now)
        return attempt.close()

    def _is_peer(self, attempt: Attempt) -> bool:
        """Whether the certificate is one that the description announced, by the best hash in it that we know."""
        for algorithm, name in _HASHES.items():
            if announced := [each.value for each in self._agreed.fingerprints if each.algorithm == algorithm]:
                return attempt.digest(name) in announced
        return False

    def _suspect(self, why: str, now: float) -> None:
        """Something speaks against success, but may be forged: wait a little for what speaks for it."""
        if self._doubt == "dtls-timeout":
            self._doubt = why
            self._give_up = min(now + DOUBT_S, self._give_up or now + DOUBT_S)

    # -- when it is -------------------------------------------------------------------------------------------------

    def _established(self, up: Attempt, found: list[Record], now: float) -> tuple[bytes, ...]:
        """Only what is authenticated counts. But the peer may have missed our last flight and repeat its own."""
        known = [record for record in found if record.epoch == 1]
        highest = -1
        for record in found:
            if record.epoch == 0 and record.kind == records.HANDSHAKE:
                highest = max((part.number for part in records.fragments(record.body)), default=highest)
        if now >= (self._give_up or 0.0):
            up.forget()
        answers = up.advance(known, highest, now) if up.phase is Phase.DONE else ()
        if up.phase is Phase.CLOSED:
            self.failed = "dtls-closed"
            return answers + up.close()
        if up.alerted:
            self.failed = "dtls-alert"
        elif not known and not answers:
            raise ProtocolError("dtls-epoch")
        return answers

    # -- time and end -----------------------------------------------------------------------------------------------

    def _rearm(self, now: float) -> None:
        self._pause = FIRST_RESEND_S
        self._due = now + self._pause

    def deadline(self) -> float | None:
        """When `wake` wants to be called, None when nothing is awaited."""
        if self._give_up is None or self._up is not None or self.failed is not None or self._closed:
            return None
        waiting = self._agreed.role is DtlsRole.CLIENT or any(each.waiting for each in self._attempts)
        return min(self._give_up, self._due) if waiting else self._give_up

    def wake(self, now: float) -> tuple[bytes, ...]:
        """Send again what was not answered, or give up; returns datagrams to send."""
        due = self.deadline()
        if due is None or now < due:
            return ()
        if self._give_up is not None and now >= self._give_up:
            self.failed = self._doubt
            self._attempts = []
            return ()
        if self._agreed.role is DtlsRole.CLIENT and not self._attempts:
            return self._say_hello(now)
        self._pause = min(2 * self._pause, LAST_RESEND_S)
        self._due = now + self._pause
        return tuple(datagram for each in self._attempts if each.waiting for datagram in each.resend(now))

    def close(self) -> tuple[bytes, ...]:
        """End it: returns the close_notify to send, if it was established and the peer has not closed it."""
        if self._closed:
            return ()
        self._closed = True
        self._attempts = []
        return self._up.close() if self._up is not None and self.failed is None else ()
