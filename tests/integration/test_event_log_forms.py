"""A log keeps its ids in memory, in a table, and in rows of the first form: wherever one is, it is known."""

from __future__ import annotations

import time
import zlib
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import apsw
import pytest

from tacit.adapters import event_log_known, event_log_many, event_log_queue
from tacit.adapters.event_log import SqliteEventLog
from tacit.data.events import Event, Receipt
from tests.conservation import unaccounted
from tests.faults.event_log_child import event_of
from tests.stages import wait_until

NOW = datetime(2026, 1, 2, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1_000)

FIRST_FORM = """
CREATE TABLE events (
    sequence INTEGER PRIMARY KEY, received_at_ms INTEGER NOT NULL, source TEXT NOT NULL, event_id TEXT NOT NULL UNIQUE,
    digest BLOB NOT NULL, user_id TEXT NOT NULL, item_id TEXT NOT NULL, type TEXT NOT NULL, value REAL,
    occurred_at_ms INTEGER NOT NULL, recommendation_id TEXT, properties TEXT NOT NULL, timed INTEGER NOT NULL,
    crc INTEGER NOT NULL
) STRICT;
CREATE TABLE recoveries (
    from_file TEXT NOT NULL, events INTEGER NOT NULL, damaged INTEGER NOT NULL, last_sequence INTEGER NOT NULL
) STRICT;
"""


def opened(folder: Path, *, recent_ids: int = 50_000) -> SqliteEventLog:
    return SqliteEventLog(folder, clock=lambda: NOW, recent_ids=recent_ids)


def numbered(*numbers: int) -> list[Event]:
    return [event_of(str(number)) for number in numbers]


def ids(log: SqliteEventLog) -> list[str]:
    return [each.event.event_id for each in log.read(0, limit=10_000)]


def asked(folder: Path, question: str) -> list[tuple[int, ...]]:
    with closing(apsw.Connection(str(folder / "events.db"), flags=apsw.SQLITE_OPEN_READONLY)) as file:
        return list(file.execute(question))


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A folder as the first release left it, with events `0` to `29`."""
    with closing(apsw.Connection(str(tmp_path / "events.db"))) as file:
        file.pragma("journal_mode", "wal")
        file.execute(FIRST_FORM)
        file.pragma("user_version", 1)
        for place, event in enumerate(numbered(*range(30)), 1):
            said = (event.event_id, event.digest, event.user_id, event.item_id, event.type, event.value)
            rest = (event.occurred_at_ms, event.recommendation_id, event.properties, int(event.timed))
            row = (place, NOW_MS, "api", *said, *rest)
            file.execute(f"INSERT INTO events VALUES ({','.join('?' * 14)})", (*row, zlib.crc32(repr(row).encode())))
    return tmp_path


def test_a_log_of_the_first_form_goes_on_with_every_event_in_its_place(old: Path) -> None:
    log = opened(old)
    receipts = log.append([*numbered(3, 30), Event("7", "somebody else", "song", "play", 1.0, 1)])

    assert receipts == [Receipt("duplicate", 4), Receipt("stored", 31), Receipt("conflict", 8)]
    assert ids(log) == [str(number) for number in range(31)]
    assert [each.sequence for each in log.read(28, limit=2)] == [29, 30]
    assert (list(log.damaged), unaccounted(log)) == ([], [])
    log.close()
    again = opened(old)
    assert again.append(numbered(30, 29))[0] == Receipt("duplicate", 31)
    assert ids(again) == [str(number) for number in range(31)]
    again.close()


def test_events_of_the_first_form_grow_old_and_take_their_table_with_them(old: Path) -> None:
    log = opened(old)
    log.append(numbered(30, 31))
    log.prune(31, before_ms=NOW_MS + 1)
    wait_until(lambda: ids(log) == ["31"], seconds=10)
    assert log.append(numbered(3))[0] == Receipt("stored", 33)
    log.close()
    opened(old).close()

    assert asked(old, "SELECT count(*) FROM sqlite_schema WHERE name = 'events'") == [(0,)]
    again = opened(old)
    assert again.append(numbered(31, 30)) == [Receipt("duplicate", 32), Receipt("stored", 34)]
    again.close()


def test_a_suspect_log_of_the_first_form_is_copied_into_the_present_one(old: Path) -> None:
    (old / "suspect").write_text('{"file": "events.db", "reason": "somebody said so"}')

    log = opened(old)

    assert log.append(numbered(3, 30)) == [Receipt("duplicate", 4), Receipt("stored", 31)]
    assert ids(log) == [str(number) for number in range(31)]
    log.close()


def test_ids_that_left_the_memory_are_known_as_well(tmp_path: Path) -> None:
    log = opened(tmp_path, recent_ids=10)
    for start in range(0, 100, 5):
        log.append(numbered(*range(start, start + 5)))
    wait_until(lambda: asked(tmp_path, "SELECT upto FROM ids_entered") > [(50,)], seconds=10)

    assert [each.outcome for each in log.append(numbered(*range(100)))] == ["duplicate"] * 100
    assert log.append([Event("7", "somebody else", "song", "play", 1.0, 1)]) == [Receipt("conflict", 8)]
    log.close()
    again = opened(tmp_path, recent_ids=10)
    assert [each.sequence for each in again.append(numbered(99, 0, 57))] == [100, 1, 58]
    again.close()


def test_two_ids_that_share_a_key_are_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_log_queue, "lines_of", event_log_many.plain_lines_of)
    monkeypatch.setattr(event_log_many, "keys_of", lambda ids: [5] * len(ids))
    monkeypatch.setattr(event_log_known, "keys_of", lambda ids: [5] * len(ids))
    log = opened(tmp_path, recent_ids=1)
    log.append(numbered(1))
    wait_until(lambda: asked(tmp_path, "SELECT count(*) FROM ids") == [(1,)], seconds=10)

    receipts = log.append(numbered(2, 1))

    assert receipts == [Receipt("stored", 2), Receipt("duplicate", 1)]
    wait_until(lambda: asked(tmp_path, "SELECT count(*) FROM ids") == [(2,)], seconds=10)
    assert log.append(numbered(1, 2)) == [Receipt("duplicate", 1), Receipt("duplicate", 2)]
    log.close()


def test_an_event_that_was_damaged_may_be_sent_again_and_is_kept_anew(tmp_path: Path) -> None:
    log = opened(tmp_path)
    log.append(numbered(1, 2, 3))
    log.close()
    file = tmp_path / "events.db"
    file.write_bytes(file.read_bytes().replace(b"user of 2", b"user of 9"))
    log = opened(tmp_path)

    assert log.append(numbered(1, 2)) == [Receipt("duplicate", 1), Receipt("stored", 4)]
    assert ids(log) == ["1", "3", "2"]
    assert log.append(numbered(2)) == [Receipt("duplicate", 4)]
    log.close()


def test_removed_events_leave_no_id_behind(tmp_path: Path) -> None:
    log = opened(tmp_path, recent_ids=1)
    log.append(numbered(*range(60)))
    wait_until(lambda: asked(tmp_path, "SELECT count(*) FROM ids") == [(60,)], seconds=10)
    log.prune(57, before_ms=NOW_MS + 1)
    wait_until(lambda: log.read(0, limit=1)[0].sequence == 58, seconds=10)

    wait_until(lambda: asked(tmp_path, "SELECT count(*) FROM ids") == [(3,)], seconds=10)
    assert [each.outcome for each in log.append(numbered(5, 58))] == ["stored", "duplicate"]
    log.close()


def test_a_log_opens_fast_however_many_ids_wait_in_memory(tmp_path: Path) -> None:
    log = opened(tmp_path)
    for start in range(0, 20_000, 500):
        log.append(numbered(*range(start, start + 500)))
    log.close()
    began = time.monotonic()
    again = opened(tmp_path)

    assert time.monotonic() - began < 5
    assert again.append(numbered(19_999, 0)) == [Receipt("duplicate", 20_000), Receipt("duplicate", 1)]
    again.close()
