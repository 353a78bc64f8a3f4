"""The import contracts of setup.cfg leave no file out: whatever is new in bridge/sip is pure, unless named here."""

from __future__ import annotations

from configparser import ConfigParser
from pathlib import Path

ROOT = Path(__file__).parents[1]
# The rim of SIP: sockets, the loop, and what joins them to the pure machines.
RIM = {"connection", "datagram", "leg", "outgoing", "signalling", "tls", "transport"}


def test_every_pure_file_of_sip_is_held_to_be_pure() -> None:
    contracts = ConfigParser()
    contracts.read(ROOT / "setup.cfg")
    listed = contracts["importlinter:contract:pure"]["source_modules"].split()
    files = {file.stem for file in (ROOT / "bridge" / "sip").glob("*.py")} - RIM - {"__init__"}
    assert {f"bridge.sip.{name}" for name in files} == {name for name in listed if "bridge.sip" in name}
