"""What a client hears that keeps nothing itself: its G.711 packets, read on their way to its port."""

from __future__ import annotations

import socket
import struct
import threading
from types import TracebackType
from typing import Final, Self

import numpy as np
import pytest

from tests.peers.g711 import LAWS, RATE
from tests.peers.sound import Recording

_ALL: Final = 0x0003  # ETH_P_ALL
_OUTGOING: Final = 4  # PACKET_OUTGOING: on loopback every packet is seen going out and coming in
_HEADERS: Final = 14 + 20 + 8  # Ethernet's, IP's and UDP's octets


class Overheard:
    """PCMU to one UDP port of this machine, as a context manager. Skips the test where that needs more rights."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._packets: list[bytes] = []
        try:
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL))
        except PermissionError:
            pytest.skip("reading what others get needs root")
        self._socket.bind(("lo", 0))
        self._socket.settimeout(0.1)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        self._socket.close()

    def _read(self) -> None:
        while not self._over.is_set():
            try:
                frame, address = self._socket.recvfrom(2048)
            except TimeoutError:
                continue
            wanted = address[2] != _OUTGOING and len(frame) > _HEADERS + 12 and frame[14] == 0x45
            if (
                wanted
                and frame[23] == socket.IPPROTO_UDP
                and struct.unpack_from("!H", frame, 36)[0] == self._port
            ):
                self._packets.append(frame[_HEADERS:])

    @property
    def packets(self) -> int:
        """How many there were so far."""
        return len(self._packets)

    def heard(self, start: int = 0) -> Recording:
        """The sound of all packets after the first `start`, in the order in which they came."""
        sound = [
            LAWS["PCMU"].decode(packet[12:]) for packet in self._packets[start:] if packet[1] & 0x7F == 0
        ]
        return Recording(np.concatenate([np.zeros(0, np.float32), *sound]), RATE)
