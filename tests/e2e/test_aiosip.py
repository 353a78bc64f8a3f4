"""aiosip 0.2.0, an independent client, calls a room, presses keys by INFO, and hangs up."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.peers.bridge import BridgeProcess, room

pytestmark = pytest.mark.peers


@pytest.mark.skipif(importlib.util.find_spec("aiosip") is None, reason="the extra `interop` is not installed")
def test_aiosip_calls_presses_keys_and_hangs_up() -> None:
    with BridgeProcess([room("1002", "host-pin", host_pin="246810")]) as bridge:
        command = [
            sys.executable,
            "-W",
            "ignore",
            "-m",
            "tests.peers.aiosip_call",
            "127.0.0.1",
            str(bridge.sip_port),
        ]
        done = subprocess.run(
            [*command, "1002", "#*3"],
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == {"INVITE": 200, "INFO": [200, 200, 200], "BYE": 200}
        record = bridge.wait_records(1)[0]
        assert record["reason"] == "normal"
        assert bridge.wait_audit("waiting")["way"] == "sip"
        bridge.stop()
        assert not bridge.faults()
