"""Messages come and go by every transport on the flow they belong to, and nobody can use the sockets up.

Real sockets on loopback. Where time matters, the limits are tiny or `sweep` is told a later time.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
import uvloop

from bridge.certificate import CertificateFiles
from bridge.sip.connection import ConnectionLimits
from bridge.sip.flow import Flow
from bridge.sip.limits import Rate, Rates
from bridge.sip.transport import Listener, Transports
from tests.sip.samples import sample, wire

WAIT_S = 5.0


class Rim:
    """Transports with what they handed up."""

    def __init__(
        self,
        rates: Rates | None = None,
        limits: ConnectionLimits | None = None,
        client_tls: ssl.SSLContext | None = None,
        may_reach: Callable[[str], bool] = lambda address: True,
    ) -> None:
        self.inbox: asyncio.Queue[tuple[bytes, Flow]] = asyncio.Queue()
        self.lost: asyncio.Queue[Flow] = asyncio.Queue()
        self.transports = Transports(
            lambda data, flow: self.inbox.put_nowait((data, flow)),
            self.lost.put_nowait,
            rates,
            limits,
            client_tls,
            may_reach,
        )

    def port(self, protocol: str) -> int:
        """Where the first listener of a protocol is."""
        return next(each.port for each in self.transports.bound if each.protocol == protocol)

    async def message(self) -> tuple[bytes, Flow]:
        """The next message."""
        async with asyncio.timeout(WAIT_S):
            return await self.inbox.get()

    async def loss(self) -> Flow:
        """The next flow that ended."""
        async with asyncio.timeout(WAIT_S):
            return await self.lost.get()


@asynccontextmanager
async def running(*listeners: Listener, rim: Rim | None = None) -> AsyncIterator[Rim]:
    """A rim on loopback, by default with UDP and TCP on any port."""
    rim = rim or Rim()
    await rim.transports.start(
        listeners or (Listener("udp", "127.0.0.1", 0), Listener("tcp", "127.0.0.1", 0))
    )
    try:
        yield rim
    finally:
        await rim.transports.stop()


@asynccontextmanager
async def dialled(
    port: int, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None, name: str | None = None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A plain client connection, closed at the end."""
    reader, writer = await asyncio.open_connection(host, port, ssl=tls, server_hostname=name)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        await asyncio.sleep(0)


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop turn until a condition holds."""
    async with asyncio.timeout(WAIT_S):
        while not condition():
            await asyncio.sleep(0.002)


async def closed(reader: asyncio.StreamReader) -> bool:
    """Wait for the end of a stream, whichever way it comes."""
    async with asyncio.timeout(WAIT_S):
        with suppress(ConnectionError):
            await reader.read()
    return True


# -- datagrams ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_datagram_is_answered_from_where_it_came_to(host: str) -> None:
    listeners = (Listener("udp", "127.0.0.1", 0), Listener("udp", host, 0))
    async with running(*listeners) as rim:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.bind((host, 0))
            client.setblocking(False)
            port = rim.transports.bound[1].port
            client.connect((host, port))  # takes nothing from elsewhere
            client.send(wire())
            data, flow = await rim.message()
            assert data == wire()
            assert (flow.protocol, flow.local, flow.remote) == ("udp", (host, port), client.getsockname()[:2])
            assert rim.transports.send(b"answer", flow)
            async with asyncio.timeout(WAIT_S):
                assert await asyncio.get_running_loop().sock_recv(client, 100) == b"answer"


async def test_keep_alive_datagrams_are_counted_only() -> None:
    async with running() as rim:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            for data in (b"\r\n\r\n", b"\0", b"", wire()):
                client.sendto(data, ("127.0.0.1", rim.port("udp")))
        assert (await rim.message())[0] == wire()
        assert rim.transports.drops["keep-alive"] == 3


async def test_a_flood_is_dropped_before_anybody_looks() -> None:
    rates = Rates(loopback=Rate(0.001, 5))
    async with running(rim=Rim(rates)) as rim:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            for _ in range(100):
                client.sendto(wire(), ("127.0.0.1", rim.port("udp")))
        await until(lambda: rim.transports.drops["flood-source"] == 95)
        assert rim.inbox.qsize() == 5


async def test_datagrams_that_cannot_go_are_named() -> None:
    async with running() as rim:
        flow = await rim.transports.connect("udp", "127.0.0.1", 9)
        assert not rim.transports.send(b"x" * 70_000, flow)
        assert rim.transports.drops["udp-too-large"] == 1
        assert not rim.transports.send(b"x", replace(flow, id=99))
        rim.transports.send(b"x", replace(flow, remote=("::1", 9)))
        await until(lambda: rim.transports.drops["udp-error"] == 1)


async def test_an_outgoing_datagram_flow_fits_its_family() -> None:
    async with running(Listener("udp", "127.0.0.1", 0)) as rim:
        flow = await rim.transports.connect("udp", "localhost", 5060)
        assert (flow.local, flow.remote) == (("127.0.0.1", rim.port("udp")), ("127.0.0.1", 5060))
        with pytest.raises(OSError, match="family"):
            await rim.transports.connect("udp", "::1", 5060)


# -- streams --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_messages_on_a_connection_are_answered_on_it(host: str) -> None:
    async with running(Listener("tcp", host, 0)) as rim, dialled(rim.port("tcp"), host) as (reader, writer):
        writer.write(wire(body=b"one") + wire(body=b"two")[:100])
        data, flow = await rim.message()
        assert data == wire(body=b"one")
        assert (flow.protocol, flow.remote) == ("tcp", writer.get_extra_info("sockname")[:2])
        writer.write(wire(body=b"two")[100:] + b"\r\n\r\n")
        assert (await rim.message()) == (wire(body=b"two"), flow)
        async with asyncio.timeout(WAIT_S):
            assert await reader.readexactly(2) == b"\r\n"
        assert rim.transports.send(b"answer", flow)
        async with asyncio.timeout(WAIT_S):
            assert await reader.readexactly(6) == b"answer"
        writer.close()
        assert await rim.loss() == flow
        assert not rim.transports.send(b"late", flow)


@pytest.mark.parametrize(
    "name", ["no-content-length-tcp.sip", "content-length-junk.sip", "haproxy-proto-forged.bin"]
)
async def test_lost_framing_closes_after_what_was_good(name: str) -> None:
    async with running() as rim, dialled(rim.port("tcp")) as (reader, writer):
        writer.write(wire() + sample(name) + wire())
        assert (await rim.message())[0] == wire()
        assert await closed(reader)
        assert rim.inbox.empty()
        assert any(drop.startswith("stream-") for drop in rim.transports.drops)


async def test_a_connection_over_its_rate_waits_and_loses_nothing() -> None:
    async with running(rim=Rim(Rates(loopback=Rate(100, 5)))) as rim, dialled(rim.port("tcp")) as (_, writer):
        for n in range(20):
            writer.write(wire(body=b"%d" % n))
        bodies = [(await rim.message())[0][-2:] for _ in range(20)]
        assert bodies[-1] == b"19"
        assert rim.transports.drops["flood-source"] > 0


async def test_too_many_connections_of_one_source_are_refused() -> None:
    async with running(rim=Rim(limits=ConnectionLimits(per_loopback=2))) as rim:
        async with dialled(rim.port("tcp")), dialled(rim.port("tcp")):
            async with dialled(rim.port("tcp")) as (reader, _):
                assert await closed(reader)
            assert rim.transports.drops["connections-source"] == 1
        await until(lambda: rim.transports.connections == 0)
        async with dialled(rim.port("tcp")) as (_, writer):
            writer.write(wire())
            await rim.message()


async def test_when_all_places_are_taken_the_most_useless_goes() -> None:
    async with running(rim=Rim(limits=ConnectionLimits(in_all=2))) as rim:
        port = rim.port("tcp")
        async with dialled(port) as (_, useful), dialled(port) as (silent, _):
            useful.write(wire())
            _, flow = await rim.message()
            async with dialled(rim.port("tcp")) as (_, third):
                assert await closed(silent)
                third.write(wire())
                await rim.message()
                assert rim.transports.send(b"x", flow)
                assert rim.transports.drops["made-room"] == 1


async def test_known_peers_keep_their_places() -> None:
    async with running(rim=Rim(limits=ConnectionLimits(in_all=1))) as rim:
        rim.transports.know("127.0.0.1")
        async with dialled(rim.port("tcp")) as (_, first):
            first.write(wire())
            await rim.message()
            async with dialled(rim.port("tcp")) as (reader, _):
                assert await closed(reader)
        assert rim.transports.drops["connections-total"] == 1


async def test_who_sends_slowly_or_never_is_cut_off() -> None:
    async with running() as rim:
        port = rim.port("tcp")
        async with (
            dialled(port) as (slow, slow_writer),
            dialled(port) as (silent, _),
            dialled(port) as (_, good),
        ):
            good.write(wire())
            _, flow = await rim.message()
            slow_writer.write(wire() + wire()[:40])
            await rim.message()
            now = asyncio.get_running_loop().time()
            rim.transports.sweep(now + 29)
            assert not rim.transports.drops
            slow_writer.write(b"\r\n")  # a byte more does not buy more time
            rim.transports.sweep(now + 31)
            assert await closed(slow) and await closed(silent)
            assert rim.transports.drops == {"slow-sender": 2}
            assert rim.transports.send(b"x", flow)
            rim.transports.sweep(now + 4_000)
            assert await rim.loss() and await rim.loss() and await rim.loss() == flow
            assert rim.transports.drops["idle"] == 1


async def test_who_does_not_read_is_cut_off() -> None:
    rim = Rim(limits=ConnectionLimits(most_queued=65_536))
    async with running(rim=rim), dialled(rim.port("tcp")) as (_, writer):
        writer.write(wire())
        _, flow = await rim.message()
        sent = 0
        while rim.transports.send(b"x" * 10_000, flow):
            sent += 1
            assert sent < 2_000
        assert rim.transports.drops["slow-reader"] == 1
        assert await rim.loss() == flow


# -- outgoing -------------------------------------------------------------------------------------------------


async def test_a_connection_is_made_and_used_again() -> None:
    async with running() as here, running() as there:
        flow = await here.transports.connect("tcp", "127.0.0.1", there.port("tcp"))
        assert await here.transports.connect("tcp", "127.0.0.1", there.port("tcp")) == flow
        assert here.transports.send(wire(), flow)
        _, back = await there.message()
        assert back.remote == flow.local
        assert there.transports.send(wire(body=b"b"), back)
        assert (await here.message()) == (wire(body=b"b"), flow)
        await there.transports.stop()
        assert await here.loss() == flow
        with pytest.raises(OSError):
            await here.transports.connect("tcp", "127.0.0.1", flow.remote[1])


async def test_who_wants_a_connection_at_the_same_time_shares_it() -> None:
    """A hundred calls to a trunk at once are no hundred connections (RFC 5923)."""
    async with running() as here, running() as there:
        port = there.port("tcp")
        wanted = [here.transports.connect("tcp", "127.0.0.1", port) for _ in range(20)]
        assert len(set(await asyncio.gather(*wanted))) == 1
        assert here.transports.connections == 1
        await there.transports.stop()
        await here.loss()
        refused = [here.transports.connect("tcp", "127.0.0.1", port) for _ in range(3)]
        outcomes = await asyncio.gather(*refused, return_exceptions=True)
        assert [type(each) for each in outcomes] == [ConnectionRefusedError] * 3


async def test_addresses_that_may_not_be_reached() -> None:
    async with running(rim=Rim(may_reach=lambda address: not address.startswith("127."))) as rim:
        with pytest.raises(OSError, match="no address"):
            await rim.transports.connect("tcp", "127.0.0.1", rim.port("tcp"))


# -- TLS ------------------------------------------------------------------------------------------------------


def make_certificate(folder: Path, name: str) -> CertificateFiles:
    """A self-signed certificate for localhost, made fresh; its common name tells which one it is."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl to make certificates with")
    files = CertificateFiles(folder / "chain.pem", folder / "key.pem")
    command = [
        openssl,
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
    ]
    command += ["-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run([*command, "-keyout", files.key, "-out", files.chain], check=True, capture_output=True)
    return files


@pytest.fixture
def certificate(tmp_path: Path) -> CertificateFiles:
    """The first certificate of a listener."""
    return make_certificate(tmp_path, "one")


def trusting(files: CertificateFiles, names: bool = True) -> ssl.SSLContext:
    """A client context that trusts one certificate."""
    context = ssl.create_default_context(cafile=str(files.chain))
    context.check_hostname = names
    return context


async def presented(port: int) -> str:
    """The common name that a new handshake is shown, without a server name sent."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    async with dialled(port, tls=context, name="") as (_, writer):
        der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    return "one" if b"one" in der else "two" if b"two" in der else "none"


async def test_tls_both_ways(certificate: CertificateFiles) -> None:
    listener = Listener("tls", "127.0.0.1", 0, certificate)
    async with running(listener) as there, running(rim=Rim(client_tls=trusting(certificate))) as here:
        flow = await here.transports.connect("tls", "localhost", there.port("tls"))
        assert here.transports.send(wire(), flow)
        data, back = await there.message()
        assert (data, back.protocol, flow.protocol) == (wire(), "tls", "tls")
        assert there.transports.send(wire(body=b"x" * 30_000), back)
        assert (await here.message())[0] == wire(body=b"x" * 30_000)


async def test_a_certificate_that_nobody_vouches_for_is_refused(certificate: CertificateFiles) -> None:
    async with running(Listener("tls", "127.0.0.1", 0, certificate)) as there, running() as here:
        with pytest.raises(ssl.SSLError):
            await here.transports.connect("tls", "localhost", there.port("tls"))
        await until(lambda: there.transports.drops["handshake"] == 1)


async def test_a_new_certificate_is_used_at_once_and_a_broken_one_never(
    certificate: CertificateFiles,
) -> None:
    async with running(Listener("tls", "127.0.0.1", 0, certificate)) as rim:
        port = rim.port("tls")
        async with dialled(port, tls=trusting(certificate), name="localhost") as (_, writer):
            writer.write(wire())
            _, flow = await rim.message()
            assert await presented(port) == "one"
            make_certificate(certificate.chain.parent, "two")
            assert await presented(port) == "one"
            assert rim.transports.reload_certificates() == []
            assert await presented(port) == "two"
            certificate.chain.write_text("junk")
            problems = rim.transports.reload_certificates()
            assert len(problems) == 1 and str(certificate.chain) in problems[0]
            certificate.chain.unlink()
            assert len(rim.transports.reload_certificates()) == 1
            assert await presented(port) == "two"
            assert rim.transports.drops["certificate-refused"] == 2
            assert rim.transports.send(b"still up", flow)


async def test_half_a_hello_is_cut_off_and_counts_while_it_lasts(certificate: CertificateFiles) -> None:
    limits = ConnectionLimits(handshake_s=0.2, per_loopback=1)
    async with running(Listener("tls", "127.0.0.1", 0, certificate), rim=Rim(limits=limits)) as rim:
        async with dialled(rim.port("tls")) as (half, writer):
            writer.write(sample("binary-tls-on-udp.sip")[:31])
            async with dialled(rim.port("tls")) as (refused, _):
                assert await closed(refused)
            assert await closed(half)
        await until(lambda: rim.transports.drops["handshake"] == 1)
        assert await presented(rim.port("tls")) == "one"


async def test_stopping_ends_a_handshake(certificate: CertificateFiles) -> None:
    async with (
        running(Listener("tls", "127.0.0.1", 0, certificate)) as rim,
        dialled(rim.port("tls")) as (half, _),
    ):
        await asyncio.sleep(0)
        await rim.transports.stop()
        assert await closed(half)


# -- life -----------------------------------------------------------------------------------------------------


async def test_a_start_that_fails_leaves_nothing_open(certificate: CertificateFiles) -> None:
    async with running() as rim:
        taken = rim.port("tcp")
        other = Rim().transports
        with pytest.raises(OSError):
            await other.start([Listener("udp", "127.0.0.1", 0), Listener("tcp", "127.0.0.1", taken)])
        assert other.bound == ()
    for wrong in (Listener("sctp", "127.0.0.1", 0), Listener("tls", "127.0.0.1", 0)):
        with pytest.raises(ValueError):
            await Rim().transports.start([wrong])
    missing = CertificateFiles(certificate.chain, certificate.chain.parent / "none")
    with pytest.raises(OSError):
        await Rim().transports.start([Listener("tls", "127.0.0.1", 0, missing)])


async def test_stopping_sends_what_is_queued_and_tells_of_every_flow() -> None:
    async with running() as rim, dialled(rim.port("tcp")) as (reader, writer):
        writer.write(wire())
        _, flow = await rim.message()
        rim.transports.send(b"goodbye", flow)
        watching = asyncio.create_task(rim.transports.watch())
        await rim.transports.stop()
        await watching
        assert await reader.read() == b"goodbye"
        assert await rim.loss() == flow
        assert rim.transports.connections == 0


def test_the_same_on_the_other_loop(tmp_path: Path) -> None:
    """The bridge runs on uvloop, whose transports are not asyncio's own."""
    certificate = make_certificate(tmp_path, "one")

    async def scenario() -> None:
        await test_a_datagram_is_answered_from_where_it_came_to("::1")
        await test_messages_on_a_connection_are_answered_on_it("127.0.0.1")
        await test_a_connection_over_its_rate_waits_and_loses_nothing()
        await test_who_does_not_read_is_cut_off()
        await test_datagrams_that_cannot_go_are_named()
        await test_tls_both_ways(certificate)
        await test_half_a_hello_is_cut_off_and_counts_while_it_lasts(certificate)
        await test_a_new_certificate_is_used_at_once_and_a_broken_one_never(certificate)
        await test_stopping_sends_what_is_queued_and_tells_of_every_flow()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario())
