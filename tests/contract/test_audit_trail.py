"""What every `AuditTrail` promises."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from tacit.adapters.memory import MemoryAuditTrail
from tacit.adapters.sql.audit import SqlAuditTrail
from tacit.adapters.sql.engine import open_database
from tacit.security.audit import AuditEntry
from tacit.security.audit_chain import first_broken
from tacit.security.trail_questions import ActQuestion

Trail = MemoryAuditTrail | SqlAuditTrail
FACTS = {"forced": True, "reason": "Björk\n", "skipped": [{"number": 4}], "replaced": None, "share": 0.1}
ENTRY = AuditEntry("model_promoted", "ann", "recommender/7", "2026-01-02T12:00:00Z", FACTS)


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def trail(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Trail]:
    if request.param == "memory":
        yield MemoryAuditTrail()
        return
    if request.param == "postgres":
        yield SqlAuditTrail(request.getfixturevalue("postgres_database"))
        return
    database = open_database(f"sqlite:///{tmp_path}/tacit.db")
    yield SqlAuditTrail(database)
    database.close()


def test_an_entry_comes_back_as_it_went_in(trail: Trail) -> None:
    trail.append(ENTRY)

    assert list(trail.entries()) == [ENTRY]


def test_entries_come_newest_first_and_no_more_than_asked_for(trail: Trail) -> None:
    for number in range(5):
        trail.append(replace(ENTRY, subject=f"recommender/{number}"))

    assert [entry.subject for entry in trail.entries(limit=2)] == ["recommender/4", "recommender/3"]


def test_the_trail_is_a_whole_chain_even_when_many_write_at_once(trail: Trail) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: trail.append(replace(ENTRY, subject=str(number))), range(24)))

    assert {link.entry.subject for link in trail.links()} == {str(number) for number in range(24)}
    assert first_broken(trail.links()) is None


def test_a_fact_that_cannot_be_kept_leaves_the_trail_as_it_was(trail: Trail) -> None:
    trail.append(ENTRY)
    with pytest.raises(ValueError, match="JSON"):
        trail.append(replace(ENTRY, facts={"share": float("nan")}))

    assert list(trail.entries()) == [ENTRY]


def test_the_trail_is_looked_through_by_what_was_done_by_whom_to_what_and_when(trail: Trail) -> None:
    trail.append(ENTRY)
    trail.append(replace(ENTRY, action="model_rolled_back", actor="ben", at="2026-01-03T12:00:00Z"))
    trail.append(replace(ENTRY, action="key_created", subject="key/%_x", at="2026-01-04T12:00:00Z"))

    def places(**asked: str) -> list[int]:
        return [each.sequence for each in trail.page(ActQuestion(**asked), before=None, limit=9).rows]

    assert places() == [3, 2, 1]
    assert places(action="model_") == [2, 1]
    assert places(action="MODEL_") == places(subject="key/_%") == []
    assert places(actor="ben") == places(action="model_rolled_back") == [2]
    assert places(subject="key/%") == [3]
    assert places(since="2026-01-03T12:00:00Z") == [3, 2]
    assert places(until="2026-01-03T12:00:00Z") == [1]


def test_each_page_of_the_trail_begins_where_the_one_before_ended(trail: Trail) -> None:
    for number in range(5):
        trail.append(replace(ENTRY, actor="ann" if number % 2 == 0 else "ben", subject=str(number)))
    first = trail.page(ActQuestion(), before=None, limit=3)
    second = trail.page(ActQuestion(), before=first.next_before, limit=3)
    of_ann = trail.page(ActQuestion(actor="ann"), before=None, limit=3)

    assert [[each.sequence for each in page.rows] for page in (first, second)] == [[5, 4, 3], [2, 1]]
    assert (first.next_before, second.next_before, of_ann.next_before) == (3, None, None)
    assert [each.entry.subject for each in of_ann.rows] == ["4", "2", "0"]
