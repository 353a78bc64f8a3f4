"""Structured logs: one JSON object a line on standard error, cut at the rim, never with a secret in it.

Only the fields of `FIELDS` are written; anything else is left out and counted, so that a PIN, a key or a name cannot
slip in through a new call site. Display names and addresses appear at level debug only. What libraries log comes out
the same way, without the values that they put into it.
"""

from __future__ import annotations

import io
import logging
import sys
from collections import Counter
from collections.abc import MutableMapping
from typing import Any, Final, TextIO, cast

import msgspec
import structlog

from bridge.text import writable

MAX_LINE_BYTES: Final = 8000
MAX_FIELD_CHARACTERS: Final = 400
MAX_TRACEBACK_CHARACTERS: Final = 4000
MAX_FIELDS: Final = 24
# What is left of a longer line is shorter than MAX_LINE_BYTES, though JSON may need 6 bytes for a character.
MAX_CUT_CHARACTERS: Final = 40

FIELDS: Final = frozenset(
    (
        "event", "level", "timestamp", "part", "exception", "leg", "conference", "room", "reason", "status",
        "method", "protocol", "listener", "port", "processes", "process", "pid", "count", "seconds", "limit",
        "codec", "role", "file", "line", "detail", "version", "peer", "trunk", "dropped",
    )
)  # fmt: skip
HEAD: Final = ("timestamp", "level", "event")  # come first
PERSONAL: Final = frozenset(["address", "display_name", "uri"])  # kept at level debug only

omitted: Counter[str] = Counter()

Event = MutableMapping[str, Any]


def _select(_: object, method: str, event: Event) -> Event:
    kept: dict[str, Any] = {key: _cut(key, event.pop(key)) for key in HEAD if key in event}
    for key, value in event.items():
        if (key not in FIELDS and not (method == "debug" and key in PERSONAL)) or len(kept) == MAX_FIELDS:
            omitted[key] += 1
            continue
        kept[key] = value if isinstance(value, (int, float, bool)) or value is None else _cut(key, value)
    return kept


def _cut(key: str, value: object) -> str:
    # Of a traceback the end tells most; everything else is a word or two.
    return _part(key, str(value), MAX_TRACEBACK_CHARACTERS if key == "exception" else MAX_FIELD_CHARACTERS)


def _part(key: str, text: str, most: int) -> str:
    return text[-most:] if key == "exception" else text[:most]


def _render(_: object, __: str, event: Event) -> str:
    line = msgspec.json.encode({key: writable(value) for key, value in event.items()})
    if len(line) > MAX_LINE_BYTES:
        short = {
            key: writable(_part(key, value, MAX_CUT_CHARACTERS)) if isinstance(value, str) else value
            for key, value in event.items()
        }
        line = msgspec.json.encode(short | {"cut": True})
    return line.decode()


class _Output(io.TextIOBase):
    """Standard error. What it does not take (the disk is full, the pipe closed) is lost: calls come before logs."""

    def write(self, text: str) -> int:
        try:
            return sys.stderr.write(text)
        except (OSError, ValueError):
            omitted["lost-lines"] += 1
            return 0

    def flush(self) -> None:
        try:
            sys.stderr.flush()
        except (OSError, ValueError):
            omitted["lost-lines"] += 1


class _Libraries(logging.Handler):
    """Takes what libraries log by `logging`: the words of their code, without the values put into them."""

    def emit(self, record: logging.LogRecord) -> None:
        said = record.msg.partition("\n")[0] if isinstance(record.msg, str) else type(record.msg).__name__
        logger(record.name).log(record.levelno, "library", detail=said, exc_info=record.exc_info)


def configure(level: str) -> None:
    """Send logs of `level` ("debug", "info", "warning", "error") and above to standard error as JSON lines."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _select,
            _render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(file=cast(TextIO, _Output())),
    )
    root = logging.getLogger()
    if not any(isinstance(each, _Libraries) for each in root.handlers):
        root.addHandler(_Libraries())


def logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """A logger that carries its part's name."""
    bound: structlog.typing.FilteringBoundLogger = structlog.get_logger(part=name)
    return bound
