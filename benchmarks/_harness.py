"""What every benchmark shares: its arguments, interleaving, the one object it ends with, and the file that is kept."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TypeVar

from benchmarks import _machine

ENGINES = ("auto", "native", "numpy")
ENGINE_VARIABLE = "BENCHMARK_ENGINE"
"""Tells the processes of the sides which engine to take."""
RESULTS = Path(__file__).with_name("results")
T = TypeVar("T")
Options = argparse.Namespace


@dataclass(frozen=True)
class Outcome:
    """What a benchmark found.

    Attributes:
        figure: The headline; none where the peer it is held against is missing.
        unit: What the figure counts.
        goal: What it should be, as words: `>= 10`.
        checks: Everything that must hold, the goal among it, by a name that says it; none where it could not be told.
        floor: What no implementation could beat on this machine, in words and numbers.
        peers: Each peer's figures; none for one that is not installed (the reason is in `details`).
        details: Everything else.
    """

    figure: float | None
    unit: str
    goal: str
    checks: Mapping[str, bool | None]
    floor: Mapping[str, object] = field(default_factory=dict)
    peers: Mapping[str, object] = field(default_factory=dict)
    details: Mapping[str, object] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether everything that must hold was seen to hold."""
        return bool(self.checks) and all(kept is True for kept in self.checks.values())


@dataclass(frozen=True)
class Benchmark:
    """One question, and how to answer it.

    Attributes:
        name: What it is called by.
        question: What it answers: the first line of its help.
        measure: Answers it.
        options: Adds the arguments that only it has.
        pairs: Runs of each side where nobody says otherwise.
    """

    name: str
    question: str
    measure: Callable[[Options], Outcome]
    options: Callable[[argparse.ArgumentParser], None] | None = None
    pairs: int = 5


def run(benchmark: Benchmark, arguments: Sequence[str] | None = None) -> int:
    """Measure, and print what was found; with `--json` the last line on stdout is the whole of it as one object."""
    words = list(sys.argv[2:] if arguments is None else arguments)
    options = _parser(benchmark).parse_args(words)
    os.environ[ENGINE_VARIABLE] = options.engine
    before, sane = _machine.load(), _machine.timer_is_sane()
    outcome = benchmark.measure(options)
    report = {
        "name": benchmark.name,
        "figure": outcome.figure,
        "unit": outcome.unit,
        "goal": outcome.goal,
        "holds": outcome.holds and sane,
        "floor": dict(outcome.floor),
        "peers": dict(outcome.peers),
        "machine": {**_machine.description(), "load_before": before, "load_after": _machine.load()},
        "details": {
            "command": " ".join(["python -m benchmarks", benchmark.name, *_portable(words)]),
            "checks": {**outcome.checks, "the clocks tell work from waiting": sane},
            **outcome.details,
        },
    }
    report = rounded(report)
    if options.record:
        record(report)
    print(json.dumps(report, ensure_ascii=False) if options.json else json.dumps(report, indent=1, ensure_ascii=False))
    return 0


def _portable(words: Sequence[str]) -> list[str]:
    """The arguments as another machine would give them: without this one's folders."""
    return ["…" if "/" in word else word for word in words if word not in {"--json", "--record"}]


def _parser(benchmark: Benchmark) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks {benchmark.name}", description=benchmark.question)
    parser.add_argument("--json", action="store_true", help="print one line and nothing else on stdout")
    parser.add_argument("--scale", type=float, default=1.0, help="of the synthetic data; 1 is Last.fm-360K")
    parser.add_argument("--pairs", type=int, default=benchmark.pairs, help="how often each side runs, in turns")
    parser.add_argument("--data", type=Path, default=None, help="folder of public data sets, a folder each")
    parser.add_argument("--folder", type=Path, default=None, help="where generated data are kept between runs")
    parser.add_argument("--threads", type=int, default=_machine.threads_here(), help="for what runs on many")
    parser.add_argument("--engine", choices=ENGINES, default="auto", help="which of our engines runs")
    parser.add_argument("--record", action="store_true", help="keep the result in benchmarks/results")
    if benchmark.options is not None:
        benchmark.options(parser)
    return parser


def record(report: Mapping[str, object], folder: Path = RESULTS) -> Path:
    """Keep a result where the page of results is made from; it replaces the last of its name."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{report['name']}.json"
    path.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return path


def interleaved(sides: Mapping[str, Callable[[int], T]], pairs: int) -> dict[str, list[T]]:
    """Each side's results, run in turns: A B A B …, the first place taken by each in turn.

    What disturbs the machine for a while then disturbs all sides alike.
    """
    found: dict[str, list[T]] = {name: [] for name in sides}
    for pair in range(pairs):
        names = list(sides)
        for name in names if pair % 2 == 0 else reversed(names):
            say(f"pair {pair + 1} of {pairs}: {name}")
            found[name].append(sides[name](pair))
    return found


def middle(values: Sequence[float]) -> float:
    """The median."""
    return float(median(values))


def ratio_of(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median over the pairs of theirs to ours: how many times less we need."""
    return middle([their / max(our, 1e-12) for our, their in zip(ours, theirs, strict=True)])


def say(what: str) -> None:
    """Tell whoever waits; stdout is for figures."""
    print(what, file=sys.stderr, flush=True)


def rounded(value: T) -> T:
    """The same with every float cut to five significant digits, so that results stay readable and small."""
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}  # type: ignore[return-value]
    if isinstance(value, list | tuple):
        return [rounded(each) for each in value]  # type: ignore[return-value]
    return float(f"{value:.5g}") if isinstance(value, float) else value  # type: ignore[return-value]
