"""What becomes of a server that is asked for twice and ten times of what it can answer, and how soon it is well again.

The platform is `tacit up` in a process that keeps to one core, the generator keeps to another and sends in the open:
see `_load`.  What it can do is found by rising rates, and more closely between the last that was kept and the first
that was not; then it is asked for more, with no pause between the runs, and right after the worst for half of what it
can do.

Whatever else runs on the machine takes from the server's core and is told (`others_share`): what was measured then says
little of the server.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks._bodies import Body
from benchmarks._harness import Benchmark, Options, Outcome, run, say
from benchmarks._load import Offer
from benchmarks._served import Cores, Process, platform
from benchmarks._worker import run_side

GOAL_TWICE, GOAL_TENFOLD = 0.9, 0.8
"""What part of its capacity a server must go on answering."""
GOAL_SLOWER, GOAL_SHED_MS, GOAL_RECOVERY_S = 2.0, 20.0, 10.0
KEPT_SHARE, KEPT_MS = 0.99, 100.0
"""What part must be answered, and how soon 99 % of them, for a rate to count as within capacity."""
BUSY_GENERATOR, LATE_GENERATOR_MS = 0.9, 10.0
"""The share of its core, and the p99 of its own lateness, from which on a generator measures itself as well."""
_FIRST_RATE, _STEP, _FINE = 100.0, 1.3, 1.08
"""The rate that is tried first, by which factor the next is higher, and how closely what can be done is to be known."""
_NORMAL = 0.7
"""Of capacity: the rate at which latencies are called normal."""
_LEAST_STEP_SECONDS = 4.0

runs = count(1)


def options(parser: argparse.ArgumentParser) -> None:
    """The arguments that only this benchmark has."""
    parser.add_argument("--seconds", type=float, default=60.0, help="of each run beyond capacity")
    parser.add_argument("--connections", type=int, default=256, help="that carry the questions")
    parser.add_argument("--within-ms", type=float, default=KEPT_MS, help="in which 99 %% are answered within capacity")
    parser.add_argument("--capacity", type=float, default=None, help="in questions a second, where it is known")
    parser.add_argument("--limit", type=int, default=10, help="items that are asked for")
    parser.add_argument("--kept", action="store_true", help="ask for what lies ready, not for what must be worked out")


def measure(options: Options) -> Outcome:
    """Find the capacity, go beyond it, and look how the server comes back."""
    cores = Cores.here()
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="tacit-overload-") as place:
        data = {} if options.data is None else {"data": options.data}
        with platform(Path(place), core=cores.server, **data) as server:
            paths = questions(server, options.limit, is_kept=options.kept)
            steps = [] if options.capacity else search(_asking(server, paths, options, cores=cores), options.within_ms)
            capacity = options.capacity or capacity_of(steps, options.within_ms)
            while_normal = max(_LEAST_STEP_SECONDS, options.seconds / 4)
            normal = _asked(server, paths, options, cores=cores, rate=_NORMAL * capacity, seconds=while_normal)
            twice = _asked(server, paths, options, cores=cores, rate=2 * capacity, seconds=options.seconds)
            tenfold = _asked(server, paths, options, cores=cores, rate=10 * capacity, seconds=options.seconds)
            after = _asked(server, paths, options, cores=cores, rate=capacity / 2, warm_seconds=0.0, seconds=15.0)
            measured = server.measured()
    beyond = {"2x": twice, "10x": tenfold}
    return Outcome(
        figure=goodput(tenfold, options.seconds) / capacity,
        unit="of the capacity is answered at ten times of it, open loop",
        goal=f">= {GOAL_TENFOLD}, and >= {GOAL_TWICE} at twice",
        checks=checks(beyond, normal=normal, after=after, capacity=capacity, seconds=options.seconds)
        | {"server and generator keep to cores of their own": cores.are_apart},
        details={
            "capacity_per_s": capacity,
            "steps": steps,
            "normal": normal,
            **beyond,
            "after": after,
            "recovery_s": recovery_of(after, normal),
            "limit_in_the_end": measured.get("tacit_concurrency_limit"),
            "cores": asdict(cores),
            "seconds": options.seconds,
        },
    )


def questions(server: Process, limit: int, *, is_kept: bool = False) -> tuple[str, ...]:
    """Users' lists above all, and a few of what is like an item, or popular.

    Unless those lists are asked for that lie ready, each is one that nobody asked for before: overload is of what costs
    something.
    """
    end = "" if is_kept else "&exclude=x{number}"
    lists = [f"/api/v1/users/{number}/recommendations?limit={limit}{end}" for number in _known_users(server)]
    items = [item["item_id"] for item in server.address.get("/api/v1/popular?limit=40")["items"]]
    others = [f"/api/v1/items/{item}/similar?limit={limit}" for item in items] + [f"/api/v1/popular?limit={limit}"]
    step = max(1, len(lists) // len(others))
    for place, other in enumerate(others):
        lists.insert(place * step, other)
    return tuple(lists)


def capacity_of(steps: Sequence[Mapping[str, Any]], within_ms: float = KEPT_MS) -> float:
    """The highest rate that was kept; 1 where none was, so that there is something to go beyond."""
    return max((float(step["rate"]) for step in steps if is_kept(step, within_ms)), default=1.0)


def is_kept(step: Mapping[str, Any], within_ms: float = KEPT_MS) -> bool:
    """Whether a rate is within what the server can do."""
    p99 = answered_p99(step)
    return p99 is not None and p99 <= within_ms and good_of(step) >= KEPT_SHARE * step["requests"]


def good_of(found: Mapping[str, Any]) -> int:
    """How many requests were answered as they were asked, or nearly."""
    return int(found["statuses"].get("200", 0))


def answered_p99(found: Mapping[str, Any]) -> float | None:
    """How soon 99 % of those that were answered were."""
    told: float | None = found["waited_by_status"].get("200", {}).get("p99_ms")
    return told


def goodput(found: Mapping[str, Any], seconds: float) -> float:
    """Answers a second."""
    return good_of(found) / seconds


def checks(
    beyond: Mapping[str, Mapping[str, Any]],
    *,
    normal: Mapping[str, Any],
    after: Mapping[str, Any],
    capacity: float,
    seconds: float,
) -> dict[str, bool | None]:
    """Everything that must hold."""
    goals = {"2x": GOAL_TWICE, "10x": GOAL_TENFOLD}
    recovery, usual = recovery_of(after, normal), answered_p99(normal)
    found: dict[str, bool | None] = {}
    for name, load in beyond.items():
        shed, slow = load["waited_by_status"].get("503", {}).get("p99_ms"), answered_p99(load)
        found[f"{name}: >= {goals[name]:.0%} of the capacity is answered"] = (
            goodput(load, seconds) >= goals[name] * capacity
        )
        found[f"{name}: p99 of answers <= {GOAL_SLOWER:g} times the usual"] = (
            None if slow is None or usual is None else slow <= GOAL_SLOWER * usual
        )
        found[f"{name}: p99 of refusals <= {GOAL_SHED_MS:g} ms"] = None if shed is None else shed <= GOAL_SHED_MS
        found[f"{name}: every request was answered, 200 or 503"] = set(load["statuses"]) <= {"200", "503"}
        found[f"{name}: the generator kept up"] = kept_up(load)
    found[f"recovered within {GOAL_RECOVERY_S:g} s"] = recovery is not None and recovery <= GOAL_RECOVERY_S
    return found


def kept_up(load: Mapping[str, Any]) -> bool:
    """Whether the generator sent in time, and had time to read: if not, its own slowness is in what it measured."""
    late = load["late_ms"]["p99_ms"]
    return load["generator_share"] < BUSY_GENERATOR and (late is None or late < LATE_GENERATOR_MS)


def recovery_of(after: Mapping[str, Any], normal: Mapping[str, Any]) -> float | None:
    """Seconds after the overload from which on all is as usual again; none if it never was.

    As usual is a second whose p99 is within twice the normal, or no worse than the worst that was normal: of some
    hundred answers, a pause of the machine alone makes one in so many seconds that is neither.
    """
    usual = (answered_p99(normal) or 0.0) * GOAL_SLOWER
    usual = max(usual, *(second["p99_ms"] or 0.0 for second in normal["by_second"]), 20.0)
    is_well = [
        second["good"] >= KEPT_SHARE * second["offered"] and (second["p99_ms"] or 0.0) <= usual
        for second in after["by_second"]
    ]
    bad = [second for second, well in enumerate(is_well) if not well]
    if not bad:
        return 0.0
    return None if bad[-1] == len(is_well) - 1 else float(bad[-1] + 1)


def search(ask: Callable[[float], dict[str, Any]], within_ms: float = KEPT_MS) -> list[dict[str, Any]]:
    """What was found at each rate that was tried, in order.

    A rate counts as too high where it was not kept twice: once may be the machine's fault.

    Args:
        ask: Offers a rate, and says what became of it.
        within_ms: In which 99 % are to be answered.
    """
    steps: list[dict[str, Any]] = []

    def is_within(rate: float) -> bool:
        for _ in range(2):
            steps.append(ask(rate))
            if is_kept(steps[-1], within_ms):
                return True
        return False

    highest, rate = 0.0, _FIRST_RATE
    while is_within(rate):
        highest, rate = rate, rate * _STEP
    while highest and rate / highest > _FINE:
        between = (highest * rate) ** 0.5
        if is_within(between):
            highest = between
        else:
            rate = between
    return steps


def _asking(
    server: Process, paths: tuple[str, ...], options: Options, *, cores: Cores
) -> Callable[[float], dict[str, Any]]:
    return lambda rate: _asked(server, paths, options, cores=cores, rate=rate)


def _asked(
    server: Process,
    paths: tuple[str, ...],
    options: Options,
    *,
    cores: Cores,
    rate: float,
    seconds: float | None = None,
    warm_seconds: float = 1.0,
) -> dict[str, Any]:
    say(f"{rate:,.0f} questions a second")
    number, cpu, worked = next(runs), server.cpu_seconds, _worked_out(server)
    offer = Offer(
        *("127.0.0.1", server.address.port, rate),
        seconds=max(_LEAST_STEP_SECONDS, options.seconds / 10) if seconds is None else seconds,
        body=Body(),
        warm_seconds=warm_seconds,
        connections=options.connections,
        seed=number,
        core=cores.generator,
        server_core=cores.server,
        paths=paths,
    )
    found: dict[str, Any] = run_side("benchmarks._load:offered", {"offer": asdict(offer)}, threads=1).result
    cpu, core = server.cpu_seconds - cpu, found["server_core_s"]
    others = None if core is None else max(0.0, core - cpu) / (offer.warm_seconds + offer.seconds)
    worked = (_worked_out(server) - worked) / (offer.warm_seconds + offer.seconds)
    return {"rate": rate, **found, "worked_out_per_s": worked, "server_cpu_s": cpu, "others_share": others}


def _worked_out(server: Process) -> float:
    """How many users' lists were worked out so far: what is answered beside them lay ready."""
    told = server.measured()
    return sum(told.get(f'tacit_list_cache_total{{outcome="{name}"}}', 0.0) for name in ("miss", "stale"))


def _known_users(server: Process) -> list[int]:
    """Numbers of invented users that the platform knows."""
    return [number for number in range(1, 401) if _is_known(server, number)]


def _is_known(server: Process, number: int) -> bool:
    try:
        server.address.get(f"/api/v1/users/{number}/recommendations?limit=1")
    except OSError:
        return False
    return True


BENCHMARK = Benchmark("overload", (__doc__ or "").splitlines()[0], measure, options, pairs=1)


def main(arguments: list[str] | None = None) -> int:
    """Measure and print."""
    return run(BENCHMARK, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
