"""The drivers around browsers do what they say: a failing end-to-end test speaks of the bridge."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.peers.background import Background
from tests.peers.cable import Cable
from tests.peers.child import LOOPBACK
from tests.peers.fetch import Connection, Reply, ServerEvent
from tests.peers.overheard import Overheard
from tests.peers.sipp import Sipp
from tests.peers.sipphone import SipPhone
from tests.peers.sound import hears

pytestmark = pytest.mark.peers


@contextlib.contextmanager
def bound(kind: socket.SocketKind) -> Iterator[socket.socket]:
    with socket.socket(type=kind) as made:
        made.bind((LOOPBACK, 0))
        made.settimeout(2)
        yield made


def test_a_cable_carries_nothing_while_it_is_pulled() -> None:
    with (
        Background() as background,
        bound(socket.SOCK_STREAM) as web,
        bound(socket.SOCK_DGRAM) as rtc,
        bound(socket.SOCK_DGRAM) as browser,
        Cable(background, web.getsockname()[1], rtc.getsockname()[1]) as cable,
    ):
        web.listen()
        with socket.create_connection((LOOPBACK, cable.web_port)) as near, web.accept()[0] as far:
            first = echoed(browser, rtc, cable)
            assert echoed(browser, rtc, cable) == first
            cable.rebind()
            assert echoed(browser, rtc, cable) != first
            cable.pull()
            near.sendall(b"late")
            browser.sendto(b"lost", (LOOPBACK, cable.rtc_port))
            rtc.settimeout(0.2)
            with pytest.raises(TimeoutError):
                rtc.recv(100)
            rtc.settimeout(2)
            cable.plug_in()
            assert far.recv(100) == b"late"
            echoed(browser, rtc, cable)


def echoed(browser: socket.socket, rtc: socket.socket, cable: Cable) -> object:
    """A datagram goes through and back; returns where it came from to the other end."""
    browser.sendto(b"to", (LOOPBACK, cable.rtc_port))
    data, source = rtc.recvfrom(100)
    assert data == b"to"
    rtc.sendto(b"fro", source)
    assert browser.recv(100) == b"fro"
    return source


def test_requests_and_events_come_apart_as_they_were_sent() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n" + b'{"a": 1}'
    stream = [": hi\n\n", "id: 1\nevent: one\ndata: [1]\n", "\n", "data: bl\u00e5b\u00e6r\r\n", "\r\n", ""]
    chunks = [b"%x\r\n%s\r\n" % (len(part), part) for part in map(str.encode, stream)]
    with Background() as background, bound(socket.SOCK_STREAM) as web:
        web.listen()

        async def ask() -> tuple[Reply, list[ServerEvent]]:
            async with Connection(f"http://{LOOPBACK}:{web.getsockname()[1]}") as connection:
                reply = await connection.request("POST", "/x", {"b": 2})
                return reply, [event async for event in connection.events("/events")]

        requests: list[bytes] = []

        def serve() -> None:
            peer, _ = web.accept()
            with peer:
                requests.append(peer.recv(4096))
                peer.sendall(answer)
                requests.append(peer.recv(4096))
                peer.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                for chunk in chunks:
                    peer.sendall(chunk)

        thread = threading.Thread(target=serve)
        thread.start()
        reply, events = background.run(ask())
        thread.join()
    assert reply == (200, {"a": 1})
    assert events == [("1", "one", [1]), ("", "message", "bl\u00e5b\u00e6r")]
    assert requests[0].startswith(b"POST /x HTTP/1.1\r\n")
    assert requests[0].endswith(b'\r\n\r\n{"b": 2}')


def test_what_sipp_gets_is_overheard() -> None:
    with (
        SipPhone("phone", tone=700) as phone,
        Sipp("guest", f"{LOOPBACK}:{phone.port}", service="phone", tone=1110, keys="#") as sipp,
    ):
        phone.wait_called()
        with Overheard(sipp.media_port()) as ear:
            time.sleep(2)
            assert hears(ear.heard(), [700], 0.2) == ([], [])
            assert hears(phone.heard(phone.now - 1), [1110]) == ([], [])
        assert phone.keys == "#"
        phone.hang_up()
        sipp.wait(5)
        assert sipp.ok, sipp.errors()
