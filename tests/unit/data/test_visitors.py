"""Simulated visitors have tastes that hold: what suits is clicked more, places matter, all follows from the seed."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacit.data.event_rules import EventRules
from tacit.data.visitors import MANNERS, Crowd, Visitor, groups_of

GENRES = [f"genre-{number}" for number in range(12)]


@dataclass(frozen=True)
class Artist:
    item_id: str
    categories: tuple[str, ...] = ()


ARTISTS = [Artist(f"a{number}", (GENRES[number % 12],)) for number in range(240)]
POPULAR = ARTISTS[:10]
VISITORS = [Visitor(f"user-{number}", seed=5) for number in range(120)]
names = st.text(min_size=1, max_size=12)


def suiting(visitor: Visitor) -> list[Artist]:
    """The list of a perfect platform."""
    return sorted(ARTISTS, key=visitor.appeal, reverse=True)[:10]


def nearly(visitor: Visitor) -> list[Artist]:
    """The list of a platform that sees half of what is liked."""
    return [*suiting(visitor)[::2], *POPULAR[:5]]


@pytest.fixture(scope="module")
def lists() -> dict[str, list[tuple[Visitor, list[Artist]]]]:
    kinds = {"perfect": suiting, "half": nearly, "popular": lambda _: POPULAR}
    return {name: [(visitor, kind(visitor)) for visitor in VISITORS] for name, kind in kinds.items()}


def test_a_list_that_fits_a_taste_is_clicked_more_than_a_popular_one(
    lists: dict[str, list[tuple[Visitor, list[Artist]]]],
) -> None:
    expected = {name: mean(who.chance_of_list(shown) for who, shown in each) for name, each in lists.items()}
    draw = random.Random(1)
    seen = {
        name: mean(bool(who.clicked(shown, draw)) for who, shown in each for _ in range(5))
        for name, each in lists.items()
    }

    assert expected["perfect"] > 1.5 * expected["popular"]
    assert expected["perfect"] > expected["half"] > expected["popular"]
    assert seen == pytest.approx(expected, abs=0.04)


@settings(max_examples=30, deadline=None)
@given(user=names, seed=st.integers(0, 9), item=names, category=names, rank=st.integers(1, 100))
def test_a_chance_is_one_and_falls_with_the_rank(user: str, seed: int, item: str, category: str, rank: int) -> None:
    visitor, artist = Visitor(user, seed), Artist(item, (category,))

    assert 0 <= visitor.appeal(artist) <= 1
    assert 0 < visitor.chance(artist, rank + 1) < visitor.chance(artist, rank) < 1
    assert visitor.appeal(artist) == Visitor(user, seed).appeal(Artist(item, (category,)))


def test_people_and_seeds_differ_in_taste() -> None:
    favourites = Counter(max(GENRES, key=visitor.liking) for visitor in VISITORS)
    others = [Visitor(visitor.user_id, seed=6) for visitor in VISITORS]
    agreeing = sum(
        max(GENRES, key=a.liking) == max(GENRES, key=b.liking) for a, b in zip(VISITORS, others, strict=True)
    )

    assert set(favourites) == set(GENRES)
    assert max(favourites.values()) < 3 * 120 / 12
    assert agreeing < 3 * 120 / 12
    assert mean(visitor.liking(genre) for visitor in VISITORS for genre in GENRES) < 0.25


def test_whoever_took_something_likes_its_kind_from_then_on() -> None:
    visitor = min(VISITORS, key=lambda each: each.liking("genre-3"))

    known = visitor.knowing([Artist("x", ("genre-3",))])

    assert visitor.liking("genre-3") < 0.1
    assert known.liking("genre-3") >= 0.6
    assert known.liking("genre-4") == visitor.liking("genre-4")


def test_what_has_no_category_is_thought_of_in_a_group_of_its_own_id() -> None:
    bare = [Artist(f"b{number}") for number in range(500)]
    groups = Counter(groups_of(item)[0] for item in bare)

    assert len(groups) == 12
    assert max(groups.values()) < 80
    assert groups_of(Artist("b1")) == groups_of(Artist("b1"))


def test_people_look_for_what_they_like() -> None:
    draw = random.Random(2)
    sought = [visitor.appeal(visitor.sought(ARTISTS, draw)) for visitor in VISITORS]

    assert mean(sought) > 2 * mean(visitor.appeal(artist) for visitor in VISITORS[:50] for artist in ARTISTS[:48])


@pytest.mark.parametrize("profile", MANNERS)
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1_000), place=st.integers(0, 239))
def test_every_deed_is_an_event_that_its_profile_takes(profile: str, seed: int, place: int) -> None:
    draw, visitor = random.Random(seed), VISITORS[seed % 120]

    deeds = list(MANNERS[profile].deeds(visitor, ARTISTS[place], draw))

    types = EventRules.shipped(profile).types
    assert deeds[0].type == MANNERS[profile].taken
    for deed in deeds:
        rule = types[deed.type]
        assert (deed.value is None) == (rule.value != "required")
        assert deed.value is None or rule.lowest <= deed.value <= rule.highest


def test_few_come_often_and_most_now_and_then() -> None:
    draw = random.Random(3)
    crowd = Crowd([f"user-{number}" for number in range(100)], seed=5)
    came = Counter(crowd.somebody(draw).user_id for _ in range(5_000))

    assert came["user-0"] > 4 * came["user-50"] > 0
    assert len(came) == 100
