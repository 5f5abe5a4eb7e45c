"""The machine a figure was measured on: what it is, how busy it was, and what it can do at best."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

ROOT = Path(__file__).parents[1]
THREAD_SETTINGS = ("OPENBLAS_CORETYPE", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "OMP_WAIT_POLICY", "TACIT_ISA")
_PATIENCE = 10.0
"""Seconds that a busy machine may take to give us twenty milliseconds of work."""
_INSTRUCTION_SETS = ("avx2", "avx512f", "avx512_vnni", "avx512_fp16", "amx_int8", "asimd", "sve")


def description() -> dict[str, object]:
    """Everything a reader needs in order to judge a figure, but for the load."""
    return {
        "cpu": _cpu_field("model name") or platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "instruction_sets": [name for name in _INSTRUCTION_SETS if name in _cpu_field("flags").split()],
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": platform.system(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": blas_kernels(),
        "environment": {name: os.environ[name] for name in THREAD_SETTINGS if name in os.environ},
        "commit": commit(),
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }


def _cpu_field(name: str) -> str:
    listed = Path("/proc/cpuinfo")
    lines = listed.read_text("utf-8").splitlines() if listed.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")


def blas_kernels() -> list[str]:
    """Each BLAS in this process, the kernel it detected and its threads; a wrong kernel costs a factor of two."""
    return [
        f"{pool['internal_api']} {pool.get('version')} {pool.get('architecture', '?')} x{pool['num_threads']}"
        for pool in threadpool_info()
        if pool["user_api"] == "blas"
    ]


def commit() -> str:
    """The commit of the tree, with a plus where it has been changed since; `unknown` outside a repository."""
    try:
        said = [_git("rev-parse", "--short=12", "HEAD"), _git("status", "--porcelain", "--untracked-files=no")]
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return said[0] + ("+" if said[1] else "")


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def load() -> list[float]:
    """The load averages of the last 1, 5 and 15 minutes."""
    return [round(each, 2) for each in os.getloadavg()]


def core_seconds(core: int | None) -> float | None:
    """For how many seconds a core was busy so far, or was kept from us by its host; `None` where nobody says.

    Interrupts are left out: they are of whatever they are for.
    """
    listed = Path("/proc/stat")
    lines = listed.read_text("utf-8").splitlines() if core is not None and listed.exists() else []
    for name, *ticks in map(str.split, lines):
        if name == f"cpu{core}":
            user, nice, system, _, _, _, _, stolen = map(int, ticks[:8])
            return (user + nice + system + stolen) / os.sysconf("SC_CLK_TCK")
    return None


def threads_here() -> int:
    """How many cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def floors(*, threads: int, scale: float = 1.0) -> dict[str, float]:
    """What this machine can do at best, on one thread and on `threads`.

    Args:
        threads: How many the second figures are for.
        scale: Below a tenth the arrays are small: the figures then are those of the caches, and soon had.

    Returns:
        `gb_per_s_1`, `gb_per_s_all`: reading memory, an array of a gigabyte; `gflop_per_s_1`,
        `gflop_per_s_all`: multiplying matrices in float32. Each is the best of three.
    """
    megabytes, size = (1_024, 2_048) if scale >= 0.1 else (32, 512)
    found = {}
    for name, count in (("1", 1), ("all", threads)):
        with threadpool_limits(count, user_api="blas"):
            found[f"gb_per_s_{name}"] = round(_bandwidth(megabytes), 1)
            found[f"gflop_per_s_{name}"] = round(_gflops(size), 1)
    return found


def bandwidth_of(megabytes: int) -> float:
    """GB/s at which one thread reads an array of this size again and again: from cache, if it fits into one."""
    with threadpool_limits(1, user_api="blas"):
        return _bandwidth(megabytes)


def _bandwidth(megabytes: int) -> float:
    """GB/s of a dot product of an array with itself: one read of each number, and nothing written."""
    array = np.ones(megabytes * 2**18, np.float32)
    return array.nbytes / 1e9 / best_of(lambda: np.dot(array, array))


def _gflops(size: int) -> float:
    left = np.ones((size, size), np.float32)
    return 2 * size**3 / 1e9 / best_of(lambda: left @ left)


def best_of(work: Callable[[], object], *, times: int = 3) -> float:
    """Seconds of the fastest of some runs, after one that is not counted."""
    work()
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def timer_is_sane() -> bool:
    """Whether the clocks tell work from waiting: a sleep takes wall time alone, a busy loop both."""
    wall, cpu = time.perf_counter(), time.process_time()
    time.sleep(0.05)
    slept, idle = time.perf_counter() - wall, time.process_time() - cpu
    wall, cpu = time.perf_counter(), time.process_time()
    while time.process_time() - cpu < 0.02 and time.perf_counter() - wall < _PATIENCE:
        pass
    busy, taken = time.process_time() - cpu, time.perf_counter() - wall
    return slept >= 0.05 and idle < 0.04 and 0.02 <= busy <= taken + 0.01
