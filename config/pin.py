"""How a PIN may stand in the configuration: as a hash, as a wish to have one made, or (on loopback only) as digits."""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from argon2 import extract_parameters
from argon2.exceptions import InvalidHashError
from argon2.low_level import Type

from config.secret import Secret

GENERATED: Final = "generated"
FEWEST_DIGITS: Final = 4
ADVISED_DIGITS: Final = 6  # 20 bits: what a guesser with 20 tries in ten minutes does not find
MOST_DIGITS: Final = 20


class PinForm(Enum):
    """What a configured PIN is."""

    NONE = auto()
    GENERATED = auto()  # made at random at first start
    HASH = auto()
    DIGITS = auto()  # readable by whoever reads the file
    BROKEN = auto()


def form(value: Secret) -> PinForm:
    """Tell the forms apart."""
    text = value.reveal()
    if not text:
        return PinForm.NONE
    if text == GENERATED:
        return PinForm.GENERATED
    if digits_fault(value) is None:
        return PinForm.DIGITS
    return PinForm.HASH if _is_hash(text) else PinForm.BROKEN


def digits(pin: Secret) -> str:
    """The digits that count: a trailing "#" only ends the keying."""
    return pin.reveal().removesuffix("#")


def digits_fault(pin: Secret, fewest: int = FEWEST_DIGITS) -> str | None:
    """What is wrong with the digits of a PIN, or None. Never says the PIN."""
    keyed = digits(pin)
    if not (keyed.isascii() and keyed.isdigit()):
        return "a PIN has digits 0 to 9 only"
    if not fewest <= len(keyed) <= MOST_DIGITS:
        return f"a PIN has {fewest} to {MOST_DIGITS} digits"
    return None


def collide(host: Secret, guest: Secret) -> bool:
    """Whether two PINs of a room are equal, or one begins like the other: they must differ before either ends."""
    first, second = digits(host), digits(guest)
    return first.startswith(second) or second.startswith(first)


def _is_hash(text: str) -> bool:
    try:
        return extract_parameters(text).type is Type.ID
    except InvalidHashError:
        return False
