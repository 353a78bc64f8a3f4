"""PINs: made, hashed with argon2id, and compared without a hint of how close a guess was.

Nothing here draws chance by itself: randomness comes in as an argument (`secrets.randbelow`, `secrets.token_bytes`).
Hashing and checking take some 25 ms and 19 MiB each on purpose: call them in a worker, at most two at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, assert_never

from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type, hash_secret, verify_secret

from bridge.rooms.participant import Role
from config.model import Room
from config.pin import PinForm, digits, form
from config.secret import Secret

GENERATED_DIGITS: Final = 6
TIME_COST: Final = 2
MEMORY_KIB: Final = 19_456
HASH_BYTES: Final = 32
SALT_BYTES: Final = 16

# The hash of random bytes that nobody kept: checked where there is no PIN, so that this takes as long.
NOBODY: Final = Secret(
    "$argon2id$v=19$m=19456,t=2,p=1$na3kUMumb9OqcE9f8yvzuA$mJpNw5Yg87tL63ScUNWllGi6+xYvsetI3gY5CljKGNY"
)


def generate(below: Callable[[int], int]) -> Secret:
    """A six-digit PIN. `below(n)` draws from 0 to n-1."""
    return Secret(f"{below(10**GENERATED_DIGITS):0{GENERATED_DIGITS}d}")


def hash_pin(pin: Secret, salt: bytes) -> Secret:
    """The argon2id hash of a PIN (RFC 9106), as text. `salt`: `SALT_BYTES` random bytes."""
    digest = hash_secret(
        digits(pin).encode(),
        salt,
        time_cost=TIME_COST,
        memory_cost=MEMORY_KIB,
        parallelism=1,
        hash_len=HASH_BYTES,
        type=Type.ID,
    )
    return Secret(digest.decode("ascii"))


def matches(digest: Secret, pin: Secret) -> bool:
    """Whether the PIN has this hash. A hash that cannot be read matches nothing."""
    try:
        return verify_secret(digest.reveal().encode(), digits(pin).encode(), Type.ID)
    except (VerificationError, InvalidHashError):
        return False


def verdict(room: Room | None, pin: Secret) -> Role | None:
    """Whose PIN it is. Always checks two hashes, whatever the room has and whether there is a room at all."""
    host = room.host_pin if room is not None and room.host_pin else NOBODY
    guest = room.guest_pin if room is not None and room.guest_pin else NOBODY
    is_host, is_guest = matches(host, pin), matches(guest, pin)
    if is_host:
        return Role.HOST
    return Role.GUEST if is_guest else None


@dataclass(frozen=True, slots=True)
class MadePin:
    """A PIN that was made at first start: print `pin` once, keep `digest`."""

    number: str
    role: Role
    pin: Secret
    digest: Secret


def settle(
    room: Room,
    stored: Callable[[str, Role], Secret | None],
    below: Callable[[int], int],
    salt: Callable[[], bytes],
) -> tuple[Room, tuple[MadePin, ...]]:
    """The room with hashes in place of "generated" and of digits, and the PINs that had to be made for that.

    `stored(number, role)` gives the hash that an earlier start has kept, or None. Raises ValueError for a PIN that no
    loaded configuration can hold.
    """
    made: list[MadePin] = []

    def settled(role: Role, configured: Secret, other: Secret) -> Secret:
        match form(configured):
            case PinForm.NONE | PinForm.HASH:
                return configured
            case PinForm.DIGITS:
                return hash_pin(configured, salt())
            case PinForm.BROKEN:
                raise ValueError(f"room {room.number}: the {role.value} PIN is neither a hash nor digits")
            case PinForm.GENERATED:
                return stored(room.number, role) or make(role, other)
            case never:
                assert_never(never)

    def make(role: Role, other: Secret) -> Secret:
        pin = generate(below)
        while other and matches(other, pin):
            pin = generate(below)
        made.append(MadePin(room.number, role, pin, hash_pin(pin, salt())))
        return made[-1].digest

    host = settled(Role.HOST, room.host_pin, NOBODY)
    guest = settled(Role.GUEST, room.guest_pin, host)
    return replace(room, host_pin=host, guest_pin=guest), tuple(made)
