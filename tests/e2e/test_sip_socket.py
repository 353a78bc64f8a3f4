"""A telephone in a browser, SIP over a WebSocket and sound by ICE and DTLS (RFC 7118), is a caller like any other."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin, Subprotocol

from tests.e2e.phones import wait_hears
from tests.peers.bridge import BridgeProcess, room
from tests.peers.sipphone import SipPhone
from tests.peers.siptext import SipText, parameter, parse, within_angles
from tests.peers.sound import hears
from tests.peers.webrtc_client import Browser

pytestmark = pytest.mark.peers

WAIT_S = 10.0
PHONE_HZ, ANNA_HZ = 400.0, 700.0


class SocketPhone(Browser):
    """A browser that calls by SIP; the offer that it would give to the API goes into an INVITE."""

    def __init__(self, bridge: BridgeProcess, name: str, number: str, tone: float) -> None:
        super().__init__(bridge.web, name, tone=tone)
        self._url = bridge.web.replace("http:", "ws:") + "/ws"
        self._number = number
        self._call_id, self._tag = secrets.token_hex(8), secrets.token_hex(4)
        self._socket: ClientConnection
        self._ok: SipText
        self.target = ""

    async def connect(self) -> None:
        """Open the socket."""
        self._socket = await connect(
            self._url, subprotocols=[Subprotocol("sip")], origin=Origin(self._web), ping_interval=None
        )

    async def about(self, who: Browser | str, what: str, body: object = None) -> Any:
        """Call by SIP what is called by the API otherwise."""
        if what == "calls":
            assert isinstance(body, dict)
            return {"call_uuid": "sip", "sdp": await self._invite(body["sdp"])}
        await self._send("ACK", 1)
        return None

    async def _invite(self, offer: str) -> str:
        await self._send("INVITE", 1, offer)
        while (answer := await self.message()).status < 200:
            pass
        assert answer.status == 200, answer
        self._ok, self.target = answer, within_angles(answer.get("Contact"))
        return answer.body

    async def _send(self, method: str, number: int, body: str = "") -> None:
        uri = self.target or f"sip:{self._number}@127.0.0.1"
        to = self._ok.get("To") if self.target else f"<{uri}>"
        headers = [
            ("Via", f"SIP/2.0/WS anna.invalid;branch=z9hG4bK{secrets.token_hex(6)}"),
            ("From", f"<sip:anna@anna.invalid>;tag={self._tag}"),
            ("To", to),
            ("Call-ID", self._call_id),
            ("CSeq", f"{number} {method}"),
            ("Contact", "<sip:anna@anna.invalid;transport=ws>"),
            ("Max-Forwards", "70"),
            *([("Content-Type", "application/sdp")] if body else []),
        ]
        await self._socket.send(SipText(f"{method} {uri} SIP/2.0", tuple(headers), body).serialise().decode())

    async def message(self) -> SipText:
        """The next one."""
        async with asyncio.timeout(WAIT_S):
            frame = await self._socket.recv()
        return parse(frame if isinstance(frame, bytes) else frame.encode())

    async def say_goodbye(self) -> SipText:
        """BYE, and its answer."""
        await self._send("BYE", 2)
        return await self.message()

    async def accept(self, request: SipText) -> None:
        """Answer 200."""
        kept = ("via", "from", "to", "call-id", "cseq")
        headers = tuple(each for each in request.headers if each[0].lower() in kept)
        await self._socket.send(SipText("SIP/2.0 200 OK", headers).serialise().decode())

    async def vanish(self) -> None:
        """Everything stops."""
        with contextlib.suppress(AttributeError):
            await self._socket.close()
        await super().vanish()


async def anna_hears(anna: SocketPhone, tone: float) -> None:
    """Wait until she hears this tone and nothing else."""
    async with asyncio.timeout(WAIT_S):
        while True:
            await asyncio.sleep(0.5)
            now = time.monotonic()
            if hears(anna.heard(now - 0.5, now), [tone], below_peak_db=25.0) == ([], []):
                return


async def test_it_hears_and_is_heard_and_goes() -> None:
    with BridgeProcess([room("1001", "open", tones=False)]) as bridge, SipPhone(tone=PHONE_HZ) as phone:
        await asyncio.to_thread(phone.call, bridge.uri("1001"))
        async with SocketPhone(bridge, "Anna", "1001", ANNA_HZ) as anna:
            await anna.connect()
            await anna.call()
            assert anna.target.endswith(";transport=ws")
            await anna.connected()
            await asyncio.to_thread(wait_hears, phone, ANNA_HZ)
            await anna_hears(anna, PHONE_HZ)
            people = await asyncio.to_thread(bridge.get, "/conferences/1001")
            assert len(people) == 2
            assert (await anna.say_goodbye()).status == 200
        (record,) = await asyncio.to_thread(bridge.wait_records, 1)
        assert (record["way"], record["reason"], record["protection"]) == ("sip", "normal", "dtls")
        await asyncio.to_thread(phone.hang_up)
        await asyncio.to_thread(bridge.stop)
        assert not bridge.faults()


async def test_it_is_called_off_on_its_own_socket() -> None:
    """Whoever is removed hears of it where he is: nobody can be called at a name that only his browser knows."""
    with BridgeProcess([room("1001", "open", tones=False)]) as bridge:
        async with SocketPhone(bridge, "Anna", "1001", ANNA_HZ) as anna:
            await anna.connect()
            await anna.call()
            await anna.connected()
            (person,) = await asyncio.to_thread(bridge.get, "/conferences/1001")
            await asyncio.to_thread(bridge.post, f"/conferences/1001/participants/{person['leg']}/kick", {})
            farewell = await anna.message()
            assert farewell.method == "BYE" and parameter(farewell.get("To"), "tag")
            await anna.accept(farewell)
            assert (await asyncio.to_thread(bridge.wait_records, 1))[0]["reason"] == "kicked"
        await asyncio.to_thread(bridge.stop)
        assert not bridge.faults()


async def test_the_end_of_the_bridge_is_told_before_the_socket_is_closed() -> None:
    with BridgeProcess([room("1001", "open", tones=False)]) as bridge:
        async with SocketPhone(bridge, "Anna", "1001", ANNA_HZ) as anna:
            await anna.connect()
            await anna.call()
            await anna.connected()
            stopping = asyncio.create_task(asyncio.to_thread(bridge.stop))
            farewell = await anna.message()
            assert farewell.method == "BYE"
            await anna.accept(farewell)
            with pytest.raises(ConnectionClosed) as closed:
                await anna.message()
            assert closed.value.rcvd is not None and closed.value.rcvd.code == 1012
            await stopping
        assert not bridge.faults()
