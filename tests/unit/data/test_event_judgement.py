"""What holds of the judgement of an event, whatever is sent."""

from __future__ import annotations

import json
import math

from hypothesis import given, settings
from hypothesis import strategies as st

from tacit.data.event_fields import CODES, MAX_PROPERTIES_BYTES
from tacit.data.event_rules import EventRules
from tacit.data.event_validation import FIELDS, Problem, judged, judged_batch
from tacit.data.events import Event
from tacit.data.texts import MAX_ID_BYTES

NOW = 1_790_000_000_000
DAY = 86_400_000
MOVIES = EventRules.shipped("movies")

TEXTS = st.text(max_size=40) | st.text(st.characters(codec=None), max_size=20) | st.sampled_from(["", " ", "\0", "é"])
NUMBERS = st.integers() | st.floats() | st.sampled_from([0, -1, 2**63, NOW, NOW // 1_000, 10**400])
TIMES = st.datetimes().map(lambda moment: moment.isoformat() + "Z")
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS | TIMES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
# Twenty characters are at most 240 bytes once normalised.
WORDS = st.text(st.characters(categories=["L", "M", "N", "P", "S"]), min_size=1, max_size=20)
SOUND_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)
SOUND = st.fixed_dictionaries(
    {
        "event_id": WORDS, "user_id": WORDS, "item_id": WORDS, "type": st.sampled_from(["rating", "watch_time"]),
        "value": st.floats(0.5, 5) | st.integers(1, 5),
    },
    optional={
        "occurred_at": st.none() | st.integers(NOW - 700 * DAY, NOW + DAY), "recommendation_id": st.none() | WORDS,
        "properties": st.none() | st.dictionaries(WORDS, SOUND_VALUES, max_size=4), "schema_version": st.just(1),
    },
)  # fmt: skip
SPOILT = st.tuples(SOUND, st.dictionaries(st.sampled_from(FIELDS), VALUES, min_size=1, max_size=2)).map(
    lambda both: {**both[0], **both[1]}
)
SENT = SOUND | SPOILT | VALUES | st.dictionaries(st.sampled_from(FIELDS) | TEXTS, VALUES, max_size=9)


@given(raw=SENT)
@settings(max_examples=100, deadline=None)
def test_whatever_is_sent_becomes_an_event_or_a_known_problem(raw: object) -> None:
    judgement = judged(raw, MOVIES, now_ms=NOW)

    if isinstance(judgement, Problem):
        assert judgement.code in CODES
        assert len(judgement.detail) <= 500
        json.dumps(judgement.as_error().as_dict(), allow_nan=False).encode()
    else:
        assert_storable(judgement)


def assert_storable(event: Event) -> None:
    ids = [event.event_id, event.user_id, event.item_id, event.recommendation_id or "-"]
    assert all(0 < len(text.encode()) <= MAX_ID_BYTES and "\0" not in text for text in ids)
    assert event.value is None or math.isfinite(event.value)
    assert NOW - 730 * DAY <= event.occurred_at_ms <= NOW + DAY
    assert len(event.properties.encode()) <= MAX_PROPERTIES_BYTES
    assert isinstance(json.loads(event.properties), dict)


@given(raw=SOUND)
@settings(max_examples=80, deadline=None)
def test_a_sound_event_is_accepted_and_judged_again_is_the_same(raw: object) -> None:
    event = judged(raw, MOVIES, now_ms=NOW)
    assert isinstance(event, Event), event
    again = {
        "event_id": event.event_id, "user_id": event.user_id, "item_id": event.item_id, "type": event.type,
        "value": event.value, "occurred_at": event.occurred_at_ms if event.timed else None,
        "recommendation_id": event.recommendation_id, "properties": json.loads(event.properties),
    }  # fmt: skip

    assert judged(again, MOVIES, now_ms=NOW) == event


@given(raws=st.lists(SENT, min_size=1, max_size=12))
@settings(max_examples=50, deadline=None)
def test_a_batch_is_judged_in_its_order_and_each_event_alone(raws: list[object]) -> None:
    assert judged_batch(raws, MOVIES, now_ms=NOW) == tuple(judged(raw, MOVIES, now_ms=NOW) for raw in raws)
