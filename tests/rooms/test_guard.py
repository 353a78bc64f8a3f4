"""Guessing is slowed down and no room is ever shut (reliability.md A-01 to A-04), whoever asks in whatever order."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.machine import WAKE
from bridge.rooms.budget import Budget, Table, Window, household
from bridge.rooms.enumeration import Enumeration
from bridge.rooms.guard import MOST_QUEUED, Alarm, Ask, Checked, Go, Gone, Guard, Input, NotNow, Output, Rules

RULES = Rules()


class Watch:
    """A guard on a clock; every turn is used at once, rightly or wrongly, unless told otherwise."""

    def __init__(self, rules: Rules = RULES) -> None:
        self.guard = Guard(rules)
        self.now = 0.0
        self.right: set[str] = set()
        self.verdicts: list[tuple[float, str, bool]] = []
        self.alarms: list[Alarm] = []
        self.sent_away: dict[str, float] = {}

    def feed(self, event: Input) -> None:
        """One input, and the checks that follow from it."""
        outputs: list[Output] = list(self.guard.handle(event, self.now))
        while outputs:
            match outputs.pop(0):
                case Go(leg):
                    self.verdicts.append((self.now, leg, leg in self.right))
                    outputs += self.guard.handle(Checked(leg, leg in self.right), self.now)
                case NotNow(leg):
                    self.sent_away[leg] = self.now
                case Alarm() as alarm:
                    self.alarms.append(alarm)

    def until(self, at: float) -> None:
        """Let time pass."""
        while (due := self.guard.deadline()) is not None and due <= at:
            self.now = max(self.now, due)
            self.feed(WAKE)
        self.now = at

    def wrong_within(self, window_s: float) -> int:
        """The most wrong verdicts in any window."""
        times = [at for at, _, right in self.verdicts if not right]
        return max((sum(1 for other in times if at - window_s < other <= at) for at in times), default=0)


def attack(watch: Watch, until: float, sources: int = 40, every: float = 1.0) -> None:
    """From many sources, a try each second at room 1."""
    count = 0
    while watch.now < until:
        count += 1
        watch.feed(Ask(f"attack{count}-{watch.now}", "1", f"source{count % sources}"))
        watch.until(watch.now + every)


def test_forty_sources_get_no_more_than_twenty_verdicts_in_ten_minutes_and_one_alarm() -> None:
    watch = Watch()
    attack(watch, 3600.0)
    assert watch.wrong_within(600.0) <= 20
    assert len(watch.verdicts) >= 3600 / 60  # and still a turn each minute
    assert watch.alarms == [Alarm("1", watch.alarms[0].source)]


def test_the_trusted_pass_at_once_during_an_attack() -> None:
    watch = Watch()
    attack(watch, 300.0)
    assert watch.guard.handle(Ask("host", "1", "clinic", trusted=True), watch.now) == (Go("host"),)
    assert watch.guard.handle(Checked("host", False), watch.now) == ()


def test_a_host_on_a_new_phone_waits_a_minute_at_most_during_an_attack() -> None:
    """The attackers' sources have asked before, so the first turn that comes is the newcomer's."""
    watch = Watch()
    attack(watch, 3000.0, sources=10)
    watch.right.add("host")
    began = watch.now
    watch.feed(Ask("host", "1", "new phone"))
    attack(watch, began + 61.0, sources=10)
    (at,) = [at for at, leg, _ in watch.verdicts if leg == "host"]
    assert at - began <= 60.0
    assert "host" not in watch.sent_away


def test_another_room_is_not_concerned() -> None:
    watch = Watch()
    attack(watch, 300.0)
    watch.right.add("guest")
    watch.feed(Ask("guest", "2", "elsewhere"))
    assert watch.verdicts[-1] == (watch.now, "guest", True)


def test_right_pins_cost_nothing() -> None:
    watch = Watch()
    for number in range(300):
        watch.right.add(f"guest{number}")
        watch.feed(Ask(f"guest{number}", "1", f"phone{number}"))
    assert len(watch.verdicts) == 300
    assert watch.sent_away == {}


def test_many_at_once_queue_until_those_before_them_are_checked() -> None:
    guard = Guard(RULES)
    first = [guard.handle(Ask(f"leg{number}", "1", f"phone{number}"), 0.0) for number in range(30)]
    assert [bool(outputs) for outputs in first] == [True] * 10 + [False] * 20
    assert guard.handle(Checked("leg0", True), 0.1) == (Go("leg10"),)
    assert guard.handle(Checked("leg1", True), 0.1) == (Go("leg11"),)


def test_who_waits_in_vain_is_sent_away_after_a_minute() -> None:
    watch = Watch()
    for number in range(15):
        watch.feed(Ask(f"leg{number}", "1", f"phone{number}"))
    assert len(watch.verdicts) == 10
    watch.until(60.0)
    assert len(watch.verdicts) == 11
    assert watch.sent_away == {f"leg{number}": 60.0 for number in range(11, 15)}


def test_one_source_is_slowed_down_over_all_rooms() -> None:
    watch = Watch()
    for number in range(100):
        watch.feed(Ask(f"leg{number}", f"room{number}", "one source"))
    assert len(watch.verdicts) == 10


def test_hanging_up_during_the_check_counts_as_wrong() -> None:
    guard = Guard(RULES)
    for number in range(10):
        assert guard.handle(Ask(f"leg{number}", "1", f"phone{number}"), 0.0) == (Go(f"leg{number}"),)
        guard.handle(Gone(f"leg{number}"), 0.0)
    assert guard.handle(Ask("late", "1", "x"), 1.0) == ()
    assert guard.handle(Gone("late"), 2.0) == ()
    assert guard.deadline() is None


def test_the_queue_is_bounded() -> None:
    watch = Watch()
    for number in range(10 + MOST_QUEUED + 5):
        watch.feed(Ask(f"leg{number}", "1", f"phone{number}"))
    assert len(watch.sent_away) == 5


def test_nobody_keeps_others_out_by_filling_the_queue() -> None:
    watch = Watch()
    for number in range(2 * MOST_QUEUED):
        watch.feed(Ask(f"guess{number}", f"{number % 3}", "attacker"))
    watch.right = {"elsewhere", "here"}
    watch.feed(Ask("elsewhere", "4", "ward"))
    assert (watch.now, "elsewhere", True) in watch.verdicts  # at once: nobody waits for that room
    watch.feed(Ask("here", "0", "clinic"))
    watch.until(watch.now + RULES.wait_s)
    assert "here" not in watch.sent_away
    assert "here" in {leg for _, leg, _ in watch.verdicts}


def test_after_a_quiet_time_all_is_forgotten() -> None:
    watch = Watch()
    attack(watch, 60.0)
    watch.until(2000.0)
    attack(watch, 2060.0)
    assert len(watch.alarms) == 2


def test_a_restart_forgets_nothing() -> None:
    watch = Watch()
    attack(watch, 100.0)
    saved = json.loads(json.dumps(watch.guard.save(watch.now)))
    after = Guard(RULES)
    after.restore(saved, now=5.0, elapsed_s=3.0)
    assert after.handle(Ask("leg", "1", "new"), 5.0) == ()
    assert after.handle(Ask("leg2", "2", "new"), 5.0) == (Go("leg2"),)
    assert after.save(5.0)["rooms"]["1"] == pytest.approx([age + 3.0 for age in saved["rooms"]["1"]])
    expired = Guard(RULES)
    expired.restore(saved, now=5.0, elapsed_s=700.0)
    assert expired.handle(Ask("leg", "1", "new"), 5.0) == (Go("leg"),)


def test_what_is_being_checked_at_a_restart_counts_as_wrong() -> None:
    guard = Guard(RULES)
    guard.handle(Ask("leg", "1", "phone"), 7.0)
    assert guard.save(8.0) == {"rooms": {"1": [1.0]}, "sources": {"phone": [1.0]}}


tries = st.lists(
    st.tuples(
        st.sampled_from(["1", "2"]),
        st.sampled_from(["a", "b", "c", "d", "e"]),
        st.integers(0, 9).map(lambda chance: chance == 0),
        st.sampled_from([0, 0, 0.25, 1, 20, 61, 300]),
        st.booleans(),
    ),
    max_size=60,
)


@given(st.sampled_from([5, 6, 20]), tries)
@settings(max_examples=150, deadline=None)
def test_whatever_happens_the_budget_holds_and_nobody_waits_longer(
    most: int, script: list[tuple[str, str, bool, float, bool]]
) -> None:
    watch = Watch(Rules(room=most, source=20, window_s=600.0, wait_s=60.0))
    asked: dict[str, float] = {}
    rooms: dict[str, str] = {}
    trusted: set[str] = set()
    for number, (room, source, known, pause, right) in enumerate(script):
        watch.until(watch.now + pause)
        leg = f"leg{number}"
        asked[leg], rooms[leg] = watch.now, room
        if right:
            watch.right.add(leg)
        if known:
            trusted.add(leg)
        watch.feed(Ask(leg, room, source, known))
    watch.until(watch.now + 100.0)
    answered = {leg: at for at, leg, _ in watch.verdicts} | watch.sent_away
    assert answered.keys() == asked.keys()
    assert all(at <= asked[leg] + 60.0 for leg, at in answered.items())
    for watched in ("1", "2"):
        legs = {leg for leg, room in rooms.items() if room == watched} - trusted
        times = [at for at, leg, right in watch.verdicts if not right and leg in legs]
        assert all(sum(1 for other in times if at - 600.0 < other <= at) <= most for at in times)
    assert all(at == asked[leg] for at, leg, _ in watch.verdicts if leg in trusted)


@given(st.lists(st.floats(0, 200), max_size=60))
@settings(max_examples=200, deadline=None)
def test_a_budget_always_has_a_turn_within_its_pace(pauses: list[float]) -> None:
    """Half free, half paced: after any history of wrong tries the next turn is at most a minute away."""
    budget, now, given_at = Budget(20, 600.0), 0.0, list[float]()
    for number, pause in enumerate(pauses):
        now += pause
        if budget.next_turn(now) <= now:
            budget.take(str(number), now)
            budget.settle(str(number), right=False)
            given_at.append(now)
        assert budget.next_turn(now) <= now + 60.0
    assert all(sum(1 for other in given_at if at - 600.0 < other <= at) <= 20 for at in given_at)


# -- numbers ------------------------------------------------------------------------------------------------------


def test_walking_through_the_numbers_is_answered_later_and_later() -> None:
    numbers = Enumeration()
    delays: list[float] = []
    alarms: list[Alarm] = []
    for count in range(30):
        alarms += numbers.unknown("scanner", False, float(count))
        delays.append(numbers.delay("scanner", False, float(count)))
    assert delays[:19] == [0.0] * 19
    assert delays[19:] == [1.0, 2.0, 4.0] + [8.0] * 8
    assert alarms == [Alarm("", "scanner")]
    assert numbers.delay("somebody else", False, 30.0) == 0.0
    assert numbers.delay("scanner", True, 30.0) == 0.0
    assert numbers.delay("scanner", False, 700.0) == 0.0


def test_the_trusted_may_misdial() -> None:
    numbers = Enumeration()
    for _ in range(50):
        assert numbers.unknown("clinic", True, 1.0) == ()
    assert numbers.delay("clinic", False, 1.0) == 0.0


def test_numbers_survive_a_restart() -> None:
    before, after = Enumeration(), Enumeration()
    for count in range(25):
        before.unknown("scanner", False, float(count))
    after.restore(before.save(25.0), now=3.0, elapsed_s=10.0)
    assert after.delay("scanner", False, 3.0) == 8.0
    assert after.delay("scanner", False, 595.0) == 0.0


# -- counters -----------------------------------------------------------------------------------------------------


def test_tables_do_not_grow() -> None:
    table = Table(lambda: Window(5, 10.0), most=3)
    for name in "abcadef":
        table[name].add(1.0)
    assert len(table) == 3
    assert table.get("a") is None
    assert set(table.ages(2.0)) == {"d", "e", "f"}
    assert table.ages(20.0) == {}


def test_a_window_keeps_the_newest() -> None:
    window = Window(3, 10.0)
    for at in (1.0, 5.0, 2.0, 4.0):
        window.add(at)
    assert window.times(11.5) == [2.0, 4.0, 5.0]
    assert window.ages(12.0) == [8.0, 7.0]


@pytest.mark.parametrize(
    ("source", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::%eth0", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::x", "fe80::x"),
        ("", ""),
    ],
)
def test_who_has_a_whole_network_counts_as_one(source: str, counted: str) -> None:
    assert household(source) == counted
