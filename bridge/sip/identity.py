"""Who calls: a configured peer that proves it, or a guest (RFC 3261 section 22; the policy of `settings.Endpoint`)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from ipaddress import ip_address, ip_network

from bridge.sip.auth import ALGORITHMS, DigestVerifier, Outcome
from bridge.sip.capabilities import RefusalError
from bridge.sip.flow import Flow
from bridge.sip.message import Request
from bridge.sip.settings import Endpoint
from bridge.sip.uri import unescaped


class Identity:
    """The configured peers. `seed`: a random word, for the nonces."""

    def __init__(self, realm: str, endpoints: tuple[Endpoint, ...], seed: str) -> None:
        key = hashlib.sha256(seed.encode()).digest()
        self._verifier = DigestVerifier(realm, key=key)
        self._endpoints: dict[tuple[str, str], list[Endpoint]] = {}
        for endpoint in endpoints:
            self._endpoints.setdefault((endpoint.user, endpoint.domain.lower()), []).append(endpoint)

    def check(self, request: Request, flow: Flow, now: float) -> str | None:
        """The name of the peer that an INVITE comes from, None for a guest.

        Raises RefusalError 401 with a challenge where its From names a peer with a password that is not proved.
        Guests are never challenged.
        """
        sender = request.from_.uri
        user, domain = unescaped(sender.user or ""), sender.host.lower()
        places = ((user, domain), (user, ""), ("", domain), ("", ""))
        likely = [endpoint for place in places for endpoint in self._endpoints.get(place, ())]
        # Who is known by where he comes from need not prove himself as well.
        for endpoint in likely:
            if not endpoint.password and comes_from(flow.remote[0], endpoint.addresses):
                return endpoint.name
        for endpoint in likely:
            if endpoint.password and (
                not endpoint.addresses or comes_from(flow.remote[0], endpoint.addresses)
            ):
                self._prove(request, endpoint, now)
                return endpoint.name
        return None

    def _prove(self, request: Request, endpoint: Endpoint, now: float) -> None:
        verdict = self._verifier.verify(
            request.headers.get_all("Authorization"),
            request.method,
            request.uri,
            lambda username: endpoint.password if username == endpoint.username else None,
            now,
        )
        if verdict.outcome is Outcome.PROVED:
            return
        algorithms = tuple(ALGORITHMS) if endpoint.sha256 else ("MD5",)
        values = self._verifier.challenge(now, verdict.outcome is Outcome.STALE, algorithms)
        raise RefusalError(401, *(("WWW-Authenticate", value) for value in values))


def comes_from(address: str, places: Iterable[str]) -> bool:
    """Whether an address is one of `places`, which are addresses and prefixes like 192.0.2.0/24."""
    return any(ip_address(address) in ip_network(place, strict=False) for place in places)
