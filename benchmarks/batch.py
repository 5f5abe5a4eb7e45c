"""How long the hundred best items of every user take, on all threads, beside implicit's batched `recommend`.

Each side runs in a fresh process, in turns. Implicit may be asked for a sample of the users and its time per user
multiplied: it works through blocks of users that cost the same each. The sample is stated.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

import numpy as np

from benchmarks import _factors, _machine, _ours, _peers
from benchmarks._harness import Benchmark, Options, Outcome, interleaved, middle, ratio_of, run, say
from benchmarks._worker import Reading, run_side


def options(parser: argparse.ArgumentParser) -> None:
    """The arguments that only this benchmark has."""
    parser.add_argument("--factors", type=int, default=128, help="k")
    parser.add_argument("--count", type=int, default=100, help="items for each user")
    parser.add_argument("--sample", type=int, default=20_000, help="users that implicit is asked for, at most")


def measure(options: Options) -> Outcome:
    """Train, then list in turns."""
    place = _factors.synthetic(options.scale, factors=options.factors, threads=options.threads, folder=options.folder)
    absent = _peers.unavailable(["implicit"])
    user_factors, item_factors = _factors.load(place)
    users = {"tacit": len(user_factors), "implicit": min(options.sample, len(user_factors))}
    sides = {name: _side(name, place, options, users=users[name]) for name in users if name not in absent}
    turns = interleaved(sides, options.pairs)
    rows = {name: _row(readings, users[name], whole=users["tacit"]) for name, readings in turns.items()}
    ratios = _ratios(turns, users) if "implicit" in turns else {}
    return Outcome(
        figure=ratios.get("cpu_ratio"),
        unit="times fewer CPU seconds a user than implicit's batched recommend",
        goal=">= 6, and all users of Last.fm-360K in at most 30 s",
        checks={
            "6 times fewer CPU seconds than implicit": ratios["cpu_ratio"] >= 6 if ratios else None,
            "all users in at most 30 s": rows["tacit"]["wall"] <= 30,
            "both sides list the same": _alike(turns) if ratios else None,
        },
        floor=_floor(options, item_factors.size * len(user_factors)),
        peers={**dict.fromkeys(absent), **{name: row for name, row in rows.items() if name != "tacit"}},
        details={
            "engine": _ours.engine_name(),
            "threads": options.threads,
            **ratios,
            "sides": rows,
            "items": len(item_factors),
            "count": options.count,
            "peers_missing": absent,
            "versions": _peers.versions(),
        },
    )


def _side(name: str, place: Any, options: Options, *, users: int) -> Any:
    arguments = {"folder": str(place), "users": users, "count": options.count, "threads": options.threads}

    def turn(_: int) -> Reading:
        say(f"{name}: {users} users")
        return run_side(f"benchmarks._batch_sides:{name}", arguments, threads=options.threads)

    return turn


def _row(readings: list[Reading], users: int, *, whole: int) -> dict[str, Any]:
    """Medians; seconds are those of all users, extrapolated where fewer were asked for."""
    more = whole / users
    return {
        "wall": more * middle([reading.wall for reading in readings]),
        "cpu": more * middle([reading.cpu for reading in readings]),
        "users_asked": users,
        "users": whole,
        "extrapolated": users < whole,
        "peak_gib": middle([reading.peak_bytes for reading in readings]) / 2**30,
        "held_gib": middle([reading.held_bytes for reading in readings]) / 2**30,
    }


def _ratios(turns: dict[str, list[Reading]], users: dict[str, int]) -> dict[str, float]:
    """Implicit's seconds a user over ours, the median over the pairs."""
    return {
        f"{clock}_ratio": ratio_of(
            *([getattr(each, clock) / users[name] for each in turns[name]] for name in ("tacit", "implicit"))
        )
        for clock in ("cpu", "wall")
    }


def _alike(turns: dict[str, list[Reading]]) -> bool:
    """Whether the lists of the first users are worth the same: equal scores may stand in either order."""
    ours, theirs = (np.array(turns[name][0].result["sums"]) for name in ("tacit", "implicit"))
    shared = min(len(ours), len(theirs))
    return bool(np.allclose(ours[:shared], theirs[:shared], rtol=1e-4, atol=1e-6))


def _floor(options: Options, products: int) -> dict[str, Any]:
    """Seconds to multiply out all scores, which a search that skips what cannot win may undercut."""
    machine = _machine.floors(threads=options.threads, scale=options.scale)
    gflop = 2 * products / 1e9
    return {
        "what": "wall seconds of all scores in float32 at the speed of sgemm; skipping may undercut it",
        "seconds": gflop / machine["gflop_per_s_all"],
        "gflop": gflop,
        **machine,
    }


BENCHMARK = Benchmark("batch", (__doc__ or "").splitlines()[0], measure, options, pairs=3)


def main(arguments: list[str] | None = None) -> int:
    """Measure and print."""
    return run(BENCHMARK, arguments)


if __name__ == "__main__":
    sys.exit(main())
