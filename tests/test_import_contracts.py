"""The import contracts of setup.cfg leave no file out: what is new in SIP and the web is pure, unless named here."""

from __future__ import annotations

from configparser import ConfigParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# The rims: sockets, the loop, and what joins them to the pure parts.
RIMS = {
    "sip": {
        "connection", "datagram", "leg", "outgoing", "signalling", "tls", "transport", "websocket",
    },
    "web": {
        "answers", "application", "board", "call_api", "client", "client_api", "clients", "connection", "entrance",
        "events", "gate", "leg", "media", "pages", "rim", "sender", "serving", "sip_socket", "whip",
    },
}  # fmt: skip


@pytest.mark.parametrize("part", RIMS)
def test_every_file_beside_the_rim_is_held_to_be_pure(part: str) -> None:
    contracts = ConfigParser()
    contracts.read(ROOT / "setup.cfg")
    listed = contracts["importlinter:contract:pure"]["source_modules"].split()
    files = {file.stem for file in (ROOT / "bridge" / part).glob("*.py")} - RIMS[part] - {"__init__"}
    assert {f"bridge.{part}.{name}" for name in files} == {
        name for name in listed if f"bridge.{part}." in name
    }
