"""Fuzz targets of the rooms: keypad, PIN dialogue and a whole conference, driven by bytes.

Two bytes are one step: what, and how much later. Whatever comes, nothing is raised and the machine keeps its promises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bridge.machine import WAKE
from bridge.rooms import commands
from bridge.rooms.announcements import announce, audience
from bridge.rooms.commands import Command, How
from bridge.rooms.conference import Conference
from bridge.rooms.directory import Directory
from bridge.rooms.entry import Admit, Asks, Begin, Digit, Entry, Input, NoVerdict, Refuse, Verdict
from bridge.rooms.events import record
from bridge.rooms.keypad import Keypad
from bridge.rooms.participant import Role
from config.model import RoomKind
from tests.rooms.scene import room

KEYS = "0123456789*#ABCD"
DIRECTORY = Directory((room(RoomKind.OPEN, aliases=("clinic@video.example",)),))


def steps(data: bytes) -> Iterator[tuple[int, float]]:
    """(what, time of it) for each pair of bytes; at most 25."""
    now = 0.0
    for what, pause in zip(data[:50:2], data[1:50:2], strict=False):
        now += pause / 16
        yield what, now


def fuzz_keypad(data: bytes) -> None:
    """Any keys at any time."""
    keypad = Keypad("leg")
    for what, now in steps(data):
        presses = keypad.handle(KEYS[what] if what < len(KEYS) else (WAKE if what % 2 else chr(what)), now)
        assert len(presses) <= 2
        deadline = keypad.deadline()
        assert deadline is None or deadline > now


def fuzz_entry(data: bytes) -> None:
    """Any keys, verdicts and pauses; one outcome at most."""
    others: list[Input] = [Begin(), Verdict(None), Verdict(Role.HOST), Verdict(Role.GUEST), NoVerdict(), WAKE]
    entry = Entry(list(Asks)[len(data) % 3], 120.0, 5.0)
    outcomes = 0
    for what, now in steps(data):
        event = Digit(KEYS[what]) if what < len(KEYS) else others[what % len(others)]
        outcomes += sum(isinstance(output, Admit | Refuse) for output in entry.handle(event, now))
        deadline = entry.deadline()
        assert deadline is None or deadline > now
    assert outcomes <= 1


def fuzz_conference(data: bytes) -> None:
    """Any commands of any legs; nobody from outside is in the plan, or told of somebody else."""
    conference = Conference(room(list(RoomKind)[len(data) % 4], limit=5, chat=True))
    for what, now in steps(data):
        events = conference.handle(_command(what), now)
        present = conference.present()
        inside = {person.leg for person in conference.people if person.inside and not person.held}
        assert {seat.leg for seat in conference.plan().seats} <= inside
        for event in events:
            record(event)
            announce(event, present)
            assert set(audience(event, present)) - inside <= {getattr(event, "leg", "")}


def _command(what: int) -> Command:
    leg, other = f"leg{what % 5}", f"leg{what % 3}"
    how = How.OPERATOR if what > 240 else How.KEYPAD
    kinds: list[Command] = [
        commands.Join(leg, Role.HOST), commands.Join(leg, Role.GUEST), commands.Join(leg, Role.GUEST, held=True),
        commands.Leave(leg), commands.Hold(leg, what > 127), commands.Silence(leg, what > 127),
        commands.Start(leg, how), commands.Lock(leg, how=how), commands.Admit(leg, how=how),
        commands.Admit(leg, other, how), commands.AdmitAll(leg, how), commands.Decline(leg, how=how),
        commands.Mute(leg, other, how=how), commands.MuteGuests(leg, how=how), commands.MuteSelf(leg, how=how),
        commands.Hand(leg, how=how), commands.Media(leg, what > 127), commands.SetRole(leg, other, Role.GUEST, how),
        commands.SetRole(leg, other, Role.HOST, how), commands.Kick(leg, other, how), commands.End(leg, how=how),
        commands.CancelEnd(leg, how), commands.Count(leg, how), commands.Help(leg, how), commands.Join(leg, Role.HOST),
        commands.Join(leg, Role.HOST, media=False), commands.Join(leg, Role.GUEST, returning=True),
        commands.AllowGuestsUnmute(leg, how=how), commands.Hand(leg, False, other, how), commands.LowerHands(leg, how),
        commands.Spotlight(leg, other, how=how), commands.SetOverlay(leg, other, leg, how),
        commands.SetLayout(leg, "4:0", how=how),
        commands.SetBanner(leg, other, how), commands.Say(leg, other, other, how),
        commands.ClientMute(leg, what > 127), commands.SendKeys(leg, other, "1#", how),
        commands.Transfer(leg, other, "2000", how=how), commands.Dial(leg, how),
    ]  # fmt: skip
    return kinds[what % len(kinds)]


def fuzz_directory(data: bytes) -> None:
    """Any text is a room or none."""
    text = data.decode("utf-8", "surrogateescape")
    DIRECTORY.find(text, text)
    DIRECTORY.find(text[: len(text) // 2], text[len(text) // 2 :])


TARGETS: dict[str, tuple[Callable[[bytes], object], list[bytes]]] = {
    "keypad": (
        fuzz_keypad,
        [bytes([10, 5, 2, 5, 2, 5]), bytes([11, 5, 11, 5]), bytes([10, 5, 7, 5, 10, 90, 6, 9])],
    ),
    "entry": (
        fuzz_entry,
        [bytes([18, 0, 1, 5, 2, 5, 11, 5, 19, 5, 17, 16]), bytes([18, 0, 11, 9]), bytes([18, 0] * 9)],
    ),
    "conference": (
        fuzz_conference,
        [bytes([0, 0, 6, 1, 35, 1, 8, 1, 40, 1]), bytes(range(0, 240, 3)), bytes([0, 0, 95, 99])],
    ),
    "directory": (fuzz_directory, [b"1002", b"clinicvideo.example", b"+1002"]),
}
