"""The registry on the files and the database it really uses, with several processes and sudden deaths."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tacit.adapters.sql.audit import SqlAuditTrail
from tacit.adapters.sql.engine import Database, file_url, open_database
from tacit.adapters.sql.exposures import SqlExposureLog
from tacit.adapters.sql.registry import SqlVersionStore
from tacit.errors import NotFound, Unavailable
from tacit.registry.versions import Promotion
from tacit.security.audit import AuditEntry
from tacit.security.audit_chain import first_broken
from tacit.serving.exposures import Exposure
from tests.registries import NOON, Bench, bench_over, sql_bench

COUNTER = """
import sys
from pathlib import Path
from tacit.adapters.sql.engine import file_url, open_database
from tacit.adapters.sql.registry import SqlVersionStore
store = SqlVersionStore(open_database(sys.argv[1]), lambda name, number: Path(name))
print(*(store.next_number("recommender") for _ in range(25)))
"""
DYING = """
import os, signal, sys
from pathlib import Path
from tests.registries import sql_bench
from tacit.adapters.sql.registry import SqlVersionStore
from tacit.adapters.sql.audit import SqlAuditTrail
from tacit.adapters.artifacts import FolderArtifacts
die = lambda *given, **named: os.kill(os.getpid(), signal.SIGKILL)
place = {"publish": FolderArtifacts, "add": SqlVersionStore, "append": SqlAuditTrail}
setattr(place[sys.argv[2]], sys.argv[2], die)
with sql_bench(Path(sys.argv[1])) as bench:
    bench.register()
"""


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = open_database(f"sqlite:///{tmp_path}/tacit.db")
    yield database
    database.close()


@pytest.fixture
def bench(tmp_path: Path, database: Database) -> Bench:
    return bench_over(tmp_path, database)


def test_processes_at_the_same_time_never_get_the_same_number(tmp_path: Path, database: Database) -> None:
    url = f"sqlite:///{tmp_path}/tacit.db"
    processes = [
        subprocess.Popen([sys.executable, "-c", COUNTER, url], stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    numbers = [int(number) for process in processes for number in process.communicate(timeout=60)[0].split()]

    assert sorted(numbers) == list(range(1, 76))


@pytest.mark.parametrize("place", ["publish", "add", "append"])
def test_a_registration_killed_half_way_leaves_nothing_visible(tmp_path: Path, bench: Bench, place: str) -> None:
    bench.register()
    killed = subprocess.run([sys.executable, "-c", DYING, tmp_path, place], cwd=Path(__file__).parents[2], check=False)
    later = bench.register()

    assert killed.returncode == -9
    assert [version.number for version in bench.registry.versions("recommender")] == [1, later.number]
    assert len(bench.audit.entries()) == 2
    assert bench.registry.verify("recommender", later.number).number == later.number
    with pytest.raises(NotFound):
        bench.registry.verify("recommender", 2 if later.number == 3 else 3)


@pytest.mark.requirement("GATE-008")
def test_a_promotion_records_who_approved_it_and_why_in_ledger_and_audit(bench: Bench) -> None:
    bench.register()
    bench.release.promote("recommender", 1, actor="ann", reason="approved by the editors")

    assert list(bench.versions.promotions("recommender")) == [
        Promotion("recommender", "promoted", None, 1, "ann", forced=False, reason="approved by the editors", at=NOON)
    ]
    assert bench.audit.entries(limit=1)[0] == AuditEntry(
        "model_promoted",
        "ann",
        "recommender/1",
        NOON,
        {
            "replaced": None,
            "verdict": "pass",
            "forced": False,
            "reason": "approved by the editors",
            "ledger": bench.versions.ledger("recommender")[0].digest,
        },
    )


def test_a_promotion_that_cannot_be_audited_does_not_happen(bench: Bench, database: Database) -> None:
    bench.register()
    with database.writing() as connection:
        connection.exec_driver_sql("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'full'); END")

    with pytest.raises(Exception, match="full"):
        bench.release.promote("recommender", 1, actor="ann")

    assert bench.champion() is None


@pytest.mark.requirement("REG-020")
def test_what_was_shown_is_still_on_record_after_a_rollback(bench: Bench, database: Database) -> None:
    log = SqlExposureLog(database)
    bench.register_and_promote(2)
    shown = Exposure("r1", "recommender/2", "ann", "personal", False, ("a", "b"), 1)
    log.write([shown])

    bench.release.rollback("recommender", actor="ann", reason="complaints")

    assert list(log.recent(10)) == [shown]


def test_registry_and_trail_survive_a_restart(tmp_path: Path, bench: Bench) -> None:
    bench.register_and_promote(3)
    bench.release.rollback("recommender", actor="ann", reason="complaints")
    again = open_database(f"sqlite:///{tmp_path}/tacit.db")
    after = bench_over(tmp_path, again)

    assert after.champion() == 2
    assert after.registry.previous("recommender") == bench.registry.version("recommender", 1)
    assert first_broken(SqlAuditTrail(again).links()) is None
    again.close()


def test_a_moved_installation_still_finds_its_versions(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    with sql_bench(old) as bench:
        bench.register_and_promote(1)
    old.rename(new)

    with sql_bench(new) as bench:
        champion = bench.registry.champion("recommender")

    assert champion is not None
    assert champion.folder == new / "versions" / "recommender" / "1"


def test_an_audit_row_edited_behind_our_back_is_named(bench: Bench, database: Database) -> None:
    bench.register_and_promote(2)
    with database.writing() as connection:
        connection.exec_driver_sql("DROP TRIGGER audit_refuse_update")
        connection.exec_driver_sql("UPDATE audit SET actor = 'eve' WHERE sequence = 3")

    assert first_broken(SqlAuditTrail(database).links()) == 3


def test_what_stores_write_in_one_transaction_appears_together_or_not_at_all(database: Database) -> None:
    store, trail = SqlVersionStore(database, lambda name, number: Path(name)), SqlAuditTrail(database)

    def act_and_fail() -> None:
        with database.transaction():
            store.next_number("recommender")
            trail.append(AuditEntry("x", "ann", "x", NOON))
            raise RuntimeError("too late")

    with pytest.raises(RuntimeError):
        act_and_fail()

    assert list(trail.entries()) == []
    assert store.next_number("recommender") == 1


def test_a_reader_for_whom_no_connection_is_left_is_told_to_come_back(
    tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tacit.adapters.sql.sqlite.BUSY_SECONDS", 0.1)
    hasty = open_database(f"sqlite:///{tmp_path}/tacit.db")

    with ExitStack() as held:
        for _ in range(15):
            held.enter_context(hasty.reading())
        with pytest.raises(Unavailable) as refusal:
            SqlAuditTrail(hasty).entries()

    assert refusal.value.code == "database_busy"
    hasty.close()


def test_a_writer_that_cannot_get_its_place_says_so_instead_of_failing_oddly(
    tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tacit.adapters.sql.sqlite.BUSY_SECONDS", 0.1)
    hasty = open_database(f"sqlite:///{tmp_path}/tacit.db")

    with database.writing(), pytest.raises(Unavailable) as refusal:
        SqlAuditTrail(hasty).append(AuditEntry("x", "ann", "x", NOON))

    assert refusal.value.code == "database_busy"
    hasty.close()


@pytest.mark.parametrize("name", ["why?", "a b#c", "100%41", "é&x=1"])
def test_a_database_lies_in_the_very_folder_it_was_given_whatever_its_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / name / "tacit.db"

    open_database(file_url(path)).close()

    assert path.is_file()
    assert [each.name for each in tmp_path.iterdir()] == [name]
