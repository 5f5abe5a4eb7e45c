"""One database, opened safely: locks taken in the right order, every commit on the disk, the schema up to date."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from operator import itemgetter
from pathlib import Path
from typing import Any

from sqlalchemy import (
    URL,
    ColumnElement,
    Connection,
    Dialect,
    Engine,
    Table,
    bindparam,
    create_engine,
    event,
    func,
    inspect,
    make_url,
    select,
    text,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.sql.base import ReadOnlyColumnCollection
from sqlalchemy.sql.dml import Insert

from tacit.errors import Misconfigured, Unavailable

REVISIONS = ("0001", "0002", "0003")
"""The schema's revisions, oldest first; known here so that an up-to-date database opens without loading Alembic."""

Incoming = ReadOnlyColumnCollection[str, ColumnElement[Any]]
"""The columns of a row that met one of its key."""

_MIGRATIONS = Path(__file__).parent / "migrations"
_BUSY_SECONDS = 5.0
_FILE_WANTED = "Use sqlite:////absolute/path/tacit.db."
_CODES = {
    "SQLITE_BUSY": "database_busy",
    "SQLITE_CORRUPT": "database_damaged",
    "SQLITE_NOTADB": "database_damaged",
    "SQLITE_FULL": "storage_full",
}
_FIXES = {
    "database_busy": "Try again; if it stays busy, see which other process uses this home.",
    "database_damaged": "Restore tacit.db from a backup.",
    "storage_full": "Free some space in the home folder and do it again.",
    "database_unavailable": "See that tacit.db in the home folder can be read and written, and try again.",
}


class Database:
    """The relational store, as its adapters use it.

    A unit of work opened in a thread is joined by whatever else that thread does to this database meanwhile, so that
    several stores commit or fail together.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._writer = engine.execution_options(tacit_writes=True)
        self._joined = threading.local()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A consistent view.

        Raises:
            Unavailable: `database_busy`, `database_damaged`, `storage_full` or `database_unavailable`.
        """
        current: Connection | None = getattr(self._joined, "connection", None)
        if current is not None:
            yield current
            return
        with _drivers_errors_translated(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """The one place in the queue of writers; commits on the way out, or leaves no trace.

        Raises:
            Unavailable: `database_busy`, `database_damaged`, `storage_full` or `database_unavailable`.
        """
        current: Connection | None = getattr(self._joined, "connection", None)
        if current is not None:
            yield current
            return
        with _drivers_errors_translated(), self._writer.begin() as connection:
            self._joined.connection = connection
            try:
                yield connection
            finally:
                self._joined.connection = None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make everything written within appear together, or not at all."""
        with self.writing():
            yield

    def close(self) -> None:
        self.engine.dispose()


def file_url(path: Path) -> URL:
    """The URL of a SQLite file, whatever characters its path holds."""
    return URL.create("sqlite", database=str(path))


def open_database(url: str | URL) -> Database:
    """Open the database, and bring its schema up to date if it is empty or older.

    Raises:
        Misconfigured: `database_unsupported` for another kind than SQLite, `schema_newer` if a later release wrote it.
        Unavailable: `database_busy`, `database_damaged`, `storage_full` or `database_unavailable`.
    """
    parsed = _sqlite_url(url)
    Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True)
    # Bound values are what users did; an error must not carry them into a log.
    engine = create_engine(
        parsed, pool_timeout=_BUSY_SECONDS, connect_args={"timeout": _BUSY_SECONDS}, hide_parameters=True
    )
    event.listen(engine, "connect", _prepare_connection)
    event.listen(engine, "begin", _begin)
    database = Database(engine)
    try:
        _bring_up_to_date(database)
    except BaseException:
        database.close()
        raise
    return database


def insert_new(table: Table) -> Insert:
    """An insert that passes over rows whose key is there already."""
    return sqlite.insert(table).on_conflict_do_nothing()


def insert_merging(table: Table, merged: Callable[[Incoming], Mapping[str, ColumnElement[Any]]]) -> Insert:
    """An insert that changes the row whose key is there already.

    Args:
        table: The table.
        merged: The new values of that row, given the columns of the one that came.
    """
    statement = sqlite.insert(table)
    return statement.on_conflict_do_update(index_elements=table.primary_key, set_=merged(statement.excluded))


def insert_all(connection: Connection, statement: Insert, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert many rows at the driver's own speed; SQLAlchemy's look at every value of every row costs as much again.

    Args:
        connection: Where to.
        statement: An insert.
        rows: At least one, all of the same names, two or more; of columns whose values the driver takes as they are.
    """
    sql, values_of = _for_the_driver(statement, connection.dialect, tuple(rows[0]))
    connection.exec_driver_sql(sql, [values_of(row) for row in rows])


@lru_cache(maxsize=32)
def _for_the_driver(
    statement: Insert, dialect: Dialect, names: tuple[str, ...]
) -> tuple[str, Callable[[Mapping[str, Any]], Any]]:
    """A statement as text, and what makes of a row the values that this driver takes with it."""
    compiled = statement.compile(dialect=dialect, column_keys=names)
    order = getattr(compiled, "positiontup", None)
    return str(compiled), dict if order is None else itemgetter(*order)


def is_listed(column: ColumnElement[str], name: str) -> ColumnElement[bool]:
    """Whether a text is in the `listing` given under a name; for hundreds, whose parameters would outweigh the search.

    Args:
        column: The text.
        name: The parameter's name.
    """
    return column.in_(select(func.json_each(bindparam(name)).table_valued("value").c.value))


def listing(texts: Iterable[str]) -> str:
    """Texts as the value of one parameter."""
    return json.dumps(list(texts))


def _sqlite_url(url: str | URL) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise Misconfigured(
            "database_unsupported", "The database's URL cannot be read.", field="database", fix=_FILE_WANTED
        ) from error
    if parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.database == ":memory:":
        raise Misconfigured(
            "database_unsupported",
            f"The database is {parsed.get_backend_name()}; only a SQLite file is supported.",
            field="database",
            fix=_FILE_WANTED,
        )
    return parsed


def _prepare_connection(connection: Any, _record: object) -> None:
    try:
        _set_pragmas(connection)
    except BaseException:
        connection.close()
        raise


def _set_pragmas(connection: Any) -> None:
    # The driver's own idea of when a transaction begins would take the write lock too late; `_begin` decides.
    connection.isolation_level = None
    # Several processes share the file, and SQLite before 3.51.3 can corrupt one in WAL mode when two connections
    # reset the log at once. The rollback journal has no such log; EXTRA also syncs the folder after its removal,
    # without which a commit can be undone by losing power right after it.
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.execute("PRAGMA synchronous = EXTRA")
    connection.execute("PRAGMA foreign_keys = ON")
    # Otherwise REPLACE would remove rows without the triggers that refuse it.
    connection.execute("PRAGMA recursive_triggers = ON")


def _begin(connection: Connection) -> None:
    # A reader that turns writer can meet another one doing the same, and neither can go on; so writers say so at once.
    writes = connection.get_execution_options().get("tacit_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def _drivers_errors_translated() -> Iterator[None]:
    try:
        yield
    except IntegrityError:
        raise
    except DBAPIError as error:
        code = _CODES.get(getattr(error.orig, "sqlite_errorname", ""), "database_unavailable")
        raise Unavailable(code, f"The database cannot be used now: {error.orig}.", fix=_FIXES[code]) from error
    except PoolTimeout as error:
        detail = "All connections to the database are in use."
        raise Unavailable("database_busy", detail, fix=_FIXES["database_busy"]) from error


def _bring_up_to_date(database: Database) -> None:
    with database.reading() as connection:
        if _revision(connection) == REVISIONS[-1]:
            return
    # Asked again once the write lock is held: another process may just have done it.
    with database.writing() as connection:
        if _revision(connection) != REVISIONS[-1]:
            _upgrade(connection)


def _revision(connection: Connection) -> str | None:
    """The schema's revision, `None` for an empty database.

    Raises:
        Misconfigured: `schema_newer`.
    """
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    if revision is not None and revision not in REVISIONS:
        raise Misconfigured(
            "schema_newer",
            f"The database has the schema {ascii(revision)[:64]}, this release knows up to {REVISIONS[-1]}.",
            field="database",
            fix="Start the release that wrote it, or restore a backup from before the upgrade.",
        )
    return revision


def _upgrade(connection: Connection) -> None:
    # Alembic takes long to import and is needed once in a database's life.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
