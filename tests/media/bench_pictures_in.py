"""What packets of pictures cost that come in: python -m tests.media.bench_pictures_in. Thread CPU time, no sockets.

A camera of 1 Mbit/s sends 25 pictures a second of five packets; the worker's socket is not in it.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from bridge.rtp.link import SdesLink
from bridge.sdp.audio import SrtpKey
from bridge.sdp.video import NegotiatedVideo
from tests.media.bench_pictures import BROWSER, VIDEO, Camera, VideoLeg

PICTURES, ROUNDS = 1_000, 5
GCM = SrtpKey("AEAD_AES_128_GCM", bytes(28)), SrtpKey("AEAD_AES_128_GCM", bytes(range(28)))


def run(name: str, video: NegotiatedVideo, keys: tuple[SrtpKey, SrtpKey] | None, seen: int) -> None:
    """Let a camera run, and print what a packet costs, and a leg's tick."""
    leg = VideoLeg(alone=False)
    sound: dict[str, Any] = {"feedback_id": 3, "rtcp_reduced_size": True} if video is BROWSER else {}
    if keys is not None:
        leg.link = SdesLink(keys[1], keys[0])
        sound |= {"srtp_send": keys[0], "srtp_receive": keys[1]}
    leg.agree(video, **sound)
    leg.go(seen)
    camera = Camera(mid=b"1", number=b"\0\0") if video is BROWSER else Camera()
    best_packet = best_tick = 1e9
    number = packets = 0
    for _ in range(ROUNDS):
        spent = woken = 0.0
        packets = 0
        for n in range(PICTURES):
            key = number == 0
            sent = []
            for packet in camera.picture(key, octets=5_000):
                number += 1
                if camera.told:
                    camera.told["number"] = (number & 0xFFFF).to_bytes(2, "big")
                sent.append(leg.link.wrap_rtp(packet))
            packets += len(sent)
            began = time.thread_time()
            leg.watch(*sent, wrapped=True)
            spent += time.thread_time() - began
            began = time.thread_time()
            for _ in range(2):
                leg.now += 0.02
                if leg.pictures.deadline <= leg.now:
                    leg.pictures.wake(leg.now, 1.7e9 + leg.now)
            woken += time.thread_time() - began
            if not n % 10 and leg.session.deadline <= leg.now:
                leg.session.wake(leg.now, 1.7e9 + leg.now)
            leg.rtp.clear()
        best_packet = min(best_packet, spent / packets)
        best_tick = min(best_tick, woken / PICTURES / 2)
    assert len(leg.units) == (ROUNDS * PICTURES if seen else 0), (len(leg.units), leg.drops)
    print(f"{name:34} a packet {1e6 * best_packet:5.1f}  a leg and tick {1e6 * best_tick:5.1f} us")


def main() -> None:
    """Print the table."""
    for place, seen in (("on stage", 720), ("off stage", 0)):
        run(f"{place}, plain", VIDEO, None, seen)
        run(f"{place}, SDES", replace(VIDEO, srtp_send=GCM[0], srtp_receive=GCM[1]), GCM, seen)
        run(f"{place}, extensions, feedback", BROWSER, GCM, seen)


if __name__ == "__main__":
    main()
