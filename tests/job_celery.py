"""What a real worker and a real beat of Celery run in the tests of runners."""

from __future__ import annotations

import os
from pathlib import Path

from tacit.adapters.celery_runner import CeleryRunner, add_tasks, celery_over
from tests.job_benches import KEEP_SECONDS, host_of, keeper_of, opened

HOME = Path(os.environ["JOB_HOME"])

app = celery_over(os.environ["JOB_BROKER"], namespace="tests", keep_seconds=KEEP_SECONDS)


def run(job_id: str) -> None:
    with opened(HOME) as book:
        host_of(book).run(job_id)


def keep() -> None:
    with opened(HOME) as book:
        keeper_of(book, CeleryRunner(app)).tick()


add_tasks(app, run=run, keep=keep)
