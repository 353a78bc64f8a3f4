"""Who calls: a configured peer that proves it, or a guest (RFC 3261 section 22; the policy of `settings.Endpoint`)."""

from __future__ import annotations

import hashlib

from bridge.sip.auth import DigestVerifier, Outcome
from bridge.sip.capabilities import RefusalError
from bridge.sip.flow import Flow
from bridge.sip.message import Request
from bridge.sip.settings import Endpoint


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
        user, domain = sender.user or "", sender.host.lower()
        for place in ((user, domain), (user, ""), ("", domain), ("", "")):
            for endpoint in self._endpoints.get(place, ()):
                if endpoint.addresses and flow.remote[0] not in endpoint.addresses:
                    continue
                if endpoint.password:
                    self._prove(request, endpoint, now)
                    return endpoint.name
                if endpoint.addresses:
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
        values = self._verifier.challenge(now, stale=verdict.outcome is Outcome.STALE)
        raise RefusalError(401, *(("WWW-Authenticate", value) for value in values))
