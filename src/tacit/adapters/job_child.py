"""Inside a job's own process: step back behind everybody else, do the work, report over a pipe."""

from __future__ import annotations

import ctypes
import json
import math
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn, cast

import structlog

from tacit.errors import TacitError, Unavailable
from tacit.jobs.job import Kind, Order, Why

log = structlog.get_logger(__name__)

Progress = Callable[[str, float], None]
Perform = Callable[[Order, Progress], Mapping[str, object]]
"""Does what an order asks, and returns what it brought."""

_REPORT_SECONDS = 0.25
_PR_SET_PDEATHSIG = 1
_MOST_NICE = 19


def work(perform: Perform) -> int:
    """Do the one job that stands on stdin; how it went goes to the pipe that it names.

    Returns:
        The process's exit code.
    """
    told = json.loads(sys.stdin.buffer.read())
    step_back(int(told["niceness"]), parent=int(told["parent"]))
    signal.signal(signal.SIGTERM, _leave)
    order = Order(cast("Kind", told["kind"]), told["parameters"], cast("Why", told["why"]), told["actor"])
    with os.fdopen(int(told["report"]), "w", encoding="ascii") as pipe:
        return _reported(perform, order, Report(pipe.write, pipe.flush))


def step_back(niceness: int, *, parent: int) -> None:
    """Let everybody else go first, be the first to go when memory ends, and end when the parent ends."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(1)  # it died before we asked to be told
    with suppress(OSError):
        os.nice(niceness)
    if niceness >= _MOST_NICE:
        # Only time that nobody else wants; where the kernel has no such class, being nice must do.
        with suppress(OSError, AttributeError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("800", "ascii")


class Report:
    """What a job tells whoever runs it: one JSON object a line."""

    def __init__(self, write: Callable[[str], object], flush: Callable[[], object]) -> None:
        self._write, self._flush = write, flush
        self._told_at, self._step = -math.inf, ""

    def progress(self, step: str, share: float) -> None:
        """How far it is; told several times a second at most."""
        now = time.monotonic()
        if step != self._step:
            log.info("job_step_begun", step=step)
        if step != self._step or now - self._told_at >= _REPORT_SECONDS:
            self._told_at, self._step = now, step
            self._say({"step": step, "share": share})

    def done(self, outcome: Mapping[str, object]) -> None:
        self._say({"outcome": plain(outcome)})

    def failed(self, code: str, detail: str, fix: str | None = None, *, is_systems_fault: bool) -> None:
        self._say({"code": code, "detail": detail, "fix": fix, "is_systems_fault": is_systems_fault})

    def _say(self, what: Mapping[str, object]) -> None:
        self._write(json.dumps(what) + "\n")
        self._flush()


def plain(value: object) -> object:
    """What JSON can say; a number that is none becomes null."""
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)


def _reported(perform: Perform, order: Order, report: Report) -> int:
    try:
        report.done(perform(order, report.progress))
    except TacitError as error:
        report.failed(error.code, error.detail, error.fix, is_systems_fault=isinstance(error, Unavailable))
        return 1
    except MemoryError:
        report.failed("memory_exhausted", "There was not enough memory.", is_systems_fault=True)
        return 1
    return 0


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)
