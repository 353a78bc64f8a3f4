"""The log: one JSON object a line, under 8 kB, without a field that is not on the list or a secret, come what may."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge import log
from config.secret import Secret


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    yield
    structlog.reset_defaults()
    root = logging.getLogger()
    for handler in [each for each in root.handlers if isinstance(each, log._Libraries)]:
        root.removeHandler(handler)


class Stderr:
    """What is written to standard error."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture
        self._read = ""

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.raw().splitlines()]

    def raw(self) -> str:
        self._read += self._capture.readouterr().err
        return self._read


@pytest.fixture
def stderr(capsys: pytest.CaptureFixture[str]) -> Stderr:
    log.configure("info")
    return Stderr(capsys)


def test_a_line_says_what_where_when_and_how_bad(stderr: Stderr) -> None:
    log.logger("sip").warning("registration-failed", trunk="t1", status=403)
    (line,) = stderr.lines()
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "part": "sip", "event": "registration-failed", "level": "warning", "trunk": "t1", "status": 403,
    }  # fmt: skip


def test_what_is_not_on_the_list_is_left_out_and_counted(stderr: Stderr) -> None:
    log.omitted.clear()
    log.logger("x").info(
        "e", pin="246810", display_name="Kari", name="Kari", uri="sip:kari@example.org", room="1"
    )
    assert "246810" not in stderr.raw() and "ari" not in stderr.raw()
    assert stderr.lines()[0]["room"] == "1"
    assert log.omitted == {"pin": 1, "display_name": 1, "name": 1, "uri": 1}


def test_names_and_addresses_are_for_debug_only(stderr: Stderr) -> None:
    log.configure("debug")
    log.logger("x").debug("e", display_name="Kari", address="192.0.2.1", pin="246810")
    log.logger("x").info("e", display_name="Kari", address="192.0.2.1")
    first, second = stderr.lines()
    assert first["display_name"] == "Kari" and first["address"] == "192.0.2.1" and "pin" not in first
    assert "display_name" not in second and "address" not in second


def test_a_secret_prints_as_stars(stderr: Stderr) -> None:
    log.logger("x").info("e", detail=Secret("246810"), reason=[Secret("135791")])
    assert "246810" not in stderr.raw() and "135791" not in stderr.raw()
    assert stderr.lines()[0]["detail"] == "***"


def test_control_characters_and_surrogates_forge_nothing(stderr: Stderr) -> None:
    log.logger("x").info("e", detail='a\r\n{"event":"forged"}\x1b[31m\x9b31m\u2028\udcff', reason="\ud800")
    raw = stderr.raw()
    assert raw.isascii() or not set(raw) & {"\x9b", "\u2028", "\x7f"}
    assert "\x1b" not in raw and "\r" not in raw and raw.count("\n") == 1
    assert [line["event"] for line in stderr.lines()] == ["e"]


def test_no_line_is_over_8_kb(stderr: Stderr) -> None:
    log.logger("x").error("e" * 1_000_000, **dict.fromkeys(sorted(log.FIELDS - {"event"}), "\x00" * 10_000))
    assert len(stderr.raw().encode()) <= 8_001
    (line,) = stderr.lines()
    assert line["cut"] is True


def test_of_a_traceback_the_end_is_kept(stderr: Stderr) -> None:
    def deep(depth: int) -> None:
        if not depth:
            raise ValueError("the innermost")
        deep(depth - 1)

    try:
        deep(200)
    except ValueError as fault:
        log.logger("bridge").error("fault", exc_info=fault)
    (line,) = stderr.lines()
    assert line["exception"].endswith("ValueError: the innermost")
    assert len(stderr.raw()) <= 8_001


def test_what_is_below_the_level_costs_no_line(stderr: Stderr) -> None:
    log.configure("warning")
    log.logger("x").info("e")
    assert not stderr.raw()


def test_libraries_log_their_own_words_but_no_values(stderr: Stderr) -> None:
    logging.getLogger("uvicorn.error").warning("Invalid request from %s", "Kari Nordmann")
    logging.getLogger("asyncio").error("Task exception was never retrieved\nfuture: <Task coro=kari()>")
    logging.getLogger("uvicorn.error").error(OSError("/home/kari"))
    first, second, third = stderr.lines()
    assert (first["part"], first["detail"]) == ("uvicorn.error", "Invalid request from %s")
    assert second["detail"] == "Task exception was never retrieved"
    assert third["detail"] == "OSError"
    assert "ari" not in stderr.raw()


def test_a_standard_error_that_takes_nothing_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

    log.configure("info")
    log.omitted.clear()
    monkeypatch.setattr(sys, "stderr", Full())
    log.logger("x").error("e")
    assert log.omitted["lost-lines"]


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(st.sampled_from(sorted(log.FIELDS)), st.text(max_size=3000) | st.integers() | st.none())
)
def test_whatever_comes_in_is_one_line_of_json(fields: dict[str, Any]) -> None:
    log.configure("info")
    fields.pop("event", None)
    with contextlib.redirect_stderr(io.StringIO()) as stderr:
        log.logger("x").info("e", **fields)
    line = stderr.getvalue()
    assert len(line.encode()) <= 8_001 and line.count("\n") == 1
    assert json.loads(line)["event"] == "e"
