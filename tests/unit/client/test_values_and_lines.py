"""An event names and times itself once, and is written so that a line holds it."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.client import Event
from tacit.client.lines import line_of
from tacit.errors import BadInput


def test_an_event_is_named_and_timed_when_it_is_made() -> None:
    before = time.time_ns() // 1_000_000
    first, second = Event("u", "i", "play"), Event("u", "i", "play")

    assert first.event_id != second.event_id
    assert isinstance(first.occurred_at, int)
    assert before <= first.occurred_at <= time.time_ns() // 1_000_000
    assert replace(first, value=2.0).event_id == first.event_id


def test_an_event_named_by_its_maker_is_timed_by_nobody_else() -> None:
    assert Event("u", "i", "play", event_id="order-7") == Event("u", "i", "play", event_id="order-7")
    assert "occurred_at" not in json.loads(line_of(Event("u", "i", "play", event_id="order-7")))


def test_a_line_says_what_the_event_says_and_nothing_else() -> None:
    event = Event("ann", "i1", "rating", 4.5, datetime(2026, 1, 2, tzinfo=UTC), "r1", {"page": "home"}, "e1")

    assert json.loads(line_of(event)) == {
        "event_id": "e1",
        "user_id": "ann",
        "item_id": "i1",
        "type": "rating",
        "value": 4.5,
        "occurred_at": "2026-01-02T00:00:00+00:00",
        "recommendation_id": "r1",
        "properties": {"page": "home"},
    }


@given(text=st.text(max_size=50), value=st.floats(allow_nan=False, allow_infinity=False))
def test_no_text_breaks_a_line(text: str, value: float) -> None:
    line = line_of(Event(text, text, text, value, properties={text: text}))

    assert b"\n" not in line
    assert json.loads(line)["user_id"] == text


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"user_id": 7}, "type", "user_id"),
        ({"type": None}, "type", "type"),
        ({"value": float("nan")}, "number_not_finite", "value"),
        ({"occurred_at": datetime(2026, 1, 2)}, "timestamp_zone", "occurred_at"),  # noqa: DTZ001
        ({"properties": {"x": {1, 2}}}, "not_json", None),
        ({"properties": {"x": float("inf")}}, "not_json", None),
        ({"properties": {"x": "y" * 200_000}}, "event_too_large", "properties"),
    ],
)
def test_what_could_not_be_sent_is_refused_by_name(changes: dict[str, Any], code: str, field: str | None) -> None:
    with pytest.raises(BadInput, match=r".+") as refused:
        line_of(replace(Event("u", "i", "play"), **changes))

    assert (refused.value.code, refused.value.field) == (code, field)
