"""Layers of one picture in several sizes: a=rid (RFC 8851) and a=simulcast (RFC 8853), taken and never offered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from bridge.sdp.description import Attribute, number

MAX_LAYERS: Final = 3
MAX_RID_BYTES: Final = 16

# RFC 8851 section 10 with the correction of RFC 8852 section 3.3; browsers have taken these two more for years.
_RID: Final = frozenset("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_")


def read_layers(attributes: dict[str, list[str]], direction: str) -> dict[str, frozenset[int]]:
    """Read the layers that one side sends or takes: name -> payload types they are bound to, none = all.

    `direction`: "send" or "recv", as that side says it. Of alternatives of one layer the first counts. What is broken,
    or not described by a rid line, is skipped; so is all beyond `MAX_LAYERS`.
    """
    described = _described(attributes.get("rid", ()), direction)
    listed: dict[str, frozenset[int]] = {}
    for value in attributes.get("simulcast", ())[:1]:
        words = value.split()
        for place in range(0, len(words) - 1, 2):
            if words[place] != direction:
                continue
            for layer in words[place + 1].split(";"):
                rid = layer.partition(",")[0].removeprefix("~")
                if rid in described and len(listed) < MAX_LAYERS:
                    listed[rid] = described[rid]
    return listed


def _described(values: Iterable[str], direction: str) -> dict[str, frozenset[int]]:
    found: dict[str, frozenset[int]] = {}
    for value in values:
        words = value.split(None, 2)
        if len(words) < 2 or words[1] != direction or not 0 < len(words[0]) <= MAX_RID_BYTES:
            continue
        if not _RID.issuperset(words[0]) or words[0] in found:
            continue
        restrictions = words[2].split(";") if len(words) > 2 else ()
        bound = next((each[3:].split(",") for each in restrictions if each.startswith("pt=")), ())
        numbers = (number(each.strip(), 127) for each in bound)
        found[words[0]] = frozenset(each for each in numbers if each is not None)
    return found


def layer_attributes(rids: Sequence[str], direction: str) -> list[Attribute]:
    """Write layers with our side's `direction` ("recv"); nothing for none."""
    if not rids:
        return []
    return [*(("rid", f"{rid} {direction}") for rid in rids), ("simulcast", f"{direction} {';'.join(rids)}")]
