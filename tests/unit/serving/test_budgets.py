"""What is left of a request's time and room decides which steps are taken, and which lists are good enough."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from tacit.adapters.host import memory_in_use
from tacit.adapters.memory import MemoryMetricSink
from tacit.adapters.memory_cache import MemoryListCache
from tacit.bootstrap import load_settings
from tacit.bootstrap.overload import keeping_memory
from tacit.errors import Unavailable
from tacit.monitoring import overload_metrics as catalogue
from tacit.serving.answers import Recommendation
from tacit.serving.budgets import Budget, spending
from tacit.serving.fallback import Outcome, Step, first_answer
from tacit.serving.kept_lists import Asking, KeptLists
from tacit.serving.memory_ladder import MemoryLadder, MemorySteps
from tacit.serving.single_flight import SingleFlight


def item(name: str) -> Recommendation:
    return Recommendation(name, name, (), 1.0)


def unmoved(_source: object, _error: Exception) -> None:
    raise AssertionError


PERSONAL, POPULAR = Step("personal", lambda: (item("p"),)), Step("popular", lambda: (item("q"),))


@pytest.mark.requirement("SERV-033")
def test_a_list_comes_from_the_cheapest_step_once_the_soft_limit_is_spent() -> None:
    with spending(Budget(soft_until=time.monotonic() - 1)):
        assert first_answer((PERSONAL, POPULAR), unmoved) == Outcome("popular", (item("q"),), degraded=True)
        assert first_answer((POPULAR,), unmoved) == Outcome("popular", (item("q"),), degraded=False)
    assert first_answer((PERSONAL, POPULAR), unmoved).source == "personal"


@pytest.mark.requirement("SERV-034")
def test_a_list_made_beforehand_is_given_where_there_is_no_time_to_work_one_out() -> None:
    ready = Step("personal", lambda: (item("r"),), is_rescue=True, is_ready=True)
    with spending(Budget(soft_until=time.monotonic() - 1)):
        assert first_answer((PERSONAL, ready, POPULAR), unmoved) == Outcome("personal", (item("r"),), degraded=True)
    assert first_answer((PERSONAL, ready, POPULAR), unmoved) == Outcome("personal", (item("p"),), degraded=False)


def test_while_others_are_refused_lists_come_from_the_cheapest_step() -> None:
    with spending(Budget(pressure=2)):
        assert first_answer((PERSONAL, POPULAR), unmoved).source == "popular"
    with spending(Budget(pressure=1)):
        assert first_answer((PERSONAL, POPULAR), unmoved).source == "personal"


@pytest.mark.requirement("SERV-034")
def test_under_pressure_an_old_list_is_better_than_the_work_of_a_new_one() -> None:
    kept = KeptLists(MemoryListCache(), clock=time.time, metrics=MemoryMetricSink())

    def asking(stamp: str) -> Asking:
        return Asking("u1", "q", "recommender/1", stamp, frozenset)

    def fresh() -> Outcome:
        return Outcome("personal", (item("new"),), degraded=False)

    first = kept.answer(asking("a"), lambda: Outcome("personal", (item("old"),), degraded=False))
    with spending(Budget(pressure=1)):
        pressed = kept.answer(asking("b"), fresh)
    after = kept.answer(asking("b"), fresh)
    assert not first.outcome.degraded
    assert (pressed.outcome.items, pressed.outcome.degraded) == ((item("old"),), True)
    assert (after.outcome.items, after.outcome.degraded) == ((item("new"),), False)


def test_nobody_waits_for_another_computation_beyond_their_own_time() -> None:
    flights: SingleFlight[int] = SingleFlight()
    begun, release = threading.Event(), threading.Event()

    def slow() -> int:
        begun.set()
        release.wait(5)
        return 1

    other = threading.Thread(target=lambda: flights.run("key", slow))
    other.start()
    begun.wait(5)
    assert flights.run("key", lambda: 2, seconds=0.01) == 2
    release.set()
    other.join(5)


@pytest.mark.requirement("SERV-035")
def test_a_list_is_cut_only_under_pressure_and_says_so() -> None:
    calm, pressed = Budget(reduced_limit=10), Budget(pressure=1, reduced_limit=10)
    assert (calm.fitted(500), calm.is_cut) == (500, False)
    assert (pressed.fitted(8), pressed.is_cut) == (8, False)
    assert (pressed.fitted(500), pressed.is_cut) == (10, True)


def test_memory_is_given_up_step_by_step_and_taken_back_with_a_margin() -> None:
    shares = iter([0.5, 0.81, 0.86, 0.95, 0.88, 0.86, 0.83, 0.81, 0.76, None])
    metrics, moves, heard = MemoryMetricSink(), list[int](), list[int]()
    ladder = MemoryLadder(MemorySteps(), lambda: next(shares), metrics, moved=lambda step, _: moves.append(step))
    ladder.tell(heard.append)
    steps = [ladder.look() for _ in range(10)]
    assert steps == heard == [0, 1, 2, 3, 3, 2, 2, 1, 0, 0]
    assert moves == [1, 2, 3, 2, 1, 0]
    assert metrics.value(catalogue.MEMORY_STEP) == 0


def test_what_is_kept_is_given_up_at_every_look_for_as_long_as_memory_is_critical(tmp_path: Path) -> None:
    shed: list[int] = []
    settings = load_settings(flags={"home": tmp_path}, environ={}).settings
    with keeping_memory(settings, MemoryMetricSink(), lambda: shed.append(1), share=lambda: 0.86) as ladder:
        for _ in range(3):
            ladder.look()
        assert len(shed) >= 3


def test_this_machine_says_how_much_of_its_memory_is_in_use() -> None:
    share = memory_in_use()
    assert share is None or 0 < share <= 1


def test_a_chain_that_fails_altogether_says_so_also_without_time() -> None:
    def broken() -> tuple[Recommendation, ...]:
        raise RuntimeError

    with spending(Budget(pressure=2)), pytest.raises(Unavailable):
        first_answer((PERSONAL, Step("popular", broken)), lambda _source, _error: None)
