"""A pair of ports of the leg's own: plain RTP, SDES, or DTLS without ICE, as phones and video systems have it.

The description says where the peer is; `bridge.rtp.source` says how far it is believed. DTLS shares the RTP port, and
RTCP does too then (RFC 5764 section 4.1 would want a handshake of its own for it).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from ipaddress import ip_address

from bridge.media import contract
from bridge.media.endpoint import Address, Endpoint, SendBatch
from bridge.media.protection import Protection
from bridge.media.transport import Transport
from bridge.rtp.batch import Batch
from bridge.rtp.packet import is_rtcp
from bridge.rtp.source import RemoteFilter
from bridge.sdp.audio import NegotiatedAudio
from bridge.sdp.transport import NegotiatedTransport
from bridge.sdp.video import NegotiatedVideo

Send = Callable[[bytes, Address], bool]


class OwnPorts(Transport):
    """`send_rtp_to`, `send_rtcp_to` send from the two sockets of `endpoint`, `send_batch_to` many datagrams at once
    from the first, None = they go one by one. `is_own` says whether an address is one of
    our own ports, to which nothing is sent."""

    def __init__(
        self,
        leg: str,
        endpoint: Endpoint,
        protection: Protection,
        rate_factor: float,
        drops: Counter[str],
        tell: Callable[[contract.Event], None],
        *,
        send_rtp_to: Send,
        send_rtcp_to: Send,
        is_own: Callable[[Address], bool],
        send_batch_to: SendBatch | None = None,
    ) -> None:
        super().__init__(leg, protection, rate_factor, drops, tell)
        self.endpoint = endpoint
        self._send_rtp_to = send_rtp_to
        self._send_rtcp_to = send_rtcp_to
        self._send_batch_to = send_batch_to
        self._is_own = is_own
        self._source: RemoteFilter | None = None
        self._rtcp_source = RemoteFilter(("", 0))
        self._secure = False  # the rules follow whoever proves itself
        self._mux = False

    def _aim(
        self,
        stream: NegotiatedAudio | NegotiatedVideo,
        transport: NegotiatedTransport,
        command: contract.ConfigureLeg,
        now: float,
    ) -> None:
        remote, remote_rtcp = _canonical(stream.remote), _canonical(stream.remote_rtcp)
        signalling = _canonical((command.signalling, 0))[0]
        before, self._secure = self._secure, self._protection.proven
        self._mux = stream.rtcp_mux
        if self._source is not None and before == self._secure:
            self._source.configure(remote, signalling, command.latch)
            self._rtcp_source.configure(remote_rtcp, signalling, command.latch)
        else:
            self._source = RemoteFilter(remote, signalling, command.latch, self._secure)
            self._rtcp_source = RemoteFilter(remote_rtcp, signalling, command.latch, self._secure)

    @property
    def protocol(self) -> str:
        """UDP as soon as something was agreed on."""
        return "udp" if self._source is not None else ""

    # -- in --------------------------------------------------------------------------------------------------------

    def take_rtp(self, datagram: bytes, source: Address, arrival: float) -> None:
        """A datagram of the RTP port, judged by its source before anything else."""
        rule = self._source
        if rule is None:
            self._drops["not-configured"] += 1
        elif not rule.accepts(source, arrival):
            self._drops["rtp-address"] += 1
        elif self._mux and is_rtcp(datagram):
            # On a port shared with RTP only RTP, or a proof, may say where the peer is.
            if self._take_report(datagram, arrival) and (self._secure or source == rule.target):
                rule.heard(source)
        elif self._is_record(datagram):
            self._shake(rule, datagram, source, arrival)
        elif self._take_packet(datagram, arrival) and (not rule.proven or source != rule.target):
            rule.heard(source)

    def take_rtcp(self, datagram: bytes, source: Address, arrival: float) -> None:
        """A datagram of the RTCP port."""
        if self._source is None:
            self._drops["not-configured"] += 1
        elif not self._rtcp_source.accepts(source, arrival):
            self._drops["rtcp-address"] += 1
        elif self._take_report(datagram, arrival):
            self._rtcp_source.heard(source)

    def _shake(self, rule: RemoteFilter, record: bytes, source: Address, now: float) -> None:
        """Until the handshake has proven the peer its records come from where the description says, and later from
        where its packets do."""
        if self._secure and source != rule.target:
            self._drops["dtls-address"] += 1
            return
        answers = self._take_record(record, now)
        if self._protection.proven and not self._secure:
            self._secure = True
            rule.heard(source)
            rule.become_secure()
        for answer in answers:
            if rule.may_send() and not self._is_own(source):
                self._send_rtp_to(answer, source)

    # -- out -------------------------------------------------------------------------------------------------------

    def may_send(self, packets: int = 1) -> bool:
        """Whether the peer's RTP address may be sent to."""
        rule = self._source
        return (
            rule is not None
            and self._protection.ready
            and self._failed is None
            and rule.may_send(packets)
            and not self._is_own(rule.target)
        )

    def may_report(self) -> bool:
        """Whether the address for the peer's RTCP may be sent to."""
        if self._source is None or not self._protection.ready or self._failed is not None:
            return False
        rule = self._source if self._mux else self._rtcp_source
        return rule.may_send() and not self._is_own(rule.target)

    def _send(self, datagram: bytes) -> None:
        if self._source is not None:
            self._send_rtp_to(datagram, self._source.target)

    def _send_batch(self, batch: Batch) -> None:
        if self._send_batch_to is None:
            super()._send_batch(batch)
        elif self._source is not None:
            self._send_batch_to(batch, self._source.target)

    def _send_report(self, datagram: bytes) -> None:
        if self._mux:
            self._send(datagram)
        else:
            self._send_rtcp_to(datagram, self._rtcp_source.target)

    def _send_record(self, record: bytes) -> None:
        rule = self._source
        if rule is not None and rule.may_send() and not self._is_own(rule.target):
            self._send_rtp_to(record, rule.target)

    def _path_told(self) -> tuple[object, ...] | None:
        """Only a handshake is worth telling of."""
        return (self._protection.handshakes,) if self._protection.shakes else None


def _canonical(address: tuple[str, int]) -> tuple[str, int]:
    """The form in which a socket tells the same source."""
    host, port = address
    try:
        return str(ip_address(host.split("%", 1)[0])), port
    except ValueError:
        return host, port
