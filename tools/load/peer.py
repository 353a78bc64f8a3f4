"""A browser's end of the sound: one UDP port with ICE, DTLS and SRTP (RFC 8834), as cheap as it can be.

What comes is counted by its header, which is in the clear; only who listens also decrypts.
"""

from __future__ import annotations

import contextlib
import secrets
import socket
import struct
import time
from collections.abc import Callable

from bridge.errors import ProtocolError
from bridge.rtc.demux import Kind, kind_of
from bridge.rtc.dtls import Handshake
from bridge.rtc.identity import Identity
from bridge.rtc.link import DtlsLink
from bridge.rtp import packet, rtcp
from bridge.sdp.transport import Credentials, NegotiatedDtls
from tools.load.checks import Checks
from tools.load.member import Part
from tools.load.offer import Answer, Camera, offer, read
from tools.load.pictures import BrowserPictures
from tools.load.speech import Codec
from tools.load.stream import Stream, prepare

REPORT_S = 5.0
_VOICE_LEVEL = 50  # [-dBov]; what is louder has the V bit of RFC 6464


class BrowserStream(Stream):
    """`on_up` is told once when sound can flow [monotonic s]. `pictures`: what is shown and seen, None = nothing."""

    def __init__(
        self,
        codec: Codec,
        part: Part,
        identity: Identity,
        on_up: Callable[[float], None] = lambda now: None,
    ) -> None:
        super().__init__(codec, part.loop, part.position, part.listens)
        self.pictures: BrowserPictures | None = None
        if part.video is not None:
            self.pictures = BrowserPictures(
                part.video,
                part.clip,
                part.looks,
                lambda packet: self._put(self._link.wrap_rtp(packet)),
                lambda packets: self._put(self._link.wrap_rtcp(packets)),
            )
        self._on_up = on_up
        self._levels = part.levels
        self._identity = identity
        self._local = Credentials(secrets.token_urlsafe(6), secrets.token_urlsafe(18))
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        prepare(self._socket)
        self._socket.bind(("127.0.0.1", 0))
        self._checks: Checks | None = None
        self._handshake: Handshake | None = None
        self._answer: Answer | None = None
        self._link = DtlsLink()
        self._number = 0  # transport-wide
        self._report_due = 0.0

    def fileno(self) -> int:
        """For the poll."""
        return self._socket.fileno()

    def close(self) -> None:
        """Give the port back, without a word."""
        self._socket.close()

    # -- coming and going --------------------------------------------------------------------------------------------

    def offer(self) -> str:
        """The description to send."""
        port = int(self._socket.getsockname()[1])
        seen = self.pictures
        camera = Camera(seen.codec, seen.ssrc, seen.clip is not None) if seen is not None else None
        return offer(self.codec, port, self._local, self._identity.fingerprint, self._ssrc, camera)

    def stop(self) -> None:
        """Send no more; what comes is still noted."""
        super().stop()
        if self.pictures is not None:
            self.pictures.stop()

    def accept(self, answer: str, now: float) -> None:
        """Begin to connect. Raises ValueError for an answer that is of no use."""
        self._answer = agreed = read(answer)
        self._event_type = agreed.event_type
        self._socket.connect(agreed.address)
        dtls = NegotiatedDtls(agreed.role, (agreed.fingerprint,))
        self._handshake = Handshake(self._identity, dtls, now)
        self._checks = Checks(self._local, agreed.credentials, now)
        self.wake(now)

    def wake(self, now: float) -> None:
        """Send what is due: checks, flights that were not answered, a report."""
        checks, handshake = self._checks, self._handshake
        if checks is None or handshake is None:
            return
        if now >= checks.due:
            self._put(checks.request(now))
        due = handshake.deadline()
        if due is not None and now >= due:
            self._put(*handshake.wake(now))
        if self.active and now >= self._report_due:
            self._report_due = now + REPORT_S
            self._put(self._link.wrap_rtcp(rtcp.serialise(self._report())))

    def hang_up(self) -> None:
        """Say that nothing more comes."""
        self.stop()
        if self._handshake is not None:
            self._put(*self._handshake.close())

    def _report(self) -> rtcp.ReceiverReport:
        """That we hear the bridge's stream, and nothing of how well: it is told what it must be told."""
        if not self.notes:
            return rtcp.ReceiverReport(self._ssrc)
        sequence, _, ssrc = struct.unpack_from("!HII", self.notes, len(self.notes) - 26)
        block = rtcp.ReportBlock(ssrc, 0, 0, sequence, 0, 0, 0)
        return rtcp.ReceiverReport(self._ssrc, (block,))

    def _put(self, *datagrams: bytes) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionRefusedError):  # as if it were lost
            for datagram in datagrams:
                self._socket.send(datagram)

    # -- what comes --------------------------------------------------------------------------------------------------

    def receive(self) -> None:
        """Take one packet in; the poll tells when there are more."""
        try:
            datagram, notes, _, _ = self._socket.recvmsg(2048, 64)
        except (ConnectionRefusedError, BlockingIOError):
            return
        if datagram[0] >> 6 != 2:
            with contextlib.suppress(ProtocolError):
                self._take_other(datagram, time.monotonic())
        elif packet.is_rtcp(datagram):
            if self.pictures is not None:
                with contextlib.suppress(ProtocolError):
                    self.pictures.take_control(self._link.unwrap_rtcp(datagram))
        elif self.pictures is not None and datagram[1] & 127 == self.pictures.codec.payload_type:
            looks = self.pictures.payloads is not None
            payload = packet.parse(self._link.unwrap_rtp(datagram)).payload if looks else b""
            self.pictures.note(datagram[:12], notes[0][2], payload)
        elif len(datagram) > 12:
            self.notes += datagram[:12] + notes[0][2]
            if self.payloads is not None:
                self.payloads.append(packet.parse(self._link.unwrap_rtp(datagram)).payload)

    def _take_other(self, datagram: bytes, now: float) -> None:
        """ICE and DTLS."""
        checks, handshake = self._checks, self._handshake
        if checks is None or handshake is None:
            return
        match kind_of(datagram):
            case Kind.STUN:
                checks.answered(datagram, now)
                if checks.passed:
                    self._put(*handshake.start(now))
            case Kind.DTLS:
                self._put(*handshake.handle(datagram, now))
                if handshake.keys is not None and not self.active:
                    self._link.take(handshake.keys)
                    self.active = True
                    if self.pictures is not None:
                        self.pictures.active = True
                    self._on_up(now)
            case _:
                pass

    # -- what goes ---------------------------------------------------------------------------------------------------

    def _transmit(self, second: int, clock: int, payload: bytes, position: int) -> None:
        head = struct.pack("!BBHII", 0x90, second, self._sequence, clock, self._ssrc)
        level = self._levels[position]
        self._number = (self._number + 1) & 0xFFFF
        self._socket.send(self._link.wrap_rtp(head + self._extension(level) + payload))

    def _extension(self, level: int) -> bytes:
        """Level and transport-wide number, where they were agreed (RFC 8285 section 4.2)."""
        agreed = self._answer
        assert agreed is not None
        elements = b""
        if agreed.level_id:
            elements += bytes((agreed.level_id << 4, level | (level < _VOICE_LEVEL) << 7))
        if agreed.number_id:
            elements += bytes((agreed.number_id << 4 | 1, self._number >> 8, self._number & 0xFF))
        elements += bytes(-len(elements) & 3)
        return b"\xbe\xde" + (len(elements) // 4).to_bytes(2, "big") + elements
