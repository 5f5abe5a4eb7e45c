"""Runners of jobs as they are deployed, each in real processes of its own, over one book on real files."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path

import pytest

from tacit.errors import Refused
from tacit.jobs.book import JobBook
from tacit.jobs.interfaces import JobRunner
from tacit.jobs.job import Job, State
from tests.job_benches import ROOT, opened
from tests.job_books import order
from tests.redis_server import redis_server
from tests.stages import wait_until


class Shop(ABC):
    """A book, and somebody in another process who runs what stands in it."""

    def __init__(self, home: Path, book: JobBook) -> None:
        self.home, self.book = home, book
        self.processes: list[subprocess.Popen[bytes]] = []

    @property
    @abstractmethod
    def commands(self) -> tuple[tuple[str, ...], ...]:
        """What is run."""

    @property
    @abstractmethod
    def runner(self) -> JobRunner:
        """Tells whoever runs jobs that one waits."""

    @property
    def environment(self) -> Mapping[str, str]:
        return {}

    def start(self) -> None:
        ours = {"JOB_HOME": str(self.home), "JOB_FOLDER": str(self.home), "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
        for command in self.commands:
            with (self.home / "shop.log").open("ab") as log:
                self.processes.append(
                    subprocess.Popen(
                        [sys.executable, *command],
                        env={**os.environ, **ours, **self.environment},
                        cwd=self.home,
                        stdout=log,
                        stderr=log,
                        start_new_session=True,
                    )
                )

    def end(self, number: signal.Signals = signal.SIGKILL) -> None:
        """End every process of it, and what they started, but for jobs: those have groups of their own."""
        for process in self.processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)
        for process in self.processes:
            process.wait(timeout=30)
        self.processes.clear()

    def ask(self, behaviour: str = "done") -> Job:
        """A job that does as it is told, run by whoever runs jobs."""
        (self.home / "tried").unlink(missing_ok=True)
        (self.home / "pid").unlink(missing_ok=True)
        job = self.book.ask(order(dataset=behaviour))
        self.runner.wake(job)
        return job

    def awaited(self, job: Job, state: State | None = None, seconds: float = 60.0) -> Job:
        """The job once it has ended, or stands so."""

        def is_there() -> bool:
            found = self.book.job(job.job_id)
            return not found.is_alive if state is None else found.state == state

        try:
            wait_until(is_there, seconds=seconds)
        except AssertionError as error:
            raise AssertionError(f"{self.book.job(job.job_id)}\n{(self.home / 'shop.log').read_text()}") from error
        return self.book.job(job.job_id)

    def child(self) -> int:
        """Number of the process in which the job sleeps, once it does."""
        path = self.home / "pid"
        wait_until(lambda: path.exists() and path.read_text(), seconds=60)
        return int(path.read_text())

    def clear(self) -> None:
        """Cancel what is left, for the next test."""
        for job in self.book.store.alive():
            with suppress(Refused):
                self.book.cancel(job.job_id, actor="test")
            self.awaited(job)


class ProcessShop(Shop):
    """A process like a server, which runs jobs by its side."""

    @property
    def commands(self) -> tuple[tuple[str, ...], ...]:
        return ((str(ROOT / "tests" / "job_server.py"),),)

    @property
    def runner(self) -> JobRunner:
        return Polled()


class Polled:
    """A `JobRunner` that leaves it to a server to look."""

    def wake(self, job: Job) -> None:
        del job


class CeleryShop(Shop):
    """A real broker, a real worker and a real beat."""

    def __init__(self, home: Path, book: JobBook, url: str) -> None:
        super().__init__(home, book)
        self.url = url

    @property
    def environment(self) -> Mapping[str, str]:
        return {"JOB_BROKER": self.url}

    @property
    def commands(self) -> tuple[tuple[str, ...], ...]:
        app = ("-m", "celery", "-A", "tests.job_celery", "-q")
        return (*app, "worker", "--concurrency=2", "--loglevel=warning", "--without-mingle", "--without-gossip"), (
            *app,
            "beat",
            "--loglevel=warning",
        )

    @cached_property
    def runner(self) -> JobRunner:
        from tacit.adapters.celery_runner import CeleryRunner, celery_over

        return CeleryRunner(celery_over(self.url, namespace="tests"))


@contextmanager
def shop(kind: str, home: Path) -> Iterator[Shop]:
    """A shop with its doors open; the test is skipped, saying so, where a server it needs is absent."""
    with opened(home) as book:
        if kind == "process":
            yield from _open(ProcessShop(home, book))
            return
        pytest.importorskip("celery")
        if shutil.which("redis-server") is None:
            pytest.skip("redis-server is not installed here")
        with redis_server(home) as server:
            yield from _open(CeleryShop(home, book, server.url))


def _open(made: Shop) -> Iterator[Shop]:
    made.start()
    try:
        yield made
    finally:
        made.end()
