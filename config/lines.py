"""Where in a TOML text each key stands: `tomllib` reads the values, this finds the lines for what is wrong with them.

One pass, linear, over a text that `tomllib` has accepted; on any other text it finds less, but ends all the same.
"""

from __future__ import annotations

from typing import Final

BARE: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")


class Lines:
    """Line numbers by path: "sip", "sip.listeners[1].port", "rooms[2].aliases[0]"."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1
        self._table = ""
        self._counts: dict[str, int] = {}
        self._found: dict[str, int] = {}
        self._read()

    def __contains__(self, path: object) -> bool:
        return path in self._found

    def of(self, path: str) -> int:
        """The line of a path, or of the nearest thing around it that has a line."""
        while path:
            if path in self._found:
                return self._found[path]
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return 1

    def _peek(self, length: int = 1) -> str:
        return self._text[self._at : self._at + length]

    def _skip(self, length: int = 1) -> None:
        self._line += self._text.count("\n", self._at, self._at + length)
        self._at += length

    def _read(self) -> None:
        while self._at < len(self._text):
            match self._peek():
                case "#":
                    self._skip_comment()
                case "[":
                    self._read_header()
                case character if character in BARE or character in "\"'":
                    self._read_pair()
                case _:
                    self._skip()

    def _read_header(self) -> None:
        line, many = self._line, self._peek(2) == "[["
        self._skip(2 if many else 1)
        *outer, last = self._read_key()
        path = ""
        for part in outer:
            path = self._inner(_join(path, part))
            self._found.setdefault(path, line)
        path = _join(path, last)
        if many:
            self._counts[path] = self._counts.get(path, -1) + 1
        self._table = self._inner(path)
        self._found[self._table] = line
        while self._peek() == "]":
            self._skip()

    def _inner(self, path: str) -> str:
        """Of an array of tables, its newest element."""
        return f"{path}[{self._counts[path]}]" if path in self._counts else path

    def _read_pair(self) -> None:
        line, path = self._line, self._table
        for part in self._read_key():
            path = _join(path, part)
            self._found.setdefault(path, line)
        self._skip()  # "="
        self._skip_value(path)

    def _read_key(self) -> list[str]:
        parts = [""]
        while (character := self._peek()) and character not in "=]\n":
            if character in "\"'":
                parts[-1] += self._read_string()
                continue
            if character == ".":
                parts.append("")
            elif character not in " \t":
                parts[-1] += character
            self._skip()
        return parts

    def _skip_value(self, path: str) -> None:
        """Up to the end of its line, or of the line where its brackets close; notes the elements of an array."""
        depth, index, fresh = 0, 0, False
        while character := self._peek():
            if character == "\n" and depth == 0:
                return
            if fresh and character not in " \t\r\n#,]":
                self._found[f"{path}[{index}]"] = self._line
                fresh = False
            if character in "\"'":
                self._read_string()
                continue
            if character == "#":
                self._skip_comment()
                continue
            if character in "[{":
                depth += 1
                fresh = fresh or (depth == 1 and character == "[")
            elif character in "]}":
                depth -= 1
            elif character == "," and depth == 1:
                index, fresh = index + 1, True
            self._skip()

    def _read_string(self) -> str:
        quote = self._peek(3) if self._peek(3) in ('"""', "'''") else self._peek()
        self._skip(len(quote))
        start = self._at
        while self._at < len(self._text) and self._peek(len(quote)) != quote:
            self._skip(2 if self._peek() == "\\" and quote[0] == '"' else 1)
        inside = self._text[start : self._at]
        self._skip(len(quote))
        while len(quote) == 3 and self._peek() == quote[0]:  # a quote right before the closing three
            self._skip()
        return inside

    def _skip_comment(self) -> None:
        end = self._text.find("\n", self._at)
        self._at = len(self._text) if end < 0 else end


def _join(path: str, part: str) -> str:
    return f"{path}.{part}" if path else part
