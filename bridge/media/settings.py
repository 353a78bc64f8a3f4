"""What a media process is told at its start. It never changes while the process lives."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MediaSettings:
    """Settings of all media processes; the pool gives each process its own part of the port range.

    `port_first` .. `port_last`: UDP ports for RTP and RTCP, two a leg, the even one for RTP, and two more for pictures.
    `max_legs`: legs that one process serves at most; the next `OpenLeg` fails.
    `prompt_folders`: where prompts are looked for, the first that has one wins.
    `warning_s`: silence after which a leg is told to be quiet (`MediaLost`, not final).
    `rtcp_interval_s`: mean distance of our RTCP reports (RFC 3550 section 6.2).
    `rate_factor`: a leg may send at most so many times the agreed packet rate; more is dropped unread.
    `opus_bitrate` [bit/s] at full bandwidth; `opus_complexity` (0 to 10), and `opus_speech_complexity` of streams with
    FEC or below 24 kbit/s, which use another coder.
    `realtime_priority`: 1 to 99 asks for SCHED_RR, 0 for the ordinary scheduler; `nice`: niceness asked for beside it.
    Both are gone without where they are not permitted.
    `rtc_addresses`: where the one port for all legs with ICE listens, none = there is no such port; `rtc_port`: its
    number in the first process, the next one has the next; `rtc_tcp`: whether it listens to TCP as well (RFC 6544).
    `rtc_here`: it listens at an address of this machine besides that is not loopback's, to this machine alone.
    """

    port_first: int = 20000
    port_last: int = 23999
    max_legs: int = 400
    prompt_folders: tuple[str, ...] = ()
    warning_s: float = 5.0
    rtcp_interval_s: float = 5.0
    rate_factor: float = 3.0
    opus_bitrate: int = 40_000
    opus_complexity: int = 4
    opus_speech_complexity: int = 5
    nice: int = -5
    realtime_priority: int = 10
    rtc_addresses: tuple[str, ...] = ()
    rtc_port: int = 10_000
    rtc_tcp: bool = True
    rtc_here: bool = False


def part_of_range(settings: MediaSettings, index: int, parts: int) -> tuple[int, int]:
    """First and last port of process `index` when `parts` processes share the range; both even and odd ends fit."""
    pairs = (settings.port_last - settings.port_first + 1) // 2
    each = pairs // parts
    if each < 1:
        raise ValueError(f"{pairs} port pairs are too few for {parts} media processes")
    first = settings.port_first + index * each * 2
    return first, first + each * 2 - 1
