"""A leg on the process's one port: its paths are those along which authenticated checks of its peer came (ICE).

What protects the packets is another matter: DTLS for browsers, SDES or nothing for a SIP endpoint that offers ICE.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from math import inf

from bridge.errors import ProtocolError
from bridge.media import contract
from bridge.media.allowance import Allowance
from bridge.media.endpoint import Address, SendBatch
from bridge.media.protection import Protection
from bridge.media.shared_port import SharedPort
from bridge.media.transport import Transport
from bridge.rtc.ice import IceLite, Path
from bridge.rtp.batch import Batch
from bridge.rtp.packet import is_rtcp
from bridge.sdp.audio import NegotiatedAudio
from bridge.sdp.transport import NegotiatedTransport
from bridge.sdp.video import NegotiatedVideo

CHECKS_PER_S = (
    100.0  # along paths that have passed one; an honest peer sends some twenty while it looks for a path
)
STRANGE_CHECKS_PER_S = 50.0  # along others: they may be anybody's, and must not use up what the peer needs
# So many packets in a row that prove themselves along another path, while nothing comes along the chosen one, say that
# the peer has moved: a NAT has given it another port, and it does not know, so it nominates nothing.
MOVED_PACKETS = 3
MOVED_S = 0.05
CROWDED = 8_192  # octets that wait for TCP; pictures wait behind them, sound does not
HELD_S = 2.0  # a path on which a proven packet came so lately is not given to another leg


class IcePath(Transport):
    """`fail` is told of faults of ours with this leg."""

    def __init__(
        self,
        leg: str,
        port: SharedPort,
        protection: Protection,
        rate_factor: float,
        drops: Counter[str],
        tell: Callable[[contract.Event], None],
        fail: Callable[[Exception], None],
    ) -> None:
        super().__init__(leg, protection, rate_factor, drops, tell)
        self.fail = fail
        self.port = port
        self._ice: IceLite | None = None
        self._named: tuple[str, ...] = ()
        # What the port holds for us, and when it was last checked; as many as the ICE agent keeps.
        self._given: dict[Path, float] = {}
        self._chosen: Path | None = None
        self._chosen_at = 0.0
        self._to: Address = ("", 0)
        self._send_to: Callable[[bytes, Address], bool] | None = None
        self._send_batch_to: SendBatch | None = None
        self._checks = Allowance(0.0, 0.0, 0.0)
        self._strange_checks = Allowance(0.0, 0.0, 0.0)
        self._ice_failed: str | None = None
        self._heard = -inf  # when a packet last came along the chosen path [monotonic seconds]
        self._elsewhere = 0  # packets in a row that came along others

    def _aim(
        self,
        stream: NegotiatedAudio | NegotiatedVideo,
        transport: NegotiatedTransport,
        command: contract.ConfigureLeg,
        now: float,
    ) -> None:
        agreed = transport.ice
        self._checks = Allowance(CHECKS_PER_S, CHECKS_PER_S, now)
        self._strange_checks = Allowance(STRANGE_CHECKS_PER_S, STRANGE_CHECKS_PER_S, now)
        if agreed is None:
            self._leave()
            self._ice_failed = "ice-not-agreed"
            return
        if self._ice is None:
            self._ice = IceLite(agreed, now)
        else:
            self._ice.configure(agreed, now)
        self._ice_failed = None
        self._name(self._ice)

    @property
    def protocol(self) -> str:
        """Of the chosen path."""
        return self.port.protocol(self._chosen) if self._chosen is not None else ""

    # -- in --------------------------------------------------------------------------------------------------------

    def take_check(self, datagram: bytes, path: Path, arrival: float) -> None:
        """STUN that names us: answered along the path that it came by, if it is proven."""
        ice = self._ice
        known = path in self._given
        if ice is None or not (self._checks if known else self._strange_checks).take(arrival):
            self._drops["over-rate"] += 1
            return
        self._hear(ice)
        try:
            answers = ice.handle(datagram, path, arrival)
        except ProtocolError as fault:
            self._drops[fault.name] += 1
            return
        send = self.port.sender(path)
        for answer in answers:
            if send is not None:
                send(answer, (path.host, path.port))
        if ice.passed(path):
            self._pass(ice, path, arrival)

    def _pass(self, ice: IceLite, path: Path, now: float) -> None:
        """A check may have opened a path, chosen one, or ended the time of old credentials."""
        self.port.give(path, self, now)
        self._given[path] = now
        if len(self._given) > len(ice.paths):
            for gone in self._given.keys() - set(ice.paths):
                del self._given[gone]
                self.port.take_back(gone, self)
        self._name(ice)
        self._ice_failed = None
        self._choose(ice.chosen, now)
        self._settle(now)

    def _hear(self, ice: IceLite) -> None:
        """Packets that prove themselves are signs of life."""
        if self._protection.proven and self._heard > 0.0:
            ice.heard(self._heard)

    def _name(self, ice: IceLite) -> None:
        """Tell the port which checks are ours, if that has changed."""
        if ice.ufrags != self._named:
            self._named = ice.ufrags
            self.port.name(self._named, self)

    def _choose(self, path: Path | None, now: float) -> None:
        if path == self._chosen or path is None:
            return
        self._chosen, self._chosen_at = path, now
        self._to = (path.host, path.port)
        self._send_to = self.port.sender(path)
        self._send_batch_to = self.port.batch_sender(path)
        self._elsewhere = 0

    def take(self, datagram: bytes, path: Path, arrival: float) -> None:
        """Anything but STUN, from a path that has passed."""
        if self._is_record(datagram):
            for answer in self._take_record(datagram, arrival):
                self._send_along(path, answer)
        elif is_rtcp(datagram):
            self._take_report(datagram, arrival)
        elif self._take_packet(datagram, arrival):
            if path == self._chosen:
                self._heard = arrival
                self._elsewhere = 0
            else:
                self._notice(path, arrival)

    def _notice(self, path: Path, arrival: float) -> None:
        """A packet of the peer came along another path than the chosen one. It has moved there if it has checked that
        path since the other one was chosen."""
        if self._given.get(path, 0.0) <= self._chosen_at or not self._protection.settled:
            return
        self._elsewhere += 1
        moved = self._elsewhere >= MOVED_PACKETS and arrival - self._heard >= MOVED_S
        if moved and self._ice is not None and self._protection.proven:
            self._ice.follow(path)
            self._choose(self._ice.chosen, arrival)
            self._settle(arrival)

    def _may_begin(self) -> bool:
        """A handshake waits for a path under the newest credentials: along the old one there is the old peer."""
        return self._chosen is not None and self._ice is not None and len(self._ice.ufrags) == 1

    # -- out -------------------------------------------------------------------------------------------------------

    def may_send(self, packets: int = 1) -> bool:
        """Whether a path is chosen, and keys are there."""
        return self._send_to is not None and self._failed is None and self._protection.ready

    def may_report(self) -> bool:
        """The same: RTP and RTCP share the path."""
        return self.may_send()

    def crowded(self) -> bool:
        """On TCP, where the peer has not read."""
        return self._chosen is not None and self.port.waiting(self._chosen) > CROWDED

    def _send(self, datagram: bytes) -> None:
        if self._send_to is not None:
            self._send_to(datagram, self._to)

    _send_report = _send

    def _send_batch(self, batch: Batch) -> None:
        if self._send_batch_to is not None:
            self._send_batch_to(batch, self._to)
        else:
            super()._send_batch(batch)

    def _send_along(self, path: Path, datagram: bytes) -> None:
        send = self.port.sender(path)
        if send is not None:
            send(datagram, (path.host, path.port))

    # -- time, and the end of it -----------------------------------------------------------------------------------

    def wake(self, now: float) -> None:
        """Look whether the peer still agrees to be sent to."""
        ice = self._ice
        if ice is not None:
            self._hear(ice)
            self._ice_failed = ice.wake(now) or self._ice_failed
        super().wake(now)

    def close(self) -> None:
        """Say farewell and leave the port."""
        super().close()
        self._leave()

    def _leave(self) -> None:
        self.port.forget(self, self._given)
        self._given.clear()
        self._named = ()
        self._ice = self._chosen = self._send_to = self._send_batch_to = None

    def holds(self, path: Path, now: float) -> bool:
        """Whether a packet that proves itself has just come along this path."""
        return path == self._chosen and self._protection.proven and now - self._heard < HELD_S

    def _why_failed(self) -> str | None:
        return self._ice_failed or super()._why_failed()

    def _due(self) -> float:
        due = self._ice.deadline() if self._ice is not None else None
        return min(super()._due(), inf if due is None else due)

    def _path_told(self) -> tuple[object, ...]:
        return self._chosen, self._protection.handshakes, self._protection.suite
