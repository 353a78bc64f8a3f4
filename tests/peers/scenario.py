"""Short scenario files for SIPp: steps that many share are one element, expanded here to SIPp's own XML.

A file of `sipp/` is a list of SIPp's elements (`<pause/>`, `<recv/>`, ...) and of these:

    <invite offer="no"/>                          call; without an offer on wish
    <answered answer="yes"/>                      wait for the 200 and acknowledge it; with an answer in the ACK on wish
    <reinvite direction="sendonly" where="..."/>  change the call, wait for the 200, acknowledge it
    <tone/>                                       speak from now on
    <keys/>                                       press the driver's keys by INFO, half a second apart
    <cancel/>  <refused status="487"/>            give up, and the answer that the INVITE then gets
    <bye/>                                        hang up
    <called/>  <ended/>                           be called (180, 200, ACK); be hung up on
    <reply status="401 Unauthorized">Header: x</reply>   answer the last request
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path
from xml.sax.saxutils import quoteattr

_SDP = """v=0
o=sipp 1 {version} IN IP4 [local_ip]
s=-
c=IN IP4 {where}
t=0 0
m=audio [rtpstream_audio_port] RTP/AVP 0 101
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a={direction}"""

_REQUEST = """{method} {target} SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch={branch}
From: <sip:sipp-[call_number]@[local_ip]:[local_port]>;tag=s[pid]c[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>{to_tag}
Call-ID: [call_id]
CSeq: {sequence} {method}
Contact: <sip:sipp@[local_ip]:[local_port];transport=[transport]>
Max-Forwards: 70
"""

_REPLY = """SIP/2.0 {status}
[last_Via:]
[last_From:]
[last_To:]{tag}
[last_Call-ID:]
[last_CSeq:]
[last_Record-Route:]
Contact: <sip:sipp@[local_ip]:[local_port];transport=[transport]>
"""

_OUTSIDE = "sip:[service]@[remote_ip]:[remote_port]"
_FIRST_BRANCH = "z9hG4bK-[pid]-[call_number]-first"
_PROGRESS = "".join(f'<recv response="{status}" optional="true"/>' for status in (100, 180, 183))


class _Writer:
    """Turns the elements of one file into SIPp's, counting CSeq and SDP versions."""

    def __init__(self, keys: str) -> None:
        self._keys = keys
        self._sequence = 1
        self._version = 1

    def expand(self, element: ElementTree.Element) -> str:
        attributes = element.attrib
        match element.tag:
            case "invite":
                sdp = self._sdp() if attributes.get("offer") != "no" else ""
                return self._outside("INVITE", sdp, retransmit=True)
            case "answered":
                return _PROGRESS + self._accepted(attributes.get("answer") == "yes")
            case "reinvite":
                return self._reinvite(**attributes)
            case "tone":
                return '<nop><action><exec rtp_stream="tone.ul,-1,0,PCMU/8000"/></action></nop>'
            case "keys":
                return "".join(self._info(key) for key in self._keys)
            case "cancel":
                return self._outside("CANCEL", retransmit=True) + '<recv response="200"/>'
            case "refused":
                ack = self._outside("ACK", to_tag="[peer_tag_param]")
                return f'<recv response="{attributes["status"]}"/>{ack}'
            case "bye":
                return self._next("BYE") + '<recv response="200"/>'
            case "called":
                ringing, accepted = (
                    self._reply("180 Ringing"),
                    self._reply("200 OK", self._sdp(), retransmit=True),
                )
                return f'<recv request="INVITE"/>{ringing}{accepted}<recv request="ACK"/>'
            case "ended":
                return '<recv request="BYE"/>' + self._reply("200 OK")
            case "reply":
                extra = "".join(
                    line.strip() + "\n" for line in (element.text or "").splitlines() if line.strip()
                )
                return self._reply(attributes["status"], extra=extra)
            case _:
                return ElementTree.tostring(element, "unicode")

    def _sdp(self, direction: str = "sendrecv", where: str = "[media_ip]") -> str:
        body = _SDP.format(version=self._version, direction=direction, where=where)
        self._version += 1
        return body

    def _outside(self, method: str, sdp: str = "", *, to_tag: str = "", retransmit: bool = False) -> str:
        """A request of the first transaction: INVITE, its CANCEL, or the ACK of its refusal."""
        head = _REQUEST.format(
            method=method, target=_OUTSIDE, branch=_FIRST_BRANCH, to_tag=to_tag, sequence=1
        )
        return _send(head, sdp, retransmit=retransmit)

    def _inside(self, method: str, body: str = "", kind: str = "application/sdp") -> str:
        head = _REQUEST.format(
            method=method,
            target="[next_url]",
            branch="[branch]",
            to_tag="[peer_tag_param]",
            sequence=self._sequence,
        )
        return _send(head + "[routes]\n", body, kind, retransmit=method != "ACK")

    def _next(self, method: str, body: str = "", kind: str = "application/sdp") -> str:
        self._sequence += 1
        return self._inside(method, body, kind)

    def _accepted(self, answer: bool = False) -> str:
        return '<recv response="200" rrs="true"/>' + self._inside("ACK", self._sdp() if answer else "")

    def _reinvite(self, direction: str = "sendrecv", where: str = "[media_ip]") -> str:
        return self._next("INVITE", self._sdp(direction, where)) + _PROGRESS + self._accepted()

    def _info(self, key: str) -> str:
        info = self._next("INFO", f"Signal={key}\nDuration=160", "application/dtmf-relay")
        return info + '<recv response="200"/><pause milliseconds="500"/>'

    def _reply(self, status: str, sdp: str = "", *, extra: str = "", retransmit: bool = False) -> str:
        # In a request within a dialog the tag is there already, and SIPp would copy it with [last_To:].
        tag = ";tag=s[pid]c[call_number]" if sdp or status.startswith(("180", "401")) else ""
        return _send(_REPLY.format(status=status, tag=tag) + extra, sdp, retransmit=retransmit)


def _send(head: str, body: str, kind: str = "application/sdp", *, retransmit: bool) -> str:
    content = f"Content-Type: {kind}\n" if body else ""
    timer = ' retrans="500"' if retransmit else ""
    return f"<send{timer}><![CDATA[\n\n{head}{content}Content-Length: [len]\n\n{body}\n\n]]></send>\n"


def expand(path: Path, keys: str) -> str:
    """The scenario file at `path` as SIPp wants it; `keys` are what `<keys/>` presses."""
    writer = _Writer(keys)
    root = ElementTree.fromstring(path.read_text())
    steps = "\n".join(writer.expand(element) for element in root)
    return f'<?xml version="1.0" encoding="us-ascii"?>\n<scenario name={quoteattr(path.stem)}>\n{steps}\n</scenario>\n'
