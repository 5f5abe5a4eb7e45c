"""What diversity costs and gains: NDCG@10 beside how unlike the items of a list are, at several strengths.

The pool is the best hundred items for each user, as it is when ten are asked for; lists are chosen from it by the code
that serves.  How unlike two items are is one less the cosine of their factors, the mean over all pairs of a list (the
intra-list distance).  Users are those of the published test part, at most so many, drawn at random.
"""

from __future__ import annotations

import argparse
import sys
from itertools import pairwise
from typing import Any

from benchmarks import _ours
from benchmarks._harness import Benchmark, Options, Outcome, run, say
from benchmarks._worker import run_side
from benchmarks.quality import found_splits

STRENGTHS = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
USUAL = 0.3
"""The strength that the how-to names as a beginning."""
MOST_LOST = 0.1
LEAST_GAINED = 0.1
_DEFAULT = ("gowalla", "ml-1m-ultragcn")


def options(parser: argparse.ArgumentParser) -> None:
    """The arguments that only this benchmark has."""
    parser.add_argument("--factors", type=int, default=64, help="k")
    parser.add_argument("--iterations", type=int, default=8, help="of the training")
    parser.add_argument("--users", type=int, default=2_000, help="whose lists are made, at most")


def measure(options: Options) -> Outcome:
    """Train once on each split, and choose each user's list at every strength."""
    recipe = {"factors": options.factors, "iterations": options.iterations, "users": options.users}
    found: dict[str, dict[str, Any]] = {}
    splits = found_splits(options.data)
    for split in [each for each in splits if each.name in _DEFAULT] or splits:
        say(split.name)
        arguments = {"split": str(split.resolve()), "recipe": recipe, "strengths": STRENGTHS, "seed": 7}
        found[split.name] = run_side(
            "benchmarks._diversity_sides:compare", {**arguments, "threads": options.threads}, threads=options.threads
        ).result
    kept = [_at(told, USUAL)["ndcg_kept"] for told in found.values()]
    gained = [_at(told, USUAL)["distance_gained"] for told in found.values()]
    return Outcome(
        figure=min(kept),
        unit=f"of NDCG@10 kept at a diversity of {USUAL:g}, on the data set where least is",
        goal=f">= {1 - MOST_LOST:g}, with lists at least {LEAST_GAINED:.0%} more diverse",
        checks={
            f"at {USUAL:g} at most {MOST_LOST:.0%} of NDCG@10 is lost": min(kept) >= 1 - MOST_LOST,
            f"at {USUAL:g} lists are at least {LEAST_GAINED:.0%} more diverse": min(gained) >= LEAST_GAINED,
            "more strength, more diversity": all(_is_rising(told) for told in found.values()),
        },
        details={"engine": _ours.engine_name(), "threads": options.threads, "splits": found},
    )


def _at(told: dict[str, Any], strength: float) -> dict[str, float]:
    point: dict[str, float] = next(each for each in told["points"] if each["diversity"] == strength)
    return point


def _is_rising(told: dict[str, Any]) -> bool:
    distances = [point["distance"] for point in told["points"]]
    return all(after > before for before, after in pairwise(distances))


BENCHMARK = Benchmark("diversity", (__doc__ or "").splitlines()[0], measure, options)


def main(arguments: list[str] | None = None) -> int:
    """Measure and print."""
    return run(BENCHMARK, arguments)


if __name__ == "__main__":
    sys.exit(main())
