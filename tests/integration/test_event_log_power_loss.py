"""Power goes at any moment: whatever was acknowledged is there afterwards, in its place, once."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import apsw
import pytest
import structlog

from tacit.adapters import event_log_rows
from tacit.adapters.event_log import SqliteEventLog
from tacit.data.events import Event
from tacit.errors import Unavailable
from tests.conservation import unaccounted
from tests.faults.power_loss import SimulatedDisk

NOW = datetime(2026, 1, 2, tzinfo=UTC)
SEEDS = 60
MANY_SEEDS = 20_000
LIVES = 2
CALLS = 12
# The live plane is never flushed, so memory serves as well as a disk, and many small files cost less there.
MEMORY = next((each for each in ("/dev/shm",) if Path(each).is_dir()), None)  # noqa: S108


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Thousands of sealed logs say so; here nobody reads it."""
    with structlog.testing.capture_logs():
        yield


@dataclass
class Sender:
    """What somebody sent, and what they were told of it, over all lives of one disk."""

    rng: random.Random
    sent: dict[str, Event] = field(default_factory=dict)
    acknowledged: dict[str, int] = field(default_factory=dict)
    mended: int = 0

    def call(self) -> list[Event]:
        fresh = [self._event(len(self.sent) + n) for n in range(self.rng.choice((1, 1, 2, 5, 30)))]
        again = self.rng.sample(sorted(self.sent), min(len(self.sent), self.rng.choice((0, 0, 2))))
        self.sent |= {event.event_id: event for event in fresh}
        return [*fresh, *(self.sent[event_id] for event_id in again)]

    def _event(self, number: int) -> Event:
        properties = "x" * self.rng.choice((2, 2, 500, 6_000))
        return Event(f"{self.rng.random()}/{number}", "ann", "song", "play", None, number, None, properties)


def live(sender: Sender, folder: Path, disk: SimulatedDisk) -> None:
    """Send until power goes, or a while longer than that; closing and opening in between, as it comes."""
    log = None
    rng = sender.rng
    limit = rng.choice((20_000, 60_000, 1 << 26))
    recent = rng.choice((1, 20, 50_000))
    try:
        for _ in range(CALLS):
            log = log or SqliteEventLog(
                folder, clock=lambda: NOW, largest_wal_bytes=limit, recent_ids=recent, vfs=disk.vfs, flush=disk.flush
            )
            events = sender.call()
            receipts = log.append(events) if log.fault is None else []
            if disk.is_down:
                return
            sender.acknowledged |= {
                event.event_id: receipt.sequence for event, receipt in zip(events, receipts, strict=False)
            }
            if rng.random() < 0.15:
                log = log.close()
    except Unavailable as error:
        if error.code != "storage_unavailable":
            raise
        # A flush failed: whoever is in charge restarts, and the folder is mended.
        if log is not None:
            log = log.close()
        if not disk.is_down:
            sender.mended += 1
            live(sender, folder, disk)
    finally:
        if log is not None:
            log.close()


def lives(seed: int, *, flushes: Callable[[Path], None] | None = None) -> list[str]:
    """What somebody finds wrong after each of some losses of power; nothing, if all is well."""
    with TemporaryDirectory(dir=MEMORY) as folder:
        return lives_in(Path(folder), seed, flushes=flushes)


def lives_in(folder: Path, seed: int, *, flushes: Callable[[Path], None] | None) -> list[str]:
    rng = random.Random(seed)
    sender = Sender(rng)
    left: dict[str, bytes] = {}
    for life in range(LIVES):
        plane = folder / f"{life}"
        plane.mkdir()
        for name, content in left.items():
            (plane / name).write_bytes(content)
        fails = rng.randrange(1, 40) if rng.random() < 0.4 else None
        disk = SimulatedDisk(plane, seed=f"{seed}/{life}", crash_at=rng.randrange(1, 250), fail_sync_at=fails)
        if flushes is not None:
            disk.flush = flushes
        live(sender, plane, disk)
        disk.crash()
        left = disk.image or {}
        disk.unregister()
        wrong = faults_found(sender, folder / f"{life}-after", left)
        if wrong:
            return wrong
    return []


def faults_found(sender: Sender, folder: Path, left: dict[str, bytes]) -> list[str]:
    """Everything that does not hold of what a loss of power left behind."""
    folder.mkdir()
    for name, content in left.items():
        (folder / name).write_bytes(content)
    disk = SimulatedDisk(folder, seed="", crash_at=-1)
    try:
        log = SqliteEventLog(folder, clock=lambda: NOW, vfs=disk.vfs, flush=disk.flush)
    except Unavailable as error:
        return [error.detail]
    try:
        kept = log.read(0, limit=1_000_000)
        places = {logged.event.event_id: logged.sequence for logged in kept}
        lost = {key: place for key, place in sender.acknowledged.items() if places.get(key) != place}
        return [
            *([f"{len(lost)} acknowledged events lost or moved: {sorted(lost.items())[:3]}"] if lost else []),
            *(["gaps"] if [logged.sequence for logged in kept] != list(range(1, len(kept) + 1)) else []),
            *(["events nobody sent"] if any(sender.sent.get(e.event.event_id) != e.event for e in kept) else []),
            *(["damaged"] if log.damaged or not is_sound(log._file) else []),
            *unaccounted(log),
            *(["a mark left behind"] if (folder / "suspect").exists() else []),
        ]
    finally:
        log.close()
        disk.unregister()


def is_sound(file: Path) -> bool:
    with closing(apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
        try:
            return connection.pragma("integrity_check") == "ok"
        except apsw.Error:
            return False


def report(seeds: range) -> dict[int, list[str]]:
    wrong = {seed: found for seed in seeds if (found := lives(seed))}
    for seed, found in wrong.items():
        print(f"seed {seed}: {'; '.join(found)}")
    return wrong


def test_no_loss_of_power_takes_an_acknowledged_event() -> None:
    assert report(range(SEEDS)) == {}


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_no_loss_of_power_takes_an_acknowledged_event_over_many_seeds() -> None:
    assert report(range(MANY_SEEDS)) == {}


def test_the_simulator_catches_a_log_that_acknowledges_before_flushing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_log_rows, "SYNCHRONOUS", "NORMAL")

    caught = [seed for seed in range(16) if "acknowledged" in str(lives(seed))]

    assert len(caught) >= 4


def test_the_simulator_catches_a_mended_log_that_was_not_flushed() -> None:
    assert any(lives(seed, flushes=lambda _: None) for seed in range(60))
