"""A disk that fails, fills up or turns read-only while events come in and lists are asked for, over HTTP.

What is acknowledged is kept, nothing is acknowledged on a disk that failed, asking goes on, and the way back is short.
"""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import apsw
import httpx2
import pytest

from tacit.adapters.event_log import SqliteEventLog
from tacit.adapters.memory_store import MemoryEventStore
from tacit.adapters.reserve import Reserve
from tacit.data.event_rules import EventRules
from tacit.data.intake import Intake
from tacit.entrypoints.api.app import create_app
from tests import fault_table
from tests.faults.failing_disk import FailingDisk
from tests.stages import listening, stage, wait_until

PATH = "/api/v1/events"
RECOVERY_SECONDS = 10.0
READS_KEPT = 0.999
SENDERS, READERS = 3, 2
BATCH = 5
ENOUGH = 15


@dataclass
class Seen:
    """What senders and readers were told.

    Attributes:
        acknowledged: Ids of events that were.
        late: Calls that began after one had been refused, and were acknowledged nevertheless.
        codes: Of refusals.
        reads: Answers to questions, by status; 0 for none.
    """

    acknowledged: set[str] = field(default_factory=set)
    late: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    reads: Counter[int] = field(default_factory=Counter)
    over: threading.Event = field(default_factory=threading.Event)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def reads_kept(self) -> float:
        return self.reads[200] / self.reads.total()

    def send(self, address: httpx2.URL) -> None:
        with httpx2.Client(base_url=address, timeout=30) as client:
            while not self.over.is_set():
                is_late = bool(self.codes)
                ids = [f"e{next(self.numbers)}" for _ in range(BATCH)]
                answer = client.post(PATH, json=[_play(event_id) for event_id in ids])
                if answer.status_code == 202:
                    self.acknowledged.update(ids)
                    self.late += is_late
                else:
                    self.codes[answer.json()["code"]] += 1

    def read(self, address: httpx2.URL) -> None:
        with httpx2.Client(base_url=address, timeout=30) as client:
            while not self.over.is_set():
                try:
                    self.reads[client.get("/api/v1/popular").status_code] += 1
                except httpx2.HTTPError:
                    self.reads[0] += 1


def _play(event_id: str) -> dict[str, object]:
    return {"event_id": event_id, "user_id": "ann", "item_id": "i1", "type": "play", "properties": {"x": "y" * 500}}


def opened(folder: Path, *, vfs: str | None = None, reserve: Reserve | None = None) -> SqliteEventLog:
    return SqliteEventLog(folder, clock=lambda: datetime.now(UTC), vfs=vfs, reserve=reserve)


@contextmanager
def under_load(home: Path, log: SqliteEventLog) -> Iterator[tuple[Seen, httpx2.Client]]:
    """Senders and readers at work on a server over a log, well so far."""
    intake = Intake(
        log,
        EventRules.shipped("music"),
        count=lambda *_: None,
        clock=lambda: int(time.time() * 1_000),
        new_id=lambda: "new",
        quarantine=MemoryEventStore().set_aside,
    )
    seen = Seen()
    with ExitStack() as stack:
        made = stack.enter_context(stage(home))
        made.release()
        client = stack.enter_context(
            listening(create_app(made.service, made.pool, made.metrics, version="0", intake=intake))
        )
        work = [seen.send] * SENDERS + [seen.read] * READERS
        threads = [threading.Thread(target=each, args=(client.base_url,)) for each in work]
        for thread in threads:
            thread.start()
        try:
            wait_until(lambda: len(seen.acknowledged) >= ENOUGH * BATCH, seconds=60)
            yield seen, client
        finally:
            seen.over.set()
            for thread in threads:
                thread.join()


def ids_in(log: SqliteEventLog) -> set[str]:
    return {logged.event.event_id for logged in log.read(0, limit=1_000_000)}


def refused(seen: Seen) -> None:
    """Wait until so many calls have been refused that any acknowledged between them would show."""
    wait_until(lambda: seen.codes.total() >= 4 * ENOUGH, seconds=60)


def assert_mended(folder: Path, seen: Seen, mend: Callable[[], None] = lambda: None) -> None:
    """Opening the log again is quick, and shows everything that was acknowledged."""
    started = time.monotonic()
    mend()
    log = opened(folder)
    kept = ids_in(log)
    taken = log.append([each.event for each in log.read(0, limit=1)])[0].outcome
    seconds = time.monotonic() - started
    log.close()

    assert kept >= seen.acknowledged
    assert taken == "duplicate"
    assert seconds <= RECOVERY_SECONDS


def told_of(row: str, fault: str, seen: Seen, *, late: int) -> None:
    found = f"{len(seen.acknowledged)} acknowledged, {late} after the first refusal; refused {dict(seen.codes)}"
    fault_table.tell(row, fault, f"{found}; {seen.reads_kept:.2%} of {seen.reads.total()} reads answered")


class FailingFlush(FailingDisk):
    """A disk whose flushes fail from the moment that it is broken."""

    def __init__(self) -> None:
        super().__init__(fail_at=10**9, failure="error", is_lasting=True)
        self.is_broken = False

    def change(self, method: str, file: str) -> None:
        if self.is_broken and method == "xSync":
            raise apsw.exception_for(apsw.SQLITE_IOERR_FSYNC)
        super().change(method, file)


def test_once_a_flush_failed_nothing_is_acknowledged_and_every_question_answered(tmp_path: Path) -> None:
    disk = FailingFlush()
    log = opened(tmp_path / "events", vfs=disk.vfs)
    with under_load(tmp_path / "home", log) as (seen, _):
        disk.is_broken = True
        refused(seen)
    log.close()

    told_of("B3", "a flush of the log fails", seen, late=seen.late)
    assert set(seen.codes) == {"storage_unavailable"}
    assert seen.late == 0
    assert seen.reads_kept >= READS_KEPT
    disk.unregister()
    assert_mended(tmp_path / "events", seen)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 6 MB, in memory."""
    disk = tmp_path / "small"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "none", disk], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no disk of 6 MB can be mounted here: {mounted.stderr.decode().strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


def test_a_disk_that_fills_up_refuses_for_as_long_as_it_is_full(tmp_path: Path, small_disk: Path) -> None:
    # As in a server: what it holds back goes at the first refusal, and only once it is back are events taken again.
    reserve = Reserve(small_disk / "reserve", size=2 * 2**20)
    assert reserve.take()
    log = opened(small_disk / "events", reserve=reserve)
    with under_load(tmp_path / "home", log) as (seen, client):
        ballast = small_disk / "ballast"
        fill_up(ballast)
        refused(seen)
        late = seen.late
        ballast.unlink()
        freed, before = time.monotonic(), len(seen.acknowledged)
        wait_until(lambda: len(seen.acknowledged) >= before + ENOUGH * BATCH, seconds=RECOVERY_SECONDS)
        seconds = time.monotonic() - freed
        statuses = {client.post(PATH, json=_play(f"last{number}")).status_code for number in range(20)}

    told_of("B5", f"no space left; taken again {seconds:.2f} s after there was", seen, late=late)
    assert set(seen.codes) == {"storage_full"}
    assert late == 0
    assert seen.reads_kept >= READS_KEPT
    assert seconds <= RECOVERY_SECONDS
    assert statuses == {202}
    assert ids_in(log) >= seen.acknowledged
    log.close()
    assert_mended(small_disk / "events", seen)


def fill_up(ballast: Path) -> None:
    """Leave no byte."""
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        for size in (65_536, 4_096, 512, 1):
            with suppress(OSError):
                while True:
                    file.write(bytes(size))


@dataclass(frozen=True)
class RealDisk:
    """A file system of its own, in a file, that turns read-only at its first error."""

    image: Path
    place: Path

    def mount(self) -> None:
        options = ["-o", "loop,errors=remount-ro"]
        subprocess.run(["mount", *options, self.image, self.place], check=True, capture_output=True)

    def unmount(self) -> None:
        subprocess.run(["umount", self.place], check=True, capture_output=True)

    def fail(self) -> None:
        """Have the kernel find an error, and remount read-only under everybody's hands."""
        found = subprocess.run(["findmnt", "-no", "SOURCE", self.place], check=True, capture_output=True, text=True)
        Path("/sys/fs/ext4", Path(found.stdout.strip()).name, "trigger_fs_error").write_text("an error")

    def mend(self) -> None:
        self.unmount()
        subprocess.run(["e2fsck", "-fy", self.image], check=False, capture_output=True)
        self.mount()


@pytest.fixture
def real_disk(tmp_path: Path) -> Iterator[RealDisk]:
    if shutil.which("mkfs.ext4") is None:
        pytest.skip("no mkfs.ext4: the package is e2fsprogs")
    disk = RealDisk(tmp_path / "image", tmp_path / "ext4")
    disk.place.mkdir()
    disk.image.write_bytes(b"")
    subprocess.run(["truncate", "-s", "32M", disk.image], check=True)
    subprocess.run(["mkfs.ext4", "-q", "-F", disk.image], check=True)
    try:
        disk.mount()
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no file system in a file can be mounted here: {error.stderr.decode().strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", disk.place], check=True)


def test_a_disk_that_turns_read_only_under_the_log_loses_nothing(tmp_path: Path, real_disk: RealDisk) -> None:
    log = opened(real_disk.place / "events")
    with under_load(tmp_path / "home", log) as (seen, _):
        try:
            real_disk.fail()
        except OSError as error:
            pytest.skip(f"this kernel fails no file system on request: {error}")
        refused(seen)
        kept = ids_in(log)
    log.close()

    told_of("B8", "the disk turns read-only", seen, late=seen.late)
    assert set(seen.codes) == {"storage_unavailable"}
    assert seen.late == 0
    assert kept >= seen.acknowledged  # read while nothing can be written
    assert seen.reads_kept >= READS_KEPT
    assert_mended(real_disk.place / "events", seen, real_disk.mend)
