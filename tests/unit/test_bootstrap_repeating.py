"""Work that is done again and again goes on whatever becomes of one round."""

from __future__ import annotations

import threading

from structlog.testing import capture_logs

from tacit.bootstrap.repeating import attempted, repeated
from tacit.errors import Unavailable


def test_one_kind_of_work_that_fails_keeps_neither_the_next_nor_the_next_round_from_being_done() -> None:
    rounds, done = [0], threading.Event()

    def fail() -> None:
        raise Unavailable("storage_away", "It is away.")

    def count() -> None:
        rounds[0] += 1
        if rounds[0] == 3:
            done.set()

    with repeated(fail, count, name="tried", every_seconds=0.001):
        assert done.wait(5)


def test_nothing_is_done_any_more_once_it_is_left() -> None:
    rounds, begun = [0], threading.Event()

    def count() -> None:
        rounds[0] += 1
        begun.set()

    with repeated(count, name="tried", every_seconds=0.001):
        assert begun.wait(5)
    seen = rounds[0]

    assert not any(thread.name == "tried" for thread in threading.enumerate())
    assert rounds[0] == seen


def test_a_row_of_like_failures_is_told_once_and_the_next_row_again() -> None:
    outcomes = iter([Unavailable("a", "one"), Unavailable("a", "one"), None, Unavailable("a", "one"), OSError("full")])

    def work() -> None:
        outcome = next(outcomes)
        if outcome is not None:
            raise outcome

    attempt = attempted(work, name="tried")
    with capture_logs() as told:
        for _ in range(5):
            attempt()

    assert [(line["event"], line["work"], line["code"]) for line in told] == [
        ("work_failed", "tried", "a"),
        ("work_failed", "tried", "a"),
        ("work_failed", "tried", "OSError"),
    ]
