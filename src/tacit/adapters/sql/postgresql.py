"""PostgreSQL as the relational store: a few connections, a deadline for whatever waits, one queue for the writers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, Engine, Select, create_engine, event, func, select
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import QueuePool

from tacit.adapters.breaker import Breaker, Share
from tacit.adapters.deadlines import Bulkhead, remaining
from tacit.errors import Misconfigured, Unavailable

if TYPE_CHECKING:
    from tacit.adapters.sql.psycopg_connection import DeadlineConnection

_PLACE = 0x7461636974
"""Names the writers' queue among the locks of the database; `tacit` in ASCII."""

_MOST_OF = 0.9
"""What part of its usual time a unit must have for its missing the deadline to speak against the server."""

_LEFT_FOR_GOOD = frozenset({"25006", "0A000"})
"""After a failover the old primary stays read-only for good, and a new connection finds the new one.

A statement that was prepared before an upgrade of the schema may be refused for good, too.
"""

_CODES = {
    "53": "database_busy",
    "25006": "database_read_only",
    "40001": "database_conflict",
    "40P01": "database_conflict",
    "53100": "storage_full",
    "55P03": "database_conflict",
    "57014": "database_timeout",
    "XX001": "database_damaged",
    "XX002": "database_damaged",
}
"""By SQLSTATE, or by its class."""

_NO_CONNECTION_LEFT = ("too many clients", "too many connections", "connection slots are reserved")

_FIXES = {
    "database_busy": "Try again; if it stays busy, see who holds its connections (pg_stat_activity).",
    "database_conflict": "Try again: another writer was in the way.",
    "database_damaged": "Restore the database from a backup.",
    "database_read_only": "Point database_url at the primary, or end its read-only mode; then try again.",
    "database_timeout": "See what holds the database up (pg_stat_activity), and try again.",
    "database_unavailable": "See that PostgreSQL runs and accepts this database_url, and try again.",
    "storage_full": "Free some space where PostgreSQL keeps its data, and do it again.",
}


@dataclass(frozen=True)
class Patience:
    """How long is waited for PostgreSQL, and by how many at a time.

    Attributes:
        read_seconds: Deadline of a unit that reads, from its first wait to its last.
        write_seconds: Deadline of a unit that writes.
        patient_seconds: Deadline of a unit that no request waits for.
        queue_seconds: Longest wait for a connection, within the deadline.
        lock_seconds: Longest wait for somebody else's row.
        connections: Connections of units that requests wait for.
        patient_connections: Connections of the other units, so that they cannot take those.
    """

    read_seconds: float = 0.5
    write_seconds: float = 2.0
    patient_seconds: float = 60.0
    queue_seconds: float = 1.0
    lock_seconds: float = 1.0
    connections: int = 5
    patient_connections: int = 3

    @property
    def most_connections(self) -> int:
        """Connections that one process holds at most."""
        return self.connections + self.patient_connections


class PostgresqlBackend:
    """The `Backend` of a PostgreSQL database.

    A unit that reads sees one state of everything (`REPEATABLE READ`).  A unit that writes sees what was committed
    before each of its statements (`READ COMMITTED`) and, unless it says otherwise, stands in one queue with all the
    others: an advisory lock that the transaction holds.  That is what SQLite's `BEGIN IMMEDIATE` gives, so whatever
    reads, decides and writes (the audit chain, the ledger) is right on both without knowing which it has.
    `SERIALIZABLE` would ask for every unit to be done again when it fails, also those that callers opened around
    several stores and cannot do again.

    Raises:
        Misconfigured: `driver_missing`.
    """

    def __init__(self, url: URL, patience: Patience | None = None) -> None:
        self.patience = patience or Patience()
        self._driver = _driver()
        self.driver_errors: tuple[type[Exception], ...] = (self._driver.DriverError,)
        self._connecting = Bulkhead("database", threads=self.patience.most_connections)
        # Probed often enough to be asked again within five seconds of its return.
        self.breaker = Breaker(rule=Share(), cooldown_seconds=1.0, longest_cooldown_seconds=4.0)
        self._lanes = {
            False: threading.BoundedSemaphore(self.patience.connections),
            True: threading.BoundedSemaphore(self.patience.patient_connections),
        }
        self.engine: Engine = self._engine(url.set(drivername="postgresql+psycopg"))
        self.reader = self.engine
        self.writer = self.engine.execution_options(tacit_writes=True)

    def seconds(self, *, is_writing: bool, is_patient: bool) -> float:
        if is_patient:
            return self.patience.patient_seconds
        return self.patience.write_seconds if is_writing else self.patience.read_seconds

    @contextmanager
    def lane(self, *, is_patient: bool) -> Iterator[None]:
        if is_patient:
            self._refuse_while_away()
        with nullcontext() if is_patient else self._spared(), self._place(is_patient=is_patient):
            yield

    def _refuse_while_away(self) -> None:
        """Tell a request at once, also where a patient unit is to answer it; whoever has as long as that may wait."""
        if not self.breaker.is_closed and remaining() < _MOST_OF * self.patience.patient_seconds:
            raise _away()

    @contextmanager
    def _spared(self) -> Iterator[None]:
        """Let nobody wait for a server that keeps everybody waiting, but for one at a time who finds out whether it
        still does.
        """
        admitted = self.breaker.admit()
        if admitted is None:
            raise _away()
        # Whoever has less time than a unit has usually says nothing of the server by missing their deadline.
        has_time = remaining() >= _MOST_OF * self.patience.read_seconds
        try:
            yield
        except Unavailable as error:
            if has_time or error.code != "database_timeout" or self.breaker.state == "half_open":
                self.breaker.told(admitted, error)
            raise
        except BaseException:
            self.breaker.succeeded(admitted)
            raise
        self.breaker.succeeded(admitted)

    @contextmanager
    def _place(self, *, is_patient: bool) -> Iterator[None]:
        lane = self._lanes[is_patient]
        if not lane.acquire(timeout=min(self.patience.queue_seconds, remaining())):
            detail = "All connections to the database are in use."
            raise Unavailable("database_busy", detail, fix=_FIXES["database_busy"])
        try:
            yield
        finally:
            lane.release()

    def take_place(self, connection: Connection) -> None:
        # The place is waited for as long as the deadline allows, with time left to say that it was in vain; a row's
        # lock afterwards only as long as ever.
        longest = remaining()
        wait = "0" if longest == float("inf") else f"{max(1, int(longest * 1_000) - 100)}ms"
        connection.execute(_taking_place(wait, f"{int(self.patience.lock_seconds * 1_000)}ms"))

    def code_of(self, error: BaseException | None) -> str:
        if isinstance(error, self._driver.DeadlinePassedError):
            return "database_timeout"
        state = _state_of(error)
        # A connection that is refused has no state, only words.
        is_full = not state and any(words in str(error) for words in _NO_CONNECTION_LEFT)
        return "database_busy" if is_full else _CODES.get(state) or _CODES.get(state[:2]) or "database_unavailable"

    def words_of(self, error: BaseException | None) -> str:
        if _state_of(error).startswith("22"):
            return "it cannot hold a value"
        told = getattr(getattr(error, "diag", None), "message_primary", None)
        lines = str(told or error).splitlines()
        return lines[0][:200].rstrip(".") if lines else type(error).__name__

    def fix_of(self, code: str) -> str:
        return _FIXES[code]

    def _engine(self, url: URL) -> Engine:
        engine = create_engine(
            url,
            poolclass=QueuePool,
            pool_size=self.patience.most_connections,
            max_overflow=0,
            pool_timeout=self.patience.queue_seconds,
            connect_args=self._connect_arguments(url),
            # Asking for the server's hstore would be one more question for each connection.
            use_native_hstore=False,
            hide_parameters=True,
        )
        event.listen(engine, "do_connect", self._connect)
        event.listen(engine, "checkout", _refuse_stale)
        event.listen(engine, "begin", _begin)
        event.listen(engine, "handle_error", _leave_for_good)
        return engine

    def _connect_arguments(self, url: URL) -> dict[str, object]:
        """What the server and the kernel are asked to watch themselves, for the day when nobody here does."""
        milliseconds = int(self.patience.patient_seconds * 1_000)
        options = (
            f"-c statement_timeout={milliseconds} -c lock_timeout={int(self.patience.lock_seconds * 1_000)}"
            f" -c idle_in_transaction_session_timeout={milliseconds} -c client_connection_check_interval=1000"
        )
        chosen = {
            "application_name": "tacit",
            # The driver takes no less; the deadline above it is shorter.
            "connect_timeout": 2,
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "tcp_user_timeout": 5_000,
        }
        unsaid = {key: value for key, value in chosen.items() if key not in url.query}
        return {**unsaid, "options": f"{options} {url.query.get('options', '')}".strip()}

    def _connect(self, *told: Any) -> DeadlineConnection:
        """A new connection; looking up the host and shaking hands may hang in ways that the driver does not see."""
        _dialect, _record, arguments, named = told
        connection: DeadlineConnection = self._connecting.run(
            lambda: self._driver.DeadlineConnection.connect(*arguments, **named),
            remaining(),
            discard=lambda late: late.close(),
        )
        return connection


def _driver() -> ModuleType:
    try:
        from tacit.adapters.sql import psycopg_connection
    except ImportError as error:
        raise Misconfigured(
            "driver_missing",
            "The driver for PostgreSQL is not installed.",
            field="database_url",
            fix="Install the extra `postgres` (pip install 'tacit[postgres]').",
        ) from error
    return psycopg_connection


def _away() -> Unavailable:
    detail = "The database does not answer; it is asked again every few seconds."
    return Unavailable("database_unavailable", detail, fix=_FIXES["database_unavailable"])


def _taking_place(longest: str, afterwards: str) -> Select[Any]:
    return select(
        func.set_config("lock_timeout", longest, True),
        func.pg_advisory_xact_lock(_PLACE),
        func.set_config("lock_timeout", afterwards, True),
    )


def _refuse_stale(connection: Any, _record: object, _proxy: object) -> None:
    # After a restart of the server each connection of the pool is dead; this finds out before a unit of work does.
    if connection.is_stale():
        raise DisconnectionError("the server closed this connection")


def _begin(connection: Connection) -> None:
    driver: Any = connection.connection.dbapi_connection
    driver.choose_transaction(is_writing=connection.get_execution_options().get("tacit_writes", False))


def _leave_for_good(context: Any) -> None:
    if _state_of(context.original_exception) in _LEFT_FOR_GOOD:
        context.is_disconnect = True


def _state_of(error: BaseException | None) -> str:
    return getattr(error, "sqlstate", None) or ""
