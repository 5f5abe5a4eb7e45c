"""Lines made at once are, byte for byte, those that are made one by one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("tacit._native", reason="the native extension was not built")

from tacit.adapters.event_log_lines import events_in
from tacit.adapters.event_log_many import Lines, chosen_lines, lines_of, plain_lines_of
from tacit.adapters.native_lines import NativeLines
from tacit.data.event_columns import EventColumns
from tacit.data.events import Event
from tacit.errors import BadInput
from tests.unit.adapters.test_event_log_lines import AT_MS, EVENTS, SOURCE, play

ODD = st.builds(
    replace, EVENTS, event_id=st.sampled_from(['"', "\\", "\n\r\t\f\b", "\x00\x1f\x7f", "é\u2028😀", "x" * 400])
)
NUMBERS = [0.1, 1e16, 1e-5, 123456789.123, -0.0, float("inf"), float("-inf"), 5e-324, 1.7976931348623157e308, 3, True]


def kept(lines: Lines, size: int, *, first: int) -> object:
    """Everything that the log takes from lines."""
    pieces = lines.pieces(first=first, received_at_ms=AT_MS, source=SOURCE)
    return [lines.line(nth) for nth in range(size)], list(lines.keys), lines.bytes, pieces


@given(events=st.lists(EVENTS | ODD, max_size=9), first=st.integers(1, 2**40))
def test_lines_made_at_once_are_those_made_one_by_one(events: list[Event], first: int) -> None:
    columns = EventColumns.of(events)

    assert kept(NativeLines(columns), len(events), first=first) == kept(
        plain_lines_of(columns), len(events), first=first
    )


def test_numbers_are_written_as_python_writes_them() -> None:
    columns = EventColumns.of([replace(play(nth), value=number) for nth, number in enumerate(NUMBERS)])

    assert kept(NativeLines(columns), len(NUMBERS), first=1) == kept(plain_lines_of(columns), len(NUMBERS), first=1)


def test_many_events_fill_the_same_pages_and_come_back() -> None:
    events = [replace(play(nth), properties="x" * (nth * 37 % 4_500)) for nth in range(400)]
    native, plain = NativeLines(EventColumns.of(events)), plain_lines_of(EventColumns.of(events))

    assert kept(native, 400, first=77) == kept(plain, 400, first=77)
    pieces = native.pieces(first=77, received_at_ms=AT_MS, source=SOURCE)
    assert [each.event for piece in pieces for each in events_in(piece)] == events


def test_lines_may_be_chosen_from_those_of_many() -> None:
    columns = EventColumns.of([play(nth) for nth in range(9)])

    chosen = chosen_lines(lines_of(columns), [1, 5])

    assert kept(chosen, 2, first=3) == kept(plain_lines_of(columns.chosen([1, 5])), 2, first=3)


@pytest.mark.parametrize(
    ("spoilt", "code"),
    [
        ({"value": float("nan")}, "number_not_finite"), ({"user_id": "\ud800"}, "event_unstorable"),
        ({"occurred_at_ms": 2**63}, "event_unstorable"), ({"properties": None}, "event_unstorable"),
    ],
)  # fmt: skip
def test_what_no_line_can_hold_is_refused_in_the_same_words(spoilt: dict[str, object], code: str) -> None:
    with pytest.raises(BadInput) as refused:
        lines_of(EventColumns.of([play(1), replace(play(2), **spoilt)]))

    assert refused.value.code == code
