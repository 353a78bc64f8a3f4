"""Keeps: every message crosses the Unix socket unchanged and in order; a stuck reader costs a bounded queue."""

from __future__ import annotations

import asyncio
from collections import Counter

import msgspec
import pytest

from bridge import wire
from bridge.media import contract
from bridge.sdp.audio import NegotiatedAudio, SrtpKey
from bridge.sdp.transport import (
    Credentials,
    DtlsRole,
    Fingerprint,
    NegotiatedDtls,
    NegotiatedIce,
    NegotiatedTransport,
)
from bridge.sdp.video import Content, NegotiatedVideo, VideoFormat
from mixer.plan import Plan, Seat

AUDIO = NegotiatedAudio(
    codec="opus",
    payload_type=111,
    receive={111: "opus", 13: "CN"},
    remote=("192.0.2.1", 4000),
    remote_rtcp=("192.0.2.1", 4001),
    srtp_send=SrtpKey("AEAD_AES_128_GCM", bytes(range(28))),
    srtp_receive=SrtpKey("AEAD_AES_128_GCM", bytes(28)),
)
TRANSPORT = NegotiatedTransport(
    NegotiatedIce(
        Credentials("ours", "a password of ours......"), Credentials("theirs", "one of theirs....")
    ),
    NegotiatedDtls(DtlsRole.SERVER, (Fingerprint("sha-256", bytes(32)),), 1),
)
VIDEO = NegotiatedVideo(
    {96: VideoFormat("VP8", 96, rtx=97)},
    ("192.0.2.1", 4002),
    ("192.0.2.1", 4003),
    send=VideoFormat("H264", 102, packetization_mode=0, profile=0x42E0),
    repairs={97: 96},
    repair_sources={1: 2},
)
FIGURES = contract.Figures(1, 2, 3, 4, 5, 0.1, 0.2, 0.3, 0.4, 6, 7, {"late": 8})

COMMANDS: list[contract.Command] = [
    contract.OpenLeg("a", "127.0.0.1"),
    contract.ConfigureLeg("a", AUDIO, "192.0.2.1", True),
    contract.OpenLeg("a", "127.0.0.1", shared=True, conference="1001"),
    contract.MoveLeg("a", "1002"),
    contract.ConfigureLeg("a", AUDIO, transport=TRANSPORT),
    contract.CloseLeg("a"),
    contract.SetPlan(Plan("1001", tuple(Seat(f"leg-{n}") for n in range(100)))),
    contract.Play("p", ("a", "b"), ("ask-pin",), "nb"),
    contract.StopPlay(("a",)),
    contract.SendDigit("a", "5"),
    contract.ConfigureLeg("a", AUDIO, video=VIDEO, slides=VIDEO, video_transport=TRANSPORT),
    contract.WantKey("a"),
    contract.Shutdown(),
]
EVENTS: list[contract.Event] = [
    contract.Hello(contract.VERSION, 77),
    contract.LegOpened("a", "127.0.0.1", 20000, 20001),
    contract.LegOpened("a", "127.0.0.1", 10000, 10000, ("127.0.0.1", "::1"), 10000, bytes(32)),
    contract.Connected("a", "tcp", "AEAD_AES_256_GCM"),
    contract.TransportFailed("a", "dtls-fingerprint"),
    contract.OpenFailed("a", "no-ports"),
    contract.MediaStarted("a"),
    contract.Digit("a", "#"),
    contract.PlayEnded("p"),
    contract.Talking("1001", ("a",)),
    contract.MediaLost("a", 5.0, False),
    contract.MediaBack("a"),
    contract.Seen("a", Content.SLIDES, True),
    contract.KeyNeeded("a"),
    contract.LegClosed("a", contract.Quality(1, 2, 3, 0.5, "opus", 0.0, 12.5)),
    FIGURES,
]


class Ends:
    def __init__(self) -> None:
        self.events: list[contract.Event] = []
        self.commands: list[contract.Command] = []
        self.lost: list[str] = []
        control, media = wire.pair()
        self.raw_media = media
        self.control: wire.Wire[contract.Event, contract.Command] = wire.Wire(
            control,
            msgspec.msgpack.Decoder(contract.Event),
            self.events.append,
            lambda why: self.lost.append(f"control {why}"),
            Counter(),
        )
        self.drops: Counter[str] = Counter()
        self.media: wire.Wire[contract.Command, contract.Event] = wire.Wire(
            media,
            msgspec.msgpack.Decoder(contract.Command),
            self.commands.append,
            lambda why: self.lost.append(f"media {why}"),
            self.drops,
        )

    def close(self) -> None:
        self.control.close()
        self.media.close()


async def turn(times: int = 5) -> None:
    for _ in range(times):
        await asyncio.sleep(0)


async def test_every_message_crosses_unchanged() -> None:
    ends = Ends()
    for command in COMMANDS:
        ends.control.send(command)
    for event in EVENTS:
        ends.media.send(event)
    await turn()
    assert ends.commands == COMMANDS
    assert ends.events == EVENTS
    ends.close()


async def test_close_of_one_end_is_told_to_the_other() -> None:
    ends = Ends()
    ends.control.send(contract.CloseLeg("a"))
    ends.control.close()
    await turn()
    assert ends.commands == [contract.CloseLeg("a")]
    assert ends.lost == ["media closed"]
    ends.media.send(contract.MediaBack("a"))
    ends.close()


async def test_what_the_socket_does_not_take_waits_in_order() -> None:
    ends = Ends()
    wanted = [contract.Digit("a", str(n % 10)) for n in range(3000)]
    for event in wanted:
        ends.media.send(event)
    await turn(200)
    assert ends.events == wanted
    ends.close()


async def test_only_the_newest_state_waits() -> None:
    ends = Ends()
    for n in range(3000):
        ends.media.send(contract.Digit("a", "1"))
        ends.media.send(contract.Talking("1001", (str(n),)))
    ends.media.send(contract.Talking("1002", ("x",)))
    await turn(300)
    talking = [event for event in ends.events if isinstance(event, contract.Talking)]
    assert talking[-2:] == [contract.Talking("1001", ("2999",)), contract.Talking("1002", ("x",))]
    assert len(ends.events) == 3000 + len(talking)
    assert ends.drops["wire-overtaken"] == 3001 - len(talking) > 0
    ends.close()


async def test_a_reader_that_never_reads_is_lost() -> None:
    ends = Ends()
    asyncio.get_running_loop().remove_reader(ends.control._end)
    for _ in range(3 * wire.CAPACITY):
        ends.media.send(contract.Digit("a", "1"))
    assert ends.lost == ["media stuck"]
    assert not ends.media._waiting
    ends.close()


@pytest.mark.parametrize("nonsense", [b"\xc1", b"", b"\x93\xa3abc\x01\x02", b"\xff" * 100])
async def test_nonsense_loses_the_wire(nonsense: bytes) -> None:
    ends = Ends()
    ends.raw_media.send(nonsense or b"\x00")
    await turn()
    assert ends.lost[:1] == ["control malformed"]
    ends.close()


async def test_a_message_over_the_limit_loses_the_wire() -> None:
    ends = Ends()
    ends.control.send(contract.CloseLeg("a" * (wire.MAX_MESSAGE_BYTES + 1)))
    assert ends.lost == ["control too-long"]
    await turn()
    ends.close()


async def test_the_longest_message_passes() -> None:
    ends = Ends()
    ends.control.send(contract.CloseLeg("a" * (wire.MAX_MESSAGE_BYTES - 20)))
    await turn()
    assert len(ends.commands) == 1
    ends.close()
