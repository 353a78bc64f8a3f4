"""Calls through a proxy that stays in the dialog (kamailio, `record_route()`): every request of both sides goes by it.

The proxy writes down each request that it forwards, so that one that went past it is missed.
"""

from __future__ import annotations

import re
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.peers.bridge import BridgeProcess, room
from tests.peers.child import LOOPBACK, Child, Folder, free_port, wait_until
from tests.peers.sipphone import SipPhone
from tests.peers.siptext import SipText
from tests.peers.sound import hears

KAMAILIO = shutil.which("kamailio") or "/usr/sbin/kamailio"
MODULES = next(Path("/usr/lib").glob("*/kamailio/modules"), None)

pytestmark = [
    pytest.mark.peers,
    pytest.mark.skipif(MODULES is None or not Path(KAMAILIO).exists(), reason="kamailio is not installed"),
]

_FORWARDED = re.compile(r"forwards (\w+) from (\d+) routes (\d+)")

# $du is where a request goes whose own address is the proxy's: the bridge. `lr` makes both ways loose routes.
_CONFIG = """
debug=1
log_stderror=yes
children=1
tcp_children=1
listen=udp:{host}:{port}
listen=tcp:{host}:{port}
mpath="{modules}/"
loadmodule "tm.so"
loadmodule "tmx.so"
loadmodule "rr.so"
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "xlog.so"
loadmodule "siputils.so"
loadmodule "textops.so"
request_route {{
    xlog("L_ERR", "forwards $rm from $sp routes $hdrc(Route)\\n");
    if (has_totag()) {{
        if (!loose_route()) {{
            if (!is_method("ACK")) sl_send_reply("404", "Not in my route set");
            exit;
        }}
    }} else {{
        if (is_method("INVITE")) record_route();
        if (uri == myself) $du = "sip:{host}:{bridge};transport={transport}";
    }}
    t_relay();
}}
"""


class Proxy:
    """A running kamailio. `port`: of UDP and TCP."""

    def __init__(self, child: Child, port: int) -> None:
        self._child = child
        self.port = port

    def uri(self, user: str) -> str:
        """How to dial a room of the bridge through the proxy."""
        return f"sip:{user}@{LOOPBACK}:{self.port}"

    def forwarded(self, method: str) -> list[tuple[int, int]]:
        """(port of the sender, Route lines) of the requests of that method so far."""
        found = _FORWARDED.findall(self._child.text())
        return [(int(port), int(routes)) for name, port, routes in found if name == method]


@contextmanager
def proxied(bridge: BridgeProcess, port: int, transport: str = "udp") -> Iterator[Proxy]:
    """Run a proxy before the bridge, which it reaches by `transport`."""
    folder = Folder("km")
    config = folder.path / "kamailio.cfg"
    values = {"host": LOOPBACK, "port": port, "modules": MODULES, "bridge": bridge.sip_port}
    config.write_text(f"#!KAMAILIO\n{_CONFIG.format(**values, transport=transport)}")
    # -DD: it stays our child; -E: what it says goes to the log file; 16 MB shared and 4 MB private memory are plenty.
    argv: list[str | Path] = [
        KAMAILIO,
        "-DD",
        "-E",
        "-f",
        config,
        "-Y",
        folder.path,
        "-P",
        folder.path / "pid",
        "-m",
        "16",
        "-M",
        "4",
    ]
    try:
        with Child(argv, folder.path / "log", folder=folder.path) as child:
            wait_until(lambda: _listens(child, port), 15, lambda: f"the proxy listens: {child.tail()}")
            yield Proxy(child, port)
    finally:
        folder.remove()


def _listens(child: Child, port: int) -> bool:
    if not child.alive:
        raise RuntimeError(f"kamailio ended: {child.tail()}")
    try:
        socket.create_connection((LOOPBACK, port), 1.0).close()
    except OSError:
        return False
    return True


def hops(message: SipText) -> int:
    """Over how many hops a request came."""
    return len(message.all("Via"))


@pytest.fixture
def port() -> int:
    """The proxy's."""
    return free_port()


@pytest.fixture
def bridge(port: int) -> Iterator[BridgeProcess]:
    """A bridge with an open room, for which the proxy is the trunk to the outside."""
    trunk = {
        "name": "proxy",
        "kind": "trunk",
        "addresses": [LOOPBACK],
        "server": f"sip:{LOOPBACK}:{port}",
    }
    with BridgeProcess(
        [room("1001", "open", tones=False)], sip={"peers": [trunk]}, dial_out={"allow": [f"*@{LOOPBACK}"]}
    ) as running:
        yield running
        running.stop()
        assert not running.faults()


@pytest.mark.parametrize(("phone_by", "bridge_by"), [("udp", "udp"), ("tcp", "udp"), ("udp", "tcp")])
def test_a_call_and_all_its_requests_go_by_the_proxy(
    bridge: BridgeProcess, port: int, phone_by: str, bridge_by: str
) -> None:
    with (
        proxied(bridge, port, bridge_by) as proxy,
        SipPhone("anna", transport=phone_by, tone=440.0) as anna,
        SipPhone("direct", tone=1000.0) as direct,
    ):
        anna.call(proxy.uri("1001"))
        direct.call(bridge.uri("1001"))
        bridge.wait_conference("1001", inside=2)
        anna.press("*6", by="info")
        bridge.wait_audit("mute-changed")
        anna.press("*6", by="info")
        wait_until(lambda: hears(anna.heard(anna.now - 0.5), [1000.0]) == ([], []), 10, lambda: "sound")
        assert anna.hang_up().status == 200
        assert bridge.wait_records(1)[0]["reason"] == "normal"
        # Not one of them went past the proxy, and each named it in a Route.
        for method, count in (("ACK", 1), ("INFO", 4), ("BYE", 1)):
            assert [routes > 0 for _, routes in proxy.forwarded(method)] == [True] * count, method


@pytest.mark.parametrize(("phone_by", "bridge_by"), [("udp", "udp"), ("tcp", "udp"), ("udp", "tcp")])
def test_what_the_bridge_asks_goes_by_the_proxy_too(
    bridge: BridgeProcess, port: int, phone_by: str, bridge_by: str
) -> None:
    with proxied(bridge, port, bridge_by) as proxy, SipPhone("anna", transport=phone_by) as anna:
        anna.call(proxy.uri("1001"))
        bridge.wait_conference("1001", inside=1)
        assert anna.reinvite("sendonly").status == 200
        assert anna.reinvite().status == 200
        bridge.post("/conferences/1001/end", {})
        anna.wait_ended()
        (bye,) = anna.came("BYE")
        assert (bye.start, hops(bye), bye.all("Route")) == (f"BYE {anna.uri} SIP/2.0", 2, [])
        ((_, routes),) = proxy.forwarded("BYE")
        assert routes > 0


@pytest.mark.parametrize("who_ends", ["bridge", "phone"])
def test_a_call_out_by_the_proxy(bridge: BridgeProcess, port: int, who_ends: str) -> None:
    with proxied(bridge, port) as proxy, SipPhone("anna") as anna, SipPhone("called", tone=1000.0) as called:
        anna.call(bridge.uri("1001"))
        bridge.wait_conference("1001", inside=1)
        assert bridge.post("/conferences/1001/dial", {"uri": called.uri})["dialling"]
        called.wait_called()
        bridge.wait_conference("1001", inside=2)
        assert [hops(each) for each in called.came("INVITE")] == [2]
        assert [hops(each) for each in called.came("ACK")] == [2]
        called.press("*3", by="info")
        if who_ends == "phone":
            assert called.hang_up().status == 200
            bridge.wait_conference("1001", inside=1)
        else:
            bridge.post("/conferences/1001/end", {})
            called.wait_ended()
            assert [hops(each) for each in called.came("BYE")] == [2]
        sender = {"bridge": bridge.sip_port, "phone": called.port}[who_ends]
        # Our INVITE is too long for UDP (RFC 3261 section 18.1.1): a proxy that changes transport gives two routes.
        assert [routes > 0 for each, routes in proxy.forwarded("BYE") if each == sender] == [True]
