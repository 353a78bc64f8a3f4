"""The shapes of the client API: every field that its users need, of the type that they check for."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.errors import Reason
from bridge.rooms.conference import Conference
from bridge.rooms.participant import Participant, Pictures, Place, Role
from bridge.web.protocol import (
    SENTENCES,
    code,
    conference_state,
    disconnected,
    encoded,
    layout,
    participant,
    pin_wanted,
    stage,
)
from config.model import Room, RoomKind
from config.secret import Secret

YES_NO = {"YES", "NO"}
# What the public client library requires of a participant; types as in JSON.
REQUIRED: dict[str, Any] = {
    "buzz_time": float, "call_direction": {"in", "out"}, "disconnect_supported": YES_NO, "display_name": str,
    "encryption": {"On", "Off"}, "external_node_uuid": str, "fecc_supported": YES_NO, "has_media": bool,
    "is_audio_only_call": YES_NO, "is_external": bool, "is_muted": YES_NO, "is_presenting": YES_NO,
    "is_streaming_conference": bool, "is_video_call": YES_NO, "is_video_muted": bool, "is_video_silent": bool,
    "local_alias": str, "mute_supported": YES_NO, "overlay_text": str,
    "protocol": {"api", "webrtc", "sip", "rtmp", "h323", "mssip", ""}, "role": {"chair", "guest"},
    "rx_presentation_policy": {"ALLOW", "DENY"},
    "service_type": {"connecting", "waiting_room", "ivr", "conference", "lecture", "gateway", "test_call"},
    "spotlight": float, "start_time": float, "supports_direct_chat": bool, "transfer_supported": YES_NO,
    "uuid": str, "can_receive_personal_mix": bool, "receive_from_video_mix": dict,
}  # fmt: skip

flags = st.booleans()
anybody = st.builds(
    Participant, st.text(min_size=1, max_size=12), st.text(max_size=70), st.sampled_from(Role),
    st.sampled_from(Place), st.floats(0, 1e6), way=st.sampled_from(["sip", "web", "whip"]), media=flags,
    host_muted=flags, self_muted=flags, held=flags, silent=flags, encrypted=flags, outgoing=flags,
    client_muted=flags, hand_since=st.none() | st.floats(0, 1e6), spotlight_since=st.none() | st.floats(0, 1e6),
    overlay=st.none() | st.text(max_size=20), pictures=st.builds(Pictures, flags, flags, flags, flags),
    host_video_muted=flags, self_video_muted=flags, interpreter_since=st.none() | st.floats(0, 1e6),
    presenting_since=st.none() | st.floats(0, 1e6), slides_in_mix=st.none() | flags,
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(anybody)
def test_a_participant_has_what_is_required(person: Participant) -> None:
    shown = participant(person, 1_700_000_000.0)
    for name, kind in REQUIRED.items():
        if isinstance(kind, set):
            assert shown[name] in kind, name
        else:
            assert type(shown[name]) is kind, name
    assert (shown["service_type"] == "conference") is (person.place is Place.INSIDE)


def test_times_are_wallclock_and_zero_is_never() -> None:
    person = Participant("a", "A", Role.GUEST, Place.INSIDE, 10.0, hand_since=12.5)
    shown = participant(person, 1_700_000_000.0)
    assert (shown["start_time"], shown["buzz_time"], shown["spotlight"]) == (
        1_700_000_010.0,
        1_700_000_012.5,
        0.0,
    )


def test_everybody_comes_in_his_own_way() -> None:
    def protocol(way: str, media: bool) -> object:
        return participant(Participant("a", "A", Role.GUEST, Place.INSIDE, 0.0, way=way, media=media), 0.0)[
            "protocol"
        ]

    assert [protocol("sip", True), protocol("web", False), protocol("web", True), protocol("whip", True)] == [
        "sip", "api", "webrtc", "webrtc",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", 'a"b\\c', "x\u2028y", "é\u0000", "\x1b[31m", "مرحبا", "{{7*7}}"]
)
def test_a_name_is_one_line_of_json(name: str) -> None:
    line = encoded(participant(Participant("a", name, Role.GUEST, Place.INSIDE, 0.0), 0.0))
    assert b"\n" not in line and b"\r" not in line and b"\x1b" not in line
    assert json.loads(line)["display_name"] == name


HOST = Secret("generated")


@pytest.mark.parametrize(
    ("room", "guest_pin"),
    [
        (Room("1", RoomKind.HOST_PIN, host_pin=HOST), "none"),
        (Room("1", RoomKind.AUTO_LOCK, host_pin=HOST), "none"),
        (Room("1", RoomKind.HOST_PIN, host_pin=HOST, allow_guests=False), "required"),
        (Room("1", RoomKind.HOST_GUEST_PIN, host_pin=HOST, guest_pin=HOST), "required"),
    ],
)
def test_which_pins_are_wanted(room: Room, guest_pin: str) -> None:
    wanted = pin_wanted(room)
    assert (wanted["pin"], wanted["guest_pin"]) == ("required", guest_pin)
    assert {type(value) for value in wanted["version"].values()} == {str}


def test_every_reason_has_a_sentence_and_declined_looks_like_not_answered() -> None:
    assert set(SENTENCES) == set(Reason)
    assert disconnected(Reason.DECLINED) == disconnected(Reason.HOST_ABSENT)
    assert code(Reason.KICKED) == "kicked"


def test_a_conference_has_what_is_required() -> None:
    room = Room("1", RoomKind.AUTO_LOCK, host_pin=HOST, chat=True)
    state = conference_state(Conference(room), room)
    assert (state["locked"], state["started"], state["guests_muted"], state["chat_enabled"]) == (
        True,
        False,
        False,
        True,
    )
    host = layout(Conference(room), Role.HOST)
    assert (host["view"], host["participants"]) == ("1:7", [])
    assert host["overlay_text_enabled"] is True
    assert host["requested_layout"] == {"primary_screen": {"chair_layout": "1:7", "guest_layout": "1:7"}}
    assert stage(("b", "a")) == [
        {"participant_uuid": "b", "stage_index": 0, "vad": 100},
        {"participant_uuid": "a", "stage_index": 1, "vad": 100},
    ]
    assert stage(("c", "b"), ("a", "b")) == [
        {"participant_uuid": "a", "stage_index": 0, "vad": 0},
        {"participant_uuid": "b", "stage_index": 1, "vad": 100},
        {"participant_uuid": "c", "stage_index": 2, "vad": 100},
    ]
