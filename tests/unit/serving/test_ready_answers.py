"""Answers that are given once more: exactly as long as nothing happened that they rest on."""

from __future__ import annotations

import gc
import weakref
from dataclasses import dataclass, field

from tacit.serving.answers import Answer
from tacit.serving.ready_answers import LARGEST, Ready, ReadyAnswers, RestsOn


class Version:
    """Stands for a loaded version: only whether it is the same one is looked at."""


@dataclass
class World:
    """What answers rest on, to be changed."""

    loaded: Version = field(default_factory=Version)
    hidden: object = field(default_factory=object)
    doings: object = field(default_factory=object)
    is_known: bool = True
    now_ms: int = 0

    def rests_on(self, user_id: str | None) -> RestsOn | None:
        things = (self.hidden,) if user_id is None else (self.hidden, self.doings)
        return RestsOn(self.loaded, things) if self.is_known else None  # type: ignore[arg-type]


def ready(world: World, *, user_id: str | None = "ann", until_ms: int | None = 1_000, size: int = 4) -> Ready[str]:
    answer = Answer("a1", "recommender/1", "personal", False, (), user_id, holds_until_ms=until_ms)
    found = world.rests_on(user_id)
    assert found is not None
    return Ready(answer, (b"x" * size, b"y"), found.things, user_id, "about it")


def kept_in(world: World, capacity: int = 3, **choices: object) -> tuple[ReadyAnswers[str, str], Ready[str]]:
    answers: ReadyAnswers[str, str] = ReadyAnswers(world.rests_on, clock_ms=lambda: world.now_ms, capacity=capacity)
    one = ready(world, **choices)  # type: ignore[arg-type]
    answers.keep("q", one, world.loaded)  # type: ignore[arg-type]
    return answers, one


def test_an_answer_is_given_again_while_everything_it_rests_on_is_the_same() -> None:
    world = World()
    answers, one = kept_in(world)

    assert answers.get("q") is one
    assert answers.get("other") is None


def test_whatever_is_otherwise_ends_it_for_good() -> None:
    for change in ("loaded", "hidden", "doings"):
        world = World()
        before = getattr(world, change)
        answers, _ = kept_in(world)
        setattr(world, change, Version() if change == "loaded" else object())

        assert answers.get("q") is None
        setattr(world, change, before)
        assert answers.get("q") is None


def test_what_can_only_be_told_by_reading_ends_it() -> None:
    world = World()
    answers, _ = kept_in(world)
    world.is_known = False

    assert answers.get("q") is None


def test_it_ends_with_its_time_and_one_that_holds_for_none_is_not_kept() -> None:
    world = World()
    answers, one = kept_in(world)
    world.now_ms = 999
    assert answers.get("q") is one
    world.now_ms = 1_000
    assert answers.get("q") is None

    assert kept_in(World(), until_ms=None)[0].get("q") is None
    assert kept_in(World(), size=LARGEST + 1)[0].get("q") is None


def test_what_a_user_does_leaves_the_answers_that_are_nobodys() -> None:
    world = World()
    answers, one = kept_in(world, user_id=None)
    world.doings = object()

    assert answers.get("q") is one


def test_the_answer_given_longest_ago_is_forgotten_first() -> None:
    world = World()
    answers, one = kept_in(world, capacity=2)
    answers.keep("b", ready(world), world.loaded)  # type: ignore[arg-type]
    assert answers.get("q") is one
    answers.keep("c", ready(world), world.loaded)  # type: ignore[arg-type]

    assert [answers.get(name) is None for name in ("q", "b", "c")] == [False, True, False]


def test_a_version_that_answers_no_longer_is_let_go() -> None:
    world = World()
    answers, _ = kept_in(world)
    gone = weakref.ref(world.loaded)
    world.loaded = Version()
    answers.get("q")
    gc.collect()

    assert gone() is None


def test_what_is_shed_is_gone_once_anybody_asks_and_later_answers_are_kept() -> None:
    world = World(hidden=Version())
    answers, _ = kept_in(world)
    gone = weakref.ref(world.hidden)
    world.hidden = _ = None
    answers.shed()
    answers.get("other")
    gc.collect()
    assert gone() is None

    again = ready(world)
    answers.shed()
    answers.keep("q", again, world.loaded)  # type: ignore[arg-type]
    assert answers.get("q") is again
