"""All sockets of a media process: pairs of ports for legs of their own, and the one port for legs with ICE."""

from __future__ import annotations

import contextlib
import datetime
from collections import Counter
from collections.abc import Callable

from bridge.log import logger
from bridge.media import contract
from bridge.media.endpoint import (
    PICTURES_BUFFER,
    RECEIVE_BUFFER,
    Address,
    NoPorts,
    PortRange,
    Receiver,
    batch_sender,
    own_address,
    sender,
)
from bridge.media.ice_path import IcePath
from bridge.media.own_ports import OwnPorts
from bridge.media.protection import Protection
from bridge.media.settings import MediaSettings
from bridge.media.shared_port import SharedPort
from bridge.media.transport import Transport
from bridge.rtc.identity import Identity

_log = logger("media")


class Ports:
    """Opens and closes what legs travel by. `start` (0 to 1): where in the range the first pair is taken.

    `tell` gets what transports tell; `drops` counts by name.
    """

    def __init__(
        self,
        settings: MediaSettings,
        start: float,
        drops: Counter[str],
        tell: Callable[[contract.Event], None],
    ) -> None:
        self._settings = settings
        self._drops = drops
        self._tell = tell
        self._range = PortRange(settings.port_first, settings.port_last, start)
        self._receiver = Receiver(drops)
        self._identity = Identity.make(datetime.datetime.now(datetime.UTC))
        self._own: set[Address] = set()
        self._shared = self._share()

    def _share(self) -> SharedPort | None:
        """Listen on the shared port. A process that has just died may still hold it: then the next leg tries again."""
        told = self._settings
        if not told.rtc_addresses:
            return None
        try:
            port = SharedPort(
                told.rtc_addresses,
                told.rtc_port,
                told.rtc_tcp,
                self._receiver,
                self._drops,
                here=own_address() if told.rtc_here else "",
            )
        except OSError as error:
            self._drops["shared-port-failed"] += 1
            _log.error("shared-port-failed", port=told.rtc_port, reason=error.strerror or "")
            return None
        self._own |= {(address, port.port) for address in port.addresses}
        return port

    def open(self, leg: str, address: str, shared: bool, fail: Callable[[Exception], None]) -> Transport:
        """What a new leg travels by: a pair of ports on local `address`, or the shared one. Raises `NoPorts`.

        `fail` is told of faults of ours with what comes for it.
        """
        if shared:
            self._shared = self._shared or self._share()
            if self._shared is None:
                raise NoPorts("no-shared-port")
            factor = self._settings.rate_factor
            return IcePath(
                leg, self._shared, Protection(self._identity), factor, self._drops, self._tell, fail
            )
        return self._open_pair(leg, address, RECEIVE_BUFFER, self._tell, fail)

    def open_pictures(self, leg: str, address: str, fail: Callable[[Exception], None]) -> OwnPorts | None:
        """A second pair of ports for a leg's pictures; None = there are none left, and it does without.

        What becomes of this transport is told to nobody: a leg lives by its sound.
        """
        try:
            return self._open_pair(leg, address, PICTURES_BUFFER, lambda _: None, fail)
        except NoPorts:
            self._drops["no-video-ports"] += 1
            return None

    def _open_pair(
        self,
        leg: str,
        address: str,
        buffer: int,
        tell: Callable[[contract.Event], None],
        fail: Callable[[Exception], None],
    ) -> OwnPorts:
        endpoint = self._range.open(address, buffer)
        transport = OwnPorts(
            leg,
            endpoint,
            Protection(self._identity),
            self._settings.rate_factor,
            self._drops,
            tell,
            send_rtp_to=sender(endpoint.rtp, self._drops),
            send_rtcp_to=sender(endpoint.rtcp, self._drops),
            send_batch_to=batch_sender(endpoint.rtp, self._drops),
            is_own=self._own.__contains__,
        )
        self._own |= {(address, endpoint.port), (address, endpoint.rtcp_port)}
        self._receiver.add(endpoint.rtp, transport.take_rtp, fail)
        self._receiver.add(endpoint.rtcp, transport.take_rtcp, fail)
        return transport

    def opened(self, transport: Transport, pictures: OwnPorts | None, address: str) -> contract.LegOpened:
        """What is told of it. `address`: as asked for."""
        leg, fingerprint = transport.leg, self._identity.fingerprint.value
        if isinstance(transport, OwnPorts):
            at, video = transport.endpoint, pictures.endpoint if pictures is not None else None
            return contract.LegOpened(
                leg,
                at.address,
                at.port,
                at.rtcp_port,
                fingerprint=fingerprint,
                video_port=video.port if video is not None else 0,
                video_rtcp_port=video.rtcp_port if video is not None else 0,
            )
        assert self._shared is not None
        port = self._shared
        return contract.LegOpened(
            leg, address, port.port, port.port, port.addresses, port.tcp_port, fingerprint
        )

    def close(self, transport: Transport) -> None:
        """Let a leg's transport say farewell, and free what it travelled by."""
        with contextlib.suppress(Exception):  # a leg that failed is closed all the same
            transport.close()
        if isinstance(transport, OwnPorts):
            at = transport.endpoint
            self._own -= {(at.address, at.port), (at.address, at.rtcp_port)}
            self._receiver.remove(at.rtp)
            self._receiver.remove(at.rtcp)
            at.close()

    def poll(self, now: float, wallclock: float) -> None:
        """Read all that has come. `now` [monotonic seconds] and `wallclock` are of the same moment."""
        self._receiver.poll(now, wallclock)

    def wake(self, now: float) -> None:
        """Do what is due, ten times a second."""
        if self._shared is not None:
            self._shared.wake(now)

    def stop(self) -> None:
        """Close what is left."""
        if self._shared is not None:
            self._shared.close()
        self._receiver.close()
