"""The client API's shapes: people and conferences as JSON values, and what refusals are called.

Names and types are those of Pexip's client REST API v2, with its mixture of "YES"/"NO" and booleans; what is ours
besides is marked so. Numbers and names go into JSON only, where the encoder escapes them.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from bridge.errors import Reason
from bridge.rooms.conference import Conference
from bridge.rooms.entry import Asks, asks
from bridge.rooms.participant import Participant, Place, Role
from config.model import Room

# Of the API, not of this program: which version that is, is nobody's business.
VERSION: Final = {"version_id": "2", "pseudo_version": "2.0.0"}

INVALID_TOKEN: Final = "Invalid token"  # noqa: S105
INVALID_ROLE: Final = "Invalid role"
DISABLED: Final = "Disabled"
BUSY: Final = "Too many requests"
ICE_FAILURE: Final = "Ice failure"
CALL_GONE: Final = "Call disconnected"
DIAL_FAILED: Final = "Gateway dial out failed"

# Sentences that existing clients know. Declined and not answered look the same, as they sound the same by telephone.
SENTENCES: Final[dict[Reason, str]] = {
    Reason.NORMAL: "Call disconnected",
    Reason.UNKNOWN_ROOM: "Neither conference nor gateway found",
    Reason.NOT_ACCEPTABLE: "Call rejected",
    Reason.BAD_PIN: "Invalid PIN",
    Reason.NO_ANSWER: "Participant exceeded PIN entry retries",
    Reason.FULL: "Participant limit reached",
    Reason.DECLINED: "Timeout waiting for conference host to join or permit access to locked conference",
    Reason.HOST_ABSENT: "Timeout waiting for conference host to join or permit access to locked conference",
    Reason.KICKED: "Disconnected by another participant",
    Reason.ENDED: "Conference terminated by another participant",
    Reason.TRANSFERRED: "Call disconnected",
    Reason.REPLACED: "Call disconnected",
    Reason.MEDIA_LOST: "Media process disconnected",
    Reason.SIGNALLING_LOST: "Timer expired awaiting token refresh",
    Reason.OVERLOADED: "Out of resource",
    Reason.SHUTDOWN: "System in maintenance mode",
    Reason.FAULT: "Resource unavailable",
}

STATUSES: Final[dict[Reason, int]] = {
    Reason.UNKNOWN_ROOM: 404,
    Reason.BAD_PIN: 403,
    Reason.FULL: 403,
    Reason.OVERLOADED: 503,
    Reason.SHUTDOWN: 503,
}
"""The HTTP status of a request for a token that is refused for this reason; any other is 403."""

SENT_AWAY: Final = frozenset((Reason.KICKED, Reason.DECLINED, Reason.ENDED))
"""The reasons for which a host has ended somebody's stay: nothing that he still has lets him, or his camera, in."""

LOBBY: Final = {Place.WAITING: "waiting", Place.KNOCKING: "knocking", Place.INSIDE: None}
ROLES: Final = {Role.HOST: "chair", Role.GUEST: "guest"}
TOKEN_ROLES: Final = {Role.HOST: "HOST", Role.GUEST: "GUEST"}

_encoder = msgspec.json.Encoder()


def encoded(value: Any) -> bytes:
    """A value as one line of JSON."""
    return _encoder.encode(value)


def code(reason: Reason) -> str:
    """The reason as our own clients read it. Whoever is declined learns no more than that nobody let him in."""
    return Reason.DECLINED.value if reason is Reason.HOST_ABSENT else reason.value


def disconnected(reason: Reason) -> dict[str, str]:
    """What a client is told when it is all over; `code` is ours."""
    return {"reason": SENTENCES[reason], "code": code(reason)}


def service_type(place: Place) -> str:
    """Where somebody is, in the API's words: who waits for a host and who knocks are in the same waiting room."""
    return "conference" if place is Place.INSIDE else "waiting_room"


def pin_wanted(room: Room) -> dict[str, Any]:
    """What a request without a PIN is told in a room that wants one."""
    guest = "none" if asks(room) is Asks.PIN_OR_HASH else "required"
    return {"pin": "required", "guest_pin": guest, "version": VERSION}


def yes(on: bool) -> str:
    """A boolean as upstream writes some of them."""
    return "YES" if on else "NO"


def participant(
    person: Participant, epoch: float, call_tag: str = "", last_spoken: float = 0.0
) -> dict[str, Any]:
    """Somebody on the roll. `epoch`: Unix time at which the monotonic clock was 0; `last_spoken` [Unix seconds]."""
    has_pictures = person.pictures.camera or person.pictures.watches
    return {
        "uuid": person.leg,
        "display_name": person.name,
        "overlay_text": person.overlay or person.name,
        "role": ROLES[person.role],
        "service_type": service_type(person.place),
        "protocol": _protocol(person),
        "call_direction": "out" if person.outgoing else "in",
        "call_tag": call_tag,
        "encryption": "On" if person.encrypted else "Off",
        "has_media": person.media,
        "is_muted": yes(person.muted),
        "is_client_muted": person.client_muted,
        "is_video_muted": person.video_muted,
        "is_video_silent": False,
        "is_audio_only_call": yes(person.media and not has_pictures),
        "is_video_call": yes(person.media and has_pictures),
        "is_presenting": yes(person.presenting_since is not None),
        "is_streaming_conference": False,
        "is_transferring": False,
        "is_external": False,
        "is_conjoined": False,
        "buzz_time": _unix(person.hand_since, epoch),
        "spotlight": _unix(person.spotlight_since, epoch),
        "last_spoken_time": last_spoken,
        "start_time": _unix(person.since, epoch),
        "disconnect_supported": "YES",
        "mute_supported": yes(person.media),
        "transfer_supported": "YES",
        "fecc_supported": "NO",
        "presentation_supported": yes(person.pictures.slides),
        "rx_presentation_policy": "ALLOW" if person.pictures.watches else "DENY",
        "needs_presentation_in_mix": person.slides_in_mix is True,
        "supports_direct_chat": person.way == "web",
        "can_receive_personal_mix": False,
        "receive_from_video_mix": {"mix_name": "main", "timestamp": 0},
        "external_node_uuid": "",
        "local_alias": "",
        "uri": "",
        "vendor": "",
        # Ours.
        "is_on_hold": person.held,
        "is_connection_lost": person.silent,
        "muted_by_host": person.host_muted,
        "video_muted_by_host": person.host_video_muted,
        "is_interpreter": person.interpreter_since is not None,
        "lobby": LOBBY[person.place],
    }


def _protocol(person: Participant) -> str:
    if person.way == "sip":
        return "sip"
    return "webrtc" if person.media else "api"


def _unix(since: float | None, epoch: float) -> float:
    return 0.0 if since is None else round(since + epoch, 3)


def conference_state(conference: Conference, room: Room) -> dict[str, Any]:
    """What holds for the whole conference; only those inside are told."""
    return {
        "locked": conference.locked,
        "started": conference.started,
        "guests_muted": conference.guests_muted,
        "all_muted": False,
        "guests_can_unmute": conference.guests_can_unmute,
        "guests_can_present": conference.guests_can_present,
        "presentation_allowed": conference.shows,
        "chat_enabled": room.chat,
        "live_captions_available": False,
        "direct_media": False,
        "breakout": False,
        "breakout_rooms": False,
        "streaming": False,
        "recording": False,
        "message_text": conference.banner,
    }


def layout(conference: Conference, role: Role) -> dict[str, Any]:
    """How the pictures are arranged for those with this role who are not shown themselves: who stands there, by seat.

    Who stands there himself sees all the others, and the next one in line in his own place. `view` is another one than
    was asked for where an interpreter needs it.
    """
    host, guest = conference.layouts
    return {
        "view": conference.picture_layout(role),
        "participants": list(conference.stage(role)),
        "requested_layout": {"primary_screen": {"chair_layout": host, "guest_layout": guest}},
        "overlay_text_enabled": conference.names,
    }


def stage(talking: tuple[str, ...], shown: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """Who is shown, by seat, and who else talks; of how loudly, only that is known."""
    order = (*shown, *(leg for leg in talking if leg not in shown))
    return [
        {"participant_uuid": leg, "stage_index": index, "vad": 100 if leg in talking else 0}
        for index, leg in enumerate(order)
    ]


def presentation(presenter: Participant | None) -> dict[str, str]:
    """Who shows slides; told of nobody to the one who may no longer, and stops by that."""
    if presenter is None:
        return {"presenter_name": "", "presenter_uri": "", "presenter_uuid": ""}
    return {
        "presenter_name": presenter.overlay or presenter.name,
        "presenter_uri": presenter.leg,
        "presenter_uuid": presenter.leg,
    }
