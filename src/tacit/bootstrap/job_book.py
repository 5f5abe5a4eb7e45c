"""The book of jobs, over the database that everything else is kept in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tacit.bootstrap.repeating import now_ms
from tacit.settings import Settings

if TYPE_CHECKING:
    from tacit.adapters.sql.engine import Database
    from tacit.jobs.book import JobBook
    from tacit.security.audit import AuditTrail


def job_book(settings: Settings, home: Path, *, audit: AuditTrail, database: Database) -> JobBook:
    """The book of an installation's jobs."""
    from tacit.adapters.job_logs import FolderJobLogs
    from tacit.adapters.sql.jobs import SqlJobStore
    from tacit.jobs.book import JobBook
    from tacit.jobs.retries import RetryRules
    from tacit.security.audit import AuditRecorder

    return JobBook(
        SqlJobStore(database),
        FolderJobLogs(home / "jobs"),
        AuditRecorder(audit),
        now_ms,
        RetryRules(settings.retraining.tries, settings.retraining.retry_seconds),
        transaction=database.transaction,
    )
