"""The floor: who has the word, spoken or written. Muting by oneself and by a host, hands, loudness, and chat.

behaviours.md C2 and C3.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, assert_never

from bridge.rooms import events
from bridge.rooms.commands import (
    AllowGuestsUnmute,
    ClientMute,
    Hand,
    LowerHands,
    Mute,
    MuteGuests,
    MuteSelf,
    Say,
    SetGain,
)
from bridge.rooms.events import Event, Origin, Refusal
from bridge.rooms.participant import Participant, Role
from bridge.rooms.roll import Roll

GAIN_MOST: Final = 4.0
LONGEST_TEXT: Final = 4000  # characters of one message

Events = Iterator[Event]


Asked = (
    Mute | MuteGuests | AllowGuestsUnmute | MuteSelf | ClientMute | Hand | LowerHands | SetGain | Say
)  # fmt: skip


class Floor:
    """The part of a conference that is about the sound of people in the room, and what they write.

    `guests_muted`: late guests too. `guests_can_unmute`: they may lift that themselves. `chat`: the room has it.
    """

    def __init__(self, roll: Roll, guests_muted: bool, guests_can_unmute: bool, chat: bool) -> None:
        self._roll = roll
        self._chat = chat
        self.guests_muted = guests_muted
        self.guests_can_unmute = guests_can_unmute

    def mutes(self, role: Role) -> bool:
        """Whether somebody with this role is muted when he comes in, or gets the role."""
        return self.guests_muted and role is Role.GUEST

    def handle(self, command: Asked, origin: Origin, now: float) -> Events:
        """Do what is asked."""
        match command:
            case Mute():
                yield from self._mute(command, origin)
            case MuteGuests():
                yield from self._mute_guests(command, origin)
            case AllowGuestsUnmute():
                yield from self._allow_guests_unmute(command, origin)
            case MuteSelf():
                yield from self._mute_self(command, origin, now)
            case ClientMute():
                yield from self._client_mute(command, origin)
            case Hand():
                yield from self._hand(command, origin, now)
            case LowerHands():
                yield from self._lower_hands(origin)
            case SetGain():
                yield from self._set_gain(command, origin)
            case Say():
                yield from self._say(command, origin)
            case _:
                assert_never(command)

    def _mute(self, command: Mute, origin: Origin) -> Events:
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

    def _mute_guests(self, command: MuteGuests, origin: Origin) -> Events:
        """Mute all guests in the room and those who come, or lift that."""
        on = switched(self.guests_muted, command.on)
        self.guests_muted = on
        for person in self._roll.inside():
            if person.role is Role.GUEST:
                self._roll.change(person, host_muted=on)
        yield events.GuestsMuteChanged(on, origin)

    def _mute_self(self, command: MuteSelf, origin: Origin, now: float) -> Events:
        """Mute oneself or lift that; a guest whom a host has muted asks for the word instead."""
        person = self._roll.insider(command.by)
        assert person is not None  # the table lets nobody else come here
        own_lock_only = person.role is Role.GUEST and not self.guests_can_unmute
        on = switched(person.self_muted if own_lock_only else person.muted, command.on)
        kept_quiet = person.role is Role.GUEST and person.host_muted and not self.guests_can_unmute
        if kept_quiet and command.on is not True:
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

    def _allow_guests_unmute(self, command: AllowGuestsUnmute, origin: Origin) -> Events:
        on = switched(self.guests_can_unmute, command.on)
        if on is not self.guests_can_unmute:
            self.guests_can_unmute = on
            yield events.GuestsUnmuteChanged(on, origin)

    def _client_mute(self, command: ClientMute, origin: Origin) -> Events:
        person = self._roll.insider(command.by)
        assert person is not None  # the table lets nobody else come here
        if person.client_muted is not command.on:
            self._roll.change(person, client_muted=command.on)
            yield events.ClientMuteChanged(person.leg, command.on, origin)

    def _hand(self, command: Hand, origin: Origin, now: float) -> Events:
        """Raise or lower one's hand, or lower another's."""
        person = self._roll.insider(command.who or command.by)
        if person is None:
            yield events.not_done(command, origin, Refusal.NOT_THERE)
            return
        up = person.hand_since is not None
        on = switched(up, command.on)
        if on and person.leg != command.by:
            yield events.not_done(
                command, origin, Refusal.OUT_OF_RANGE
            )  # only he knows whether he wants the word
        elif on is not up:
            self._roll.change(person, hand_since=now if on else None)
            yield events.HandChanged(person.leg, on, origin)

    def _lower_hands(self, origin: Origin) -> Events:
        for person in self._roll.inside():
            if person.hand_since is not None:
                self._roll.change(person, hand_since=None)
                yield events.HandChanged(person.leg, False, origin)

    def _say(self, command: Say, origin: Origin) -> Events:
        if not self._chat:
            yield events.not_done(command, origin, Refusal.OFF)
        elif not command.text or len(command.text) > LONGEST_TEXT:
            yield events.not_done(command, origin, Refusal.OUT_OF_RANGE)
        elif command.to is not None and self._roll.insider(command.to) is None:
            yield events.not_done(command, origin, Refusal.NOT_THERE)
        else:
            yield events.Said(command.by, command.text, command.to, origin)

    def _set_gain(self, command: SetGain, origin: Origin) -> Events:
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
