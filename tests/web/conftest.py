"""What the tests of the client API share: a quick judge of PINs. The slow one has its own test, in tests/rooms."""

from __future__ import annotations

import pytest

from bridge.rooms import pins
from bridge.rooms.participant import Role
from config.model import Room
from config.secret import Secret

HOST_PIN, GUEST_PIN = "246810", "135791"


def judged(room: Room | None, pin: Secret) -> Role | None:
    """As `pins.verdict`, of the two PINs that all rooms of these tests have."""
    if room is not None and room.host_pin and pin.reveal() == HOST_PIN:
        return Role.HOST
    return Role.GUEST if room is not None and room.guest_pin and pin.reveal() == GUEST_PIN else None


@pytest.fixture
def quick_pins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pins, "verdict", judged)
