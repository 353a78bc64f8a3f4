"""Print what session descriptions cost: a typical offer, and how time grows with size (reliability P-03).

python -m tests.sdp.bench
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise

from bridge.errors import ProtocolError
from bridge.sdp.description import parse
from bridge.sdp.negotiate import accept, answer, offer
from tests.sdp.samples import DATA, LOOPBACK, SEEING, SEEING_BROWSER, read

HEAD = b"v=0\r\no=- 1 1 IN IP4 192.0.2.77\r\ns=-\r\nc=IN IP4 192.0.2.77\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 96\r\n"
WEB = (
    b"v=0\r\na=group:BUNDLE 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=rtcp-mux\r\n"
    b"a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=setup:actpass\r\n"
)
PRINT = b"a=fingerprint:sha-256 " + b":".join([b"AB"] * 32) + b"\r\n"
SECTION = b"m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 H264/90000\r\na=mid:v\r\n"
SEEN = WEB.replace(b"BUNDLE 0", b"BUNDLE 0 v") + PRINT + SECTION
GROWING: dict[str, Callable[[int], bytes]] = {
    "attributes": lambda n: HEAD + b"a=x-1:y\r\n" * n,
    "one line": lambda n: HEAD + b"a=x:" + b"A" * (n * 30),
    "rtpmaps": lambda n: HEAD + b"a=rtpmap:96 X/8000\r\n" * n,
    "fmtp parameters": lambda n: HEAD + b"a=rtpmap:96 opus/48000/2\r\na=fmtp:96 " + b"a=1; " * n,
    "ssrc lines": lambda n: HEAD + b"".join(b"a=ssrc:%d cname:x\r\n" % i for i in range(n)),
    "candidates": lambda n: HEAD + b"a=candidate:1 1 UDP 1 192.0.2.1 1 typ host\r\n" * n,
    "crypto lines": lambda n: HEAD + b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:%%\r\n" * n,
    "fingerprints": lambda n: WEB + PRINT * (n // 4),
    "extmaps": lambda n: (
        WEB + PRINT + b"".join(b"a=extmap:%d urn:x:%d\r\n" % (i % 14 + 1, i) for i in range(n))
    ),
    "bundles": lambda n: (
        WEB + PRINT + b"m=video 9 RTP/AVP 0\r\n" * 15 + b"a=mid:x\r\na=group:BUNDLE 0 x\r\n" * n
    ),
    "names in a bundle": lambda n: WEB.replace(b"BUNDLE", b"BUNDLE" + b" x" * (n * 10)) + PRINT,
    "rtcp-fb lines": lambda n: WEB + PRINT + b"a=rtcp-fb:0 transport-cc\r\n" * n,
    "layers": lambda n: SEEN + b"".join(b"a=rid:x%d send\r\n" % i for i in range(n)) + simulcast(n),
    "feedback on pictures": lambda n: SEEN + b"a=rtcp-fb:96 ccm fir tmmbr\r\n" * n,
    "sections of video": lambda n: WEB + PRINT + b"a=ssrc-group:FID 1 2\r\n" * n + SECTION * 15,
    "over the limit": lambda n: HEAD + b"m=audio 4000 RTP/AVP 0\r\n" * (n * 40),
}


def simulcast(n: int) -> bytes:
    """Write layers with an alternative each."""
    return b"a=simulcast:send " + b";".join(b"x%d,y" % i for i in range(n)) + b"\r\n"


def best_us(action: Callable[[], object], times: int = 200, rounds: int = 7) -> float:
    """Give the time of one call, the best mean of several rounds [us]."""
    results = []
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(times):
            action()
        results.append((time.perf_counter() - start) / times * 1e6)
    return min(results)


def negotiate(body: bytes) -> None:
    """Parse and answer, whatever comes of it."""
    with contextlib.suppress(ProtocolError):
        answer(parse(body), SEEING_BROWSER if b"\r\nm=audio 9 " in body else SEEING)


def main() -> None:
    """Print the figures."""
    for name in (
        "device-tandberg-tc",
        "device-cisco-ce-multistream",
        "baresip-offer-plain",
        "linphone-offer-srtp",
        "chromium-offer-audio",
        "chromium-offer-video-channel",
        "chromium-offer-layers-slides",
    ):
        body = (DATA / f"{name}.sdp").read_bytes()
        local = SEEING if name.startswith("device") else LOOPBACK
        local = SEEING_BROWSER if name.startswith("chromium") else local
        parsing, answering = best_us(partial(parse, body)), best_us(partial(answer, parse(body), local))
        print(f"{name:30} {len(body):5} B  parse {parsing:6.1f} us  answer {answering:6.1f} us")
    accepting = partial(accept, offer(LOOPBACK), read("baresip-answer-srtp-preferred"))
    print(f"offer {best_us(partial(offer, LOOPBACK)):.1f} us, accept {best_us(accepting):.1f} us")
    print(
        "growth: t(n) [us] at n = 100, and t(2n)/t(n) for n = 100, 200, 400; over a limit it falls to nothing"
    )
    for name, body_of in GROWING.items():
        times = [best_us(partial(negotiate, body_of(n)), 20) for n in (100, 200, 400, 800)]
        ratios = " ".join(f"{b / a:.2f}" for a, b in pairwise(times))
        print(f"{name:20} {times[0]:8.1f}  {ratios}")


if __name__ == "__main__":
    main()
