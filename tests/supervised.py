"""A supervisor over workers that load nothing, on a real port, with real signals: a second's work, not a minute's."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen
from typing import Any

import httpx2

from tacit.adapters.spare_process import SpareProcess
from tacit.adapters.supervisor import Supervisor
from tacit.adapters.worker_places import SupervisorRules
from tacit.adapters.worker_process import WorkerProcess, started
from tacit.entrypoints.api.listening import listen_on
from tacit.monitoring.adding_up import added_up
from tests.stages import wait_until

CHILD = Path(__file__).parent / "faults" / "worker_child.py"


@dataclass
class Crew:
    """Workers, and what their supervisor tells."""

    folder: Path
    port: int
    supervisor: Supervisor
    rows: Sequence[Mapping[str, Any]] = ()
    spares: Sequence[int] = ()
    served: list[Mapping[str, Any]] = field(default_factory=list)
    code: int | None = None

    def ask(self, path: str = "/") -> dict[str, int]:
        found: dict[str, int] = httpx2.get(f"http://127.0.0.1:{self.port}{path}", timeout=5).json()
        return found

    def states(self) -> list[str]:
        return [each["state"] for each in self.rows]

    def pid(self, number: int) -> int:
        return int(self.rows[number]["pid"])

    def signal(self, number: int, which: signal.Signals) -> int:
        pid = self.pid(number)
        os.kill(pid, which)
        return pid

    def until_replaced(self, number: int, pid: int) -> float:
        """Seconds until somebody else serves in a place."""
        return wait_until(
            lambda: self.rows[number]["pid"] not in (None, pid) and self.rows[number]["state"] == "serving"
        )

    def counted(self, name: str = "answers_total") -> float:
        families = added_up(self.supervisor.parts())
        return sum(each.value for family in families for each in family.samples if each.name == name)


@contextmanager
def crew(folder: Path, count: int = 2, *, has_spare: bool = False, **rules: Any) -> Iterator[Crew]:
    """So many workers, all of which serve; ended with the block, unless they were before."""
    listener = listen_on("127.0.0.1", 0, is_open=False)
    command = (sys.executable, str(CHILD), str(folder))

    def start(number: int | None) -> tuple[Popen[bytes], socket.socket]:
        return started({"number": number}, os.environ, listener=listener, command=command)

    made: Crew

    def note(rows: Sequence[Mapping[str, Any]], spares: Sequence[int]) -> None:
        made.rows, made.spares = rows, spares

    def served(facts: Mapping[str, Any]) -> None:
        made.served.append(facts)

    supervisor = Supervisor(
        lambda number, now: WorkerProcess(*start(number), now=now),
        SupervisorRules(count, **{"end_seconds": 5.0, **rules}),
        on_serving=served,
        on_change=note,
        spawn_spare=(lambda now: SpareProcess(*start(None), now=now)) if has_spare else None,
        on_ending=listener.close,
    )
    made = Crew(folder, listener.getsockname()[1], supervisor)
    thread = threading.Thread(target=lambda: setattr(made, "code", supervisor.run()))
    thread.start()
    try:
        yield made
    finally:
        supervisor.end()
        thread.join(10)
        listener.close()


def ready(made: Crew) -> None:
    """Wait until all of them serve."""
    wait_until(lambda: bool(made.served) and set(made.states()) == {"serving"}, seconds=20)


def ended(made: Crew) -> float:
    """Tell them to end; seconds until they have."""
    began = time.monotonic()
    made.supervisor.end()
    wait_until(lambda: made.code is not None, seconds=20)
    return time.monotonic() - began
