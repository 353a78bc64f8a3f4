"""What ICE and DTLS cost: python -m tests.rtc.bench. Thread CPU time, medians."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial

from bridge.rtc import records, stun
from bridge.rtc.dtls import Handshake
from bridge.rtc.framing import Framer, frame
from bridge.rtc.ice import IceLite, Path
from bridge.rtc.identity import Identity
from bridge.sdp.transport import DtlsRole
from tests.rtc.checks import AGREED, check
from tests.rtc.ends import THEIRS, WALLCLOCK, handshake

ROUNDS = 200


def cost_us(work: Callable[[], object], count: int = 200) -> float:
    """Of one call [microseconds]."""
    spent = []
    for _ in range(20):
        began = time.thread_time()
        for _ in range(count):
            work()
        spent.append((time.thread_time() - began) / count)
    return statistics.median(spent) * 1e6


def flights(rounds: int) -> dict[str, list[float]]:
    """CPU of each step of our side [ms], as server and as client."""
    spent: dict[str, list[float]] = {}

    def timed(name: str, work: Callable[[], tuple[bytes, ...]]) -> tuple[bytes, ...]:
        began = time.thread_time()
        answers = work()
        spent.setdefault(name, []).append((time.thread_time() - began) * 1e3)
        return answers

    for _ in range(rounds):
        server, client = handshake(DtlsRole.SERVER), handshake(DtlsRole.CLIENT, THEIRS)
        server.start(0.0)
        (hello,) = timed("client: hello", lambda end=client: end.start(0.0))  # type: ignore[misc]

        def take(end: Handshake, datagram: bytes) -> Callable[[], tuple[bytes, ...]]:
            return lambda: end.handle(datagram, 0.0)

        (first,) = timed("server: hello -> certificate, key exchange", take(server, hello))
        (second,) = timed("client: -> certificate, key exchange, finished", take(client, first))
        (third,) = timed("server: -> finished, keys", take(server, second))
        timed("client: finished -> keys", take(client, third))
        assert server.keys and client.keys
    return spent


def main() -> None:
    """Print all figures."""
    ice, path, request = IceLite(AGREED, 0.0), Path("192.0.2.1", 5_000), check(nominate=True)
    print(f"check answered: {cost_us(lambda: ice.handle(request, path, 0.0)):.1f} us")
    print(f"STUN parsed: {cost_us(lambda: stun.parse(request)):.1f} us")
    print(f"fragment found: {cost_us(lambda: stun.local_ufrag(request)):.1f} us")
    print(f"certificate made: {cost_us(lambda: Identity.make(WALLCLOCK), 5) / 1e3:.2f} ms")
    sums = {"server": 0.0, "client": 0.0}
    for name, spent in flights(ROUNDS).items():
        median, worst = statistics.median(spent), sorted(spent)[int(0.99 * len(spent))]
        sums[name[:6]] += median
        print(f"DTLS {name}: {median:.2f} ms, p99 {worst:.2f}")
    print(", ".join(f"{side} in all {spent:.2f} ms" for side, spent in sums.items()))
    for size in (7, 15, 30):
        message = stun.serialise(stun.Form.REQUEST, bytes(12), ((0x8022, b"x" * 12),) * size)
        print(f"STUN of {len(message)} octets: {cost_us(partial(stun.parse, message)):.1f} us")
    for size in (4_000, 16_000, 64_000):
        stream = frame(b"x" * 8) * (size // 10)
        print(f"frames of {size} octets: {cost_us(lambda whole=stream: Framer().push(whole), 5):.0f} us")  # type: ignore[misc]
    for size in (4, 8, 16, 32):
        datagram = (b"\x16\xfe\xfd" + bytes(8) + b"\0\x3c" + (b"\x0b" + bytes(11)) * 5) * size
        print(f"{size} records: {cost_us(partial(_outside, datagram), 50):.0f} us")


def _outside(datagram: bytes) -> int:
    return sum(len(list(records.fragments(record.body))) for record in records.split(datagram))


if __name__ == "__main__":
    main()
