"""Session descriptions as text and as values (RFC 8866), with the limits that keep parsing linear and small.

The parser is tolerant where devices are odd and nothing can go wrong: LF without CR, blanks at line ends, empty
lines, unknown line types, and lines that this bridge does not use. What it refuses, it refuses as a whole with a
`ProtocolError`; details of single attributes are read later, by who needs them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bridge.errors import ProtocolError

MAX_BYTES: Final = 32_768
MAX_LINES: Final = 1_000
MAX_SECTIONS: Final = 16
MAX_FORMATS: Final = 64
# Of these lines the first ones of a section are kept and the rest is left out: nobody needs them all.
MAX_KEPT: Final = {"candidate": 32, "ssrc": 64}

MAX_NUMBER_DIGITS: Final = 20  # enough for the 64 bits of the o= line

Attribute = tuple[str, str | None]
"""Name and value of an a= line; the value of a mere flag is None."""


def number(text: str, maximum: int) -> int | None:
    """Read ASCII digits as an integer of at most `maximum`; None for anything else (signs, blanks, other digits)."""
    if not text.isdigit() or not text.isascii() or len(text) > MAX_NUMBER_DIGITS:
        return None
    value = int(text)
    return value if value <= maximum else None


@dataclass(frozen=True, slots=True)
class Origin:
    """The o= line (RFC 8866 section 5.2): whose description it is, and which version of it."""

    user: str
    session_id: int
    version: int
    address: str


@dataclass(frozen=True, slots=True)
class Section:
    """One media description: an m= line and what follows it (RFC 8866 section 5.14).

    `kind`: audio, video, application ... `port` 0 = rejected or ended. `connection`: the address of the section's
    own c= line. `bandwidths`: pairs of type and value as written (kbit/s for AS and CT, bit/s for TIAS).
    """

    kind: str
    port: int
    proto: str
    formats: tuple[str, ...]
    connection: str | None = None
    bandwidths: tuple[tuple[str, int], ...] = ()
    attributes: tuple[Attribute, ...] = ()


@dataclass(frozen=True, slots=True)
class Description:
    """A whole session description. `connection`: the address of the session's c= line, as written."""

    origin: Origin | None = None
    name: str = "-"
    connection: str | None = None
    bandwidths: tuple[tuple[str, int], ...] = ()
    attributes: tuple[Attribute, ...] = ()
    sections: tuple[Section, ...] = ()

    def address_of(self, section: Section) -> str | None:
        """Tell the media address of a section: its own, or else the session's (RFC 8866 section 5.7)."""
        return self.connection if section.connection is None else section.connection


def by_name(attributes: tuple[Attribute, ...]) -> dict[str, list[str]]:
    """Gather the values of attributes by name, in order; a flag counts as an empty value."""
    gathered: dict[str, list[str]] = {}
    for name, value in attributes:
        if name in gathered:
            gathered[name].append(value or "")
        else:
            gathered[name] = [value or ""]
    return gathered


class _Level:
    """What has been read at session level or in one section, while its lines still come."""

    __slots__ = ("attributes", "bandwidths", "connection", "counts", "head", "name", "origin")

    def __init__(self, head: tuple[str, int, str, tuple[str, ...]] | None) -> None:
        self.head = head
        self.origin: Origin | None = None
        self.name = "-"
        self.connection: str | None = None
        self.bandwidths: list[tuple[str, int]] = []
        self.attributes: list[Attribute] = []
        self.counts = dict.fromkeys(MAX_KEPT, 0)

    def add(self, letter: str, value: str) -> None:
        """Take one line. Lines of no use to the bridge (i, e, p, u, t, r, z, k and unknown ones) are left out."""
        match letter:
            case "a":
                self._add_attribute(value)
            case "c" if self.connection is None:
                self.connection = _connection(value)
            case "b":
                kind, _, amount = value.partition(":")
                if (bandwidth := number(amount.strip(), 10**12)) is not None:
                    self.bandwidths.append((kind, bandwidth))
            case "o" if self.head is None:
                self.origin = _origin(value)
            case "s" if self.head is None:
                self.name = value
            case _:
                pass

    def _add_attribute(self, value: str) -> None:
        name, colon, rest = value.partition(":")
        if name in MAX_KEPT:
            self.counts[name] += 1
            if self.counts[name] > MAX_KEPT[name]:
                return
        self.attributes.append((name, rest if colon else None))

    def section(self) -> Section:
        assert self.head is not None
        return Section(*self.head, self.connection, tuple(self.bandwidths), tuple(self.attributes))


def parse(body: bytes) -> Description:
    """Read a session description (RFC 8866 section 9).

    Raises ProtocolError with status 413 over the limits, else 400.
    """
    if len(body) > MAX_BYTES or body.count(b"\n") > MAX_LINES:
        raise ProtocolError("sdp-too-large", f"{len(body)} bytes", 413)
    if b"\0" in body:
        raise ProtocolError("sdp-nul")
    session = level = _Level(None)
    levels: list[_Level] = []
    version_seen = False
    # Names and free text may be in any old encoding; nothing of them is ever sent back, so mending is enough.
    for line in body.decode("utf-8", "replace").split("\n"):
        line = line.rstrip(" \t\r")
        if not line:
            continue
        if line[1:2] != "=" or "\r" in line:
            raise ProtocolError("sdp-line", line[:40])
        letter, value = line[0], line[2:]
        if not version_seen:
            if (letter, value.strip()) != ("v", "0"):
                raise ProtocolError("sdp-version", line[:40])
            version_seen = True
        elif letter == "m":
            if len(levels) == MAX_SECTIONS:
                raise ProtocolError("sdp-too-large", "m-lines", 413)
            level = _Level(_head(value))
            levels.append(level)
        else:
            level.add(letter, value)
    if not version_seen:
        raise ProtocolError("sdp-version", "empty")
    return Description(
        session.origin,
        session.name,
        session.connection,
        tuple(session.bandwidths),
        tuple(session.attributes),
        tuple(each.section() for each in levels),
    )


def _head(value: str) -> tuple[str, int, str, tuple[str, ...]]:
    """Read an m= line (RFC 8866 section 5.14). The number of ports ("/2") is of no use to RTP here and left out."""
    tokens = value.split()
    # These tokens are sent back in answers, so they must be plain.
    if len(tokens) < 4 or not value.isascii() or not value.replace("\t", " ").isprintable():
        raise ProtocolError("sdp-media-line", value[:40])
    if len(tokens) > 3 + MAX_FORMATS:
        raise ProtocolError("sdp-too-large", "formats", 413)
    kind, ports, proto, *formats = tokens
    port = number(ports.partition("/")[0], 65_535)
    if port is None:
        raise ProtocolError("sdp-port", ports[:40])
    return kind, port, proto, tuple(formats)


def _connection(value: str) -> str:
    """Read a c= line (RFC 8866 section 5.7). Whether the address is of any use is decided when it is needed."""
    tokens = value.split()
    if len(tokens) < 3:
        raise ProtocolError("sdp-connection", value[:40])
    return tokens[2]


def _origin(value: str) -> Origin | None:
    """Read an o= line; a broken one is as good as none. User names with blanks are seen in the wild."""
    tokens = value.split()
    if len(tokens) < 6:
        return None
    session_id, version = (number(token, 2**64) for token in tokens[-5:-3])
    if session_id is None or version is None:
        return None
    return Origin(" ".join(tokens[:-5]), session_id, version, tokens[-1])


def address_type(address: str) -> str:
    """Tell the "IN IP4" or "IN IP6" that stands before an address (RFC 8866 section 5.7)."""
    return "IN IP6" if ":" in address else "IN IP4"


def serialise(description: Description) -> bytes:
    """Write a description as text with CRLF (RFC 8866 section 5). The values must hold no CR, LF or NUL."""
    lines = ["v=0"]
    if (origin := description.origin) is not None:
        where = f"{address_type(origin.address)} {origin.address}"
        lines.append(f"o={origin.user} {origin.session_id} {origin.version} {where}")
    lines.append(f"s={description.name}")
    _write(lines, description)
    # Time comes after bandwidth and before attributes (RFC 8866 section 5); it is always "for ever".
    lines.append("t=0 0")
    _write_attributes(lines, description.attributes)
    for section in description.sections:
        lines.append(f"m={section.kind} {section.port} {section.proto} {' '.join(section.formats)}")
        _write(lines, section)
        _write_attributes(lines, section.attributes)
    lines.append("")
    return "\r\n".join(lines).encode()


def _write(lines: list[str], level: Description | Section) -> None:
    if level.connection is not None:
        lines.append(f"c={address_type(level.connection)} {level.connection}")
    lines.extend(f"b={kind}:{amount}" for kind, amount in level.bandwidths)


def _write_attributes(lines: list[str], attributes: tuple[Attribute, ...]) -> None:
    lines.extend(f"a={name}" if value is None else f"a={name}:{value}" for name, value in attributes)
