"""A shared port on the workbench: real sockets on loopback, read by hand, in time that the test sets."""

from __future__ import annotations

import socket
import struct
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from bridge.errors import ProtocolError
from bridge.media import contract
from bridge.media.endpoint import Receiver
from bridge.media.ice_path import IcePath
from bridge.media.protection import Protection
from bridge.media.session import Session
from bridge.media.settings import MediaSettings
from bridge.media.shared_port import SharedPort
from bridge.message import Message
from bridge.rtc.dtls import Handshake
from bridge.rtc.framing import Framer, frame
from bridge.rtc.identity import Identity
from bridge.rtp.link import Link, PlainLink, SdesLink
from bridge.sdp.audio import NegotiatedAudio, SrtpKey
from bridge.sdp.transport import (
    Credentials,
    DtlsRole,
    NegotiatedDtls,
    NegotiatedIce,
    NegotiatedTransport,
)
from tests.media.bench_leg import AUDIO, IDENTITY
from tests.rtc.checks import check
from tests.rtc.ends import THEIRS

ICE_AUDIO = replace(AUDIO, remote=("", 0), remote_rtcp=("", 0), rtcp_mux=True, rtcp_reduced_size=True)
KEYS = (SrtpKey("AEAD_AES_128_GCM", bytes(28)), SrtpKey("AEAD_AES_128_GCM", bytes(range(28))))


class Line:
    """One way of a peer to the port: a UDP socket or a TCP connection of its own."""

    def __init__(self, to: tuple[str, int], tcp: bool = False, host: str = "") -> None:
        family = socket.AF_INET6 if ":" in to[0] else socket.AF_INET
        self._framer = Framer() if tcp else None
        self.sock = socket.socket(family, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM)
        self.sock.bind((host or to[0], 0))
        self.sock.connect(to)
        self.sock.setblocking(False)
        if tcp:
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.closed = False

    @property
    def source(self) -> tuple[str, int]:
        name = self.sock.getsockname()
        return str(name[0]), int(name[1])

    def send(self, datagram: bytes) -> None:
        self.sock.send(datagram if self._framer is None else frame(datagram))

    def receive(self) -> list[bytes]:
        """All that has come."""
        got: list[bytes] = []
        while True:
            try:
                octets = self.sock.recv(65_536)
            except (BlockingIOError, ConnectionResetError):
                return got
            if self._framer is not None and not octets:
                self.closed = True
                return got
            got += [octets] if self._framer is None else self._framer.push(octets)


@dataclass
class Sent:
    """What came to a peer: answers to checks, records, packets."""

    answers: int = 0
    records: int = 0
    rtp: int = 0
    rtcp: int = 0


class Guest:
    """A leg on the port, and its peer: checks written by another implementation, our own handshake as a client."""

    def __init__(self, bench: PortBench, name: str, address: str, tcp: bool) -> None:
        self.bench = bench
        self.name = name
        self.ours = Credentials(f"ours{name}", f"the password of our end of {name}")
        self.theirs = Credentials(f"peer{name}", f"the password of the other end of {name}")
        self.events: list[contract.Event] = []
        self.faults: list[Exception] = []
        self.association = 0
        self.identity = THEIRS
        self.to = (address, bench.port.tcp_port if tcp else bench.port.port)
        self.tcp = tcp
        self.lines = [Line(self.to, tcp)]
        self.sent = Sent()
        self.link: Link = PlainLink()
        self.shake: Handshake | None = None
        self.ssrc = 77
        self.sequence, self.timestamp = 100, 5000
        self.transport = IcePath(
            name,
            bench.port,
            Protection(IDENTITY),
            MediaSettings().rate_factor,
            bench.drops,
            self.events.append,
            self.faults.append,
        )
        self.session = Session(
            name,
            self.transport,
            MediaSettings(),
            Random(1),
            bench.drops,
            tell=self.events.append,
            on_loss=lambda *_: None,
        )

    # -- what was agreed

    def agree(self, dtls: bool = True, keys: tuple[SrtpKey, SrtpKey] | None = None, **changes: Any) -> None:
        """Both ends have each other's description."""
        audio: NegotiatedAudio = replace(ICE_AUDIO, **changes)
        wanted = None
        if keys is not None:
            audio = replace(audio, srtp_send=keys[0], srtp_receive=keys[1])
            self.link = SdesLink(keys[1], keys[0])
        if dtls:
            wanted = NegotiatedDtls(DtlsRole.SERVER, (self.identity.fingerprint,), self.association)
            agreed = NegotiatedDtls(DtlsRole.CLIENT, (IDENTITY.fingerprint,))
            if self.shake is None:
                self.shake = Handshake(self.identity, agreed, self.bench.now)
        command = contract.ConfigureLeg(
            self.name,
            audio,
            transport=NegotiatedTransport(NegotiatedIce(self.ours, self.theirs), wanted),
        )
        self.session.configure(command, self.bench.now)

    def begin_anew(self, identity: Identity | None = None) -> None:
        """The peer comes with a new connection: other credentials, another association."""
        self.association += 1
        self.restart()
        self.identity = identity or self.identity
        self.shake = None
        self.agree()

    def restart(self) -> None:
        """Other credentials at both ends; `agree` tells us of them."""
        generation = self.ours.ufrag.count("x") + 1
        self.ours = Credentials(self.ours.ufrag + "x", f"password {generation} of our end of {self.name}")
        self.theirs = Credentials(self.theirs.ufrag + "x", f"password {generation} of {self.name}'s peer")

    # -- what the peer does

    @property
    def line(self) -> Line:
        """The way it uses now."""
        return self.lines[-1]

    def rebind(self) -> None:
        """It comes from another port, and does not know."""
        self.lines.append(Line(self.to, self.tcp))

    def check(self, nominate: bool = True, **more: Any) -> None:
        """Send a check, and let it be taken."""
        self.line.send(check(self.ours, self.theirs, nominate=nominate, **more))
        self.bench.poll()

    def say_hello(self) -> None:
        """Its ICE is up: begin with DTLS."""
        assert self.shake is not None
        for record in self.shake.start(self.bench.now):
            self.line.send(record)
        self.bench.poll()

    def connect(self, dtls: bool = True) -> None:
        """Checks, and the handshake."""
        self.check()
        if dtls:
            self.say_hello()
            for _ in range(3):
                self.bench.turn()

    def packet(self, payload: bytes = bytes(160)) -> bytes:
        """The peer's next packet."""
        self.sequence = self.sequence + 1 & 0xFFFF
        self.timestamp = self.timestamp + 160 & 0xFFFFFFFF
        head = struct.pack("!BBHII", 0x80, 0, self.sequence, self.timestamp, self.ssrc)
        return self.link.wrap_rtp(head + payload)

    def talk(self) -> None:
        """Its packet of this tick."""
        self.line.send(self.packet())

    def receive(self) -> None:
        """Take what has come on all lines; records are answered on the line in use."""
        for line in self.lines:
            for datagram in line.receive():
                self._take(datagram)

    def _take(self, datagram: bytes) -> None:
        if datagram[0] < 4:
            self.sent.answers += 1
        elif datagram[0] < 64:
            self.sent.records += 1
            self._shake_on(datagram)
        elif datagram[1] in (200, 201, 205):
            self.sent.rtcp += 1
        else:
            self.sent.rtp += 1

    def _shake_on(self, record: bytes) -> None:
        assert self.shake is not None
        with suppress(ProtocolError):  # a farewell that was said already, records of a connection before
            for answer in self.shake.handle(record, self.bench.now):
                self.line.send(answer)
        if self.shake.keys is not None:
            self.link = SdesLink(*self.shake.keys)

    def told(self, kind: type[Message]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def heard(self) -> int:
        """Packets of its that we took."""
        return self.session.received.packets

    def hang_up(self) -> None:
        """We end the leg."""
        self.session.say_goodbye(self.bench.now, 1.7e9)
        self.transport.close()

    def close(self) -> None:
        self.transport.close()
        for line in self.lines:
            line.sock.close()


class PortBench:
    """The port, and time."""

    def __init__(self, addresses: tuple[str, ...] = ("127.0.0.1",), tcp: bool = True) -> None:
        self.now = 1000.0
        self.drops: Counter[str] = Counter()
        self.receiver = Receiver(self.drops)
        self.port = SharedPort(addresses, 0, tcp, self.receiver, self.drops)
        self.guests: list[Guest] = []
        self.strangers: list[Line] = []

    def guest(self, address: str = "127.0.0.1", tcp: bool = False) -> Guest:
        """A new leg with its peer; nothing is agreed yet."""
        guest = Guest(self, f"g{len(self.guests)}", address, tcp)
        self.guests.append(guest)
        return guest

    def stranger(self, address: str = "127.0.0.1", tcp: bool = False) -> Line:
        """Somebody at another address."""
        line = Line((address, self.port.tcp_port if tcp else self.port.port), tcp)
        self.strangers.append(line)
        return line

    def poll(self) -> None:
        """We read what has come; the peers do the same."""
        self.receiver.poll(self.now, time.time())
        for guest in self.guests:
            guest.receive()

    def turn(self, talking: bool = False) -> None:
        """20 ms: the peers talk, we read, the mixer's payload goes out, deadlines are looked at."""
        self.now += 0.02
        if talking:
            for guest in self.guests:
                guest.talk()
        self.poll()
        for guest in self.guests:
            guest.session.pop(self.now)
            guest.session.send_audio(b"\xff" * 160, 960, False)
            if guest.session.deadline <= self.now:
                guest.session.wake(self.now, 1.7e9 + self.now)
        self.port.wake(self.now)
        self.poll()

    def run(self, seconds: float, talking: bool = False, checks_s: float = 2.5) -> None:
        """Let time pass. The peers check their paths every `checks_s`."""
        for n in range(round(seconds * 50)):
            if n % round(checks_s * 50) == round(checks_s * 50) - 1:
                for guest in self.guests:
                    guest.check(nominate=False)
            self.turn(talking)

    def close(self) -> None:
        for guest in self.guests:
            guest.close()
        self.port.close()
        self.receiver.close()
        for line in self.strangers:
            line.sock.close()
