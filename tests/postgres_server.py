"""A PostgreSQL of the tests' own: one server for a session, a fresh database for each test that asks."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from tacit.adapters.sql.all_tables import metadata
from tacit.adapters.sql.engine import Database, open_database
from tacit.adapters.sql.postgresql import Patience

UNHURRIED = Patience(read_seconds=10, write_seconds=20)
"""For tests that are about something else than time, on machines that do several things at once."""

OLDEST = 15
_PLACES = Path("/usr/lib/postgresql")
_LOCALE = ("--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en")
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "60",
    "shared_buffers": "32MB",
    "autovacuum": "off",
    "log_min_messages": "fatal",
}


def binaries() -> Path:
    """The folder of the server's programs; the test is skipped where there is none."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    installed = [place for place in _PLACES.glob("*/bin/initdb") if int(place.parts[-3]) >= OLDEST]
    if installed:
        return max(installed, key=lambda place: int(place.parts[-3])).parent
    pytest.skip("no PostgreSQL server here (Debian: apt-get install postgresql-15)")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


@dataclass
class PostgresServer:
    """A server on loopback, started and stopped as a test likes."""

    folder: Path
    port: int = field(default_factory=free_port)
    settings: dict[str, str] = field(default_factory=dict)
    _names: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def create(self) -> None:
        """Make the cluster: with the locale of most installations, which sorts unlike SQLite, and real flushes."""
        self._as_its_user(
            ["initdb", "-D", self._data, "-U", "tacit", "--auth=trust", "-E", "UTF8", "--no-instructions", *_LOCALE]
        )

    def start(self, **settings: str) -> None:
        """Start it, and wait until it answers."""
        chosen = {**_SETTINGS, **self.settings, **settings, "port": str(self.port)}
        options = " ".join(f"-c {name}='{value}'" for name, value in chosen.items())
        log = str(self.folder / "server.log")
        self._as_its_user(["pg_ctl", "-D", self._data, "-w", "-t", "60", "-l", log, "-o", options, "start"])

    def stop(self, mode: str = "immediate") -> None:
        """Stop it: `immediate` is what a crash looks like."""
        self._as_its_user(["pg_ctl", "-D", self._data, "-m", mode, "-w", "-t", "60", "stop"], is_checked=False)

    @property
    def pid(self) -> int:
        return int((self.folder / "data" / "postmaster.pid").read_text().splitlines()[0])

    def processes(self) -> list[int]:
        """The server and all its children."""
        tasks = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        return [self.pid, *map(int, tasks.split())]

    @contextmanager
    def paused(self, pids: list[int] | None = None) -> Iterator[None]:
        """Processes stopped as if the machine stood still; all of them unless some are named."""
        stopped = self.processes() if pids is None else pids
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in reversed(stopped):
                os.kill(pid, signal.SIGCONT)

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://tacit@127.0.0.1:{self.port}/{database}"

    def ask(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """One statement, by somebody who is not the platform."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def new_database(self, template: str = "template1") -> str:
        """The URL of a database of its own."""
        name = f"test_{next(self._names)}"
        self.ask(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    def _as_its_user(self, command: list[str], *, is_checked: bool = True) -> None:
        # The server refuses to run as root.
        prefix = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
        program = [str(binaries() / command[0]), *command[1:]]
        with (self.folder / "commands.log").open("ab") as log:
            code = subprocess.run(
                [*prefix, *program], stdout=log, stderr=log, cwd=self.folder, check=False, timeout=120
            ).returncode
        if is_checked:
            assert code == 0, (self.folder / "commands.log").read_text()[-2_000:]


@contextmanager
def running_server(**settings: str) -> Iterator[PostgresServer]:
    """A new server in a folder of its own, stopped at the end and gone."""
    binaries()
    with tempfile.TemporaryDirectory(prefix="tacit-postgres-") as folder:
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        server = PostgresServer(Path(folder), settings=dict(settings))
        server.create()
        server.start()
        try:
            yield server
        finally:
            server.stop()


@dataclass(frozen=True)
class Databases:
    """Databases of one server that have their tables already."""

    server: PostgresServer
    template: str

    @contextmanager
    def fresh(self, patience: Patience = UNHURRIED) -> Iterator[Database]:
        """An empty one, open."""
        database = open_database(self.server.new_database(self.template), patience=patience)
        try:
            yield database
        finally:
            database.close()


def databases_of(server: PostgresServer) -> Databases:
    """Makes the tables once; every database is a copy of that one."""
    url = server.new_database()
    open_database(url, patience=UNHURRIED).close()
    return Databases(server, url.rpartition("/")[2])


@pytest.fixture(scope="session")
def postgres_databases() -> Iterator[Databases]:
    """Databases of a server that runs for the whole session."""
    with running_server() as server:
        yield databases_of(server)


@pytest.fixture(scope="session")
def _kept_database(postgres_databases: Databases) -> Iterator[Database]:
    with postgres_databases.fresh() as database:
        yield database


@pytest.fixture
def postgres_database(_kept_database: Database) -> Database:
    """An empty database on PostgreSQL, open: the same each time, emptied, which is faster than making one."""
    empty(_kept_database)
    return _kept_database


def empty(database: Database) -> None:
    """Take every row away, with the triggers that refuse it looking elsewhere."""
    with database.writing(patient=True) as connection:
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        for table in metadata.sorted_tables:
            connection.execute(table.delete())
        connection.exec_driver_sql("SELECT setval(oid::regclass, 1, false) FROM pg_class WHERE relkind = 'S'")


def wait_for_server(server: PostgresServer, seconds: float = 30.0) -> None:
    """Wait until somebody else can ask it something."""
    until = time.monotonic() + seconds
    while not _is_answering(server):
        assert time.monotonic() < until, "the server did not come up"
        time.sleep(0.02)


def _is_answering(server: PostgresServer) -> bool:
    try:
        return bool(server.ask("SELECT 1"))
    except psycopg.OperationalError:
        return False


def backends_of(server: PostgresServer, url: str) -> list[int]:
    """The processes that serve a database."""
    name = url.rpartition("/")[2]
    return [pid for (pid,) in server.ask(f"SELECT pid FROM pg_stat_activity WHERE datname = '{name}'")]  # type: ignore[misc]


@contextmanager
def taken(url: str, connections: int) -> Iterator[None]:
    """Every connection of a server that has so many in the hands of others."""
    with ExitStack() as others:
        first = others.enter_context(psycopg.connect(url, autocommit=True))
        held = 1
        while held < connections:
            # The platform connects again as fast as it can; each round leaves it fewer.
            first.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tacit'")
            with suppress(psycopg.OperationalError):
                others.enter_context(psycopg.connect(url))
                held += 1
        yield


@contextmanager
def read_only(server: PostgresServer) -> Iterator[None]:
    """A server that can be read alone."""
    server.ask("ALTER SYSTEM SET default_transaction_read_only = on")
    server.ask("SELECT pg_reload_conf()")
    try:
        yield
    finally:
        server.ask("ALTER SYSTEM RESET default_transaction_read_only")
        server.ask("SELECT pg_reload_conf()")
