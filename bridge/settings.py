"""Configuration -> the few values that each part needs. Parts never see the configuration itself."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from bridge.admission import Admission
from bridge.codec.libraries import encodes
from bridge.codec.table import AUDIO_CODECS, BY_NAME, VIDEO_BY_NAME, VIDEO_CODECS
from bridge.media.settings import MediaSettings
from bridge.rooms.gallery import Canvas
from bridge.sdp.local import LARGEST_PICTURES, PicturePolicy, SrtpPolicy
from bridge.sip.commands import Credentials, Trunk
from bridge.sip.connection import ConnectionLimits
from bridge.sip.limits import Rate, Rates
from bridge.sip.settings import Advertised, AgentSettings, Endpoint
from bridge.sip.terms import LegTerms
from bridge.sip.uri import host_port, parse_uri
from bridge.video.settings import VideoSettings
from bridge.web.entrance import EntranceLimits
from bridge.web.media import WebTerms
from bridge.web.rules import Neighbourhood
from bridge.web.turn import TurnServers
from config.model import Config, Peer, PeerKind
from config.rules import is_loopback

PROMPTS: Final = Path(__file__).parent / "prompts"


def media_settings(config: Config) -> MediaSettings:
    """What media processes are told."""
    media, rtc = config.media, config.rtc
    return MediaSettings(
        port_first=media.port_low,
        port_last=media.port_high,
        max_legs=config.limits.max_sessions,
        prompt_folders=(*config.bridge.prompt_folders, str(PROMPTS)),
        opus_bitrate=media.opus_bitrate_bps,
        opus_complexity=media.opus_complexity,
        opus_speech_complexity=media.opus_speech_complexity,
        rtc_addresses=tuple(each for each in (rtc.address, rtc.address6) if each),
        rtc_port=rtc.port,
        rtc_tcp=rtc.tcp,
        # Firefox has no candidates on loopback, and pairs none of its others with one there.
        rtc_here=bool(rtc.address) and is_loopback(rtc.address) and not rtc.public_addresses,
    )


def video_settings(config: Config) -> VideoSettings:
    """What video workers are told. The least of each size is as they have it by themselves."""
    video = config.video
    most = {
        1080: video.bitrate_1080_bps,
        720: video.bitrate_720_bps,
        360: video.bitrate_360_bps,
        180: video.bitrate_180_bps,
    }
    return VideoSettings(
        rungs=tuple(replace(each, most=most.get(each.height, each.most)) for each in VideoSettings().rungs),
        letterbox=video.letterbox,
        threads=video.threads,
        x264_preset=video.x264_preset,
        vp8_speed=video.vp8_speed,
        font=video.font,
    )


def canvas(config: Config) -> Canvas:
    """What pictures are drawn on; each conference has its own language."""
    video = config.video
    return Canvas(video.enabled, height=video.height, fps=video.fps)


def agent_settings(config: Config) -> AgentSettings:
    """What the SIP agent is told."""
    sip, web = config.sip, config.web
    listeners = [
        Advertised(
            each.protocol.value, (each.address, each.port), sip.public_address or each.address, each.port
        )
        for each in sip.listeners
    ]
    if web.enabled:
        protocol = "wss" if web_is_secure(config) else "ws"
        host = urlsplit(web.public_url).hostname or sip.public_address or web.address
        listeners.append(Advertised(protocol, (web.address, web.port), host, web.port))
    return AgentSettings(
        listeners=tuple(listeners),
        realm=sip.domains[0] if sip.domains else "samrom",
        endpoints=tuple(each for peer in sip.peers for each in known_endpoints(peer)),
        session_expires_s=sip.session_expires_s,
        min_se_s=sip.min_se_s,
        most_calls=sip.max_calls,
    )


def known_endpoints(peer: Peer) -> list[Endpoint]:
    """A configured peer as the agent knows it: by its addresses, by what it can prove, or either way.

    The password of a trunk is for us to prove ourselves there; a trunk is known by its addresses only.
    """
    known = []
    if peer.addresses:
        known.append(Endpoint(peer.name, "", addresses=frozenset(peer.addresses)))
    if peer.kind is PeerKind.ENDPOINT and peer.user and peer.password:
        password = peer.password.reveal()
        known.append(
            Endpoint(peer.name, peer.user, username=peer.user, password=password, sha256=peer.sha256)
        )
    return known


def leg_terms(config: Config) -> LegTerms:
    """What a leg brings to its negotiation."""
    sip, media, rtc = config.sip, config.media, config.rtc
    shared = range(rtc.port, rtc.port + config.bridge.media_processes)
    local = {each.address for each in sip.listeners} | {media.address}
    return LegTerms(
        address4=next((each for each in (media.address, *sorted(local)) if ":" not in each), ""),
        address6=next((each for each in (media.address, *sorted(local)) if ":" in each), ""),
        said=sip.public_address,
        codecs=tuple(BY_NAME[name.lower()] for name in sip.codecs),
        srtp=SrtpPolicy(sip.srtp.value),
        ptime_ms=sip.ptime_ms,
        latch=False,
        timeout_s=media.rtp_timeout_s,
        held_timeout_s=media.held_timeout_s,
        forbidden=frozenset(
            [
                *((each.address, each.port) for each in sip.listeners),
                *((each, port) for each in (rtc.address, rtc.address6) if each for port in shared),
            ]
        ),
        loopback=any(map(is_loopback, local)),
        ice=_ice_helps(config),
        outside=rtc.public_addresses,
        pictures=picture_policy(config, slides=False),
    )


def picture_policy(config: Config, slides: bool) -> PicturePolicy | None:
    """How legs treat pictures; None = there are none. What we only receive is not for the configuration, and what no
    library at hand encodes is not sent, whatever the configuration says. `slides`: whether they are taken; SIP
    endpoints ask for the floor by BFCP, which the bridge does not speak.

    We ask for no more than what a picture as large as the canvas takes.
    """
    video = config.video
    if not video.enabled:
        return None
    most = {
        1080: video.bitrate_1080_bps,
        720: video.bitrate_720_bps,
        360: video.bitrate_360_bps,
    }
    sent = [codec for name in video.codecs if encodes((codec := VIDEO_BY_NAME[name.lower()]).name)]
    received = (codec for codec in VIDEO_CODECS if not codec.sent)
    return PicturePolicy((*sent, *received), replace(LARGEST_PICTURES, bitrate=most[video.height]), slides)


def _ice_helps(config: Config) -> bool:
    """Whether SIP peers can reach the port for ICE: not where only browsers on this machine can.

    "All addresses" tell a peer nothing.
    """
    rtc = config.rtc
    told = (*rtc.public_addresses, *filter(None, (rtc.address, rtc.address6)))
    within = is_loopback(config.media.address)
    return any((within or not is_loopback(each)) and not ip_address(each).is_unspecified for each in told)


def transport_rates(config: Config) -> Rates:
    """How many messages are read, from whom."""
    sip = config.sip
    return Rates(
        source=Rate(sip.rate_source_per_s, sip.rate_source_burst),
        prefix=Rate(sip.rate_prefix_per_s, sip.rate_prefix_burst),
        total=Rate(sip.rate_total_per_s, sip.rate_total_burst),
    )


def connection_limits(config: Config) -> ConnectionLimits:
    """How many connections there may be."""
    return ConnectionLimits(per_source=config.sip.connections_per_source, in_all=config.sip.connections)


def entrance_limits(config: Config) -> EntranceLimits:
    """How many connections of browsers there may be."""
    web = config.web
    return EntranceLimits(
        in_all=web.connections,
        per_source=web.connections_per_source,
        slow_per_source=web.slow_per_source,
        proxies=frozenset(web.proxies),
    )


def neighbourhood(config: Config) -> Neighbourhood:
    """What counts as ours in requests of browsers."""
    return Neighbourhood(config.web.public_url, frozenset(each.lower() for each in config.web.origins))


def web_terms(config: Config) -> WebTerms:
    """What a leg of a browser brings to its negotiation. All codecs: which one is best is not SIP's business."""
    rtc, media = config.rtc, config.media
    addresses = [each for each in (rtc.address, rtc.address6) if each]
    return WebTerms(
        address=addresses[0],
        codecs=AUDIO_CODECS,
        public=rtc.public_addresses,
        timeout_s=media.rtp_timeout_s,
        loopback=any(map(is_loopback, addresses)),
        forbidden=leg_terms(config).forbidden,
        pictures=picture_policy(config, slides=True),
    )


def turn_servers(config: Config) -> TurnServers:
    """The TURN servers that clients are told of."""
    return TurnServers(config.turn.uris, config.turn.secret, config.turn.lifetime_s)


def sip_host(config: Config) -> str:
    """What stands after the "@" in the SIP address of a room: our domain, or where the first listener is reached."""
    sip = config.sip
    if sip.domains:
        return sip.domains[0]
    first = sip.listeners[0]
    return host_port(sip.public_address or first.address, None if first.port == 5060 else first.port)


def web_is_secure(config: Config) -> bool:
    """Whether the web goes over TLS: with a certificate always, without one beyond loopback."""
    return bool(config.web.certificate) or not is_loopback(config.web.address)


def own_names(config: Config) -> list[str]:
    """Addresses and names that a certificate of our own making is for."""
    sip, web = config.sip, config.web
    names = [
        *(each.address for each in sip.listeners),
        *sip.domains,
        sip.public_address,
        web.address,
        *config.rtc.public_addresses,
    ]
    return [name for name in (*names, urlsplit(web.public_url).hostname) if name]


def web_url(config: Config) -> str:
    """Where people find the pages, without a slash at the end."""
    web = config.web
    if web.public_url:
        return web.public_url.rstrip("/")
    scheme, usual = ("https", 443) if web_is_secure(config) else ("http", 80)
    return f"{scheme}://{host_port(web.address, None if web.port == usual else web.port)}"


def admission(config: Config) -> Admission:
    """The marks above which new calls are refused."""
    limits = config.limits
    return Admission(limits.max_sessions, limits.tick_late_ms, limits.loop_lag_ms)


def trunks(config: Config) -> list[Trunk]:
    """The trunks that we register with. Raises ProtocolError for a server that is no SIP URI."""
    found = []
    for peer in config.sip.peers:
        if not peer.register:
            continue
        address = f"sip:{peer.user}@{host_port(parse_uri(peer.server).host, None)}"
        credentials = Credentials(peer.realm, peer.user, peer.password.reveal())
        found.append(Trunk(peer.name, peer.server, address, credentials, expires_s=peer.expires_s))
    return found
