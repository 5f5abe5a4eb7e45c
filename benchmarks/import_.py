"""How long an import of the shape of Last.fm-360K takes, and what memory it needs.

Each part runs in a process of its own, so that the peak memory of one is not that of another. The floor is what no
import can beat: reading the file once and digesting it.
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import multiprocessing.connection
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import structlog

from benchmarks._harness import Benchmark, Options, Outcome, run
from tacit.adapters.history import ParquetHistory
from tacit.data.imports import ImportReport, Limits, Source, TableSpec

USERS = 358_622
ARTISTS = 126_442
ROWS = 17_500_000
BAD_SHARE = 0.0001
CHUNK_ROWS = 1_000_000

SPEC = TableSpec(
    user="0", item="1", title="2", value="3", delimiter="\t", header=False, quoted=False, value_kind="count"
)


def generate(path: Path, rows: int, *, seed: int = 2010) -> int:
    """Write a table of the shape of Last.fm-360K: user, artist, name and plays, users together, popularity skewed.

    Every 10,000th row has a tab inside its artist's name, as some rows of the real file do.

    Returns:
        How many rows are bad.
    """
    random = np.random.default_rng(seed)
    users = _hexadecimal(random, USERS, width=40)
    artists = _hexadecimal(random, ARTISTS, width=36)
    names = pa.array([f"Sänger {n} & the Band" if n % 7 == 0 else f"artist number {n}" for n in range(ARTISTS)])
    bad_names = pa.array([f"torn\tname {n}" for n in range(ARTISTS)])
    bad = 0
    with path.open("wb") as file:
        for start in range(0, rows, CHUNK_ROWS):
            numbers = np.arange(start, min(start + CHUNK_ROWS, rows))
            is_bad = numbers % round(1 / BAD_SHARE) == round(1 / BAD_SHARE) - 1
            artist = pa.array((ARTISTS * random.random(len(numbers)) ** 3).astype(np.int64))
            plays = np.minimum(random.pareto(1.0, len(numbers)) * 20 + 1, 400_000).astype(np.int64)
            name = pc.if_else(pa.array(is_bad), bad_names.take(artist), names.take(artist))
            user = users.take(pa.array(numbers * USERS // rows))
            ended = pc.binary_join_element_wise(pa.array(plays).cast(pa.string()), "", "\n")
            lines = pc.binary_join_element_wise(user, artists.take(artist), name, ended, "\t")
            file.write(lines.buffers()[2])
            bad += int(is_bad.sum())
    return bad


def _hexadecimal(random: np.random.Generator, count: int, *, width: int) -> pa.Array:
    digits = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)[random.integers(0, 16, (count, width))]
    return pa.array(digits.view(f"S{width}").ravel()).cast(pa.string())


def read_and_digest(path: Path) -> float:
    """Seconds to read a file once and digest it."""
    started = time.perf_counter()
    with path.open("rb", buffering=0) as file:
        hashlib.file_digest(file, "sha256")
    return time.perf_counter() - started


def import_rows(path: Path, home: Path) -> ImportReport:
    """Import the generated file."""
    source = Source("benchmark", ((path, SPEC),))
    return ParquetHistory(home).load(source, None, dataset="benchmark", limits=Limits())


def read_back(home: Path) -> int:
    """Read all interactions as arrays."""
    return len(ParquetHistory(home).interactions("benchmark"))


def measured(work: Callable[..., object], *arguments: object) -> tuple[object, float, int]:
    """What some work returns, its seconds, and the peak resident bytes of the fresh process it runs in."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_report, args=(sender, work, arguments))
    process.start()
    sender.close()
    result: tuple[object, float, int] = receiver.recv()
    process.join()
    return result


def _report(
    sender: multiprocessing.connection.Connection, work: Callable[..., object], arguments: tuple[object, ...]
) -> None:
    # Standard output is for the figures.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    started = time.perf_counter()
    result = work(*arguments)
    seconds = time.perf_counter() - started
    sender.send((result, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024))


def options(parser: argparse.ArgumentParser) -> None:
    """The arguments that only this benchmark has."""
    parser.add_argument("--rows", type=int, default=None, help=f"of the file; {ROWS:,} at full scale")


def measure(options: Options) -> Outcome:
    """Generate, import, read back."""
    if options.folder is not None:
        options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        found = _figures(Path(folder), options.rows or round(ROWS * options.scale))
    return Outcome(
        figure=found["import_seconds"],
        unit="s for all rows",
        goal="<= 180 s and <= 3 GB for 17.5 million rows",
        checks={
            "at most 180 s": found["import_seconds"] <= 180,
            "at most 3 GB": found["import_peak_rss_bytes"] <= 3e9,
            "every bad row was set aside and nothing else": sum(found["quarantined"].values())
            == found["bad_rows_generated"],
        },
        floor={"what": "s to read the file once and digest it", "seconds": found["floor_seconds"]},
        details=found,
    )


def _figures(folder: Path, rows: int) -> dict[str, Any]:
    path, home = folder / "usersha1-artmbid-artname-plays.tsv", folder / "history"
    bad, generating, _ = measured(generate, path, rows)
    _, digesting, _ = measured(read_and_digest, path)
    report, importing, import_peak = measured(import_rows, path, home)
    count, reading, read_peak = measured(read_back, home)
    assert isinstance(report, ImportReport)
    assert report.balances
    return {
        "rows": report.read,
        "accepted": report.accepted,
        "merged": report.merged,
        "quarantined": dict(report.quarantined),
        "bad_rows_generated": bad,
        "users": report.users,
        "items": report.items,
        "file_bytes": path.stat().st_size,
        "stored_bytes": sum(part.stat().st_size for part in home.rglob("*.parquet")),
        "generate_seconds": generating,
        "floor_seconds": digesting,
        "import_seconds": importing,
        "import_peak_rss_bytes": import_peak,
        "read_back_rows": count,
        "read_back_seconds": reading,
        "read_back_peak_rss_bytes": read_peak,
    }


BENCHMARK = Benchmark("import", (__doc__ or "").splitlines()[0], measure, options, pairs=1)


def main(arguments: list[str] | None = None) -> int:
    """Measure and print."""
    return run(BENCHMARK, arguments)


if __name__ == "__main__":
    sys.exit(main())
