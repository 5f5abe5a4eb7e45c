"""How often drift is seen where there is none, and how often it is seen where there is.

Two public logs in their own order of time: windows of 100, 500 and 5,000 events of their stable stretches (false
alarms), the same windows with shifts of known size injected (power), and the real surge of enrolments at the turn of
2016 to 2017.  Beside the scores stand the textbook tests at p < 0.05 and two dummies, one that always fires and one
that never does.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from benchmarks import _drift_sides, _folds
from benchmarks._drift_data import STREAMS
from benchmarks._harness import Benchmark, Options, Outcome, run, say

GOAL = 0.01
STRONG = "0.5"
PARTS = ("alarms", "power", "surge")


def options(parser: argparse.ArgumentParser) -> None:
    """The arguments that only this benchmark has."""
    parser.add_argument("--windows", type=int, default=200, help="stable windows of each size")
    parser.add_argument("--shifted", type=int, default=12, help="windows that each shift is injected into")
    parser.add_argument("--only", choices=sorted(STREAMS), default=None, help="one log alone")
    parser.add_argument("--part", choices=PARTS, default=None, help="one part alone")


def measure(options: Options) -> Outcome:
    """Look at both logs."""
    folder = _folds.real_folder(options.data)
    found: dict[str, Any] = {} if folder is None else _measured(folder, options)
    rates = [row["any_feature_warns"] for each in found.values() for row in each.get("alarms", {}).values()]
    return Outcome(
        figure=max(rates, default=None),
        unit="stable windows at which any feature warns, the worst of all sizes and logs",
        goal=f"<= {GOAL}",
        checks=checks_of(found),
        peers={name: _peers(each) for name, each in found.items() if "alarms" in each},
        details=found,
    )


def checks_of(found: dict[str, Any]) -> dict[str, bool | None]:
    """What must hold; what was not looked at could not be told."""
    rows = {(name, size): row for name, each in found.items() for size, row in each.get("alarms", {}).items()}
    alarms = {
        f"{name}, n = {size}: false alarms <= {GOAL}": row["any_feature_warns"] <= GOAL
        for (name, size), row in rows.items()
    }
    strong = {
        f"{name}, n = {size}: half the window's {kind} is seen at least 9 times in 10": row[STRONG]["warns"] >= 0.9
        for name, each in found.items()
        for size, kinds in each.get("power", {}).items()
        for kind, row in kinds.items()
        if int(size) >= 500 and kind in ("any item at all", "items never seen")
    }
    surges = [each["surge"] for each in found.values() if "surge" in each]
    seen = {"the surge at the turn of 2016 is seen": surges[0]["surge_of_2017"] is not None} if surges else {}
    return {**alarms, **strong, **seen}


def _peers(each: dict[str, Any]) -> dict[str, object]:
    return {
        size: {name: row[name] for name in ("textbook_p_below_0.05", "dummy_always", "dummy_never")}
        for size, row in each["alarms"].items()
    }


def _measured(folder: Path, options: Options) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, load in STREAMS.items():
        if options.only in (None, name):
            say(name)
            found[name] = _parts(name, load(folder), options)
    return found


def _parts(name: str, stream: Any, options: Options) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if options.part in (None, "alarms"):
        found["alarms"] = _drift_sides.false_alarms(stream, windows=options.windows)
    if options.part in (None, "power"):
        found["power"] = _drift_sides.power(stream, windows=options.shifted)
    if options.part in (None, "surge") and name == "coco-courses":
        found["surge"] = _drift_sides.surge(stream)
    return found


BENCHMARK = Benchmark("drift", (__doc__ or "").splitlines()[0], measure, options, pairs=1)


def main(arguments: list[str] | None = None) -> int:
    """Measure and print."""
    return run(BENCHMARK, arguments)


if __name__ == "__main__":
    sys.exit(main())
