"""The lite end of ICE for one leg (RFC 8445): it has one address, sends no checks, and answers those of the peer.

What a check proves, it proves by the password of our description. So the address it came from is the peer's, whatever
the peer's candidates say (they are not read at all), and only such an address may go on to DTLS and SRTP. The peer
nominates; the latest nomination says where we send. The peer's checks are also its consent (RFC 7675): we have none of
our own to ask with.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final, NamedTuple

from bridge.errors import ProtocolError
from bridge.rtc import stun
from bridge.rtc.stun import Attribute, Form, Message
from bridge.sdp.transport import NegotiatedIce

TIMEOUT_S: Final = 30.0  # until the first check, and later without any (RFC 7675 section 5.1)
MAX_PATHS: Final = 100
ERRORS_PER_S: Final = 10
# A nomination of no higher priority does not displace one that is younger than this: a peer of RFC 5245 may nominate
# every path that it checks, and then goes on with the best of them, or the first.
AGGRESSIVE_S: Final = 1.0
# A chosen path along which nothing comes for so long has no consent any more while the peer checks another one: else
# a single datagram with somebody else's address as its source would have us send there for ever. Agents check the
# path that they use every six seconds or sooner (RFC 7675 section 5.1).
SILENT_S: Final = 15.0
_MAX_UNKNOWN: Final = 8  # so many are listed in a 420


class Path(NamedTuple):
    """Where a datagram came from: host and port, and `via`, the socket or connection that it came in by, as the
    caller numbers them. What is sent along a path goes out the same way."""

    host: str
    port: int
    via: int = 0


@dataclass(frozen=True, slots=True)
class _Generation:
    """Our credentials between two ICE restarts."""

    ufrag: str
    password: bytes


class IceLite:
    """One leg's ICE. `chosen`: the path to send along, None until a check has passed. Times are monotonic seconds."""

    __slots__ = (
        "_agreed_at",
        "_ended",
        "_generations",
        "_last",
        "_nominated",
        "_paths",
        "_rank",
        "_refused",
        "chosen",
    )

    def __init__(self, agreed: NegotiatedIce, now: float) -> None:
        self.chosen: Path | None = None
        # The newest is last; the one before it is answered until a path of the newest is nominated.
        self._generations: list[_Generation] = []
        # An ordered set, least recently checked first; when it is full that one is dropped, but never the chosen one.
        self._paths: dict[Path, None] = {}
        self._nominated: _Generation | None = None
        self._rank = (0, 0.0)  # priority and time of the last nomination
        self._last = now  # last sign of life
        self._agreed_at = now  # the same, along the chosen path
        self._ended = False
        # When the last refusals were given: the oldest of them says whether there may be one more.
        self._refused: deque[float] = deque(maxlen=ERRORS_PER_S)
        self.configure(agreed, now)

    def configure(self, agreed: NegotiatedIce, now: float) -> None:
        """Take what was negotiated. Other credentials than before are an ICE restart (RFC 8445 section 9): the old
        path carries on, and its checks are answered, until a path is nominated under the new ones."""
        new = _Generation(agreed.local.ufrag, agreed.local.password.encode())
        if self._generations and self._generations[-1] == new:
            return
        kept = [one for one in self._generations if one is self._nominated] or self._generations[-1:]
        self._generations = [*kept, new]
        self._last = now
        self._ended = False

    @property
    def ufrags(self) -> tuple[str, ...]:
        """The local user name fragments under which checks for this leg come now."""
        return tuple(generation.ufrag for generation in self._generations)

    @property
    def paths(self) -> tuple[Path, ...]:
        """Every path that an authenticated check came along, the one least recently checked first."""
        return tuple(self._paths)

    def passed(self, path: Path) -> bool:
        """Whether an authenticated check came along this path: the gate before DTLS and SRTP."""
        return path in self._paths

    def heard(self, now: float) -> None:
        """A packet that only this peer can have made came along the chosen path (SRTP): as good as a check.

        Agents older than RFC 7675 check no more once they have chosen.
        """
        self._last = max(self._last, now)
        self._agreed_at = max(self._agreed_at, now)

    def follow(self, path: Path) -> None:
        """Packets that only this peer can have made come along a path that has passed, and none along the chosen one:
        it has moved without nominating anew, as behind a NAT that gave it another port."""
        if path in self._paths:
            self.chosen = path
            self._agreed_at = self._last

    def handle(self, datagram: bytes, path: Path, now: float) -> tuple[bytes, ...]:
        """Take a STUN datagram; returns what to send back along its path.

        Errors are answered too (400, 401, 420, 487), but ten a second at most. Raises ProtocolError for what is
        dropped: what `stun.parse` raises, stun-not-request, stun-username, ice-ufrag, ice-errors.
        """
        request = stun.parse(datagram)
        if request.form is not Form.REQUEST or request.method != stun.BINDING:
            raise ProtocolError("stun-not-request", f"{request.form.name} {request.method}")
        name = request.get(Attribute.USERNAME)
        if name is None or not request.integrity:
            return self._refuse(request, now, 400)
        generation = self._generation(stun.user_name(name)[0])
        if not request.is_proven_by(generation.password):
            return self._refuse(request, now, 401)
        if unknown := request.unknown:
            listed = stun.unknown_attributes(unknown[:_MAX_UNKNOWN])
            return (_error(request, 420, listed, password=generation.password),)
        # A lite agent facing a full one is always the controlled one (RFC 8445 section 6.1.1) and cannot give way:
        # the peer has to (section 7.3.1.1).
        if request.get(Attribute.ICE_CONTROLLED) is not None:
            return (_error(request, 487, password=generation.password),)
        self._pass(request, generation, path, now)
        mapped = stun.mapped_address((path.host, path.port), request.transaction)
        return (stun.serialise(Form.SUCCESS, request.transaction, (mapped,), generation.password),)

    def _generation(self, ufrag: str) -> _Generation:
        for generation in self._generations:
            if generation.ufrag == ufrag:
                return generation
        raise ProtocolError("ice-ufrag")

    def _refuse(self, request: Message, now: float, code: int) -> tuple[bytes, ...]:
        """An error for what proves nothing; unprotected, as RFC 8489 section 9.1.3 wants it."""
        given = self._refused
        if len(given) == given.maxlen and now - given[0] < 1.0:
            raise ProtocolError("ice-errors")
        given.append(now)
        return (_error(request, code),)

    def _pass(self, request: Message, generation: _Generation, path: Path, now: float) -> None:
        """Learn from an authenticated check."""
        self._paths.pop(path, None)
        self._paths[path] = None
        if len(self._paths) > MAX_PATHS:
            del self._paths[next(each for each in self._paths if each != self.chosen)]
        self._last = now
        self._ended = False
        if request.get(Attribute.USE_CANDIDATE) is not None:
            self._nominate(request, generation, path, now)
        elif self.chosen is None or now - self._agreed_at >= SILENT_S:
            self.chosen = path
        if path == self.chosen:
            self._agreed_at = now

    def _nominate(self, request: Message, generation: _Generation, path: Path, now: float) -> None:
        """Move to a nominated path, unless it is of the restart before, or one nomination among many and not best."""
        newest = self._generations[-1]
        if generation is not newest and self._nominated is newest:
            return
        priority = int.from_bytes(request.get(Attribute.PRIORITY) or b"", "big")
        rank, when = self._rank
        fresh = self._nominated is generation and now - when < AGGRESSIVE_S
        if path != self.chosen and fresh and priority <= rank:
            return
        self._rank = priority, now
        self.chosen = path
        self._nominated = generation
        if generation is newest:
            self._generations = [newest]

    def deadline(self) -> float | None:
        """When `wake` wants to be called, None when nothing is awaited."""
        return None if self._ended else self._last + TIMEOUT_S

    def wake(self, now: float) -> str | None:
        """Why the leg has no path any more: "ice-timeout" if it never had one, "ice-consent" if nothing came for 30 s.

        Told once; a later check, or a restart, gives it life again.
        """
        due = self.deadline()
        if due is None or now < due:
            return None
        self._ended = True
        return "ice-consent" if self._paths else "ice-timeout"


def _error(request: Message, code: int, *more: tuple[int, bytes], password: bytes | None = None) -> bytes:
    return stun.serialise(Form.ERROR, request.transaction, (stun.error(code), *more), password)
