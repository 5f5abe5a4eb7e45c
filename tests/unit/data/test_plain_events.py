"""Events read at once are what the judgement of each would have made of them, or they are left to it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("tacit._native", reason="the native extension was not built")

from tacit.data.event_rules import EventRules
from tacit.data.event_validation import FIELDS, judged_batch
from tacit.data.events import Event
from tacit.data.plain_events import none_is_plain, plain_reader
from tacit.entrypoints.api.events import parse_events
from tacit.errors import BadInput

NOW = 1_790_000_000_000
DAY = 86_400_000
MOVIES = EventRules.shipped("movies")
PLAIN = plain_reader(MOVIES)

IDS = st.sampled_from(
    ["a", " a ", " ", "", "é", '"', "\\", "\x7f", "\n", "x" * 256, "x" * 257, "[{}]", "null"]
) | st.text(st.characters(codec="ascii"), max_size=9)
MOMENTS = st.datetimes().map(lambda moment: moment.isoformat() + "Z")
TIMES = (
    st.sampled_from(
        [
            "2026-02-29T00:00:00Z", "2024-02-29T23:59:59.9999Z", "2026-01-01T24:00:00Z", "2026-01-01T00:00:60Z",
            "2026-01-01T00:00:00+00:00", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00.1234567890Z", "2026-01-01",
            NOW - 730 * DAY, NOW - 730 * DAY - 1, NOW + DAY, NOW + DAY + 1, NOW // 1_000, NOW * 1_000, -1, 1.5, True,
        ]
    )
    | st.integers(NOW - 800 * DAY, NOW + 2 * DAY)
    | MOMENTS
    | st.integers(NOW - 800 * DAY, NOW + 2 * DAY).map(
        lambda at_ms: datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat().replace("+00:00", "Z")
    )
)  # fmt: skip
AMOUNTS = st.sampled_from(
    [0, -0.0, 0.5, 5, 5.0, 5.1, 1e300, 10**20, True, "1", -1, 2.25, 1.0000000000000002]
) | st.floats(0, 90_000)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "event_id": IDS, "user_id": IDS, "item_id": IDS,
    "type": st.sampled_from(["play", "view", "rating", "watch_time", "complete", "Play", ""]), "value": AMOUNTS,
    "occurred_at": TIMES, "recommendation_id": IDS, "properties": st.sampled_from([{}, {"a": 1}, [], "{}"]),
    "schema_version": st.sampled_from([1, 2, 1.0, True, "1"]),
}  # fmt: skip
SENT = st.fixed_dictionaries(
    {name: VALUES[name] for name in FIELDS[:4]},
    optional={name: st.none() | VALUES[name] for name in FIELDS[4:]},
) | st.dictionaries(st.sampled_from([*FIELDS, "other"]), st.none() | st.one_of(*VALUES.values()), max_size=9)


def judged_one_by_one(body: bytes, *, is_lines: bool) -> list[Event] | None:
    """What a body's events are; `None` if not all of them may enter, or it cannot even be read."""
    try:
        found = judged_batch(parse_events(body, is_lines=is_lines).events, MOVIES, now_ms=NOW)
    except BadInput:
        return None
    events = [each for each in found if isinstance(each, Event)]
    return events if len(events) == len(found) else None


def agrees(body: bytes, *, is_lines: bool) -> bool:
    """Whether a body is left to the judgement, or found to be what that finds."""
    plain = PLAIN(body, is_lines, NOW)
    return plain is None or plain == judged_one_by_one(body, is_lines=is_lines)


def event(**said: object) -> dict[str, object]:
    return {"event_id": "e1", "user_id": "ann", "item_id": "i1", "type": "play", "occurred_at": NOW, **said}


@given(sent=st.lists(SENT, max_size=3), indent=st.none() | st.just(1), is_lines=st.booleans())
@settings(max_examples=150, deadline=None)
def test_what_is_read_at_once_is_what_the_judgement_finds(
    sent: list[object], indent: int | None, is_lines: bool
) -> None:
    lines = [json.dumps(each, ensure_ascii=False).encode() for each in sent]
    bodies = (
        [b"\n".join(lines)]
        if is_lines
        else [json.dumps(sent, indent=indent).encode(), json.dumps({"events": sent}).encode()]
    )

    assert all(agrees(body, is_lines=is_lines) for body in bodies)


@given(
    spot=st.integers(0, 400),
    gone=st.integers(0, 3),
    put=st.binary(max_size=2) | st.sampled_from([b"\\u0041", b"[", b"1e5"]),
    is_lines=st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_a_spoilt_body_is_never_taken_for_another(spot: int, gone: int, put: bytes, is_lines: bool) -> None:
    events = [event(), event(event_id="e2", type="rating", value=4.5), event(event_id="e3", recommendation_id="r1")]
    whole = b"\n".join(json.dumps(each).encode() for each in events) if is_lines else json.dumps(events).encode()
    spot %= len(whole)

    assert agrees(whole[:spot] + put + whole[spot + gone :], is_lines=is_lines)


@pytest.mark.parametrize(
    "said",
    [
        {}, {"occurred_at": None}, {"occurred_at": "2026-09-21T13:33:20Z"}, {"occurred_at": "2026-09-21T13:33:20.12Z"},
        {"type": "rating", "value": 4.5}, {"type": "watch_time", "value": 86_400}, {"type": "play", "value": 10_000},
        {"recommendation_id": "r-1"}, {"recommendation_id": None, "value": None}, {"properties": {}},
        {"schema_version": 1, "properties": None}, {"user_id": " ~!#$%&'()*+,-./:;<=>?@[]^_`{|} "},
    ],
)  # fmt: skip
def test_what_programs_send_is_plain(said: dict[str, object]) -> None:
    sent = [event(**said), event(event_id="e2")]
    lines = b"\r\n \n".join(json.dumps(each).encode() for each in sent)

    for body, is_lines in ((json.dumps(sent).encode(), False), (lines, True)):
        found = PLAIN(body, is_lines, NOW)
        assert found is not None
        assert found == judged_one_by_one(body, is_lines=is_lines)
        assert list(found) == judged_one_by_one(body, is_lines=is_lines)


def test_a_batch_is_plain_up_to_the_most_events_that_one_may_have() -> None:
    most = [event(event_id=f"e{number}") for number in range(500)]

    assert len(PLAIN(json.dumps(most).encode(), False, NOW) or ()) == 500
    assert PLAIN(json.dumps([*most, event()]).encode(), False, NOW) is None
    assert PLAIN(b"[]", False, NOW) is None


def test_a_field_that_stands_there_twice_is_looked_at_closely() -> None:
    twice = json.dumps([event()]).replace('"user_id": "ann"', '"user_id": "ann", "user_id": "ann"').encode()

    assert PLAIN(twice, False, NOW) is None


def test_without_the_extension_every_event_is_judged_by_itself() -> None:
    assert none_is_plain(json.dumps([event()]).encode(), False, NOW) is None
