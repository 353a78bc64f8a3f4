"""Keeps: pictures on ports of their own have addresses, keys and a handshake of their own; what becomes of these is no
matter of the sound."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.media import contract
from bridge.rtc.dtls import Handshake
from bridge.rtp import rtcp, rtcp_feedback
from bridge.rtp.batch import Batch
from bridge.rtp.link import SdesLink
from bridge.sdp.audio import SrtpKey
from bridge.sdp.transport import DtlsRole, NegotiatedDtls, NegotiatedTransport
from bridge.sdp.video import Content
from bridge.video.contract import CloseSink, EncodedPicture, SourceGone
from tests.media.bench_leg import IDENTITY
from tests.media.bench_pictures import VIDEO, VIDEO_PEER, Camera, VideoLeg
from tests.rtc.ends import THEIRS

STRANGER = ("192.0.2.8", 4002)
OURS, PEERS = (
    SrtpKey("AES_CM_128_HMAC_SHA1_80", bytes(30)),
    SrtpKey("AES_CM_128_HMAC_SHA1_80", bytes(range(30))),
)


def test_only_the_described_address_is_taken() -> None:
    leg = VideoLeg(alone=True)
    leg.agree()
    leg.go()
    assert leg.alone is not None
    leg.alone.take_rtp(Camera().picture(key=True)[0], STRANGER, leg.now)
    assert leg.drops == {"rtp-address": 1}
    leg.film(Camera(), 0.4)
    assert len(leg.units) == 10


def test_pictures_have_keys_of_their_own() -> None:
    leg = VideoLeg(alone=True)
    leg.agree(replace(VIDEO, srtp_send=OURS, srtp_receive=PEERS), srtp_send=PEERS, srtp_receive=OURS)
    leg.go()
    leg.link, leg.video_link = SdesLink(OURS, PEERS), SdesLink(PEERS, OURS)
    camera = Camera()
    for n in range(10):
        leg.watch(*camera.picture(key=n == 0))
        leg.pass_time(0.04, talking=True)
    assert len(leg.units) == 10 and leg.session.received.packets == 20
    leg.watch(*(leg.link.wrap_rtp(packet) for packet in camera.picture()), wrapped=True)
    assert leg.drops["srtp-auth"] == 2
    assert all(leg.video_link.unwrap_rtcp(datagram) for datagram in leg.video_rtcp) and leg.video_rtcp


@pytest.mark.parametrize("role", list(DtlsRole))
def test_pictures_have_a_handshake_of_their_own(role: DtlsRole) -> None:
    leg = VideoLeg(alone=True)
    other = DtlsRole.CLIENT if role is DtlsRole.SERVER else DtlsRole.SERVER
    leg.agree(video_transport=NegotiatedTransport(dtls=NegotiatedDtls(role, (THEIRS.fingerprint,))))
    leg.go()
    peer = Handshake(THEIRS, NegotiatedDtls(other, (IDENTITY.fingerprint,)), leg.now)
    leg.watch(*peer.start(leg.now), wrapped=True)
    for _ in range(8):
        sent, leg.video_rtp[:] = list(leg.video_rtp), []
        for record in sent:
            leg.watch(*peer.handle(record, leg.now), wrapped=True)
        leg.pass_time(0.1, talking=True)
    assert peer.keys is not None
    leg.video_link = SdesLink(*peer.keys)
    leg.film(Camera(), 0.4)
    assert len(leg.units) == 10
    assert not leg.told(contract.Connected)  # a leg lives by its sound


def test_a_handshake_that_fails_costs_the_pictures_only() -> None:
    leg = VideoLeg(alone=True)
    leg.agree(
        video_transport=NegotiatedTransport(dtls=NegotiatedDtls(DtlsRole.CLIENT, (THEIRS.fingerprint,)))
    )
    leg.go()
    leg.pass_time(40.0, talking=True)
    assert not leg.told(contract.TransportFailed)
    assert leg.session.received.packets == 2000


def test_pictures_are_a_sign_of_life() -> None:
    leg = VideoLeg(alone=True)
    leg.agree()
    leg.film(Camera(), 20.0)
    assert not leg.told(contract.MediaLost)
    assert leg.told(contract.MediaStarted) == [contract.MediaStarted("a")]
    leg.pass_time(6.0)
    assert leg.told(contract.MediaLost)


def test_reports_go_where_pictures_go_and_end_with_goodbye() -> None:
    leg = VideoLeg(alone=True)
    leg.agree(
        replace(VIDEO, rtcp_mux=False, remote=VIDEO_PEER, remote_rtcp=(VIDEO_PEER[0], VIDEO_PEER[1] + 1))
    )
    leg.go()
    camera = Camera()
    sender = next(iter(leg.pictures.streams.values())).sender
    batch = Batch()
    for n in range(50):
        leg.watch(*camera.picture(key=n == 0))
        sender.offer(EncodedPicture(("a",), n == 0, leg.now, (bytes(500),)), leg.now)
        sender.send(leg.now, batch)
        leg.pass_time(0.04)
    assert len(leg.video_rtp) == 50 and not [1 for datagram in leg.video_rtp if 192 <= datagram[1] <= 223]
    reports = [packet for packet in leg.asked if isinstance(packet, rtcp.SenderReport)]
    assert len(reports) >= 1
    assert reports[0].ssrc == sender.stream.ssrc and reports[0].blocks[0].ssrc == 500
    leg.pictures.close(leg.now, 1.7e9)
    packets = leg.asked
    assert packets[-1] == rtcp.Bye((sender.stream.ssrc,))
    names = [packet.chunks[0][1][0][1] for packet in packets if isinstance(packet, rtcp.SourceDescription)]
    assert names == [leg.session.cname]  # that of the sound, so that peers keep the two together


@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize(
    "where", ["video_session.VideoSession.take", "track.Track.skip", "tracks.Tracks.begin"]
)
def test_a_fault_of_ours_costs_the_pictures_and_not_the_sound(
    where: str, alone: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    leg = VideoLeg(alone)
    leg.agree()
    leg.go()
    camera = Camera()
    leg.film(camera, 0.4)

    def fail(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(f"bridge.media.{where}", fail)
    if "begin" in where:
        camera = Camera(501)
    elif "skip" in where:
        leg.pictures.show(0, 0, leg.now)
    leg.film(camera, 0.4)
    leg.pass_time(1.0, talking=True)
    assert [str(fault) for fault in leg.faults] == ["a fault of ours"]
    assert leg.told(contract.Seen)[-1] == contract.Seen("a", Content.MAIN, False)
    assert leg.worker[-2:] == [CloseSink("a"), SourceGone("a")]
    assert len(leg.units) == 10 and leg.session.received.packets == 50
    monkeypatch.undo()
    leg.agree()
    leg.pictures.show(360, 0, leg.now)
    leg.film(camera, 0.4)
    assert len(leg.units) == 20


def test_numbers_on_ports_of_their_own_are_told_there() -> None:
    leg = VideoLeg(alone=True)
    leg.agree(replace(VIDEO, transport_cc=True, feedback_id=3))
    leg.go()
    camera = Camera(number=b"\0\0")
    for number in range(100):
        camera.told["number"] = number.to_bytes(2, "big")
        leg.watch(camera.packet(b"\x90\x80\x11\0\0"))
        leg.pass_time(0.02)
    told = [packet for packet in leg.asked if isinstance(packet, rtcp_feedback.TransportWide)]
    assert 20 <= len(told) <= 40  # every 50 to 100 ms
    assert sum(len(each.received) for each in told) > 90
