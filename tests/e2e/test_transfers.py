"""A telephone that is sent to another room hears that room and no longer the first, without a new call: with the ports
it has, and with others by a re-INVITE where another media process serves the other room."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bridge.rooms import commands
from bridge.rooms.commands import How
from bridge.server import Bridge
from config.model import (
    BridgeConfig,
    Config,
    Language,
    LimitsConfig,
    Listener,
    ManagementConfig,
    MediaConfig,
    Protocol,
    Room,
    RoomKind,
    RtcConfig,
    SipConfig,
    WebConfig,
)
from tests.e2e.phones import wait_hears
from tests.peers.child import free_port
from tests.peers.sipphone import SipPhone

pytestmark = pytest.mark.peers

ANNA_HZ, BERT_HZ, CLEO_HZ = 400.0, 700.0, 1100.0


def configuration(folder: Path, processes: int) -> Config:
    media = free_port(200)
    return Config(
        bridge=BridgeConfig(str(folder), Language.ENGLISH, media_processes=processes),
        sip=SipConfig((Listener(Protocol.UDP, port=free_port()),)),
        media=MediaConfig(port_low=media, port_high=media + 199),
        limits=LimitsConfig(tick_late_ms=1000, loop_lag_ms=10_000),  # a busy test machine is no overload
        web=WebConfig(enabled=False),
        rtc=RtcConfig(port=free_port(processes)),
        management=ManagementConfig(port=free_port()),
        rooms=tuple(Room(number, RoomKind.OPEN, tones=False) for number in ("1001", "1002")),
    )


@pytest.mark.parametrize("processes", [1, 2])
async def test_a_call_goes_to_another_room(tmp_path: Path, processes: int) -> None:
    config = configuration(tmp_path, processes)
    bridge, up = Bridge(config), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(bridge.run(up.set))
        await up.wait()
        try:
            with (
                SipPhone("anna", tone=ANNA_HZ) as anna,
                SipPhone("bert", tone=BERT_HZ) as bert,
                SipPhone("cleo", tone=CLEO_HZ) as cleo,
            ):
                for phone, number in ((anna, "1001"), (bert, "1001"), (cleo, "1002")):
                    await asyncio.to_thread(
                        phone.call, f"sip:{number}@127.0.0.1:{config.sip.listeners[0].port}"
                    )
                await asyncio.to_thread(wait_hears, anna, BERT_HZ)
                first = bridge._conferences.get("1001")
                assert first is not None
                leg = first.conference.people[1].leg
                first.command(commands.Transfer("operator", leg, "1002", how=How.OPERATOR))
                await asyncio.to_thread(wait_hears, cleo, BERT_HZ)
                await asyncio.to_thread(wait_hears, bert, CLEO_HZ)
                await asyncio.to_thread(wait_hears, anna)
                for phone in (anna, bert, cleo):
                    await asyncio.to_thread(phone.hang_up)
        finally:
            bridge.stop()
