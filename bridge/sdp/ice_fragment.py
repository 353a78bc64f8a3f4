"""What ends tell each other of ICE beside offer and answer: application/trickle-ice-sdpfrag (RFC 8840 section 9).

WHIP uses it in PATCH (RFC 9725 section 4.3): new candidates of the peer, which a lite agent has no use for, or new
credentials, which restart ICE and are answered with a fragment of ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bridge.sdp import description
from bridge.sdp.description import Description, Section, by_name
from bridge.sdp.ice import read_credentials
from bridge.sdp.transport import Credentials

MEDIA_TYPE: Final = "application/trickle-ice-sdpfrag"

_HEAD: Final = b"v=0\r\n"  # which a description begins with and a fragment does not
_OF_SESSION: Final = ("group", "ice-lite", "ice-options")
_OF_SECTION: Final = ("mid", "ice-ufrag", "ice-pwd", "candidate", "end-of-candidates")


@dataclass(frozen=True, slots=True)
class IceFragment:
    """What a fragment says: the peer's credentials, if it does, how many candidates it names, whether these are all.

    Candidates are counted and not read: nothing is ever sent to them. At most 32 a section count.
    """

    credentials: Credentials | None
    candidates: int
    ended: bool


def parse(body: bytes) -> IceFragment:
    """Read a fragment. Raises ProtocolError: 413 over the limits of descriptions, 488 for broken credentials, else 400.

    With credentials for several sections the first count: all that we serve is in one bundle.
    """
    read = description.parse(_HEAD + body)
    levels = [by_name(read.attributes), *(by_name(section.attributes) for section in read.sections)]
    found = (read_credentials(level) for level in levels)
    return IceFragment(
        credentials=next((each for each in found if each is not None), None),
        candidates=sum(len(level.get("candidate", ())) for level in levels),
        ended=any("end-of-candidates" in level for level in levels),
    )


def serialise(ours: Description, index: int) -> bytes:
    """Write what a description of ours says of ICE; `index`: of the section that carries the bundle."""
    section = ours.sections[index]
    lines = description.serialise(
        Description(
            attributes=tuple(each for each in ours.attributes if each[0] in _OF_SESSION),
            sections=(
                Section(
                    section.kind,
                    section.port,
                    section.proto,
                    section.formats[:1],
                    attributes=tuple(each for each in section.attributes if each[0] in _OF_SECTION),
                ),
            ),
        )
    ).split(b"\r\n")
    return b"\r\n".join(line for line in lines if line[:2] in (b"a=", b"m=", b""))
