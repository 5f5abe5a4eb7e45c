"""One database, opened safely: locks taken in the right order, every commit on the disk, the schema up to date."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from sqlalchemy import URL, Connection, Engine, make_url, select
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, InvalidRequestError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from tacit.adapters.deadlines import remaining, within
from tacit.adapters.sql.dialects import Backend
from tacit.adapters.sql.postgresql import Patience, PostgresqlBackend
from tacit.adapters.sql.schema import revision_of, upgrade
from tacit.adapters.sql.sqlite import SqliteBackend
from tacit.errors import Misconfigured, Unavailable

REVISIONS = tuple(f"{number:04d}" for number in range(1, 17))
"""The schema's revisions, oldest first; known here so that an up-to-date database opens without loading Alembic."""

TRIES = 4
"""How often a deed is begun that meets other writers: once, and again three times."""

_FIRST_PAUSE = 0.02
_TOO_LARGE = "54"
_FOR_AN_UPGRADE = Patience(patient_seconds=86_400, lock_seconds=10)
_URL_WANTED = "Use sqlite:////absolute/path/tacit.db or postgresql://user:password@host/database."

P = ParamSpec("P")
T = TypeVar("T")


@dataclass
class _Unit:
    """The unit of work that a thread is in."""

    connection: Connection
    is_queued: bool = False


class Database:
    """The relational store, as its adapters use it.

    A unit of work opened in a thread is joined by whatever else that thread does to this database meanwhile, so that
    several stores commit or fail together.  On PostgreSQL every unit has a deadline, which includes waiting for its
    connection and its commit; a unit that misses it fails, and its connection is thrown away.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._joined = threading.local()

    @property
    def engine(self) -> Engine:
        return self._backend.engine

    @property
    def kind(self) -> str:
        """`sqlite` or `postgresql`."""
        return self.engine.dialect.name

    @property
    def is_joined(self) -> bool:
        """Whether this thread is in a unit of work that writes."""
        return self._current() is not None

    @contextmanager
    def reading(self, *, patient: bool = False) -> Iterator[Connection]:
        """A consistent view.

        Args:
            patient: Whether no request waits for it, so that it may take a minute.

        Raises:
            Unavailable: `database_busy`, `database_timeout`, `database_damaged`, `storage_full` or
                `database_unavailable`.
        """
        current = self._current()
        if current is not None:
            yield current.connection
            return
        with self._unit(self._backend.reader, is_writing=False, is_patient=patient) as connection:
            yield connection

    @contextmanager
    def writing(self, *, patient: bool = False, queued: bool = True) -> Iterator[Connection]:
        """The one place in the queue of writers; commits on the way out, or leaves no trace.

        Args:
            patient: Whether no request waits for it, so that it may take a minute.
            queued: Whether to wait until no other unit of the queue is at work.  A unit that needs no more order than
                its statements and row locks give need not, on PostgreSQL; it may meet another there and fail, for
                `again_after_conflict` to do it anew.  SQLite knows no writing without.

        Raises:
            Unavailable: `database_busy`, `database_conflict`, `database_timeout`, `database_read_only`,
                `database_damaged`, `storage_full` or `database_unavailable`.
        """
        current = self._current()
        if current is not None:
            self._take_place(current, queued=queued)
            yield current.connection
            return
        with self._unit(self._backend.writer, is_writing=True, is_patient=patient) as connection:
            unit = self._joined.unit = _Unit(connection)
            try:
                self._take_place(unit, queued=queued)
                yield connection
            finally:
                self._joined.unit = None

    @contextmanager
    def transaction(self, *, patient: bool = False) -> Iterator[None]:
        """Make everything written within appear together, or not at all."""
        with self.writing(patient=patient):
            yield

    def deadline(self, *, patient: bool = False) -> AbstractContextManager[None]:
        """Where several units that write must be over in the time that one has."""
        return within(self._backend.seconds(is_writing=True, is_patient=patient))

    def close(self) -> None:
        self.engine.dispose()

    def _current(self) -> _Unit | None:
        unit: _Unit | None = getattr(self._joined, "unit", None)
        return unit

    def _take_place(self, unit: _Unit, *, queued: bool) -> None:
        if queued and not unit.is_queued:
            self._backend.take_place(unit.connection)
            unit.is_queued = True

    @contextmanager
    def _unit(self, engine: Engine, *, is_writing: bool, is_patient: bool) -> Iterator[Connection]:
        with (
            within(self._backend.seconds(is_writing=is_writing, is_patient=is_patient)),
            self._backend.lane(is_patient=is_patient),
            self._drivers_errors_translated(),
            self._connected(engine) as connection,
            connection.begin(),
        ):
            try:
                yield connection
                if remaining() <= 0:
                    # Once it is sent, nobody could tell whether a commit came in time.
                    raise Unavailable("database_timeout", "The unit of work took too long.", fix="Try again.")
            except BaseException:
                if remaining() <= 0:
                    # There is no time left to take anything back; the server does when the connection ends.
                    connection.invalidate()
                raise

    def _connected(self, engine: Engine) -> Connection:
        try:
            return engine.connect()
        except InvalidRequestError as error:
            # Connections that are ended as fast as they are opened; the pool tries twice, and has words of its own.
            detail = "The database ends every connection at once."
            fix = self._backend.fix_of("database_unavailable")
            raise Unavailable("database_unavailable", detail, fix=fix) from error

    @contextmanager
    def _drivers_errors_translated(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            raise
        except DBAPIError as error:
            raise self._unavailable(error.orig) from error
        except self._backend.driver_errors as error:
            raise self._unavailable(error) from error
        except PoolTimeout as error:
            detail = "All connections to the database are in use."
            raise Unavailable("database_busy", detail, fix=self._backend.fix_of("database_busy")) from error

    def _unavailable(self, error: BaseException | None) -> Unavailable:
        code = self._backend.code_of(error)
        detail = f"The database cannot be used now: {self._backend.words_of(error)}."
        return Unavailable(code, detail, fix=self._backend.fix_of(code))


class OnDatabase(Protocol):
    """A store on a database."""

    @property
    def _database(self) -> Database: ...


S = TypeVar("S", bound=OnDatabase)


def again_after_conflict(
    *, patient: bool = False
) -> Callable[[Callable[Concatenate[S, P], T]], Callable[Concatenate[S, P], T]]:
    """Have a store's deed done again, three times at most, when the database gave way to another writer.

    The deed is one unit of work, or several that may each be repeated; all its tries together have the time of one.
    Within a unit that the caller opened nothing is repeated: the conflict undid what the caller did before as well.

    Args:
        patient: As of `Database.writing`.
    """

    def repeating(deed: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], T]:
        @wraps(deed)
        def done(store: S, /, *given: P.args, **named: P.kwargs) -> T:
            database = store._database  # noqa: SLF001 - the stores' own, and this is a part of them
            with database.deadline(patient=patient):
                for attempt in range(1, TRIES):
                    try:
                        return deed(store, *given, **named)
                    except Unavailable as error:
                        if error.code != "database_conflict" or database.is_joined:
                            raise
                    # Two that met once would meet again if both came back at the same moment.
                    pause = random.uniform(0, _FIRST_PAUSE * 2**attempt)  # noqa: S311 - nothing secret about it
                    time.sleep(min(pause, remaining()))
                return deed(store, *given, **named)

        return done

    return repeating


def is_unstorable(error: Unavailable) -> bool:
    """Whether the database cannot hold a value: then trying again, which `Unavailable` asks for, never helps."""
    cause = error.__cause__
    # PostgreSQL has a class of its own for what is too large, such as a key that no page of an index has room for.
    state = getattr(cause.orig, "sqlstate", None) if isinstance(cause, DBAPIError) else None
    return isinstance(cause, DataError) or str(state)[:2] == _TOO_LARGE


def file_url(path: Path) -> URL:
    """The URL of a SQLite file, whatever characters its path holds."""
    return URL.create("sqlite", database=str(path))


def open_database(url: str | URL, *, patience: Patience | None = None) -> Database:
    """Open the database, and bring its schema up to date if it is empty or older.

    Args:
        url: `sqlite:///` and the path of a file, or `postgresql://…`.
        patience: How long is waited for PostgreSQL; unset, as long as suits a server that answers requests.

    Raises:
        Misconfigured: `database_unsupported` for another kind, `driver_missing` if PostgreSQL's is not installed,
            `schema_newer` if a later release wrote it.
        Unavailable: What `Database.writing` says.
    """
    parsed = _parsed(url)
    database = Database(_backend(parsed, patience))
    try:
        if not _is_up_to_date(database):
            _bring_up_to_date(parsed)
    except BaseException:
        database.close()
        raise
    return database


def reach_database(url: str | URL) -> None:
    """See that the database is there and lets us in, and change nothing; a file that is not there yet will be made.

    Raises:
        Misconfigured, Unavailable: As `open_database`.
    """
    parsed = _parsed(url)
    if parsed.get_backend_name() == "sqlite" and not Path(str(parsed.database)).exists():
        return
    database = Database(_backend(parsed, None))
    try:
        with database.reading(patient=True) as connection:
            connection.execute(select(1))
    finally:
        database.close()


def _parsed(url: str | URL) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # Its words quote the URL, which may hold a password.
        raise _unsupported("The database's URL cannot be read.") from None
    kind = parsed.get_backend_name()
    if kind not in ("sqlite", "postgresql"):
        raise _unsupported(f"The database is {ascii(kind)[:32]}; only SQLite and PostgreSQL are supported.")
    if not parsed.database or parsed.database == ":memory:":
        raise _unsupported(f"The URL names no {'file' if kind == 'sqlite' else 'database'}.")
    return parsed


def _unsupported(detail: str) -> Misconfigured:
    return Misconfigured("database_unsupported", detail, field="database_url", fix=_URL_WANTED)


def _backend(url: URL, patience: Patience | None) -> Backend:
    return SqliteBackend(url) if url.get_backend_name() == "sqlite" else PostgresqlBackend(url, patience)


def _is_up_to_date(database: Database) -> bool:
    with database.reading(patient=True) as connection:
        return revision_of(connection, REVISIONS) == REVISIONS[-1]


def _bring_up_to_date(url: URL) -> None:
    """Upgrade, with all the time that takes; whoever comes at the same moment waits and finds it done."""
    database = Database(_backend(url, _FOR_AN_UPGRADE))
    try:
        with database.writing(patient=True) as connection:
            # Asked again once the write lock is held: another process may just have done it.
            if revision_of(connection, REVISIONS) != REVISIONS[-1]:
                upgrade(connection)
    finally:
        database.close()
