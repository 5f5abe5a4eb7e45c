"""How long training takes to be as good as implicit's: seconds to 99.5 % of its best validation NDCG@10.

For each pair a data set is generated anew and both sides start with another seed. A first run of each, scored
after every iteration, tells where implicit's best of so many iterations lies on the validation fold, and which
iteration of either side first comes within half a per cent of it. That many iterations are then run as a user would,
weights in memory to factors in memory, each in a fresh process, the sides in turns; those are the seconds and the bytes
compared, and what comes out is scored again, on the test fold too.

Both sides were given settings by the same grid and the same iterations on other data of the same size, each its own
best: settings chosen on a smaller sample suit neither side.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import _machine, _ours, _peers
from benchmarks._folds import Folds
from benchmarks._harness import Benchmark, Options, Outcome, middle, ratio_of, run, say
from benchmarks._synthetic import cached
from benchmarks._trainers import MODULE_OF, TRAINERS, Recipe
from benchmarks._worker import Reading, SideFailed, run_side

LINE = 0.995
"""Which part of implicit's best counts as reached."""
ALPHAS, SHARES = (1.0, 0.5, 0.25), (0.5, 0.25, 0.125)
"""What the settings of the rule are multiplied by, for every side alike."""
TUNING_SEED = 0
_BUSY = 1.3
"""Load over cores above which somebody else was at work too: a side alone brings it to 1."""
SIDES = ("tacit", "implicit")
Trace = Mapping[str, Any]


def options(parser: argparse.ArgumentParser) -> None:
    """The arguments that only this benchmark has."""
    parser.add_argument("--factors", type=int, default=128, help="k")
    parser.add_argument("--iterations", type=int, default=15, help="implicit's best is its best of so many")
    parser.add_argument("--tuning-scale", type=float, help="of the data that settings are chosen on; else the scale")
    parser.add_argument("--tuning-iterations", type=int, default=5, help="of each of its trainings")
    parser.add_argument("--grid", type=int, default=len(ALPHAS), help="values tried of each of the two settings")
    parser.add_argument("--others", type=float, default=0.1, help="part of the scale at which every peer runs; 0: none")
    parser.add_argument("--skip", nargs="*", default=[], help="peers to leave out")


def measure(options: Options) -> Outcome:
    """Tune, trace, time."""
    absent = _peers.unavailable([name for name in _peers.PACKAGES if name in _modules()])
    sides = [name for name in SIDES if name not in absent]
    recipes, tuning = _tuned(options, sides)
    pairs = [_pair(options, recipes, seed=1 + pair) for pair in range(options.pairs)]
    others, failed = _others(options, recipes["tacit"], absent)
    figures = _figures(pairs) if "implicit" in sides else {}
    return Outcome(
        figure=figures.get("cpu_ratio"),
        unit="times fewer CPU seconds than implicit to 99.5 % of its best validation NDCG@10",
        goal=">= 10, memory <= 1.3 times implicit's, test NDCG@10 not below its on any seed",
        checks=_checks(figures, pairs) if figures else {"implicit takes part": False},
        floor=_floor(options, pairs[0]["shape"], pairs[0]["nnz"]),
        peers={**dict.fromkeys(absent), **dict.fromkeys(failed), **others, **_main_peer(pairs)},
        details={
            "engine": _ours.engine_name(),
            "threads": options.threads,
            **figures,
            "seeds": pairs,
            "tuning": tuning,
            "peers_missing": {**absent, **failed},
            "peers_scale": options.scale * options.others,
            "versions": _peers.versions(),
        },
    )


def _main_peer(pairs: list[dict[str, Any]]) -> dict[str, Any]:
    """The medians of implicit's own figures at the full scale."""
    told = [pair["implicit"] for pair in pairs if "implicit" in pair]
    names = ("crossing", "cpu", "wall", "peak_gib", "validation", "test")
    return (
        {"implicit_to_the_line": {name: middle([float(each[name] or 0) for each in told]) for name in names}}
        if told
        else {}
    )


def _modules() -> set[str]:
    return {MODULE_OF.get(name, name) for name in TRAINERS}


def _tuned(options: Options, sides: list[str]) -> tuple[dict[str, Recipe], dict[str, Any]]:
    """Each side's best recipe on the tuning data, carried over as factors of the rule; and what finding it took."""
    folder = cached(options.tuning_scale or options.scale, seed=TUNING_SEED, folder=options.folder)
    rule = _ours.rule(Folds.load(folder).density)
    tried = list(product(ALPHAS[: options.grid], SHARES[: options.grid]))
    found, told = {}, {}
    for side in sides:
        say(f"tuning {side}: {len(tried)} configurations")
        recipes = [
            asdict(replace(_recipe(options, rule, factors), iterations=options.tuning_iterations)) for factors in tried
        ]
        arguments = {"folder": str(folder), "trainer": side, "recipes": recipes}
        reading = run_side("benchmarks._training_sides:tune", arguments, threads=options.threads)
        scores = [each["validation"] for each in reading.result["tried"]]
        best = scores.index(max(scores))
        found[side] = tried[best]
        told[side] = {
            "configurations": len(tried),
            "iterations": options.tuning_iterations,
            "cpu_seconds": reading.cpu,
            "alpha_over_rule": tried[best][0],
            "share_over_rule": tried[best][1],
            # A best at the edge of the grid may have a better one outside it.
            "at_edge": any(
                value in (min(edge), max(edge))
                for value, edge in zip(tried[best], zip(*tried, strict=True), strict=True)
            ),
            "validation_ndcg@10": scores[best],
            "all": [[*factors, score] for factors, score in zip(tried, scores, strict=True)],
        }
    full = _ours.rule(Folds.load(cached(options.scale, seed=1, folder=options.folder)).density)
    return {side: _recipe(options, full, factors) for side, factors in found.items()}, told


def _recipe(options: Options, rule: tuple[float, float], factors: tuple[float, ...]) -> Recipe:
    alpha, share = (value * factor for value, factor in zip(rule, factors, strict=True))
    return Recipe(options.factors, options.iterations, alpha, share, seed=0, threads=options.threads)


def _pair(options: Options, recipes: Mapping[str, Recipe], *, seed: int) -> dict[str, Any]:
    """One seed: where the line is, when each side crosses it, and what crossing it takes."""
    folder = cached(options.scale, seed=seed, folder=options.folder)
    seeded = {side: replace(recipe, seed=seed) for side, recipe in recipes.items()}
    traces = {side: _run("trace", folder, side, recipe=recipe) for side, recipe in seeded.items()}
    line = LINE * traces.get("implicit", traces["tacit"]).result["best"]["validation"]
    crossings = {side: _crossing(trace.result["points"], line) for side, trace in traces.items()}
    # The sides take turns at going first: A B, B A, A B.
    order = list(seeded) if seed % 2 else list(reversed(seeded))
    runs = {
        side: _run(
            "timed", folder, side, recipe=replace(seeded[side], iterations=crossings[side] or options.iterations)
        )
        for side in order
    }
    train = Folds.load(folder).train
    told = {side: _told(traces[side].result, runs[side], crossings[side], line=line) for side in seeded}
    return {
        "seed": seed,
        "load": os.getloadavg()[0],
        "shape": list(train.shape),
        "nnz": int(train.nnz),
        "line": line,
        **told,
        "test_difference": _difference(runs),
    }


def _run(task: str, folder: Path, side: str, *, recipe: Recipe) -> Reading:
    say(f"{task} {side}: {recipe.iterations} iterations on {folder.name}")
    arguments = {"folder": str(folder), "trainer": side, "recipe": asdict(recipe)}
    return run_side(f"benchmarks._training_sides:{task}", arguments, threads=recipe.threads)


def _difference(runs: Mapping[str, Reading]) -> dict[str, float]:
    """How much more we score on the test fold than implicit, user by user, where either crossed the line."""
    if "implicit" not in runs:
        return {}
    ours, theirs = (np.array(runs[side].result["test_users"]) for side in SIDES)
    gained = ours - theirs
    return {"mean": float(gained.mean()), "standard_error": float(gained.std(ddof=1) / len(gained) ** 0.5)}


def _crossing(points: list[dict[str, float]], line: float) -> int | None:
    """The first iteration whose score is on the line or above it."""
    return next((int(point["iteration"]) for point in points if point["validation"] >= line), None)


def _told(trace: Trace, timed: Reading, crossing: int | None, *, line: float) -> dict[str, Any]:
    """What one side did on one seed."""
    points = trace["points"]
    return {
        "crossing": crossing,
        # The timed run starts as the traced one did, so it ends on the line again; threads may round differently.
        "reached": crossing is not None and timed.result["validation"] >= line * 0.999,
        "wall": timed.wall,
        "cpu": timed.cpu,
        "peak_gib": timed.peak_bytes / 2**30,
        "held_gib": timed.held_bytes / 2**30,
        "validation": timed.result["validation"],
        "test": timed.result["test"],
        "best": trace["best"],
        "per_iteration": {clock: _slope(points, clock) for clock in ("wall", "cpu")},
        "all_iterations": {clock: points[-1][clock] for clock in ("wall", "cpu")},
        "curve": [point["validation"] for point in points],
        "blas": list(timed.blas),
    }


def _slope(points: list[dict[str, float]], clock: str) -> float:
    """Seconds of an iteration, the first left out: it bears the preparation."""
    if len(points) < 2:
        return points[0][clock]
    return (points[-1][clock] - points[0][clock]) / (len(points) - 1)


def _figures(pairs: list[dict[str, Any]]) -> dict[str, float | None]:
    """The medians over the seeds of implicit's figure over ours; none where a side never reached the line."""
    ratios = {
        "cpu_ratio": lambda side: side["cpu"],
        "wall_ratio": lambda side: side["wall"],
        "cpu_ratio_to_all_iterations": lambda side: side["all_iterations"]["cpu"],
        "wall_ratio_to_all_iterations": lambda side: side["all_iterations"]["wall"],
        "iteration_cpu_ratio": lambda side: side["per_iteration"]["cpu"],
        "iteration_wall_ratio": lambda side: side["per_iteration"]["wall"],
    }
    whole = {name for name in ratios if name.endswith("all_iterations")}
    found: dict[str, float | None] = {}
    for name, of in ratios.items():
        mine = [pair["tacit"][name.split("_")[0]] if name in whole else of(pair["tacit"]) for pair in pairs]
        found[name] = ratio_of(mine, [of(pair["implicit"]) for pair in pairs])
    if not all(pair[side]["reached"] for pair in pairs for side in SIDES):
        found |= {"cpu_ratio": None, "wall_ratio": None}
    found["memory_ratio"] = middle([pair["tacit"]["peak_gib"] / pair["implicit"]["peak_gib"] for pair in pairs])
    return found


def _checks(figures: Mapping[str, float | None], pairs: list[dict[str, Any]]) -> dict[str, bool | None]:
    """What must hold; on a busy machine CPU seconds decide alone, and the wall ratio is not judged."""
    busy = any(pair["load"] > _BUSY * (os.cpu_count() or 1) for pair in pairs)
    return {
        "both sides reach the line on every seed": all(pair[side]["reached"] for pair in pairs for side in SIDES),
        "CPU seconds to the line: 10 times fewer": (figures["cpu_ratio"] or 0) >= 10,
        **({} if busy else {"wall seconds to the line: 10 times fewer": (figures["wall_ratio"] or 0) >= 10}),
        "memory: at most 1.3 times implicit's": (figures["memory_ratio"] or 9) <= 1.3,
        "best test NDCG@10 not below implicit's best on any seed": all(
            pair["tacit"]["best"]["test"] >= pair["implicit"]["best"]["test"] for pair in pairs
        ),
        "test NDCG@10 at the line not below implicit's at the line on any seed (two standard errors)": all(
            pair["test_difference"]["mean"] >= -2 * pair["test_difference"]["standard_error"] for pair in pairs
        ),
    }


def _others(options: Options, recipe: Recipe, absent: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Seconds of an iteration of every library on a part of the data, and why some have none."""
    if not options.others:
        return {}, {}
    folder = cached(options.scale * options.others, seed=1, folder=options.folder)
    found, failed = {}, {}
    for name in TRAINERS:
        if name in options.skip or MODULE_OF.get(name, name) in absent:
            continue
        say(f"an iteration of {name} on {folder.name}")
        few, many = (1, 2) if name == "pyspark" else (1, 4)
        arguments = {"folder": str(folder), "trainer": name, "recipe": asdict(recipe), "few": few, "many": many}
        try:
            reading = run_side("benchmarks._training_sides:per_iteration", arguments, threads=options.threads)
        except SideFailed as problem:
            failed[name] = str(problem)[-300:]
            continue
        spent = reading.result
        found[name] = {"cpu": spent["cpu"], "wall": spent["wall"], "peak_gib": reading.peak_bytes / 2**30}
    return found, failed


def _floor(options: Options, shape: list[int], nnz: int) -> dict[str, Any]:
    """Seconds of wall time below which no iteration of this method can be on this machine.

    Two conjugate-gradient steps and the residual before them pass three times over a row's items, 4 k operations each
    time, on both sides; Gram matrices and rotations take 6 k² a row; the gathered side is read once in half precision.
    """
    k, machine = options.factors, _machine.floors(threads=options.threads, scale=options.scale)
    gflop = (24 * nnz * k + 6 * sum(shape) * k**2) / 1e9
    gigabytes = 4 * nnz * k / 1e9
    computing, reading = gflop / machine["gflop_per_s_all"], gigabytes / machine["gb_per_s_all"]
    return {
        "what": "wall seconds of one iteration: arithmetic at the speed of sgemm, or reading at that of memory",
        "seconds": max(computing, reading),
        "gflop": gflop,
        "gigabytes": gigabytes,
        **machine,
    }


BENCHMARK = Benchmark("training", (__doc__ or "").splitlines()[0], measure, options, pairs=3)


def main(arguments: list[str] | None = None) -> int:
    """Measure and print."""
    return run(BENCHMARK, arguments)


if __name__ == "__main__":
    sys.exit(main())
