"""Several processes over one home and one port, wired: who starts them, and what is known of how they stand."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tacit.bootstrap.serving import SERVING_LOCK, serving_process
from tacit.errors import Misconfigured
from tacit.monitoring import metrics as catalogue
from tacit.settings import SettingsInForce

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from tacit.adapters.prometheus import PrometheusSink
    from tacit.adapters.supervisor import Supervisor
    from tacit.adapters.worker_line import WorkerLine
    from tacit.adapters.worker_places import SupervisorRules
    from tacit.adapters.worker_process import WorkerProcess

    Line = WorkerLine

WORKERS_FILE = "workers.json"
_SURPLUS_SECONDS = 4.5
"""How much longer than requests may take the whole of a worker's end may, before it is killed."""


@dataclass(frozen=True)
class Supervised:
    """What keeps workers alive, and what all of them measure."""

    supervisor: Supervisor
    registry: CollectorRegistry


@contextmanager
def supervised(
    in_force: SettingsInForce,
    plan: Mapping[str, object],
    *,
    listener: socket.socket,
    lock: int | None,
    request_seconds: float,
    on_serving: Callable[[Mapping[str, Any]], None],
) -> Iterator[Supervised]:
    """Wire a supervisor; nothing is started before it runs.

    Args:
        in_force: What each worker goes by, whatever a settings file says later.
        plan: What each is told on its command line.
        listener: What all of them listen on.
        lock: The lock on the home, for the one who takes events to keep.
        request_seconds: How long requests may take to end.
        on_serving: Told what is served, once everybody serves.
    """
    from tacit.adapters.prometheus import PrometheusSink
    from tacit.adapters.supervisor import Supervisor

    sink = PrometheusSink((catalogue.WORKERS, catalogue.WORKER_RESTARTS))
    file = in_force.settings.home.resolve() / WORKERS_FILE
    supervisor = Supervisor(
        _spawn(in_force, plan, listener=listener, lock=lock),
        _rules(in_force, request_seconds),
        on_serving=on_serving,
        on_change=lambda rows, has_spare: _note(rows, file, sink, has_spare=has_spare),
        on_ending=listener.close,
    )

    try:
        yield Supervised(supervisor, _exported(supervisor, sink))
    finally:
        listener.close()
        file.unlink(missing_ok=True)


def workers_standing(in_force: SettingsInForce) -> list[dict[str, Any]] | None:
    """How the workers that serve from this home stand, as their supervisor has it; `None` where there is none."""
    home = in_force.settings.home.resolve()
    try:
        noted = json.loads((home / WORKERS_FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    holder = serving_process(in_force)
    if holder is None or holder.get("pid") != noted.get("supervisor"):
        return None  # left behind by one that was killed
    rows: list[dict[str, Any]] = noted["workers"]
    return rows


def _exported(supervisor: Supervisor, sink: PrometheusSink) -> CollectorRegistry:
    """What all workers and their supervisor measure."""
    from tacit.adapters.prometheus_families import families_of, registry_of
    from tacit.monitoring.adding_up import Family, Part, added_up

    def measured() -> list[Family]:
        return added_up([Part("supervisor", is_taker=True, families=families_of(sink.registry)), *supervisor.parts()])

    return registry_of(measured)


@contextmanager
def kept_lock(in_force: SettingsInForce, descriptor: int | None) -> Iterator[None]:
    """Keep the lock that a supervisor handed over, for as long as this is entered.

    Raises:
        Misconfigured: `lock_missing` if this is no such lock: then somebody else may take events here.
    """
    if in_force.settings.serving.role == "reader":
        if descriptor is not None:
            os.close(descriptor)  # a spare one has it, in case it is to take events
        yield
        return
    if descriptor is None:
        raise _no_lock()
    os.set_inheritable(descriptor, False)
    try:
        is_it = os.path.samestat(os.fstat(descriptor), (in_force.settings.home.resolve() / SERVING_LOCK).stat())
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as problem:
        raise _no_lock() from problem
    if not is_it:
        raise _no_lock()
    try:
        yield
    finally:
        os.close(descriptor)


def worker_line(descriptor: int, on_alone: Callable[[], None]) -> WorkerLine:
    """A worker's line to the supervisor that started it."""
    from tacit.adapters.worker_line import WorkerLine

    os.set_inheritable(descriptor, False)
    return WorkerLine(socket.socket(fileno=descriptor), on_alone)


def _spawn(
    in_force: SettingsInForce, plan: Mapping[str, object], *, listener: socket.socket, lock: int | None
) -> Callable[[int | None, float], WorkerProcess]:
    from tacit.adapters.worker_process import WorkerProcess
    from tacit.bootstrap.jobs import told_environment

    environment = told_environment(in_force)
    has_begun = False

    def spawn(number: int | None, now: float) -> WorkerProcess:
        nonlocal has_begun
        is_taker = number == 0
        # Only the very first has something to say on stdout: why it could not begin.
        told = {**plan, "number": number, "is_first": is_taker and not has_begun}
        has_begun = has_begun or is_taker
        # A reader has no use for the lock, and would keep others from the home for longer than is right.
        return WorkerProcess(told, environment, now=now, listener=listener, lock=None if number else lock)

    return spawn


def _rules(in_force: SettingsInForce, request_seconds: float) -> SupervisorRules:
    from tacit.adapters.worker_places import SupervisorRules
    from tacit.serving.restarts import RestartRules

    settings = in_force.settings
    chosen = settings.workers
    return SupervisorRules(
        count=chosen.count,
        restarts=RestartRules(chosen.restarts, chosen.restart_window_seconds),
        hung_seconds=chosen.hung_seconds,
        has_spare=chosen.spare,
        end_seconds=chosen.leaves_within(settings.host) + request_seconds + _SURPLUS_SECONDS,
    )


def _note(rows: Sequence[Mapping[str, object]], file: Path, sink: PrometheusSink, *, has_spare: bool) -> None:
    """Write down how the workers stand, for whoever looks from another process, and measure it."""
    for state in catalogue.WORKERS.labels["state"]:
        sink.set(catalogue.WORKERS, sum(row["state"] == state for row in rows), state=state)
    restarts = sum(int(str(row["restarts"])) for row in rows)
    sink.increment(catalogue.WORKER_RESTARTS, restarts - sink.value(catalogue.WORKER_RESTARTS))
    noted = {"supervisor": os.getpid(), "at": int(time.time()), "has_spare": has_spare, "workers": rows}
    beside = file.with_suffix(".new")
    with suppress(OSError):  # a full disk: what was written last stays, and the workers go on
        beside.write_text(json.dumps(noted), "utf-8")
        beside.replace(file)


def _no_lock() -> Misconfigured:
    detail = "This worker was not handed the lock of its home."
    return Misconfigured("lock_missing", detail, fix="Start it with `tacit serve --workers`, not by itself.")
