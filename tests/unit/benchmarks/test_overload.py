"""How overload is measured: what a server can do is found with care, and a generator's own slowness is told."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks import overload
from benchmarks._machine import core_seconds


def found(rate: float, *, good: float, p99_ms: float = 20.0, **more: Any) -> dict[str, Any]:
    """What became of a thousand requests, so many of each answered."""
    answered = round(1_000 * good)
    statuses = {"200": answered, "503": 1_000 - answered}
    waited = {"200": {"p99_ms": p99_ms}, "503": {"p99_ms": 5.0}}
    told = {"rate": rate, "requests": 1_000, "statuses": statuses, "waited_by_status": waited}
    return {**told, "by_second": [], "generator_share": 0.3, "late_ms": {"p99_ms": 2.0}, **more}


@pytest.mark.parametrize("able", [130.0, 371.0, 1_234.5])
def test_what_a_server_can_do_is_found_within_eight_hundredths_and_never_above_it(able: float) -> None:
    steps = overload.search(lambda rate: found(rate, good=1.0 if rate <= able else 0.5))

    capacity = overload.capacity_of(steps)
    assert able / 1.08 <= capacity <= able


def test_one_mishap_of_the_machine_is_not_taken_for_the_end() -> None:
    mishaps = iter([True])

    def ask(rate: float) -> dict[str, Any]:
        is_mishap = 200 < rate < 250 and next(mishaps, False)
        return found(rate, good=1.0 if rate <= 600 and not is_mishap else 0.5)

    assert overload.capacity_of(overload.search(ask)) > 600 / 1.08


def test_a_server_that_can_do_nothing_is_not_searched_for_ever() -> None:
    steps = overload.search(lambda rate: found(rate, good=0.0))

    assert len(steps) == 2
    assert overload.capacity_of(steps) == 1.0


def test_a_rate_whose_answers_come_late_is_not_kept() -> None:
    assert overload.is_kept(found(100, good=0.995))
    assert not overload.is_kept(found(100, good=0.995, p99_ms=101))
    assert not overload.is_kept(found(100, good=0.985))


@pytest.mark.parametrize(
    ("said", "holds"),
    [({}, True), ({"generator_share": 0.95}, False), ({"late_ms": {"p99_ms": 12.0}}, False)],
)
def test_a_generator_that_did_not_keep_up_is_told(said: dict[str, Any], *, holds: bool) -> None:
    beyond = {"10x": found(1_000, good=0.1, **said)}

    checks = overload.checks(beyond, normal=found(70, good=1.0), after={"by_second": []}, capacity=100, seconds=1)

    assert checks["10x: the generator kept up"] is holds
    assert checks["10x: p99 of refusals <= 20 ms"]


def test_a_server_is_well_again_from_the_second_on_from_which_it_stays_so() -> None:
    seconds = [{"offered": 10, "good": good, "p99_ms": 9.0} for good in (2, 10, 5, 10, 10)]

    assert overload.recovery_of({"by_second": seconds}, found(1, good=1.0)) == 3.0
    assert overload.recovery_of({"by_second": seconds[:3]}, found(1, good=1.0)) is None


def test_a_second_as_slow_as_one_that_was_normal_is_well_again() -> None:
    slow = {"offered": 100, "good": 100, "p99_ms": 60.0}
    normal = found(1, good=1.0, by_second=[{"p99_ms": None}, {"p99_ms": 61.0}])

    assert overload.recovery_of({"by_second": [slow]}, normal) == 0.0
    assert overload.recovery_of({"by_second": [slow]}, found(1, good=1.0)) is None


def test_how_long_a_core_was_busy_is_known_where_the_system_tells() -> None:
    assert core_seconds(None) is None
    busy = core_seconds(0)
    assert busy is None or busy >= 0
