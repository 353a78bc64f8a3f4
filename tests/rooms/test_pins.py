"""PINs are hashed with argon2id and compared without telling how close they were; generated ones are made once."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import pytest

from bridge.rooms import pins
from bridge.rooms.participant import Role
from config.model import Room, RoomKind
from config.pin import PinForm, form
from config.secret import Secret
from tests.rooms.scene import room

SALT = bytes(range(16))
HOST, GUEST = Secret("123456"), Secret("654321")
HOST_HASH, GUEST_HASH = pins.hash_pin(HOST, SALT), pins.hash_pin(GUEST, SALT)


def never(number: str, role: Role) -> Secret | None:
    return None


def drawn(*numbers: int) -> Callable[[int], int]:
    """Chance that says these numbers, over and over."""
    cycle = itertools.cycle(numbers)
    return lambda below: next(cycle) % below


def test_a_hash_is_argon2id_and_matches_its_pin_only() -> None:
    assert HOST_HASH.reveal().startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert pins.matches(HOST_HASH, HOST)
    assert pins.matches(HOST_HASH, Secret("123456#"))
    assert not pins.matches(HOST_HASH, Secret("123457"))
    assert not pins.matches(HOST_HASH, Secret(""))
    assert pins.hash_pin(Secret("123456#"), SALT) == HOST_HASH
    assert pins.hash_pin(HOST, bytes(16)) != HOST_HASH


@pytest.mark.parametrize(
    "broken", ["", "generated", "123456", "$argon2id$", "$argon2id$v=19$m=1,t=1,p=1$AA$AA"]
)
def test_what_is_no_hash_matches_nothing(broken: str) -> None:
    assert not pins.matches(Secret(broken), HOST)


@pytest.mark.parametrize(
    ("of", "pin", "role"),
    [
        (room(RoomKind.HOST_PIN, host_pin=HOST_HASH), HOST, Role.HOST),
        (room(RoomKind.HOST_PIN, host_pin=HOST_HASH), GUEST, None),
        (room(RoomKind.HOST_PIN, host_pin=HOST_HASH), Secret(""), None),
        (room(RoomKind.HOST_GUEST_PIN, host_pin=HOST_HASH, guest_pin=GUEST_HASH), HOST, Role.HOST),
        (room(RoomKind.HOST_GUEST_PIN, host_pin=HOST_HASH, guest_pin=GUEST_HASH), GUEST, Role.GUEST),
        (room(RoomKind.HOST_GUEST_PIN, host_pin=HOST_HASH, guest_pin=GUEST_HASH), Secret("1"), None),
        (None, HOST, None),
    ],
)
def test_verdicts(of: Room | None, pin: Secret, role: Role | None) -> None:
    assert pins.verdict(of, pin) is role


def test_every_verdict_checks_two_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[Secret] = []

    def count(digest: Secret, pin: Secret) -> bool:
        checked.append(digest)
        return digest == HOST_HASH

    monkeypatch.setattr(pins, "matches", count)
    for of in (None, room(RoomKind.OPEN), room(RoomKind.HOST_PIN, host_pin=HOST_HASH)):
        checked.clear()
        pins.verdict(of, HOST)
        assert len(checked) == 2


def test_nobodys_hash_is_of_the_same_cost_as_ours() -> None:
    assert pins.NOBODY.reveal().rsplit("$", 2)[0] == HOST_HASH.reveal().rsplit("$", 2)[0]
    assert form(pins.NOBODY) is PinForm.HASH


def test_generated_pins_have_six_digits() -> None:
    assert pins.generate(drawn(42)).reveal() == "000042"
    assert pins.generate(drawn(10**6 + 7)).reveal() == "000007"


def test_generated_pins_are_made_once_and_differ() -> None:
    wanted = replace(room(RoomKind.HOST_GUEST_PIN))
    settled, made = pins.settle(wanted, never, drawn(5, 5, 5, 6), lambda: SALT)
    assert [(pin.role, pin.pin.reveal()) for pin in made] == [(Role.HOST, "000005"), (Role.GUEST, "000006")]
    assert pins.verdict(settled, made[0].pin) is Role.HOST
    assert pins.verdict(settled, made[1].pin) is Role.GUEST
    assert "000005" not in repr(made)
    kept = {(pin.number, pin.role): pin.digest for pin in made}
    again, nothing = pins.settle(wanted, lambda *key: kept.get(key), drawn(9), lambda: SALT)
    assert nothing == ()
    assert again == settled


def test_a_guest_pin_is_never_made_equal_to_the_host_pin() -> None:
    wanted = room(RoomKind.HOST_GUEST_PIN, host_pin=HOST_HASH)
    _, made = pins.settle(wanted, never, drawn(123456, 123456, 7), lambda: SALT)
    assert [pin.pin.reveal() for pin in made] == ["000007"]


def test_digits_become_hashes_and_hashes_stay() -> None:
    settled, made = pins.settle(room(RoomKind.HOST_PIN, host_pin=HOST), never, drawn(1), lambda: SALT)
    assert made == ()
    assert settled.host_pin == HOST_HASH
    assert not settled.guest_pin
    assert pins.settle(settled, never, drawn(1), lambda: SALT) == (settled, ())
    assert pins.settle(room(RoomKind.OPEN), never, drawn(1), lambda: SALT) == (room(RoomKind.OPEN), ())


def test_a_broken_pin_never_opens_a_room() -> None:
    with pytest.raises(ValueError, match="neither a hash nor digits"):
        pins.settle(room(RoomKind.HOST_PIN, host_pin=Secret("oops")), never, drawn(1), lambda: SALT)
