"""How long one query for the ten best items takes, on one thread, exactly, beside what others need.

The queries are users' own factors, the items those of trained models: of the synthetic data, and of gowalla and
amazon-cds where they are at hand. What a search may skip depends on the spread of the items' norms, so that factors
drawn at random would prove nothing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import _factors, _machine, _ours, _peers
from benchmarks._folds import REAL, real_folder
from benchmarks._harness import Benchmark, Options, Outcome, middle, run, say
from benchmarks._retrievers import CONTENDERS, GRAPHS, MODULE_OF, OWN
from benchmarks._worker import run_side

EXCLUDED = 5_000


def options(parser: argparse.ArgumentParser) -> None:
    """The arguments that only this benchmark has."""
    parser.add_argument("--factors", type=int, default=128, help="k")
    parser.add_argument("--queries", type=int, default=500, help="asked in each round")
    parser.add_argument("--no-graphs", action="store_true", help="leave out the approximate indexes that build slowly")
    parser.add_argument("--no-real", action="store_true", help="leave out the public data sets")


def measure(options: Options) -> Outcome:
    """Train, build, ask in turns."""
    absent = _peers.unavailable(sorted({MODULE_OF.get(name, name) for name in CONTENDERS} - set(OWN)))
    names = [name for name in CONTENDERS if MODULE_OF.get(name, name) not in absent]
    names = [name for name in names if not (options.no_graphs and name in GRAPHS)]
    found = {name: _compared(place, names, options) for name, place in _places(options).items()}
    ours = found["synthetic"]["contenders"]["tacit"]
    ratio = _ratio(found["synthetic"]["contenders"])
    return Outcome(
        figure=ratio,
        unit="times faster than implicit's recommend, median of one query's ten best, one thread",
        goal=">= 20, and p50 <= 0.5 ms at 126,442 x 128, with 5,000 exclusions and a 10 % filter <= 0.75 ms",
        checks=_checks(found, ratio),
        floor=_floor(found["synthetic"], options),
        peers={**dict.fromkeys(absent), **_peer_rows(found["synthetic"]["contenders"])},
        details={
            "engine": _ours.engine_name(),
            "threads": 1,
            "p50_ms": ours["top10"]["p50_ms"],
            "filtered_p50_ms": ours["filtered"]["p50_ms"],
            "filtered_over_plain": ours["filtered"]["p50_ms"] / ours["top10"]["p50_ms"],
            "cpu_ratio": _ratio(found["synthetic"]["contenders"], "cpu_ms"),
            "items": {name: each["items"] for name, each in found.items()},
            "queries": options.queries,
            **{f"on {name}": each["contenders"] for name, each in found.items()},
            "peers_missing": absent,
            "versions": _peers.versions(),
        },
    )


def _places(options: Options) -> dict[str, Path]:
    """The folder of each set of factors, trained where it is not there already."""
    say("factors of the synthetic data")
    places = {
        "synthetic": _factors.synthetic(
            options.scale, factors=options.factors, threads=options.threads, folder=options.folder
        )
    }
    home = None if options.no_real else real_folder(options.data)
    for name in REAL if home else ():
        if home is not None and (home / name).is_dir():
            say(f"factors of {name}")
            places[name] = _factors.published(
                home / name, factors=options.factors, threads=options.threads, folder=options.folder
            )
    return places


def _compared(place: Path, names: list[str], options: Options) -> dict[str, Any]:
    arguments = {
        "folder": str(place),
        "contenders": names,
        "queries": options.queries,
        "rounds": options.pairs,
        "counts": [10, 100],
        "excluded": EXCLUDED,
    }
    say(f"asking on {place.name}")
    result: dict[str, Any] = run_side("benchmarks._retrieval_sides:compare", arguments, threads=1).result
    return result


def _ratio(contenders: Mapping[str, Any], figure: str = "p50_ms") -> float | None:
    """Implicit's figure over ours, the median over the rounds where the figure has rounds."""
    if "implicit" not in contenders:
        return None
    theirs, ours = (contenders[name]["top10"] for name in ("implicit", "tacit"))
    if figure != "p50_ms":
        return float(theirs[figure] / ours[figure])
    rounds = zip(theirs["p50_ms_of_rounds"], ours["p50_ms_of_rounds"], strict=True)
    return middle([their / our for their, our in rounds])


def _checks(found: Mapping[str, Any], ratio: float | None) -> dict[str, bool | None]:
    ours = {name: each["contenders"]["tacit"] for name, each in found.items()}
    main, yardstick = ours["synthetic"], found["synthetic"]["contenders"]["numpy"]["top10"]
    return {
        "recall is 1 everywhere, filtered too": all(
            told["recall"] == 1 for each in ours.values() for told in each.values() if isinstance(told, dict)
        ),
        "p50 of the ten best at most 0.5 ms": main["top10"]["p50_ms"] <= 0.5,
        "20 times faster than implicit": None if ratio is None else ratio >= 20,
        "with exclusions and filter at most 0.75 ms, one and a half times that": main["filtered"]["p50_ms"] <= 0.75,
        "the yardstick is exact: numpy's recall is 1": yardstick["recall"] == 1,
    }


def _peer_rows(contenders: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: {
            "p50_ms": told["top10"]["p50_ms"],
            "p99_ms": told["top10"]["p99_ms"],
            "recall@10": told["top10"]["recall"],
            "filtered_p50_ms": told.get("filtered", {}).get("p50_ms"),
            "build_s": told["build_s"],
            "memory_mb": told["memory_mb"],
            "effort": told["effort"],
        }
        for name, told in contenders.items()
    }


def _floor(found: Mapping[str, Any], options: Options) -> dict[str, Any]:
    """Milliseconds to read one byte of every number of the item factors, once, by one thread."""
    megabytes = found["items"] * found["factors"] / 1e6
    machine = _machine.floors(threads=options.threads, scale=options.scale)
    near = _machine.bandwidth_of(max(1, round(megabytes)))
    return {
        "what": "ms to read the item factors once at one byte a number, one thread: from memory, and from cache",
        "ms": megabytes / machine["gb_per_s_1"],
        "ms_cached": megabytes / near,
        "megabytes": megabytes,
        **machine,
    }


BENCHMARK = Benchmark("retrieval", (__doc__ or "").splitlines()[0], measure, options)


def main(arguments: list[str] | None = None) -> int:
    """Measure and print."""
    return run(BENCHMARK, arguments)


if __name__ == "__main__":
    sys.exit(main())
