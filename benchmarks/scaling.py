"""How time and memory of our training grow with pairs, factors, users, items and threads.

Each point is a fresh process; the seconds are those of one iteration, preparation left out. The headline is the
exponent of CPU seconds in the pairs, at a fixed number of users and items: 1 is linear, and since what each user and
item costs by itself does not grow with the pairs it should be less.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from benchmarks import _ours
from benchmarks._folds import Folds
from benchmarks._harness import Benchmark, Options, Outcome, middle, run, say
from benchmarks._synthetic import cached
from benchmarks._trainers import Recipe
from benchmarks._worker import run_side

SHARES = (0.25, 0.5, 1.0)
FACTORS = (32, 64, 128, 256)


@dataclass(frozen=True)
class Point:
    """One training to be timed.

    Attributes:
        along: What varies: `nnz`, `users`, `items`, `factors`, `threads`.
        share: Which part of it is left of the data, where it is a part of the data.
        recipe: What is trained.
    """

    along: str
    share: float
    recipe: Recipe


def options(parser: argparse.ArgumentParser) -> None:
    """The arguments that only this benchmark has."""
    parser.add_argument("--factors", type=int, default=128, help="k, where it does not vary")


def measure(options: Options) -> Outcome:
    """Time every point, and fit a line through the logarithms."""
    place = cached(options.scale, seed=1, folder=options.folder)
    alpha, share = _ours.rule(Folds.load(place).density)
    recipe = Recipe(options.factors, 1, alpha / 4, share / 4, seed=1, threads=options.threads)
    rows = [_timed(str(place), point, options.pairs) for point in _points(recipe)]
    exponents = {along: _exponent(rows, along) for along in ("nnz", "users", "items", "factors")}
    threads = {row["threads"]: row for row in rows if row["along"] == "threads"}
    speedup = threads[1]["wall"] / threads[options.threads]["wall"]
    return Outcome(
        figure=exponents["nnz"],
        unit="exponent of CPU seconds an iteration in the number of pairs",
        goal="<= 1.05",
        checks={
            "no worse than linear in the pairs": exponents["nnz"] <= 1.05,
            "the largest took longer than the smallest": _grew(rows),
        },
        floor={"what": "exponent of reading each pair once", "exponent": 1.0},
        details={
            "engine": _ours.engine_name(),
            "threads": options.threads,
            "exponents": exponents,
            "speedup_of_threads": speedup,
            "points": rows,
        },
    )


def _points(recipe: Recipe) -> Iterator[Point]:
    for along in ("nnz", "users", "items"):
        yield from (Point(along, share, recipe) for share in SHARES)
    yield from (Point("factors", 1.0, replace(recipe, factors=factors)) for factors in FACTORS)
    counts = sorted({1, recipe.threads, *(2**power for power in range(8) if 2**power < recipe.threads)})
    yield from (Point("threads", 1.0, replace(recipe, threads=threads)) for threads in counts)


def _timed(folder: str, point: Point, times: int) -> dict[str, Any]:
    """The medians of some runs of one point."""
    say(f"{point.along}: share {point.share:g}, k = {point.recipe.factors}, {point.recipe.threads} threads")
    arguments = {"folder": folder, "part": point.along, "share": point.share, "recipe": asdict(point.recipe)}
    readings = [
        run_side("benchmarks._scaling_sides:point", arguments, threads=point.recipe.threads) for _ in range(times)
    ]
    return {
        **readings[0].result,
        "along": point.along,
        "factors": point.recipe.factors,
        "threads": point.recipe.threads,
        "wall": middle([reading.result["wall"] for reading in readings]),
        "cpu": middle([reading.result["cpu"] for reading in readings]),
        "peak_gib": middle([reading.peak_bytes for reading in readings]) / 2**30,
        "held_gib": middle([reading.held_bytes for reading in readings]) / 2**30,
    }


def _exponent(rows: list[dict[str, Any]], along: str) -> float:
    """The slope of log CPU seconds against the logarithm of what varies."""
    some = [row for row in rows if row["along"] == along]
    sizes, seconds = (np.log([max(row[key], 1e-9) for row in some]) for key in (along, "cpu"))
    return float(np.polyfit(sizes, seconds, 1)[0])


def _grew(rows: list[dict[str, Any]]) -> bool:
    some = [row["cpu"] for row in rows if row["along"] == "nnz"]
    return bool(some[-1] > some[0])


BENCHMARK = Benchmark("scaling", (__doc__ or "").splitlines()[0], measure, options, pairs=3)


def main(arguments: list[str] | None = None) -> int:
    """Measure and print."""
    return run(BENCHMARK, arguments)


if __name__ == "__main__":
    sys.exit(main())
