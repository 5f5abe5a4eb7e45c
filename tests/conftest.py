"""What every suite shares: where the real data sets are, and databases with their tables."""

from __future__ import annotations

import gc
import os
import shutil
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import settings

from tacit.adapters.sql.engine import Database, open_database
from tacit.bootstrap import App, browsing
from tacit.entrypoints.api import request_log
from tacit.serving.rehearsals import Rehearsals
from tacit.settings.moods import Tiers
from tests import fault_table
from tests.postgres_server import _kept_database, postgres_database, postgres_databases

# For the workers, and every process that a test starts: threads of BLAS that wait for work spin, which takes from the
# tests beside one what it does not give to that one.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# How long an example may take is nothing that a property says: a machine may be busy with anything.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

__all__ = ["_kept_database", "postgres_database", "postgres_databases", "shared_data"]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets; a test that needs it is skipped, saying so, where it is absent."""
    folder = Path(os.environ.get("TACIT_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data sets at {folder}; set TACIT_TEST_DATA to the folder that holds them")
    return folder


@pytest.fixture(scope="session", autouse=True)
def no_list_is_rehearsed() -> Iterator[None]:
    """Whose lists a lower tier gives on purpose depends on the day: no test meets it unless it asks for it."""
    usual = browsing.rehearsals_of

    def rehearsals_of(app: App) -> Rehearsals | None:
        return None if app.settings.tiers == Tiers() else usual(app)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TACIT_TIERS__REHEARSAL_SHARE", "0")
        # The module, not the function that the package knows by the same name.
        patch.setattr(import_module("tacit.bootstrap.serving"), "rehearsals_of", rehearsals_of)
        yield


@pytest.fixture(autouse=True)
def log_as_before() -> Iterator[None]:
    """Undo what a command run within this process said about the log: the next test's is another.

    Nobody's goes to stdout, which a command's answer is read from while servers of other tests speak.
    """
    before = structlog.get_config()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    yield
    structlog.configure(**before)
    request_log.write_to(None)


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with its tables, made once; to be copied."""
    path = tmp_path_factory.mktemp("empty") / "tacit.db"
    open_database(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def sqlite_database(empty_file: Path, tmp_path: Path) -> Iterator[Database]:
    """A SQLite database of the test's own."""
    shutil.copy(empty_file, tmp_path)
    database = open_database(f"sqlite:///{tmp_path}/tacit.db")
    yield database
    database.close()


FIRST = ("acceptance", "integration", "architecture", "tools", "contract")
"""Folders by how long one of their files may keep a worker: the small ones come last, and fill the gaps."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The journeys first: begun last, the longest of them would keep one worker long after the others are done."""

    def turn(item: pytest.Item) -> tuple[int, bool]:
        folder = item.path.parent.name
        return FIRST.index(folder) if folder in FIRST else len(FIRST), "test_docs_commands" not in item.path.name

    items.sort(key=turn)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """By file, as `--dist loadfile` is, but for the guards: one worker reads and parses the files for all of them."""
    if config.option.dist != "loadfile":
        return None
    from tests.shared_out import ByFile

    return ByFile(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Side by side only where the whole suite runs: a few tests are sooner done without, and `-s` needs that."""
    is_whole = config.args == config.getini("testpaths") and config.option.capture != "no"
    # A third beside two: tests that wait, for a server to start or for a moment to pass, leave a quarter of the time.
    return 3 * len(os.sched_getaffinity(0)) // 2 if is_whole else 0


def pytest_collection_finish() -> None:
    """What thousands of tests are made of stays to the end: the collector need not look through it again and again."""
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print what faults were tried, and what was found."""
    table = fault_table.lines()
    if table:
        terminalreporter.section("faults")
        for line in table:
            terminalreporter.write_line(line)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand what a worker found to whoever runs the workers."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["faults"] = sorted(fault_table.ROWS)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take what a worker found."""
    fault_table.take(getattr(node, "workeroutput", {}).get("faults", ()))
