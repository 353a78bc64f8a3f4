"""Retransmissions in a stream of their own (RFC 4588): a packet sent again has its first number before its payload."""

from __future__ import annotations

from bridge.errors import ProtocolError
from bridge.rtp.video_packet import VideoPacket


def unwrap(packet: VideoPacket, payload_type: int, ssrc: int) -> VideoPacket | None:
    """The packet that was sent again, with the payload type and the source that it had (RFC 4588 section 4).

    None: only padding, to measure the path. Raises ProtocolError("rtx-short").
    """
    payload = packet.payload
    if not payload:
        return None
    if len(payload) < 2:
        raise ProtocolError("rtx-short", f"{len(payload)} bytes")
    sequence = payload[0] << 8 | payload[1]
    return packet._replace(payload_type=payload_type, sequence=sequence, ssrc=ssrc, payload=payload[2:])


def wrap(sequence: int, payload: bytes) -> bytes:
    """The payload to send in the stream of retransmissions for a packet that had this number (16 bits); timestamp and
    marker stay what they were."""
    return sequence.to_bytes(2, "big") + payload
