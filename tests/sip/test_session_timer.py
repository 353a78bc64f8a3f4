"""Session timers (RFC 4028): who refreshes, how, what happens when nobody does; and never sooner than 90 s."""

from __future__ import annotations

import pytest

from bridge.sip import commands, events
from bridge.sip.settings import AgentSettings
from tests.sip.desk import (
    ANSWER,
    LISTENERS,
    OFFER,
    Desk,
    Peer,
    answer_to,
    requests,
    responses,
    set_up,
    statuses,
    told,
)

UPDATES = "Allow: INVITE, ACK, BYE, UPDATE\r\n"


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def peer() -> Peer:
    return Peer()


def agreed(desk: Desk) -> tuple[str | None, bool]:
    ok = [each for each in responses(desk.log) if each.status == 200 and each.cseq.method == "INVITE"][-1]
    return ok.headers.get("Session-Expires"), "timer" in ok.require


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("", (None, False)),
        ("Supported: timer\r\n", ("1800;refresher=uac", True)),
        ("Supported: timer\r\nSession-Expires: 300\r\n", ("300;refresher=uac", True)),
        ("Supported: timer\r\nSession-Expires: 300;refresher=uas\r\n", ("300;refresher=uas", True)),
        ("Supported: timer\r\nx: 7200;refresher=uac\r\n", ("1800;refresher=uac", True)),
        ("Supported: timer\r\nSession-Expires: 7200\r\nMin-SE: 3600\r\n", ("3600;refresher=uac", True)),
        ("Session-Expires: 300\r\n", ("300;refresher=uas", False)),
        ("Session-Expires: 300;refresher=uac\r\n", ("300;refresher=uas", False)),
    ],
)
def test_what_is_agreed(desk: Desk, peer: Peer, more: str, expected: tuple[str | None, bool]) -> None:
    set_up(desk, peer, more)
    assert agreed(desk) == expected


@pytest.mark.parametrize("seconds", [0, 1, 60, 89])
def test_too_short_gets_422(desk: Desk, peer: Peer, seconds: int) -> None:
    more = f"Supported: timer\r\nSession-Expires: {seconds}\r\n"
    (answer,) = responses(desk.receive(peer.request("INVITE", OFFER, more)))
    assert (answer.status, answer.headers.get("Min-SE")) == (422, "90")
    set_up(desk, peer)
    assert statuses(desk.receive(peer.request("UPDATE", more=more))) == [422]


@pytest.mark.parametrize(("seconds", "agrees"), [(60, None), (120, "120;refresher=uas")])
def test_who_cannot_read_a_422_gets_none(peer: Peer, seconds: int, agrees: str | None) -> None:
    """A proxy asked for him: what is valid is taken, though shorter than we like; what is not is left out."""
    desk = Desk(AgentSettings(LISTENERS, min_se_s=300))
    set_up(desk, peer, f"Session-Expires: {seconds}\r\n")
    assert agreed(desk) == (agrees, False)
    assert [each.method for each in requests(desk.sleep(60.1))] == ([] if agrees is None else ["INVITE"])


def test_as_refresher_we_send_update_at_half_time(desk: Desk, peer: Peer) -> None:
    call = set_up(desk, peer, "Supported: timer\r\nSession-Expires: 200;refresher=uas\r\n" + UPDATES)
    out = desk.sleep(100.1)
    (refresh,) = requests(out)
    assert (out[-1][0], refresh.method, refresh.body) == (100.0, "UPDATE", b"")
    assert refresh.headers.get("Session-Expires") == "200;refresher=uac"
    desk.receive(answer_to(refresh, 200, "Session-Expires: 200;refresher=uac\r\n"))
    out = desk.sleep(100.1)
    assert [each.method for each in requests(out)] == ["UPDATE"]
    assert told(out) == []
    assert desk.agent.live["calls"] == 1
    assert call


def test_without_update_it_is_a_reinvite_with_what_we_said_last(desk: Desk, peer: Peer) -> None:
    set_up(desk, peer, "Supported: timer\r\nSession-Expires: 200;refresher=uas\r\n")
    (refresh,) = requests(desk.sleep(100.1))
    assert (refresh.method, refresh.body) == ("INVITE", ANSWER)
    ok = answer_to(
        refresh, 200, "Session-Expires: 200;refresher=uac\r\nContact: <sip:k@192.0.2.77>\r\n", OFFER
    )
    out = desk.receive(ok)
    assert [each.method for each in requests(out)] == ["ACK"]
    assert told(out) == []  # nothing changed
    assert desk.receive(ok) == [out[0]]


def test_update_refused_falls_back_to_reinvite(desk: Desk, peer: Peer) -> None:
    set_up(desk, peer, "Supported: timer\r\nSession-Expires: 200;refresher=uas\r\n" + UPDATES)
    (refresh,) = requests(desk.sleep(100.1))
    desk.receive(answer_to(refresh, 405))
    assert [each.method for each in requests(desk.sleep(0.1))] == ["INVITE"]


@pytest.mark.parametrize(("role", "when"), [("uac", 200 - 32), ("uas", 200 - 32)])
def test_without_refresh_the_call_ends(desk: Desk, peer: Peer, role: str, when: float) -> None:
    call = set_up(desk, peer, f"Supported: timer\r\nSession-Expires: 200;refresher={role}\r\n")
    log = desk.sleep(when + 1)
    ended = [each for each in log if isinstance(each[1], events.CallEnded)]
    if role == "uac":
        assert ended == [(when, events.CallEnded(call, events.Ending.SESSION_EXPIRED))]
    else:
        # Our refresh met silence: the other side is gone, and was so after 32 s.
        assert ended == [(132.0, events.CallEnded(call, events.Ending.GONE, 408))]
    assert requests(log)[-1].method in ("BYE",)
    desk.sleep(70)
    assert desk.quiet()


@pytest.mark.parametrize("method", ["UPDATE", "INVITE"])
def test_their_refresh_keeps_it_alive(desk: Desk, peer: Peer, method: str) -> None:
    call = set_up(desk, peer, "Supported: timer\r\nSession-Expires: 200;refresher=uac\r\n")
    for _ in range(5):
        desk.sleep(100)
        more = "Supported: timer\r\nSession-Expires: 200;refresher=uac\r\n"
        desk.receive(peer.request(method, OFFER if method == "INVITE" else b"", more))
        if method == "INVITE":
            desk.feed(commands.AnswerReinvite(call, ANSWER))
            desk.receive(peer.request("ACK", cseq=peer.cseq))
    assert desk.agent.live["calls"] == 1
    assert isinstance(told(desk.sleep(300))[-1], events.CallEnded)


def test_a_refresh_without_session_expires_ends_the_timer(desk: Desk, peer: Peer) -> None:
    set_up(desk, peer, "Supported: timer\r\nSession-Expires: 200;refresher=uac\r\n")
    desk.receive(peer.request("UPDATE"))
    assert desk.sleep(10_000) == []


def test_a_refresh_that_meets_491_is_tried_again(desk: Desk, peer: Peer) -> None:
    set_up(desk, peer, "Supported: timer\r\nSession-Expires: 200;refresher=uas\r\n" + UPDATES)
    (refresh,) = requests(desk.sleep(100.1))
    desk.receive(answer_to(refresh, 491))
    out = desk.sleep(2)
    assert next(each.method for each in requests(out)) == "UPDATE"


def test_a_dialled_call_refreshes_as_agreed(desk: Desk) -> None:
    hop = commands.Hop("udp", "192.0.2.9", 5060)
    (invite,) = requests(
        desk.feed(commands.Invite("out", "sip:bob@192.0.2.9", "sip:1001@mcu", OFFER, hop=hop))
    )
    assert invite.headers.get("Session-Expires") == "1800"
    more = "Contact: <sip:bob@192.0.2.9>\r\nSession-Expires: 400;refresher=uac\r\nAllow: UPDATE\r\n"
    desk.receive(answer_to(invite, 200, more, ANSWER))
    out = desk.sleep(201)
    assert next(each.method for each in requests(out)) == "UPDATE"


def test_422_to_our_refresh_raises_the_interval(desk: Desk, peer: Peer) -> None:
    set_up(desk, peer, "Supported: timer\r\nSession-Expires: 200;refresher=uas\r\n" + UPDATES)
    (refresh,) = requests(desk.sleep(100.1))
    desk.receive(answer_to(refresh, 422, "Min-SE: 600\r\n"))
    (again,) = requests(desk.sleep(0.1))
    assert again.headers.get("Session-Expires") == "600;refresher=uac"
    assert again.headers.get("Min-SE") == "600"
