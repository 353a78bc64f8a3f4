"""The headers that every answer carries, errors and static files too: what a browser may do with what it gets from us.

No page of ours has code or style of its own inside, so none is allowed there; nothing is loaded from elsewhere, nobody
may put us in a frame, and only our own pages may ask for the microphone and the camera.
"""

from __future__ import annotations

from typing import Final

Pairs = list[tuple[bytes, bytes]]

CONTENT_SECURITY_POLICY: Final = "; ".join((
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data: blob:", "font-src 'self'",
    "media-src 'self' blob:", "connect-src 'self'", "worker-src 'self'", "manifest-src 'self'", "base-uri 'none'",
    "form-action 'self'", "frame-ancestors 'none'",
))  # fmt: skip
PERMISSIONS_POLICY: Final = ", ".join((
    "camera=(self)", "microphone=(self)", "speaker-selection=(self)", "display-capture=(self)", "autoplay=(self)",
    "screen-wake-lock=(self)", "fullscreen=(self)", "clipboard-write=(self)", "geolocation=()", "payment=()", "usb=()",
    "serial=()", "midi=()",
))  # fmt: skip
HSTS_S: Final = 63_072_000  # two years

_ALWAYS: Final[Pairs] = [
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"permissions-policy", PERMISSIONS_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
_HSTS: Final = (b"strict-transport-security", b"max-age=%d" % HSTS_S)
_NO_STORE: Final = (b"cache-control", b"no-store")
_TELLING: Final = frozenset((b"server", b"x-powered-by"))


def protected(headers: Pairs, secure: bool) -> Pairs:
    """The headers of an answer with ours among them; `secure`: it goes over TLS. What is there already stays.

    An answer that says nothing about caching is not to be kept: it may hold names.
    """
    given = {name.lower() for name, _ in headers}
    ours = [*_ALWAYS, _NO_STORE, _HSTS] if secure else [*_ALWAYS, _NO_STORE]
    kept = [(name, value) for name, value in headers if name.lower() not in _TELLING]
    return kept + [(name, value) for name, value in ours if name not in given]
