"""Whether anybody watches, by a clock that the test moves."""

from __future__ import annotations

import pytest

from tacit.errors import Unavailable
from tacit.monitoring.notices import RETRY_SECONDS, Notices
from tacit.monitoring.watch import LONG_TURN_SECONDS, Trouble, Watch, WatchRules


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def watch(**rules: object) -> tuple[Watch, Clock]:
    clock = Clock()
    return Watch(WatchRules(unscraped_seconds=60, unreachable_seconds=30, **rules), clock), clock  # type: ignore[arg-type]


def pass_time(made: Watch, clock: Clock, seconds: int) -> list[str]:
    """Look every second, as a server does; what is wrong in the end."""
    for _ in range(seconds):
        clock.now += 1
        made.look()
    return [each.name for each in made.look().troubles]


def test_nobody_is_missed_who_was_never_expected() -> None:
    made, clock = watch()

    assert pass_time(made, clock, 600) == []
    assert made.look().scraped_seconds_ago is None


def test_a_single_look_at_the_metrics_makes_nobody_expected() -> None:
    made, clock = watch()
    made.scraped()
    pass_time(made, clock, 10)
    made.scraped()

    assert pass_time(made, clock, 600) == []
    assert made.look().scraped_seconds_ago == pytest.approx(600)


@pytest.mark.requirement("MON-037")
def test_whoever_read_regularly_and_stops_is_missed_and_returns() -> None:
    made, clock = watch()
    for _ in range(4):
        made.scraped()
        pass_time(made, clock, 10)

    assert pass_time(made, clock, 49) == []
    assert pass_time(made, clock, 2) == ["metrics_unscraped"]
    made.scraped()
    assert made.look().troubles == ()


@pytest.mark.requirement("MON-037")
def test_whoever_is_expected_is_missed_from_the_start() -> None:
    made, clock = watch(is_expected=True)

    assert pass_time(made, clock, 60) == []
    assert pass_time(made, clock, 1) == ["metrics_unscraped"]


def test_an_alertmanager_that_answers_without_a_heartbeat_is_told_apart_from_a_silent_one() -> None:
    made, clock = watch(has_alertmanager=True)
    made.answered(has_heartbeat=True)
    for _ in range(31):
        pass_time(made, clock, 1)
        made.answered(has_heartbeat=False)

    assert [each.name for each in made.look().troubles] == ["heartbeat_missing"]
    assert made.look().alertmanager == "reachable"
    for _ in range(31):
        pass_time(made, clock, 1)
        made.unanswered()
    assert [each.name for each in made.look().troubles] == ["alertmanager_unreachable"]
    assert made.look().alertmanager == "unreachable"
    made.answered(has_heartbeat=True)
    assert made.look().troubles == ()


def test_a_process_that_stood_still_blames_nobody_for_the_time() -> None:
    made, clock = watch(is_expected=True, has_alertmanager=True)
    clock.now += LONG_TURN_SECONDS + 3_600

    assert made.look().troubles == ()
    assert pass_time(made, clock, 61) == ["metrics_unscraped", "alertmanager_unreachable"]


class People:
    """Takes notices, unless it is away."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.is_away = False

    def notify(self, title: str, text: str) -> None:
        if self.is_away:
            raise Unavailable("away", "Away.")
        self.heard.append(f"{title}: {text}")


def trouble(lasts: float = 61) -> Trouble:
    return Trouble("metrics_unscraped", "Nobody reads.", lasts)


def test_people_hear_once_again_after_hours_and_when_it_is_over() -> None:
    people = People()
    notices = Notices(people, "tacit", again_seconds=3_600)

    assert notices.tell([trouble()], 0) == [True]
    assert notices.tell([trouble()], 3_599) == []
    assert notices.tell([trouble()], 3_600) == [True]
    assert notices.tell([], 3_601) == [True]
    assert notices.tell([], 3_602) == []
    assert people.heard == [
        "[TROUBLE] tacit: metrics_unscraped: Nobody reads.",
        "[TROUBLE] tacit: metrics_unscraped: Nobody reads.",
        "[OVER] tacit: metrics_unscraped: Over: Nobody reads.",
    ]


def test_a_notice_that_nobody_took_is_offered_again_soon() -> None:
    people = People()
    notices = Notices(people, "tacit", again_seconds=3_600)
    people.is_away = True

    assert notices.tell([trouble()], 0) == [False]
    people.is_away = False
    assert notices.tell([trouble()], RETRY_SECONDS - 1) == []
    assert notices.tell([trouble()], RETRY_SECONDS) == [True]


def test_the_end_of_what_nobody_heard_of_is_not_told() -> None:
    people = People()
    notices = Notices(people, "tacit", again_seconds=3_600)
    people.is_away = True
    notices.tell([trouble()], 0)
    people.is_away = False

    assert notices.tell([], 1) == []
    assert people.heard == []


def test_whoever_heard_of_it_once_hears_that_it_is_over_though_a_reminder_failed() -> None:
    people = People()
    notices = Notices(people, "tacit", again_seconds=3_600)
    notices.tell([trouble()], 0)
    people.is_away = True
    notices.tell([trouble()], 3_600)
    people.is_away = False

    assert notices.tell([], 3_601) == [True]
    assert people.heard[-1].startswith("[OVER]")
