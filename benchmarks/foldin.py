"""How long it takes to work out a user's factors from fifty events, one user at a time and many at once."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from benchmarks import _factors, _machine, _ours, _peers
from benchmarks._harness import Benchmark, Options, Outcome, run
from benchmarks._worker import run_side

GOAL_US = 15
EXACT = 1e-4


def options(parser: argparse.ArgumentParser) -> None:
    """The arguments that only this benchmark has."""
    parser.add_argument("--factors", type=int, default=128, help="k")
    parser.add_argument("--events", type=int, default=50, help="of each user")
    parser.add_argument("--rows", type=int, default=1_000, help="users in each round")


def measure(options: Options) -> Outcome:
    """Train, then solve in turns."""
    place = _factors.synthetic(options.scale, factors=options.factors, threads=options.threads, folder=options.folder)
    arguments = {"folder": str(place), "events": options.events, "rows": options.rows, "rounds": options.pairs}
    reading = run_side("benchmarks._foldin_sides:compare", arguments, threads=1)
    ways: dict[str, dict[str, float]] = reading.result["ways"]
    absent = _peers.unavailable(["implicit"])
    return Outcome(
        figure=ways["tacit"]["p50_us"],
        unit="µs, median of one user of fifty events, one thread",
        goal=f"<= {GOAL_US}, exact to {EXACT:g}",
        checks={
            f"at most {GOAL_US} µs": ways["tacit"]["p50_us"] <= GOAL_US,
            f"exact to {EXACT:g} of the norm, batched too": max(_errors(ways)) <= EXACT,
            "the yardstick is exact: scipy's error is below 1e-3": ways["scipy"]["error"] <= 1e-3,
        },
        floor=_floor(options),
        peers={**dict.fromkeys(absent), **{name: told for name, told in ways.items() if not name.startswith("tacit")}},
        details={
            "engine": _ours.engine_name(),
            "threads": 1,
            "ways": ways,
            "ratio_to_scipy": ways["scipy"]["p50_us"] / ways["tacit"]["p50_us"],
            "items": reading.result["items"],
            "factors": reading.result["factors"],
            "events": options.events,
            "blas": list(reading.blas),
            "peers_missing": absent,
            "versions": _peers.versions(),
        },
    )


def _errors(ways: dict[str, dict[str, float]]) -> list[float]:
    return [ways[name]["error"] for name in ("tacit", "tacit_batched")]


def _floor(options: Options) -> dict[str, Any]:
    """Microseconds of the arithmetic of one pass over a user's events, and of turning the solution back."""
    machine = _machine.floors(threads=1, scale=options.scale)
    kflop = (4 * options.events * options.factors + 2 * options.factors**2) / 1e3
    return {
        "what": "µs of one pass over the events and one turn of the basis, at the speed of sgemm on one thread",
        "us": kflop / machine["gflop_per_s_1"],
        "kflop": kflop,
        **machine,
    }


BENCHMARK = Benchmark("foldin", (__doc__ or "").splitlines()[0], measure, options)


def main(arguments: list[str] | None = None) -> int:
    """Measure and print."""
    return run(BENCHMARK, arguments)


if __name__ == "__main__":
    sys.exit(main())
