"""The schema comes into being whole, wherever it is interrupted, and a newer one is left alone."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import chain
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, event

from tacit.adapters.id_keys import key_of
from tacit.adapters.sql import engine
from tacit.adapters.sql.all_tables import APPEND_ONLY, metadata
from tacit.adapters.sql.engine import Database, open_database
from tacit.adapters.sql.registry import SqlVersionStore
from tacit.errors import Misconfigured, Unavailable
from tacit.registry.chain import first_broken
from tacit.registry.versions import Evidence, Promotion
from tests.migration_rows import ADDED_ROWS

ROWS = {
    revision: tuple(chain.from_iterable(ADDED_ROWS.get(each, ()) for each in engine.REVISIONS[: place + 1]))
    for place, revision in enumerate(engine.REVISIONS)
}
"""For each revision, rows in every table that it has."""

KILLER = """
import os, signal, sys
from sqlalchemy import Engine, event
from alembic import command
from tacit.adapters.sql.engine import open_database

def open_and_die(folder, last):
    done = 0
    def count(*arguments):
        nonlocal done
        done += 1
        if done == last:
            os.kill(os.getpid(), signal.SIGKILL)
    event.listen(Engine, "after_cursor_execute", count)
    open_database(f"sqlite:///{folder}/tacit.db")

for last in range(1, 1_000, int(sys.argv[2])):
    folder = os.path.join(sys.argv[1], str(last))
    os.mkdir(folder)
    child = os.fork()
    if not child:
        open_and_die(folder, last)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    print(last, os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0)
    if not os.WIFSIGNALED(status):
        break
"""


def url_of(folder: Path) -> str:
    return f"sqlite:///{folder}/tacit.db"


def schema_of(path: Path) -> dict[str, str]:
    """Every table, index and trigger with the text that makes it, spaces apart."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    return {name: re.sub(r"\s+", " ", sql).strip() for name, sql in rows if name != "alembic_version"}


def execute(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)


def upgrade_to(revision: str, path: Path) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(engine.__file__).parent / "migrations"))
    old = create_engine(f"sqlite:///{path}")
    with old.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    old.dispose()


def rows_of(path: Path, tables: Iterable[str]) -> dict[str, list[tuple[object, ...]]]:
    with closing(sqlite3.connect(path)) as connection:
        return {table: connection.execute(f"SELECT * FROM {table}").fetchall() for table in tables}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = open_database(url_of(tmp_path))
    yield database
    database.close()


def test_seeing_whether_a_file_can_be_reached_makes_neither_it_nor_its_folder(tmp_path: Path) -> None:
    engine.reach_database(url_of(tmp_path / "new"))

    assert list(tmp_path.iterdir()) == []


def test_an_empty_database_gets_exactly_the_tables_of_the_schema(database: Database) -> None:
    with database.reading() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)

    assert differences == []


def test_migrations_and_tables_make_the_same_statements_down_to_checks_and_triggers(
    database: Database, tmp_path: Path
) -> None:
    fresh = create_engine(f"sqlite:///{tmp_path}/fresh.db")
    metadata.create_all(fresh)
    fresh.dispose()

    assert schema_of(tmp_path / "fresh.db") == schema_of(tmp_path / "tacit.db")


def test_the_revisions_the_code_knows_are_those_there_are() -> None:
    script = ScriptDirectory(str(Path(engine.__file__).parent / "migrations"))

    assert [revision.revision for revision in reversed(list(script.walk_revisions()))] == list(engine.REVISIONS)


@pytest.mark.parametrize("revision", engine.REVISIONS[:-1])
def test_an_upgrade_from_any_revision_with_data_ends_in_the_same_tables_and_keeps_every_row(
    revision: str, database: Database, tmp_path: Path
) -> None:
    old = tmp_path / "old" / "tacit.db"
    old.parent.mkdir()
    upgrade_to(revision, old)
    for statement in ROWS[revision]:
        execute(old, statement)
    tables = sorted({statement.split()[2] for statement in ROWS[revision]})
    before = rows_of(old, tables)
    filled = {name for name, text in schema_of(old).items() if text.startswith("CREATE TABLE")}

    open_database(url_of(old.parent)).close()

    assert set(tables) == filled, "some table of this revision has no rows to keep"
    assert rows_of(old, tables) == before
    assert schema_of(old) == schema_of(tmp_path / "tacit.db")
    assert rows_of(old, ["alembic_version"]) == {"alembic_version": [(engine.REVISIONS[-1],)]}


def test_events_that_name_a_list_are_attributed_by_the_upgrade_itself(tmp_path: Path) -> None:
    upgrade_to("0006", tmp_path / "tacit.db")
    event = "(%d, %d, 5, 'api', 'e%d', 'ann', 'i1', '%s', %s, 4, %s, '{}', 1, %d)"
    named = [("play", "NULL", "'r1'", 1), ("watch_time", "7.5", "'r2'", 1), ("skip", "NULL", "'r3'", -1)]
    for turn, (kind, value, name, weight) in enumerate([*named, ("play", "NULL", "NULL", 1)], start=1):
        values = event % (turn, turn, turn, kind, value, name, weight)
        execute(tmp_path / "tacit.db", f"INSERT INTO applied_events VALUES {values}")

    open_database(url_of(tmp_path)).close()

    assert rows_of(tmp_path / "tacit.db", ["attributed_events"]) == {
        "attributed_events": [(1, "r1", "ann", "i1", 4, 0.0), (2, "r2", "ann", "i1", 4, 7.5)]
    }


def test_events_from_before_are_found_by_their_ids_after_the_upgrade(tmp_path: Path) -> None:
    upgrade_to("0015", tmp_path / "tacit.db")
    for turn, event_id in enumerate(("e1", "ü", "e3"), start=1):
        values = f"({turn}, {turn}, 5, 'api', '{event_id}', 'ann', 'i1', 'play', NULL, 4, NULL, '{{}}', 1, 1000000)"
        execute(tmp_path / "tacit.db", f"INSERT INTO applied_events VALUES {values}")

    open_database(url_of(tmp_path)).close()

    found = {(key_of("e1"), 1), (key_of("ü"), 2), (key_of("e3"), 3)}
    assert set(rows_of(tmp_path / "tacit.db", ["event_keys"])["event_keys"]) == found


def test_opening_an_up_to_date_database_changes_nothing_and_keeps_its_rows(database: Database, tmp_path: Path) -> None:
    execute(tmp_path / "tacit.db", "INSERT INTO model_numbers VALUES ('recommender', 7)")
    before = (tmp_path / "tacit.db").read_bytes()

    open_database(url_of(tmp_path)).close()

    assert (tmp_path / "tacit.db").read_bytes() == before


def test_a_schema_of_a_later_release_is_refused_and_left_alone(database: Database, tmp_path: Path) -> None:
    execute(tmp_path / "tacit.db", "UPDATE alembic_version SET version_num = '9999'")
    before = (tmp_path / "tacit.db").read_bytes()

    with pytest.raises(Misconfigured, match="9999") as refusal:
        open_database(url_of(tmp_path))

    assert refusal.value.code == "schema_newer"
    assert (tmp_path / "tacit.db").read_bytes() == before


@pytest.mark.parametrize("step", [18, pytest.param(1, marks=pytest.mark.slow)])
def test_an_upgrade_killed_after_any_statement_leaves_a_database_that_opens(
    database: Database, tmp_path: Path, step: int
) -> None:
    whole = schema_of(tmp_path / "tacit.db")
    command = [sys.executable, "-c", KILLER, str(tmp_path), str(step)]
    killed = subprocess.run(command, check=True, capture_output=True, text=True)
    signals = dict(line.split() for line in killed.stdout.splitlines())
    for last in signals:
        open_database(url_of(tmp_path / last)).close()

    assert {last: schema_of(tmp_path / last / "tacit.db") == whole for last in signals} == dict.fromkeys(signals, True)
    print(f"{list(signals.values()).count('9')} statements")
    # Killed after each statement in turn, or each fourth, until one upgrade has no more of them.
    assert list(signals.values()) == ["9"] * (len(signals) - 1) + ["0"]
    assert len(signals) * step > len(metadata.tables)


def test_processes_that_open_an_empty_database_at_once_all_succeed(tmp_path: Path) -> None:
    code = f"from tacit.adapters.sql.engine import open_database; open_database({url_of(tmp_path)!r}).close()"
    processes = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]

    assert [process.wait(60) for process in processes] == [0, 0]


def test_the_database_keeps_every_commit_and_never_uses_a_write_ahead_log(database: Database) -> None:
    with database.reading() as connection:
        names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout", "recursive_triggers")
        values = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names}

    assert values == {
        "journal_mode": "delete",
        "synchronous": 3,
        "foreign_keys": 1,
        "busy_timeout": 5000,
        "recursive_triggers": 1,
    }


def test_a_writer_takes_its_place_before_it_reads(database: Database) -> None:
    begun: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *given: begun.append(given[2]))
    with database.writing():
        pass
    with database.reading():
        pass

    # How much a connection may keep in memory is said without a look at any data.
    assert [each for each in begun if not each.startswith("PRAGMA cache_size")] == ["BEGIN IMMEDIATE", "BEGIN"]


def test_moves_from_before_the_chain_are_chained_as_they_stand(tmp_path: Path) -> None:
    upgrade_to("0004", tmp_path / "tacit.db")
    for statement in (
        "INSERT INTO versions VALUES ('recommender', 1, 'd', 'pass', 'now'), ('recommender', 2, 'd', 'pass', 'now')",
        "INSERT INTO promotions VALUES ('recommender', 1, 'promoted', NULL, 1, 'ann', 0, 'é', 'now')",
        "INSERT INTO promotions VALUES ('recommender', 2, 'promoted', 1, 2, 'bob', 1, '\"why\"', 'now')",
    ):
        execute(tmp_path / "tacit.db", statement)

    database = open_database(url_of(tmp_path))
    store = SqlVersionStore(database, lambda name, number: Path(name))
    move = Promotion("recommender", "rolled_back", 2, 1, "ann", forced=False, reason="", at="later")
    store.promote(move, expected=2, evidence=Evidence("g" * 64, "s" * 64))
    entries = store.ledger("recommender")
    database.close()

    assert first_broken(entries) is None
    assert [entry.evidence is None for entry in entries] == [True, True, False]


@pytest.mark.parametrize("table", [*(table.name for table in APPEND_ONLY), "promotion_seals", "version_prunings"])
@pytest.mark.parametrize("act", ["UPDATE {} SET {} = {}", "DELETE FROM {}"])
def test_rows_that_only_grow_can_neither_be_changed_nor_removed(
    database: Database, tmp_path: Path, table: str, act: str
) -> None:
    rows = {
        "versions": "('recommender', 1, 'd', 'pass', 'now')",
        "promotions": "('recommender', 1, 'promoted', NULL, 1, 'ann', 0, '', 'now')",
        "audit": "(1, 'x', 'ann', 'x', 'now', '{}', 'd')",
        "promotion_seals": "('recommender', 1, NULL, NULL, 'd')",
        "version_prunings": "('recommender', 1, 'ann', 5, 'now')",
    }
    execute(tmp_path / "tacit.db", f"INSERT INTO {table} VALUES {rows[table]}")
    column = metadata.tables[table].primary_key.columns.keys()[0]

    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        execute(tmp_path / "tacit.db", act.format(table, column, column))


def test_a_value_of_the_wrong_type_is_refused_by_the_database_itself(database: Database, tmp_path: Path) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="TEXT value in INTEGER"):
        execute(tmp_path / "tacit.db", "INSERT INTO model_numbers VALUES ('recommender', 'seven')")


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:s3cret@localhost/tacit",
        "postgresql://u:s3cret@localhost",
        "postgresql://u@h:s3cret/tacit",
        "sqlite://",
        "sqlite:///:memory:",
        "s3cret",
    ],
)
def test_a_url_of_no_database_of_ours_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(Misconfigured) as refusal:
        open_database(url)

    assert refusal.value.code == "database_unsupported"
    assert "s3cret" not in "".join(traceback.format_exception(refusal.value))


def test_a_file_that_is_no_database_is_named_as_damaged(tmp_path: Path) -> None:
    (tmp_path / "tacit.db").write_bytes(b"this is no database, and it is long enough to be looked at" * 20)

    with pytest.raises(Unavailable) as refusal:
        open_database(url_of(tmp_path))

    assert refusal.value.code == "database_damaged"
