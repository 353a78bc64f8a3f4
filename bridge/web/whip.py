"""WHIP (RFC 9725): a camera or an encoder sends into a room, with a word that a host has made.

POST an offer -> 201 with the answer and the session's address; PATCH restarts ICE; DELETE ends it
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from bridge.errors import ProtocolError, Reason
from bridge.sdp import ice_fragment
from bridge.web.answers import ApiRoute
from bridge.web.sender import Senders, SendingLeg
from bridge.web.turn import TurnCredentials
from config.model import Room

SDP: Final = "application/sdp"

_FAILURES: Final = {
    400: "The offer or the fragment cannot be read",
    401: "The word of a host is missing, or no longer good",
    403: "The word is for another room",
    404: "There is no such session",
    406: "Nothing of the offer can be agreed to",
    412: "ICE has been restarted meanwhile",
    413: "The body is too long",
    415: "The body is of another kind",
    428: "If-Match is missing",
    503: "Nobody can come in now; Retry-After says when to try again",
}


class Pass(Protocol):
    """What a host's word is good for."""

    @property
    def room(self) -> str:
        """The number of the room."""

    @property
    def name(self) -> str:
        """What the camera is called."""


class _Held(NamedTuple):
    """A word that is good for a room."""

    word: str
    room: Room
    name: str


def whip_router(
    senders: Senders,
    find: Callable[[str], Room | None],
    opens: Callable[[str], Pass | None],
    turn: Callable[[str], TurnCredentials | None],
) -> APIRouter:
    """The routes. `find`: a room by its number; `opens`: what a word is good for; `turn`: for a leg of this name."""
    router = APIRouter(prefix="/whip", tags=["WHIP"], route_class=ApiRoute)

    def held(request: Request, number: str) -> _Held:
        word = _bearer(request)
        granted = opens(word) if word else None
        if granted is None:
            raise HTTPException(401, "a host's word is needed", {"WWW-Authenticate": "Bearer"})
        room = find(number)
        if room is None or room.number != granted.room:
            raise HTTPException(403, "the word is for another room")
        return _Held(word, room, granted.name)

    def leg_of(request: Request, number: str, session: str) -> SendingLeg:
        mine = held(request, number)
        leg = senders.find(mine.room, session)
        if leg is None or leg.word != mine.word:
            raise HTTPException(404, "no such session")
        return leg

    @router.options("/{number}", status_code=204, summary="What may be sent", responses=_told(204))
    async def options(number: str) -> Response:
        return Response(status_code=204, headers={"Accept-Post": SDP, "Allow": "OPTIONS, POST"})

    @router.post(
        "/{number}", status_code=201, summary="Send into a room", response_class=Response,
        responses=_told(201, 400, 401, 403, 406, 413, 415, 503), openapi_extra=_body(SDP),
    )  # fmt: skip
    async def begin(number: str, request: Request) -> Response:
        _only(request, SDP, {"Accept-Post": SDP})
        mine = held(request, number)
        source = request.client.host if request.client else ""
        try:
            leg, answer = await senders.open(mine.room, mine.word, mine.name, source, await request.body())
        except ProtocolError as fault:
            raise _refused(fault) from fault
        told = Response(answer, 201, {"Location": f"/whip/{number}/{leg.session}", "ETag": _tag(leg)}, SDP)
        credentials = turn(leg.id)
        for link in credentials.links() if credentials else ():
            told.headers.append("Link", link)
        return told

    @router.patch(
        "/{number}/{session}", summary="Restart ICE, or name candidates", response_class=Response,
        responses=_told(200, 204, 400, 401, 403, 404, 406, 412, 413, 415, 428),
        openapi_extra=_body(ice_fragment.MEDIA_TYPE),
    )  # fmt: skip
    async def patch(number: str, session: str, request: Request) -> Response:
        leg = leg_of(request, number, session)
        _only(request, ice_fragment.MEDIA_TYPE, {"Accept-Patch": ice_fragment.MEDIA_TYPE})
        wanted = request.headers.get("if-match")
        if wanted is None:
            raise HTTPException(428, "say If-Match")
        if wanted != "*" and _tag(leg) not in [each.strip() for each in wanted.split(",")]:
            raise HTTPException(412, "ICE has been restarted meanwhile")
        try:
            fragment = ice_fragment.parse(await request.body())
            if wanted != "*" or fragment.credentials is None:
                # The bridge answers checks and makes none, so it has no use for candidates.
                return Response(status_code=204, headers={"ETag": _tag(leg)})
            ours = leg.restart(fragment.credentials)
        except ProtocolError as fault:
            raise _refused(fault) from fault
        return Response(ours, 200, {"ETag": _tag(leg)}, ice_fragment.MEDIA_TYPE)

    @router.delete(
        "/{number}/{session}", summary="End it", response_class=Response, responses=_told(200, 401, 403, 404)
    )
    async def end(number: str, session: str, request: Request) -> Response:
        leg_of(request, number, session).hang_up(Reason.NORMAL)
        return Response(status_code=200)

    return router


def _bearer(request: Request) -> str:
    scheme, _, word = request.headers.get("authorization", "").partition(" ")
    return word.strip() if scheme.lower() == "bearer" else ""


def _only(request: Request, kind: str, said: dict[str, str]) -> None:
    """Raise HTTPException 415 for a body of another kind."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != kind:
        raise HTTPException(415, f"send {kind}", said)


def _refused(fault: ProtocolError) -> HTTPException:
    """What a fault in a description is in HTTP."""
    status = {488: 406, 481: 404, 413: 413, 513: 413}.get(fault.status, 400)
    return HTTPException(status, fault.name)


def _tag(leg: SendingLeg) -> str:
    """The entity tag of a leg's ICE session (RFC 9725 section 4.3.1)."""
    return f'"{leg.version}"'


def _body(kind: str) -> dict[str, Any]:
    """How the API's description tells of a body that is no JSON."""
    return {"requestBody": {"required": True, "content": {kind: {"schema": {"type": "string"}}}}}


def _told(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """How the API's description tells of the answers."""
    kinds = {200: ice_fragment.MEDIA_TYPE, 201: SDP}
    told: dict[int | str, dict[str, Any]] = {}
    for status in statuses:
        if status in _FAILURES:
            told[status] = {"description": _FAILURES[status]}
        else:
            content = {kinds[status]: {"schema": {"type": "string"}}} if status in kinds else {}
            told[status] = {"description": "Done", "content": content}
    return told
