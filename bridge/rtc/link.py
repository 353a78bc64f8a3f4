"""The Link of DTLS-SRTP (RFC 5764): mute and deaf until the handshake has given it keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bridge.errors import ProtocolError
from bridge.rtp.batch import WrapAll
from bridge.rtp.link import SdesLink
from bridge.rtp.srtp import SuiteKey


class DtlsLink:
    """RTP/SAVPF with keys from a handshake. Before the first keys every method raises ProtocolError("dtls-not-up")."""

    __slots__ = ("unwrap_rtcp", "unwrap_rtp", "wrap_rtcp", "wrap_rtp", "wrap_rtp_all")

    secure = True

    def __init__(self) -> None:
        self.wrap_rtp: Callable[[bytes], bytes] = _not_up
        self.wrap_rtp_all: WrapAll = _nothing_up
        self.unwrap_rtp: Callable[[bytes], bytes] = _not_up
        self.wrap_rtcp: Callable[[bytes], bytes] = _not_up
        self.unwrap_rtcp: Callable[[bytes], bytes] = _not_up

    def take(self, keys: tuple[SuiteKey, SuiteKey]) -> None:
        """Use these keys, (what we send, what we receive), from now on.

        The keys of a new association are always new, so roll-over counters begin anew with them; until then the ones
        before go on. Raises ProtocolError: srtp-suite, srtp-key.
        """
        inner = SdesLink(*keys)
        # Bound once: a call less on every packet.
        self.wrap_rtp = inner.wrap_rtp
        self.wrap_rtp_all = inner.wrap_rtp_all
        self.unwrap_rtp = inner.unwrap_rtp
        self.wrap_rtcp = inner.wrap_rtcp
        self.unwrap_rtcp = inner.unwrap_rtcp


def _not_up(_: bytes) -> bytes:
    raise ProtocolError("dtls-not-up")


def _nothing_up(_: list[Any], sizes: list[int]) -> None:
    sizes.clear()
    raise ProtocolError("dtls-not-up")
