"""Events as lines: what went in comes out, and nothing that was damaged does."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.adapters.event_log_lines import (
    PIECE_BYTES,
    Piece,
    events_in,
    ids_in,
    line_of,
    pieces_of,
    pieces_of_logged,
)
from tacit.data.events import Event, LoggedEvent
from tacit.errors import BadInput

AT_MS, SOURCE = 1_767_312_000_000, "api"
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
EVENTS = st.builds(
    Event,
    event_id=TEXTS,
    user_id=TEXTS,
    item_id=TEXTS,
    type=TEXTS,
    value=st.none() | st.floats(allow_nan=False),
    occurred_at_ms=st.integers(-(2**63), 2**63 - 1),
    recommendation_id=st.none() | TEXTS,
    properties=TEXTS,
    timed=st.booleans(),
)


def pieces(events: list[Event], first: int = 7) -> list[Piece]:
    return pieces_of([line_of(each) for each in events], first=first, received_at_ms=AT_MS, source=SOURCE)


def play(number: int) -> Event:
    return Event(f"e{number}", "ann", f"song-{number}", "play", None, AT_MS)


@given(st.lists(EVENTS, max_size=20))
def test_events_come_back_as_they_went_in_whatever_they_say(events: list[Event]) -> None:
    there = [each for piece in pieces(events) for each in events_in(piece)]

    assert there == [LoggedEvent(place, AT_MS, SOURCE, event) for place, event in enumerate(events, 7)]
    assert [each for piece in pieces_of_logged(there) for each in events_in(piece)] == there
    assert [each for piece in pieces(events) for each in ids_in(piece)] == [
        (each.sequence, each.event.event_id) for each in there
    ]


def test_a_piece_fits_a_page_unless_a_single_event_does_not() -> None:
    small, large = [play(n) for n in range(200)], replace(play(200), properties="x" * 9_000)

    found = pieces([*small, large, play(201)])

    assert max(len(each.content) for each in found[:-2]) <= PIECE_BYTES + 100
    assert [each.events for each in found[-2:]] == [1, 1]
    assert sum(each.events for each in found) == 202


@given(st.data())
def test_a_spoilt_byte_makes_no_other_event_and_takes_no_more_than_two(data: st.DataObject) -> None:
    [whole] = pieces([play(n) for n in range(9)])
    spot = data.draw(st.integers(0, len(whole.content) - 1))
    byte = data.draw(st.integers(0, 255))
    content = whole.content[:spot] + bytes([byte]) + whole.content[spot + 1 :]

    read = list(events_in(whole._replace(content=content)))

    assert [each for each in events_in(whole) if each in read] == read
    assert len(read) >= 7


@pytest.mark.parametrize("spoilt", [{"last": 16}, {"received_at_ms": AT_MS + 1}, {"source": "client"}, {"content": 1}])
def test_what_a_piece_says_of_all_its_events_is_guarded_as_well(spoilt: dict[str, object]) -> None:
    [whole] = pieces([play(n) for n in range(9)])

    assert list(events_in(whole._replace(**spoilt))) == []


def test_of_a_wrong_count_the_lines_know_better() -> None:
    [whole] = pieces([play(n) for n in range(9)])

    assert list(events_in(whole._replace(events=3))) == list(events_in(whole))


@pytest.mark.parametrize("spoilt", [{"user_id": "\ud800"}, {"occurred_at_ms": 2**63}])
def test_what_a_file_cannot_hold_is_refused_with_its_reason(spoilt: dict[str, object]) -> None:
    with pytest.raises(BadInput) as refused:
        line_of(replace(play(1), **spoilt))

    assert refused.value.code == "event_unstorable"
