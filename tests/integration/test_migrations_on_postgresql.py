"""The schema on PostgreSQL: made by the migrations what the tables say, from nothing and from every earlier one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.pool import NullPool

from tacit.adapters.sql import engine
from tacit.adapters.sql.all_tables import APPEND_ONLY, metadata
from tacit.adapters.sql.engine import Database, open_database
from tacit.errors import Misconfigured
from tests.integration.test_migrations import ROWS
from tests.postgres_server import Databases

SCHEMA = {
    "columns": """
        SELECT c.relname || '.' || a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, l.collname,
            pg_get_expr(d.adbin, d.adrelid), a.attidentity
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid LEFT JOIN pg_collation l ON l.oid = a.attcollation
            LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0""",
    "constraints": """
        SELECT conrelid::regclass || '.' || conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace""",
    "indexes": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "triggers": """
        SELECT tgrelid::regclass || '.' || tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal""",
    "functions": """
        SELECT proname, pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace""",
}


def schema_of(connection: Connection) -> dict[str, dict[str, tuple[object, ...]]]:
    """All that makes the tables what they are, by kind and name."""
    found = {
        kind: {name: tuple(rest) for name, *rest in connection.execute(text(question))}
        for kind, question in SCHEMA.items()
    }
    return {
        kind: {name: rest for name, rest in sorted(rows.items()) if "alembic_version" not in name}
        for kind, rows in found.items()
    }


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """A connection that is none of the platform's, committed at the end."""
    somebody = create_engine(url.replace("postgresql://", "postgresql+psycopg://"), poolclass=NullPool)
    with somebody.begin() as connection:
        yield connection


@contextmanager
def opened(url: str) -> Iterator[Connection]:
    """A look at a database after this release opened it."""
    open_database(url).close()
    with connected(url) as connection:
        yield connection


def upgrade_to(revision: str, url: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(engine.__file__).parent / "migrations"))
    with connected(url) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def rows_of(url: str, tables: Iterable[str]) -> dict[str, list[tuple[object, ...]]]:
    with psycopg.connect(url) as connection:
        return {table: connection.execute(f"SELECT * FROM {table}".encode()).fetchall() for table in tables}


@pytest.fixture(scope="module")
def newest(postgres_databases: Databases) -> dict[str, dict[str, tuple[object, ...]]]:
    """The schema that this release gives to an empty database."""
    with opened(postgres_databases.server.new_database()) as connection:
        return schema_of(connection)


def test_an_empty_database_gets_exactly_the_tables_of_the_schema(postgres_database: Database) -> None:
    with postgres_database.reading() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)

    # What the tables are for is said to readers of `tables.py`, not to the database.
    assert [each for each in differences if each[0] != "add_table_comment"] == []


def test_migrations_and_tables_make_the_same_schema_down_to_collations_checks_and_triggers(
    postgres_databases: Databases,
) -> None:
    created, migrated = postgres_databases.server.new_database(), postgres_databases.server.new_database()
    with connected(created) as connection:
        metadata.create_all(connection)
        wanted = schema_of(connection)

    with opened(migrated) as connection:
        assert schema_of(connection) == wanted


@pytest.mark.parametrize("revision", engine.REVISIONS[:-1])
def test_an_upgrade_from_any_revision_with_data_ends_in_the_same_tables_and_keeps_every_row(
    revision: str, postgres_databases: Databases, newest: dict[str, dict[str, tuple[object, ...]]]
) -> None:
    old = postgres_databases.server.new_database()
    upgrade_to(revision, old)
    with psycopg.connect(old) as connection:
        for statement in ROWS[revision]:
            connection.execute(statement.encode())
    tables = sorted({statement.split()[2] for statement in ROWS[revision]})
    before = rows_of(old, tables)

    with opened(old) as upgraded:
        assert schema_of(upgraded) == newest
    assert rows_of(old, tables) == before
    assert rows_of(old, ["alembic_version"]) == {"alembic_version": [(engine.REVISIONS[-1],)]}


def test_an_upgrade_that_ends_in_the_middle_leaves_nothing_behind(
    postgres_databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres_databases.server.new_database()

    def upgrade_and_die(connection: Connection) -> None:
        upgrade_of_this_release(connection)
        raise KeyboardInterrupt

    upgrade_of_this_release = engine.upgrade
    with monkeypatch.context() as patched:
        patched.setattr(engine, "upgrade", upgrade_and_die)
        with pytest.raises(KeyboardInterrupt):
            open_database(url)

    assert postgres_databases.server.ask("SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == []
    open_database(url).close()


def test_a_schema_of_a_later_release_is_refused(postgres_databases: Databases) -> None:
    url = postgres_databases.server.new_database(postgres_databases.template)
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(Misconfigured, match="9999") as refusal:
        open_database(url)

    assert refusal.value.code == "schema_newer"


def test_processes_that_open_an_empty_database_at_once_all_succeed(postgres_databases: Databases) -> None:
    url = postgres_databases.server.new_database()
    code = f"from tacit.adapters.sql.engine import open_database; open_database({url!r}).close()"
    processes = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]

    assert [process.wait(60) for process in processes] == [0, 0]


@pytest.mark.parametrize("table", [table.name for table in APPEND_ONLY])
@pytest.mark.parametrize("act", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_rows_that_only_grow_can_neither_be_changed_nor_removed(
    postgres_database: Database, table: str, act: str
) -> None:
    column = metadata.tables[table].primary_key.columns.keys()[0]

    with pytest.raises(IntegrityError, match="append-only"), postgres_database.writing() as connection:
        connection.exec_driver_sql(act.format(table, column, column))
