"""The types of events that are shipped, and what one may not set."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tacit.data.event_rules import EventRules, TypeRule
from tacit.data.events import Event
from tacit.errors import Misconfigured

PROFILES = ("music", "lectures", "movies")


def event(kind: str, value: float | None = None) -> Event:
    return Event("e", "ann", "a song", kind, value, 0)


@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_hears_what_speaks_for_and_what_speaks_against_an_item(profile: str) -> None:
    types = EventRules.shipped(profile).types

    assert {name for name, rule in types.items() if rule.weight < 0} == {"skip", "dislike"}
    assert max(types.values(), key=lambda rule: rule.weight).weight >= 2


def test_the_profiles_together_know_every_type_of_the_interface() -> None:
    known = {name for profile in PROFILES for name in EventRules.shipped(profile).types}

    assert known >= {"play", "like", "skip", "view", "enrol", "complete", "rating", "watch_time", "dislike"}


@pytest.mark.parametrize(("profile", "kind"), [("music", "play"), ("lectures", "enrol"), ("movies", "rating")])
def test_what_a_profile_imports_weighs_one_as_an_event(profile: str, kind: str) -> None:
    assert EventRules.shipped(profile).weight_of(event(kind)) == 1


@pytest.mark.parametrize(
    ("kind", "value", "weight"),
    [("play", None, 1.0), ("play", 7.0, 7.0), ("watch_time", 120.0, 0.5), ("rating", 0.5, 1.0), ("skip", None, -0.5),
     ("forgotten", 3.0, 0.0)],
)  # fmt: skip
def test_an_amount_weighs_where_it_counts_plays_or_time(kind: str, value: float | None, weight: float) -> None:
    assert EventRules.shipped("music").weight_of(event(kind, value)) == weight


def test_an_unknown_profile_is_answered_with_the_nearest() -> None:
    with pytest.raises(Misconfigured, match="Did you mean 'lectures'") as error:
        EventRules.shipped("Lecture")

    assert error.value.code == "profile_unknown"


@pytest.mark.parametrize(
    "build",
    [
        lambda: TypeRule(0), lambda: TypeRule(1e12), lambda: TypeRule(float("nan")), lambda: TypeRule(float("-inf")),
        lambda: TypeRule(1, "optional", lowest=2, highest=1), lambda: TypeRule(1, "optional", lowest=-1, highest=1),
        lambda: TypeRule(1, "optional", highest=float("inf")), lambda: TypeRule(1, per=0.0),
        lambda: EventRules({}, oldest_days=0), lambda: EventRules({}, future_hours=-1),
    ],
)  # fmt: skip
def test_a_rule_that_makes_no_sense_is_an_operators_mistake(build: Callable[[], object]) -> None:
    with pytest.raises(Misconfigured) as error:
        build()

    assert error.value.code == "limit_out_of_range"


@pytest.mark.parametrize("name", ["", "Play", "play now", "1st", "p" * 33, "play\n"])
def test_a_type_of_event_may_not_be_called_anything(name: str) -> None:
    with pytest.raises(Misconfigured) as error:
        EventRules({name: TypeRule(1)})

    assert error.value.code == "event_type_invalid"


def test_rules_do_not_change_with_what_they_were_made_from() -> None:
    types = {"play": TypeRule(1)}
    rules = EventRules(types)

    types["like"] = TypeRule(2)

    assert list(rules.types) == ["play"]
