"""The log's tail in memory: what it answers is what the disk would, or nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tacit.adapters.event_log_tail import Tail
from tacit.data.events import Event, LoggedEvent


def events(first: int, count: int) -> list[LoggedEvent]:
    return [
        LoggedEvent(place, 0, "api", Event(f"e{place}", "ann", "i1", "play", None, place))
        for place in range(first, first + count)
    ]


@given(
    sizes=st.lists(st.integers(0, 5), max_size=12),
    most=st.integers(1, 12),
    reads=st.lists(st.tuples(st.integers(0, 30), st.integers(1, 9)), max_size=4),
)
def test_what_the_tail_answers_is_what_the_log_holds(sizes: list[int], most: int, reads: list[tuple[int, int]]) -> None:
    tail, log = Tail(most), list[LoggedEvent]()
    for size in sizes:
        piece = events(len(log) + 1, size)
        log += piece
        tail.add(piece, len(piece))

    for place, limit in reads:
        found = tail.after(place, limit=limit)
        assert found is None or found == log[place : place + limit]


@given(sizes=st.lists(st.integers(1, 5), min_size=1, max_size=12), most=st.integers(1, 12))
def test_the_last_events_that_fit_are_there(sizes: list[int], most: int) -> None:
    tail, last = Tail(most), 0
    for size in sizes:
        tail.add(events(last + 1, size), size)
        last += size
    kept = 0
    for size in reversed(sizes):
        if kept and kept + size > most:
            break
        kept += size

    assert tail.after(last - kept, limit=100) == events(last - kept + 1, kept)
    assert tail.after(last - kept - 1, limit=100) is None


def test_a_reader_that_is_not_close_behind_is_sent_to_the_disk() -> None:
    tail = Tail(100)
    tail.add(events(5, 3), 3)

    assert tail.after(2, limit=10) is None
    assert tail.after(4, limit=10) == events(5, 3)
    assert tail.after(7, limit=10) is None


def test_after_a_gap_nothing_from_before_it_is_answered() -> None:
    tail = Tail(100)
    tail.add(events(1, 3), 3)
    tail.add(events(9, 2), 2)

    assert tail.after(0, limit=10) is None
    assert tail.after(8, limit=1) == events(9, 1)


def test_what_was_read_past_is_let_go() -> None:
    tail = Tail(6)
    tail.add(events(1, 3), 3)
    tail.add(events(4, 3), 3)
    tail.after(3, limit=10)
    tail.add(events(7, 3), 3)

    assert tail.after(3, limit=10) == events(4, 6)
    assert tail.after(0, limit=10) is None
