"""One side of a comparison in a process of its own: `python -m benchmarks._worker FOLDER`.

The folder holds `task.json`: the function, `module:name`, and its arguments. It is called with a `Meter` and those, and
what it returns is written to `result.json`, together with the meter's reading.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks._machine import ROOT, blas_kernels
from benchmarks._meter import Meter

_LAST_WORDS = 2_000


@dataclass(frozen=True)
class Reading:
    """What one side's process measured.

    Attributes:
        result: What its function returned.
        wall: Seconds on its meter.
        cpu: CPU seconds on its meter.
        held_bytes: Memory before the meter started.
        peak_bytes: Peak memory while it ran.
        blas: The BLAS kernels in that process, with their threads.
    """

    result: Any
    wall: float
    cpu: float
    held_bytes: int
    peak_bytes: int
    blas: tuple[str, ...] = ()


class SideFailed(Exception):
    """A side's process did not come to its end; the last it said is the message."""


def run_side(function: str, arguments: Mapping[str, Any], *, threads: int) -> Reading:
    """Run one side in a fresh process and wait for it.

    Both sides of a comparison get the same settings: as many OpenMP threads as asked for, one BLAS thread inside each
    (as implicit asks for; two pools fight over the cores), and threads that wait do so without burning CPU time.

    Raises:
        SideFailed: If it ended badly.
    """
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "OMP_WAIT_POLICY": "passive",
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]),
    }
    with tempfile.TemporaryDirectory(prefix="tacit-side-") as folder:
        place = Path(folder)
        (place / "task.json").write_text(json.dumps({"function": function, "arguments": dict(arguments)}), "utf-8")
        command = [sys.executable, "-W", "ignore", "-m", "benchmarks._worker", folder]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode or not (place / "result.json").exists():
            raise SideFailed(f"{function} ended with {done.returncode}: {done.stderr[-_LAST_WORDS:].strip()}")
        said = json.loads((place / "result.json").read_text("utf-8"))
    return Reading(**{**said, "blas": tuple(said["blas"])})


def main(arguments: list[str]) -> int:
    """Do the task of a folder."""
    place = Path(arguments[0])
    task = json.loads((place / "task.json").read_text("utf-8"))
    module, _, name = task["function"].partition(":")
    function: Callable[..., Any] = getattr(importlib.import_module(module), name)
    meter = Meter()
    result = function(meter, **task["arguments"])
    said = {"result": result, **meter.reading(), "blas": blas_kernels()}
    (place / "result.json").write_text(json.dumps(said), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
