"""The bench measures what was promised: every target belongs to a case, and is told as reached only when it is."""

from __future__ import annotations

from tools.bench.__main__ import chosen, row, targets
from tools.bench.cases import TARGETS, cases

CROWD = {
    "answered": 100,
    "refused": {},
    "hung_up_on": 0,
    "reception": {
        "received": 50000,
        "missing_percent": 0.2,
        "late_percent": 1.4,
        "gaps": 3,
        "jitter_ms_p50": 0.4,
        "jitter_ms_p99": 3.0,
    },
    "delay_ms_p50": None,
    "delay_ms_p99": None,
    "server_cores": 0.5,
    "server_rss_mb": 120.0,
    "send_late_ms_p99": 2.0,
    "machine_busy_cores": 0.9,
}
RATE = {"per_second": 150.0, "failed": 0, "setup_ms_p50": 4.0, "setup_ms_p99": 9.0}


def test_every_target_belongs_to_a_case() -> None:
    names = [case.name for case in cases()]
    assert len(names) == len(set(names))
    assert {target.case for target in TARGETS} <= set(names)


def test_a_target_is_reached_or_not() -> None:
    lines = targets({"opus-100-all": CROWD, "set-up-8": RATE})
    verdicts = {line.split()[0] + " " + line.split()[1]: "NOT REACHED" not in line for line in lines}
    assert verdicts == {
        "opus-100-all server_cores": True,
        "opus-100-all reception.missing_percent": True,
        "opus-100-all reception.late_percent": False,
        "set-up-8 per_second": False,
        "opus-100-all server_rss_mb": True,
    }
    assert "ratio  0.75" in next(line for line in lines if line.startswith("set-up-8"))


def test_a_run_with_fewer_calls_than_it_is_about_says_nothing() -> None:
    (first, *_) = targets({"opus-100-all": {**CROWD, "refused": {"503": 20}}})
    assert "not valid" in first


def test_each_kind_of_case_has_a_line() -> None:
    by_name = {case.name: case for case in cases()}
    assert row(by_name["opus-100-all"], CROWD).split()[:3] == ["opus-100-all", "0.500", "0.50"]
    refused = {**CROWD, "refused": {503: 2}, "delay_ms_p50": 23.0, "delay_ms_p99": 30.0}
    assert "23.0/30.0 ms" in row(by_name["g711-100-delay"], refused)
    assert row(by_name["g711-100-delay"], refused).endswith("refused {503: 2}, hung up on 0")
    assert row(by_name["set-up-8"], RATE).split()[1:3] == ["150", "calls/s,"]
    joins = {
        "joins": 50,
        "failed": 0,
        "sound_ms_p50": 61.4,
        "sound_ms_p95": 90.2,
        "steps_ms_p50": {"token": 9.6},
    }
    assert "after 61/90 ms p50/p95 (token 10)" in row(by_name["browsers-joins"], joins)


def test_cases_are_chosen_by_name_pattern_or_family() -> None:
    assert [case.name for case in chosen("opus-100-all")] == ["opus-100-all"]
    assert all(case.browsers for case in chosen("browsers"))
    assert {case.name for case in chosen("*-100-all")} == {"g711-100-all", "opus-100-all", "browsers-100-all"}
    assert len(chosen("*")) >= len(list(cases())) - 1
