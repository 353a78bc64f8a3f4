"""Keeps: a source is asked for what its tile needs and its path can carry, and told so again until it obeys."""

from __future__ import annotations

from dataclasses import replace

from bridge.media.demand import LEAST, OFF_STAGE, Demand
from bridge.rtp import rtcp, rtcp_feedback
from bridge.sdp.video import VideoLimits
from tests.media.bench_pictures import BROWSER, VIDEO, Camera, VideoLeg

SOUND = 80_000


def shown(height: int, limit: int = 0) -> Demand:
    demand = Demand()
    demand.configure(limit)
    demand.show(height)
    return demand


def test_it_grows_with_the_tile_up_to_what_was_agreed_on() -> None:
    rates = [shown(height).rate for height in (0, 90, 180, 360, 720, 1080)]
    assert rates == [OFF_STAGE, 200_000, 200_000, 600_000, 1_500_000, 3_000_000]
    assert shown(1080, 1_000_000).rate == 1_000_000
    assert shown(0, 30_000).rate == 30_000


def test_it_falls_within_five_seconds_of_loss_and_is_back_within_thirty() -> None:
    demand = shown(720)
    came = lost = 0
    now = 0.0
    for _ in range(5):
        now, came, lost = now + 1.0, came + 91, lost + 9
        demand.look(500, came, lost, now)
    assert demand.rate < 1_100_000
    for _ in range(60):
        now, came, lost = now + 1.0, came + 70, lost + 30
        demand.look(500, came, lost, now)
    assert demand.rate == LEAST
    for _ in range(30):
        now, came = now + 1.0, came + 100
        demand.look(500, came, lost, now)
    assert demand.rate == 1_500_000


def test_a_little_loss_and_few_packets_say_nothing() -> None:
    demand = shown(360)
    for n in range(20):
        demand.look(500, n * 97, n * 3, float(n))
    assert demand.rate == 600_000
    demand.look(501, 900, 400, 30.0)  # another source
    demand.look(501, 905, 410, 31.0)
    assert demand.rate == 600_000


def rembs(leg: VideoLeg) -> list[rtcp_feedback.EstimatedBitrate]:
    return [packet for packet in leg.asked if isinstance(packet, rtcp_feedback.EstimatedBitrate)]


def test_a_browser_is_told_for_the_whole_transport_at_once_and_every_second() -> None:
    leg = VideoLeg()
    leg.agree(BROWSER, replace(BROWSER, mid="2"), feedback_id=3, rtcp_reduced_size=True)
    leg.go(0)
    camera = Camera(mid=b"1")
    leg.film(camera, 3.0)
    told = rembs(leg)
    assert 3 <= len(told) <= 4
    assert told[0].sources == (500,) and told[0].bitrate in range(SOUND + 2 * OFF_STAGE - 2_000, 180_001)
    leg.pictures.show(720, 0, leg.now)
    leg.film(camera, 0.08)
    assert [round(each.bitrate, -4) for each in rembs(leg)] == [1_630_000]


def test_a_peer_that_knows_no_remb_is_told_none() -> None:
    leg = VideoLeg()
    leg.agree(VIDEO)
    leg.go()
    leg.film(Camera(), 2.0)
    assert not rembs(leg)


def test_tmmbr_is_said_again_until_it_is_answered() -> None:
    leg = VideoLeg(alone=True)
    leg.agree(replace(VIDEO, tmmbr=True, receive_limits=VideoLimits(bitrate=500_000)))
    leg.go(720)
    camera = Camera()
    leg.film(camera, 11.0)
    asked = [packet for packet in leg.asked if isinstance(packet, rtcp_feedback.BitrateRequest)]
    assert len(asked) == 3
    ((ssrc, rate),) = asked[0].items
    assert ssrc == 500 and 495_000 <= rate <= 500_000
    notice = rtcp_feedback.BitrateNotice(500, ((500, rate),))
    leg.hear_report(rtcp.serialise(rtcp.ReceiverReport(500)) + rtcp.serialise(notice))
    leg.film(camera, 11.0)
    assert not [packet for packet in leg.asked if isinstance(packet, rtcp_feedback.BitrateRequest)]
    leg.pictures.show(0, 0, leg.now)
    leg.film(camera, 0.2)
    asked = [packet for packet in leg.asked if isinstance(packet, rtcp_feedback.BitrateRequest)]
    assert [round(rate, -3) for each in asked for _, rate in each.items] == [OFF_STAGE]
