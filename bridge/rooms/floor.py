"""The floor: who may be heard. Muting by oneself and by a host, hands, and loudness (behaviours.md C2, C3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bridge.rooms import events
from bridge.rooms.commands import Hand, Mute, MuteGuests, MuteSelf, SetGain
from bridge.rooms.events import Event, Origin, Refusal
from bridge.rooms.participant import Participant, Role
from bridge.rooms.roll import Roll

GAIN_MOST: Final = 4.0

Events = Iterator[Event]


class Floor:
    """The part of a conference that is about the sound of people in the room. `guests_muted`: late guests too."""

    def __init__(self, roll: Roll, guests_muted: bool) -> None:
        self._roll = roll
        self.guests_muted = guests_muted

    def mutes(self, role: Role) -> bool:
        """Whether somebody with this role is muted when he comes in, or gets the role."""
        return self.guests_muted and role is Role.GUEST

    def mute(self, command: Mute, origin: Origin) -> Events:
        """Mute somebody as a host, or lift that; whoever is given the word no longer asks for it."""
        person = self._roll.insider(command.who)
        if person is None:
            yield events.not_done(command, origin, Refusal.NOT_THERE)
            return
        on = switched(person.host_muted, command.on)
        if on is person.host_muted:
            return
        lowered = not on and person.hand_since is not None
        person = self._roll.change(person, host_muted=on, hand_since=person.hand_since if on else None)
        yield events.MuteChanged(person.leg, on, True, not person.muted, origin)
        if lowered:
            yield events.HandChanged(person.leg, False, origin)

    def mute_guests(self, command: MuteGuests, origin: Origin) -> Events:
        """Mute all guests in the room and those who come, or lift that."""
        on = switched(self.guests_muted, command.on)
        self.guests_muted = on
        for person in self._roll.inside():
            if person.role is Role.GUEST:
                self._roll.change(person, host_muted=on)
        yield events.GuestsMuteChanged(on, origin)

    def mute_self(self, command: MuteSelf, origin: Origin, now: float) -> Events:
        """Mute oneself or lift that; a guest whom a host has muted asks for the word instead."""
        person = self._roll.insider(command.by)
        assert person is not None  # the table lets nobody else come here
        on = switched(person.self_muted if person.role is Role.GUEST else person.muted, command.on)
        if person.role is Role.GUEST and person.host_muted and command.on is not True:
            yield from self._ask_for_the_word(person, origin, now)
        elif on is not person.muted:
            self._roll.change(person, self_muted=on, host_muted=False)
            yield events.MuteChanged(person.leg, on, False, not on, origin)

    def _ask_for_the_word(self, person: Participant, origin: Origin, now: float) -> Events:
        if person.hand_since is not None:
            # The hand is up already: told again.
            yield events.MuteChanged(person.leg, True, True, False, origin)
            return
        self._roll.change(person, self_muted=False, hand_since=now)
        yield events.HandChanged(person.leg, True, origin)

    def hand(self, command: Hand, origin: Origin, now: float) -> Events:
        """Raise or lower one's hand."""
        person = self._roll.insider(command.by)
        assert person is not None  # the table lets nobody else come here
        up = person.hand_since is not None
        on = switched(up, command.on)
        if on is not up:
            self._roll.change(person, hand_since=now if on else None)
            yield events.HandChanged(person.leg, on, origin)

    def set_gain(self, command: SetGain, origin: Origin) -> Events:
        """Make somebody louder or softer."""
        person = self._roll.insider(command.who)
        if person is None:
            yield events.not_done(command, origin, Refusal.NOT_THERE)
        elif not 0.0 <= command.gain <= GAIN_MOST:
            yield events.not_done(command, origin, Refusal.OUT_OF_RANGE)
        else:
            self._roll.change(person, gain=command.gain)
            yield events.GainChanged(person.leg, command.gain, origin)


def switched(is_on: bool, wanted: bool | None) -> bool:
    """What a switch comes to: what is wanted, or the other way round."""
    return not is_on if wanted is None else wanted
