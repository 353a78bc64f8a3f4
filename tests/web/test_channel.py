"""What is told to a client is kept for a while and in order; who is too far behind is told so."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.web.channel import MOST_EVENTS, Channel


def test_a_stream_reads_on_from_where_it_was() -> None:
    channel = Channel("c")
    channel.tell("one", b"1")
    channel.tell("two", b"2")
    assert channel.after(0) == (b"id: c-1\nevent: one\ndata: 1\n\n", b"id: c-2\nevent: two\ndata: 2\n\n")
    assert channel.after(1) == (b"id: c-2\nevent: two\ndata: 2\n\n",)
    assert channel.after(2) == ()


def test_ids_are_of_this_channel_only() -> None:
    channel = Channel("a-b")
    assert channel.place_of(channel.id_of(17)) == 17
    for other in ("", "17", "a-17", "a-b-", "a-b-x", "a-b-٣", "a-b--1", "b-17", "a-b-" + "9" * 13):
        assert channel.place_of(other) is None


def test_the_oldest_goes_when_there_is_too_much() -> None:
    channel = Channel("c", most_bytes=1000)
    for number in range(100):
        channel.tell("x", b"%d" % number * 40)
    assert channel.after(0) is None
    kept = channel.after(channel.newest - 5)
    assert kept is not None and len(kept) == 5
    assert sum(len(data) for _, data in channel._kept) <= 1000


def test_many_small_events_are_bounded_as_well() -> None:
    channel = Channel("c")
    for _ in range(MOST_EVENTS + 10):
        channel.tell("x", b"0")
    assert channel.after(9) is None
    assert len(channel.after(10) or ()) == MOST_EVENTS


def test_what_is_forgotten_is_not_told_again() -> None:
    channel = Channel("c")
    channel.tell("one", b"1")
    channel.forget()
    assert channel.after(0) is None
    assert channel.after(1) == ()
    channel.tell("two", b"2")
    assert len(channel.after(1) or ()) == 1


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 300), max_size=80), st.integers(0, 80))
def test_a_reader_gets_everything_in_order_or_is_told_that_it_cannot(sizes: list[int], place: int) -> None:
    channel = Channel("c", most_bytes=2000)
    all_told = []
    for size in sizes:
        channel.tell("x", b"1" * size)
        all_told.append(b"id: c-%d\nevent: x\ndata: %s\n\n" % (channel.newest, b"1" * size))
    read = channel.after(place)
    if read is not None:
        assert list(read) == all_told[place:]
