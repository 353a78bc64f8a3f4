"""What the configuration says reaches the part that it is meant for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge import settings
from bridge.errors import ProtocolError
from bridge.sdp.local import SrtpPolicy
from bridge.video.settings import VideoSettings
from config import model
from config.model import (
    BridgeConfig,
    Config,
    LimitsConfig,
    Listener,
    MediaConfig,
    Peer,
    PeerKind,
    Protocol,
    RtcConfig,
    SipConfig,
    TurnConfig,
    WebConfig,
)
from config.secret import Secret

PHONE = Peer("phone", PeerKind.ENDPOINT, user="kari", password=Secret("hunter22"), trusted=True)
TRUNK = Peer(
    "trunk", PeerKind.TRUNK, ("198.51.100.0/24",), user="samrom", password=Secret("hunter22"), realm="provider",
    register=True, server="sip:[2001:db8::1]:5070;transport=tcp", expires_s=600,
)  # fmt: skip


def test_media_is_told_all_that_is_configured() -> None:
    media = MediaConfig(
        port_low=4000, port_high=4999, opus_bitrate_bps=24_000, opus_complexity=1, opus_speech_complexity=7
    )
    told = settings.media_settings(
        Config(media=media, limits=LimitsConfig(max_sessions=9), bridge=BridgeConfig(prompt_folders=("own",)))
    )
    assert (told.port_first, told.port_last, told.max_legs) == (4000, 4999, 9)
    assert (told.opus_bitrate, told.opus_complexity, told.opus_speech_complexity) == (24_000, 1, 7)
    assert told.prompt_folders[0] == "own" and told.prompt_folders[-1].endswith("bridge/prompts")


def test_this_machine_has_a_way_of_its_own_where_only_loopback_is_listened_to() -> None:
    for rtc, here in (
        (RtcConfig(), True),
        (RtcConfig(public_addresses=("192.0.2.1",)), False),
        (RtcConfig(address="192.0.2.1"), False),
        (RtcConfig(address="", address6="::1"), False),
    ):
        assert settings.media_settings(Config(rtc=rtc)).rtc_here is here


def test_a_phone_is_known_by_its_proof_and_a_trunk_by_its_addresses() -> None:
    (phone,) = settings.known_endpoints(PHONE)
    assert (phone.name, phone.user, phone.username, phone.password) == ("phone", "kari", "kari", "hunter22")
    (trunk,) = settings.known_endpoints(TRUNK)
    assert (trunk.user, trunk.addresses, trunk.password) == ("", frozenset(TRUNK.addresses), "")
    assert "hunter22" not in repr(phone)


def test_only_trunks_that_want_it_are_registered_with() -> None:
    (trunk,) = settings.trunks(Config(sip=SipConfig(peers=(PHONE, TRUNK))))
    assert (trunk.name, trunk.registrar, trunk.expires_s) == ("trunk", TRUNK.server, 600)
    assert trunk.address == "sip:samrom@[2001:db8::1]"
    assert trunk.hop is None, "the server says where and how"
    assert "hunter22" not in repr(trunk)


def test_a_server_that_is_no_uri_stops_the_start() -> None:
    broken = Peer("t", PeerKind.TRUNK, user="x", password=Secret("y"), register=True, server="sip:")
    with pytest.raises(ProtocolError):
        settings.trunks(Config(sip=SipConfig(peers=(broken,))))


def test_a_leg_never_sends_sound_to_our_own_listeners() -> None:
    sip = SipConfig(listeners=(Listener(Protocol.UDP), Listener(Protocol.TCP, "::1", 5070)))
    terms = settings.leg_terms(Config(sip=sip))
    assert terms.forbidden == {("127.0.0.1", 5060), ("::1", 5070), ("127.0.0.1", 10_000)}
    assert (terms.address4, terms.address6, terms.loopback) == ("127.0.0.1", "::1", True)


def test_beyond_loopback_nobody_is_reached_on_it() -> None:
    sip = SipConfig(
        listeners=(Listener(Protocol.UDP, "192.0.2.1"),),
        public_address="198.51.100.1",
        srtp=model.SrtpPolicy.REQUIRED,
    )
    terms = settings.leg_terms(Config(sip=sip, media=MediaConfig(address="192.0.2.1")))
    assert not terms.loopback
    assert (terms.address4, terms.address6, terms.said) == ("192.0.2.1", "", "198.51.100.1")
    assert terms.srtp is SrtpPolicy.REQUIRED
    advertised, socket = settings.agent_settings(Config(sip=sip)).listeners
    assert (advertised.local, advertised.host) == (("192.0.2.1", 5060), "198.51.100.1")
    assert (socket.protocol, socket.local, socket.host) == ("ws", ("127.0.0.1", 8080), "198.51.100.1")


@pytest.mark.parametrize(
    ("rtc", "media", "ice"),
    [
        (RtcConfig(), "127.0.0.1", True),
        (RtcConfig(), "192.0.2.1", False),
        (RtcConfig(address="192.0.2.1"), "192.0.2.1", True),
        (RtcConfig(public_addresses=("198.51.100.1",)), "192.0.2.1", True),
        (RtcConfig(address="", address6="2001:db8::1"), "192.0.2.1", True),
        (RtcConfig(address="0.0.0.0"), "192.0.2.1", False),
        (RtcConfig(address="0.0.0.0", public_addresses=("198.51.100.1",)), "192.0.2.1", True),
        (RtcConfig(address=""), "127.0.0.1", False),
    ],
)
def test_ice_is_for_those_who_can_reach_its_port(rtc: RtcConfig, media: str, ice: bool) -> None:
    terms = settings.leg_terms(Config(rtc=rtc, media=MediaConfig(address=media)))
    assert (terms.ice, terms.outside) == (ice, rtc.public_addresses)


@pytest.mark.parametrize(
    ("web", "url"),
    [
        (WebConfig(), "http://127.0.0.1:8080"),
        (WebConfig(address="::1", port=80), "http://[::1]"),
        (WebConfig(certificate="c", key="k", port=443), "https://127.0.0.1"),
        (WebConfig(address="192.0.2.1"), "https://192.0.2.1:8080"),
        (WebConfig(public_url="https://meet.example.org/"), "https://meet.example.org"),
    ],
)
def test_where_people_find_the_pages(web: WebConfig, url: str) -> None:
    config = Config(web=web)
    assert settings.web_url(config) == url
    secure = "wss" if url.startswith("https:") and not web.public_url else "ws"
    assert [each.protocol for each in settings.agent_settings(config).listeners][-1] == secure
    without = Config(web=replace(web, enabled=False))
    assert all(each.protocol != secure for each in settings.agent_settings(without).listeners)


def test_what_counts_as_ours() -> None:
    web = WebConfig(
        public_url="https://Meet.example.org", origins=("https://Portal.example.org",), proxies=("::1",)
    )
    ours = settings.neighbourhood(Config(web=web))
    assert ours.public_host == "meet.example.org" and ours.origins == {"https://portal.example.org"}
    assert settings.entrance_limits(Config(web=web)).proxies == {"::1"}
    sip = SipConfig(domains=("example.org",), public_address="198.51.100.1")
    names = settings.own_names(Config(sip=sip, web=web))
    assert {"example.org", "198.51.100.1", "meet.example.org", "127.0.0.1"} == set(names)


def test_limits_are_passed_on() -> None:
    config = Config(
        sip=SipConfig(rate_total_per_s=7, connections=3, connections_per_source=2, max_calls=5),
        limits=LimitsConfig(max_sessions=9, tick_late_ms=8.0, loop_lag_ms=7.0),
    )
    assert settings.transport_rates(config).total.per_s == 7
    assert settings.connection_limits(config).in_all == 3
    assert settings.agent_settings(config).most_calls == 5
    admission = settings.admission(config)
    assert (admission.max_calls, admission.tick_late_ms, admission.loop_lag_ms) == (9, 8.0, 7.0)


def test_what_browsers_are_told() -> None:
    rtc = RtcConfig("", "2001:db8::1", port=4000, public_addresses=("2001:db8::2",))
    turn = TurnConfig(("turn:t.example",), Secret("shared with the server"), lifetime_s=600.0)
    config = Config(rtc=rtc, turn=turn, bridge=BridgeConfig(media_processes=2))
    terms = settings.web_terms(config)
    assert (terms.address, terms.public, terms.loopback) == ("2001:db8::1", ("2001:db8::2",), False)
    assert {("2001:db8::1", 4000), ("2001:db8::1", 4001)} < terms.forbidden
    assert terms.codecs[0].name == "opus"
    made = settings.turn_servers(config).credentials("a", 0.0)
    assert made is not None and made.user == "600:a"


@pytest.mark.parametrize(
    ("sip", "host"),
    [
        (SipConfig(), "127.0.0.1"),
        (SipConfig(domains=("example.org",)), "example.org"),
        (SipConfig(public_address="2001:db8::1"), "[2001:db8::1]"),
        (SipConfig(listeners=(Listener(Protocol.UDP, port=5070),)), "127.0.0.1:5070"),
    ],
)
def test_where_rooms_are_called_by_sip(sip: SipConfig, host: str) -> None:
    assert settings.sip_host(Config(sip=sip)) == host


def test_video_workers_are_told_all_that_is_configured() -> None:
    video = model.VideoConfig(
        bitrate_720_bps=900_000, letterbox=False, font="/f.ttf", threads=1, x264_preset="fast", vp8_speed=4
    )
    told = settings.video_settings(Config(video=video))
    assert {rung.height: rung.most for rung in told.rungs} == {
        1080: 3_000_000,
        720: 900_000,
        360: 500_000,
        180: 150_000,
        90: 64_000,
    }
    assert (told.letterbox, told.font, told.threads, told.x264_preset, told.vp8_speed) == (
        False,
        "/f.ttf",
        1,
        "fast",
        4,
    )
    assert settings.video_settings(Config()) == VideoSettings()


def test_what_legs_are_told_of_pictures() -> None:
    sip, web = settings.leg_terms(Config()).pictures, settings.web_terms(Config()).pictures
    assert sip is not None
    assert web is not None
    assert [codec.name for codec in sip.codecs] == ["H264", "VP8", "VP9", "AV1"]
    assert (sip.slides, web.slides) == (False, True)
    assert (sip.limits.max_width, sip.limits.bitrate) == (1920, 1_500_000)
    vp8 = Config(video=model.VideoConfig(codecs=("VP8",), height=360))
    small = settings.leg_terms(vp8).pictures
    assert small is not None
    assert [codec.name for codec in small.codecs] == ["VP8", "VP9", "AV1"]
    assert small.limits.bitrate == 500_000
    none = Config(video=model.VideoConfig(enabled=False))
    assert (settings.leg_terms(none).pictures, settings.web_terms(none).pictures) == (None, None)


def test_a_codec_that_no_library_encodes_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "encodes", lambda codec: codec == "VP8")
    policy = settings.picture_policy(Config(), slides=False)
    assert policy is not None
    assert [codec.name for codec in policy.codecs if codec.sent] == ["VP8"]
