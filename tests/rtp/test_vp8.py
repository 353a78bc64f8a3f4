"""VP8 in RTP: cut and put together again, descriptors of every shape read, sizes told before any decoder sees them."""

from __future__ import annotations

import pytest

from bridge.errors import ProtocolError
from bridge.rtp.vp8 import Vp8Reader, descriptor, payloads
from tests.rtp.pictures import LIMITS, encoded


def test_what_is_cut_is_put_together_again() -> None:
    reader = Vp8Reader(LIMITS)
    for index, frame in enumerate(encoded("VP8", 12)):
        cut = payloads(frame, 0x7FFE + index)
        assert max(map(len, cut)) <= 1180
        assert len({len(payload) for payload in cut[:-1]}) <= 1
        found = reader.read(cut)
        assert found.octets == frame
        assert found.number == 0x7FFE + index & 0x7FFF
        assert found.key == (index == 0 or index == 10)
        assert (found.width, found.height) == ((320, 180) if found.key else (0, 0))
        assert reader.begins_key(cut[0]) == found.key


@pytest.mark.parametrize(
    ("octets", "told"),
    [
        ("10aa", (1, None)),
        ("9080 05aa", (3, 5)),
        ("9080 8123aa", (4, 0x123)),
        ("9040 77aa", (3, None)),
        ("9020 77aa", (3, None)),
        ("9010 77aa", (3, None)),
        ("90f0 ffff 1122aa", (6, 0x7FFF)),
        ("9000aa", (2, None)),
    ],
)
def test_descriptors(octets: str, told: tuple[int, int | None]) -> None:
    payload = bytes.fromhex(octets)
    assert descriptor(payload) == told
    for cut in range(1, told[0] + 1):
        with pytest.raises(ProtocolError, match="vp8-descriptor"):
            descriptor(payload[:cut])
