"""The configuration matrix of rooms (behaviours.md C1): what is listed is taken, every other combination refused."""

from __future__ import annotations

import itertools

import pytest

from bridge.rooms.directory import Directory
from bridge.sip.uri import dialled, parse_uri
from config.load import parse
from config.model import Room, RoomKind
from config.pin import PinForm, collide, digits_fault, form
from config.secret import Secret

LAYOUTS = "1:0, 1:7, 1:21, 2:21, 1:33, 4:0, 9:0, 16:0, 25:0"
HASH = "$argon2id$v=19$m=19456,t=2,p=1$na3kUMumb9OqcE9f8yvzuA$mJpNw5Yg87tL63ScUNWllGi6+xYvsetI3gY5CljKGNY"

# kind, host PIN, guest PIN, guests allowed (None = not said)
TAKEN = {
    ("open", False, False, None),
    ("host-pin", True, False, None),
    ("host-pin", True, False, True),
    ("host-pin", True, False, False),
    ("host-guest-pin", True, True, None),
    ("host-guest-pin", True, True, True),
    ("auto-lock", True, False, None),
    ("auto-lock", True, False, True),
    ("auto-lock", True, True, None),
    ("auto-lock", True, True, True),
}
KINDS = ("open", "host-pin", "host-guest-pin", "auto-lock")
ALL = [*itertools.product(KINDS, (False, True), (False, True), (None, True, False))]


def faults(text: str) -> list[str]:
    _, found = parse(text.encode(), "f", lambda _: "", {})
    return [f"{mistake.where}: {mistake.why}" for mistake in found]


@pytest.mark.parametrize(("kind", "host", "guest", "guests"), ALL)
def test_the_matrix(kind: str, host: bool, guest: bool, guests: bool | None) -> None:
    text = f'[[rooms]]\nnumber = "1"\nkind = "{kind}"\n'
    text += 'host_pin = "generated"\n' if host else ""
    text += 'guest_pin = "generated"\n' if guest else ""
    text += f"allow_guests = {str(guests).lower()}\n" if guests is not None else ""
    assert (faults(text) == []) is ((kind, host, guest, guests) in TAKEN)


@pytest.mark.parametrize(
    ("kind", "line", "why"),
    [
        ("host-pin", "auto_lock_again = true", "is for rooms of kind auto-lock only"),
        ("host-pin", "allow_guests = false\nmute_guests = true", "there are no guests"),
        ("host-pin", 'host_pin = "abc"', 'must be an argon2id hash, or "generated", or 4 to 20 digits'),
        ("host-pin", 'host_pin = "123"', 'must be an argon2id hash, or "generated", or 4 to 20 digits'),
    ],
)
def test_what_does_not_go_together(kind: str, line: str, why: str) -> None:
    pin = "" if "host_pin" in line else 'host_pin = "generated"\n'
    assert [
        fault.partition(": ")[2]
        for fault in faults(f'[[rooms]]\nnumber = "1"\nkind = "{kind}"\n{pin}{line}\n')
    ] == [why]


@pytest.mark.parametrize(
    ("host", "guest", "fine"),
    [
        ("123456", "654321", True),
        ("123456", "123456", False),
        ("123456", "123456#", False),
        ("1234", "123456", False),
        ("123456", "1234", False),
        ("generated", "123456", True),
        (HASH, HASH, False),
    ],
)
def test_host_and_guest_pins_can_be_told_apart(host: str, guest: str, fine: bool) -> None:
    text = f'[[rooms]]\nnumber = "1"\nkind = "host-guest-pin"\nhost_pin = "{host}"\nguest_pin = "{guest}"\n'
    assert (faults(text) == []) is fine


@pytest.mark.parametrize(
    ("alias", "reached"),
    [("22-33-44-55", "22334455"), ("+47.22", "+4722"), ("(22)33@a.example", "2233")],
)
def test_an_alias_that_nobody_can_dial_is_a_mistake(alias: str, reached: str) -> None:
    """Callers are looked up without visual separators, so an alias that has some would never be found."""
    room = f'[[rooms]]\nnumber = "1"\nkind = "open"\naliases = ["{alias}"]\n'
    user = alias.partition("@")[0]
    assert faults(room) == [f'rooms[0].aliases[0]: can never be dialled: write "{reached}" for "{user}"']


@pytest.mark.parametrize("alias", ["dr.berg", "e-health@a.example", "-1", "+4722334455", "*50"])
def test_aliases_with_signs_that_are_no_separators(alias: str) -> None:
    assert faults(f'[[rooms]]\nnumber = "1"\nkind = "open"\naliases = ["{alias}"]\n') == []
    found = Directory((Room("1", RoomKind.OPEN, aliases=(alias,)),))
    assert found.find(dialled(parse_uri(f"sip:{alias.partition('@')[0]}@a.example")), "a.example") is not None


def test_numbers_and_aliases_stand_once() -> None:
    room = '[[rooms]]\nnumber = "{}"\nkind = "open"\naliases = {}\n'
    assert faults(
        room.format("1", '["Clinic@a.example"]') + room.format("2", '["clinic@A.example", "1"]')
    ) == [
        'rooms[1].aliases[0]: "clinic@A.example" is taken by rooms[0].aliases[0]',
        'rooms[1].aliases[1]: "1" is taken by rooms[0].number',
    ]


OUTSIDE = '[[sip.listeners]]\nprotocol = "udp"\naddress = "0.0.0.0"\n'


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('[[rooms]]\nnumber = "1"\nkind = "host-pin"\nhost_pin = "123456"', "rooms[0].host_pin"),
        ('[[sip.peers]]\nname = "p"\nkind = "endpoint"\nuser = "u"\npassword = "1234"', "sip.peers[0].password"),
        ('[[sip.peers]]\nname = "p"\nkind = "endpoint"\nuser = "u"\npassword = "changeme"', "sip.peers[0].password"),
        (
            '[[sip.peers]]\nname = "p"\nkind = "trunk"\nuser = "ward-nine"\npassword = "Ward-Nine"',
            "sip.peers[0].password",
        ),
        ('[[sip.listeners]]\nprotocol = "tls"\naddress = "::"', "sip.listeners[1]"),
    ],
)  # fmt: skip
def test_nothing_readable_or_default_is_exposed(text: str, why: str) -> None:
    assert [fault.partition(": ")[0] for fault in faults(f"{OUTSIDE}{text}\n")] == [why]
    inside = f"{OUTSIDE}{text}\n".replace("0.0.0.0", "127.0.0.2").replace('"::"', '"::1"')
    assert faults(inside) == []


def test_generated_pins_and_hashes_may_be_exposed() -> None:
    room = '[[rooms]]\nnumber = "{}"\nkind = "host-pin"\nhost_pin = "{}"\n'
    assert faults(OUTSIDE + room.format("1", "generated") + room.format("2", HASH)) == []


def test_management_stays_on_loopback() -> None:
    assert faults('[management]\naddress = "0.0.0.0"\n') == [
        "management.address: asks for no password, so it must stay on loopback"
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", PinForm.NONE),
        ("generated", PinForm.GENERATED),
        ("1234", PinForm.DIGITS),
        ("1234#", PinForm.DIGITS),
        (HASH, PinForm.HASH),
        (HASH.replace("argon2id", "argon2i"), PinForm.BROKEN),
        ("123", PinForm.BROKEN),
        ("1" * 21, PinForm.BROKEN),
        ("١٢٣٤", PinForm.BROKEN),
        ("+1234", PinForm.BROKEN),
    ],
)
def test_forms_of_a_pin(text: str, expected: PinForm) -> None:
    assert form(Secret(text)) is expected


def test_a_pin_with_a_hash_at_its_end_is_the_pin_without() -> None:
    assert digits_fault(Secret("123456#")) is None
    assert collide(Secret("123456#"), Secret("123456"))
    assert digits_fault(Secret("12345"), fewest=6) == "a PIN has 6 to 20 digits"


def test_a_secret_is_not_shown_and_compares() -> None:
    assert f"{Secret('x')} {Secret('x')!r}" == "*** ***"
    assert Secret("x") == Secret("x") != Secret("y")
    assert Secret("x") != "x"
    assert not Secret("")
    assert len({Secret("x"), Secret("x")}) == 1


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ('layout = ""', f"rooms[0].layout: must be one of {LAYOUTS}"),
        ('layout = "3:3"', f"rooms[0].layout: must be one of {LAYOUTS}"),
        ('guest_layout = "x"', f"rooms[0].guest_layout: must be one of {LAYOUTS}"),
        ('interpreters = ["1002"]', 'rooms[0].interpreters[0]: must be "user@domain"'),
        ('interpreter_aliases = ["a b"]', 'rooms[0].interpreter_aliases[0]: must be "number" or "user@domain"'),
        (
            'aliases = ["22"]\ninterpreter_aliases = ["22"]',
            'rooms[0].interpreter_aliases[0]: "22" is taken by rooms[0].aliases[0]',
        ),
    ],
)  # fmt: skip
def test_how_pictures_are_arranged_and_who_interprets(line: str, fault: str) -> None:
    assert faults(f'[[rooms]]\nnumber = "1"\nkind = "open"\n{line}\n') == [fault]
