"""What an answer costs inside the server, layer by layer: who asks, limits, cache, rules, retrieval, reasons, JSON.

The platform answers in one process, past the sockets (see `_inside`), over the community and by the settings of
`serving`; what the kernel takes for sockets is in the bare server's figure there.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks._asking import Questions
from benchmarks._harness import Benchmark, Options, Outcome, run, say
from benchmarks._served import platform
from benchmarks._serving_sides import exported
from benchmarks._wide_community import written
from benchmarks._worker import run_side
from benchmarks.serving import HOT_USERS, ITEMS, PATHS, PER_USER, USERS, Way, guarded, key_of, trained
from tacit.data import synthetic

WAYS = ("kept", "live", "similar", "rerank")
LEAST_SHARE, MOST_SHARE = 0.6, 1.5
"""Between which the clocks of the layers, which also see what others do meanwhile, must be of the CPU they tell of."""


def options(parser: argparse.ArgumentParser) -> None:
    """The arguments that only this benchmark has."""
    parser.add_argument("--requests", type=int, default=2_000, help="of each way of asking")
    parser.add_argument("--only", nargs="*", default=None, help="names of the ways of asking; all, unless given")


def measure(options: Options) -> Outcome:
    """Make a platform, then ask it from inside."""
    ways = [each for each in PATHS if each.name in (options.only or WAYS)]
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="tacit-layers-") as place:
        folder = Path(place)
        users, items = int(USERS * options.scale), int(ITEMS * options.scale)
        data = written(folder / synthetic.DATASET, users=users, items=items, artists_per_user=PER_USER)
        say("a platform over an invented community")
        with platform(folder, data=data, **trained(), **guarded()):
            people, artists = exported(folder / "home", folder / "naive")
            headers = key_of(folder / "home")
        say("asking it from inside")
        asked = [
            {"name": each.name, "questions": asdict(_questions(each, people, artists, headers=headers))}
            for each in ways
        ]
        settings = {**{name: str(value) for name, value in {**trained(), **guarded()}.items()}}
        arguments = {"home": str(folder / "home"), "settings": settings, "ways": asked, "count": options.requests}
        found: dict[str, Any] = run_side("benchmarks._inside:told", arguments, threads=1).result
    return outcome_of(found)


def outcome_of(found: Mapping[str, Mapping[str, Any]]) -> Outcome:
    """The table, the dearest layers first."""
    table = {name: {layer: row["layers_us"][layer] for layer in _dearest(row)} for name, row in found.items()}
    sums = {name: sum(row.values()) for name, row in table.items()}
    return Outcome(
        figure=found["live"]["cpu_us"] if "live" in found else None,
        unit="microseconds of CPU for a list worked out anew, in process, all threads together",
        goal="a table of layers that adds up",
        checks={
            "no request failed": not any(row["failed"] for row in found.values()),
            "the layers add up to what was taken": all(
                LEAST_SHARE <= sums[name] / row["loop_cpu_us"] <= MOST_SHARE for name, row in found.items()
            ),
        },
        details={"layers_us": table, "in_all": {name: _rest(row) for name, row in found.items()}},
    )


def _dearest(row: Mapping[str, Any]) -> list[str]:
    of_layers: Mapping[str, float] = row["layers_us"]
    return sorted(of_layers, key=lambda layer: -of_layers[layer])


def _rest(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "layers_us"}


def _questions(way: Way, users: Sequence[str], items: Sequence[str], *, headers: Mapping[str, str]) -> Questions:
    asking = users[:HOT_USERS] if way.hot else users
    return Questions(
        way.path, list(asking), list(items), way.body, way.candidates, at_once=way.at_once, headers=headers
    )


BENCHMARK = Benchmark("layers", (__doc__ or "").splitlines()[0], measure, options, pairs=1)


def main(arguments: list[str] | None = None) -> int:
    """Measure and print."""
    return run(BENCHMARK, arguments)


if __name__ == "__main__":
    sys.exit(main())
