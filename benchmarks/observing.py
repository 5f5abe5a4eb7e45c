"""What being observed costs: CPU for an answer with metrics and log, against the same platform without either.

Two platforms over the same community keep to one core and are asked in turns, the first place taken by each in turn;
the generator keeps to another core and sends in the open (see `_load`).  One is `tacit up` as anybody starts it, the
other the same program with its counting and its line for each request taken out (see `_unobserved`).  The calls to
what was taken out are still made: they are a tenth of a microsecond each.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks._asking import Questions
from benchmarks._harness import Benchmark, Options, Outcome, interleaved, middle, run, say
from benchmarks._served import Cores, Process, platform
from benchmarks._serving_sides import exported, offered
from benchmarks.serving import HOT_USERS, guarded, key_of
from tacit.data import synthetic

USERS, ITEMS = 3_000, 3_000
GOAL = 1.05
WAYS: Mapping[str, tuple[str, float]] = {
    "kept": ("/api/v1/users/{user}/recommendations?limit=10", 800.0),
    "live": ("/api/v1/users/{user}/recommendations?limit=10&exclude=x{number}", 150.0),
    "similar": ("/api/v1/items/{item}/similar?limit=10&exclude=x{number}", 100.0),
}
"""What is asked, and how often a second: well within what the server can do."""
Row = dict[str, Any]


def options(parser: argparse.ArgumentParser) -> None:
    """The arguments that only this benchmark has."""
    parser.add_argument("--seconds", type=float, default=5.0, help="of each run, two more to warm up left out")
    parser.add_argument("--only", nargs="*", default=None, help="names of the ways of asking; all, unless given")


def measure(options: Options) -> Outcome:
    """Ask both in turns."""
    cores, names = Cores.here(), options.only or list(WAYS)
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="tacit-observing-") as place:
        found = _both(Path(place), names, options, cores=cores)
    ratios = {name: ratio_of_pairs(each["observed"], each["unobserved"]) for name, each in found.items()}
    rows = [row for each in found.values() for side in each.values() for row in side]
    return Outcome(
        figure=max(ratios.values()),
        unit="times the CPU of an answer that nobody observes, the worst of the ways of asking",
        goal=f"<= {GOAL}",
        checks={
            **{f"{name}: <= {GOAL} times the CPU": ratio <= GOAL for name, ratio in ratios.items()},
            "no request failed": not any(row["errors"] for row in rows),
            "server and generator keep to cores of their own": cores.are_apart,
        },
        details={"ratios": ratios, "ways": found, "cores": asdict(cores)},
    )


def ratio_of_pairs(observed: Sequence[Row], unobserved: Sequence[Row]) -> float:
    """The median over the pairs of the CPU of an answer, observed to unobserved."""
    pairs = zip(observed, unobserved, strict=True)
    return middle([one["server_cpu_us"] / other["server_cpu_us"] for one, other in pairs])


def _both(folder: Path, names: Sequence[str], options: Options, *, cores: Cores) -> dict[str, dict[str, list[Row]]]:
    """Every way of asking, of both, pair by pair."""
    sizes = {"users": int(USERS * options.scale), "items": int(ITEMS * options.scale)}
    data = synthetic.generate(folder / synthetic.DATASET, **sizes)
    with ExitStack() as stack:
        servers = {
            side: stack.enter_context(_started(folder / side, data, module, cores=cores))
            for side, module in (("observed", "tacit"), ("unobserved", "benchmarks._unobserved"))
        }
        users, items = exported(folder / "observed" / "home", folder / "exported")
        keys = {side: key_of(folder / side / "home") for side in servers}

        def asked(side: str, name: str) -> Row:
            path, rate = WAYS[name]
            hot = users[:HOT_USERS] if name == "kept" else users
            questions = Questions(path, hot, items, headers=keys[side])
            return offered(servers[side], questions, rate=rate, seconds=options.seconds, cores=cores)

        return {name: _in_turns(name, asked, options.pairs) for name in names}


def _in_turns(name: str, asked: Callable[[str, str], Row], pairs: int) -> dict[str, list[Row]]:
    say(f"{name}: {WAYS[name][1]:g} a second")
    for side in ("observed", "unobserved"):
        asked(side, name)  # what is loaded or kept at the first question is not counted
    return interleaved({side: lambda _, side=side: asked(side, name) for side in ("observed", "unobserved")}, pairs)


def _started(folder: Path, data: Path, module: str, *, cores: Cores) -> AbstractContextManager[Process]:
    folder.mkdir()
    say(f"a platform: {folder.name}")
    chosen = {
        "als__iterations": 3,
        "als__blend": "off",
        # Made once a day, by a process of its own: here it would share the server's core.
        "retraining__precompute": "off",
    }
    return platform(folder, core=cores.server, data=data, module=module, **chosen, **guarded())


BENCHMARK = Benchmark("observing", (__doc__ or "").splitlines()[0], measure, options, pairs=5)


def main(arguments: list[str] | None = None) -> int:
    """Measure and print."""
    return run(BENCHMARK, arguments)


if __name__ == "__main__":
    sys.exit(main())
