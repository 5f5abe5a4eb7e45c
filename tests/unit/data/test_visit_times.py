"""The schedule of simulated visits: its rates hold, its day has a night, and it follows from the seed."""

from __future__ import annotations

import math
from collections import Counter
from itertools import islice, pairwise
from statistics import mean

import pytest

from tacit.data.visit_times import DAY_SECONDS, GUESTS, QUESTIONS, Pace, Step, steps
from tacit.errors import BadInput


def planned(pace: Pace, *, seed: int = 1, seconds: float) -> list[Step]:
    return list(steps(pace, seed=seed, seconds=seconds))


@pytest.mark.parametrize("per_minute", [30.0, 50.0])
@pytest.mark.requirement("MON-033")
def test_as_much_is_asked_as_was_wanted_from_the_first_minute_on(per_minute: float) -> None:
    first = [len(planned(Pace(per_minute), seed=seed, seconds=60)) for seed in range(60)]
    hour = len(planned(Pace(per_minute), seconds=7_200)) / 120

    assert mean(first) == pytest.approx(per_minute, rel=0.1)
    assert hour == pytest.approx(per_minute, rel=0.1)


def test_steps_come_in_order_each_once_and_the_same_for_the_same_seed() -> None:
    found = planned(Pace(300), seconds=600)

    assert all(earlier.at <= later.at for earlier, later in pairwise(found))
    assert len({step.number for step in found}) == len(found)
    assert all(0 <= step.at < 600 for step in found)
    assert found == planned(Pace(300), seconds=600)
    assert found != planned(Pace(300), seed=2, seconds=600)
    assert found[:50] == list(islice(steps(Pace(300), seed=1, seconds=math.inf), 50))


def test_a_day_is_quiet_at_five_and_busiest_at_eight_in_the_evening() -> None:
    # A day in 24 minutes: an hour a minute.
    found = planned(Pace(1_200, "day", speed=60), seconds=1_440)
    by_hour = Counter(int(step.at // 60) for step in found)

    assert len(found) / 24 == pytest.approx(1_200, rel=0.05)
    assert by_hour[5] < 0.25 * 1_200
    assert 1.5 * 1_200 < by_hour[20] < 2 * 1_200
    assert max(by_hour, key=by_hour.__getitem__) in (18, 19, 20, 21)


@pytest.mark.parametrize("speed", [1.0, 60.0])
def test_the_shape_of_a_day_adds_nothing_and_takes_nothing(speed: float) -> None:
    pace = Pace(1, "day", speed)
    levels = [pace.level(second * DAY_SECONDS / speed / 1_000) for second in range(1_000)]

    assert mean(levels) == pytest.approx(1.0, abs=1e-9)
    assert 0 < min(levels) < max(levels) <= pace.peak


def test_guests_and_questions_come_in_their_shares() -> None:
    found = planned(Pace(6_000), seconds=300)
    guests = Counter(guest for _, guest in {(step.visit, step.guest) for step in found})
    asked = Counter(step.question for step in found if step.guest == "regular")

    for guest, share in GUESTS.items():
        assert guests[guest] / sum(guests.values()) == pytest.approx(share, abs=0.02)
    for question, share in QUESTIONS["regular"].items():
        assert asked[question] / sum(asked.values()) == pytest.approx(share, abs=0.02)
    assert all(step.question in QUESTIONS[step.guest] for step in found)


def test_shares_are_shares_of_a_whole() -> None:
    assert sum(GUESTS.values()) == pytest.approx(1)
    assert [sum(each.values()) for each in QUESTIONS.values()] == pytest.approx([1] * len(QUESTIONS))


@pytest.mark.parametrize(("rate", "speed", "field"), [(0, 1, "rate"), (math.inf, 1, "rate"), (30, -1, "speed")])
def test_a_pace_that_is_none_is_refused(rate: float, speed: float, field: str) -> None:
    with pytest.raises(BadInput) as refused:
        Pace(rate, "flat", speed)

    assert (refused.value.code, refused.value.field) == ("pace_invalid", field)
