"""Tokens: good for a while, for one holder, and gone at once when they are released; only hashes are kept."""

from __future__ import annotations

from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.web.tokens import LONGEST, Tokens


def made(life_s: float = 120.0, most_each: int = 8) -> Tokens[str]:
    numbers = count(1)
    return Tokens(life_s, lambda: f"word{next(numbers):04d}", most_each)


def test_a_token_is_good_until_its_end() -> None:
    tokens = made()
    token = tokens.issue("kari", 1000.0)
    assert tokens.holder(token, 1119.9) == "kari"
    assert tokens.holder(token, 1120.0) is None
    assert tokens.deadline() == 1120.0


def test_what_is_no_token_is_nobodys() -> None:
    tokens = made()
    tokens.issue("kari", 0.0)
    for word in ("", "word0002", "\ud800", "x" * (LONGEST + 1), "WORD0001"):
        assert tokens.holder(word, 1.0) is None


def test_who_refreshes_in_time_is_not_among_the_late() -> None:
    tokens = made()
    tokens.issue("kari", 0.0)
    tokens.issue("ola", 0.0)
    second = tokens.issue("kari", 60.0)
    assert tokens.expire(120.0) == ("ola",)
    assert tokens.holder(second, 121.0) == "kari"
    assert tokens.expire(180.0) == ("kari",)
    assert tokens.deadline() is None


def test_released_tokens_open_nothing_and_nobody_is_late_for_them() -> None:
    tokens = made()
    words = [tokens.issue("kari", now) for now in (0.0, 1.0)]
    tokens.release("kari")
    assert [tokens.holder(word, 2.0) for word in words] == [None, None]
    assert tokens.expire(1000.0) == ()


def test_of_too_many_tokens_the_oldest_goes() -> None:
    tokens = made(most_each=2)
    words = [tokens.issue("kari", 0.0) for _ in range(3)]
    assert [tokens.holder(word, 1.0) for word in words] == [None, "kari", "kari"]


def test_a_token_can_be_spent_once() -> None:
    tokens = made()
    token = tokens.issue("kari", 0.0)
    assert tokens.spend(token, 1.0) == "kari"
    assert tokens.spend(token, 1.0) is None
    assert tokens.expire(1000.0) == ()


def test_no_word_is_kept() -> None:
    tokens = made()
    token = tokens.issue("kari", 0.0)
    assert token not in repr(vars(tokens))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("iserx"), st.integers(0, 3), st.integers(0, 60)), max_size=60))
def test_what_is_held_is_what_was_given_and_not_taken(steps: list[tuple[str, int, int]]) -> None:
    """Against a plain list of (word, holder, end)."""
    tokens, now = made(100.0), 0.0
    given_out: list[tuple[str, str, float]] = []
    for what, who, later in steps:
        holder, now = f"p{who}", now + later
        mine = [each for each in given_out if each[1] == holder and each[2] > now]
        match what:
            case "i":
                given_out = [each for each in given_out if each[1] != holder] + mine[-7:]
                given_out.append((tokens.issue(holder, now), holder, now + 100.0))
            case "s" if mine:
                assert tokens.spend(mine[0][0], now) == holder
                given_out.remove(mine[0])
            case "r":
                tokens.release(holder)
                given_out = [each for each in given_out if each[1] != holder]
            case "e":
                tokens.expire(now)
        for word, owner, until in given_out:
            assert tokens.holder(word, now) == (owner if until > now else None)
