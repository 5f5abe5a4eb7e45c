"""Somebody removes the files of the event log under a running process: it goes on, and nothing it has is lost."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog

from tacit.adapters.event_log import SqliteEventLog
from tacit.errors import Unavailable
from tests.conservation import unaccounted
from tests.faults.event_log_child import event_of
from tests.stages import wait_until


@pytest.fixture(autouse=True)
def said() -> Iterator[list[structlog.typing.EventDict]]:
    with structlog.testing.capture_logs() as lines:
        yield lines


def opened(folder: Path) -> SqliteEventLog:
    return SqliteEventLog(folder, clock=lambda: datetime.now(UTC))


def ids_in(log: SqliteEventLog) -> list[str]:
    return [logged.event.event_id for logged in log.read(0, limit=1_000_000)]


def remove_all(folder: Path) -> None:
    # The log writes meanwhile: a file that it makes between two looks keeps the folder from going at the first attempt.
    for _ in range(10):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
    shutil.rmtree(folder)


def remove_the_file(folder: Path) -> None:
    (folder / "events.db").unlink()


def remove_the_wal(folder: Path) -> None:
    (folder / "events.db-wal").unlink()


def remove_what_belongs_to_it(folder: Path) -> None:
    for name in ("events.db", "events.db-wal", "events.db-shm"):
        (folder / name).unlink()


def replace_the_file(folder: Path) -> None:
    other = folder.parent / "other.db"
    other.write_bytes(b"")
    other.rename(folder / "events.db")


VANDALS: list[Callable[[Path], None]] = [
    remove_all,
    remove_the_file,
    remove_the_wal,
    remove_what_belongs_to_it,
    replace_the_file,
]


@pytest.mark.parametrize("is_moved", [False, True], ids=["in the WAL", "in the file"])
@pytest.mark.parametrize("vandal", VANDALS, ids=lambda each: each.__name__)
def test_a_log_whose_files_are_removed_goes_on_in_a_fresh_one_with_everything(
    tmp_path: Path, vandal: Callable[[Path], None], is_moved: bool, said: list[structlog.typing.EventDict]
) -> None:
    folder = tmp_path / "events"
    log = opened(folder)
    before = [f"before {number}" for number in range(700)]
    log.append([event_of(each) for each in before])
    if is_moved:
        wait_until(lambda: (folder / "events.db-wal").stat().st_size == 0)

    vandal(folder)
    receipts = log.append([event_of("after"), event_of("before 3")])

    assert [(each.outcome, each.sequence) for each in receipts] == [("stored", 701), ("duplicate", 4)]
    assert ids_in(log) == [*before, "after"]
    assert (log.fault, log.refusal) == (None, None)
    assert [line["file"] for line in said if line["event"] == "event_log_vanished"] == ["events_0002.db"]
    log.close()
    again = opened(folder)
    assert ids_in(again) == [*before, "after"]
    assert unaccounted(again) == []
    again.close()


def test_it_is_noticed_without_any_event_and_may_happen_again_at_any_moment(
    tmp_path: Path, said: list[structlog.typing.EventDict]
) -> None:
    folder = tmp_path / "events"
    log = opened(folder)
    log.append([event_of("first")])
    for _ in range(3):
        # Just made, the fresh file may not even be open yet when it is removed as well.
        remove_all(folder)
        wait_until(lambda: list(folder.glob("events_*.db")), seconds=30)
    receipts = log.append([event_of("first"), event_of("last")])

    assert [(each.outcome, each.sequence) for each in receipts] == [("duplicate", 1), ("stored", 2)]
    assert len([line for line in said if line["event"] == "event_log_vanished"]) >= 3
    log.close()
    again = opened(folder)
    assert ids_in(again) == ["first", "last"]
    again.close()


def test_under_load_nothing_that_was_acknowledged_is_lost(tmp_path: Path) -> None:
    folder = tmp_path / "events"
    log = opened(folder)
    acknowledged: dict[str, int] = {}
    over = threading.Event()

    def send(name: str) -> None:
        number = 0
        while not over.is_set():
            ids = [f"{name}/{number}/{n}" for n in range(3)]
            try:
                receipts = log.append([event_of(each) for each in ids])
            except Unavailable:
                continue  # removed once more while it was made anew: not acknowledged, and sent again
            acknowledged.update({each: receipt.sequence for each, receipt in zip(ids, receipts, strict=True)})
            number += 1

    senders = [threading.Thread(target=send, args=(f"s{number}",)) for number in range(4)]
    for sender in senders:
        sender.start()
    try:
        for removals in range(1, 6):
            wait_until(lambda: len(acknowledged) >= 30 * removals, seconds=60)  # noqa: B023 - awaited at once
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        over.set()
        for sender in senders:
            sender.join()
    log.append([event_of("last")])
    kept = {logged.event.event_id: logged.sequence for logged in log.read(0, limit=1_000_000)}

    assert {key: place for key, place in acknowledged.items() if kept.get(key) != place} == {}
    assert unaccounted(log) == []
    log.close()
