"""One call by aiosip 0.2.0, an independent client: INVITE with SDP, ACK, keys by INFO, BYE.

    python -m tests.peers.aiosip_call HOST PORT USER KEYS      prints one JSON object with the status of each step

aiosip is of 2017: two names that Python has taken away since are put back here, in this process only, and it is taught
to read parameters without a value, like the `isfocus` of our Contact (RFC 4579).
"""

from __future__ import annotations

import asyncio
import collections
import collections.abc
import json
import sys
import types
from typing import Any

asyncio.coroutine = types.coroutine  # type: ignore[attr-defined]
collections.MutableMapping = collections.abc.MutableMapping  # type: ignore[attr-defined]

import aiosip  # noqa: E402 - needs the names above
from aiosip.contact import Contact  # noqa: E402
from aiosip.param import Param  # noqa: E402


def _read_params(params: dict[str, str], text: str = "") -> None:
    dict.__init__(params, [item.partition("=")[::2] for item in text.split(";")] if text else [])


Param.__init__ = _read_params

SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 42000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
)


async def call(host: str, port: int, user: str, keys: str) -> dict[str, Any]:
    """Call, press keys, hang up; returns the status codes."""
    loop = asyncio.get_running_loop()
    app = aiosip.Application(loop=loop)
    dialog = await app.start_dialog(
        from_uri="sip:aiosip@127.0.0.1:42060",
        to_uri=f"sip:{user}@{host}:{port}",
        local_addr=("127.0.0.1", 42060),
        remote_addr=(host, port),
    )
    answered = await asyncio.wait_for(
        dialog.send_message("INVITE", content_type="application/sdp", payload=SDP), timeout=5
    )
    inside = Contact.from_header(answered.headers["To"])
    dialog.cseqs["ACK"] = dialog.cseqs["INVITE"] - 1
    dialog.send_message("ACK", to_details=inside)
    dialog.cseqs["INFO"] = dialog.cseqs["INVITE"]
    statuses: dict[str, Any] = {"INVITE": answered.status_code, "INFO": []}
    for key in keys:
        told = await asyncio.wait_for(
            dialog.send_message(
                "INFO",
                to_details=inside,
                content_type="application/dtmf-relay",
                payload=f"Signal={key}\r\nDuration=160\r\n",
            ),
            timeout=5,
        )
        statuses["INFO"].append(told.status_code)
        await asyncio.sleep(0.2)
    dialog.cseqs["BYE"] = dialog.cseqs["INFO"]
    statuses["BYE"] = (
        await asyncio.wait_for(dialog.send_message("BYE", to_details=inside), timeout=5)
    ).status_code
    return statuses


if __name__ == "__main__":
    host, port, user, keys = sys.argv[1:5]
    print(json.dumps(asyncio.run(call(host, int(port), user, keys))))
