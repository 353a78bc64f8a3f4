"""A lite agent answers who knows the password, and nobody else learns or moves anything by it (RFC 8445, RFC 7675)."""

from __future__ import annotations

import struct

import pytest

from bridge.errors import ProtocolError
from bridge.rtc import stun
from bridge.rtc.ice import AGGRESSIVE_S, ERRORS_PER_S, MAX_PATHS, SILENT_S, IceLite, Path
from bridge.rtc.stun import Form
from bridge.sdp.transport import Credentials, NegotiatedIce
from tests.rtc.checks import AGREED, OURS, THEIRS, check, read

HOME = Path("192.0.2.10", 40_000)
MOBILE = Path("198.51.100.7", 5_000)
NEW = Credentials("afterrestart", "another password of the bridge")
RESTARTED = NegotiatedIce(NEW, Credentials("peer2", "another password of the peer.."))


def agent() -> IceLite:
    return IceLite(AGREED, 100.0)


def dropped(ice: IceLite, datagram: bytes, now: float = 100.0) -> str:
    with pytest.raises(ProtocolError) as fault:
        ice.handle(datagram, HOME, now)
    return fault.value.name


@pytest.mark.parametrize("host", ["192.0.2.10", "2001:db8::7"])
def test_a_check_is_answered_with_where_it_came_from(host: str) -> None:
    ice = agent()
    request = check()
    (answer,) = ice.handle(request, Path(host, 40_000, via=3), 100.0)
    message = read((answer,))
    assert message.attributes["XOR-MAPPED-ADDRESS"] == (host, 40_000)
    assert message.transaction_id == request[8:20]
    assert message.check_message_integrity(OURS.password.encode())
    assert len(answer) <= 3 * len(request)


def test_only_where_a_check_passed_is_open() -> None:
    ice = agent()
    ice.handle(check(), HOME, 100.0)
    assert ice.passed(HOME)
    assert not ice.passed(MOBILE)
    assert not ice.passed(HOME._replace(via=1))
    assert ice.paths == (HOME,)


def test_before_a_nomination_the_first_path_is_used() -> None:
    ice = agent()
    assert ice.chosen is None
    ice.handle(check(), HOME, 100.0)
    ice.handle(check(), MOBILE, 100.1)
    assert ice.chosen == HOME


def test_a_later_nomination_moves() -> None:
    ice = agent()
    ice.handle(check(nominate=True, priority=9), HOME, 100.0)
    ice.handle(check(priority=9), MOBILE, 104.0)
    assert ice.chosen == HOME
    ice.handle(check(nominate=True, priority=5), MOBILE, 105.0)
    assert ice.chosen == MOBILE


def test_a_new_port_for_the_same_candidate_moves() -> None:
    ice = agent()
    ice.handle(check(nominate=True), HOME, 100.0)
    rebound = HOME._replace(port=40_001)
    ice.handle(check(nominate=True), rebound, 102.5)
    assert ice.chosen == rebound


def test_of_many_nominated_at_once_the_best_is_used() -> None:
    ice = agent()
    for port, priority in ((1, 50), (2, 90), (3, 70), (4, 10)):
        ice.handle(check(nominate=True, priority=priority), HOME._replace(port=port), 100.0 + port * 0.1)
    assert ice.chosen == HOME._replace(port=2)
    ice.handle(check(nominate=True, priority=10), HOME._replace(port=4), 100.2 + AGGRESSIVE_S)
    assert ice.chosen == HOME._replace(port=4)


def test_media_may_move_the_choice_to_where_a_check_has_passed_and_nowhere_else() -> None:
    ice = agent()
    ice.handle(check(nominate=True), HOME, 100.0)
    ice.follow(MOBILE)
    assert ice.chosen == HOME
    ice.handle(check(), MOBILE, 101.0)
    ice.follow(MOBILE)
    assert ice.chosen == MOBILE


def test_a_wrong_password_is_told_and_opens_nothing() -> None:
    ice = agent()
    message = read(ice.handle(check(password="wrong"), HOME, 100.0))
    assert message.attributes["ERROR-CODE"][0] == 401
    assert "MESSAGE-INTEGRITY" not in message.attributes
    assert (ice.paths, ice.chosen) == ((), None)


def test_a_request_without_proof_is_bad() -> None:
    bare = stun.serialise(Form.REQUEST, bytes(12))
    (answer,) = agent().handle(bare, HOME, 100.0)
    assert read((answer,)).attributes["ERROR-CODE"][0] == 400
    assert len(answer) <= 3 * len(bare)
    named = stun.serialise(Form.REQUEST, bytes(12), ((6, b"bridgeufrag:peer"),))
    assert read(agent().handle(named, HOME, 100.0)).attributes["ERROR-CODE"][0] == 400


def test_an_unknown_fragment_gets_nothing() -> None:
    assert dropped(agent(), check(Credentials("stranger", OURS.password))) == "ice-ufrag"


def test_what_is_no_binding_request_gets_nothing() -> None:
    password = OURS.password.encode()
    name = (6, b"bridgeufrag:peer")
    for form in (Form.INDICATION, Form.SUCCESS, Form.ERROR):
        assert dropped(agent(), stun.serialise(form, bytes(12), (name,), password)) == "stun-not-request"
    allocate = stun.serialise(Form.REQUEST, bytes(12), (name,), password, method=3)
    assert dropped(agent(), allocate) == "stun-not-request"


def test_a_peer_that_believes_to_be_controlled_is_told() -> None:
    ice = agent()
    message = read(ice.handle(check(role="ICE-CONTROLLED", nominate=True), HOME, 100.0))
    assert message.attributes["ERROR-CODE"][0] == 487
    assert message.check_message_integrity(OURS.password.encode())
    assert ice.chosen is None


def test_what_must_be_understood_and_is_not_is_listed() -> None:
    attributes = ((6, b"bridgeufrag:peer"), (0x7FFF, b"1234"), (0x0033, b""))
    request = stun.serialise(Form.REQUEST, bytes(12), attributes, OURS.password.encode())
    (answer,) = agent().handle(request, HOME, 100.0)
    message = stun.parse(answer)
    assert stun.error_code(message.get(9) or b"") == 420
    assert struct.unpack("!2H", message.get(10) or b"") == (0x7FFF, 0x0033)
    assert len(answer) <= 3 * len(request)


def test_errors_are_few() -> None:
    ice = agent()
    for _ in range(ERRORS_PER_S):
        ice.handle(check(password="wrong"), HOME, 100.0)
    assert dropped(ice, check(password="wrong"), 100.5) == "ice-errors"
    read(ice.handle(check(), HOME, 100.5))  # who knows the password is answered all the same
    read(ice.handle(check(password="wrong"), HOME, 101.0))


def test_the_table_of_paths_is_bounded_and_keeps_the_chosen_one() -> None:
    ice = agent()
    ice.handle(check(nominate=True), HOME, 100.0)
    for port in range(1, 2 * MAX_PATHS):
        ice.handle(check(), MOBILE._replace(port=port), 100.0 + port / MAX_PATHS)
    assert len(ice.paths) == MAX_PATHS
    assert ice.passed(HOME)
    assert ice.chosen == HOME
    assert not ice.passed(MOBILE._replace(port=1))
    assert ice.passed(MOBILE._replace(port=2 * MAX_PATHS - 1))


def test_a_restart_keeps_the_old_path_until_a_new_one_is_nominated() -> None:
    ice = agent()
    ice.handle(check(nominate=True), HOME, 100.0)
    ice.configure(RESTARTED, 110.0)
    assert list(ice.ufrags) == [OURS.ufrag, NEW.ufrag]
    read(ice.handle(check(nominate=True), HOME, 110.1))
    read(ice.handle(check(NEW), MOBILE, 110.2))
    assert ice.chosen == HOME
    read(ice.handle(check(NEW, nominate=True, priority=1), MOBILE, 110.3))
    assert ice.chosen == MOBILE
    assert list(ice.ufrags) == [NEW.ufrag]
    assert dropped(ice, check(nominate=True), 110.4) == "ice-ufrag"


def test_the_old_password_proves_nothing_under_the_new_fragment() -> None:
    ice = agent()
    ice.configure(RESTARTED, 110.0)
    assert (
        read(ice.handle(check(NEW, password=OURS.password), HOME, 110.0)).attributes["ERROR-CODE"][0] == 401
    )


def test_restarts_without_an_end_keep_two_generations() -> None:
    ice = agent()
    ice.handle(check(nominate=True), HOME, 100.0)
    for turn in range(20):
        ice.configure(NegotiatedIce(Credentials(f"turn{turn}", "p" * 22), THEIRS), 101.0)
    assert ice.ufrags == (OURS.ufrag, "turn19")


def test_the_same_credentials_again_change_nothing() -> None:
    ice = agent()
    ice.handle(check(nominate=True), HOME, 100.0)
    ice.configure(AGREED, 120.0)
    assert (ice.ufrags, ice.chosen, ice.deadline()) == ((OURS.ufrag,), HOME, 130.0)


def test_a_peer_that_never_checks_is_given_up() -> None:
    ice = agent()
    assert ice.deadline() == 130.0
    assert ice.wake(129.9) is None
    assert ice.wake(130.0) == "ice-timeout"
    assert ice.deadline() is None
    assert ice.wake(140.0) is None


def test_consent_is_lost_when_checks_stop() -> None:
    ice = agent()
    ice.handle(check(nominate=True), HOME, 100.0)
    ice.handle(check(), HOME, 105.0)
    ice.handle(check(password="wrong"), HOME, 120.0)  # proves nothing
    assert ice.deadline() == 135.0
    assert ice.wake(135.0) == "ice-consent"
    read(ice.handle(check(), HOME, 136.0))
    assert ice.deadline() == 166.0


def test_nobody_is_sent_to_for_long_who_does_not_check_himself() -> None:
    ice = agent()
    ice.handle(check(nominate=True), HOME, 100.0)
    victim = MOBILE
    ice.handle(check(nominate=True, priority=2**31 - 1), victim, 101.0)
    assert ice.chosen == victim, "the one datagram that bears his address"
    for second in range(102, 116):
        ice.handle(check(), HOME, float(second))
        assert ice.chosen == victim
    ice.handle(check(), HOME, 101.0 + SILENT_S)
    assert ice.chosen == HOME


def test_a_path_with_media_stays_chosen_whatever_else_is_checked() -> None:
    ice = agent()
    ice.handle(check(nominate=True), HOME, 100.0)
    for second in range(101, 200):
        ice.heard(float(second))
        ice.handle(check(), MOBILE, float(second))
    assert ice.chosen == HOME


def test_authenticated_media_is_a_sign_of_life() -> None:
    ice = agent()
    ice.handle(check(nominate=True), HOME, 100.0)
    ice.heard(120.0)
    ice.heard(110.0)
    assert ice.wake(130.0) is None
    assert ice.deadline() == 150.0


def test_a_restart_gives_time() -> None:
    ice = agent()
    ice.handle(check(nominate=True), HOME, 100.0)
    assert ice.wake(130.0) == "ice-consent"
    ice.configure(RESTARTED, 131.0)
    assert ice.deadline() == 161.0
