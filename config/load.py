"""TOML -> the model. Every mistake is found, not only the first, each with its line: "a.toml:31: rooms[2].limit: ...".

Where a value is no good, the default stands in for it, or something that is never used, so that reading can go on.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass, replace
from difflib import get_close_matches
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Final, TypeVar, get_args, get_origin, get_type_hints

from config.lines import Lines
from config.model import Bound, Config, Peer, TurnConfig
from config.rules import broken_rules
from config.secret import Secret

MOST_BYTES: Final = 4_000_000
_AT_LINE: Final = re.compile(r"\(at line (\d{1,9}), column \d{1,9}\)")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong with a configuration file. `where`: the path of the key, "" = the text as such."""

    file: str
    line: int
    where: str
    why: str

    def __str__(self) -> str:
        return ": ".join(part for part in (f"{self.file}:{self.line}", self.where, self.why) if part)


class ConfigError(Exception):
    """The configuration cannot be used; `mistakes` says all that is wrong, in the order of lines."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        super().__init__("\n".join(map(str, mistakes)))
        self.mistakes = mistakes


def load(path: Path) -> Config:
    """Read a configuration. Raises ConfigError."""
    config, mistakes = _read(path)
    if config is None or mistakes:
        raise ConfigError(mistakes)
    return config


def check(path: Path) -> list[Mistake]:
    """All mistakes of a configuration, in the order of lines; none if it can be used."""
    return _read(path)[1]


def _read(path: Path) -> tuple[Config | None, list[Mistake]]:
    try:
        raw = path.read_bytes()
    except OSError as error:
        return None, [Mistake(str(path), 1, "", f"cannot be read: {error.strerror}")]
    return parse(raw, str(path), lambda name: (path.parent / name).read_text("utf-8"), os.environ)


def parse(
    raw: bytes, file: str, read: Callable[[str], str], environment: Mapping[str, str]
) -> tuple[Config | None, list[Mistake]]:
    """The configuration in a text, as far as it could be made, and its mistakes. Raises nothing.

    `read(name)` gives the text of a password file (OSError, ValueError: a mistake); `environment`: for passwords.
    """
    if len(raw) > MOST_BYTES:
        return None, [Mistake(file, 1, "", f"more than {MOST_BYTES} bytes")]
    try:
        text = raw.decode("utf-8")
        document = tomllib.loads(text)
    except UnicodeDecodeError as error:
        return None, [Mistake(file, raw.count(b"\n", 0, error.start) + 1, "", "not UTF-8")]
    except (ValueError, RecursionError) as error:
        return None, [_syntax(file, raw, error)]
    reader = _Reader(Lines(text), file, read, environment)
    config = reader.config(document)
    return config, sorted(reader.mistakes, key=lambda mistake: (mistake.line, mistake.where))


def _syntax(file: str, raw: bytes, error: Exception) -> Mistake:
    if isinstance(error, RecursionError):
        return Mistake(file, 1, "", "nested too deeply")
    found = _AT_LINE.search(str(error))
    line = int(found[1]) if found else raw.rstrip().count(b"\n") + 1
    why = str(error)[: found.start()] if found else str(error)
    return Mistake(file, line, "", why.strip()[:200])


class _NotedError(Exception):
    """A value is no good; the mistake is noted already."""


class _Reader:
    """Reads tables into dataclasses by their type hints, and notes what does not fit."""

    def __init__(
        self, lines: Lines, file: str, read: Callable[[str], str], environment: Mapping[str, str]
    ) -> None:
        self._lines = lines
        self._file = file
        self._read = read
        self._environment = environment
        self.mistakes: list[Mistake] = []
        self._spoilt: set[str] = set()  # paths about which there is no more to say

    def config(self, document: dict[str, Any]) -> Config:
        config = self._table(Config, document, "")
        peers = tuple(
            self._with_password(peer, f"sip.peers[{at}]") for at, peer in enumerate(config.sip.peers)
        )
        turn = self._with_secret(config.turn)
        config = replace(config, sip=replace(config.sip, peers=peers), turn=turn)
        for where, why in broken_rules(config, self._lines):
            if not any(where == each or where.startswith(f"{each}.") for each in self._spoilt):
                self._note(where, why)
        return config

    def _note(self, where: str, why: str) -> None:
        self.mistakes.append(Mistake(self._file, self._lines.of(where), where, why))

    def _fail(self, where: str, why: str) -> _NotedError:
        self._note(where, why)
        self._spoilt.add(where)
        return _NotedError()

    def _table(self, kind: type[T], raw: object, where: str) -> T:
        if not isinstance(raw, dict):
            raise self._fail(where, "must be a table")
        hints = get_type_hints(kind, include_extras=True)
        known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
        for key in raw.keys() - known.keys():
            self._note(_join(where, key), f"unknown key{_guess(key, known)}")
        values: dict[str, Any] = {}
        for name, field in known.items():
            if name in raw:
                with suppress(_NotedError):
                    values[name] = self._value(hints[name], raw[name], _join(where, name))
            elif _required(field):
                self._note(where, f"{name} is missing")
            if name not in values and _required(field):
                values[name] = _stand_in(hints[name], _join(where, name))
                # Without its kind nothing can be said about an entry as a whole.
                self._spoilt.add(where if isinstance(values[name], Enum) else _join(where, name))
        return kind(**values)

    def _value(self, hint: Any, raw: object, where: str) -> Any:
        if get_origin(hint) is Annotated:
            kind, bound = get_args(hint)
            return self._bounded(self._value(kind, raw, where), bound, where)
        if get_origin(hint) is tuple:
            return self._list(get_args(hint)[0], raw, where)
        if get_origin(hint) is UnionType:
            (hint,) = (each for each in get_args(hint) if each is not NoneType)
        if is_dataclass(hint):
            return self._table(hint, raw, where)  # type: ignore[arg-type]
        if issubclass(hint, Enum):
            return self._choice(hint, raw, where)
        return self._plain(hint, raw, where)

    def _plain(self, kind: type, raw: object, where: str) -> Any:
        if kind is Secret and isinstance(raw, str):
            return Secret(raw)
        if kind is float and type(raw) is int and abs(raw) < 10**12:
            return float(raw)
        if type(raw) is kind:
            return raw
        names = {bool: "true or false", int: "a whole number", float: "a number"}
        raise self._fail(where, f"must be {names.get(kind, 'a text in quotes')}")

    def _bounded(self, value: Any, bound: Bound, where: str) -> Any:
        if bound.low <= value <= bound.high or (bound.or_zero and value == 0):
            return value
        raise self._fail(where, f"must be {'0, or ' if bound.or_zero else ''}{bound.low} to {bound.high}")

    def _choice(self, kind: type[Enum], raw: object, where: str) -> Enum:
        choices = {choice.value: choice for choice in kind}
        if isinstance(raw, str) and raw in choices:
            return choices[raw]
        raise self._fail(where, "must be " + " or ".join(f'"{value}"' for value in choices))

    def _list(self, kind: Any, raw: object, where: str) -> tuple[Any, ...]:
        if not isinstance(raw, list):
            raise self._fail(where, "must be a list")
        values = []
        for at, element in enumerate(raw):
            here = f"{where}[{at}]"
            try:
                values.append(self._value(kind, element, here))
            except _NotedError:
                values.append(_stand_in(kind, here))
        return tuple(values)

    def _with_password(self, peer: Peer, where: str) -> Peer:
        """The password from where the peer's entry says it is."""
        places = {"password": "", "password_file": peer.password_file, "password_env": peer.password_env}
        return replace(peer, password=self._secret(peer.password, places, where))

    def _with_secret(self, turn: TurnConfig) -> TurnConfig:
        """The secret from where its section says it is."""
        places = {"secret": "", "secret_file": turn.secret_file, "secret_env": turn.secret_env}
        return replace(turn, secret=self._secret(turn.secret, places, "turn"))

    def _secret(self, plain: Secret, places: Mapping[str, str], where: str) -> Secret:
        """One given as it is, in a file or in a variable: `places` has the keys in this order, with what they name."""
        key, in_file, in_variable = places
        given = [name for name in places if places[name] or (name == key and plain)]
        if len(given) > 1:
            self._note(f"{where}.{given[1]}", f"{given[0]} is given already")
        if places[in_file]:
            try:
                return Secret(self._read(places[in_file]).rstrip("\r\n"))
            except (OSError, ValueError):
                self._note(f"{where}.{in_file}", "cannot be read")
        elif places[in_variable]:
            if places[in_variable] in self._environment:
                return Secret(self._environment[places[in_variable]])
            self._note(f"{where}.{in_variable}", "there is no such variable in the environment")
        return plain


def _required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _stand_in(hint: Any, where: str) -> Any:
    """A value of the right type that clashes with no other, to keep the place of one that is no good."""
    if get_origin(hint) is Annotated:
        return get_args(hint)[1].low
    if is_dataclass(hint):
        needed = get_type_hints(hint, include_extras=True)
        return hint(
            **{  # type: ignore[operator]
                field.name: _stand_in(needed[field.name], f"{where}.{field.name}")
                for field in fields(hint)
                if _required(field)
            }
        )
    return next(iter(hint)) if issubclass(hint, Enum) else where


def _guess(key: str, known: Mapping[str, object]) -> str:
    close = get_close_matches(key[:64], known, n=1)
    return f'; is it "{close[0]}"?' if close else ""


def _join(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key
