"""How many events a second are acknowledged, each durable by then, and how soon; one by one and in batches.

The platform is `tacit up` in a process that keeps to one core, the generator keeps to another and sends in the open:
latencies count from when a request was due (see `_load`), and a server that stalls shows that it would have been seen.
Beside it stand what the disk could do at best with the very same commits, and what the HTTP server could.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._bodies import Body
from benchmarks._harness import Benchmark, Options, Outcome, run, say
from benchmarks._load import Offer, percentiles
from benchmarks._postgres import missing, postgres
from benchmarks._served import APPLIED, COMMIT, LAG, Cores, Process, Stalling, bare, platform
from benchmarks._worker import run_side

SINGLES = (250, 500, 1_000, 1_500, 2_000, 2_500)
"""Rates of single events, a second."""
BATCHES = (5_000, 10_000, 20_000, 24_000)
"""Rates of events in batches, a second."""
GOAL_SINGLES, GOAL_BATCHES, GOAL_MS = 2_000, 20_000, 50
BATCH = 500
LEAST_SHARE = 0.99
"""What part of the offered events must be acknowledged within the run for a rate to count as kept."""
FOLLOWED_SECONDS = 2.0
"""How many seconds' worth of events may wait to be applied at any time for a rate to count as sustained."""
BUSY_GENERATOR = 0.6
"""The share of its core beyond which a generator measures itself."""
STALL = {"stall": 0.5, "every": 2.5}
_CATCH_UP_SECONDS = 180.0
_COUNTED_SECONDS = 5.0

runs = count(1)


def options(parser: argparse.ArgumentParser) -> None:
    """The arguments that only this benchmark has."""
    parser.add_argument("--seconds", type=float, default=15.0, help="of each rate, two more to warm up left out")
    parser.add_argument("--rates", type=int, nargs="*", default=SINGLES, help="single events a second")
    parser.add_argument("--batch-rates", type=int, nargs="*", default=BATCHES, help="events a second in batches")
    parser.add_argument("--connections", type=int, default=64, help="that carry single events; batches have four")
    parser.add_argument("--no-postgres", action="store_true", help="leave PostgreSQL out")


def measure(options: Options) -> Outcome:
    """Check the generator, then the platform at rising rates, then what stands beside it."""
    cores = Cores.here()
    check = self_check(cores)
    embedded = _side(options, cores, say_as="embedded")
    absent = "left out" if options.no_postgres else missing()
    beside = None if absent else _on_postgres(options, cores)
    best = sustained_rate(embedded["batches"])
    return Outcome(
        figure=best,
        unit="events/s acknowledged in batches of 500 and applied as fast, open loop",
        goal=f">= {GOAL_BATCHES:,}, and >= {GOAL_SINGLES:,} single ones with p99 <= {GOAL_MS} ms",
        checks=checks(embedded, check=check, are_apart=cores.are_apart),
        floor=_floor(embedded["log"], options, cores),
        details={
            "singles": embedded["singles"],
            "batches": embedded["batches"],
            "log": embedded["log"],
            "self_check": check,
            "postgres": beside or {},
            "postgres_missing": absent,
            "cores": asdict(cores),
            "seconds": options.seconds,
        },
    )


def checks(
    found: Mapping[str, list[dict[str, Any]]], *, check: Mapping[str, float | None], are_apart: bool
) -> dict[str, bool | None]:
    """Everything that must hold."""
    everything = [*found["singles"], *found["batches"]]
    return {
        f"{GOAL_SINGLES:,} single events/s acknowledged with p99 <= {GOAL_MS} ms": kept_rate(
            found["singles"], within_ms=GOAL_MS
        )
        >= GOAL_SINGLES,
        f"{GOAL_BATCHES:,} events/s in batches of {BATCH} acknowledged": kept_rate(found["batches"]) >= GOAL_BATCHES,
        f"{GOAL_BATCHES:,} events/s in batches of {BATCH} applied as fast": sustained_rate(found["batches"])
        >= GOAL_BATCHES,
        "no request failed below the highest rate that was kept": not any(
            row["errors"]
            for rows in (found["singles"], found["batches"])
            for row in rows
            if row["rate"] <= kept_rate(rows)
        ),
        "all that was acknowledged was applied": all(is_whole(row) for row in everything),
        "a stall of the server shows in the p99": (check["p99_ms"] or 0) >= 900 * STALL["stall"],
        "server and generator keep to cores of their own": are_apart,
        "the generator had time to spare": all(row["generator_share"] < BUSY_GENERATOR for row in everything),
    }


def is_kept(row: Mapping[str, Any], within_ms: float = np.inf) -> bool:
    """Whether a rate was kept: acknowledged as it was offered, and in time."""
    if row["errors"] or row["acknowledged_per_s"] < LEAST_SHARE * row["offered_per_s"]:
        return False
    return bool(row["ack"]["p99_ms"] <= within_ms)


def is_whole(row: Mapping[str, Any]) -> bool:
    """Whether every event acknowledged was applied, and none but those of which nobody heard an answer beside them."""
    return row["lost"] is not None and -row["unanswered"] <= row["lost"] <= 0


def kept_rate(rows: list[dict[str, Any]], within_ms: float = np.inf) -> float:
    """The highest rate that was kept; 0 for none.  A rate counts as what was asked for, not as what came of chance."""
    return max((float(row["rate"]) for row in rows if is_kept(row, within_ms)), default=0.0)


def is_followed(row: Mapping[str, Any]) -> bool:
    """Whether events were applied as fast as they came, so that the rate could go on for ever."""
    return bool(row["most_lag"] <= FOLLOWED_SECONDS * row["rate"])


def sustained_rate(rows: list[dict[str, Any]]) -> float:
    """The highest rate that was kept and followed; 0 for none."""
    return kept_rate([row for row in rows if is_followed(row)])


def self_check(cores: Cores) -> dict[str, float | None]:
    """What the generator reports of a server that is known to stall, from when requests were due and from sending."""
    say("self-check: a server that stalls")
    with Stalling(**STALL) as server:
        found = _offered(server.port, Body(), rate=100, seconds=10.0, connections=1, kind="constant", cores=cores)
    return {
        "stall_s": STALL["stall"],
        "every_s": STALL["every"],
        "p99_ms": found["ack"]["p99_ms"],
        "p90_ms_as_a_closed_loop_tells": found["from_sending"]["p90_ms"],
        "late_p99_ms": found["late_ms"]["p99_ms"],
    }


def _side(options: Options, cores: Cores, *, say_as: str, **settings: object) -> dict[str, Any]:
    """A platform through all rates, and what its log says of its commits."""
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="tacit-ingest-") as place:
        with platform(Path(place), core=cores.server, **settings) as server:
            popular = server.address.get("/api/v1/popular?limit=1000")
            items = tuple(item["item_id"] for item in popular["items"])
            singles = [_single(server, rate, options, items=items, cores=cores) for rate in options.rates]
            batches = [
                _batch(server, rate, options, form=form, items=items, cores=cores)
                for rate in options.batch_rates
                for form in ("json", "ndjson")
            ]
        say(f"{say_as}: done")
        return {"singles": singles, "batches": batches, "log": commits_of(Path(place) / "home" / "events")}


def _on_postgres(options: Options, cores: Cores) -> dict[str, Any]:
    with postgres(options.folder) as url:
        return _side(options, cores, say_as="postgres", database_url=url)


def _single(server: Process, rate: int, options: Options, *, items: tuple[str, ...], cores: Cores) -> dict[str, Any]:
    say(f"single events: {rate} a second")
    body = Body(items=items, at_ms=_now_ms())
    send = {"rate": float(rate), "seconds": options.seconds, "connections": options.connections, "kind": "poisson"}
    return {"rate": rate, **_watched(server, body, send, cores=cores)}


def _batch(
    server: Process, rate: int, options: Options, *, form: str, items: tuple[str, ...], cores: Cores
) -> dict[str, Any]:
    say(f"batches as {form}: {rate} events a second")
    body = Body(form, BATCH, items=items, at_ms=_now_ms())
    send = {"rate": rate / BATCH, "seconds": options.seconds, "connections": 4, "kind": "constant"}
    return {"form": form, "rate": rate, **_watched(server, body, send, cores=cores)}


def _watched(server: Process, body: Body, send: Mapping[str, Any], *, cores: Cores) -> dict[str, Any]:
    """A run against the platform, with what it took there: memory, CPU, lag, and what was applied by its end."""
    # What was written before this run must not be on its way to the disk when this run's flushes want it.
    os.sync()
    before, cpu = _applied(server), server.cpu_seconds
    commits = server.measured()
    started = time.monotonic()
    with _sampled(server) as samples:
        found = _offered(server.address.port, body, cores=cores, **send)
        seconds = time.monotonic() - started
        applied, cpu = _applied(server) - before, server.cpu_seconds - cpu
    ended = time.monotonic()
    is_caught_up = _caught_up(server)
    acknowledged = found.pop("acknowledged_in_all") * body.size
    all_of_them = _counted(server, before, acknowledged)
    unanswered = found.pop("unanswered_in_all") * body.size
    return {
        **found,
        "commits": commits_between(commits, server.measured()),
        "applied_per_s": applied / seconds,
        "lost": acknowledged - all_of_them if is_caught_up else None,
        "unanswered": unanswered,
        "most_lag": max(samples.lag, default=0.0),
        "caught_up_after_s": time.monotonic() - ended,
        "resident_mib": max(samples.resident, default=0) / 2**20,
        "server_cpu_us_per_event": cpu / max(1, acknowledged) * 1e6,
    }


def _offered(port: int, body: Body, *, cores: Cores, **send: Any) -> dict[str, Any]:
    """A run of the generator in its own process."""
    number = next(runs)
    named = Body(**{**asdict(body), "suffix": f"-{number}"})
    offer = Offer("127.0.0.1", port, body=named, seed=number, core=cores.generator, **send)
    found: dict[str, Any] = run_side("benchmarks._load:offered", {"offer": asdict(offer)}, threads=1).result
    return found


@dataclass
class Samples:
    """What a server held, looked at now and then."""

    lag: list[float] = field(default_factory=list)
    resident: list[int] = field(default_factory=list)


@contextmanager
def _sampled(server: Process) -> Iterator[Samples]:
    """Look at a server once a second."""
    samples, over = Samples(), threading.Event()

    def look() -> None:
        while not over.wait(1.0):
            samples.lag.append(server.measured().get(LAG, 0.0))
            samples.resident.append(server.resident_bytes)

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    try:
        yield samples
    finally:
        over.set()
        looking.join()


def _applied(server: Process) -> float:
    return sum(value for name, value in server.measured().items() if name.startswith(APPLIED))


def commits_between(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """What the log's commits took between two looks at the server's measurements, of which the disk's flush is most."""
    risen = {name: after[name] - before.get(name, 0.0) for name in after if name.startswith(COMMIT)}
    number = risen.get(f"{COMMIT}_count", 0.0)
    bounds = sorted((_bound_of(name), rise) for name, rise in risen.items() if name.startswith(f"{COMMIT}_bucket"))
    return {
        "commits": number,
        "mean_ms": risen.get(f"{COMMIT}_sum", 0.0) / max(1.0, number) * 1e3,
        "p99_at_most_ms": next((bound * 1e3 for bound, rise in bounds if rise >= 0.99 * number), np.inf),
    }


def _bound_of(series: str) -> float:
    return float(series.partition('le="')[2].partition('"')[0])


def _counted(server: Process, before: float, awaited: int) -> int:
    """How many events were applied, once it is as many as are awaited; those of a moment ago are not counted yet."""
    until = time.monotonic() + _COUNTED_SECONDS
    while (found := round(_applied(server) - before)) < awaited and time.monotonic() < until:
        time.sleep(0.1)
    return found


def _caught_up(server: Process) -> bool:
    """Wait until everything is applied, so that no run pays for the one before it; whether it came to that."""
    until = time.monotonic() + _CATCH_UP_SECONDS
    while time.monotonic() < until:
        if server.measured().get(LAG) == 0:
            return True
        time.sleep(0.1)
    return False


def _now_ms() -> int:
    return int(time.time() * 1_000)


def commits_of(folder: Path) -> dict[str, float]:
    """How an event log came about: its events, its bytes, and its commits, which the moments they were made at tell."""
    [file] = folder.glob("*.db")
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as log:
        events, commits = log.execute("SELECT sum(events), count(DISTINCT received_at_ms) FROM pieces").fetchone()
    size = file.stat().st_size
    return {"events": events, "commits": commits, "bytes": size, "bytes_per_event": size / max(1, events)}


def _floor(log: Mapping[str, float], options: Options, cores: Cores) -> dict[str, Any]:
    """The disk's own speed with these commits, and that of the HTTP server with nothing behind it."""
    say("floor: flushes without the platform, and the bare server")
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="tacit-ingest-") as place:
        path, per_event = Path(place) / "flushed", log["bytes_per_event"]
        one = flushed(path, size=round(per_event), seconds=options.seconds / 3)
        many = flushed(path, size=round(per_event * BATCH), seconds=options.seconds / 3)
        rate = max(options.rates, default=GOAL_SINGLES)
        send = {"rate": float(rate), "seconds": options.seconds, "connections": options.connections}
        with bare(Path(place), core=cores.server) as server:
            cpu = server.cpu_seconds
            answered = _offered(server.address.port, Body(), cores=cores, **send)
            cpu = server.cpu_seconds - cpu
        free = shutil.disk_usage(place).free
    return {
        "what": "events/s of flushes of the same bytes alone, one and 500 at a time, and a server that only answers",
        "flushes_per_s_of_one": 1 / one["mean_s"],
        "flush_of_one_p50_ms": one["p50_ms"],
        "flush_of_one_p99_ms": one["p99_ms"],
        "events_per_s_in_flushes_of_500": BATCH / many["mean_s"],
        "flush_of_500_p99_ms": many["p99_ms"],
        "bare_server_requests_per_s": answered["acknowledged_per_s"],
        "bare_server_p99_ms": answered["ack"]["p99_ms"],
        "bare_server_cpu_us": cpu / max(1, answered["requests"]) * 1e6,
        "free_disk_gib": free / 2**30,
    }


def flushed(path: Path, *, size: int, seconds: float, sync: Callable[[int], None] = os.fdatasync) -> dict[str, Any]:
    """Append so many bytes and have the disk keep them, again and again; how long each time took."""
    piece = os.urandom(size)
    taken: list[float] = []
    until = time.perf_counter() + seconds
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        while not taken or time.perf_counter() < until:
            started = time.perf_counter()
            os.write(descriptor, piece)
            sync(descriptor)
            taken.append(time.perf_counter() - started)
    finally:
        os.close(descriptor)
    return {"mean_s": float(np.mean(taken)), **percentiles(np.array(taken))}


BENCHMARK = Benchmark("ingest", (__doc__ or "").splitlines()[0], measure, options, pairs=1)


def main(arguments: list[str] | None = None) -> int:
    """Measure and print."""
    return run(BENCHMARK, arguments)


if __name__ == "__main__":
    sys.exit(main())
