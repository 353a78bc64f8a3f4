"""Nothing that is secret is written down (reliability.md G-01): a scripted consultation over the real signalling,
reception and journals, with marked PINs, keys, passwords, names and numbers. The log at its most talkative, the audit
log, the call records and the figures together hold none of them; names stand in the audit log, and nowhere else."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import pytest
import structlog

from bridge import log
from bridge.call_record import CallRecord
from bridge.focus import Conferences
from bridge.journal import Journal
from bridge.media import contract
from bridge.metrics import Metrics
from bridge.reception import Reception
from bridge.rooms.directory import Directory
from bridge.rooms.pins import hash_pin
from bridge.seats import Seats
from bridge.settings import known_endpoints, leg_terms
from bridge.sip.flow import Flow
from bridge.sip.message import Response
from bridge.sip.parser import parse_message
from bridge.sip.settings import AgentSettings
from bridge.sip.signalling import Signalling
from bridge.sip.transport import Transports
from bridge.sip.uri import parse_uri
from bridge.store import Store
from bridge.switchboard import Switchboard
from config.model import Config, LimitsConfig, Peer, PeerKind, Room, RoomKind
from config.secret import Secret
from tests.faketime import run
from tests.sip.desk import LISTENERS, OFFER, UDP
from tests.sip.desk import Peer as Phone
from tests.sip.network import FakeTransports
from tests.studio import InstantStudio

HOST, GUEST, WRONG = "918273", "564738", "777123"
NATIONAL = "01017012345"  # eleven digits: dialled by mistake, or put where a name belongs
PASSWORD = "marked-password"
KEY = "bWFya2VkIGtleSBtYXJrZWQga2V5IG1hcmtlZCBr"
NAME = "Marked Name"
SECRETS = (HOST, GUEST, WRONG, NATIONAL, PASSWORD, KEY)
ROOMS = (
    Room("1002", RoomKind.HOST_PIN, host_pin=hash_pin(Secret(HOST), b"0" * 16)),
    Room(
        "1003", RoomKind.HOST_GUEST_PIN,
        host_pin=hash_pin(Secret(HOST), b"0" * 16), guest_pin=hash_pin(Secret(GUEST), b"1" * 16),
    ),
)  # fmt: skip
KNOWN = Peer("known", PeerKind.ENDPOINT, user="known", password=Secret(PASSWORD))
SDES = f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\n".encode()
ENCRYPTED = OFFER.replace(b"RTP/AVP", b"RTP/SAVP") + SDES


class Bridge:
    """Everything of the bridge that writes something down, between a fake network and a fake studio."""

    def __init__(self, folder: Path) -> None:
        self.net = FakeTransports()
        self.studio = InstantStudio()
        self.studio.board = self.board = Switchboard(self.studio)
        self.metrics = Metrics()
        self.store = Store(folder)
        self.audit = Journal(folder / "audit.jsonl", print)
        self.records = Journal(folder / "calls.jsonl", print)
        self.faults: list[BaseException] = []
        self.seats = Seats(self.store, 300.0, time.time)
        conferences = Conferences(Directory(ROOMS), self.board, self.seats, self._note, "en", 8)
        self.reception = Reception(
            conferences, self.board, self.store, LimitsConfig(), "en", self._note, self.metrics,
            self._fault, time.time,
        )  # fmt: skip
        self.signalling = Signalling(
            AgentSettings(LISTENERS, endpoints=tuple(known_endpoints(KNOWN))), self._transports, {"known": KNOWN},
            leg_terms(Config()), self.reception, lambda: None, self.board, self.metrics, self._record, self._fault,
        )  # fmt: skip
        asyncio.get_running_loop().set_exception_handler(lambda _, context: self._fault(context["exception"]))

    def _transports(self, message: Callable[[bytes, Flow], None], lost: Callable[[Flow], None]) -> Transports:
        self._message = message
        return cast(Transports, self.net)

    def _note(self, line: Mapping[str, Any]) -> None:
        self.audit.write(line)

    def _record(self, record: CallRecord) -> None:
        self.records.write(record.line())

    def _fault(self, fault: BaseException) -> None:
        self.faults.append(fault)
        log.logger("bridge").error("fault", exc_info=fault)

    async def receive(self, raw: bytes) -> list[Response]:
        mark = len(self.net.sent)
        asyncio.get_running_loop().call_soon(self._message, raw, UDP)
        await asyncio.sleep(0.01)
        messages = [parse_message(each) for each in self.net.sent[mark:]]
        return [each for each in messages if isinstance(each, Response)]

    async def close(self) -> None:
        await self.signalling.stop()
        await self.reception.close()
        self.seats.close()
        self.audit.close()
        self.records.close()
        self.store.close()


class Person:
    """Somebody with a telephone, and with a name that is nobody else's business."""

    def __init__(self, bridge: Bridge, number: int, room: str, user: str = "kari") -> None:
        self._bridge = bridge
        self._phone = Phone(call_id=f"c{number}@client", tag=f"f{number}", uri=f"sip:{room}@mcu.example.com")
        self._user = user
        self.leg = ""

    def _mine(self, raw: bytes) -> bytes:
        return raw.replace(b'"Kari" <sip:kari@', f'"{NAME}" <sip:{self._user}@'.encode())

    async def call(self, offer: bytes = OFFER, more: str = "") -> int:
        before = set(self._bridge.studio.placed)
        responses = await self._bridge.receive(self._mine(self._phone.request("INVITE", offer, more)))
        self._phone.to_tag = responses[-1].to.tag or ""
        await self._bridge.receive(self._mine(self._phone.request("ACK", cseq=self._phone.cseq)))
        self.leg = next(iter(set(self._bridge.studio.placed) - before), "")
        return responses[-1].status

    async def keys(self, keys: str) -> None:
        """By RFC 4733."""
        for key in keys:
            self._bridge.board.media_event(contract.Digit(self.leg, key))
        await asyncio.sleep(5)

    async def info(self, keys: str) -> None:
        """By INFO."""
        for key in keys:
            body = f"Signal={key}\r\nDuration=100\r\n".encode()
            await self._bridge.receive(
                self._mine(self._phone.request("INFO", body, kind="application/dtmf-relay"))
            )
        await asyncio.sleep(5)

    async def bye(self) -> None:
        await self._bridge.receive(self._mine(self._phone.request("BYE")))


async def consultation(folder: Path) -> Bridge:
    bridge = Bridge(folder)
    await bridge.signalling.start([], [])
    host, guest, knocker, mallory = (Person(bridge, n, "1002") for n in range(4))
    assert await guest.call(ENCRYPTED) == 200
    await guest.keys("#")
    assert await host.call() == 200
    await host.info(f"{WRONG}#")
    await host.keys(f"{HOST}#")
    await host.keys("*7")
    await knocker.call()
    await knocker.keys("#")
    await host.keys("*2#")
    await host.keys("*7*5*5*3*0*1")
    await guest.keys("*7")
    await mallory.call()
    for _ in range(3):
        await mallory.info(f"{WRONG}#")
    # Into the other room by its guest PIN, by INFO; on hold and back.
    other = Person(bridge, 5, "1003", user=NATIONAL)
    await other.call()
    await other.info(f"{GUEST}#")
    # A number that there is not; a name and password that must be proved; what nobody can read.
    assert await Person(bridge, 6, NATIONAL).call() == 404
    assert await Person(bridge, 7, "1002", user="known").call() == 401
    forged = f'Authorization: Digest username="known", realm="r", nonce="x", uri="sip:1", response="{PASSWORD}"\r\n'
    assert await Person(bridge, 8, "1002", user="known").call(more=forged) == 401
    await bridge.receive(f"INVITE sip:{NATIONAL} SIP/9\r\nFrom: {NAME}\r\n\r\n".encode())
    # A fault of ours with all of it at hand.
    bridge.board.play = _break  # type: ignore[method-assign]
    await guest.info(WRONG[0] + "*3")
    del bridge.board.play
    bridge.signalling.dial(ROOMS[0], parse_uri(f"sip:{NATIONAL}@nowhere.example"), None)
    await asyncio.sleep(1)
    await host.bye()
    await bridge.close()
    return bridge


def _break(*_: object, **__: object) -> None:
    keyed, name = WRONG, NAME
    raise RuntimeError(f"of {len(keyed)} keys and {len(name)} letters")


@pytest.fixture(autouse=True)
def _talkative() -> Iterator[None]:
    log.configure("debug")
    yield
    structlog.reset_defaults()


def test_nothing_secret_is_written_down(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bridge = run(consultation(tmp_path))
    captured = capsys.readouterr()
    written = {
        # Times are left out: chance may write any six digits.
        "log": re.sub(r'"timestamp":"[^"]*"', "", captured.out + captured.err),
        "figures": "\n".join(line.rpartition(" ")[0] for line in bridge.metrics.text().decode().splitlines()),
        **{path.name: path.read_bytes().decode("utf-8", "replace") for path in tmp_path.iterdir()},
    }
    for place, text in written.items():
        for secret in SECRETS:
            assert secret not in text, f"{secret} in {place}"
        assert NAME not in text or place == "audit.jsonl", place

    audit = written["audit.jsonl"]
    assert NAME in audit, "the audit log says who"
    for event in (
        "arrived",
        "pin-verdict",
        "waiting",
        "started",
        "joined",
        "lock-changed",
        "knocking",
        "not-allowed",
    ):
        assert f'"event":"{event}"' in audit
    assert audit.count('"outcome":"wrong"') == 4
    assert written["calls.jsonl"].count("\n") == 6
    assert '"event":"fault"' in written["log"] and "of 6 keys" in written["log"], "the log was looked at"
    assert len(bridge.faults) == 1
