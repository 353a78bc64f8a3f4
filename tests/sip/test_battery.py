"""The battery: each promise of a user agent server that a raw peer can check, from INVITE to the last copy."""

from __future__ import annotations

import pytest

from bridge.sip import commands, events
from bridge.sip.framing import StreamFramer
from tests.sip.desk import (
    ANSWER,
    OFFER,
    TCP,
    THEIRS,
    UDP,
    Desk,
    Peer,
    Room,
    answer_to,
    drops,
    messages,
    requests,
    responses,
    set_up,
    statuses,
    told,
)
from tests.sip.samples import response


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def peer() -> Peer:
    return Peer()


def ringing(desk: Desk, peer: Peer, more: str = "") -> tuple[str, bytes]:
    invite = peer.request("INVITE", OFFER, more)
    out = desk.receive(invite)
    call = next(each.call for each in out if isinstance(each, events.IncomingCall))
    peer.learn(desk.feed(commands.Ring(call)))
    return call, invite


def test_a_basic_call(desk: Desk, peer: Peer) -> None:
    out = desk.receive(peer.request("INVITE", OFFER))
    assert statuses(out) == [100]
    assert not responses(out)[0].to.tag
    incoming = told(out)[0]
    assert isinstance(incoming, events.IncomingCall)
    assert (incoming.dialled.user, incoming.sender.display, incoming.offer) == ("1001", "Kari", OFFER)
    out = desk.feed(commands.Ring(incoming.call))
    assert statuses(out) == [180]
    peer.learn(out)
    (ok,) = responses(desk.feed(commands.Answer(incoming.call, ANSWER)))
    assert (ok.status, ok.body, ok.to.tag) == (200, ANSWER, peer.to_tag)
    assert ok.headers.get("Contact") == "<sip:1001@203.0.113.1:5060>;isfocus"
    assert set(ok.allow) >= {"INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "INFO", "UPDATE", "PRACK"}
    assert told(desk.receive(peer.request("ACK", cseq=1))) == [events.AckReceived(incoming.call, None)]
    assert desk.sleep(30) == []
    out = desk.receive(peer.request("BYE", more='Reason: SIP;cause=200;text="done"\r\n'))
    assert statuses(out) == [200]
    assert told(out) == [events.CallEnded(incoming.call, events.Ending.BYE, 0, 'SIP;cause=200;text="done"')]
    assert statuses(desk.sleep(64)) == []
    assert desk.quiet()


def test_copies_of_the_invite_while_ringing_get_the_180_again(desk: Desk, peer: Peer) -> None:
    _, invite = ringing(desk, peer)
    for _ in range(11):
        out = desk.receive(invite)
        assert statuses(out) == [180]
        assert told(out) == []
        assert responses(out)[0].to.tag == peer.to_tag


def test_copies_of_the_invite_after_the_answer_make_nothing_new(desk: Desk, peer: Peer) -> None:
    call, invite = ringing(desk, peer)
    desk.feed(commands.Answer(call, ANSWER))
    assert told(desk.receive(invite)) == []
    desk.receive(peer.request("ACK", cseq=1))
    for _ in range(11):
        assert desk.receive(invite) == []
    assert desk.agent.live["calls"] == 1


def test_the_200_is_resent_until_the_ack(desk: Desk, peer: Peer) -> None:
    call, _ = ringing(desk, peer)
    desk.feed(commands.Answer(call, ANSWER))
    out = desk.sleep(4)
    assert [when for when, _ in out] == [0.5, 1.5, 3.5]
    assert statuses(out) == [200, 200, 200]
    assert told(desk.receive(peer.request("ACK", cseq=1))) == [events.AckReceived(call, None)]
    assert drops(desk.receive(peer.request("ACK", cseq=1))) == ["ack-copy"]
    assert desk.sleep(100) == []


def test_without_an_ack_the_call_ends_after_32_s(desk: Desk, peer: Peer) -> None:
    call, _ = ringing(desk, peer)
    desk.feed(commands.Answer(call, ANSWER))
    out = desk.sleep(33)
    assert [when for when, each in out if isinstance(each, events.SendOn)][:8] == [
        0.5,
        1.5,
        3.5,
        7.5,
        11.5,
        15.5,
        19.5,
        23.5,
    ]
    assert (32.0, events.CallEnded(call, events.Ending.NO_ACK)) in out
    bye = requests(out)[0]
    assert bye.method == "BYE"
    desk.receive(answer_to(bye, 200))
    desk.sleep(40)
    assert desk.quiet()


def test_a_refusal_is_resent_until_its_ack(desk: Desk, peer: Peer) -> None:
    call, invite = ringing(desk, peer)
    out = desk.feed(commands.Reject(call, 486))
    assert statuses(out) == [486]
    assert told(out) == [events.CallEnded(call, events.Ending.LOCAL, 486)]
    copies = desk.sleep(4)
    assert [when for when, _ in copies] == [0.5, 1.5, 3.5]
    assert statuses(copies) == [486, 486, 486]
    assert statuses(desk.receive(invite)) == [486]
    branch = "z9hG4bK-c1@client-f1-1"
    assert desk.receive(peer.request("ACK", cseq=1, branch=branch, contact=False)) == []
    assert desk.sleep(40) == []
    assert desk.quiet()


def test_a_refusal_carries_retry_after_and_phrase(desk: Desk, peer: Peer) -> None:
    call, _ = ringing(desk, peer)
    (refusal,) = responses(desk.feed(commands.Reject(call, 503, 12, "Full")))
    assert (refusal.status, refusal.phrase, refusal.headers.get("Retry-After")) == (503, "Full", "12")


def test_cancel_ends_the_call(desk: Desk, peer: Peer) -> None:
    call, _ = ringing(desk, peer)
    to_tag, peer.to_tag = peer.to_tag, ""
    cancel = peer.request("CANCEL", cseq=1, branch="z9hG4bK-c1@client-f1-1", contact=False)
    out = desk.receive(cancel)
    assert [(each.status, each.cseq.method) for each in responses(out)] == [(200, "CANCEL"), (487, "INVITE")]
    assert {each.to.tag for each in responses(out)} == {to_tag}
    assert told(out) == [events.CallEnded(call, events.Ending.CANCEL, 487)]
    assert statuses(desk.receive(cancel)) == [200]
    assert drops(desk.feed(commands.Answer(call, ANSWER))) == ["command-late"]
    desk.sleep(70)
    assert desk.quiet()


def test_cancel_after_the_answer_changes_nothing(desk: Desk, peer: Peer) -> None:
    call, _ = ringing(desk, peer)
    desk.feed(commands.Answer(call, ANSWER))
    to_tag, peer.to_tag = peer.to_tag, ""
    out = desk.receive(peer.request("CANCEL", cseq=1, branch="z9hG4bK-c1@client-f1-1", contact=False))
    assert statuses(out) == [200]
    assert told(out) == []
    peer.to_tag = to_tag
    assert told(desk.receive(peer.request("ACK", cseq=1))) == [events.AckReceived(call, None)]


@pytest.mark.parametrize("method", ["CANCEL", "BYE", "INFO", "UPDATE", "PRACK", "NOTIFY"])
def test_what_needs_a_dialog_and_has_none_gets_481(desk: Desk, peer: Peer, method: str) -> None:
    assert statuses(desk.receive(peer.request(method))) == [481]
    peer.to_tag = "guessed"
    assert statuses(desk.receive(peer.request(method))) == [481]
    assert desk.quiet()


def test_a_wrong_tag_is_not_the_dialog(desk: Desk, peer: Peer) -> None:
    set_up(desk, peer)
    stranger = Peer(tag="f2")
    stranger.to_tag = peer.to_tag
    assert statuses(desk.receive(stranger.request("BYE", cseq=9))) == [481]
    assert statuses(desk.receive(peer.request("BYE"))) == [200]


def test_options_says_what_we_can(desk: Desk, peer: Peer) -> None:
    ask = peer.request("OPTIONS")
    (one,) = responses(desk.receive(ask))
    (copy,) = responses(desk.receive(ask))
    assert one.status == 200
    assert one.to.tag
    assert one.to.tag == copy.to.tag
    assert (
        one.headers.get(
            "Accept",
        )
        is not None
    )
    assert {"timer", "100rel"} <= set(one.supported)
    assert "Server" not in one.headers
    assert "User-Agent" not in one.headers
    assert len(one.serialise()) <= 2 * len(ask)
    assert one.to.tag != responses(desk.receive(peer.request("OPTIONS")))[0].to.tag


@pytest.mark.parametrize(
    ("method", "status"),
    [
        ("FETCH", 501),
        ("invite", 501),
        ("REGISTER", 405),
        ("MESSAGE", 405),
        ("REFER", 405),
        ("SUBSCRIBE", 489),
        ("PUBLISH", 489),
    ],
)
def test_methods_that_we_do_not_serve(desk: Desk, peer: Peer, method: str, status: int) -> None:
    (answer,) = responses(desk.receive(peer.request(method)))
    assert answer.status == status
    if status in (405, 501):
        assert "INVITE" in answer.allow
    assert desk.quiet()


@pytest.mark.parametrize(
    ("method", "status"),
    [("REFER", 603), ("SUBSCRIBE", 489), ("NOTIFY", 481), ("MESSAGE", 405), ("FETCH", 501), ("OPTIONS", 200)],
)
def test_the_same_in_a_dialog(desk: Desk, peer: Peer, method: str, status: int) -> None:
    set_up(desk, peer)
    assert statuses(desk.receive(peer.request(method))) == [status]
    assert desk.agent.live["calls"] == 1


def test_an_unknown_extension_gets_420(desk: Desk, peer: Peer) -> None:
    (answer,) = responses(
        desk.receive(peer.request("INVITE", OFFER, "Require: timer, nothingSupportsThis\r\n"))
    )
    assert (answer.status, answer.headers.get("Unsupported")) == (420, "nothingsupportsthis")
    assert statuses(desk.receive(peer.request("OPTIONS", more="Require: other\r\n"))) == [420]
    set_up(desk, peer)
    assert statuses(desk.receive(peer.request("INFO", more="Require: other\r\n"))) == [420]


def test_routes_of_our_bye(desk: Desk, peer: Peer) -> None:
    record = "Record-Route: <sip:p1.example.com;lr>\r\nRecord-Route: <sip:p2.example.com;lr>\r\n"
    call = set_up(desk, peer, record)
    ok = next(each for each in responses(desk.log) if each.status == 200)
    assert ok.headers.get_all("Record-Route") == ["<sip:p1.example.com;lr>", "<sip:p2.example.com;lr>"]
    (bye,) = requests(desk.feed(commands.Bye(call, 'SIP;cause=200;text="over"')))
    assert bye.uri == "sip:kari@192.0.2.77:5060"
    assert bye.headers.get_all("Route") == ["<sip:p1.example.com;lr>", "<sip:p2.example.com;lr>"]
    assert bye.headers.get("Reason") == 'SIP;cause=200;text="over"'
    assert (bye.from_.tag, bye.to.tag) == (peer.to_tag, "f1")


def test_with_rport_the_answer_goes_to_the_source(desk: Desk, peer: Peer) -> None:
    via = "Via: SIP/2.0/UDP 10.0.0.9:5099;branch=z9hG4bK-x;rport\r\n"
    (out,) = desk.receive(peer.request("OPTIONS", vias=via))
    assert isinstance(out, events.SendOn)
    assert out.flow == UDP
    assert "rport=5060" in str(response(out.data).via)
    assert response(out.data).via.received == THEIRS[0]


def test_without_rport_the_answer_goes_to_received_and_sent_by(desk: Desk, peer: Peer) -> None:
    via = "Via: SIP/2.0/UDP client.example.net:5099;branch=z9hG4bK-x;maddr=127.0.0.1\r\n"
    (out,) = desk.receive(peer.request("OPTIONS", vias=via))
    assert isinstance(out, events.SendOn)
    assert out.flow.remote == (THEIRS[0], 5099)
    assert response(out.data).via.received == THEIRS[0]
    assert "rport" not in str(response(out.data).via)


def test_a_reinvite_is_answered(desk: Desk, peer: Peer) -> None:
    call = set_up(desk, peer)
    out = desk.receive(peer.request("INVITE", OFFER + b"a=sendonly\r\n"))
    assert statuses(out) == [100]
    assert told(out) == [events.Reinvited(call, OFFER + b"a=sendonly\r\n")]
    (ok,) = responses(desk.feed(commands.AnswerReinvite(call, ANSWER)))
    assert (ok.status, ok.body) == (200, ANSWER)
    assert [when for when, _ in desk.sleep(1)] == [0.5]
    assert told(desk.receive(peer.request("ACK", cseq=2))) == [events.AckReceived(call, None)]
    assert desk.sleep(10) == []


def test_a_reinvite_refused_leaves_the_call(desk: Desk, peer: Peer) -> None:
    call = set_up(desk, peer)
    desk.receive(peer.request("INVITE", OFFER, branch="z9hG4bK-re"))
    assert statuses(desk.feed(commands.AnswerReinvite(call, None, 488))) == [488]
    desk.receive(peer.request("ACK", cseq=2, branch="z9hG4bK-re"))
    assert desk.agent.live["calls"] == 1
    assert statuses(desk.receive(peer.request("BYE"))) == [200]


def test_a_reinvite_without_offer_gets_ours_and_the_ack_answers(desk: Desk, peer: Peer) -> None:
    call = set_up(desk, peer)
    out = desk.receive(peer.request("INVITE"))
    assert told(out) == [events.Reinvited(call, None)]
    desk.feed(commands.AnswerReinvite(call, ANSWER))
    # Our offer is open until the ACK: another one from them would cross it.
    assert statuses(desk.receive(peer.request("INVITE", OFFER))) == [491]
    assert told(desk.receive(peer.request("ACK", OFFER, cseq=2))) == [events.AckReceived(call, OFFER)]


def test_a_reinvite_while_one_is_open_gets_500(desk: Desk, peer: Peer) -> None:
    call = set_up(desk, peer)
    desk.receive(peer.request("INVITE", OFFER))
    (answer,) = responses(desk.receive(peer.request("INVITE", OFFER)))
    assert answer.status == 500
    assert answer.headers.get("Retry-After") == "5"
    assert statuses(desk.feed(commands.AnswerReinvite(call, ANSWER))) == [200]


def test_a_reinvite_across_ours_gets_491(desk: Desk, peer: Peer) -> None:
    call = set_up(desk, peer)
    desk.feed(commands.Reinvite(call, ANSWER))
    assert statuses(desk.receive(peer.request("INVITE", OFFER))) == [491]


def test_out_of_order_requests_get_500(desk: Desk, peer: Peer) -> None:
    set_up(desk, peer)
    peer.cseq = 10
    assert statuses(desk.receive(peer.request("INFO"))) == [200]
    assert statuses(desk.receive(peer.request("INFO", cseq=5))) == [500]


def test_info_carries_keys(desk: Desk, peer: Peer) -> None:
    call = set_up(desk, peer)
    out = desk.receive(peer.request("INFO", b"Signal=5\r\nDuration=160\r\n", kind="application/dtmf-relay"))
    assert statuses(out) == [200]
    assert told(out) == [events.DigitReceived(call, "5", 160)]
    out = desk.receive(peer.request("INFO", b"#", kind="application/dtmf"))
    assert told(out) == [events.DigitReceived(call, "#")]
    copy = peer.request("INFO", b"1", kind="application/dtmf")
    assert [len(told(desk.receive(copy))) for _ in range(11)] == [1] + [0] * 10


def test_info_asks_for_a_key_frame(desk: Desk, peer: Peer) -> None:
    call = set_up(desk, peer)
    body = b"<media_control><vc_primitive><to_encoder><picture_fast_update/></to_encoder></vc_primitive>"
    out = desk.receive(peer.request("INFO", body, kind="application/media_control+xml"))
    assert told(out) == [events.PictureFastUpdate(call)]
    bomb = b'<!DOCTYPE x [<!ENTITY a "b">]>' + body
    assert statuses(desk.receive(peer.request("INFO", bomb, kind="application/media_control+xml"))) == [400]


@pytest.mark.parametrize(
    ("kind", "body", "more", "status"),
    [
        ("application/dtmf-relay", b"Signal=x", "", 400),
        ("application/dtmf-relay", b"", "", 200),
        ("text/plain", b"hello", "", 415),
        ("text/plain", b"hello", "Info-Package: foo\r\n", 469),
        ("application/dtmf", b"1", "Content-Encoding: gzip\r\n", 415),
    ],
)
def test_info_that_says_nothing_to_us(
    desk: Desk, peer: Peer, kind: str, body: bytes, more: str, status: int
) -> None:
    set_up(desk, peer)
    out = desk.receive(peer.request("INFO", body, more, kind))
    assert statuses(out) == [status]
    assert told(out) == []


def test_update_refreshes_or_offers(desk: Desk, peer: Peer) -> None:
    call = set_up(desk, peer)
    out = desk.receive(peer.request("UPDATE"))
    assert statuses(out) == [200]
    assert told(out) == []
    out = desk.receive(peer.request("UPDATE", OFFER))
    assert told(out) == [events.UpdateReceived(call, OFFER)]
    assert statuses(desk.receive(peer.request("UPDATE", OFFER))) == [500]
    (ok,) = responses(desk.feed(commands.AnswerReinvite(call, ANSWER)))
    assert (ok.status, ok.body, ok.cseq.method) == (200, ANSWER, "UPDATE")
    assert desk.sleep(20) == []


def test_update_that_nobody_above_answers_is_refused(desk: Desk, peer: Peer) -> None:
    set_up(desk, peer)
    desk.receive(peer.request("UPDATE", OFFER))
    assert statuses(desk.sleep(20)) == [500]


def test_compact_folded_and_oddly_spelt_headers(desk: Desk) -> None:
    data = (
        b"INVITE sip:1001@mcu.example.com SIP/2.0\r\nv: SIP / 2.0 / UDP 192.0.2.77 ;branch=z9hG4bK-odd;rport\r\n"
        b"f: Kari\r\n <sip:kari@client.example.net>;tag=odd\r\nt: <sip:1001@mcu.example.com>\r\ni: odd@client\r\n"
        b"cSeQ: 0007\r\n\tINVITE\r\nmAx-FoRwArDs :  68\r\nm:<sip:kari@192.0.2.77:5060>\r\nX-Unknown: ;;,,;;\r\n"
        b"c: application/sdp\r\nl: " + str(len(OFFER)).encode() + b"\r\n\r\n" + OFFER
    )
    out = desk.receive(data)
    assert statuses(out) == [100]
    (incoming,) = told(out)
    assert isinstance(incoming, events.IncomingCall)
    assert incoming.offer == OFFER


@pytest.mark.parametrize(
    "data",
    [b"", b"\r\n\r\n", b"\x00", b"hello", b"\xff" * 1500, b"GET / HTTP/1.1\r\n\r\n", b"SIP/2.0\r\n\r\n"],
)
def test_garbage_gets_no_answer(desk: Desk, data: bytes) -> None:
    out = desk.receive(data)
    assert messages(out) == []
    assert len(drops(out)) == 1
    assert desk.quiet()


def test_stray_responses_and_acks_are_dropped_and_counted(desk: Desk, peer: Peer) -> None:
    assert drops(desk.receive(peer.request("ACK", cseq=1))) == ["ack-stray"]
    stray = answer_to(requests([events.SendOn(UDP, peer.request("INVITE"))])[0], 200)
    assert drops(desk.receive(stray)) == ["response-stray"]


def test_over_tcp_nothing_is_resent_but_the_200(peer: Peer) -> None:
    desk = Desk(flow=TCP)
    peer = Peer(TCP)
    out = desk.receive(peer.request("INVITE", OFFER))
    call = next(each.call for each in out if isinstance(each, events.IncomingCall))
    out = desk.feed(commands.Answer(call, ANSWER))
    (sent,) = out
    assert isinstance(sent, events.SendOn)
    assert sent.flow == TCP
    peer.learn(out)
    assert [when for when, _ in desk.sleep(2)] == [0.5, 1.5]
    desk.receive(peer.request("ACK", cseq=1))
    out = desk.feed(commands.Bye(call))
    assert isinstance(out[0], events.SendOn)
    assert out[0].flow == TCP
    assert requests(out)[0].via.protocol == "TCP"
    assert requests(desk.sleep(20)) == []


@pytest.mark.parametrize("cut", [1, 7, 100, 300, 100_000])
def test_streams_in_any_pieces_with_keep_alives_between(cut: int) -> None:
    desk, peer = Desk(flow=TCP), Peer(TCP)
    room = Room(desk)
    stream = b"\r\n\r\n" + peer.request("INVITE", OFFER) + b"\r\n\r\n" + peer.request("OPTIONS")
    framer = StreamFramer()
    out: list[events.Output] = []
    for start in range(0, len(stream), cut):
        for each in framer.push(stream[start : start + cut]):
            if isinstance(each, bytes):
                out += room.receive(each, TCP)
    assert statuses(out) == [100, 200, 200]


def test_merged_requests_get_482(desk: Desk, peer: Peer) -> None:
    out = desk.receive(peer.request("INVITE", OFFER, cseq=1))
    assert statuses(out) == [100]
    out = desk.receive(peer.request("INVITE", OFFER, cseq=1))
    assert statuses(out) == [482]
    assert told(out) == []


def test_a_late_offer_goes_into_the_200(desk: Desk, peer: Peer) -> None:
    out = desk.receive(peer.request("INVITE"))
    (incoming,) = told(out)
    assert isinstance(incoming, events.IncomingCall)
    assert incoming.offer is None
    out = desk.feed(commands.Answer(incoming.call, ANSWER))
    peer.learn(out)
    assert responses(out)[0].body == ANSWER
    out = desk.receive(peer.request("ACK", OFFER, cseq=1))
    assert told(out) == [events.AckReceived(incoming.call, OFFER)]


def test_a_late_offer_without_an_answer_is_told(desk: Desk, peer: Peer) -> None:
    call = set_up(desk, peer)
    desk.receive(peer.request("INVITE"))
    desk.feed(commands.AnswerReinvite(call, ANSWER))
    assert told(desk.receive(peer.request("ACK", cseq=2))) == [events.AckReceived(call, None)]


def test_bye_before_the_answer(desk: Desk, peer: Peer) -> None:
    call, _ = ringing(desk, peer)
    out = desk.receive(peer.request("BYE"))
    assert [(each.status, each.cseq.method) for each in responses(out)] == [(200, "BYE"), (487, "INVITE")]
    assert told(out) == [events.CallEnded(call, events.Ending.BYE)]


def test_our_bye_waits_for_the_ack(desk: Desk, peer: Peer) -> None:
    call, _ = ringing(desk, peer)
    desk.feed(commands.Answer(call, ANSWER))
    out = desk.feed(commands.Bye(call))
    assert out == [events.CallEnded(call, events.Ending.LOCAL)]
    out = desk.receive(peer.request("ACK", cseq=1))
    assert [each.method for each in requests(out)] == ["BYE"]
    assert told(out) == []


def test_our_bye_without_an_ack_goes_after_32_s(desk: Desk, peer: Peer) -> None:
    call, _ = ringing(desk, peer)
    desk.feed(commands.Answer(call, ANSWER))
    desk.feed(commands.Bye(call))
    out = desk.sleep(32.5)
    assert [each.method for each in requests(out)][:1] == ["BYE"]
    assert told(out) == []
    desk.sleep(70)
    assert desk.quiet()


def test_a_challenge_to_our_bye_gets_nothing(desk: Desk, peer: Peer) -> None:
    call = set_up(desk, peer)
    (bye,) = requests(desk.feed(commands.Bye(call)))
    challenge = 'WWW-Authenticate: Digest realm="trunk.example.com", nonce="n", qop="auth"\r\n'
    assert desk.receive(answer_to(bye, 401, challenge)) == []
    assert desk.sleep(70) == []


def test_a_call_that_nobody_above_answers_ends(desk: Desk, peer: Peer) -> None:
    call, _ = ringing(desk, peer)
    out = desk.sleep(181)
    assert told(out) == [events.CallEnded(call, events.Ending.UNANSWERED, 480)]
    assert statuses(out)[0] == 480


def test_expires_ends_it_sooner(desk: Desk, peer: Peer) -> None:
    ringing(desk, peer, "Expires: 20\r\n")
    assert statuses(desk.sleep(20.4)) == [487]
