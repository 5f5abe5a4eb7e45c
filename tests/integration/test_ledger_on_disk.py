"""The ledger and what is kept of versions, on the database and the files they really use, with hands in both."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tacit.adapters.sql.engine import Database, open_database
from tacit.rollout.ledger_check import LedgerCheck, check_ledger
from tacit.rollout.traffic import TrafficPlan
from tacit.rollout.version_desk import VersionDesk
from tacit.security.audit_chain import AuditLink
from tests.registries import Bench, bench_over, memory_bench

DYING = """
import os, signal, sys
from pathlib import Path
from tests.registries import sql_bench
from tacit.adapters.artifacts import FolderArtifacts
from tacit.adapters.sql.audit import SqlAuditTrail
from tacit.adapters.sql.engine import Database
from tacit.adapters.sql.registry import SqlVersionStore
die = lambda *given, **named: os.kill(os.getpid(), signal.SIGKILL)
place = {"mark_pruned": SqlVersionStore, "append": SqlAuditTrail, "remove_files": FolderArtifacts, "unlink": Path}
with sql_bench(Path(sys.argv[1])) as bench:
    setattr(place[sys.argv[2]], sys.argv[2], die)
    bench.retention.prune("recommender", keep=1, also=lambda: (), actor="ann")
"""


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = open_database(f"sqlite:///{tmp_path}/tacit.db")
    yield database
    database.close()


@pytest.fixture
def bench(tmp_path: Path, database: Database) -> Bench:
    """Three promotions and a rollback: four entries."""
    bench = bench_over(tmp_path, database)
    bench.register_and_promote(3)
    bench.release.rollback("recommender", actor="bob", reason="complaints")
    return bench


class BusyTrail:
    """An audit trail before whose reading somebody moves the champion."""

    def __init__(self, bench: Bench) -> None:
        self._bench, self._moves = bench, 1

    def links(self) -> Sequence[AuditLink]:
        if self._moves:
            self._moves -= 1
            self._bench.release.rollback("recommender", actor="bob", reason="again")
        return self._bench.audit.links()


def test_a_move_made_while_the_ledger_is_looked_through_is_no_break(bench: Bench) -> None:
    desk = VersionDesk(bench.registry, bench.versions, BusyTrail(bench), name="recommender", plan=TrafficPlan)  # type: ignore[arg-type]

    found = desk.check()

    assert (found.is_whole, found.entries) == (True, 5)


def checked(bench: Bench, head: str | None = None) -> LedgerCheck:
    return check_ledger("recommender", bench.versions.ledger("recommender"), bench.audit.links(), head=head)


def tamper(database: Database, *statements: str) -> None:
    """Change what may not be changed, as whoever has the file can."""
    with database.writing() as connection:
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = 1")
        for table in ("promotions", "promotion_seals", "audit"):
            for act in ("update", "delete"):
                connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {table}_refuse_{act}")
        for statement in statements:
            connection.exec_driver_sql(statement)


def test_a_ledger_as_it_was_written_is_whole_and_names_what_each_move_stood_on(bench: Bench) -> None:
    found = checked(bench, head=bench.versions.ledger("recommender")[1].digest)

    assert (found.is_whole, found.entries, found.problems()) == (True, 4, [])
    last = bench.versions.ledger("recommender")[-1]
    version, manifest = bench.registry.open("recommender", last.promotion.to_number)
    assert last.evidence == bench.registry.evidence(version, manifest)


TAMPERED = {
    "an actor": (("UPDATE promotions SET actor = 'eve' WHERE sequence = 2",), 2),
    "a reason": (("UPDATE promotions SET reason = 'fine' WHERE sequence = 4",), 4),
    "a gate digest": (("UPDATE promotion_seals SET gate = 'f' WHERE sequence = 3",), 3),
    "a seal removed": (("DELETE FROM promotion_seals WHERE sequence = 2",), 2),
    "a move removed": (
        ("DELETE FROM promotion_seals WHERE sequence = 2", "DELETE FROM promotions WHERE sequence = 2"),
        2,
    ),
    "two moves exchanged": (
        tuple(
            f"UPDATE {table} SET sequence = {to} WHERE sequence = {of}"
            for table in ("promotions", "promotion_seals")
            for of, to in ((2, 9), (3, 2), (9, 3))
        ),
        2,
    ),
    "the end cut off": (
        ("DELETE FROM promotion_seals WHERE sequence > 2", "DELETE FROM promotions WHERE sequence > 2"),
        3,
    ),
    "everything removed": (("DELETE FROM promotion_seals", "DELETE FROM promotions"), 1),
}


@pytest.mark.parametrize("kind", TAMPERED)
def test_what_was_changed_behind_our_back_is_found_at_its_very_entry(
    bench: Bench, database: Database, kind: str
) -> None:
    statements, place = TAMPERED[kind]
    tamper(database, *statements)

    found = checked(bench)

    assert found.broken is not None
    assert (found.broken.sequence, found.is_whole) == (place, False)


def test_a_cut_that_the_audit_trail_shares_shows_by_a_head_noted_elsewhere(bench: Bench, database: Database) -> None:
    head = checked(bench).head
    tamper(
        database,
        "DELETE FROM promotion_seals WHERE sequence = 4",
        "DELETE FROM promotions WHERE sequence = 4",
        "DELETE FROM audit WHERE sequence = (SELECT max(sequence) FROM audit)",
    )

    assert checked(bench).is_whole
    assert not checked(bench, head=head).is_whole


def test_a_changed_audit_trail_is_no_witness(bench: Bench, database: Database) -> None:
    tamper(database, "UPDATE audit SET at = 'never' WHERE sequence = 1")

    found = checked(bench)

    assert (found.broken, found.trail_broken, found.is_whole) == (None, 1, False)


def test_moves_go_on_after_tampering_and_the_first_change_stays_named(bench: Bench, database: Database) -> None:
    tamper(database, *TAMPERED["an actor"][0])
    bench.release.rollback("recommender", actor="ann", reason="once more")

    found = checked(bench)

    assert found.broken is not None
    assert (found.broken.sequence, bench.champion()) == (2, 1)


@pytest.mark.parametrize("place", ["mark_pruned", "append", "remove_files", "unlink"])
def test_a_pruning_killed_at_any_point_leaves_versions_that_verify_and_is_completed_later(
    tmp_path: Path, database: Database, place: str
) -> None:
    bench = bench_over(tmp_path, database)
    for _ in range(3):
        bench.register()
    killed = subprocess.run([sys.executable, "-c", DYING, tmp_path, place], cwd=Path(__file__).parents[2], check=False)
    numbers = [each.number for each in bench.registry.versions("recommender")]
    during = [bench.registry.verify("recommender", number).number for number in numbers]

    bench.retention.prune("recommender", keep=1, also=lambda: (), actor="ann")

    assert killed.returncode == -9
    assert during == numbers == [1, 2, 3]
    left = [sorted(path.suffix for path in bench.registry.version("recommender", n).folder.iterdir()) for n in (1, 2)]
    assert left == [[".json", ".json", ".md"]] * 2
    acts = [(entry.action, entry.subject) for entry in bench.audit.entries()]
    assert [acts.count(("model_pruned", f"recommender/{number}")) for number in (1, 2, 3)] == [1, 1, 0]


@pytest.mark.requirement("REG-002")
def test_a_rollback_is_little_work_and_goes_to_a_verified_target(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.smoke.asked.clear()
    opened: list[str] = []
    real = Path.open

    started, work = time.perf_counter(), time.process_time()
    with monkeypatch.context() as patched:
        patched.setattr(
            Path, "open", lambda path, *given, **named: opened.append(path.name) or real(path, *given, **named)
        )
        event = bench.release.rollback("recommender", actor="ann", reason="complaints")
    print(f"rollback: {time.perf_counter() - started:.4f} s, {time.process_time() - work:.4f} s of CPU")

    assert (event.restored, bench.smoke.asked) == (1, [1])
    assert len(opened) < 20
    assert time.perf_counter() - started < 60


def test_registries_in_memory_keep_the_same_ledger(tmp_path: Path) -> None:
    bench = memory_bench(tmp_path)
    bench.register_and_promote(2)
    bench.release.rollback("recommender", actor="ann", reason="")

    assert checked(bench).is_whole
    assert checked(bench).entries == 3
