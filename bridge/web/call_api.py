"""The part of the client API that is about calls: offers, answers, and what belongs to them.

Annotations here are read by FastAPI at run time, so they are not postponed.
"""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Response

from bridge.errors import ProtocolError, Reason
from bridge.rooms.keypad import KEYS
from bridge.web import bodies
from bridge.web.access import Access
from bridge.web.answers import NO_MEDIA, answer, success
from bridge.web.client import Client
from bridge.web.clients import Clients
from bridge.web.gate import Gate
from bridge.web.media import NoMediaError
from bridge.web.protocol import CALL_GONE, DISABLED, SENTENCES
from bridge.web.refusal import RefusedError
from bridge.web.steering import undone

MOST_KEYS: Final = 32

Alias = Annotated[str, Path(max_length=128, description="A room's number or another of its names")]
Uuid = Annotated[str, Path(max_length=64, description="A participant")]
Word = Annotated[str, Path(max_length=64)]
Call = Annotated[str, Path(max_length=64, description="A call")]


def add_calls(router: APIRouter, clients: Clients, person: str) -> None:
    """Add the routes of calls to a router; `person`: the path of a participant."""
    own = Annotated[Client, Depends(Gate(Access.OWN, clients))]
    call_path = f"{person}/calls/{{call}}"

    @router.post(f"{person}/calls", responses=NO_MEDIA)
    async def calls(alias: Alias, uuid: Uuid, client: own, body: bodies.CallAsked) -> Response:
        """Offer a peer connection; it takes the place of the one before."""
        if body.call_type != "WEBRTC" or body.present:
            raise RefusedError(403, DISABLED, reason="off")
        try:
            sdp = await client.leg.offer(body.sdp.encode("utf-8", "replace"))
        except ProtocolError as fault:
            raise _rejected(fault) from fault
        except NoMediaError as fault:
            raise RefusedError(504, SENTENCES[Reason.MEDIA_LOST], reason=str(fault)) from fault
        return success({"call_uuid": client.leg.call, "sdp": sdp.decode()})

    @router.post(f"{call_path}/ack")
    async def ack(
        alias: Alias, uuid: Uuid, call: Call, client: own, body: bodies.Empty | None = None
    ) -> Response:
        """The answer has been taken."""
        _standing(client, call)
        return success(True)

    @router.post(f"{call_path}/new_candidate")
    async def new_candidate(
        alias: Alias, uuid: Uuid, call: Call, client: own, body: bodies.Candidate
    ) -> Response:
        """A candidate of the peer's: we check none, and learn from its own checks where it is (RFC 8445, lite)."""
        _standing(client, call)
        return success(None)

    @router.post(f"{call_path}/update")
    async def update(alias: Alias, uuid: Uuid, call: Call, client: own, body: bodies.Update) -> Response:
        """Offer something else on the same peer connection; new ICE credentials restart ICE."""
        _standing(client, call)
        try:
            sdp = await client.leg.reoffer(call, body.sdp.encode("utf-8", "replace"))
        except ProtocolError as fault:
            raise _rejected(fault) from fault
        return success({"call_uuid": call, "sdp": sdp.decode()})

    @router.post(f"{call_path}/disconnect")
    async def disconnect(alias: Alias, uuid: Uuid, call: Call, client: own) -> Response:
        """End the media and stay."""
        _standing(client, call)
        client.leg.drop_media()
        return success(None)

    @router.post(f"{call_path}/dtmf")
    async def dtmf(
        alias: Alias,
        uuid: Uuid,
        call: Call,
        client: Annotated[Client, Depends(Gate(Access.OWN_INSIDE, clients))],
        body: bodies.Keys,
    ) -> Response:
        """Press keys of one's own keypad."""
        _standing(client, call)
        return answer(press(client, body.digits))


def press(client: Client, digits: str) -> dict[str, Any]:
    """Press keys, one after the other; what is said of it is for the API's answer."""
    if not 0 < len(digits) <= MOST_KEYS or not KEYS.issuperset(digits):
        return undone("out-of-range")
    for digit in digits:
        client.leg.key(digit)
    return {"status": "success", "result": True}


def _standing(client: Client, call: str) -> None:
    if not client.leg.is_call(call):
        raise RefusedError(403, CALL_GONE, reason="no-such-call")


def _rejected(fault: ProtocolError) -> RefusedError:
    return RefusedError(400, SENTENCES[Reason.NOT_ACCEPTABLE], reason=fault.name)
