"""Real disks that are full, limited, failing or read-only under the event log."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import apsw
import pytest

from tacit.adapters.event_log import SqliteEventLog
from tacit.errors import Misconfigured, Unavailable
from tests.conservation import unaccounted
from tests.faults.event_log_child import event_of

ROOT = Path(__file__).parents[2]
RECOVERY_SECONDS = 10.0


def opened(folder: Path, **kwargs: int) -> SqliteEventLog:
    return SqliteEventLog(folder, clock=lambda: datetime.now(UTC), **kwargs)


def ids_in(log: SqliteEventLog) -> set[str]:
    return {logged.event.event_id for logged in log.read(0, limit=1_000_000)}


def fill(log: SqliteEventLog, prefix: str) -> tuple[set[str], str]:
    """Append until it is refused: what was acknowledged, and the code of the refusal."""
    acknowledged: set[str] = set()
    for number in range(2_000):
        ids = [f"{prefix}/{number}/{n}/{'x' * 200}" for n in range(20)]
        try:
            log.append([event_of(each) for each in ids])
        except Unavailable as error:
            return acknowledged, error.code
        acknowledged.update(ids)
    return acknowledged, "never refused"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 3 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "none", disk], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no disk of 3 MB can be mounted here: {mounted.stderr.decode().strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


def test_a_full_disk_refuses_and_goes_on_by_itself_once_there_is_space(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(1_500_000))
    log = opened(small_disk / "events")
    kept, code = fill(log, "first")
    reads = [ids_in(log) for _ in range(20)]
    ballast.unlink()
    freed = time.monotonic()

    receipts = log.append([event_of("once there was space")])

    assert code == "storage_full"
    assert reads == [kept] * 20
    assert receipts[0].sequence == len(kept) + 1
    assert time.monotonic() - freed <= RECOVERY_SECONDS
    assert log.fault is None
    log.close()
    again = opened(small_disk / "events")
    assert ids_in(again) == kept | {"once there was space"}
    assert [logged.sequence for logged in again.read(0, limit=10**6)] == list(range(1, len(kept) + 2))
    assert unaccounted(again) == []
    again.close()


def test_a_disk_filled_again_and_again_loses_nothing(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    log = opened(small_disk / "events")
    kept: set[str] = set()
    for size in (2_000_000, 1_200_000, 400_000):
        ballast.write_bytes(bytes(size))
        more, code = fill(log, str(size))
        kept |= more
        assert code == "storage_full"
        ballast.unlink()

    assert ids_in(log) == kept
    assert unaccounted(log) == []
    log.close()


def test_a_log_on_a_disk_that_is_read_only_is_refused_with_the_reason(small_disk: Path) -> None:
    opened(small_disk / "events").close()
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)

    with pytest.raises(Misconfigured, match="Read-only file system") as refused:
        opened(small_disk / "events")
    assert refused.value.code == "home_unusable"


LIMITED = """
import resource, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from tests.integration.test_event_log_disk import fill, ids_in, opened
from tests.faults.event_log_child import event_of
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
log = opened(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))
kept, code = fill(log, "limited")
print(code, len(kept) > 0, ids_in(log) == kept)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(log.append([event_of("free")])[0].sequence == len(kept) + 1, log.fault)
log.close()
again = opened(Path(sys.argv[1]))
print(ids_in(again) == kept | {"free"})
again.close()
"""


def test_a_limit_on_the_size_of_files_is_lack_of_space_and_not_the_end_of_the_disk(tmp_path: Path) -> None:
    found = subprocess.run(
        [sys.executable, "-c", LIMITED, tmp_path / "events", ROOT],
        capture_output=True,
        text=True,
        env=environment(),
        check=False,
        timeout=60,
    )

    assert found.stdout.splitlines() == ["storage_full True True", "True None", "True"], found.stderr


def environment() -> dict[str, str]:
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "PYTHONPATH": path}


def said_under_fiu(folder: Path, point: str, error: int) -> list[list[str]]:
    """What a process told whose system calls began to fail and were well again, word by word."""
    fiu_run = shutil.which("fiu-run")
    if fiu_run is None:
        pytest.skip("no fiu-run: the package is fiu-utils")
    # The interpreter itself: a shim would be run under libfiu too.
    interpreter = os.path.realpath(sys.executable)
    path = os.pathsep.join([environment()["PYTHONPATH"], *filter(None, sys.path)])
    found = subprocess.run(
        [fiu_run, "-x", interpreter, "-m", "tests.faults.event_log_fiu", folder, point, str(error)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
        check=False,
        timeout=60,
    )
    assert found.returncode == 0, found.stderr
    return [line.split() for line in found.stdout.splitlines() if line.split()[0] != "event"]


@pytest.mark.parametrize(
    ("point", "error"),
    [
        ("posix/io/sync/*", errno.EIO),
        ("posix/io/sync/*", errno.ENOSPC),
        ("posix/io/rw/pwrite", errno.EIO),
        ("posix/io/rw/pwrite", errno.EROFS),
    ],
)
def test_the_first_error_of_the_disk_ends_all_acknowledging_and_opening_mends(
    tmp_path: Path, point: str, error: int
) -> None:
    said = said_under_fiu(tmp_path, point, error)
    counts = Counter((words[0], words[1]) for words in said if words[0] != "fault")

    assert counts["before", "ack"] == 20
    assert counts["during", "storage_unavailable"] == counts["after", "storage_unavailable"] == 20
    assert counts["read", "20"] == 2
    assert errno.errorcode[error] in said[-1][2]
    assert (tmp_path / "suspect").exists()
    mended = opened(tmp_path)
    assert ids_in(mended) >= {f"before{number}" for number in range(20)}
    assert not (tmp_path / "suspect").exists()
    assert sorted(each.name for each in tmp_path.glob("*.db")) == ["events.db", "events_0002.db"]
    assert mended.append([event_of("well again")])[0].outcome == "stored"
    assert unaccounted(mended) == []
    mended.close()


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_lack_of_space_of_any_kind_passes_when_it_passes(tmp_path: Path, error: int) -> None:
    said = said_under_fiu(tmp_path, "posix/io/rw/pwrite", error)
    counts = Counter((words[0], words[1]) for words in said)

    assert counts["during", "storage_full"] == 20
    assert counts["after", "ack"] == 20
    assert counts["read", "20"] == counts["read", "40"] == 1
    assert counts["fault", "None"] == 1


def test_a_long_foreign_reading_bounds_the_wal_and_ends_without_harm(tmp_path: Path) -> None:
    log = opened(tmp_path, largest_wal_bytes=500_000)
    log.append([event_of("first")])
    foreign = apsw.Connection(str(tmp_path / "events.db"), flags=apsw.SQLITE_OPEN_READONLY)
    reading = foreign.execute("SELECT * FROM pieces")
    next(reading)
    kept, code = fill(log, "while it reads")
    wal_bytes = (tmp_path / "events.db-wal").stat().st_size

    foreign.close(True)

    assert code == "overloaded"
    assert wal_bytes <= 600_000
    assert log.append([event_of("last")])[0].sequence == len(kept) + 2
    assert (tmp_path / "events.db-wal").stat().st_size < 200_000
    log.close()


def test_the_limits_of_this_process_are_left_alone() -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    assert signal.getsignal(signal.SIGXFSZ) != signal.SIG_DFL
