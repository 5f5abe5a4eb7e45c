"""Running a job in a process of its own: started, watched, limited, ended, and its end written into the book."""

from __future__ import annotations

import io
import json
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from threading import Event
from typing import Any

import structlog

from tacit.adapters.processes import own_name, resident_bytes
from tacit.errors import Unavailable
from tacit.jobs.book import JobBook
from tacit.jobs.job import Job, Problem
from tacit.jobs.retries import Ending

log = structlog.get_logger(__name__)

_TICK_SECONDS = 0.1
_END_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""How long it is tried to write an end while the store is away; after that the job counts as lost."""


@dataclass(frozen=True)
class HostRules:
    """How a job is held.

    Attributes:
        niceness: How far it steps back behind others, from 0 to 19; with 19, it gets only time that nobody else wants.
        memory_bytes: What it may hold; one that takes more is ended.  `None` for as much as there is.
        look_seconds: How often it is looked whether somebody wants it to end.
        beat_seconds: How often it is written down that it goes on.
        grace_seconds: How long it may take to end when it is told to; then it is killed.
    """

    niceness: int = 15
    memory_bytes: int | None = None
    look_seconds: float = 0.5
    beat_seconds: float = 5.0
    grace_seconds: float = 5.0


class JobHost:
    """Runs jobs, each in a process that it starts by one command.

    Args:
        book: Where jobs are claimed and ended.
        command: Starts a process that does the job on its stdin (`adapters/job_child.py`).
        environment: That process's variables, asked for at each start.
        rules: How it is held.
    """

    def __init__(
        self,
        book: JobBook,
        command: Sequence[str],
        *,
        environment: Callable[[], Mapping[str, str]],
        rules: HostRules | None = None,
    ) -> None:
        self._book = book
        self._command = command
        self._environment = environment
        self._rules = rules or HostRules()

    def run(self, job_id: str, *, stop: Event | None = None) -> Job | None:
        """Begin a job, and return when the try is over.

        Args:
            job_id: Which.
            stop: Set to end the try; the job waits again then.

        Returns:
            The job as the try left it; `None` if it was not ours to begin, or no longer ours at the end.
        """
        job = self._book.claim(job_id, own_name())
        if job is None:
            return None
        self._say(job, f"try {job.tries} of {self._book.retries.tries} at most, by {own_name()}")
        try:
            ending = self._tried(job, stop)
        except BaseException:
            self._ended(job, Ending(is_interrupted=True))
            raise
        return None if ending is None else self._ended(job, ending)

    def _tried(self, job: Job, stop: Event | None) -> Ending | None:
        try:
            child = _Child(job, self._command, self._environment(), rules=self._rules)
        except OSError as error:
            problem = Problem("job_unstartable", f"Its process cannot be started: {error.strerror}.")
            return Ending(problem=problem, is_systems_fault=True)
        try:
            watch = _Watch(self._book, job, child, rules=self._rules, stop=stop)
            while child.is_running():
                for text in child.said(_TICK_SECONDS):
                    self._book.logs.append(job.job_id, text)
                watch.look()
            for text in child.said(0.0):
                self._book.logs.append(job.job_id, text)
            return watch.ending()
        finally:
            child.close()

    def _ended(self, job: Job, ending: Ending) -> Job | None:
        problem = ending.problem
        self._say(job, "over" if problem is None else f"over: {problem.code}: {problem.detail}")
        for pause in _END_PAUSES:
            try:
                return self._book.end(job, ending)
            except Unavailable as error:
                log.warning("job_end_delayed", job_id=job.job_id, code=error.code)
                time.sleep(pause)
        log.error("job_end_lost", job_id=job.job_id)
        return None

    def _say(self, job: Job, text: str) -> None:
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self._book.logs.append(job.job_id, f"{at} {text}\n".encode())


class _Watch:
    """Looks at a try while it goes on: whether it is to end, takes too much, or is still ours."""

    def __init__(self, book: JobBook, job: Job, child: _Child, *, rules: HostRules, stop: Event | None) -> None:
        self._book, self._job, self._child = book, job, child
        self._rules, self._stop = rules, stop
        self._reason = ""
        self._looked = self._beaten = time.monotonic()
        self._kill_at = float("inf")

    def look(self) -> None:
        now = time.monotonic()
        if now >= self._kill_at:
            self._child.signal(signal.SIGKILL)
        if not self._reason:
            self._reason = self._found(now)
            if self._reason:
                is_urgent = self._reason in ("memory", "lost")
                self._child.signal(signal.SIGKILL if is_urgent else signal.SIGTERM)
                self._kill_at = now + self._rules.grace_seconds

    def ending(self) -> Ending | None:
        """How it ended; `None` if it was not ours any more."""
        report = self._child.report
        if self._reason == "lost":
            return None
        if "outcome" in report:
            return Ending(outcome=dict(report["outcome"]))
        if self._reason == "memory":
            return Ending(problem=_too_large(self._rules.memory_bytes or 0))
        if self._reason:
            return Ending(is_cancelled=self._reason == "cancelled", is_interrupted=self._reason == "stopped")
        if "code" in report:
            problem = Problem(report["code"], report["detail"], report["fix"])
            return Ending(problem=problem, is_systems_fault=bool(report["is_systems_fault"]))
        return Ending(problem=_died(self._child.code), is_systems_fault=True)

    def _found(self, now: float) -> str:
        """Why it must end; empty while it need not."""
        limit = self._rules.memory_bytes
        if limit is not None and resident_bytes(self._child.pid) > limit:
            return "memory"
        if self._stop is not None and self._stop.is_set():
            return "stopped"
        try:
            return self._asked(now)
        except Unavailable as error:
            log.warning("job_unwatched", job_id=self._job.job_id, code=error.code)
            return ""

    def _asked(self, now: float) -> str:
        if now - self._looked < self._rules.look_seconds:
            return ""
        self._looked = now
        if now - self._beaten < self._rules.beat_seconds:
            job = self._book.current(self._job)
        else:
            self._beaten = now
            job = self._book.beat(self._job, self._child.step, self._child.share)
        if job is None:
            return "lost"
        return "cancelled" if job.cancelled_by is not None else ""


class _Child:
    """A job's process and its two pipes: what it says, and what it reports."""

    def __init__(self, job: Job, command: Sequence[str], environment: Mapping[str, str], *, rules: HostRules) -> None:
        self.report: dict[str, Any] = {}
        self.step, self.share = "", 0.0
        self._half_line = b""
        self._closing = ExitStack()
        said_from, said_to = os.pipe()
        report_from, report_to = os.pipe()
        for end in (said_from, report_from):
            self._closing.callback(os.close, end)
            os.set_blocking(end, False)
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=said_to,
                stderr=said_to,
                pass_fds=(report_to,),
                env=dict(environment),
                # Of its own, so that Ctrl-C at our terminal is ours alone; but of our session, within which alone
                # the kernel weighs niceness where it groups processes by session.
                process_group=0,
            )
        except OSError:
            self._closing.close()
            raise
        finally:
            os.close(said_to)
            os.close(report_to)
        self._pipes = self._closing.enter_context(selectors.DefaultSelector())
        self._pipes.register(said_from, selectors.EVENT_READ)
        self._pipes.register(report_from, selectors.EVENT_READ, data="report")
        self._hand_over(job, rules, report_to)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def code(self) -> int:
        return self._process.returncode

    def is_running(self) -> bool:
        return self._process.poll() is None

    def said(self, seconds: float) -> Sequence[bytes]:
        """What it said, as soon as it says something and within so many seconds; reports are taken in."""
        found = []
        for key, _ in self._pipes.select(seconds):
            text = _all_of(key.fd)
            if not text:
                self._pipes.unregister(key.fd)
            elif key.data == "report":
                self._take_in(text)
            else:
                found.append(text)
        return found

    def signal(self, number: signal.Signals) -> None:
        """To it and whatever it started."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def close(self) -> None:
        if self._process.poll() is None:
            self.signal(signal.SIGKILL)
            self._process.wait()
        self._closing.close()

    def _hand_over(self, job: Job, rules: HostRules, report_to: int) -> None:
        order = job.order
        told = {"kind": order.kind, "parameters": dict(order.parameters), "why": order.why, "actor": order.actor}
        about = {**told, "niceness": rules.niceness, "parent": os.getpid(), "report": report_to}
        # Where it is dead already, its exit code says so.
        with suppress(OSError), self._process.stdin or io.BytesIO() as pipe:
            pipe.write(json.dumps(about).encode())

    def _take_in(self, text: bytes) -> None:
        *lines, self._half_line = (self._half_line + text).split(b"\n")
        for line in lines:
            said = json.loads(line)
            if "step" in said:
                self.step, self.share = str(said["step"]), float(said["share"])
            else:
                self.report = said


def _all_of(pipe: int) -> bytes:
    """All that is in a pipe now; empty once nobody writes to it any more."""
    found = bytearray()
    with suppress(BlockingIOError):
        while chunk := os.read(pipe, 1 << 16):
            found += chunk
    return bytes(found)


def _died(code: int) -> Problem:
    if code < 0:
        name = signal.Signals(-code).name if -code in {each.value for each in signal.Signals} else f"signal {-code}"
        fix = "If the machine ran out of memory, limit it (retraining.memory_limit_mib)." if code == -9 else None
        return Problem("job_killed", f"Its process was ended from outside, by {name}.", fix)
    return Problem("job_crashed", f"Its process ended with code {code} and said nothing.", "See its log.")


def _too_large(limit: int) -> Problem:
    detail = f"It took more memory than it may ({limit // 2**20} MiB)."
    return Problem("memory_limit", detail, "Raise retraining.memory_limit_mib, or train fewer factors.")
