"""The n-th change of the disk fails, for every n: what the log answers then, what it keeps, and what it never does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog

from tacit.adapters.event_log import SqliteEventLog
from tacit.data.events import Event
from tacit.errors import Unavailable
from tests.conservation import unaccounted
from tests.faults.failing_disk import FailingDisk, Failure

# Where a second change fails while SQLite undoes the first, it has nobody to tell but the interpreter.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

NOW = datetime(2026, 1, 2, tzinfo=UTC)
CALLS = 12
SOME_CHANGES = (*range(1, 30), *range(30, 120, 7))
EVERY_CHANGE = range(1, 201)


@pytest.fixture(autouse=True)
def said() -> Iterator[list[structlog.typing.EventDict]]:
    with structlog.testing.capture_logs() as lines:
        yield lines


def play(number: int) -> Event:
    return Event(f"e{number}", "ann", "song", "play", 1.0, number, None, "x" * 3_000)


def opened(folder: Path, disk: FailingDisk | None = None) -> SqliteEventLog:
    vfs = disk.vfs if disk else None
    return SqliteEventLog(folder, clock=lambda: NOW, largest_wal_bytes=60_000, vfs=vfs)


@dataclass
class Outcome:
    """What a sender was told, call by call: the places, or the code of a refusal."""

    acknowledged: dict[str, int] = field(default_factory=dict)
    codes: list[str] = field(default_factory=list)
    sent: int = 0

    def send(self, log: SqliteEventLog) -> None:
        for _ in range(CALLS):
            events = [play(self.sent + n) for n in range(3)]
            self.sent += 3
            try:
                receipts = log.append(events)
            except Unavailable as error:
                self.codes.append(error.code)
            else:
                self.codes.append("")
                self.acknowledged |= {e.event_id: r.sequence for e, r in zip(events, receipts, strict=True)}


def kept_after(folder: Path, outcome: Outcome) -> list[str]:
    """What is wrong with what a sound disk shows of a folder; nothing, if all is well."""
    log = opened(folder)
    kept = {logged.event.event_id: logged.sequence for logged in log.read(0, limit=10_000)}
    missed = unaccounted(log)
    log.close()
    lost = [key for key, place in outcome.acknowledged.items() if kept.get(key) != place]
    phantoms = set(kept) - {f"e{number}" for number in range(outcome.sent)}
    gaps = sorted(kept.values()) != list(range(1, len(kept) + 1))
    return [*lost, *phantoms, *(["gaps"] if gaps else []), *missed]


def through_a_failure(folder: Path, disk: FailingDisk) -> Outcome:
    outcome = Outcome()
    try:
        log = opened(folder, disk)
    except Unavailable as error:
        outcome.codes.append(error.code)
        return outcome
    outcome.send(log)
    assert len(log.read(0, limit=10_000)) >= len(outcome.acknowledged)
    log.close()
    return outcome


def wrong_at(folder: Path, *, fail_at: int, failure: Failure, is_lasting: bool) -> list[str]:
    disk = FailingDisk(fail_at=fail_at, failure=failure, is_lasting=is_lasting)
    outcome = through_a_failure(folder, disk)
    codes = outcome.codes
    failed_first = next((number for number, code in enumerate(codes) if code), len(codes))
    allowed = {"", "storage_full"} if failure == "full" else {"", "storage_unavailable"}
    wrong = [f"unexpected answers {set(codes) - allowed}"] if set(codes) - allowed else []
    if failure == "error":
        wrong += ["acknowledged after the disk failed"] if "" in codes[failed_first:] else []
        # A file that could not even be made is nobody's log yet; SQLite undoes its making as it sees fit.
        wrong += _touched_again(disk) if outcome.sent else []
    elif not is_lasting and codes.count("storage_full") > 1:
        wrong.append("did not go on once there was space again")
    disk.repair()
    wrong += kept_after(folder, outcome)
    disk.unregister()
    return [f"change {fail_at}: {each}" for each in wrong]


def _touched_again(disk: FailingDisk) -> list[str]:
    """Changes of any file after a flush failed."""
    if not disk.failed or not disk.failed[0].startswith("xSync"):
        return []
    return [f"{change} after a flush failed" for change in disk.changes[disk.fail_at :]]


def wrong_over(folder: Path, changes: Iterable[int], *, failure: Failure, is_lasting: bool) -> list[str]:
    each = (wrong_at(folder / str(n), fail_at=n, failure=failure, is_lasting=is_lasting) for n in changes)
    return [wrong for found in each for wrong in found]


@pytest.mark.parametrize("is_lasting", [False, True])
@pytest.mark.parametrize("failure", ["error", "full"])
def test_whichever_change_fails_nothing_acknowledged_is_lost(
    tmp_path: Path, failure: Failure, is_lasting: bool
) -> None:
    assert wrong_over(tmp_path, SOME_CHANGES, failure=failure, is_lasting=is_lasting) == []


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("is_lasting", [False, True])
@pytest.mark.parametrize("failure", ["error", "full"])
def test_for_every_change_that_fails_nothing_acknowledged_is_lost(
    tmp_path: Path, failure: Failure, is_lasting: bool
) -> None:
    assert wrong_over(tmp_path, EVERY_CHANGE, failure=failure, is_lasting=is_lasting) == []
