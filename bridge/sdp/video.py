"""What two ends agreed on for one video stream: the value that signalling hands to media (RFC 3264)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from bridge.sdp.audio import SrtpKey


class Content(Enum):
    """What a stream shows (RFC 4796): whoever stands before the camera, or slides."""

    MAIN = "main"
    SLIDES = "slides"


@dataclass(frozen=True, slots=True)
class VideoLimits:
    """What a receiver says that he can take; 0 = he does not say.

    `max_fs`: frame size in macroblocks of 16x16; `max_mbps`: macroblocks a second; `max_fps`: pictures a second;
    `max_width`, `max_height` [pixels]; `bitrate` [bit/s] with b=AS, b=TIAS and max-br taken together.
    """

    max_fs: int = 0
    max_mbps: int = 0
    max_fps: int = 0
    max_width: int = 0
    max_height: int = 0
    bitrate: int = 0

    def fits(self, width: int, height: int) -> bool:
        """Tell whether a picture of this size is within the limits (whole macroblocks count)."""
        macroblocks = (width + 15) // 16 * ((height + 15) // 16)
        return (
            (not self.max_fs or macroblocks <= self.max_fs)
            and (not self.max_width or width <= self.max_width)
            and (not self.max_height or height <= self.max_height)
        )


@dataclass(frozen=True, slots=True)
class VideoFormat:
    """One codec as it was agreed on for one direction. `codec`: a name of `bridge.codec.table` ("H264", "VP8", ...).

    `rtx`: payload type of its retransmissions (RFC 4588), None = there are none. `packetization_mode`: of H.264
    (RFC 6184): in mode 0 each packet is one whole NAL unit. `profile`: profile_idc and the constraint flags of H.264's
    profile-level-id, two octets as a number; 0 with other codecs.
    """

    codec: str
    payload_type: int
    rtx: int | None = None
    packetization_mode: int = 1
    profile: int = 0


@dataclass(frozen=True, slots=True)
class NegotiatedVideo:
    """One agreed video stream, seen from the bridge.

    `send`: what we send, None = there is no codec for that (the direction is receive only). `receive`: payload type ->
    format for everything the peer may send us; `repairs`: payload type of retransmissions -> that of what they repair.
    `repair_sources`: SSRC of retransmissions -> SSRC repaired, as far as the description says (RFC 5576 FID).
    `remote`, `remote_rtcp`, `sends`, `receives`, `held`, `rtcp_mux`, `rtcp_reduced_size`, `srtp_*`: as with audio.
    `send_limits`: what the peer can take; `receive_limits`: what we have said that we take, and take no more than.
    `nack`, `pli`, `fir`, `tmmbr`, `remb`, `transport_cc`: feedback that both ends know (RFC 4585, 5104, REMB,
    transport-cc). Without `pli` and `fir` key frames are asked for by INFO (RFC 5168).
    `feedback_id`: header extension of the transport-wide sequence number, in both directions; `mid`, `mid_id`: name of
    the stream in its bundle; `rid_id`, `repaired_rid_id`: of simulcast (RFC 8852); `orientation_id`: of the rotation
    (3GPP TS 26.114, "CVO"); each 0 = none. `rids`: the layers that the peer may send, as listed (RFC 8853); () = one
    stream. `parameter_sets`: H.264's SPS and PPS of the peer's description, each without start code.
    """

    receive: dict[int, VideoFormat]
    remote: tuple[str, int]
    remote_rtcp: tuple[str, int]
    send: VideoFormat | None = None
    repairs: dict[int, int] = field(default_factory=dict)
    repair_sources: dict[int, int] = field(default_factory=dict)
    sends: bool = True
    receives: bool = True
    held: bool = False
    rtcp_mux: bool = False
    rtcp_reduced_size: bool = False
    send_limits: VideoLimits = VideoLimits()
    receive_limits: VideoLimits = VideoLimits()
    nack: bool = False
    pli: bool = False
    fir: bool = False
    tmmbr: bool = False
    remb: bool = False
    transport_cc: bool = False
    feedback_id: int = 0
    mid: str = ""
    mid_id: int = 0
    rid_id: int = 0
    repaired_rid_id: int = 0
    orientation_id: int = 0
    rids: tuple[str, ...] = ()
    parameter_sets: tuple[bytes, ...] = ()
    srtp_send: SrtpKey | None = None
    srtp_receive: SrtpKey | None = None
