"""The client API: the names and shapes of Pexip's client REST API v2, and what is ours besides.

Every route has one `Gate`, which says who may use it; a test makes its table from the routes. Annotations here are
read by FastAPI at run time, so they are not postponed.
"""

import inspect
import re
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from bridge.errors import Reason
from bridge.leg import Called
from bridge.rooms import commands
from bridge.rooms.commands import How
from bridge.rooms.participant import Place, Role
from bridge.text import clean_name
from bridge.web import bodies, features, steering
from bridge.web.access import Access
from bridge.web.answers import LATE, RESPONSES, ApiRoute, answer, failed, success
from bridge.web.call_api import Alias, Uuid, Word, add_calls, press
from bridge.web.client import Client
from bridge.web.clients import Clients, Entered
from bridge.web.events import EventStream
from bridge.web.gate import Gate, TicketGate, Unguarded
from bridge.web.layout_drawings import DRAWINGS
from bridge.web.newcomers import Entry
from bridge.web.protocol import (
    BUSY,
    DIAL_FAILED,
    LOBBY,
    SENTENCES,
    TOKEN_ROLES,
    VERSION,
    conference_state,
    participant,
    service_type,
)
from bridge.web.refusal import RefusedError
from bridge.web.roster import INSIDE, visible
from config.secret import Secret
from mixer.layout import NAMES

BASE: Final = "/api/client/v2/conferences/{alias}"
PERSON: Final = "/participants/{uuid}"

Handler = Callable[..., Coroutine[Any, Any, Response]]


def client_router(clients: Clients) -> APIRouter:
    """All routes of the client API."""
    router = APIRouter(prefix=BASE, route_class=ApiRoute, tags=["client"], responses=RESPONSES)
    _add_tokens(router, clients)
    _add_reading(router, clients)
    for name, steered in steering.CONFERENCE.items():
        _add_steering(router, clients, f"/{name}", steered)
    for name, steered in steering.PARTICIPANT.items():
        _add_steering(router, clients, f"{PERSON}/{name}", steered)
    _add_more_for_conferences(router, clients)
    _add_more_for_participants(router, clients)
    add_calls(router, clients, PERSON)
    for prefix, offs in (
        ("", features.CONFERENCE), (PERSON, features.PARTICIPANT), (f"{PERSON}/calls/{{call}}", features.CALL)
    ):  # fmt: skip
        for name, off in offs.items():
            _add_off(router, clients, f"{prefix}/{name}", off)
    return router


# -- tokens -----------------------------------------------------------------------------------------------------------


def _add_tokens(router: APIRouter, clients: Clients) -> None:
    anybody = Annotated[Client, Depends(Gate(Access.ANY, clients))]

    @router.post("/request_token", responses=LATE, dependencies=[Depends(Unguarded())])
    async def request_token(
        request: Request,
        alias: Alias,
        body: bodies.TokenAsked | None = None,
        pin: Annotated[str | None, Header(max_length=1024)] = None,
    ) -> Response:
        """Come to a room: without a PIN, with one (`pin`, also as a header), or back to a seat (`resume`)."""
        body = body or bodies.TokenAsked()
        entry = Entry(
            alias=alias,
            source=request.client.host if request.client else "",
            display_name=body.display_name,
            pin=body.pin if body.pin is not None else pin,
            call_tag=body.call_tag or "",
            resume=body.resume or "",
            referral=body.token or "",
        )
        return success(_entered(clients, await clients.enter(entry)))

    @router.post("/refresh_token")
    async def refresh_token(alias: Alias, client: anybody) -> Response:
        """A new token, before the old one ends."""
        person = clients.board(client).person(client.id)
        role = TOKEN_ROLES[person.role if person is not None else Role.GUEST]
        return success({"token": clients.refresh(client), "expires": str(clients.token_s), "role": role})

    @router.post("/release_token")
    async def release_token(alias: Alias, client: anybody, body: bodies.Empty | None = None) -> Response:
        """Leave."""
        client.leg.hang_up(Reason.NORMAL)
        return success(True)

    @router.post("/events_ticket")
    async def events_ticket(alias: Alias, client: anybody) -> Response:
        """A word that opens `events` and nothing else, good for a minute (ours)."""
        return success({"ticket": clients.ticket(client), "expires": str(clients.ticket_s)})

    @router.get("/events")
    async def events(
        alias: Alias,
        client: Annotated[Client, Depends(TicketGate(Access.ANY, clients))],
        last: Annotated[str, Header(alias="last-event-id", max_length=128)] = "",
        last_event_id: Annotated[str, Query(max_length=128)] = "",
    ) -> Response:
        """What happens, as server-sent events; what was missed since `Last-Event-ID` comes first."""
        stream = EventStream(client, clients.board(client), last or last_event_id)
        if not stream.attach():
            raise RefusedError(429, BUSY, 1)
        return stream

    @router.post("/whip_token")
    async def whip_token(
        alias: Alias,
        client: Annotated[Client, Depends(Gate(Access.HOST, clients))],
        body: bodies.WhipAsked | None = None,
    ) -> Response:
        """Let a camera or an encoder in by WHIP (ours)."""
        name = clean_name(body.name if body is not None else "") or "camera"
        link = clients.surroundings.invitation(client.room).whip
        return success({
            "token": clients.whip_token(client, name), "url": link, "expires": str(clients.whip_s)
        })  # fmt: skip


def _entered(clients: Clients, entered: Entered) -> dict[str, Any]:
    """What somebody is told who has got a token."""
    client, room = entered.client, entered.client.room
    person = clients.board(client).person(client.id)
    place, role = (person.place, person.role) if person is not None else (Place.WAITING, Role.GUEST)
    servers = clients.surroundings.servers(client.id)
    return {
        "token": entered.token,
        "expires": str(clients.token_s),
        "participant_uuid": client.id,
        "display_name": client.leg.display_name,
        "role": TOKEN_ROLES[role],
        "service_type": "conference",
        "current_service_type": service_type(place),
        "conference_name": room.name or room.number,
        "call_tag": client.call_tag,
        "call_type": "video" if clients.shows(room) else "audio",
        "chat_enabled": room.chat,
        "guests_can_present": clients.board(client).focus.conference.guests_can_present,
        "fecc_enabled": False,
        "rtmp_enabled": False,
        "rtsp_enabled": False,
        "allow_1080p": False,
        "vp9_enabled": False,
        "analytics_enabled": False,
        "breakout_rooms": False,
        "direct_media": False,
        "trickle_ice_enabled": True,
        "use_relay_candidates_only": False,
        # Libraries take an empty list of STUN servers for a server without a name.
        **({"stun": servers.stun} if servers.stun else {}),
        "turn": servers.turn,
        "version": VERSION,
        # Ours.
        "lobby": LOBBY[place],
        "resume": entered.key,
    }


# -- what is read -----------------------------------------------------------------------------------------------------


def _add_reading(router: APIRouter, clients: Clients) -> None:
    inside = Annotated[Client, Depends(Gate(Access.INSIDE, clients))]
    host = Annotated[Client, Depends(Gate(Access.HOST, clients))]

    @router.get("/conference_status")
    async def conference_status(alias: Alias, client: inside) -> Response:
        """What holds for the whole conference."""
        return success(conference_state(clients.board(client).focus.conference, client.room))

    @router.get("/participants")
    async def participants(alias: Alias, client: inside) -> Response:
        """Everybody the asker may know of."""
        board = clients.board(client)
        return success([
            participant(each, clients.epoch, clients.tag(each.leg), board.last_spoken(each.leg))
            for each in visible(board.focus.conference.people, client.id)
        ])  # fmt: skip

    @router.get("/available_layouts")
    async def available_layouts(alias: Alias, client: inside, annotate: bool = False) -> Response:
        """The names of the layouts."""
        return success([{"name": name, "tags": []} for name in NAMES] if annotate else list(NAMES))

    @router.get("/layout_svgs")
    async def layout_svgs(alias: Alias, client: inside) -> Response:
        """A drawing of each layout, as SVG."""
        return success(DRAWINGS)

    @router.get("/theme", status_code=204, response_class=Response, responses={204: {"description": "None"}})
    @router.get("/theme/", status_code=204, response_class=Response, responses={204: {"description": "None"}})
    async def theme(alias: Alias, client: Annotated[Client, Depends(Gate(Access.ANY, clients))]) -> Response:
        """There are no screens for calls from one to one: nothing."""
        return Response(status_code=204)

    @router.get("/get_message_text")
    async def get_message_text(alias: Alias, client: inside) -> Response:
        """The line that everybody is shown."""
        return success({"text": clients.board(client).focus.conference.banner})

    @router.get("/get_clock")
    async def get_clock(alias: Alias, client: inside) -> Response:
        """The clock in everybody's picture: there is none."""
        return success({})

    @router.get("/invitation")
    async def invitation(alias: Alias, client: host) -> Response:
        """How others find this room; never with a PIN (ours)."""
        found = clients.surroundings.invitation(client.room)
        return success({"number": found.number, "sip": found.sip, "link": found.link})

    @router.get(f"{PERSON}/avatar.jpg", responses=LATE)
    async def avatar(alias: Alias, uuid: Uuid, client: inside) -> Response:
        """Nobody has a picture of his own here."""
        return failed(404, "No image available")


# -- commands ---------------------------------------------------------------------------------------------------------


def _add_steering(router: APIRouter, clients: Clients, path: str, steered: steering.Steering) -> None:
    """A route whose command is in the table."""

    async def steer(client: Client, uuid: str = "", body: Any = None, **_: str) -> Response:
        made = steered.make(client.id, uuid, body)
        if made is None:
            return answer(steering.undone("off"))
        asked = made if isinstance(made, tuple) else (made,)
        happened = [event for each in asked for event in clients.board(client).focus.ask(each)]
        return answer(steering.outcome(happened, client.id, steered.told))

    _add(router, path, steered.about, steer, Gate(steered.access, clients), steered.body)


def _add_off(router: APIRouter, clients: Clients, path: str, off: features.Off) -> None:
    """A route that does nothing."""

    async def nothing(**_: Any) -> Response:
        return success(off.result) if off.status == 200 else failed(off.status, off.result, reason="off")

    _add(router, path, f"Off: {off.why}", nothing, Gate(off.access, clients))


def _add(
    router: APIRouter,
    path: str,
    about: str,
    handler: Handler,
    gate: Gate,
    body: type[bodies.Body] | None = None,
) -> None:
    """A route of a table: FastAPI is told what its handler takes, as the path and the table say."""
    given: dict[str, Any] = dict.fromkeys(re.findall(r"{(\w+)}", path), Word)
    given |= {"alias": Alias, "client": Annotated[Client, Depends(gate)]}
    parameters = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=kind)
        for name, kind in given.items()
    ]
    if body is not None:
        wanted = bool(body.model_json_schema().get("required"))
        default = inspect.Parameter.empty if wanted else body()
        parameters.append(
            inspect.Parameter("body", inspect.Parameter.KEYWORD_ONLY, annotation=body, default=default)
        )
    handler.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    name = re.sub(r"\W+", "_", path).strip("_")
    router.add_api_route(path, handler, methods=["POST"], name=name, summary=about, operation_id=name)


def _add_more_for_conferences(router: APIRouter, clients: Clients) -> None:
    host = Annotated[Client, Depends(Gate(Access.HOST, clients))]

    @router.post("/dial")
    async def dial(alias: Alias, client: host, body: bodies.DialAsked) -> Response:
        """Call somebody into the room, as far as the configuration allows."""
        target = body.destination if ":" in body.destination else f"sip:{body.destination}"
        role = Role.GUEST if body.role.lower() == "guest" else Role.HOST
        called = clients.surroundings.dial(client.id, clients.board(client).focus, target, role)
        if isinstance(called, Called):
            return success([called.leg])
        raise RefusedError(403, DIAL_FAILED, reason=called)

    @router.post("/clearspotlights")
    async def clearspotlights(alias: Alias, client: host) -> Response:
        """Show nobody large any more."""
        focus = clients.board(client).focus
        for person in focus.conference.people:
            if person.spotlight_since is not None:
                steering.outcome(focus.ask(commands.Spotlight(client.id, person.leg, False)), client.id)
        return success(True)


def _add_more_for_participants(router: APIRouter, clients: Clients) -> None:
    own_or_host = Annotated[Client, Depends(Gate(Access.OWN_OR_HOST, clients))]

    @router.post(f"{PERSON}/disconnect")
    async def disconnect(alias: Alias, uuid: Uuid, client: own_or_host) -> Response:
        """Leave; hosts: remove somebody, or decline one who knocks."""
        if uuid == client.id:
            client.leg.hang_up(Reason.NORMAL)
            return success(True)
        board = clients.board(client)
        person = board.person(uuid)
        if person is not None and person.place is Place.KNOCKING:
            happened = board.focus.ask(commands.Decline(client.id, uuid, How.API))
        else:
            happened = board.focus.ask(commands.Kick(client.id, uuid))
        return answer(steering.outcome(happened, client.id))

    @router.post(f"{PERSON}/dtmf")
    async def dtmf(
        alias: Alias,
        uuid: Uuid,
        client: Annotated[Client, Depends(Gate(Access.OWN_INSIDE_OR_HOST, clients))],
        body: bodies.Keys,
    ) -> Response:
        """Press keys of one's own keypad; hosts: send keys to somebody's equipment."""
        if uuid == client.id:
            return answer(press(client, body.digits))
        happened = clients.board(client).focus.ask(commands.SendKeys(client.id, uuid, body.digits))
        return answer(steering.outcome(happened, client.id))

    own = Annotated[Client, Depends(Gate(Access.OWN, clients))]

    @router.post(f"{PERSON}/client_mute")
    async def client_mute(alias: Alias, uuid: Uuid, client: own) -> Response:
        """One's own device sends silence. Nobody is shown it of one who waits: it is to be said again inside."""
        return answer(_client_muted(clients, client, True))

    @router.post(f"{PERSON}/client_unmute")
    async def client_unmute(alias: Alias, uuid: Uuid, client: own) -> Response:
        """One's own device sends sound."""
        return answer(_client_muted(clients, client, False))

    @router.post(f"{PERSON}/transfer")
    async def transfer(
        alias: Alias,
        uuid: Uuid,
        client: Annotated[Client, Depends(Gate(Access.HOST, clients))],
        body: bodies.TransferAsked,
    ) -> Response:
        """Send somebody to another room."""
        role = None if body.role is None else Role(body.role)
        pin = Secret(body.pin) if body.pin else None
        happened = await clients.reception.transfer(
            clients.board(client).focus, client.leg, uuid, body.conference_alias, role, pin
        )
        if isinstance(happened, Reason):
            raise RefusedError(403, SENTENCES[happened], reason=happened.value)
        return answer(steering.outcome(happened, client.id))


def _client_muted(clients: Clients, client: Client, on: bool) -> dict[str, Any]:
    board = clients.board(client)
    if board.view(client) not in INSIDE:
        return steering.outcome((), client.id)
    return steering.outcome(board.focus.ask(commands.ClientMute(client.id, on)), client.id)
