"""SIP messages for the test phone: text with a start line, headers and a body, read independently of the bridge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_SHORT = {"v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length"}
_SHORT |= {
    "c": "content-type",
    "e": "content-encoding",
    "k": "supported",
    "s": "subject",
    "x": "session-expires",
}


@dataclass(frozen=True, slots=True)
class SipText:
    """A message. Header names are kept as they were; `get` ignores case and knows the short forms."""

    start: str
    headers: tuple[tuple[str, str], ...]
    body: str = ""

    @property
    def status(self) -> int:
        """The status code, 0 for a request."""
        return int(self.start.split()[1]) if self.start.startswith("SIP/2.0 ") else 0

    @property
    def method(self) -> str:
        """The method of a request, or the one that a response answers."""
        return self.get("CSeq").split()[-1] if self.status else self.start.split()[0]

    @property
    def sequence(self) -> int:
        return int(self.get("CSeq").split()[0])

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if _canonical(key) == name.lower()]

    def get(self, name: str) -> str:
        """The first header of that name, or ""."""
        return next(iter(self.all(name)), "")

    def serialise(self) -> bytes:
        body = self.body.encode()
        lines = [self.start, *(f"{key}: {value}" for key, value in self.headers)]
        return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


def _canonical(name: str) -> str:
    name = name.strip().lower()
    return _SHORT.get(name, name)


def parse(datagram: bytes) -> SipText:
    """Read one message; raises ValueError on nonsense."""
    head, _, body = datagram.decode("utf-8", "replace").partition("\r\n\r\n")
    start, *lines = head.split("\r\n")
    headers = [line.partition(":") for line in lines]
    return SipText(start, tuple((key, value.strip()) for key, _, value in headers), body)


def split_stream(buffer: bytearray) -> list[bytes]:
    """Take the whole messages out of what a TCP connection gave so far."""
    found = []
    while (end := buffer.find(b"\r\n\r\n")) >= 0:
        if end == 0:  # a keep-alive
            del buffer[:4]
            continue
        length = int(parse(bytes(buffer[: end + 4])).get("Content-Length") or 0)
        if len(buffer) < end + 4 + length:
            break
        found.append(bytes(buffer[: end + 4 + length]))
        del buffer[: end + 4 + length]
    return found


def within_angles(value: str) -> str:
    """The URI of a Contact, To or From value."""
    return value.partition("<")[2].partition(">")[0] if "<" in value else value.partition(";")[0].strip()


def parameter(value: str, name: str) -> str:
    """A header parameter behind the angle brackets, or ""."""
    for part in value.rpartition(">")[2].split(";"):
        key, _, content = part.strip().partition("=")
        if key.lower() == name:
            return content
    return ""


@dataclass(frozen=True, slots=True)
class AudioSdp:
    """What the phone wants to know of a description: where to, which codecs, which way."""

    address: str
    port: int
    payload_types: tuple[int, ...]
    direction: str
    event_type: int

    @property
    def may_receive(self) -> bool:
        """Whether the writer of this description wants to get sound."""
        return self.port != 0 and self.direction in ("sendrecv", "recvonly") and self.address != "0.0.0.0"


def read_sdp(body: str) -> AudioSdp:
    """Read the first audio line of a description; raises ValueError without one."""
    address, port, types, direction, event_type, audio = "", -1, [], "sendrecv", 101, False
    for line in body.splitlines():
        kind, _, value = line.partition("=")
        words = value.split()
        if kind == "m":
            audio = words[0] == "audio" and port < 0
            if audio:
                port, types = int(words[1].partition("/")[0]), [int(word) for word in words[3:]]
        elif kind == "c" and (audio or port < 0):
            address = words[2]
        elif kind == "a" and audio and value in ("sendrecv", "sendonly", "recvonly", "inactive"):
            direction = value
        elif kind == "a" and audio and value.startswith("rtpmap:") and "telephone-event/8000" in value:
            event_type = int(words[0].partition(":")[2])
    if port < 0:
        raise ValueError("no audio in the description")
    return AudioSdp(address, port, tuple(types), direction, event_type)


def write_sdp(
    port: int, codecs: Sequence[tuple[int, str]], direction: str, version: int, address: str, where: str
) -> str:
    """A description with one audio line, `address` in its origin and `where` ("0.0.0.0": hold) in its connection."""
    types = " ".join(str(number) for number, _ in codecs)
    lines = ["v=0", f"o=phone 1 {version} IN IP4 {address}", "s=-", f"c=IN IP4 {where}", "t=0 0"]
    lines += [f"m=audio {port} RTP/AVP {types} 101"]
    lines += [f"a=rtpmap:{number} {name}/8000" for number, name in codecs]
    lines += ["a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15", f"a={direction}"]
    return "\r\n".join([*lines, ""])
