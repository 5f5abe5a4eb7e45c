"""What every `AccessTrail` promises."""

from __future__ import annotations

import random
import string
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from tacit.adapters.access_queue import AccessQueue
from tacit.adapters.memory import MemoryMetricSink
from tacit.adapters.memory_guards import MemoryAccessTrail
from tacit.adapters.sql.accesses import SqlAccessTrail
from tacit.adapters.sql.engine import Database
from tacit.monitoring import guard_metrics as catalogue
from tacit.security.accesses import Access, AccessTrail
from tacit.security.chains import first_broken_row
from tacit.security.trail_questions import AccessQuestion, AskedAccesses

ACCESS = Access(
    at_ms=5,
    kind="personal",
    method="GET",
    route="/api/v1/users/{user_id}",
    principal="key:ab12",
    client="203.0.113.7",
    user_id="björk",
    decision="allowed",
    status=200,
    request_id="r1",
    body_digest="d" * 64,
    facts='{"code":"x"}',
)


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def trail(request: pytest.FixtureRequest) -> Iterator[AccessTrail]:
    if request.param == "memory":
        yield MemoryAccessTrail()
        return
    yield SqlAccessTrail(request.getfixturevalue(f"{request.param}_database"))


@pytest.mark.requirement("SEC-025")
def test_the_trail_answers_who_read_what_of_whom_and_when(trail: AccessTrail) -> None:
    trail.append(
        [ACCESS, replace(ACCESS, user_id="ann", principal="key:other", at_ms=6), replace(ACCESS, user_id=None)]
    )
    [of_bjork] = trail.latest(limit=9, user_id="björk")

    assert (of_bjork.sequence, of_bjork.at_ms, of_bjork.route, of_bjork.principal) == (1, 5, ACCESS.route, "key:ab12")
    assert [each.at_ms for each in trail.latest(limit=9, principal="key:other")] == [6]
    assert [each.sequence for each in trail.latest(limit=2)] == [3, 2]
    assert trail.latest(limit=9, user_id="nobody") == []


def test_a_user_stands_there_under_a_pseudonym_that_is_always_the_same(trail: AccessTrail) -> None:
    trail.append([ACCESS])
    trail.append([ACCESS, replace(ACCESS, user_id="ann")])
    subjects = [each.subject for each in trail.latest(limit=9)]

    assert subjects[1] == subjects[2] != subjects[0]
    assert all(each.startswith("user:") and "björk" not in each and "ann" not in each[5:8] for each in subjects)


@pytest.mark.requirement("SEC-024")
def test_once_a_key_is_destroyed_the_rows_stay_whole_and_are_nobodys(trail: AccessTrail) -> None:
    trail.append([ACCESS])
    before = trail.latest(limit=1)[0]
    forgotten = [trail.forget("björk"), trail.forget("björk")]
    trail.append([ACCESS])

    assert forgotten == [True, False]
    assert [each.sequence for each in trail.latest(limit=9, user_id="björk")] == [2]
    assert trail.latest(limit=9)[1] == before
    assert before.subject != trail.latest(limit=1)[0].subject
    assert first_broken_row(trail.rows()) is None


def test_the_trail_is_a_whole_chain_even_when_many_write_at_once(trail: AccessTrail) -> None:
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda number: trail.append([replace(ACCESS, at_ms=number)] * 3), range(8)))

    rows = list(trail.rows())
    assert [row.sequence for row in rows] == list(range(1, 25))
    assert first_broken_row(rows) is None
    assert (trail.head("now").sequence, trail.head("now").digest) == (24, rows[-1].digest)


INCOMPRESSIBLE = "".join(random.Random(7).choices(string.ascii_letters, k=4_000))
"""More than an entry of an index of PostgreSQL may have."""


@pytest.mark.parametrize(("trail", "unheld"), [("memory", 1), ("sqlite", 1), ("postgres", 3)], indirect=["trail"])
def test_a_row_that_a_trail_cannot_hold_keeps_no_other_from_being_written_and_is_told_as_lost(
    trail: AccessTrail, unheld: int
) -> None:
    metrics, failures = MemoryMetricSink(), []
    queue = AccessQueue(trail, metrics, capacity=9, flush_seconds=0.1, name="server:a", failed=failures.append)
    for user_id in ("ann", "\ud800", "a\0b", INCOMPRESSIBLE, "björk"):
        queue.record(replace(ACCESS, user_id=user_id))

    assert (queue.flush(), len(failures)) == (True, 1)
    assert [len(trail.latest(limit=9, user_id=each)) for each in ("ann", "björk")] == [1, 1]
    assert trail.latest(limit=1)[0].facts == f'{{"rows":{unheld}}}'
    assert metrics.value(catalogue.ACCESSES, outcome="dropped") == unheld
    assert metrics.value(catalogue.ACCESSES, outcome="written") == 5 - unheld + 1
    assert first_broken_row(trail.rows()) is None


def test_what_is_brought_together_is_written_together_or_not_at_all(trail: AccessTrail) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever the database's driver says
        trail.append([*[ACCESS] * 2_000, replace(ACCESS, user_id="\ud800")])

    assert trail.latest(limit=1) == []


def test_the_database_itself_refuses_to_change_a_row(sqlite_database: Database) -> None:
    SqlAccessTrail(sqlite_database).append([ACCESS])
    for statement in ("UPDATE accesses SET status = 1", "DELETE FROM accesses"):
        with pytest.raises(IntegrityError), sqlite_database.writing() as connection:
            connection.execute(text(statement))


def test_the_trail_is_looked_through_by_kind_decision_caller_user_and_time(trail: AskedAccesses) -> None:
    trail.append(  # type: ignore[attr-defined]
        [
            ACCESS,
            replace(ACCESS, kind="administrative", user_id=None, at_ms=6),
            replace(ACCESS, decision="refused", status=403, principal="key:other", at_ms=7),
            replace(ACCESS, user_id="ann", at_ms=8),
        ]
    )

    def places(before: int | None = None, limit: int = 9, **asked: Any) -> tuple[list[int], int | None]:
        page = trail.page(AccessQuestion(**asked), before=before, limit=limit)
        return [each.sequence for each in page.rows], page.next_before

    assert places() == ([4, 3, 2, 1], None)
    assert places(limit=2) == ([4, 3], 3)
    assert places(before=3, limit=2) == ([2, 1], None)
    assert places(kind="administrative") == ([2], None)
    assert places(decision="refused") == places(principal="key:other") == ([3], None)
    assert places(user_id="björk") == ([3, 1], None)
    assert places(user_id="nobody") == ([], None)
    assert places(since_ms=6, until_ms=8) == ([3, 2], None)
