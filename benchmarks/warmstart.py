"""How much sooner training on a snapshot that is a tenth newer is as good, started from the factors there are.

The line is 99.5 % of the validation NDCG@10 of what a cold start with the shipped rule keeps; what all of it takes is
told beside it.  Compared are CPU seconds from weights in memory until a side first stands on the line: of the cold
start itself, and of one that starts from the item factors learnt from the older snapshot.  Users have no start of
their own: their factors follow from those of the items in the first half step, and those of a version know its
hold-out, which training may not.  After the iterations that a warm start ships with, its lists are tested against the
cold start's, user by user, on the published test part.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import _ours
from benchmarks._harness import Benchmark, Options, Outcome, middle, ratio_of, run, say
from benchmarks._worker import run_side
from benchmarks.quality import found_splits
from tacit.settings import Als

GOAL = 2.0
LINE = 0.995
"""Which part of what the cold start keeps counts as reached, as in `training`: iterations waver by as much."""
_DEFAULT = ("gowalla", "amazon-cds")


def options(parser: argparse.ArgumentParser) -> None:
    """The arguments that only this benchmark has."""
    shipped = Als()
    parser.add_argument("--factors", type=int, default=None, help="k; else what the rule chooses")
    parser.add_argument("--iterations", type=int, default=shipped.iterations, help="of a cold start, at most")
    parser.add_argument("--warm-iterations", type=int, default=shipped.warm_iterations, help="of a warm start")
    parser.add_argument("--judged", type=int, default=10_000, help="users of the validation fold, at most")


def measure(options: Options) -> Outcome:
    """Learn the older snapshot, then the newer one in both ways, on each split and seed."""
    splits = [each for each in found_splits(options.data) if options.data is not None or each.name in _DEFAULT]
    found = {split.name: [_pair(split, options, seed=1 + pair) for pair in range(options.pairs)] for split in splits}
    every = [pair for pairs in found.values() for pair in pairs]
    cold, warm = ([pair[side]["cpu_to_line"] for pair in every] for side in ("cold", "warm"))
    reached = all(seconds is not None for seconds in warm)
    figure = ratio_of(warm, cold) if reached else None
    return Outcome(
        figure=figure,
        unit="times fewer CPU seconds to 99.5 % of the cold start's validation NDCG@10, on a snapshot a tenth newer",
        goal=f">= {GOAL:g}; test NDCG@10 of the shipped warm start not below the cold start's",
        checks={
            "the warm start reaches the line on every seed": reached,
            f"CPU seconds to the line: {GOAL:g} times fewer": (figure or 0) >= GOAL,
            "test NDCG@10 not below the cold start's on any seed (two standard errors)": all(
                pair["test_difference"]["mean"] >= -2 * pair["test_difference"]["standard_error"] for pair in every
            ),
        },
        details={
            "engine": _ours.engine_name(),
            "threads": options.threads,
            "cpu_ratio_by_split": {name: _ratios(pairs) for name, pairs in found.items()},
            "seeds": found,
        },
    )


def _ratios(pairs: list[dict[str, Any]]) -> dict[str, float | None]:
    """Medians over the seeds of the cold start's CPU seconds over the warm start's.

    The whole training of a cold start is one until the shipped rule stops it; that of a warm one, what it ships with.
    """
    return {
        "to_the_line": _middle_of(pairs, "cpu_to_line"),
        "to_all_of_it": _middle_of(pairs, "cpu_to_all"),
        "whole_training": _middle_of(pairs, "cpu_all"),
    }


def _middle_of(pairs: list[dict[str, Any]], name: str) -> float | None:
    """The median of a figure's ratio, cold over warm; none where a side never came that far."""
    told = [(pair["cold"][name], pair["warm"][name]) for pair in pairs]
    if any(None in each for each in told):
        return None
    return middle([cold / max(warm, 1e-9) for cold, warm in told])


def _pair(split: Path, options: Options, *, seed: int) -> dict[str, Any]:
    """One seed: what is newer is drawn anew."""
    recipe = {"factors": options.factors, "iterations": options.iterations, "judged": options.judged}
    with tempfile.TemporaryDirectory(prefix="tacit-warmstart-") as folder:
        shared = {"split": str(split.resolve()), "folder": folder, "recipe": recipe, "threads": options.threads}
        say(f"{split.name}, seed {seed}: the older snapshot")
        old = run_side("benchmarks._warmstart_sides:older", {**shared, "seed": seed}, threads=options.threads)
        sides = {"cold": 0, "warm": options.warm_iterations}
        order = list(sides) if seed % 2 else list(reversed(sides))
        told = {}
        for side in order:
            say(f"{split.name}, seed {seed}: the newer one, {side}")
            arguments = {**shared, "warm_iterations": sides[side]}
            told[side] = run_side("benchmarks._warmstart_sides:newer", arguments, threads=options.threads).result
    gained = np.array(told["warm"].pop("test_users")) - np.array(told["cold"].pop("test_users"))
    whole = told["cold"]["validation"]
    line = LINE * whole
    difference = {"mean": float(gained.mean()), "standard_error": float(gained.std(ddof=1) / len(gained) ** 0.5)}
    return {
        "seed": seed,
        "load": os.getloadavg()[0],
        "older": old.result,
        "line": line,
        **{side: {**_told(each, line), "cpu_to_all": _told(each, whole)["cpu_to_line"]} for side, each in told.items()},
        "test_difference": difference,
    }


def _told(side: Mapping[str, Any], line: float) -> dict[str, Any]:
    """What one side did: until it stood on the line, until what it kept, and in all."""
    points = side["points"]
    crossing = next((place for place, point in enumerate(points) if point["validation"] >= line), None)
    return {
        "crossing": None if crossing is None else crossing + 1,
        "cpu_to_line": None if crossing is None else points[crossing]["cpu"],
        "wall_to_line": None if crossing is None else points[crossing]["wall"],
        "cpu_kept": points[side["iteration"] - 1]["cpu"],
        "cpu_all": points[-1]["cpu"],
        "curve": [point["validation"] for point in points],
        **{name: side[name] for name in ("validation", "iteration", "test", "factors", "shape", "nnz")},
    }


BENCHMARK = Benchmark("warmstart", (__doc__ or "").splitlines()[0], measure, options, pairs=3)


def main(arguments: list[str] | None = None) -> int:
    """Measure and print."""
    return run(BENCHMARK, arguments)


if __name__ == "__main__":
    sys.exit(main())
