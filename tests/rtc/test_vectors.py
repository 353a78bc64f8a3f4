"""Hostile datagrams at a port for ICE and DTLS: each is a named drop or a small answer, and a call goes on."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path as File

import pytest

from bridge.errors import ProtocolError
from bridge.rtc import stun
from bridge.rtc.demux import Kind, kind_of
from bridge.rtc.dtls import Handshake
from bridge.rtc.ice import IceLite, Path
from bridge.rtc.stun import Attribute
from bridge.sdp.transport import DtlsRole
from tests.rtc.checks import AGREED
from tests.rtc.ends import THEIRS, Pair, handshake

DATA = File(__file__).parents[1] / "data"
SHARED = File(__file__).parents[2] / ".." / "shared" / "vectors"
HOME = Path("192.0.2.10", 40_000)

# What our own copies come to.
CORE = {
    "stun/stun-attr-overrun.bin": "stun-username",
    "stun/stun-attrs-400.bin": "stun-no-username",
    "stun/stun-bad-cookie.bin": "stun-cookie",
    "stun/stun-channeldata.bin": "turn-channel",
    "stun/stun-errorcode-short.bin": "stun-not-request",
    "stun/stun-length-odd.bin": "stun-length",
    "stun/stun-no-credentials.bin": "stun-no-username",
    "stun/stun-turn-allocate.bin": "stun-not-request",
    "stun/stun-turn-peer-zero.bin": "stun-not-request",
    "stun/stun-unknown-required.bin": "stun-no-username",
    "stun/stun-username-3000.bin": "stun-username",
    "stun/stun-xor-family-0.bin": "stun-not-request",
    "dtls/dtls-alert-fatal.bin": "dtls-alert",
    "dtls/dtls-ccs-early.bin": "dtls-early",
    "dtls/dtls-first-byte-64.bin": "turn-channel",
    "dtls/dtls-fragment-flood-unit.bin": "dtls-fragment",
    "dtls/dtls-fragment-offset-over.bin": "dtls-fragment",
    "dtls/dtls-heartbeat.bin": "dtls-record",
    "dtls/dtls-hello-dtls10.bin": "dtls-hello",
    "dtls/dtls-hello-no-ciphers.bin": "dtls-hello",
    "dtls/dtls-hello-null-cipher.bin": "dtls-cipher",
    "dtls/dtls-helloverify-to-server.bin": "dtls-message",
    "dtls/dtls-record-length-over.bin": "dtls-record",
    "dtls/dtls-use-srtp-mki.bin": "dtls-mki",
}


def outcome(datagram: bytes, ice: IceLite | None = None, dtls: Handshake | None = None) -> str:
    """What a leg's machines, fresh unless given, make of one datagram: a drop's name, an error's number."""
    try:
        match kind_of(datagram):
            case Kind.STUN:
                stun.local_ufrag(datagram)  # whose is it? asked first, and it may be the end of it
                answers = (ice or IceLite(AGREED, 100.0)).handle(datagram, HOME, 100.0)
            case Kind.DTLS:
                answers = (dtls or handshake(DtlsRole.SERVER)).handle(datagram, 100.0)
            case Kind.RTP | Kind.TURN_CHANNEL | Kind.UNKNOWN as kind:
                return str(kind.value)
    except ProtocolError as fault:
        return fault.name
    assert sum(map(len, answers)) <= 3 * len(datagram)
    if not answers:
        return "nothing"
    return str(stun.error_code(stun.parse(answers[0]).get(Attribute.ERROR_CODE) or b""))


def test_the_core_is_complete() -> None:
    assert set(CORE) == {
        f"{kind}/{path.name}" for kind in ("stun", "dtls") for path in (DATA / kind).glob("*.bin")
    }


@pytest.mark.parametrize("name", sorted(CORE))
def test_the_core(name: str) -> None:
    assert outcome((DATA / name).read_bytes()) == CORE[name]


def hostile() -> list[bytes]:
    return [(DATA / name).read_bytes() for name in sorted(CORE)]


def test_a_handshake_goes_on_among_them() -> None:
    """The race of hellos: after every datagram of the handshake, each of the hostile ones, at both ends.

    But for the HelloVerifyRequest at a client: it is what an honest server may begin with, and nothing in DTLS tells
    who it is from.
    """
    pair = Pair()
    pair.start()
    while (arrives := pair.net.next()) is not None:
        pair.now = arrives
        for name in sorted(CORE):
            for end in [pair.server] if "helloverify" in name else [pair.server, pair.client]:
                outcome((DATA / name).read_bytes(), dtls=end)
        arrived = pair.net.pop(arrives)
        assert arrived is not None
        pair.deliver(*arrived)
    assert pair.up


def test_an_established_association_goes_on_among_them() -> None:
    pair = Pair()
    pair.start()
    pair.run(101.0)
    for datagram in hostile() * 20:
        for end in (pair.server, pair.client):
            outcome(datagram, dtls=end)
    assert (pair.server.failed, pair.client.failed) == (None, None)
    pair.send(pair.server, pair.server.close())
    pair.run(102.0)
    assert pair.client.failed == "dtls-closed"


@pytest.mark.parametrize("before", [False, True], ids=["first", "in-the-middle"])
def test_repeats_leave_no_memory_behind(before: bool) -> None:
    server, ice = handshake(DtlsRole.SERVER), IceLite(AGREED, 100.0)
    if before:
        server.handle(handshake(DtlsRole.CLIENT, THEIRS).start(100.0)[0], 100.0)

    def rounds(count: int) -> None:
        for _ in range(count):
            for datagram in datagrams:
                outcome(datagram, ice, server)

    datagrams = [datagram for datagram in hostile() if len(datagram) < 200]
    rounds(5)
    assert grown_by(lambda: rounds(100)) < 20_000


def grown_by(work: Callable[[], None]) -> int:
    """Octets of Python's memory that `work` keeps."""
    tracemalloc.start()
    try:
        work()
        first = tracemalloc.get_traced_memory()[0]
        work()
        return tracemalloc.get_traced_memory()[0] - first
    finally:
        tracemalloc.stop()


def shared() -> list[dict[str, str]]:
    """The entries of the manifest that lies beside the project, if it does."""
    manifest = SHARED / "manifest.json"
    if not manifest.exists():
        return []
    return [entry for entry in json.loads(manifest.read_text()) if entry["kind"] in ("stun", "dtls")]


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.exists(), reason="the vectors are not beside the project")
def test_there_are_enough() -> None:
    assert len(shared()) >= 25


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.exists(), reason="the vectors are not beside the project")
@pytest.mark.parametrize("entry", shared(), ids=lambda entry: entry["name"])
def test_shared_datagrams(entry: dict[str, str]) -> None:
    found = outcome((SHARED / entry["file"]).read_bytes())
    allowed = set(entry["expect"].split("|"))
    assert found in allowed if found.isdigit() else allowed & {"drop", "reject-packet"}, entry["what"]
