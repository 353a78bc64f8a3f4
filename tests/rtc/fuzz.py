"""What the fuzzer feeds: each target parses, or raises ProtocolError, and nothing else."""

from __future__ import annotations

import struct
from collections.abc import Callable
from contextlib import suppress

from bridge.errors import ProtocolError
from bridge.rtc import records, stun
from bridge.rtc.demux import kind_of
from bridge.rtc.framing import MAX_FRAME, Framer, frame
from bridge.rtc.ice import MAX_PATHS, IceLite, Path
from bridge.rtc.stun import Form
from bridge.sdp.transport import DtlsRole
from tests.rtc.checks import AGREED, OURS, check, without_fingerprint
from tests.rtc.ends import THEIRS, Pair, handshake

PASSWORD = OURS.password.encode()


def fuzz_stun(data: bytes) -> object:
    """One STUN datagram, by every reader; what is read can be written again."""
    kind_of(data)
    with suppress(ProtocolError):
        stun.local_ufrag(data)
    message = stun.parse(data)
    for read in (
        stun.xor_address,
        lambda value, _: stun.error_code(value),
        lambda value, _: stun.user_name(value),
    ):
        for _, value in message.attributes:
            with suppress(ProtocolError):
                read(value, message.transaction)
    again = stun.parse(
        stun.serialise(message.form, message.transaction, message.attributes, PASSWORD, message.method)
    )
    assert again.attributes == message.attributes
    assert (again.form, again.method) == (message.form, message.method)
    return message.unknown, message.is_proven_by(PASSWORD)


def fuzz_attributes(data: bytes) -> object:
    """The input as the attributes of a message whose header, integrity and fingerprint are right."""
    body = data[20:] + bytes(-len(data) & 3)
    inner = b"\0\1" + len(body).to_bytes(2, "big") + b"\x21\x12\xa4\x42" + data[:12].ljust(12) + body
    with suppress(ProtocolError):
        fuzz_stun(inner)
    message = stun.parse(inner)
    name = (6, b"bridgeufrag:peer")
    return fuzz_ice(stun.serialise(Form.REQUEST, bytes(12), (name, *message.attributes), PASSWORD))


def fuzz_ice(data: bytes) -> object:
    """Whatever comes at an agent: its answers are small, and only what is proven moves anything."""
    ice = IceLite(AGREED, 100.0)
    path = Path("192.0.2.1", len(data) & 0xFFFF)
    answers = ice.handle(data, path, 100.0)
    assert sum(map(len, answers)) <= 3 * len(data)
    assert len(ice.paths) <= MAX_PATHS
    if ice.paths:
        assert stun.parse(data).is_proven_by(PASSWORD)
    return answers


def fuzz_frames(data: bytes) -> object:
    """A stream in two pieces: the same frames as in one, and no more held than a frame."""
    whole, cut = Framer(), Framer()
    expected = whole.push(data)
    at = len(data) // 3
    found = cut.push(data[:at]) + cut.push(data[at:])
    assert found == expected
    assert len(cut._held) < MAX_FRAME + 2
    return [frame(each) for each in found]


def fuzz_records(data: bytes) -> object:
    """The outside of DTLS: records, parts of messages, a ClientHello."""
    found = records.split(data)
    assert b"".join(record.raw for record in found) == data
    for record in found:
        assert records.split(records.renumbered(record, 7))[0].body == record.body
        for part in records.fragments(record.body):
            with suppress(ProtocolError):
                records.hello(part)
    return found


def fuzz_server(data: bytes) -> object:
    """Any datagram before and in the middle of a handshake: the association lives, and a new hello gets through."""
    return _survive(data, DtlsRole.SERVER)


def fuzz_client(data: bytes) -> object:
    """The same for us as the client: at the worst we begin anew."""
    return _survive(data, DtlsRole.CLIENT)


def _in_a_record(data: bytes) -> bytes:
    """The input as one whole handshake message, its lengths right, in one record."""
    content = data[25:]
    size = len(content).to_bytes(3, "big")
    message = data[13:14].ljust(1) + size + data[17:19].ljust(2, b"\0") + bytes(3) + size + content
    return b"\x16\xfe\xfd\0\0" + bytes(6) + len(message).to_bytes(2, "big") + message


def _survive(data: bytes, role: DtlsRole) -> object:
    end = handshake(role)
    answers = list(end.start(100.0))
    for now in (100.0, 100.001):
        for datagram in (data, _in_a_record(data)):
            with suppress(ProtocolError):
                answers += end.handle(datagram, now)
        if role is DtlsRole.SERVER and now == 100.0:
            try:
                answers += end.handle(_HELLO, now)
            except ProtocolError as fault:
                raise AssertionError("an honest hello was refused") from fault
    assert end.keys is None and end.failed is None
    assert sum(map(len, answers)) < 4_000
    return answers


def fuzz_established(data: bytes) -> object:
    """Any datagram on an association that is up ends nothing."""
    for end in (_UP.server, _UP.client):
        with suppress(ProtocolError):
            end.handle(data, 200.0)
        assert end.failed is None
    return None


def _recorded() -> tuple[Pair, list[bytes]]:
    """A pair that is up, and the datagrams of its handshake."""
    pair = Pair()
    datagrams: list[bytes] = []
    send = pair.net.send

    def recording(thing: tuple[object, bytes], now: float, sure: bool = False) -> None:
        datagrams.append(thing[1])
        send(thing, now, sure)  # type: ignore[arg-type]

    pair.net.send = recording  # type: ignore[method-assign]
    pair.start()
    pair.run(101.0)
    assert pair.up
    return pair, datagrams


_UP, _FLIGHTS = _recorded()
(_HELLO,) = handshake(DtlsRole.CLIENT, THEIRS).start(100.0)
_STUN_SEEDS = [
    check(nominate=True),
    check(role="ICE-CONTROLLED", SOFTWARE="x" * 40),
    stun.serialise(Form.REQUEST, bytes(12)),
    stun.serialise(Form.SUCCESS, bytes(12), (stun.mapped_address(("2001:db8::1", 5), bytes(12)),), PASSWORD),
    stun.serialise(Form.ERROR, bytes(12), (stun.error(420), stun.unknown_attributes((1, 2))), PASSWORD),
    stun.serialise(Form.REQUEST, bytes(12), ((6, b"bridgeufrag:peer"), (0x7FFF, b"1234")), PASSWORD),
]
_DTLS_SEEDS = [*_FLIGHTS, _HELLO, bytes.fromhex("15fefd00000000000000000002022814fefd0000000000000001000101")]

TARGETS: dict[str, tuple[Callable[[bytes], object], list[bytes]]] = {
    "stun": (fuzz_stun, _STUN_SEEDS),
    "stun-attributes": (fuzz_attributes, [without_fingerprint(seed) for seed in _STUN_SEEDS]),
    "ice": (fuzz_ice, _STUN_SEEDS),
    "frames": (
        fuzz_frames,
        [frame(b"abc") + frame(bytes(300)), b"\0\0" + frame(b"x") * 5, struct.pack("!H", 9)],
    ),
    "records": (fuzz_records, _DTLS_SEEDS),
    "dtls-server": (fuzz_server, _DTLS_SEEDS),
    "dtls-client": (fuzz_client, _DTLS_SEEDS),
    "dtls-established": (fuzz_established, _DTLS_SEEDS),
}
