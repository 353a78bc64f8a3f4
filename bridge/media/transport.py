"""How the datagrams of one leg travel: from whom they are taken, what protects them, where they go.

There are two kinds: `bridge.media.own_ports.OwnPorts`, a pair of ports of the leg's own, and
`bridge.media.ice_path.IcePath`, the process's one port for all legs with ICE. Each takes what may be the peer's; what
comes then is the same for both and here: rate, DTLS or not, RTP or RTCP, and the link that unwraps it. What is left, a
packet, is the business of the leg's streams (`bridge.media.session`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from math import inf
from typing import Protocol

from bridge.errors import ProtocolError
from bridge.media import contract
from bridge.media.allowance import Allowance
from bridge.media.protection import Protection
from bridge.rtp.batch import Batch
from bridge.sdp.audio import NegotiatedAudio
from bridge.sdp.transport import NegotiatedTransport
from bridge.sdp.video import NegotiatedVideo

RTCP_PER_S = 50.0  # an honest peer sends one report in some seconds, and feedback ten times a second
# Where there are pictures, feedback comes twenty times a second, and wishes for what was lost as often as that happens.
PICTURES_RTCP_PER_S = 200.0
# Packets of another source (SSRC) than the one that is heard: enough for the peer to begin one. So a flood that is
# forged with the peer's address, by somebody who does not see its packets, does not use up what the peer may send.
OTHERS_PER_S = 50.0
# Of sources that were verified. SRTP keeps something of each for as long as its key lives, and looks them through one
# by one for each packet: a peer that sends from ever new ones would make each packet of all legs slow.
SOURCES_PER_S, SOURCES_AT_ONCE = 0.1, 100.0
RECORDS_PER_S = 50.0  # of DTLS; a handshake takes five or so, and some more where they are lost

Unwrap = Callable[[bytes], bytes]

_FIRST_ABOVE_DTLS = 64  # RFC 7983 section 7: the first octet of a record is 20 to 63


class Streams(Protocol):
    """Who gets a leg's packets."""

    def take_rtp(self, octets: bytes, arrival: float) -> None:
        """An RTP packet. Raises ProtocolError for what is dropped: it was not the peer's, or of no use."""
        ...

    def take_rtcp(self, octets: bytes, arrival: float) -> None:
        """An RTCP compound packet. Raises ProtocolError."""
        ...


class PictureStreams(Protocol):
    """Who gets a leg's packets of pictures, and says beforehand which are worth decrypting."""

    @property
    def types(self) -> frozenset[int]:
        """The payload types that are pictures."""
        ...

    def admit(self, datagram: bytes, arrival: float) -> bool:
        """Whether a packet of 12 octets or more is to be unwrapped. False: it was dropped, and that was counted."""
        ...

    def take_picture(self, octets: bytes, arrival: float) -> None:
        """An RTP packet of pictures. Raises ProtocolError for what is dropped."""
        ...


class Transport(ABC):
    """What both kinds have in common. `deadline`: when `wake` wants to be called [monotonic seconds].

    `streams` get what comes; `pictures` get what is theirs by payload type, None = there are none. What they may send
    is no part of the allowance of the sound, so that a flood of pictures costs no sound.

    `rate_factor`: how many times the agreed packet rate is taken; more is dropped unread. `drops` counts by name.
    `tell` gets Connected and TransportFailed.
    """

    def __init__(
        self,
        leg: str,
        protection: Protection,
        rate_factor: float,
        drops: Counter[str],
        tell: Callable[[contract.Event], None],
    ) -> None:
        self.leg = leg
        self.streams: Streams  # set by their owner, before anything comes
        self.pictures: PictureStreams | None = None
        self.deadline = inf
        self._protection = protection
        self._rate_factor = rate_factor
        self._drops = drops
        self._tell = tell
        self._allowance = self._other_allowance = Allowance(0.0, 0.0, 0.0)
        self._heard_source = b""  # SSRC of the packet that was last taken
        self._sources: set[bytes] = set()  # those that were verified; bounded by the allowance
        self._source_allowance = Allowance(SOURCES_PER_S, SOURCES_AT_ONCE, 0.0)
        self._rtcp_allowance = Allowance(0.0, 0.0, 0.0)
        self._record_allowance = Allowance(0.0, 0.0, 0.0)
        # Bound once, and again when the link changes: a look-up less on every packet.
        self._unwrap_rtp: Unwrap = protection.link.unwrap_rtp
        self._unwrap_rtcp: Unwrap = protection.link.unwrap_rtcp
        self._shakes = False
        self._failed: str | None = None
        self._told: tuple[object, ...] = ()  # what `Connected` was last told of

    # -- what was agreed -------------------------------------------------------------------------------------------

    def configure(self, command: contract.ConfigureLeg, now: float) -> None:
        """Take what was negotiated, first or anew, for the sound and for what travels with it.

        Raises ProtocolError for keys that cannot be used.
        """
        rate = self._rate_factor * max(50.0, 1000.0 / command.audio.ptime_ms)
        self._allowance = Allowance(rate, rate, now)
        bundled = command.video is not None and command.video_transport is None
        self._agree(
            command.audio, command.transport, command, now, PICTURES_RTCP_PER_S if bundled else RTCP_PER_S
        )

    def configure_video(
        self,
        video: NegotiatedVideo,
        transport: NegotiatedTransport,
        command: contract.ConfigureLeg,
        now: float,
    ) -> None:
        """The same for pictures that travel alone."""
        self._agree(video, transport, command, now, PICTURES_RTCP_PER_S)

    def _agree(
        self,
        stream: NegotiatedAudio | NegotiatedVideo,
        transport: NegotiatedTransport,
        command: contract.ConfigureLeg,
        now: float,
        reports: float,
    ) -> None:
        self._protection.configure(stream, transport.dtls, now)
        self._other_allowance = Allowance(OTHERS_PER_S, OTHERS_PER_S, now)
        self._rtcp_allowance = Allowance(reports, reports, now)
        self._record_allowance = Allowance(RECORDS_PER_S, RECORDS_PER_S, now)
        self._aim(stream, transport, command, now)
        self._settle(now)

    @abstractmethod
    def _aim(
        self,
        stream: NegotiatedAudio | NegotiatedVideo,
        transport: NegotiatedTransport,
        command: contract.ConfigureLeg,
        now: float,
    ) -> None:
        """Take what was agreed about addresses."""

    @property
    @abstractmethod
    def protocol(self) -> str:
        """By what datagrams go now: "udp", "tcp", or "" for nothing yet."""

    # -- in --------------------------------------------------------------------------------------------------------

    def _take_packet(self, datagram: bytes, arrival: float) -> bool:
        """A datagram that may be the peer's RTP. True: it was."""
        source = datagram[8:12]
        if source == self._heard_source:
            allowance = self._allowance
        elif not self._may_begin_source(source, arrival):
            return False
        else:
            pictures = self.pictures
            if pictures is not None and len(source) == 4 and datagram[1] & 0x7F in pictures.types:
                return pictures.admit(datagram, arrival) and self._take_picture(pictures, datagram, arrival)
            allowance = self._other_allowance
        if not allowance.take(arrival):
            self._drops["over-rate"] += 1
            return False
        try:
            packet = self._unwrap_rtp(datagram)
            if source not in self._sources:
                self._begin_source(source, arrival)
            self.streams.take_rtp(packet, arrival)
        except ProtocolError as fault:
            self._drops[fault.name] += 1
            return False
        self._heard_source = source
        return True

    def _take_picture(self, pictures: PictureStreams, datagram: bytes, arrival: float) -> bool:
        try:
            packet = self._unwrap_rtp(datagram)
            if datagram[8:12] not in self._sources:
                self._begin_source(datagram[8:12], arrival)
            pictures.take_picture(packet, arrival)
        except ProtocolError as fault:
            self._drops[fault.name] += 1
            return False
        return True

    def _take_report(self, datagram: bytes, arrival: float) -> bool:
        """A datagram that may be the peer's RTCP. True: it was."""
        if not self._rtcp_allowance.take(arrival):
            self._drops["over-rate"] += 1
            return False
        source = datagram[4:8]
        if not self._may_begin_source(source, arrival):
            return False
        try:
            packet = self._unwrap_rtcp(datagram)
            if source not in self._sources:
                self._begin_source(source, arrival)
            self.streams.take_rtcp(packet, arrival)
        except ProtocolError as fault:
            self._drops[fault.name] += 1
            return False
        return True

    def _may_begin_source(self, source: bytes, arrival: float) -> bool:
        """Whether a packet of this SSRC may be unwrapped: it is known, or one more may be."""
        if source in self._sources or self._source_allowance.has(arrival):
            return True
        self._drops["too-many-sources"] += 1
        return False

    def _begin_source(self, source: bytes, arrival: float) -> None:
        """A packet of this SSRC was unwrapped for the first time. Without keys anybody's can be."""
        if self._protection.link.secure:
            self._source_allowance.take(arrival)
            self._sources.add(source)

    def _is_record(self, datagram: bytes) -> bool:
        """Whether this is DTLS, and DTLS is what was agreed on."""
        return self._shakes and bool(datagram) and datagram[0] < _FIRST_ABOVE_DTLS

    def _take_record(self, datagram: bytes, now: float) -> tuple[bytes, ...]:
        """A datagram of DTLS from where the peer is; returns the answers."""
        if not self._record_allowance.take(now):
            self._drops["over-rate"] += 1
            return ()
        try:
            answers = self._protection.take(datagram, now)
        except ProtocolError as fault:
            self._drops[fault.name] += 1
            answers = ()
        self._settle(now)
        return answers

    # -- out -------------------------------------------------------------------------------------------------------

    @abstractmethod
    def may_send(self, packets: int = 1) -> bool:
        """Whether there is a place to send so many RTP packets to now; they are counted."""

    @abstractmethod
    def may_report(self) -> bool:
        """The same for RTCP."""

    @abstractmethod
    def _send(self, datagram: bytes) -> None:
        """Send RTP, or DTLS, to the peer."""

    @abstractmethod
    def _send_report(self, datagram: bytes) -> None:
        """Send RTCP to the peer."""

    def send_rtp(self, packet: bytes) -> None:
        """Send an RTP packet, after `may_send` has said yes."""
        try:
            datagram = self._protection.link.wrap_rtp(packet)
        except ProtocolError as fault:
            self._drops[fault.name] += 1
            return
        self._send(datagram)

    def crowded(self) -> bool:
        """Whether so much of what was sent still waits on our side that no picture should be added."""
        return False

    def send_batch(self, batch: Batch) -> None:
        """Send some RTP packets, after `may_send` has said yes to so many; datagrams are left in their places."""
        try:
            batch.wrap(self._protection.link.wrap_rtp_all)
        except ProtocolError as fault:
            self._drops[fault.name] += 1
        self._send_batch(batch)

    def send_again(self, datagram: bytes) -> None:
        """Send a datagram that `send_batch` has sent once more as it was, after `may_send` has said yes."""
        self._send(datagram)

    def _send_batch(self, batch: Batch) -> None:
        for datagram in batch.datagrams():
            self._send(bytes(datagram))

    def send_rtcp(self, packet: bytes) -> None:
        """Send an RTCP compound packet, after `may_report` has said yes."""
        try:
            datagram = self._protection.link.wrap_rtcp(packet)
        except ProtocolError as fault:
            self._drops[fault.name] += 1
            return
        self._send_report(datagram)

    # -- time ------------------------------------------------------------------------------------------------------

    def wake(self, now: float) -> None:
        """Do what is due."""
        if now >= self._protection.deadline:
            for record in self._protection.wake(now):
                self._send_record(record)
        self._settle(now)

    def _send_record(self, record: bytes) -> None:
        """Send DTLS that answers nothing: a hello, what is sent again, a farewell."""
        if self.protocol:
            self._send(record)

    def close(self) -> None:
        """Tell the peer that nothing more comes."""
        for record in self._protection.close():
            self._send_record(record)

    # -- what has become of it -------------------------------------------------------------------------------------

    def _settle(self, now: float) -> None:
        """After anything that may have changed the state: begin what can begin, tell what is new."""
        protection = self._protection
        if self._may_begin():
            for record in protection.start(now):
                self._send_record(record)
        self._shakes = protection.shakes
        failed = self._why_failed()
        if failed is not None and failed != self._failed:
            self._tell(contract.TransportFailed(self.leg, failed))
            self._told = ()
        self._failed = failed
        self._unwrap_rtp = protection.link.unwrap_rtp if failed is None else _nothing
        self._unwrap_rtcp = protection.link.unwrap_rtcp if failed is None else _nothing
        if failed is None and self.protocol and protection.settled:
            self._tell_connected()
        self.deadline = self._due()

    def _may_begin(self) -> bool:
        """Whether a handshake that is due may begin."""
        return bool(self.protocol)

    def _why_failed(self) -> str | None:
        return self._protection.failed

    def _due(self) -> float:
        return inf if self._failed is not None else self._protection.deadline

    def _tell_connected(self) -> None:
        path = self._path_told()
        if path is not None and path != self._told:
            self._told = path
            self._tell(contract.Connected(self.leg, self.protocol, self._protection.suite))

    @abstractmethod
    def _path_told(self) -> tuple[object, ...] | None:
        """What makes the connection another than before; None: nothing is told of it."""


def _nothing(_: bytes) -> bytes:
    """Of a transport that has failed nothing is read."""
    raise ProtocolError("transport-failed")
