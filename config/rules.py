"""What concerns several values of a configuration at once: rooms, PINs, addresses, peers, and what may be exposed."""

from __future__ import annotations

from collections.abc import Container, Iterator
from ipaddress import ip_address, ip_network
from typing import Final

from config.model import Config, Listener, Peer, PeerKind, Protocol, Room, RoomKind
from config.pin import PinForm, collide, form

CODECS: Final = ("opus", "G722", "PCMA", "PCMU")
VIDEO_CODECS: Final = ("H264", "VP8")
HEIGHTS: Final = (360, 720, 1080)
RATES_FPS: Final = (25, 30)
PRESETS: Final = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium")
LAYOUTS: Final = ("1:0", "1:7", "1:21", "2:21", "1:33", "4:0", "9:0", "16:0", "25:0")
PTIMES_MS: Final = (10, 20, 30, 40, 60)
FEWEST_PASSWORD_CHARACTERS: Final = 8
FEWEST_SECRET_CHARACTERS: Final = 16
WELL_KNOWN: Final = frozenset(
    ("password", "changeme", "12345678", "123456789", "secret12", "samrom", "default")
)

_HOST: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_")
_TELEPHONE: Final = frozenset("+0123456789*#")
_SEPARATORS: Final = frozenset("-.()")

Broken = Iterator[tuple[str, str]]
"""(path of the key, what is wrong with it)"""


def broken_rules(config: Config, given: Container[str]) -> Broken:
    """Everything that is wrong although each value is fine by itself. `given`: the paths that the file sets."""
    yield from _sip(config)
    yield from _media(config)
    yield from _video(config)
    yield from _web(config)
    yield from _turn(config)
    yield from _ports(config)
    for at, peer in enumerate(config.sip.peers):
        yield from _peer(peer, f"sip.peers[{at}]")
    for at, room in enumerate(config.rooms):
        yield from _room(room, f"rooms[{at}]", given)
    yield from _names(config)
    yield from exposure(config)


def exposure(config: Config) -> Broken:
    """What must not be seen beyond loopback: readable PINs, default or empty secrets, a port without a password."""
    if not is_loopback(config.management.address):
        yield "management.address", "asks for no password, so it must stay on loopback"
    if config.turn.uris and len(config.turn.secret.reveal()) < FEWEST_SECRET_CHARACTERS:
        yield "turn.secret", f"must have at least {FEWEST_SECRET_CHARACTERS} characters"
    if not _is_exposed(config):
        return
    for at, room in enumerate(config.rooms):
        for name in ("host_pin", "guest_pin"):
            if form(getattr(room, name)) is PinForm.DIGITS:
                yield (
                    f"rooms[{at}].{name}",
                    'a readable PIN is for loopback only; give a hash, or "generated"',
                )
    for at, peer in enumerate(config.sip.peers):
        if peer.user and _weak(peer):
            yield f"sip.peers[{at}].password", "a default, empty or short password is for loopback only"
    for at, listener in enumerate(config.sip.listeners):
        if (
            listener.protocol is Protocol.TLS
            and not config.sip.certificate
            and not is_loopback(listener.address)
        ):
            yield f"sip.listeners[{at}]", "TLS beyond loopback needs sip.certificate and sip.key"


def _is_exposed(config: Config) -> bool:
    """Whether anybody beyond this machine can knock."""
    addresses = [listener.address for listener in config.sip.listeners]
    if config.web.enabled:
        addresses += filter(None, (config.web.address, config.rtc.address, config.rtc.address6))
        # A public address stands for a way in from elsewhere, wherever the web itself listens: behind a proxy.
        if config.web.public_url and not _is_local_url(config.web.public_url):
            return True
    return not all(is_loopback(address) for address in addresses)


def is_loopback(address: str) -> bool:
    """Whether an address can be reached from this machine only. What is no address is taken to be reachable."""
    return _is_address(address) and ip_address(address).is_loopback


def _weak(peer: Peer) -> bool:
    password = peer.password.reveal()
    if not password and peer.addresses and not peer.register:
        return False  # known by its address alone
    known = {peer.user.lower(), peer.name.lower(), *WELL_KNOWN}
    return len(password) < FEWEST_PASSWORD_CHARACTERS or password.lower() in known


def _sip(config: Config) -> Broken:
    sip = config.sip
    seen: dict[tuple[bool, str, int], int] = {}
    for at, listener in enumerate(sip.listeners):
        where = f"sip.listeners[{at}]"
        if not _is_address(listener.address):
            yield f"{where}.address", "must be an IP address"
        if seen.setdefault(_socket(listener), at) != at:
            yield f"{where}.port", f"taken by sip.listeners[{seen[_socket(listener)]}]"
    if not sip.listeners:
        yield "sip.listeners", "there must be one"
    if sip.public_address and not _is_address(sip.public_address):
        yield "sip.public_address", "must be an IP address"
    if bool(sip.certificate) is not bool(sip.key):
        yield ("sip.certificate" if sip.certificate else "sip.key"), "certificate and key come together"
    if sip.min_se_s > sip.session_expires_s:
        yield "sip.min_se_s", "must not be more than sip.session_expires_s"
    if sip.ptime_ms not in PTIMES_MS:
        yield "sip.ptime_ms", f"must be one of {', '.join(map(str, PTIMES_MS))}"
    for at, codec in enumerate(sip.codecs):
        if codec not in CODECS or codec in sip.codecs[:at]:
            yield f"sip.codecs[{at}]", f"must be one of {', '.join(CODECS)}, each once"
    if not sip.codecs:
        yield "sip.codecs", "there must be one"


def _socket(listener: Listener) -> tuple[bool, str, int]:
    return listener.protocol is Protocol.UDP, listener.address, listener.port


def _media(config: Config) -> Broken:
    media = config.media
    for where, address in (
        ("media.address", media.address),
        ("management.address", config.management.address),
    ):
        if not _is_address(address):
            yield where, "must be an IP address"
    if media.port_high < media.port_low + 3:
        yield "media.port_high", "must leave room for two calls above media.port_low"
    if not config.limits.pin_delays_s:
        yield "limits.pin_delays_s", "there must be one"
    for at, pattern in enumerate(config.dial_out.allow):
        user, _, host = pattern.partition("@")
        if not user or not host or "@" in host or "*" in host:
            yield f"dial_out.allow[{at}]", 'must be "user@host"; * stands for any characters of the user'


def _video(config: Config) -> Broken:
    video = config.video
    for name, value, choices in (
        ("height", video.height, HEIGHTS),
        ("fps", video.fps, RATES_FPS),
        ("x264_preset", video.x264_preset, PRESETS),
    ):
        if value not in choices:
            yield f"video.{name}", f"must be one of {', '.join(map(str, choices))}"
    for at, codec in enumerate(video.codecs):
        if codec not in VIDEO_CODECS or codec in video.codecs[:at]:
            yield f"video.codecs[{at}]", f"must be one of {', '.join(VIDEO_CODECS)}, each once"
    if not video.codecs:
        yield "video.codecs", "there must be one; video.enabled = false turns pictures off"


def _web(config: Config) -> Broken:
    web, rtc = config.web, config.rtc
    if not _is_address(web.address):
        yield "web.address", "must be an IP address"
    if bool(web.certificate) is not bool(web.key):
        yield ("web.certificate" if web.certificate else "web.key"), "certificate and key come together"
    if web.public_url and not _is_site(web.public_url.rstrip("/")):
        yield "web.public_url", 'must be like "https://meet.example.org"'
    if web.enabled and _is_everywhere(web.address) and not web.public_url:
        yield "web.address", "is all addresses: web.public_url must say which one invitations name"
    for at, origin in enumerate(web.origins):
        if not _is_site(origin):
            yield f"web.origins[{at}]", 'must be like "https://portal.example.org", without a path'
    for at, proxy in enumerate(web.proxies):
        if not _is_address(proxy):
            yield f"web.proxies[{at}]", "must be an IP address"
    if web.slow_per_source > web.connections_per_source:
        yield "web.slow_per_source", "must not be more than web.connections_per_source"
    for where, address, six in (("rtc.address", rtc.address, False), ("rtc.address6", rtc.address6, True)):
        if address and (not _is_address(address) or (":" in address) is not six):
            yield where, f"must be an IPv{'6' if six else '4'} address"
    if config.web.enabled and not (rtc.address or rtc.address6):
        yield "rtc.address", "there must be one, or rtc.address6, while web.enabled"
    for at, address in enumerate(rtc.public_addresses):
        if not _is_address(address):
            yield f"rtc.public_addresses[{at}]", "must be an IP address"
    for where, address in (("rtc.address", rtc.address), ("rtc.address6", rtc.address6)):
        if _is_everywhere(address) and not any(
            (":" in each) == (":" in address) for each in rtc.public_addresses
        ):
            yield where, "is all addresses: rtc.public_addresses must say which one browsers are told"
    if rtc.port + config.bridge.media_processes - 1 > 65_535:
        yield "rtc.port", "must leave room for a port of each of bridge.media_processes"


def _turn(config: Config) -> Broken:
    for at, uri in enumerate(config.turn.uris):
        if not _is_turn(uri):
            yield f"turn.uris[{at}]", 'must be like "turn:turn.example.org:3478?transport=udp"'
    if config.turn.secret and not config.turn.uris:
        yield "turn.secret", "is of no use without turn.uris"


def _ports(config: Config) -> Broken:
    """Ports that two parts want on one address. SIP's own listeners are compared where they stand."""
    rtc = config.rtc
    taken: dict[tuple[bool, str, int], str] = {
        _socket(listener): f"sip.listeners[{at}]" for at, listener in enumerate(config.sip.listeners)
    }
    wanted = [(False, config.management.address, config.management.port, "management.port")]
    if config.web.enabled:
        wanted.append((False, config.web.address, config.web.port, "web.port"))
    for process in range(config.bridge.media_processes):
        for address in filter(None, (rtc.address, rtc.address6)):
            wanted.append((True, address, rtc.port + process, "rtc.port"))
            if rtc.tcp:
                wanted.append((False, address, rtc.port + process, "rtc.port"))
    told: set[str] = set()
    for datagrams, address, port, where in wanted:
        other = taken.setdefault((datagrams, address, port), where)
        if other != where and where not in told:
            told.add(where)
            yield where, f"{port} is taken by {other}"
    low, high = config.media.port_low, config.media.port_high
    if low <= rtc.port + config.bridge.media_processes - 1 and rtc.port <= high:
        yield "rtc.port", "lies among the ports of [media]"


def _peer(peer: Peer, where: str) -> Broken:
    for at, prefix in enumerate(peer.addresses):
        try:
            ip_network(prefix)
        except ValueError:
            yield f"{where}.addresses[{at}]", "must be an IP address or a prefix such as 192.0.2.0/24"
    if peer.server and not _is_server(peer.server):
        yield (
            f"{where}.server",
            'must be a SIP URI without user: "sip:host", "sips:host:5071", "sip:host;transport=tcp"',
        )
    if peer.server and peer.password and not peer.realm:
        # Whoever is called through the trunk may ask for the password in a name of his own (reliability: A-11).
        yield (
            f"{where}.realm",
            "is missing: the only one that is shown the password, as the provider names it",
        )
    if peer.register and not (peer.server and peer.user and peer.password):
        yield f"{where}.register", "needs server, user and a password"
    if not peer.addresses and not (peer.user and peer.password):
        yield where, "cannot be told from a stranger: give addresses, or user and a password"
    if peer.kind is PeerKind.ENDPOINT and (peer.register or peer.server):
        yield f"{where}.{'register' if peer.register else 'server'}", "is for trunks only"


def _room(room: Room, where: str, given: Container[str]) -> Broken:
    if not (room.number.isascii() and room.number.isdigit() and len(room.number) <= 20):
        yield f"{where}.number", "must be 1 to 20 digits"
    for key, aliases in (("aliases", room.aliases), ("interpreter_aliases", room.interpreter_aliases)):
        for at, name in enumerate(aliases):
            if not _is_alias(name):
                yield f"{where}.{key}[{at}]", 'must be "number" or "user@domain"'
            elif (user := name.partition("@")[0]) != (reached := _as_dialled(user)):
                yield f"{where}.{key}[{at}]", f'can never be dialled: write "{reached}" for "{user}"'
    for at, name in enumerate(room.interpreters):
        if not _is_alias(name) or "@" not in name:
            yield f"{where}.interpreters[{at}]", 'must be "user@domain"'
    for key, layout in (("layout", room.layout), ("guest_layout", room.guest_layout)):
        if layout not in LAYOUTS and (layout or key == "layout"):
            yield f"{where}.{key}", f"must be one of {', '.join(LAYOUTS)}"
    for key, pin in (("host_pin", room.host_pin), ("guest_pin", room.guest_pin)):
        if form(pin) is PinForm.BROKEN:
            yield f"{where}.{key}", 'must be an argon2id hash, or "generated", or 4 to 20 digits'
    yield from _matrix(room, where, given)
    if form(room.host_pin) is form(room.guest_pin) is PinForm.DIGITS and collide(
        room.host_pin, room.guest_pin
    ):
        yield f"{where}.guest_pin", "must not begin like the host PIN, nor the host PIN like it"
    elif form(room.guest_pin) is PinForm.HASH and room.guest_pin == room.host_pin:
        yield f"{where}.guest_pin", "is the host PIN"


def _matrix(room: Room, where: str, given: Container[str]) -> Broken:
    """The kinds of rooms and what goes with them (behaviours.md C1); everything else is refused."""
    kind = room.kind.value
    if room.kind is RoomKind.OPEN:
        for key in ("host_pin", "guest_pin", "allow_guests", "mute_guests"):
            if f"{where}.{key}" in given:
                yield f"{where}.{key}", f"a room of kind {kind} has no PIN and no guests"
    elif not room.host_pin:
        yield where, f"host_pin is missing: a room of kind {kind} needs one"
    if room.kind is RoomKind.HOST_PIN and room.guest_pin:
        yield f"{where}.guest_pin", f'a room of kind {kind} has none; is it "host-guest-pin"?'
    if room.kind is RoomKind.HOST_GUEST_PIN and not room.guest_pin:
        yield where, f"guest_pin is missing: a room of kind {kind} needs one"
    if room.kind in (RoomKind.HOST_GUEST_PIN, RoomKind.AUTO_LOCK) and not room.allow_guests:
        yield f"{where}.allow_guests", f"a room of kind {kind} is for guests"
    if room.kind is RoomKind.HOST_PIN and not room.allow_guests and room.mute_guests:
        yield f"{where}.mute_guests", "there are no guests"
    if room.kind is not RoomKind.AUTO_LOCK and f"{where}.auto_lock_again" in given:
        yield f"{where}.auto_lock_again", "is for rooms of kind auto-lock only"


def _names(config: Config) -> Broken:
    """Numbers and aliases, and names of peers, that stand twice."""
    taken: dict[str, str] = {}
    for at, room in enumerate(config.rooms):
        places = [(room.number, f"rooms[{at}].number")]
        for key, aliases in (("aliases", room.aliases), ("interpreter_aliases", room.interpreter_aliases)):
            places += [(name, f"rooms[{at}].{key}[{index}]") for index, name in enumerate(aliases)]
        for name, where in places:
            if taken.setdefault(name.lower(), where) != where:
                yield where, f'"{name}" is taken by {taken[name.lower()]}'
    peers: dict[str, str] = {}
    for at, peer in enumerate(config.sip.peers):
        where = f"sip.peers[{at}].name"
        if peers.setdefault(peer.name, where) != where:
            yield where, f'"{peer.name}" is taken by {peers[peer.name]}'


def _is_alias(name: str) -> bool:
    user, at, domain = name.partition("@")
    plain = name.isascii() and name.isprintable() and len(name) <= 128 and not set(name) & set(' "<>;?:%')
    return bool(plain and user and bool(domain) is bool(at) and "@" not in domain)


def _is_server(text: str) -> bool:
    """Whether a text is the SIP URI of a host (RFC 3261 section 19.1)."""
    scheme, _, rest = text.partition(":")
    place, _, parameters = rest.partition(";")
    plain = parameters.isascii() and parameters.isprintable() and not set(parameters) & set(' "<>@?')
    return scheme in ("sip", "sips") and _is_place(place) and plain


def _is_site(url: str) -> bool:
    """Whether a text is the address of a web site as a whole: scheme, host and perhaps a port."""
    scheme, colons, place = url.partition("://")
    return scheme in ("http", "https") and bool(colons) and _is_place(place)


def _is_local_url(url: str) -> bool:
    place = url.partition("://")[2].rstrip("/")
    host = place[1:].partition("]")[0] if place.startswith("[") else place.partition(":")[0]
    return host == "localhost" or is_loopback(host)


def _is_turn(uri: str) -> bool:
    """Whether a text names a TURN server (RFC 7065 section 3.1)."""
    scheme, _, rest = uri.partition(":")
    place, question, transport = rest.partition("?")
    return (
        scheme in ("turn", "turns")
        and _is_place(place)
        and (not question or transport in ("transport=udp", "transport=tcp"))
    )


def _is_place(place: str) -> bool:
    """Whether a text is a host, a name or an address, with or without a port."""
    if place.startswith("["):
        host, bracket, port = place[1:].partition("]")
        fits = bool(bracket) and ":" in host and _is_address(host)
    else:
        host, colon, digits = place.partition(":")
        fits, port = bool(host) and host.isascii() and not set(host) - _HOST, colon + digits
    number = port[1:]
    right_port = port[:1] == ":" and number.isascii() and number.isdigit() and 0 < int(number[:6]) < 65_536
    return fits and (not port or right_port)


def _as_dialled(user: str) -> str:
    """A telephone number without its visual separators, as callers are looked up (RFC 3966 section 3)."""
    if user[:1] in "-." or not set(user) <= _TELEPHONE | _SEPARATORS:
        return user
    return "".join(character for character in user if character not in _SEPARATORS)


def _is_everywhere(address: str) -> bool:
    """Whether an address stands for all of them, and so tells nobody where to send to."""
    return _is_address(address) and ip_address(address).is_unspecified


def _is_address(address: str) -> bool:
    try:
        ip_address(address)
    except ValueError:
        return False
    return True
