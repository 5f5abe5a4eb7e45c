"""Lists kept for a while: what answers from them, what does not, and what is never shown from them."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.adapters.memory import MemoryMetricSink
from tacit.adapters.memory_cache import MemoryListCache
from tacit.errors import Unavailable
from tacit.monitoring import metrics as catalogue
from tacit.serving.answers import Recommendation, Source
from tacit.serving.fallback import Outcome
from tacit.serving.kept_lists import Asking, KeptLists, KeptOutcome, spelled
from tacit.serving.rules import Boost, Range, Rules
from tests.stages import wait_until

ITEMS = tuple("abcdefgh")


def listed(*item_ids: str) -> tuple[Recommendation, ...]:
    return tuple(Recommendation(item_id, item_id.upper(), (), 1.0) for item_id in item_ids)


def outcome(*item_ids: str, source: Source = "personal", degraded: bool = False) -> Outcome:
    return Outcome(source, listed(*item_ids), degraded)


def asking(stamp: str = "1", *, hidden: Sequence[str] = (), label: str = "recommender/1", keeps: bool = True) -> Asking:
    def allowed(item_ids: Sequence[str]) -> frozenset[str]:
        return frozenset(item_ids) - set(hidden)

    return Asking("ann", "ten", label, stamp, allowed, keeps)


class Desk:
    """Kept lists, a clock that stands until it is moved, and how often something was computed."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.metrics = MemoryMetricSink()
        self.cache = MemoryListCache(clock=lambda: self.now)
        self.lists = KeptLists(self.cache, clock=lambda: self.now, metrics=self.metrics)
        self.computed = 0

    def ask(self, asked: Asking, found: Outcome | Exception) -> KeptOutcome:
        def compute() -> Outcome:
            self.computed += 1
            if isinstance(found, Exception):
                raise found
            return found

        return self.lists.answer(asked, compute)

    def counted(self) -> tuple[float, ...]:
        return tuple(self.metrics.value(catalogue.LIST_CACHE, outcome=name) for name in ("hit", "miss", "stale"))


@pytest.fixture
def desk() -> Desk:
    return Desk()


def ids(kept: KeptOutcome) -> list[str]:
    return [item.item_id for item in kept.outcome.items]


AWAY = Unavailable("answer_unavailable", "Every way to answer failed.")


@pytest.mark.requirement("CACHE-006", "CACHE-007")
def test_a_list_answers_again_for_five_minutes_and_no_longer(desk: Desk) -> None:
    desk.ask(asking(), outcome("a"))
    desk.now += 300
    again = desk.ask(asking(), outcome("b"))
    desk.now += 1
    anew = desk.ask(asking(), outcome("b"))

    assert (ids(again), again.outcome.degraded, ids(anew)) == (["a"], False, ["b"])
    assert desk.counted() == (1, 2, 0)


def test_another_stamp_is_another_list(desk: Desk) -> None:
    desk.ask(asking("1"), outcome("a"))

    assert ids(desk.ask(asking("2"), outcome("b"))) == ["b"]
    assert ids(desk.ask(asking("2", label="recommender/2"), outcome("c"))) == ["c"]


@pytest.mark.requirement("CACHE-008")
def test_a_users_lists_are_forgotten_when_they_do_something_and_only_theirs(desk: Desk) -> None:
    desk.ask(asking(), outcome("a"))
    desk.ask(replace(asking(), user_id="bob"), outcome("a"))
    desk.lists.told({"ann", "nobody"})

    assert ids(desk.ask(asking(), outcome("b"))) == ["b"]
    assert ids(desk.ask(replace(asking(), user_id="bob"), outcome("b"))) == ["a"]


def test_where_computing_fails_a_list_of_the_last_hour_answers_and_says_so(desk: Desk) -> None:
    desk.ask(asking("1"), outcome("a", "b", "c"))
    desk.now += 3_600
    fallen_back = desk.ask(
        asking("2", hidden="b", label="recommender/2"), outcome("x", source="popular", degraded=True)
    )
    failed = desk.ask(asking("2", hidden="b"), AWAY)
    desk.now += 1
    too_late = desk.ask(asking("2"), outcome("x", source="popular", degraded=True))

    for kept in (fallen_back, failed):
        assert (ids(kept), kept.outcome.source, kept.outcome.degraded) == (["a", "c"], "personal", True)
        assert kept.label == "recommender/1"
    assert (ids(too_late), too_late.label) == (["x"], "recommender/1")
    assert desk.counted()[2] == 2


def test_a_failure_with_nothing_kept_is_told(desk: Desk) -> None:
    with pytest.raises(Unavailable, match="Every way"):
        desk.ask(asking(), AWAY)


def test_a_stale_list_of_which_nothing_may_be_shown_is_no_answer(desk: Desk) -> None:
    desk.ask(asking("1"), outcome("a"))

    kept = desk.ask(asking("2", hidden="a"), outcome("x", source="popular", degraded=True))

    assert (ids(kept), kept.outcome.source) == (["x"], "popular")


@pytest.mark.parametrize(
    ("keeps", "found"),
    [
        (False, outcome("a")),
        (True, outcome("a", degraded=True)),
        (True, outcome("a", source="popular", degraded=True)),
    ],
)
def test_a_list_that_is_not_the_one_we_wanted_to_give_is_not_kept(desk: Desk, keeps: bool, found: Outcome) -> None:
    desk.ask(asking(keeps=keeps), found)

    assert ids(desk.ask(asking(), outcome("b"))) == ["b"]


@given(
    kept=st.lists(st.sampled_from(ITEMS), unique=True, min_size=1),
    hidden=st.sets(st.sampled_from(ITEMS)),
    later=st.integers(0, 5_000),
    is_same=st.booleans(),
    fails=st.booleans(),
)
def test_a_kept_list_never_shows_what_was_seen_or_hidden_since(
    kept: list[str], hidden: set[str], later: int, is_same: bool, fails: bool
) -> None:
    desk = Desk()
    desk.ask(asking("1"), outcome(*kept))
    desk.now += later
    computed = outcome(*sorted(set(ITEMS) - hidden), source="popular" if fails else "personal", degraded=fails)

    answered = desk.ask(asking("1" if is_same else "2", hidden=sorted(hidden)), computed)

    assert not set(ids(answered)) & hidden
    if is_same and later <= 300 and not hidden & set(kept):
        assert ids(answered) == kept


def test_those_who_ask_the_same_at_once_wait_for_one_computation(desk: Desk) -> None:
    started, go = threading.Event(), threading.Event()
    answers: list[list[str]] = []

    def compute() -> Outcome:
        desk.computed += 1
        started.set()
        assert go.wait(5)
        return outcome("a")

    def ask(use: Callable[[], Outcome]) -> None:
        answers.append(ids(desk.lists.answer(asking(), use)))

    first = threading.Thread(target=ask, args=(compute,))
    first.start()
    assert started.wait(5)
    others = [threading.Thread(target=ask, args=(compute,)) for _ in range(8)]
    for other in others:
        other.start()
    wait_until(lambda: all(other.is_alive() for other in others))
    go.set()
    for thread in (first, *others):
        thread.join(5)

    assert answers == [["a"]] * 9
    assert desk.computed == 1


def test_an_error_reaches_everybody_who_waited_and_nobody_later(desk: Desk) -> None:
    with pytest.raises(ZeroDivisionError):
        desk.ask(asking(), ZeroDivisionError())

    assert ids(desk.ask(asking(), outcome("a"))) == ["a"]


def test_a_question_is_spelled_the_same_however_it_was_asked() -> None:
    boosts = (Boost("tag", "x", 2.0), Boost("item", "a", 0.5))
    rules = Rules(exclude=frozenset("ab"), boosts=boosts, categories=("c", "b"))
    again = Rules(exclude=frozenset("ba"), boosts=rules.boosts[::-1] * 2, categories=("c", "b", "c"))
    assert spelled(10, rules) == spelled(10, again)


def test_every_part_of_the_rules_is_part_of_the_question() -> None:
    others = (
        Rules(),
        Rules(exclude=frozenset("a")),
        Rules(exclude=frozenset({"a', 'b"})),
        Rules(exclude=frozenset("ab")),
        Rules(include=frozenset()),
        Rules(include=frozenset("a")),
        Rules(categories=("a",)),
        Rules(categories=("b", "a")),
        Rules(categories=("a", "b")),
        Rules(boosts=(Boost("item", "a", 2.0),)),
        Rules(boosts=(Boost("tag", "a", 2.0),)),
        Rules(boosts=(Boost("tag", "a", 3.0),)),
        Rules(ranges=(Range("a", 1.0),)),
        Rules(ranges=(Range("a", -math.inf, 1.0),)),
        Rules(ranges=(Range("b", 1.0),)),
        Rules(cap=1),
        Rules(diversity=0.0),
        Rules(diversity=1.0),
        Rules(explore=1.0),
    )
    assert len({spelled(limit, each) for limit in (9, 10) for each in others}) == 2 * len(others)
    assert {each.name for each in fields(Rules)} == {
        "exclude", "include", "categories", "boosts", "ranges", "cap", "diversity", "explore",
    }  # fmt: skip
