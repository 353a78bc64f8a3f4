"""The example configuration loads, and every default that it shows in a comment is the default of the code."""

from __future__ import annotations

import re
from dataclasses import MISSING, fields, replace
from pathlib import Path

import pytest

from config.load import check, load, parse
from config.model import Config, Listener, Peer, Protocol, Room, RoomKind
from config.pin import PinForm, form

EXAMPLE = Path(__file__).parents[2] / "config" / "example.toml"
DEFAULT = re.compile(r"^#(?=\w+ = |\[\[)", re.MULTILINE)


def everything() -> Config:
    """The example with every commented key in force."""
    text = DEFAULT.sub("", EXAMPLE.read_text())
    config, mistakes = parse(text.encode(), "example.toml", lambda _: "", {})
    assert mistakes == []
    assert config is not None
    return config


def test_the_example_loads_and_offers_a_room_of_each_kind() -> None:
    assert check(EXAMPLE) == []
    config = load(EXAMPLE)
    assert [(room.number, room.kind) for room in config.rooms] == [
        ("1001", RoomKind.OPEN),
        ("1002", RoomKind.HOST_PIN),
        ("1003", RoomKind.HOST_GUEST_PIN),
        ("1004", RoomKind.AUTO_LOCK),
    ]
    assert all(form(room.host_pin) in (PinForm.NONE, PinForm.GENERATED) for room in config.rooms)
    assert replace(config, rooms=()) == Config()


@pytest.mark.parametrize(
    "section", ["bridge", "media", "video", "limits", "web", "rtc", "turn", "management", "dial_out"]
)
def test_a_section_shows_the_defaults(section: str) -> None:
    assert getattr(everything(), section) == getattr(Config(), section)


def test_the_sip_section_shows_the_defaults() -> None:
    assert replace(everything().sip, peers=()) == Config().sip
    assert everything().sip.listeners == (
        Listener(Protocol.UDP, "127.0.0.1", 5060),
        Listener(Protocol.TCP, "127.0.0.1", 5060),
        Listener(Protocol.TLS, "127.0.0.1", 5061),
    )


def test_a_room_shows_the_defaults() -> None:
    room = everything().rooms[-1]
    shown = {field.name: getattr(room, field.name) for field in fields(Room)}
    assert _unlike_default(Room, shown) == {"number", "kind", "name", "host_pin", "language"}


def test_a_peer_shows_the_defaults() -> None:
    (peer,) = everything().sip.peers
    shown = {field.name: getattr(peer, field.name) for field in fields(Peer)}
    assert _unlike_default(Peer, shown) == {"name", "kind", "addresses", "srtp"}


def test_every_key_is_shown() -> None:
    text = DEFAULT.sub("", EXAMPLE.read_text())
    shown = {line.split(" = ")[0] for line in text.splitlines() if re.match(r"\w+ = ", line)}
    tables = [type(getattr(Config(), field.name)) for field in fields(Config) if field.name != "rooms"]
    known = {field.name for table in (*tables, Listener, Peer, Room) for field in fields(table)}
    assert known - shown == {"listeners", "peers"}


def _unlike_default(kind: type[Room] | type[Peer], shown: dict[str, object]) -> set[str]:
    return {
        field.name for field in fields(kind) if field.default is MISSING or field.default != shown[field.name]
    }
