"""Several processes over one home and one port, wired: who starts them, and what is known of how they stand."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from subprocess import Popen
from typing import TYPE_CHECKING, Any, Protocol

from tacit.bootstrap.serving import SERVING_LOCK, serving_process
from tacit.errors import Misconfigured
from tacit.monitoring import metrics as catalogue
from tacit.monitoring.interfaces import MetricSink
from tacit.monitoring.watch_metrics import WATCH_METRICS
from tacit.settings import Settings, SettingsInForce, load_settings

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from tacit.adapters.prometheus import PrometheusSink
    from tacit.adapters.spare_process import SpareProcess
    from tacit.adapters.standing_by import Copy
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
    """What keeps workers alive, what all of them measure, and where it measures what it does itself."""

    supervisor: Supervisor
    registry: CollectorRegistry
    sink: MetricSink


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

    start = _start(in_force, plan, listener=listener, lock=lock)
    sink = PrometheusSink((catalogue.WORKERS, catalogue.WORKER_RESTARTS, *WATCH_METRICS))
    file = in_force.settings.home.resolve() / WORKERS_FILE
    supervisor = Supervisor(
        _spawn(start),
        _rules(in_force, request_seconds),
        on_serving=on_serving,
        on_change=lambda rows, spares: _note(rows, file, sink, spares=spares),
        spawn_spare=_spawn_spare(in_force, start),
        on_ending=listener.close,
    )

    try:
        yield Supervised(supervisor, _exported(supervisor, sink), sink)
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
            os.close(descriptor)  # the spare one has it, in case a copy of it is to take events
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


def standing_by(descriptor: int, modules: Iterable[str], *, listener: int) -> Copy | None:
    """Stand by, so much code loaded; in each copy of this process, what it is told, and in the end `None`."""
    from tacit.adapters.standing_by import stand_by

    os.set_inheritable(descriptor, False)
    asked_for = _asked_for(load_settings().settings)
    return stand_by(socket.socket(fileno=descriptor), [*modules, *asked_for], _load, listener=listener)


def _asked_for(settings: Settings) -> list[str]:
    """What else the settings ask for, of the code that not every server needs."""
    database, cache = settings.database_url, settings.cache.redis_url
    asked = {
        "psycopg": database is not None and database.get_secret_value().startswith("postgres"),
        "tacit.adapters.redis_cache": cache is not None,
        "tacit.adapters.redis_limits": (settings.limits.redis_url or cache) is not None,
        "tacit.adapters.otlp_spans": settings.tracing.endpoint is not None,
        "tacit.adapters.model_signing": settings.signer == "model-signing",
        "tacit.adapters.celery_runner": settings.retraining.runner == "celery",
    }
    return [name for name, is_asked in asked.items() if is_asked]


def _load(name: str) -> None:
    with suppress(ImportError):  # what is not installed here is not needed either
        import_module(name)


def worker_line(descriptor: int, on_alone: Callable[[], None]) -> WorkerLine:
    """A worker's line to the supervisor that started it."""
    from tacit.adapters.worker_line import WorkerLine

    os.set_inheritable(descriptor, False)
    return WorkerLine(socket.socket(fileno=descriptor), on_alone)


class _Starter(Protocol):
    def __call__(self, number: int | None, *, is_first: bool = False) -> tuple[Popen[bytes], socket.socket]:
        """Start the process of a number, or the spare one."""


def _start(
    in_force: SettingsInForce, plan: Mapping[str, object], *, listener: socket.socket, lock: int | None
) -> _Starter:
    from tacit.adapters.worker_process import started
    from tacit.bootstrap.jobs import told_environment

    environment = told_environment(in_force)

    def start(number: int | None, *, is_first: bool = False) -> tuple[Popen[bytes], socket.socket]:
        told = {**plan, "number": number, "is_first": is_first}
        # A reader has no use for the lock, and would keep others from the home for longer than is right.
        return started(told, environment, listener=listener, lock=None if number else lock)

    return start


def _spawn(start: _Starter) -> Callable[[int, float], WorkerProcess]:
    from tacit.adapters.worker_process import WorkerProcess

    has_begun = False

    def spawn(number: int, now: float) -> WorkerProcess:
        nonlocal has_begun
        # Only the very first has something to say on stdout: why it could not begin.
        is_first = number == 0 and not has_begun
        has_begun = has_begun or is_first
        return WorkerProcess(*start(number, is_first=is_first), now=now)

    return spawn


def _spawn_spare(in_force: SettingsInForce, start: _Starter) -> Callable[[float], SpareProcess] | None:
    from tacit.adapters.spare_process import SpareProcess, can_copy

    if not (in_force.settings.workers.spare and can_copy()):
        return None
    return lambda now: SpareProcess(*start(None), now=now)


def _rules(in_force: SettingsInForce, request_seconds: float) -> SupervisorRules:
    from tacit.adapters.worker_places import SupervisorRules
    from tacit.serving.restarts import RestartRules

    settings = in_force.settings
    chosen = settings.workers
    return SupervisorRules(
        count=chosen.count,
        restarts=RestartRules(chosen.restarts, chosen.restart_window_seconds),
        hung_seconds=chosen.hung_seconds,
        start_seconds=chosen.start_seconds,
        end_seconds=chosen.leaves_within(settings.host) + request_seconds + _SURPLUS_SECONDS,
    )


def _note(rows: Sequence[Mapping[str, object]], file: Path, sink: PrometheusSink, *, spares: Sequence[int]) -> None:
    """Write down how the workers stand, for whoever looks from another process, and measure it."""
    for state in catalogue.WORKERS.labels["state"]:
        sink.set(catalogue.WORKERS, sum(row["state"] == state for row in rows), state=state)
    restarts = sum(int(str(row["restarts"])) for row in rows)
    sink.increment(catalogue.WORKER_RESTARTS, restarts - sink.value(catalogue.WORKER_RESTARTS))
    noted = {"supervisor": os.getpid(), "at": int(time.time()), "spares": spares, "workers": rows}
    beside = file.with_suffix(".new")
    with suppress(OSError):  # a full disk: what was written last stays, and the workers go on
        beside.write_text(json.dumps(noted), "utf-8")
        beside.replace(file)


def _no_lock() -> Misconfigured:
    detail = "This worker was not handed the lock of its home."
    return Misconfigured("lock_missing", detail, fix="Start it with `tacit serve --workers`, not by itself.")
