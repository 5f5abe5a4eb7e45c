"""What being observed costs: CPU for an answer with metrics, log and traces, against the same without any.

One platform keeps to one core, the generator and a collector of spans to another; requests come in the open (`_load`).
It is `tacit up` as anybody starts it, traced as by default, but for signals that have its counting, its line for each
request and its tracing taken out and put back every moment (`_unobserved`, `_turns`).  The calls to what was taken out
are still made: they are a tenth of a microsecond each.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks._asking import Questions
from benchmarks._collector import Collector, collecting
from benchmarks._harness import Benchmark, Options, Outcome, run, say
from benchmarks._served import Cores, Process, platform
from benchmarks._serving_sides import exported, offered
from benchmarks._turns import Compared, Turn, compared, tell_by_signal, turns
from benchmarks._unobserved import LATE, LATE_FILE, STATES, signal_of
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
    parser.add_argument("--seconds", type=float, default=60.0, help="of each way of asking, those to warm up left out")
    parser.add_argument("--only", nargs="*", default=None, help="names of the ways of asking; all, unless given")


def measure(options: Options) -> Outcome:
    """Ask in every way."""
    cores, names = Cores.here(), options.only or list(WAYS)
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="tacit-observing-") as place:
        rows, found, spans = _asked(Path(place), names, options, cores=cores)
    ratios = {name: each.ratios["traced"] for name, each in found.items()}
    return Outcome(
        figure=max(ratios.values()),
        unit="times the CPU of an answer that nobody observes, the worst of the ways of asking",
        goal=f"<= {GOAL}",
        checks={
            **{f"{name}: <= {GOAL} times the CPU": ratio <= GOAL for name, ratio in ratios.items()},
            "no request failed": not any(row["errors"] for row in rows.values()),
            "spans arrived": spans > 0,
            "server and generator keep to cores of their own": cores.are_apart,
        },
        details={
            "ratios": ratios,
            "metrics and log alone": {name: each.ratios["counted"] for name, each in found.items()},
            "ways": {name: asdict(each) for name, each in found.items()},
            "requests": rows,
            "spans": spans,
            "cores": asdict(cores),
        },
    )


def _asked(
    folder: Path, names: Sequence[str], options: Options, *, cores: Cores
) -> tuple[dict[str, Row], dict[str, Compared], int]:
    """Every way of asking: what came of the requests, what they took, and how many spans a collector was sent."""
    sizes = {"users": int(USERS * options.scale), "items": int(ITEMS * options.scale)}
    data = synthetic.generate(folder / synthetic.DATASET, **sizes)
    rows: dict[str, Row] = {}
    found: dict[str, Compared] = {}
    with collecting(cores.generator) as collector, _started(folder, data, collector, cores=cores) as server:
        users, items = exported(folder / "home", folder / "exported")
        headers = key_of(folder / "home")
        for name in names:
            path, rate = WAYS[name]
            questions = Questions(path, users[:HOT_USERS] if name == "kept" else users, items, headers=headers)
            rows[name], taken = _in_turns(server, questions, options.seconds, folder=folder, rate=rate, cores=cores)
            found[name] = compared(taken, STATES[0], late_of=LATE, rate=rate)
            say(f"{name}: {found[name].ratios}")
        spans = collector.spans
    return rows, found, spans


def _in_turns(
    server: Process, questions: Questions, seconds: float, *, folder: Path, rate: float, cores: Cores
) -> tuple[Row, list[Turn]]:
    """Ask without pause while the server changes its state; the turns in which it was asked."""
    say(f"{questions.path}: {rate:g} a second")
    tell = tell_by_signal(server.pid, signal_of)
    with ThreadPoolExecutor(1) as pool:
        # At even times: what chance would add to a turn is more than what is to be seen.
        asking = pool.submit(offered, server, questions, rate=rate, seconds=seconds, cores=cores, kind="constant")
        taken = []
        for turn in turns(server.pid, tell, STATES, late_file=folder / LATE_FILE):
            taken.append(turn)
            if asking.done():
                break
    row = asking.result()
    since, until = row["counted_from"], row["counted_from"] + seconds
    return row, [turn for turn in taken if turn.began >= since and turn.began + turn.seconds <= until]


def _started(folder: Path, data: Path, collector: Collector, *, cores: Cores) -> AbstractContextManager[Process]:
    say("a platform")
    chosen = {
        "als__iterations": 3,
        "als__blend": "off",
        # Made once a day, by a process of its own: here it would share the server's core.
        "retraining__precompute": "off",
        "tracing__endpoint": collector.address,
    }
    return platform(folder, core=cores.server, data=data, module="benchmarks._unobserved", **chosen, **guarded())


BENCHMARK = Benchmark("observing", (__doc__ or "").splitlines()[0], measure, options, pairs=1)


def main(arguments: list[str] | None = None) -> int:
    """Measure and print."""
    return run(BENCHMARK, arguments)


if __name__ == "__main__":
    sys.exit(main())
