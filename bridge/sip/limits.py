"""Token buckets before parsing: how many messages a source, its prefix, and all together may send.

Strategy: each sender's address has a bucket, so has its prefix (/24, /64), and all share one. The tables are
bounded: the address unused for longest goes first, and comes back with a full bucket, which is why the common
bucket stands behind them. Peers that have, or lately had, a call are in a table of their own: they get a larger
bucket, are not judged by their neighbours, and a share of the common bucket is kept for them. A sender in
excess is dropped without an answer, so nobody can make an amplifier of us.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

FLOOD_SOURCE: Final = "flood-source"
FLOOD_PREFIX: Final = "flood-prefix"
FLOOD_TOTAL: Final = "flood-total"


@dataclass(frozen=True, slots=True)
class Rate:
    """So many messages a second in the long run, and so many at once."""

    per_s: float
    burst: float


@dataclass(frozen=True, slots=True)
class Rates:
    """The rates of a `Gate`, in messages.

    `source`: of one unknown address; `known`: of one address with a call; `loopback`: of one address of this
    machine, and of its prefix; `prefix`: of the unknown addresses of one /24 or /64; `total`: of all; `reserved`:
    of all known ones, before they draw on `total`.
    """

    source: Rate = Rate(10, 100)
    known: Rate = Rate(200, 400)
    loopback: Rate = Rate(5_000, 10_000)
    prefix: Rate = Rate(100, 400)
    total: Rate = Rate(5_000, 10_000)
    reserved: Rate = Rate(1_000, 2_000)
    most_sources: int = 8_000  # unknown addresses; with the prefixes the tables stay under 10,000 entries
    most_prefixes: int = 1_000
    most_known: int = 1_000
    known_s: float = 600.0  # how long after its last sign of a call an address stays known


class Bucket:
    """One token bucket."""

    __slots__ = ("_at", "_tokens")

    def __init__(self, rate: Rate, now: float) -> None:
        self._tokens = rate.burst
        self._at = now

    def take(self, rate: Rate, now: float) -> bool:
        """Take one token if there is one. `now`: monotonic seconds."""
        tokens = min(rate.burst, self._tokens + (now - self._at) * rate.per_s)
        self._at = now
        if tokens < 1.0:
            self._tokens = tokens
            return False
        self._tokens = tokens - 1.0
        return True

    def give_back(self) -> None:
        """Return a token taken in vain."""
        self._tokens += 1.0


class _Source:
    """An unknown address: its bucket and rate, and the key of its prefix."""

    __slots__ = ("bucket", "prefix", "rate")

    def __init__(self, bucket: Bucket, rate: Rate, prefix: str) -> None:
        self.bucket = bucket
        self.rate = rate
        self.prefix = prefix


class _Known:
    """An address with a call: its bucket and rate, and how long it stays known [monotonic s]."""

    __slots__ = ("bucket", "rate", "until")

    def __init__(self, bucket: Bucket, rate: Rate) -> None:
        self.bucket = bucket
        self.rate = rate
        self.until = 0.0


class Gate:
    """Says for each message, before anybody looks into it, whether it may come in."""

    def __init__(self, rates: Rates, now: float) -> None:
        self._rates = rates
        self._sources: OrderedDict[str, _Source] = OrderedDict()
        self._prefixes: OrderedDict[str, Bucket] = OrderedDict()
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._total = Bucket(rates.total, now)
        self._reserved = Bucket(rates.reserved, now)

    @property
    def size(self) -> int:
        """How many entries the tables hold."""
        return len(self._sources) + len(self._prefixes) + len(self._known)

    def admit(self, host: str, now: float) -> str | None:
        """Return None if a message from `host` (an address) may pass, else the name of the drop."""
        if self._known:
            entry = self._known.get(host)
            if entry is not None:
                if entry.until > now:
                    return self._admit_known(entry, now)
                del self._known[host]
        source = self._sources.get(host)
        if source is None:
            source = self._new_source(host, now)
        else:
            self._sources.move_to_end(host)
        if not source.bucket.take(source.rate, now):
            return FLOOD_SOURCE
        rates = self._rates
        prefix_rate = rates.loopback if source.rate is rates.loopback else rates.prefix
        prefix = self._prefix_bucket(source.prefix, prefix_rate, now)
        if not prefix.take(prefix_rate, now):
            source.bucket.give_back()
            return FLOOD_PREFIX
        if not self._total.take(rates.total, now):
            source.bucket.give_back()
            prefix.give_back()
            return FLOOD_TOTAL
        return None

    def know(self, host: str, now: float) -> None:
        """Say that `host` has a call up: from now on it has its own share, for `known_s` seconds.

        When the table is full, the address that was named longest ago is forgotten.
        """
        entry = self._known.pop(host, None)
        if entry is None:
            rate = self._rates.loopback if is_loopback(host) else self._rates.known
            entry = _Known(Bucket(rate, now), rate)
        entry.until = now + self._rates.known_s
        self._known[host] = entry
        if len(self._known) > self._rates.most_known:
            self._known.popitem(last=False)

    def is_known(self, host: str, now: float) -> bool:
        """Whether `host` had a call up lately."""
        entry = self._known.get(host)
        return entry is not None and entry.until > now

    def _admit_known(self, known: _Known, now: float) -> str | None:
        rates = self._rates
        if not known.bucket.take(known.rate, now):
            return FLOOD_SOURCE
        if self._reserved.take(rates.reserved, now) or self._total.take(rates.total, now):
            return None
        known.bucket.give_back()
        return FLOOD_TOTAL

    def _new_source(self, host: str, now: float) -> _Source:
        rate = self._rates.loopback if is_loopback(host) else self._rates.source
        source = self._sources[host] = _Source(Bucket(rate, now), rate, prefix_of(host))
        if len(self._sources) > self._rates.most_sources:
            self._sources.popitem(last=False)
        return source

    def _prefix_bucket(self, prefix: str, rate: Rate, now: float) -> Bucket:
        bucket = self._prefixes.get(prefix)
        if bucket is None:
            bucket = self._prefixes[prefix] = Bucket(rate, now)
            if len(self._prefixes) > self._rates.most_prefixes:
                self._prefixes.popitem(last=False)
        else:
            self._prefixes.move_to_end(prefix)
        return bucket


def is_loopback(host: str) -> bool:
    """Whether `host` is an address of this machine."""
    return host.startswith(("127.", "::ffff:127.")) or host == "::1"


def prefix_of(host: str) -> str:
    """Return the network that an address is judged with: the /24 of IPv4, the /64 of IPv6; other text itself."""
    if ":" not in host:
        return host.rpartition(".")[0] or host
    try:
        address = ipaddress.IPv6Address(host.partition("%")[0])
    except ValueError:
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped).rpartition(".")[0]
    return address.packed[:8].hex()
