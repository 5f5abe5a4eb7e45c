"""The bad-input catalogue's events, as one table."""

from __future__ import annotations

import math
import time
from typing import Any

import pytest

from tacit.data.event_fields import CODES, MAX_PROPERTIES_BYTES
from tacit.data.event_rules import EventRules
from tacit.data.event_validation import FIELDS, MAX_BATCH, Problem, conflicting, judged, judged_batch
from tacit.data.events import Event
from tacit.errors import BadInput

NOW = 1_790_000_000_000
"""21 September 2026."""
HOUR = 3_600_000
DAY = 24 * HOUR
RULES = EventRules.shipped("music")
ABSENT = object()


def sent(**changes: Any) -> dict[str, Any]:
    """A play as a sender would send it, with changes."""
    fields = {"event_id": "e1", "user_id": "ann", "item_id": "a song", "type": "play", "occurred_at": NOW, **changes}
    return {name: value for name, value in fields.items() if value is not ABSENT}


def said(**properties: Any) -> dict[str, Any]:
    return sent(properties=properties)


def listened(seconds: Any) -> dict[str, Any]:
    return sent(type="watch_time", value=seconds)


def accepted(raw: object, rules: EventRules = RULES) -> Event:
    event = judged(raw, rules, now_ms=NOW)
    assert isinstance(event, Event), event
    return event


def refused(raw: object, rules: EventRules = RULES) -> Problem:
    problem = judged(raw, rules, now_ms=NOW)
    assert isinstance(problem, Problem), problem
    return problem


def nested(levels: int, innermost: object = None) -> Any:
    inner = innermost
    for _ in range(levels):
        inner = {"a": inner}
    return inner


CYCLE: dict[str, Any] = {}
CYCLE["again"] = [CYCLE]

BAD = [
    ("8: half a surrogate pair in an id", sent(user_id="a\ud800"), "string_surrogate", "user_id"),
    ("8: half a surrogate pair in a property", said(note="\udfff"), "string_surrogate", "properties"),
    ("8: half a surrogate pair in a property's name", said(**{"\ud800": 1}), "string_surrogate", "properties"),
    ("9: NUL in an id", sent(item_id="a\0"), "string_nul", "item_id"),
    ("9: NUL in a property", said(a=[{"b": "\0"}]), "string_nul", "properties"),
    ("9: NUL in a property's name", said(**{"\0": 1}), "string_nul", "properties"),
    ("10: newline in an id", sent(event_id="e\n1"), "string_control", "event_id"),
    ("10: DEL in an id", sent(event_id="\x7f"), "string_control", "event_id"),
    ("10: control character beyond ASCII in an id", sent(user_id="a\x85"), "string_control", "user_id"),
    ("10: line separator in an id", sent(user_id="a\u2028b"), "string_control", "user_id"),
    ("11: zero-width space in an id", sent(user_id="an\u200bn"), "string_format_char", "user_id"),
    ("11: right-to-left override in an id", sent(item_id="\u202egnos"), "string_format_char", "item_id"),
    ("13: empty id", sent(user_id=""), "id_empty", "user_id"),
    ("13: id of spaces", sent(item_id="   "), "id_empty", "item_id"),
    ("13: id of other spaces", sent(item_id="\u2003\u00a0"), "id_empty", "item_id"),
    ("13: empty link to an answer", sent(recommendation_id=""), "id_empty", "recommendation_id"),
    ("14: id of 257 letters", sent(event_id="a" * 257), "id_too_long", "event_id"),
    ("14: id of 258 bytes in 129 letters", sent(user_id="é" * 129), "id_too_long", "user_id"),
    ("14: id that its kept form makes too long", sent(user_id="\U0001d160" * 22), "id_too_long", "user_id"),
    ("14: id of a megabyte", sent(user_id="e\u0301" * 500_000), "id_too_long", "user_id"),
    ("16: NaN", listened(math.nan), "number_not_finite", "value"),
    ("16: infinity", listened(-math.inf), "number_not_finite", "value"),
    ("16: NaN for a time", sent(occurred_at=math.nan), "number_not_finite", "occurred_at"),
    ("16: NaN in a property", said(a={"b": [math.nan]}), "number_not_finite", "properties"),
    ("18: amount of 2^63", listened(2**63), "number_out_of_range", "value"),
    ("18: time of 2^63", sent(occurred_at=2**63), "number_out_of_range", "occurred_at"),
    ("18: time of -2^63 - 1", sent(occurred_at=-(2**63) - 1), "number_out_of_range", "occurred_at"),
    ("18: property of 2^63", said(a=2**63), "number_out_of_range", "properties"),
    ("19: amount of 5,000 digits", listened(10**5_000), "number_out_of_range", "value"),
    ("20: number as text", listened("5"), "type", "value"),
    ("20: true for a number", listened(True), "type", "value"),
    ("20: true for a time", sent(occurred_at=True), "type", "occurred_at"),
    ("20: number for an id", sent(user_id=7), "type", "user_id"),
    ("20: number for a type", sent(type=1), "type", "type"),
    ("20: array for properties", sent(properties=[]), "type", "properties"),
    ("20: false for properties", sent(properties=False), "type", "properties"),
    ("20: array for a link to an answer", sent(recommendation_id=["r"]), "type", "recommendation_id"),
    ("20: something that is no JSON in a property", said(a={1, 2}), "type", "properties"),
    ("20: name of a property that is no text", sent(properties={1: 2}), "type", "properties"),
    ("21: negative count", sent(value=-1), "value_range", "value"),
    ("21: count of 0", sent(value=0), "value_range", "value"),
    ("21: count with a fraction", sent(value=1.5), "value_range", "value"),
    ("21: amount where there is none", sent(type="like", value=1), "value_range", "value"),
    ("21: too few stars", sent(type="rating", value=0.4), "value_range", "value"),
    ("21: too many stars", sent(type="rating", value=5.1), "value_range", "value"),
    ("23: unknown field", sent(weight=3), "field_unknown", "weight"),
    ("24: no user", sent(user_id=ABSENT), "field_missing", "user_id"),
    ("24: no item", sent(item_id=ABSENT), "field_missing", "item_id"),
    ("24: no type", sent(type=ABSENT), "field_missing", "type"),
    ("24: no stars in a rating", sent(type="rating"), "field_missing", "value"),
    ("25: null user", sent(user_id=None), "type", "user_id"),
    ("25: null type", sent(type=None), "type", "type"),
    ("25: null stars", sent(type="rating", value=None), "type", "value"),
    ("26: array for an event", [sent()], "type", "event"),
    ("26: text for an event", "event", "type", "event"),
    ("26: null for an event", None, "type", "event"),
    ("27: 201 levels", sent(properties=nested(201)), "json_depth", "properties"),
    ("27: 5,000 levels", sent(properties=nested(5_000)), "json_depth", "properties"),
    ("27: properties that hold themselves", sent(properties=CYCLE), "json_depth", "properties"),
    ("28: a hundred thousand fields", {f"f{n}": n for n in range(100_000)}, "field_unknown", "f0"),
    (
        "28: a hundred thousand properties",
        said(**{f"f{n}": n for n in range(100_000)}),
        "event_too_large",
        "properties",
    ),
    ("53: role", sent(role="admin"), "field_unknown", "role"),
    ("53: tenant", sent(tenant_id="t2"), "field_unknown", "tenant_id"),
    ("53: administrator", sent(is_admin=True), "field_unknown", "is_admin"),
    ("53: alias", sent(model_alias="champion"), "field_unknown", "model_alias"),
    ("62: no event id", sent(event_id=ABSENT), "field_missing", "event_id"),
    ("62: null event id", sent(event_id=None), "type", "event_id"),
    ("63: milliseconds with a fraction", sent(occurred_at=NOW + 0.5), "timestamp_unit", "occurred_at"),
    ("63: milliseconds as a float", sent(occurred_at=float(NOW)), "timestamp_unit", "occurred_at"),
    ("63: seconds", sent(occurred_at=NOW // 1_000), "timestamp_unit", "occurred_at"),
    ("63: microseconds", sent(occurred_at=NOW * 1_000), "timestamp_unit", "occurred_at"),
    ("63: nanoseconds", sent(occurred_at=NOW * 1_000_000), "timestamp_unit", "occurred_at"),
    ("63: ISO without zone", sent(occurred_at="2026-09-21T12:00:00"), "timestamp_unit", "occurred_at"),
    ("63: date without time", sent(occurred_at="2026-09-21"), "timestamp_unit", "occurred_at"),
    ("63: space for T", sent(occurred_at="2026-09-21 12:00:00Z"), "timestamp_unit", "occurred_at"),
    ("63: digits of another script", sent(occurred_at="٢٠٢٦-09-21T12:00:00Z"), "timestamp_unit", "occurred_at"),
    ("63: number as text", sent(occurred_at=str(NOW)), "timestamp_unit", "occurred_at"),
    ("63: a line behind the time", sent(occurred_at="2026-09-21T12:00:00Z\n"), "timestamp_unit", "occurred_at"),
    ("64: 1970", sent(occurred_at=0), "timestamp_range", "occurred_at"),
    ("64: before 1970", sent(occurred_at=-1), "timestamp_range", "occurred_at"),
    ("64: 1999", sent(occurred_at="1999-12-31T23:59:59.999Z"), "timestamp_range", "occurred_at"),
    ("64: 2262", sent(occurred_at="2262-04-12T00:00:00Z"), "timestamp_range", "occurred_at"),
    ("64: year 1, east", sent(occurred_at="0001-01-01T00:00:00+23:59"), "timestamp_range", "occurred_at"),
    ("64: year 9999, west", sent(occurred_at="9999-12-31T23:59:59-23:59"), "timestamp_range", "occurred_at"),
    ("64: 30 February", sent(occurred_at="2026-02-30T00:00:00Z"), "timestamp_range", "occurred_at"),
    ("64: zone of 99 hours", sent(occurred_at="2026-02-20T00:00:00+99:00"), "timestamp_range", "occurred_at"),
    ("64: 24 hours and a moment ahead", sent(occurred_at=NOW + DAY + 1), "timestamp_range", "occurred_at"),
    ("67: unknown type", sent(type="purchase"), "event_type_unknown", "type"),
    ("67: type in capitals", sent(type="PLAY"), "event_type_unknown", "type"),
    ("67: type of another profile", sent(type="enrol"), "event_type_unknown", "type"),
    ("71: a billion plays", sent(value=10**9), "value_range", "value"),
    ("72: negative time", listened(-1), "value_range", "value"),
    ("72: more than a day in one event", listened(86_401), "value_range", "value"),
    ("73: a megabyte of properties", said(blob="x" * 1_000_000), "event_too_large", "properties"),
    ("73: a byte too many", said(a="x" * (MAX_PROPERTIES_BYTES - 7)), "event_too_large", "properties"),
    ("73: a byte too many in UTF-8", said(a="é" * (MAX_PROPERTIES_BYTES // 2 - 3)), "event_too_large", "properties"),
    ("73: many short values", said(a=[0] * MAX_PROPERTIES_BYTES), "event_too_large", "properties"),
    ("73: a long name", said(**{"n" * 20_000: 1}), "event_too_large", "properties"),
    ("75: newer version", sent(schema_version=2, feeling="good"), "schema_version", "schema_version"),
    ("75: version 0", sent(schema_version=0), "schema_version", "schema_version"),
    ("75: version of 5,000 digits", sent(schema_version=10**5_000), "schema_version", "schema_version"),
    ("75: version as text", sent(schema_version="1"), "type", "schema_version"),
    ("75: true for a version", sent(schema_version=True), "type", "schema_version"),
]


@pytest.mark.requirement("DATA-022")
@pytest.mark.requirement("QUAL-023")
@pytest.mark.parametrize(("raw", "code", "field"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_a_bad_event_is_refused_with_its_code_and_field(raw: object, code: str, field: str) -> None:
    started = time.thread_time()
    problem = refused(raw)

    assert (problem.code, problem.field, problem.quarantine) == (code, field, False)
    assert len(problem.detail) <= 500
    assert time.thread_time() - started < 1


def test_every_code_has_a_case() -> None:
    assert {case[2] for case in BAD} | {"event_conflict"} == set(CODES)


GOOD = [
    ("nothing but what must be there", sent(occurred_at=ABSENT), {"occurred_at_ms": NOW, "properties": "{}"}),
    ("null where a field may be absent",
     sent(value=None, occurred_at=None, recommendation_id=None, properties=None, schema_version=None),
     {"value": None, "occurred_at_ms": NOW, "recommendation_id": None, "properties": "{}"}),
    ("the version there is", sent(schema_version=1), {}),
    ("a link to an answer", sent(recommendation_id="r 1"), {"recommendation_id": "r 1"}),
    ("an id of 256 bytes", sent(user_id="é" * 128), {"user_id": "é" * 128}),
    ("an id of 256 bytes once it is normalised", sent(user_id="e\u0301" * 128), {"user_id": "é" * 128}),
    ("an id of 300 characters that is of 200 bytes once it is normalised", sent(user_id="u\u0308\u0304" * 100),
     {"user_id": "ǖ" * 100}),
    ("spaces around an id", sent(user_id=" 7 "), {"user_id": " 7 "}),
    ("an id that looks like a number", sent(item_id="007"), {"item_id": "007"}),
    ("an id that looks like a path", sent(item_id="../a?b#c%2f"), {"item_id": "../a?b#c%2f"}),
    ("emoji and other scripts", sent(item_id="歌 🎵"), {"item_id": "歌 🎵"}),
    ("one play", sent(value=1), {"value": 1.0}),
    ("as many plays as may be", sent(value=10_000.0), {"value": 10_000.0}),
    ("no time at all", listened(0), {"value": 0.0}),
    ("a whole day", listened(86_400), {"value": 86_400.0}),
    ("half a star", sent(type="rating", value=0.5), {"value": 0.5}),
    ("24 hours ahead", sent(occurred_at=NOW + DAY), {"occurred_at_ms": NOW + DAY}),
    ("30 days late", sent(occurred_at=NOW - 30 * DAY), {"occurred_at_ms": NOW - 30 * DAY}),
    ("ISO in UTC", sent(occurred_at="2026-09-21T12:00:00Z"), {"occurred_at_ms": 1_789_992_000_000}),
    ("ISO east", sent(occurred_at="2026-09-21T14:30:00.5+02:30"), {"occurred_at_ms": 1_789_992_000_500}),
    ("ISO west", sent(occurred_at="2026-09-21T05:00:00.123456789-0700"), {"occurred_at_ms": 1_789_992_000_123}),
    ("properties at the limit", said(a="x" * (MAX_PROPERTIES_BYTES - 8)), {}),
    ("properties of 200 levels", sent(properties=nested(200, innermost=1)), {}),
    ("a text of several lines in a property", said(note="a\n\tb"), {"properties": '{"note":"a\\n\\tb"}'}),
    ("properties in another order", said(b=[True, None, 1.5], a="é"), {"properties": '{"a":"é","b":[true,null,1.5]}'}),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "kept"), [case[1:] for case in GOOD], ids=[case[0] for case in GOOD])
def test_a_good_event_is_kept_in_one_form(raw: object, kept: dict[str, object]) -> None:
    event = accepted(raw)

    assert {name: getattr(event, name) for name in kept} == kept


def test_ids_that_look_the_same_name_the_same() -> None:
    assert accepted(sent(user_id="Zoe\u0308")) == accepted(sent(user_id="Zo\u00eb"))


def test_an_amount_of_minus_nothing_is_nothing() -> None:
    assert accepted(listened(-0.0)).digest == accepted(listened(0)).digest


def test_an_event_older_than_the_age_limit_is_kept_aside() -> None:
    oldest = NOW - 730 * DAY

    assert accepted(sent(occurred_at=oldest)).occurred_at_ms == oldest
    problem = refused(sent(occurred_at=oldest - 1))
    assert (problem.code, problem.field, problem.quarantine) == ("timestamp_range", "occurred_at", True)
    assert accepted(sent(occurred_at=oldest - 1), EventRules(RULES.types, oldest_days=None)).occurred_at_ms < oldest


def test_an_old_event_that_is_also_wrong_is_refused_for_what_is_wrong() -> None:
    assert refused(sent(occurred_at=NOW - 731 * DAY, value=0)).code == "value_range"


def test_an_event_without_an_id_is_given_one_only_where_that_is_allowed() -> None:
    ids = iter(["given 1", "given 2"])
    raws = [sent(event_id=ABSENT), sent(), sent(event_id=None)]

    events = judged_batch(raws, RULES, now_ms=NOW, assign_id=lambda: next(ids))

    assert [event.event_id for event in events if isinstance(event, Event)] == ["given 1", "e1", "given 2"]


@pytest.mark.parametrize(
    ("name", "near"), [("userId", "user_id"), ("ITEM_ID", "item_id"), ("ocurred_at", "occurred_at")]
)
def test_an_unknown_field_is_answered_with_the_nearest_known_one(name: str, near: str) -> None:
    problem = refused(sent(**{name: 1}))

    assert problem.context is not None
    assert problem.context["near"][0] == near
    assert str(problem.fix).startswith(f"Did you mean {near}")


def test_an_unknown_field_like_no_other_is_answered_with_all_there_are() -> None:
    assert refused(sent(zzz=1)).context == {"near": [], "known": list(FIELDS)}


def test_an_unknown_type_is_answered_with_the_types_there_are() -> None:
    problem = refused(sent(type="plays"))

    assert problem.context == {"allowed": sorted(RULES.types)}
    assert "'play'" in str(problem.fix)


def test_a_version_nobody_knows_is_answered_with_those_known() -> None:
    assert refused(sent(schema_version=7)).context == {"supported": [1]}


HOSTILE = "\x1b[31m\r\nX\u202e<script>" + "é" * 1_000


@pytest.mark.parametrize(
    "raw",
    [
        sent(**{HOSTILE: 1}),
        sent(type=HOSTILE),
        sent(occurred_at=HOSTILE),
        sent(user_id=HOSTILE),
        said(a=HOSTILE + "\0"),
    ],
    ids=["field", "type", "time", "id", "property"],
)
def test_a_refusal_shows_little_of_what_was_sent_and_that_harmlessly(raw: object) -> None:
    facts = refused(raw).as_error().as_dict()

    shown = [str(value) for value in facts.values()]
    assert all(text.isascii() and text.isprintable() and text.count("xe9") <= 16 for text in shown)


def test_a_problem_becomes_an_error_that_says_the_same() -> None:
    problem = refused(sent(type="plays"))

    error = problem.as_error()

    said_in_both = {name: getattr(problem, name) for name in ("code", "detail", "field", "fix", "context")}
    assert isinstance(error, BadInput)
    assert {name: getattr(error, name) for name in said_in_both} == said_in_both


def test_a_conflicting_event_is_kept_aside_under_its_id() -> None:
    problem = conflicting(accepted(sent(event_id="é" * 100)))

    assert (problem.code, problem.field, problem.quarantine) == ("event_conflict", "event_id", True)
    assert problem.detail.isascii()


@pytest.mark.parametrize("size", [0, MAX_BATCH + 1])
def test_a_batch_of_no_or_too_many_events_is_refused_whole(size: int) -> None:
    with pytest.raises(BadInput) as error:
        judged_batch([sent()] * size, RULES, now_ms=NOW)

    assert error.value.code == "batch_size"
    assert error.value.context == {"size": size, "largest": 500}


def test_one_bad_event_of_500_takes_none_of_the_others_with_it() -> None:
    raws = [sent(event_id=f"e{n}", value=0 if n == 123 else 1) for n in range(500)]

    judgements = judged_batch(raws, RULES, now_ms=NOW)

    assert [n for n, judgement in enumerate(judgements) if isinstance(judgement, Problem)] == [123]
    assert [j.event_id for j in judgements if isinstance(j, Event)] == [f"e{n}" for n in range(500) if n != 123]
