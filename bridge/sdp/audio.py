"""What two ends agreed on for one audio stream: the value that signalling hands to media (RFC 3264)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SrtpKey:
    """One direction's key of SDES (RFC 4568). `suite` is the crypto-suite name, `key` master key || salt."""

    suite: str
    key: bytes

    def __repr__(self) -> str:
        return f"SrtpKey({self.suite}, ***)"


@dataclass(frozen=True, slots=True)
class NegotiatedAudio:
    """One agreed audio stream, seen from the bridge.

    `codec`, `payload_type`: what we send (a name of `bridge.codec.table`).
    `receive`: payload type -> codec name for everything the peer may send us, "CN" included, telephone-event not.
    `event_send`, `event_receive`: payload types of telephone-event, or None; `event_clock_rate` [Hz] as received.
    `ptime_ms`: length of the packets we send: 10, 20, 30, 40 or 60.
    `sends`, `receives`: our directions after hold is taken into account; `held`: the peer put us on hold.
    `remote`, `remote_rtcp`: (address, port) that we send to, as the SDP says; ("", 0) = nowhere, nothing may be
    sent (old-style hold, or RTCP switched off).
    `level_id`: header extension id under which both ends may tell audio levels (RFC 6464), 0 = none.
    `feedback_id`: header extension id of the transport-wide sequence number (transport-cc), which we answer with RTCP
    feedback; 0 = none. `mid`: name of the stream in its bundle (RFC 9143), "" = none; `mid_id`: header extension id
    under which it is sent (RFC 8843 section 15), 0 = it is not.
    `opus_*`: what the peer asks of our Opus stream (RFC 7587 section 6.1); `opus_bitrate` [bit/s], 0 = no limit said.
    `srtp_send`, `srtp_receive`: both set or both None.
    """

    codec: str
    payload_type: int
    receive: dict[int, str]
    remote: tuple[str, int]
    remote_rtcp: tuple[str, int]
    ptime_ms: int = 20
    sends: bool = True
    receives: bool = True
    held: bool = False
    rtcp_mux: bool = False
    rtcp_reduced_size: bool = False
    event_send: int | None = None
    event_receive: int | None = None
    event_clock_rate: int = 8000
    opus_fec: bool = False
    opus_dtx: bool = False
    opus_bitrate: int = 0
    opus_max_rate: int = 48000
    level_id: int = 0
    feedback_id: int = 0
    mid: str = ""
    mid_id: int = 0
    srtp_send: SrtpKey | None = None
    srtp_receive: SrtpKey | None = None
