"""Jobs run by this very process's side: one at a time, each in a process of its own."""

from __future__ import annotations

import threading

import structlog

from tacit.adapters.job_host import JobHost
from tacit.errors import TacitError
from tacit.jobs.book import JobBook
from tacit.jobs.job import Job

log = structlog.get_logger(__name__)

_FAREWELL_SECONDS = 20.0


class ProcessRunner:
    """A `JobRunner` that begins what waits while it is open; a job that runs when it closes waits again.

    Args:
        book: Where it finds what waits, whoever asked for it.
        host: Runs them.
        poll_seconds: How often it looks, unless it is woken.
    """

    def __init__(self, book: JobBook, host: JobHost, *, poll_seconds: float = 1.0) -> None:
        self._book, self._host = book, host
        self._poll_seconds = poll_seconds
        self._woken, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="job-runner", daemon=True)

    def wake(self, job: Job) -> None:
        del job  # it will be found in the book
        self._woken.set()

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def close(self) -> None:
        """End the job that runs, if one does, and look no more."""
        self._stop.set()
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join(timeout=_FAREWELL_SECONDS)

    def _run(self) -> None:
        while not self._stop.is_set():
            if not self._ran_one():
                self._woken.wait(self._poll_seconds)
                self._woken.clear()

    def _ran_one(self) -> bool:
        """Whether a job was begun, so that the next may wait already."""
        try:
            waiting = self._book.waiting()
            return bool(waiting) and self._host.run(waiting[0].job_id, stop=self._stop) is not None
        except TacitError as problem:
            log.warning("jobs_unrun", code=problem.code, detail=problem.detail)
        except Exception:
            # Ended by one failure, this thread would leave everything waiting for good.
            log.exception("jobs_unrun")
        return False
