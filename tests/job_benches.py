"""Books of jobs on real files, and whoever runs them there: light enough for a process that is started by the dozen."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tacit.adapters.job_host import HostRules, JobHost
from tacit.adapters.job_logs import FolderJobLogs
from tacit.adapters.processes import is_gone
from tacit.adapters.sql.audit import SqlAuditTrail
from tacit.adapters.sql.engine import Database, open_database
from tacit.adapters.sql.jobs import SqlJobStore
from tacit.jobs.book import JobBook
from tacit.jobs.interfaces import JobRunner
from tacit.jobs.keeper import JobKeeper
from tacit.jobs.retries import RetryRules
from tacit.jobs.schedule import ScheduleRules
from tacit.security.audit import AuditRecorder

ROOT = Path(__file__).parents[1]
RULES = HostRules(10, 200 * 2**20, look_seconds=0.1, beat_seconds=0.5, grace_seconds=0.5)
KEEP_SECONDS = 0.4


def book_over(database: Database, home: Path) -> JobBook:
    return JobBook(
        SqlJobStore(database),
        FolderJobLogs(home / "jobs"),
        AuditRecorder(SqlAuditTrail(database)),
        lambda: int(time.time() * 1_000),
        RetryRules(tries=2, first_seconds=0.2, jitter=0.0),
        transaction=database.transaction,
        lost_seconds=30,
    )


@contextmanager
def opened(home: Path) -> Iterator[JobBook]:
    database = open_database(f"sqlite:///{home}/tacit.db")
    try:
        yield book_over(database, home)
    finally:
        database.close()


def host_of(book: JobBook) -> JobHost:
    command = (sys.executable, str(ROOT / "tests" / "job_child.py"))
    return JobHost(book, command, environment=lambda: dict(os.environ), rules=RULES)


def keeper_of(book: JobBook, runner: JobRunner) -> JobKeeper:
    return JobKeeper(book, runner, ScheduleRules(), lambda: None, is_gone)
