"""Somebody else's server as a process beside ours: started, found ready, started again if it ends, stopped by its id.

If we are killed, it is left behind: what watches is to tell that what it watched is gone.  The next start keeps it, so
that it also tells that what it watched is back; one that was to be run otherwise since is ended first.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx2
import structlog

from tacit.adapters.processes import is_gone, name_of
from tacit.errors import Unavailable

END_SECONDS = 8.0
"""How long a server has to write down what it holds, before it is killed."""
READY_SECONDS = 30.0
LONG_LIFE_SECONDS = 60.0
"""A server that lived so long may be started again at once; one that keeps ending, later and later."""
MOST_PAUSE_SECONDS = 60.0
MOST_LOG_BYTES = 10_000_000
_TURN_SECONDS = 0.25

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class ServerPlan:
    """A server to be kept.

    Attributes:
        name: What it is called, also in the names of its files.
        command: What is run.
        address: Where it answers.
        folder: Where its log and the note of its process lie.
        ready_path: Where it says that it is ready.
    """

    name: str
    command: Sequence[str]
    address: str
    folder: Path
    ready_path: str = "/-/ready"

    @property
    def log_file(self) -> Path:
        """What it says."""
        return self.folder / f"{self.name}.log"

    @property
    def process_file(self) -> Path:
        """What its process is, for whoever comes after us."""
        return _process_file(self.folder, self.name)


@dataclass(frozen=True)
class Running:
    """A server that runs, as whoever started it noted.

    Attributes:
        process: The name of its process.
        command: What was run.
        address: Where it answers.
    """

    process: str
    command: tuple[str, ...]
    address: str

    @property
    def pid(self) -> int:
        return int(self.process.split("/")[1])

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])


def left_behind(folder: Path, name: str) -> Running | None:
    """The server that an earlier start of ours left behind, if it still runs."""
    try:
        noted = json.loads(_process_file(folder, name).read_text("utf-8"))
        found = Running(noted["process"], tuple(noted["command"]), noted["address"])
        return found if name_of(found.pid) == found.process and not is_gone(found.process) else None
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return None


class KeptServer:
    """One of them; not for several threads at once.

    Args:
        plan: What is run.
        clock: Seconds, never going back.
    """

    def __init__(self, plan: ServerPlan, clock: Callable[[], float] = time.monotonic) -> None:
        self.plan = plan
        self._clock = clock
        self._child: subprocess.Popen[bytes] | None = None
        self._running: Running | None = None
        self._began = 0.0
        self._starts_at = 0.0
        self._short_lives = 0
        self.restarts = 0

    @property
    def pid(self) -> int | None:
        """Its process; `None` while there is none."""
        return None if self._running is None else self._running.pid

    def start(self) -> None:
        """Start it, or go on with the one that was left behind, which reads its files again.

        Raises:
            Unavailable: `monitoring_unstarted`.
        """
        left = left_behind(self.plan.folder, self.plan.name)
        self._began = self._clock()
        if left is not None and left.command == tuple(self.plan.command):
            log.info("monitoring_server_taken_over", server=self.plan.name, pid=left.pid)
            self._running = left
            self.signal(signal.SIGHUP)
            return
        if left is not None:
            _end(left)
        self._child = self._started()
        self._running = Running(name_of(self._child.pid), tuple(self.plan.command), self.plan.address)
        with suppress(OSError):  # a full disk: it is watched all the same, and only nobody after us knows it
            self.plan.process_file.write_text(json.dumps(asdict(self._running)), "utf-8")

    def _started(self) -> subprocess.Popen[bytes]:
        try:
            with self.plan.log_file.open("ab") as file:
                # A group of its own: Ctrl-C is for us, who end it when nothing is left to be watched.
                return subprocess.Popen(
                    self.plan.command,
                    cwd=self.plan.folder,
                    stdin=subprocess.DEVNULL,
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    process_group=0,
                )
        except OSError as problem:
            raise _unstarted(self.plan, problem.strerror or str(problem)) from problem

    def is_ready(self) -> bool:
        """Whether it says so."""
        try:
            answer = httpx2.get(self.plan.address + self.plan.ready_path, timeout=1.0, trust_env=False)
        except httpx2.HTTPError:
            return False
        return answer.status_code == httpx2.codes.OK

    def await_ready(self, until: float) -> None:
        """Wait until it is ready.

        Args:
            until: The moment, by the clock, from which it is not waited for.

        Raises:
            Unavailable: `monitoring_unstarted`, with what it said last.
        """
        while not self.is_ready():
            if self._has_ended():
                raise _unstarted(self.plan, f"it ended at once; {_last_words(self.plan.log_file)}")
            if self._clock() > until:
                raise _unstarted(self.plan, f"it is not ready; {_last_words(self.plan.log_file)}")
            time.sleep(0.05)

    def look_after(self) -> None:
        """Start it again if it has ended, and keep its log from growing for ever."""
        now = self._clock()
        _bound(self.plan.log_file)
        if self._running is None:
            if now >= self._starts_at:
                self._start_again()
            return
        if not self._has_ended():
            return
        self._running = self._child = None
        self._short_lives = 0 if now - self._began > LONG_LIFE_SECONDS else self._short_lives + 1
        pause = min(MOST_PAUSE_SECONDS, 0.25 * 2.0**self._short_lives)
        self._starts_at = now + pause
        log.warning("monitoring_server_ended", server=self.plan.name, pause_seconds=pause)

    def signal(self, number: signal.Signals) -> None:
        """Signal it, if it runs: SIGHUP has both of ours read their files again."""
        if self._running is not None and not self._has_ended():
            with suppress(ProcessLookupError):
                os.kill(self._running.pid, number)

    def stop(self) -> None:
        """End it, and wait until it has."""
        running, self._running = self._running, None
        if running is not None:
            _end(running, self._child)
        self._child = None
        self.plan.process_file.unlink(missing_ok=True)

    def _has_ended(self) -> bool:
        if self._child is not None:
            return self._child.poll() is not None
        return self._running is None or is_gone(self._running.process)

    def _start_again(self) -> None:
        try:
            self.start()
        except Unavailable as problem:
            self._starts_at = self._clock() + MOST_PAUSE_SECONDS
            log.warning("monitoring_server_unstarted", server=self.plan.name, detail=problem.detail)
            return
        self.restarts += 1
        log.info("monitoring_server_restarted", server=self.plan.name, pid=self.pid)


class KeptServers:
    """Several of them, looked after by a thread from `start` to `stop`; also as a context manager.

    Args:
        plans: What is run, in this order.
    """

    def __init__(self, plans: Sequence[ServerPlan]) -> None:
        self.servers = tuple(KeptServer(plan) for plan in plans)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="monitoring-servers", daemon=True)

    def start(self) -> None:
        """Start all of them; returns once each is ready.

        Raises:
            Unavailable: `monitoring_unstarted`; none of them is left running.
        """
        until = time.monotonic() + READY_SECONDS
        try:
            for server in self.servers:
                server.start()
            for server in self.servers:
                server.await_ready(until)
        except BaseException:
            self._stop_all()
            raise
        self._thread.start()

    def stop(self) -> None:
        """End all of them."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        self._stop_all()

    def __enter__(self) -> KeptServers:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _keep(self) -> None:
        while not self._over.wait(_TURN_SECONDS):
            for server in self.servers:
                server.look_after()

    def _stop_all(self) -> None:
        for server in self.servers:
            server.signal(signal.SIGTERM)
        for server in self.servers:
            server.stop()


def _process_file(folder: Path, name: str) -> Path:
    return folder / f"{name}.process"


def _end(running: Running, child: subprocess.Popen[bytes] | None = None) -> None:
    """End a process, ours or not: it is told to, and killed if it does not."""
    for number, seconds in ((signal.SIGTERM, END_SECONDS), (signal.SIGKILL, 2.0)):
        if is_gone(running.process):
            break
        with suppress(ProcessLookupError):
            os.kill(running.pid, number)
        until = time.monotonic() + seconds
        while not is_gone(running.process) and time.monotonic() < until:
            time.sleep(0.02)
    if child is not None:
        child.wait()


def _bound(path: Path) -> None:
    """Put a log aside that has grown too long; what writes it goes on, at the beginning of the same file."""
    with suppress(OSError):
        if path.stat().st_size > MOST_LOG_BYTES:
            shutil.copyfile(path, path.with_suffix(".log.1"))
            os.truncate(path, 0)


def _last_words(path: Path) -> str:
    with suppress(OSError):
        lines = path.read_text("utf-8", "replace").splitlines()
        if lines:
            return f"it said last: {ascii(lines[-1])[1:-1][-300:]}"
    return "it said nothing"


def _unstarted(plan: ServerPlan, problem: str) -> Unavailable:
    return Unavailable(
        "monitoring_unstarted", f"{plan.name} could not be started: {problem}.", fix=f"See {plan.log_file}."
    )
