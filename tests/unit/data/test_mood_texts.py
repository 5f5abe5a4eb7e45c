"""Moods as they are sent: what may be said of one, and the twelve that every installation begins with."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.data.default_moods import DEFAULT_MOODS
from tacit.data.moods import Mood, checked_name, mood_of
from tacit.errors import BadInput

JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=True) | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)


@pytest.mark.requirement("SERV-008")
@pytest.mark.parametrize("profile", ["music", "movies", "lectures"])
def test_there_are_twelve_moods_for_every_profile_with_those_that_were_asked_for(profile: str) -> None:
    moods = DEFAULT_MOODS[profile]

    assert len({mood.name for mood in moods}) == len(moods) == 12
    assert {"heartbreak", "party", "chill", "motivation", "focus"} <= {mood.name for mood in moods}
    for mood in moods:
        assert mood.is_default
        assert checked_name(mood.name)
        assert mood_of(mood.name, {"title": mood.title, "words": dict(mood.words)}).words == mood.words


def test_a_list_of_words_says_all_of_each_and_the_name_is_a_title() -> None:
    assert mood_of("road-trip", {"words": ["Driving", "CARS"], "seeds": ["i1", "i1"]}) == Mood(
        "road-trip", "Road trip", (("driving", 1.0), ("cars", 1.0)), ("i1",)
    )


@pytest.mark.parametrize(
    ("said", "code", "field"),
    [
        ({}, "field_missing", "words"),
        ({"word": ["a"]}, "field_unknown", "word"),
        ({"words": "a"}, "type", "words"),
        ({"words": {"a": True}}, "type", "words"),
        ({"words": {"a": 0}}, "value_range", "words"),
        ({"words": {"a": float("nan")}}, "value_range", "words"),
        ({"words": {"a": 1.5}}, "value_range", "words"),
        ({"words": {" ": 1}}, "id_empty", "words"),
        ({"words": [str(n) for n in range(51)]}, "too_many_items", "words"),
        ({"seeds": "i1"}, "type", "seeds"),
        ({"seeds": ["a\0"]}, "string_nul", "seeds"),
        ({"seeds": [1]}, "type", "seeds"),
        ({"words": ["a"], "title": "x" * 101}, "text_too_long", "title"),
    ],
)
def test_what_is_wrong_with_a_mood_is_named(said: dict[str, object], code: str, field: str) -> None:
    with pytest.raises(BadInput) as caught:
        mood_of("rain", said)

    assert (caught.value.code, caught.value.field) == (code, field)


@given(said=st.dictionaries(st.sampled_from(("title", "words", "seeds", "other")), JSON))
def test_whatever_is_sent_is_a_mood_or_bad_input(said: dict[str, object]) -> None:
    try:
        mood = mood_of("rain", said)
    except BadInput:
        return
    assert mood.words or mood.seeds
    assert all(0 < weight <= 1 for _, weight in mood.words)


@pytest.mark.parametrize("name", ["", "A", "a b", "a--b", "-a", "ä", "a/b", "x" * 41, "a\n"])
def test_a_name_is_small_letters_digits_and_single_hyphens(name: str) -> None:
    with pytest.raises(BadInput, match="small letters"):
        checked_name(name)
