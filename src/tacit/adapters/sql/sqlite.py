"""SQLite as the relational store: one file beside everything else, one writer at a time, every commit on the disk."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event

BUSY_SECONDS = 5.0
"""How long a writer waits for its place, and anybody for a connection."""

_WRITERS_CACHE_KIB = 98_304
"""What a writer may keep in memory: beyond it, pages go to the disk before the commit, behind a flush of their own."""

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


class SqliteBackend:
    """The `Backend` of a SQLite file."""

    driver_errors: tuple[type[Exception], ...] = ()

    def __init__(self, url: URL) -> None:
        Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
        # Bound values are what users did; an error must not carry them into a log.
        self.engine: Engine = create_engine(
            url,
            pool_timeout=BUSY_SECONDS,
            # The connection that was used last knows the most pages of the file.
            pool_use_lifo=True,
            connect_args={"timeout": BUSY_SECONDS},
            hide_parameters=True,
        )
        event.listen(self.engine, "connect", _prepare_connection)
        event.listen(self.engine, "begin", _begin)
        self.reader = self.engine
        self.writer = self.engine.execution_options(tacit_writes=True)

    def seconds(self, *, is_writing: bool, is_patient: bool) -> float:
        return math.inf

    def lane(self, *, is_patient: bool) -> AbstractContextManager[None]:
        """Anywhere: the file keeps the queue, and whoever waits for it waits `BUSY_SECONDS`."""
        return nullcontext()

    def take_place(self, connection: Connection) -> None:
        """Nothing: `_begin` took it before the unit read anything."""

    def code_of(self, error: BaseException | None) -> str:
        return _CODES.get(getattr(error, "sqlite_errorname", ""), "database_unavailable")

    def words_of(self, error: BaseException | None) -> str:
        return str(error)

    def fix_of(self, code: str) -> str:
        return _FIXES[code]


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
    if writes:
        connection.exec_driver_sql(f"PRAGMA cache_size = -{_WRITERS_CACHE_KIB}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
