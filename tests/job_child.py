"""What a job does in the tests of runners, in its own process: whatever its `dataset` says."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tacit.adapters.job_child import Progress, work
from tacit.errors import BadInput, Unavailable
from tacit.jobs.job import Order

FOLDER = Path(os.environ["JOB_FOLDER"])


def done(progress: Progress) -> None:
    progress("counting", 0.5)


def away(_: Progress) -> None:
    if is_first():
        raise Unavailable("database_unavailable", "The database is away.", fix="Wait.")


def wrong(_: Progress) -> None:
    raise BadInput("dataset_unknown", "There is no such dataset.", field="dataset", fix="Name another.")


def crash(_: Progress) -> None:
    if is_first():
        raise RuntimeError("nobody expected this")


def killed(_: Progress) -> None:
    if is_first():
        os.kill(os.getpid(), signal.SIGKILL)


def sleep(progress: Progress) -> None:
    progress("sleeping", 0.25)
    (FOLDER / "pid").write_text(str(os.getpid()))
    if is_first():
        time.sleep(300)


def stubborn(progress: Progress) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sleep(progress)


def hungry(_: Progress) -> None:
    held = []
    for _ in range(100):
        held.append(bytearray(os.urandom(1 << 20)) * 10)
        time.sleep(0.05)


def polite(_: Progress) -> None:
    print(f"niceness {os.nice(0)} policy {os.sched_getscheduler(0)} oom {Path('/proc/self/oom_score_adj').read_text()}")


DOES: Mapping[str, Callable[[Progress], None]] = {
    each.__name__: each for each in (done, away, wrong, crash, killed, sleep, stubborn, hungry, polite)
}


def is_first() -> bool:
    """Whether this try is the first of its job; each leaves a mark."""
    mark = FOLDER / "tried"
    is_new = not mark.exists()
    mark.touch()
    return is_new


def perform(order: Order, progress: Progress) -> Mapping[str, object]:
    behaviour = str(order.parameters.get("dataset", "done"))
    print(f"this is {behaviour}, of {order.actor}", flush=True)
    DOES[behaviour](progress)
    return {"version": "recommender/1", "metrics": {"ndcg@10": 0.5, "nothing": float("nan")}}


if __name__ == "__main__":
    sys.exit(work(perform))
