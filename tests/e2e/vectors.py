"""Odd and hostile messages with what may come back: our own core of them, and all that lie beside the project.

What `expect` says: a final status; "accept" (any but a parse error); "drop" (no answer, one counter goes up); "close"
(the connection is closed); "pong". Alternatives are split by "|".
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

DATA = Path(__file__).parents[1] / "data"
SHARED = Path(__file__).parents[2] / ".." / "shared" / "vectors"


@dataclass(frozen=True, slots=True)
class Vector:
    """One entry. `transport`: udp, tcp, tls, sip-body (the body of an INVITE) or media."""

    name: str
    kind: str
    transport: str
    expect: str
    data: bytes

    @property
    def allowed(self) -> set[str]:
        """The alternatives."""
        return {word.strip() for word in self.expect.replace(" x2", "").split("|")}


def shared(*kinds: str) -> list[Vector]:
    """The entries of these kinds that lie beside the project, if any do."""
    if not (SHARED / "manifest.json").exists():
        return []
    return [
        Vector(
            each["name"],
            each["kind"],
            each["transport"],
            each["expect"],
            (SHARED / each["file"]).read_bytes(),
        )
        for each in json.loads((SHARED / "manifest.json").read_text())
        if each["kind"] in kinds
    ]


def core() -> list[Vector]:
    """Our own."""
    return [
        Vector(Path(name).stem, Path(name).parts[0], transport, expect, (DATA / name).read_bytes())
        for name, (transport, expect) in _CORE.items()
    ]


_PARSE_ERRORS = (400, 416, 505, 513)


def fits(vector: Vector, finals: list[int], closed: bool = False, ponged: bool = False) -> bool:
    """Whether what came back is one of the alternatives."""
    for word in vector.allowed:
        match word:
            case "accept" | "accept-no-send":
                found = bool(finals) and not any(each in _PARSE_ERRORS for each in finals)
            case "drop" | "stun-reply":
                found = not finals
            case "close":
                found = closed
            case "pong":
                found = ponged
            case status:
                found = finals[:1] == [int(status)]
        if found:
            return len(finals) == 2 or "x2" not in vector.expect
    return False


_CORE = {
    "sip/ack-stray.sip": ("udp", "drop"),
    "sip/authorization-no-params.sip": ("udp", "405|400|401|403|501"),
    "sip/binary-tls-on-udp.sip": ("udp", "drop"),
    "sip/challenge-our-bye.sip": ("udp", "drop"),
    "sip/compact-headers.sip": ("udp", "200"),
    "sip/contact-missing.sip": ("udp", "400"),
    "sip/content-length-arabic.sip": ("tcp", "400|close"),
    "sip/content-length-junk.sip": ("tcp", "400|close"),
    "sip/cseq-overflow.sip": ("udp", "400"),
    "sip/fold-3000.sip": ("tcp", "400|513|accept|close"),
    "sip/from-tag-missing.sip": ("udp", "accept|400"),
    "sip/haproxy-proto-forged.bin": ("tcp", "400|close"),
    "sip/headers-2000.sip": ("tcp", "400|513|431|close"),
    "sip/lf-only.sip": ("udp", "accept|400|drop"),
    "sip/lync-multipart-alternative.sip": ("tls", "200"),
    "sip/max-forwards-huge.sip": ("udp", "400|accept|483"),
    "sip/multipart-nest-200.sip": ("tcp", "400|415|488|413|close"),
    "sip/multipart-no-end.sip": ("udp", "400|415|488|accept"),
    "sip/multipart-sdp-second.sip": ("udp", "accept"),
    "sip/name-bidi-override.sip": ("udp", "accept"),
    "sip/name-control-chars.sip": ("udp", "accept|400"),
    "sip/name-empty-quoted.sip": ("udp", "accept"),
    "sip/name-invalid-utf8.sip": ("udp", "accept|400"),
    "sip/name-long-4k.sip": ("udp", "accept|400|413"),
    "sip/name-newline-escaped.sip": ("udp", "400|accept|drop"),
    "sip/no-content-length-tcp.sip": ("tcp", "400|close"),
    "sip/no-empty-line.sip": ("udp", "400|accept|drop"),
    "sip/quotes-backslash-20k.sip": ("tcp", "400|accept|513|close"),
    "sip/request-smuggle-body.sip": ("tcp", "405|403|401|404|481"),
    "sip/room-fullwidth-digits.sip": ("udp", "404|400|403|480|603"),
    "sip/room-negative.sip": ("udp", "404|400|403|480|603"),
    "sip/room-percent-digits.sip": ("udp", "accept|404|403|480|603"),
    "sip/room-pin-in-uri.sip": ("udp", "accept|404|403|403|480|603"),
    "sip/room-traversal.sip": ("udp", "404|400|403|480|603"),
    "sip/slowloris-part.sip": ("tcp", "close"),
    "sip/stun-on-sip.sip": ("udp", "drop|stun-reply"),
    "sip/tandberg-tc.sip": ("tcp", "200"),
    "sip/two-in-one-segment.sip": ("tcp", "accept x2"),
    "sip/udp-one-byte.sip": ("udp", "drop"),
    "sip/via-100.sip": ("udp", "accept|400|513|drop"),
    "sip/via-received-forged.sip": ("udp", "accept"),
    "sdp/baresip-offer-dtls.sdp": ("sip-body", "200"),
    "sdp/baresip-offer-plain.sdp": ("sip-body", "200"),
    "sdp/baresip-offer-srtp-mand.sdp": ("sip-body", "200"),
    "sdp/baresip-offer-srtp-mandf.sdp": ("sip-body", "200"),
    "sdp/baresip-offer-srtp.sdp": ("sip-body", "200"),
    "sdp/device-cisco-ce-multistream.sdp": ("sip-body", "200"),
    "sdp/device-compact-headers.sdp": ("sip-body", "200"),
    "sdp/device-gateway-t38.sdp": ("sip-body", "200"),
    "sdp/device-hold-zero-address.sdp": ("sip-body", "200"),
    "sdp/device-huawei-viewpoint.sdp": ("sip-body", "200"),
    "sdp/device-ipv6-only.sdp": ("sip-body", "200|488"),
    "sdp/device-lync-multipart-alternative-1.sdp": ("sip-body", "488"),
    "sdp/device-lync-multipart-alternative-2.sdp": ("sip-body", "200"),
    "sdp/device-opus-mono-cbr-phone.sdp": ("sip-body", "200"),
    "sdp/device-pbx-duplicate-ptime.sdp": ("sip-body", "200"),
    "sdp/device-polycom-hdx.sdp": ("sip-body", "200"),
    "sdp/device-tandberg-tc.sdp": ("sip-body", "200"),
    "sdp/device-webrtc-browser-wss.sdp": ("sip-body", "200"),
    "sdp/device-yealink-vc.sdp": ("sip-body", "200"),
    "sdp/linphone-offer-plain.sdp": ("sip-body", "200"),
    "sdp/linphone-offer-srtp.sdp": ("sip-body", "200"),
    "sdp/sdp-bandwidth-zero.sdp": ("sip-body", "accept|488"),
    "sdp/sdp-bundle-unknown-mid.sdp": ("sip-body", "accept|488|400"),
    "sdp/sdp-candidate-broken.sdp": ("sip-body", "accept|488|400"),
    "sdp/sdp-connection-hostname.sdp": ("sip-body", "accept|488|400"),
    "sdp/sdp-connection-mapped-v6.sdp": ("sip-body", "488|400|accept-no-send"),
    "sdp/sdp-connection-multicast.sdp": ("sip-body", "488|400|accept-no-send"),
    "sdp/sdp-crypto-bad-base64.sdp": ("sip-body", "488"),
    "sdp/sdp-crypto-short-key.sdp": ("sip-body", "488"),
    "sdp/sdp-direction-conflict.sdp": ("sip-body", "accept"),
    "sdp/sdp-extmap-id-0-and-256.sdp": ("sip-body", "accept|488|400"),
    "sdp/sdp-fingerprint-md5.sdp": ("sip-body", "488|400"),
    "sdp/sdp-fmtp-no-params.sdp": ("sip-body", "488|accept|400"),
    "sdp/sdp-ice-ufrag-long.sdp": ("sip-body", "488|400"),
    "sdp/sdp-lf-only.sdp": ("sip-body", "accept"),
    "sdp/sdp-missing-v.sdp": ("sip-body", "488|400"),
    "sdp/sdp-mline-removed.sdp": ("sip-body", "488|400|accept"),
    "sdp/sdp-no-connection.sdp": ("sip-body", "488|400"),
    "sdp/sdp-nul-bytes.sdp": ("sip-body", "accept|488|400"),
    "sdp/sdp-port-5060-signalling.sdp": ("sip-body", "488|accept-no-send"),
    "sdp/sdp-port-70000.sdp": ("sip-body", "488|400"),
    "sdp/sdp-proto-unknown.sdp": ("sip-body", "488|accept"),
    "sdp/sdp-ptime-zero.sdp": ("sip-body", "accept|488|400"),
    "sdp/sdp-rtpmap-odd.sdp": ("sip-body", "accept|488|400"),
    "sdp/sdp-savp-no-crypto.sdp": ("sip-body", "488"),
    "sdp/style-asterisk.sdp": ("sip-body", "200"),
    "sdp/style-border-controller.sdp": ("sip-body", "200"),
    "sdp/style-desk-phone-two-profiles.sdp": ("sip-body", "200"),
    "sdp/style-freeswitch-savp.sdp": ("sip-body", "200"),
    "sdp/style-volte-handset.sdp": ("sip-body", "488|200"),
}
