"""Commands of the API that have no meaning here yet, each with the answer of a server on which that is switched off."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from bridge.web.access import Access
from bridge.web.protocol import DISABLED


class Off(NamedTuple):
    """One route that does nothing. `status` and `result` are what is answered, `why` is for the reader."""

    access: Access
    status: int
    result: Any
    why: str


def _refused(access: Access, why: str) -> Off:
    return Off(access, 403, DISABLED, why)


_SEATS: Final = "seats are reserved for interpreters and spotlights only"
_SLIDES: Final = "everybody who has pictures sees the slides"
_SHAPE: Final = "all pictures are 16:9"
_CAPTIONS: Final = "there are no captions"
_MIXES: Final = "there is one mix of sound, and one of pictures"
_BREAKOUTS: Final = "rooms are not divided"
_CLOCK: Final = "there is no clock in pictures yet"

CONFERENCE: Final[dict[str, Off]] = {
    "set_guests_can_see_guests": _refused(Access.HOST, "everybody in the room sees everybody"),
    "set_clock": _refused(Access.HOST, _CLOCK),
    "set_pinning_config": _refused(Access.HOST, _SEATS),
    "silent_video_detection": _refused(Access.HOST, "a camera is not looked at for what it shows"),
    "breakouts": _refused(Access.HOST, _BREAKOUTS),
    "breakoutbuzz": _refused(Access.INSIDE, _BREAKOUTS),
    "clearbreakoutbuzz": _refused(Access.INSIDE, _BREAKOUTS),
    "video_mixes/create": _refused(Access.HOST, _MIXES),
    "video_mixes/{mix}/configure": _refused(Access.HOST, _MIXES),
    "video_mixes/{mix}/delete": _refused(Access.HOST, _MIXES),
}
"""POST .../{name}."""

PARTICIPANT: Final[dict[str, Off]] = {
    "allowrxpresentation": _refused(Access.HOST, _SLIDES),
    "denyrxpresentation": _refused(Access.HOST, _SLIDES),
    "fecc": _refused(Access.INSIDE, "no camera can be steered"),
    "show_live_captions": _refused(Access.OWN_INSIDE, _CAPTIONS),
    "hide_live_captions": Off(Access.OWN_INSIDE, 200, None, _CAPTIONS),
    "layout_group": _refused(Access.HOST, _MIXES),
    "send_to_audio_mixes": _refused(Access.HOST, _MIXES),
    "receive_from_audio_mix": _refused(Access.HOST, _MIXES),
    # Clients say these by themselves, now and then: answered without fuss, and without effect.
    "preferred_aspect_ratio": Off(Access.OWN, 200, False, _SHAPE),
    "notify_not_afk": Off(Access.OWN, 200, False, "nobody is sent away for being quiet"),
}
"""POST .../participants/{uuid}/{name}."""

CALL: Final[dict[str, Off]] = {
    "fecc": _refused(Access.OWN_INSIDE, "no camera can be steered"),
    # What a client measures of its own call: we measure for ourselves, and keep nothing of this.
    "statistics": Off(Access.OWN, 200, None, "measured here"),
}
"""POST .../participants/{uuid}/calls/{call}/{name}."""
