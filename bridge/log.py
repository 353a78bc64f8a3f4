"""Structured logs: one JSON object a line on standard error, cut at the rim, never with a secret in it.

Only the fields of `FIELDS` are written; anything else is left out and counted, so that a PIN, a key or a name cannot
slip in through a new call site. Display names and addresses appear at level debug only.
"""

from __future__ import annotations

import logging
import sys
from collections import Counter
from collections.abc import MutableMapping
from typing import Any, Final

import msgspec
import structlog

MAX_FIELD_CHARACTERS: Final = 400
MAX_FIELDS: Final = 24

FIELDS: Final = frozenset(
    (
        "event", "level", "timestamp", "part", "exception", "leg", "conference", "room", "reason", "status",
        "method", "protocol", "listener", "port", "processes", "process", "pid", "count", "seconds", "name", "limit",
        "codec", "role", "file", "line", "detail", "version", "peer", "trunk", "dropped",
    )
)  # fmt: skip
PERSONAL: Final = frozenset(["address", "display_name", "uri"])  # kept at level debug only

omitted: Counter[str] = Counter()

Event = MutableMapping[str, Any]


def _select(_: object, method: str, event: Event) -> Event:
    kept: dict[str, Any] = {}
    for key, value in list(event.items())[:MAX_FIELDS]:
        if key not in FIELDS and not (method == "debug" and key in PERSONAL):
            omitted[key] += 1
            continue
        kept[key] = value if isinstance(value, (int, float, bool)) or value is None else _cut(value)
    return kept


def _cut(value: object) -> str:
    text = str(value)
    if len(text) > MAX_FIELD_CHARACTERS * 10:
        text = text[: MAX_FIELD_CHARACTERS * 10]
    # A traceback may be long; everything else is a word or two.
    return text if "Traceback" in text else text[:MAX_FIELD_CHARACTERS]


def _render(_: object, __: str, event: Event) -> str:
    return msgspec.json.encode({key: _clean(value) for key, value in event.items()}).decode()


def _clean(value: Any) -> Any:
    # Lone surrogates come from undecodable bytes on the wire and cannot be encoded.
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


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
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )


def logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """A logger that carries its part's name."""
    bound: structlog.typing.FilteringBoundLogger = structlog.get_logger(part=name)
    return bound
