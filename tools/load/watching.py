"""What came back of pictures, worked out after the calls: how many a second, how large, and how late from eye to eye.

All times are the kernel's receive time stamps.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import av
import numpy as np

from bridge.errors import ProtocolError
from bridge.rtp import h264, vp8
from mixer.layout import Tile, layout, tiles
from tools.load import measure
from tools.load.clips import Luma, VideoCodec, read_number
from tools.load.pictures import PictureStream
from tools.load.stream import NOTE

_MARKER: Final = 0x80
_LATEST_NS: Final = 4_000_000_000  # what is older than this is the picture of that number before


class Pictures(NamedTuple):
    """Of the whole crowd. `fps`: whole pictures a second that a member got; `packets_per_second`: of all;
    `delay_ms`: from the last packet of a picture that member 0 sent to the last one of the first picture that shows it;
    `read`: how often that could be seen; `height`: of the newest picture seen [pixels]; `keys`: how many key frames the
    bridge asked for."""

    fps_p50: float
    fps_least: float
    lost_percent: float
    packets_per_second: float
    delay_ms_p50: float | None
    delay_ms_p99: float | None
    read: int
    height: int
    keys: int


def summary(streams: Sequence[PictureStream], layout_name: str, begin_ns: int, end_ns: int) -> Pictures:
    """Of what came between two times [ns of the wall clock]. `layout_name`: that of the room, one of `mixer.layout`."""
    seconds = (end_ns - begin_ns) / 1e9
    rates, packets, lost = [], 0, 0
    for stream in streams:
        marks = 0
        for source in measure.sources(stream.notes):
            found = measure.reception(source, 90_000, begin_ns, end_ns)
            packets, lost = packets + found.received, lost + found.lost
        for _, stamp, second in _packets(stream.notes):
            marks += begin_ns <= stamp < end_ns and bool(second & _MARKER)
        rates.append(marks / seconds)
    delays, height = _delays(streams, layout_name, begin_ns, end_ns)
    return Pictures(
        fps_p50=float(np.median(rates or [0.0])),
        fps_least=min(rates, default=0.0),
        lost_percent=100 * lost / max(1, packets),
        packets_per_second=packets / seconds,
        delay_ms_p50=float(np.percentile(delays, 50)) if delays else None,
        delay_ms_p99=float(np.percentile(delays, 99)) if delays else None,
        read=len(delays),
        height=height,
        keys=sum(stream.keys for stream in streams),
    )


def _packets(notes: bytearray) -> Iterator[tuple[int, int, int]]:
    """(RTP timestamp, arrival [ns], second octet) of each packet."""
    table = np.frombuffer(bytes(notes), measure.NOTE_TYPE)
    arrivals = table["s"] * 1_000_000_000 + table["ns"]
    yield from zip(table["clock"].tolist(), arrivals.tolist(), table["kind"].tolist(), strict=True)


def _delays(
    streams: Sequence[PictureStream], layout_name: str, begin_ns: int, end_ns: int
) -> tuple[list[float], int]:
    """Delays [ms] of what member 0 showed, in the eyes of the one who looks; and the height of what he saw."""
    looking = next((stream for stream in streams if stream.payloads is not None), None)
    if looking is None or not streams[0].sent_ns:
        return [], 0
    sent: defaultdict[int, list[int]] = defaultdict(list)
    for number, at in streams[0].sent_ns:
        sent[number].append(at)
    found: list[float] = []
    places, height = _places(layout_name), 0
    before: int | None = None
    for arrival, luma in _seen(looking):
        height = luma.shape[0]
        shown = _number(luma, places)
        if shown is None or shown == before:
            continue
        before = shown
        last = max((at for at in sent[shown] if at < arrival), default=0)
        if begin_ns <= arrival < end_ns and arrival - last < _LATEST_NS:
            found.append((arrival - last) / 1e6)
    return found, height


def _places(layout_name: str) -> list[Tile]:
    """Where the first face of a layout may stand, as of 720 lines, those of most faces first."""
    arrangements = (
        tiles(layout_name, faces, more)
        for faces in range(layout(layout_name).seats, 0, -1)
        for more in (False, True)
    )
    return list(dict.fromkeys(tile for each in arrangements for tile in each))


def _number(luma: Luma, places: list[Tile]) -> int | None:
    """The number in the tile of member 0; the place where it was found is the first to be tried the next time."""
    scale = luma.shape[0] / 720
    for index, tile in enumerate(places):
        top, left = round(tile.y * scale), round(tile.x * scale)
        part = luma[top : top + round(tile.height * scale), left : left + round(tile.width * scale)]
        if (number := read_number(part)) is not None:
            places.insert(0, places.pop(index))
            return number
    return None


def _seen(stream: PictureStream) -> Iterator[tuple[int, Luma]]:
    """(arrival of the last packet [ns], luma) of each picture that can be decoded, in order."""
    decoder: Any = av.CodecContext.create("h264" if stream.codec is VideoCodec.H264 else "vp8", "r")
    decoder.thread_count = 1
    parts: list[bytes] = []
    assert stream.payloads is not None
    assert len(stream.notes) == NOTE * len(stream.payloads)
    for (_, arrival, second), payload in zip(_packets(stream.notes), stream.payloads, strict=True):
        parts.append(payload)
        if not second & _MARKER:
            continue
        whole, parts = parts, []
        with contextlib.suppress(ProtocolError, av.error.FFmpegError):
            for frame in decoder.decode(av.Packet(_unit(whole, stream.codec))):
                yield arrival, frame.to_ndarray(format="gray")


def _unit(payloads: list[bytes], codec: VideoCodec) -> bytes:
    if codec is VideoCodec.H264:
        return b"".join(b"\0\0\0\1" + unit for unit in h264.depacketise(payloads))
    return b"".join(payload[vp8.descriptor(payload)[0] :] for payload in payloads)
