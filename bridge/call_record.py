"""The call record: one line for each leg when it has ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network

from bridge.errors import Reason
from bridge.media.contract import Quality, VideoQuality


@dataclass(slots=True)
class CallRecord:
    """What is known of one call. `began`, `answered`, `ended`: wallclock [Unix seconds], 0.0 = never.

    `protection`: how its sound was protected at its end, "" = nothing was agreed.
    `source` is cut to its network (IPv4 /24, IPv6 /64): enough to find a bad link, not a person.
    """

    leg: str
    room: str
    way: str
    direction: str
    source: str
    began: float
    answered: float = 0.0
    ended: float = 0.0
    reason: Reason = Reason.NORMAL
    protection: str = ""
    quality: Quality | None = None

    def line(self) -> dict[str, object]:
        """The record as plain JSON values; durations in seconds, loss as a fraction, jitter in milliseconds."""
        # The wallclock may be set back during a call.
        duration = max(0.0, self.ended - self.answered) if self.answered else 0.0
        line: dict[str, object] = {
            "leg": self.leg,
            "room": self.room,
            "way": self.way,
            "direction": self.direction,
            "source": network(self.source),
            "began": _iso(self.began),
            "answered": _iso(self.answered),
            "ended": _iso(self.ended),
            "duration_s": round(duration, 3),
            "reason": self.reason.value,
            "protection": self.protection,
        }
        if self.quality is not None:
            q = self.quality
            expected = q.packets_received + q.packets_lost
            line |= {
                "codec": q.codec,
                "packets_received": q.packets_received,
                "packets_lost": q.packets_lost,
                "loss": round(q.packets_lost / expected, 4) if expected > 0 else 0.0,
                "jitter_ms": round(q.jitter_ms, 1),
                "packets_sent": q.packets_sent,
                "remote_loss": round(q.remote_lost_fraction, 4),
                "round_trip_ms": round(q.round_trip_ms, 1),
            }
            if q.video is not None:
                line["video"] = _pictures(q.video)
        return line


def _pictures(q: VideoQuality) -> dict[str, object]:
    """What the pictures were like; bit rates in bit/s, a codec of "" = there were none."""
    expected = q.packets_received + q.packets_lost
    return {
        "codec_received": q.codec_received,
        "codec_sent": q.codec_sent,
        "bitrate_received": q.bitrate_received,
        "bitrate_sent": q.bitrate_sent,
        "packets_received": q.packets_received,
        "packets_lost": q.packets_lost,
        "loss": round(q.packets_lost / expected, 4) if expected > 0 else 0.0,
        "packets_sent": q.packets_sent,
        "packets_resent": q.resent,
        "pictures_received": q.frames_received,
        "pictures_frozen": q.frames_frozen,
        "key_frames_asked": q.key_frames_asked,
    }


def network(address: str) -> str:
    """An address cut to its /24 or /64; anything that is no address becomes ""."""
    try:
        host = ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    return str(ip_network((host, 64 if host.version == 6 else 24), strict=False))


def _iso(wallclock: float) -> str | None:
    if not wallclock:
        return None
    return datetime.fromtimestamp(wallclock, UTC).isoformat(timespec="milliseconds")
