"""What a page says of an item, and what a button on it does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tacit.data.event_rules import EventRules
from tacit.entrypoints.storefront.acts import VERBS, deed_of, said_of
from tacit.entrypoints.storefront.facts import facts_of, length_of, plain_tags
from tacit.entrypoints.storefront.selection import Selection, selection_of, with_fields
from tacit.entrypoints.storefront.tiles import interleaved
from tacit.errors import BadInput
from tacit.serving.answers import ItemView

PLAIN = ItemView("i1", "Statistics", ("Science",), (), 3)


@pytest.mark.parametrize(
    ("labels", "tags", "said"),
    [
        ("{}", (), ()),
        ('{"level":"beginner","duration_minutes":130,"year":1995}', (), ("Beginner", "2 h 10 min", "1995")),
        ("{}", ("level:all", "language:english"), ("All levels", "English")),
        ("{}", ("level:expert", "language:german", "bayes"), ("Expert", "German")),
        ('{"level":"advanced"}', ("level:beginner",), ("Advanced",)),
        ('{"duration_seconds":45}', (), ("1 min",)),
        ('{"duration":"three evenings"}', (), ("Three evenings",)),
        ('{"duration_minutes":-5,"year":true,"level":7,"language":" "}', (), ()),
        ('{"duration_minutes":1e400}', (), ()),
    ],
)
def test_what_the_catalogue_says_of_an_item_is_told_in_a_few_words_each(
    labels: str, tags: tuple[str, ...], said: tuple[str, ...]
) -> None:
    assert facts_of(replace(PLAIN, labels=labels, tags=tags)) == said


def test_a_year_that_stands_in_the_title_is_not_told_twice() -> None:
    film = replace(PLAIN, title="Toy Story (1995)", labels='{"year":1995}')

    assert facts_of(film) == ()


def test_tags_that_are_facts_or_categories_are_not_shown_as_tags_again() -> None:
    item = replace(PLAIN, tags=("level:expert", "science", "bayes", "regression"))

    assert plain_tags(item) == ("bayes", "regression")


@pytest.mark.parametrize(("minutes", "said"), [(0.2, "1 min"), (59.4, "59 min"), (60, "1 h"), (61, "1 h 1 min")])
def test_a_length_is_told_as_people_say_it(minutes: float, said: str) -> None:
    assert length_of(minutes) == said


@pytest.mark.parametrize("profile", ["music", "lectures", "movies"])
def test_every_button_of_a_profile_sends_an_event_that_the_profile_takes(profile: str) -> None:
    types = EventRules.shipped(profile).types

    assert {VERBS[profile].type, "like", "skip"} <= set(types)
    assert types[VERBS[profile].type].value != "required"


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({}, "act_unknown"),
        ({"act": "buy", "item": "i1"}, "act_unknown"),
        ({"act": "like"}, "field_missing"),
        ({"act": "like", "item": "a\0"}, "text_malformed"),
        ({"act": "like", "item": "i1", "place": "-1"}, "request_malformed"),
        ({"act": "like", "item": "i1", "place": "٣"}, "request_malformed"),
        ({"act": "like", "item": "i1", "list": "x" * 65}, "text_malformed"),
    ],
)
def test_a_form_that_no_page_of_ours_sends_does_nothing(form: dict[str, str], code: str) -> None:
    with pytest.raises(BadInput) as refusal:
        deed_of(form)

    assert refusal.value.code == code


def test_what_was_done_is_said_with_a_title_as_it_stands() -> None:
    assert said_of("take", "{0} & Co", "music") == "Played {0} & Co."
    assert said_of("hide", "Slow Rivers", "lectures") == "Slow Rivers will not be shown to you again."
    assert said_of("burn", "Slow Rivers", "music") is None


def test_moods_stand_in_the_address_beside_the_picks_and_are_taken_back_by_a_second_touch() -> None:
    picked = Selection(("a",)).toggled("chill").toggled("party")

    assert picked.home == "/?like=a&mood=chill&mood=party"
    assert picked.toggled("chill").home == "/?like=a&mood=party"
    assert selection_of(["a"], None, ["chill", "chill", ""]).moods == ("chill",)
    assert selection_of([], None, ["chill"], is_start=True).home == "/start?mood=chill"


def test_what_was_done_is_added_behind_the_fields_of_an_address() -> None:
    assert with_fields("/", [("did", "like")]) == "/?did=like"
    assert with_fields("/charts?category=a%20b", [("about", "x/y&z")]) == "/charts?category=a%20b&about=x%2Fy%26z"


def test_seeds_of_several_moods_are_offered_from_each_in_turn() -> None:
    def item(name: str) -> ItemView:
        return replace(PLAIN, item_id=name)

    first, second = [item("a"), item("b"), item("c")], [item("x"), item("b")]

    assert [each.item_id for each in interleaved([first, second], most=4)] == ["a", "x", "b", "c"]
    assert interleaved([], most=4) == ()
