"""Digest authentication, as server and as client (RFC 3261 section 22, RFC 7616, RFC 8760).

MD5 and SHA-256, qop=auth only. As server: a nonce is a time and a serial number under an HMAC, so that one
never used costs no memory; of those used, the highest count seen is kept in a bounded table. As client: the
strongest algorithm on offer that we know, and an answer only to the realm that was configured, so that nobody
who is called can fetch a digest made for a trunk (reliability: a 401 on our BYE gets nothing).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final

from bridge.errors import ProtocolError
from bridge.sip.grammar import BLANK, is_token, quote, split_outside, unquote
from bridge.sip.headers import Headers
from bridge.sip.uri import parse_uri

_MOST_FIELDS = 32
_HIGHEST_SERIAL = 2**64
_Hash = Callable[[bytes], str]


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# The strongest first: the order in which we offer and choose (RFC 8760 section 2.3).
ALGORITHMS: Final[Mapping[str, _Hash]] = MappingProxyType({"SHA-256": _sha256, "MD5": _md5})


def parse_digest(value: str) -> dict[str, str]:
    """Parse the value of an Authorization or WWW-Authenticate header of scheme Digest.

    Returns the fields, names in lower case, values unquoted. Raises ProtocolError "digest" (status 400) for
    another scheme, fields that stand twice, or a field without a value.
    """
    scheme, _, rest = value.strip(BLANK).partition(" ")
    if scheme.lower() != "digest":
        raise ProtocolError("digest", "another scheme")
    fields: dict[str, str] = {}
    for piece in split_outside(rest, ","):
        if not piece:
            continue
        name, equals, text = piece.partition("=")
        name = name.strip(BLANK).lower()
        if not equals or not is_token(name) or name in fields or len(fields) == _MOST_FIELDS:
            raise ProtocolError("digest", "broken, repeated or too many fields")
        fields[name] = unquote(text.strip(BLANK))
    return fields


def _bytes(*parts: str) -> bytes:
    return ":".join(parts).encode("utf-8", "surrogateescape")


def digest_response(algorithm: str, secret: str, method: str, fields: Mapping[str, str]) -> str:
    """Compute the response value (RFC 7616 section 3.4.1).

    `secret` is H(username:realm:password) in hex; `fields` has nonce and uri, and with a qop also nc and cnonce.
    """
    digest = ALGORITHMS[algorithm]
    target = digest(_bytes(method, fields["uri"]))
    if "qop" in fields:
        counted = (fields["nonce"], fields["nc"], fields["cnonce"], fields["qop"])
        return digest(_bytes(secret, *counted, target))
    return digest(_bytes(secret, fields["nonce"], target))


def digest_secret(algorithm: str, username: str, realm: str, password: str) -> str:
    """Compute H(username:realm:password) in hex: all that a server must know of a password."""
    return ALGORITHMS[algorithm](_bytes(username, realm, password))


# -- server ---------------------------------------------------------------------------------------------------


class Outcome(Enum):
    """What became of the credentials of a request."""

    PROVED = "the peer knows the password"
    ABSENT = "no credentials for our realm: challenge"
    STALE = "right password, but the nonce is old or used: challenge with stale=true"
    WRONG = "wrong user, password or form: challenge, and count it"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Outcome, and the username where the peer proved it ("" else)."""

    outcome: Outcome
    username: str = ""


class DigestVerifier:
    """Challenges and verifies for one realm. Pure but for the key it draws at the start.

    `lifetime_s`: how long a nonce may be used. `most_nonces` bounds the table of used nonces; when it is full the
    oldest is forgotten, and counts as stale from then on. `key`: for tests; else drawn.
    """

    def __init__(
        self, realm: str, lifetime_s: float = 300.0, most_nonces: int = 10_000, key: bytes | None = None
    ) -> None:
        self._realm = realm
        self._lifetime_s = lifetime_s
        self._most_nonces = most_nonces
        self._key = secrets.token_bytes(32) if key is None else key
        self._serial = 0
        self._counts: OrderedDict[int, int] = OrderedDict()  # serial of a used nonce -> highest count
        self._forgotten = -1  # serials up to here were dropped from the table

    def challenge(
        self, now: float, stale: bool = False, algorithms: Iterable[str] = tuple(ALGORITHMS)
    ) -> list[str]:
        """Return the values of WWW-Authenticate (or Proxy-Authenticate) fields, the strongest algorithm first.

        `now`: monotonic seconds. `algorithms`: those to name, of `ALGORITHMS` and in its order.
        """
        self._serial += 1
        nonce = self._nonce(int(now * 1000), self._serial)
        end = ", stale=true" if stale else ""
        return [
            f'Digest realm={quote(self._realm)}, nonce="{nonce}", qop="auth", algorithm={name}{end}'
            for name in algorithms
        ]

    def verify(
        self,
        values: Iterable[str],
        method: str,
        uri: str,
        password_of: Callable[[str], str | None],
        now: float,
    ) -> Verdict:
        """Judge the Authorization values of a request.

        `uri` is the Request-URI as received, `password_of` gives the password of a user, or None. Call it once
        a request, not for its retransmissions: each count is good for once. Never raises.
        """
        for value in values:
            try:
                fields = parse_digest(value)
            except ProtocolError:
                continue
            if fields.get("realm") == self._realm:
                return self._judge(fields, method, uri, password_of, now)
        return Verdict(Outcome.ABSENT)

    def _judge(
        self,
        fields: Mapping[str, str],
        method: str,
        uri: str,
        password_of: Callable[[str], str | None],
        now: float,
    ) -> Verdict:
        # The name of an algorithm compares without case; absent means MD5 (RFC 7616 section 3.3).
        algorithm = fields.get("algorithm", "MD5").upper()
        if algorithm not in ALGORITHMS or not _complete(fields) or not same_target(fields["uri"], uri):
            return Verdict(Outcome.WRONG)
        stamp = self._stamp(fields["nonce"])
        if stamp is None:
            return Verdict(Outcome.WRONG)
        username = fields["username"]
        password = password_of(username)
        # An unknown user costs the same time as a wrong password.
        secret = digest_secret(algorithm, username, self._realm, "" if password is None else password)
        right = digest_response(algorithm, secret, method, {**fields, "qop": "auth"})
        if not hmac.compare_digest(right, _hex(fields["response"])) or password is None:
            return Verdict(Outcome.WRONG)
        if not self._fresh(*stamp, int(fields["nc"], 16), now):
            return Verdict(Outcome.STALE)
        return Verdict(Outcome.PROVED, username)

    def _nonce(self, issued_ms: int, serial: int) -> str:
        text = f"{issued_ms:x}.{serial:x}"
        seal = hmac.new(self._key, _bytes(self._realm, text), hashlib.sha256).hexdigest()
        return f"{text}.{seal[:32]}"

    def _stamp(self, nonce: str) -> tuple[int, int] | None:
        """Return when [ms] and as which serial we issued this nonce, None if we did not."""
        words = nonce.split(".")
        if len(words) != 3 or not all(0 < len(word) <= 32 and _is_hex(word) for word in words):
            return None
        issued_ms, serial = int(words[0], 16), int(words[1], 16)
        if serial >= _HIGHEST_SERIAL or not hmac.compare_digest(self._nonce(issued_ms, serial), nonce):
            return None
        return issued_ms, serial

    def _fresh(self, issued_ms: int, serial: int, count: int, now: float) -> bool:
        """Whether this nonce and count may be used; if so, it is used up (RFC 7616 section 3.4, nc)."""
        if now * 1000 - issued_ms > self._lifetime_s * 1000 or serial <= self._forgotten:
            return False
        if count <= self._counts.get(serial, 0):
            return False
        self._counts[serial] = count
        if len(self._counts) > self._most_nonces:
            # Out go the lowest serials: all nonces up to there are old, used or not.
            oldest, _ = self._counts.popitem(last=False)
            self._forgotten = max(self._forgotten, oldest)
        return True


def _complete(fields: Mapping[str, str]) -> bool:
    """Whether all is there that RFC 7616 asks of an answer to a challenge with qop="auth"."""
    needed = ("username", "nonce", "uri", "response", "cnonce")
    count = fields.get("nc", "")
    return (
        all(fields.get(name) for name in needed)
        and fields.get("qop", "").lower() == "auth"
        and len(count) == 8
        and _is_hex(count)
    )


def _is_hex(text: str) -> bool:
    return text.isascii() and all(character in "0123456789abcdefABCDEF" for character in text)


def _hex(text: str) -> str:
    """Lower-case hex, or "" where the text is something else (`compare_digest` takes ASCII only)."""
    return text.lower() if _is_hex(text) else ""


def same_target(claimed: str, uri: str) -> bool:
    """Whether the uri field of credentials means the Request-URI: the same text, or the same user and host.

    Elements on the way may add or drop parameters, so these are not compared (RFC 7616 section 3.4.6).
    """
    if claimed == uri:
        return True
    try:
        one, other = parse_uri(claimed), parse_uri(uri)
    except ProtocolError:
        return False
    return (one.user, one.host.lower(), one.port) == (other.user, other.host.lower(), other.port)


# -- client ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Challenge:
    """One challenge that we can answer. `qop` says whether the server knows qop=auth."""

    realm: str
    nonce: str
    algorithm: str
    qop: bool
    opaque: str | None = None
    stale: bool = False


def parse_challenge(value: str) -> Challenge | None:
    """Parse one WWW-Authenticate or Proxy-Authenticate value; None if we cannot answer it.

    That is: another scheme, an algorithm that we do not know, or qop without "auth". Raises nothing.
    """
    try:
        fields = parse_digest(value)
    except ProtocolError:
        return None
    algorithm = fields.get("algorithm", "MD5").upper()
    offered = {option.strip(BLANK).lower() for option in fields.get("qop", "").split(",")} - {""}
    if algorithm not in ALGORITHMS or "realm" not in fields or not fields.get("nonce"):
        return None
    if offered and "auth" not in offered:
        return None
    stale = fields.get("stale", "").lower() == "true"
    return Challenge(fields["realm"], fields["nonce"], algorithm, bool(offered), fields.get("opaque"), stale)


class DigestClient:
    """Answers challenges with one user's password, for one realm.

    `realm`: the only one that is answered. "" answers any, which is safe only where the caller makes sure that
    the response came from the configured peer, over TLS or a private line. `draw` makes a client nonce; for tests.
    """

    def __init__(
        self,
        username: str,
        password: str,
        realm: str,
        draw: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        self._username = username
        self._password = password
        self._realm = realm
        self._draw = draw
        self._nonce = ""
        self._count = 0

    def __repr__(self) -> str:
        return "DigestClient(***)"

    def answer(self, status: int, headers: Headers, method: str, uri: str) -> tuple[str, str] | None:
        """Return the header (name, value) that answers a 401 or 407, None if nothing may or can be answered.

        `headers` are the response's, `method` and `uri` those of the request that will be sent again. The
        strongest algorithm that both know is used. The caller gives up when an answer was
        refused with a challenge that is not stale (`is_stale`).
        """
        if status not in _FIELDS:
            return None
        theirs, ours = _FIELDS[status]
        challenges = [parsed for value in headers.get_all(theirs) if (parsed := parse_challenge(value))]
        for algorithm in ALGORITHMS:
            for challenge in challenges:
                if challenge.algorithm == algorithm and self._realm in ("", challenge.realm):
                    return ours, self._authorize(challenge, method, uri)
        return None

    def _authorize(self, challenge: Challenge, method: str, uri: str) -> str:
        if challenge.nonce != self._nonce:
            self._nonce, self._count = challenge.nonce, 0
        self._count += 1
        fields = {"username": self._username, "realm": challenge.realm, "nonce": challenge.nonce, "uri": uri}
        if challenge.qop:
            fields |= {"qop": "auth", "nc": f"{self._count:08x}", "cnonce": self._draw()}
        secret = digest_secret(challenge.algorithm, self._username, challenge.realm, self._password)
        fields["response"] = digest_response(challenge.algorithm, secret, method, fields)
        if challenge.opaque is not None:
            fields["opaque"] = challenge.opaque
        bare = {"qop", "nc"}  # RFC 3261 section 25.1 writes these without quotes
        pairs = [f"{name}={text if name in bare else quote(text)}" for name, text in fields.items()]
        return f"Digest {', '.join(pairs)}, algorithm={challenge.algorithm}"


# Which header challenges and which one answers, by status code (RFC 3261 section 22).
_FIELDS = {
    401: ("WWW-Authenticate", "Authorization"),
    407: ("Proxy-Authenticate", "Proxy-Authorization"),
}


def is_stale(status: int, headers: Headers) -> bool:
    """Whether a 401 or 407 says that only the nonce was old: worth one more try (RFC 7616 section 3.3)."""
    if status not in _FIELDS:
        return False
    challenges = [parse_challenge(value) for value in headers.get_all(_FIELDS[status][0])]
    return any(challenge is not None and challenge.stale for challenge in challenges)
