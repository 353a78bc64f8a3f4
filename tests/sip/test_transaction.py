"""The four transaction machines do what RFC 3261 section 17 and RFC 6026 say, in every state, for every input."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.sip.transaction import (
    CLIENT,
    INVITE_CLIENT,
    INVITE_SERVER,
    SERVER,
    Do,
    Input,
    State,
    Table,
    Timing,
    Transaction,
    client_key,
    server_key,
)

# What each state does with each input, written out from the figures: (next state, what is done). Inputs that are not
# named leave everything as it is.
_CLIENT_INVITE: dict[tuple[str, str], tuple[str, str]] = {
    ("calling", "TIMER_A"): ("calling", "RESEND"),
    ("calling", "TIMER_B"): ("terminated", "TELL_TIMEOUT"),
    ("calling", "BROKEN"): ("terminated", "TELL_BROKEN"),
    ("calling", "PROVISIONAL"): ("proceeding", "TELL"),
    ("calling", "SUCCESS"): ("accepted", "TELL"),
    ("calling", "FAILURE"): ("completed", "ACK TELL"),
    ("proceeding", "PROVISIONAL"): ("proceeding", "TELL"),
    ("proceeding", "SUCCESS"): ("accepted", "TELL"),
    ("proceeding", "FAILURE"): ("completed", "ACK TELL"),
    ("proceeding", "BROKEN"): ("terminated", "TELL_BROKEN"),
    ("proceeding", "TIMER_C"): ("terminated", "TELL_TIMEOUT"),
    ("completed", "FAILURE"): ("completed", "ACK"),
    ("completed", "TIMER_D"): ("terminated", ""),
    ("completed", "BROKEN"): ("terminated", ""),
    ("accepted", "SUCCESS"): ("accepted", "TELL"),
    ("accepted", "TIMER_M"): ("terminated", ""),
    ("accepted", "BROKEN"): ("terminated", ""),
}
_CLIENT_OTHER = {
    ("trying", "TIMER_E"): ("trying", "RESEND"),
    ("trying", "TIMER_F"): ("terminated", "TELL_TIMEOUT"),
    ("trying", "BROKEN"): ("terminated", "TELL_BROKEN"),
    ("trying", "PROVISIONAL"): ("proceeding", "TELL"),
    ("trying", "SUCCESS"): ("completed", "TELL"),
    ("trying", "FAILURE"): ("completed", "TELL"),
    ("proceeding", "TIMER_E"): ("proceeding", "RESEND"),
    ("proceeding", "TIMER_F"): ("terminated", "TELL_TIMEOUT"),
    ("proceeding", "BROKEN"): ("terminated", "TELL_BROKEN"),
    ("proceeding", "PROVISIONAL"): ("proceeding", "TELL"),
    ("proceeding", "SUCCESS"): ("completed", "TELL"),
    ("proceeding", "FAILURE"): ("completed", "TELL"),
    ("completed", "TIMER_K"): ("terminated", ""),
    ("completed", "BROKEN"): ("terminated", ""),
}
_SERVER_INVITE = {
    ("proceeding", "REQUEST"): ("proceeding", "RESEND"),
    ("proceeding", "SEND_PROVISIONAL"): ("proceeding", "SEND"),
    ("proceeding", "SEND_SUCCESS"): ("accepted", "SEND"),
    ("proceeding", "SEND_FAILURE"): ("completed", "SEND"),
    ("proceeding", "BROKEN"): ("terminated", "TELL_BROKEN"),
    ("completed", "REQUEST"): ("completed", "RESEND"),
    ("completed", "TIMER_G"): ("completed", "RESEND"),
    ("completed", "TIMER_H"): ("terminated", "TELL_TIMEOUT"),
    ("completed", "ACK"): ("confirmed", ""),
    ("completed", "BROKEN"): ("terminated", "TELL_BROKEN"),
    ("confirmed", "TIMER_I"): ("terminated", ""),
    ("confirmed", "BROKEN"): ("terminated", ""),
    ("accepted", "SEND_SUCCESS"): ("accepted", "SEND"),
    ("accepted", "ACK"): ("accepted", "TELL"),
    ("accepted", "TIMER_L"): ("terminated", ""),
    ("accepted", "BROKEN"): ("terminated", ""),
}
_SERVER_OTHER = {
    ("trying", "SEND_PROVISIONAL"): ("proceeding", "SEND"),
    ("trying", "SEND_SUCCESS"): ("completed", "SEND"),
    ("trying", "SEND_FAILURE"): ("completed", "SEND"),
    ("trying", "BROKEN"): ("terminated", "TELL_BROKEN"),
    ("proceeding", "REQUEST"): ("proceeding", "RESEND"),
    ("proceeding", "SEND_PROVISIONAL"): ("proceeding", "SEND"),
    ("proceeding", "SEND_SUCCESS"): ("completed", "SEND"),
    ("proceeding", "SEND_FAILURE"): ("completed", "SEND"),
    ("proceeding", "BROKEN"): ("terminated", "TELL_BROKEN"),
    ("completed", "REQUEST"): ("completed", "RESEND"),
    ("completed", "TIMER_J"): ("terminated", ""),
    ("completed", "BROKEN"): ("terminated", ""),
}
_MACHINES = [
    ("INVITE client", INVITE_CLIENT, _CLIENT_INVITE),
    ("client", CLIENT, _CLIENT_OTHER),
    ("INVITE server", INVITE_SERVER, _SERVER_INVITE),
    ("server", SERVER, _SERVER_OTHER),
]


def machine(table: Table, reliable: bool = False) -> Transaction:
    return Transaction(table, ("key",), "X", None, reliable, Timing())


@pytest.mark.parametrize(("name", "table", "expected"), _MACHINES, ids=[each[0] for each in _MACHINES])
def test_every_state_and_every_input(name: str, table: Table, expected: dict[Any, Any]) -> None:
    states = {state for state, _ in expected} | {"terminated"}
    assert {state.value for state in table} == states
    for state in table:
        for event in Input:
            transaction = machine(table)
            transaction.state = state
            doing, _, _ = transaction.feed(event)
            wanted = expected.get((state.value, event.name), (state.value, ""))
            assert (transaction.state.value, " ".join(each.name for each in doing)) == wanted, (
                name,
                state,
                event,
            )


@pytest.mark.parametrize("table", [INVITE_CLIENT, CLIENT, INVITE_SERVER, SERVER])
def test_the_dead_do_nothing(table: Table) -> None:
    transaction = machine(table)
    transaction.state = State.TERMINATED
    assert all(transaction.feed(event) == ((), [], ()) for event in Input)


def pauses(table: Table, timer: Input, count: int, first: list[tuple[Input, float]]) -> list[float]:
    transaction = machine(table)
    started = dict(first or transaction.begin())
    found = [started[timer]]
    for _ in range(count):
        doing, starting, _ = transaction.feed(timer)
        assert doing == (Do.RESEND,)
        found.append(dict(starting)[timer])
    return found


def test_a_doubles_without_limit_and_e_up_to_t2() -> None:
    assert pauses(INVITE_CLIENT, Input.TIMER_A, 5, []) == [0.5, 1, 2, 4, 8, 16]
    assert pauses(CLIENT, Input.TIMER_E, 5, []) == [0.5, 1, 2, 4, 4, 4]
    assert dict(machine(INVITE_CLIENT).begin())[Input.TIMER_B] == 32
    assert dict(machine(CLIENT).begin())[Input.TIMER_F] == 32
    ringing = machine(INVITE_CLIENT)
    assert [ringing.feed(Input.PROVISIONAL)[1] for _ in range(2)] == [[(Input.TIMER_C, 185.0)]] * 2


def test_e_stays_at_t2_once_proceeding_and_f_runs_on() -> None:
    transaction = machine(CLIENT)
    transaction.begin()
    _, starting, stopping = transaction.feed(Input.PROVISIONAL)
    assert (starting, stopping) == ([], ())
    assert transaction.feed(Input.TIMER_E)[1] == [(Input.TIMER_E, 4.0)]
    assert set(transaction.feed(Input.SUCCESS)[2]) == {Input.TIMER_E, Input.TIMER_F}


def test_g_doubles_up_to_t2_and_h_ends_it() -> None:
    transaction = machine(INVITE_SERVER)
    _, starting, _ = transaction.feed(Input.SEND_FAILURE)
    assert starting == [(Input.TIMER_G, 0.5), (Input.TIMER_H, 32.0)]
    assert [transaction.feed(Input.TIMER_G)[1][0][1] for _ in range(5)] == [1, 2, 4, 4, 4]
    doing, _, stopping = transaction.feed(Input.TIMER_H)
    assert doing == (Do.TELL_TIMEOUT,)
    assert Input.TIMER_G in stopping


def test_the_timers_of_absorbing_states() -> None:
    client = machine(INVITE_CLIENT)
    client.begin()
    _, starting, stopping = client.feed(Input.FAILURE)
    assert starting == [(Input.TIMER_D, 32.0)]
    assert set(stopping) == {Input.TIMER_A, Input.TIMER_B}
    server = machine(INVITE_SERVER)
    server.feed(Input.SEND_FAILURE)
    assert server.feed(Input.ACK)[1] == [(Input.TIMER_I, 5.0)]
    assert machine(INVITE_SERVER).feed(Input.SEND_SUCCESS)[1] == [(Input.TIMER_L, 32.0)]
    assert machine(INVITE_CLIENT).feed(Input.SUCCESS)[1] == [(Input.TIMER_M, 32.0)]
    assert machine(CLIENT).feed(Input.SUCCESS)[1] == [(Input.TIMER_K, 5.0)]
    assert machine(SERVER).feed(Input.SEND_SUCCESS)[1] == [(Input.TIMER_J, 32.0)]


def test_a_reliable_transport_resends_nothing_and_absorbs_nothing() -> None:
    assert machine(INVITE_CLIENT, True).begin() == [(Input.TIMER_B, 32.0)]
    assert machine(CLIENT, True).begin() == [(Input.TIMER_F, 32.0)]
    for table, event in (
        (INVITE_CLIENT, Input.FAILURE),
        (CLIENT, Input.SUCCESS),
        (SERVER, Input.SEND_FAILURE),
    ):
        transaction = machine(table, True)
        transaction.begin() if table in (INVITE_CLIENT, CLIENT) else None
        doing, starting, _ = transaction.feed(event)
        assert transaction.state is State.TERMINATED
        assert (doing[-1] in (Do.TELL, Do.SEND), starting) == (True, [])
    server = machine(INVITE_SERVER, True)
    assert server.feed(Input.SEND_FAILURE)[1] == [(Input.TIMER_H, 32.0)]
    assert Input.TIMER_H in server.feed(Input.ACK)[2]
    assert server.state is State.TERMINATED
    # The Accepted states live as long over any transport (RFC 6026 section 8.7).
    assert machine(INVITE_SERVER, True).feed(Input.SEND_SUCCESS)[1] == [(Input.TIMER_L, 32.0)]
    assert machine(INVITE_CLIENT, True).feed(Input.SUCCESS)[1] == [(Input.TIMER_M, 32.0)]


def test_keys_hold_branch_sent_by_and_method() -> None:
    one = server_key("z9hG4bKa", "host:5060", "INVITE", ())
    assert one == server_key("z9hG4bKa", "HOST:5060", "ACK", ("whatever",))
    assert one != server_key("z9hG4bKa", "host:5061", "INVITE", ())
    assert one != server_key("z9hG4bKa", "host:5060", "OPTIONS", ())
    assert one != server_key("z9hG4bKA", "host:5060", "INVITE", ())
    assert client_key("b", "INVITE") != client_key("b", "CANCEL")


@pytest.mark.parametrize("branch", ["", "1", "z9hG4bK"])
def test_branches_of_rfc_2543_do_not_count(branch: str) -> None:
    legacy = ("uri", "call", "tag", "1", "via")
    assert server_key(branch, "a:1", "INVITE", legacy) == server_key(branch, "a:1", "ACK", legacy)
    assert server_key(branch, "a:1", "INVITE", legacy) != server_key(
        branch, "a:1", "INVITE", ("uri", "other")
    )
