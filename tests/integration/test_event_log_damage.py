"""Bits that flip and tails that are cut: no wrong event is ever read, and whatever is whole is."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import apsw
import pytest
import structlog

from tacit.adapters.event_log import SqliteEventLog
from tacit.data.events import Event
from tacit.errors import Misconfigured, Unavailable
from tests.conservation import unaccounted
from tests.faults.event_log_child import event_of

NOW = datetime(2026, 1, 2, tzinfo=UTC)
EVENTS = 60
FLIPS = 60
MANY_FLIPS = 1_000


@pytest.fixture(autouse=True)
def said() -> Iterator[list[structlog.typing.EventDict]]:
    with structlog.testing.capture_logs() as lines:
        yield lines


def opened(folder: Path) -> SqliteEventLog:
    return SqliteEventLog(folder, clock=lambda: NOW, flush=lambda _: None)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A folder with events `0`, `1`, … , every one of them moved from the WAL into the file."""
    log = opened(tmp_path / "written")
    log.append([event_of(str(number)) for number in range(EVENTS)])
    log.close()
    return tmp_path / "written"


def flipped(folder: Path, copy: Path, *, byte: int, bit: int) -> Path:
    """A copy of a folder in whose file one bit is other than it was."""
    shutil.copytree(folder, copy)
    content = bytearray((copy / "events.db").read_bytes())
    content[byte] ^= 1 << bit
    (copy / "events.db").write_bytes(content)
    return copy


def with_damaged(event: Event, folder: Path, copy: Path) -> Path:
    """A copy of a folder where a bit of an event's user is other than it was; of leftovers of it, too."""
    shutil.copytree(folder, copy)
    content = (copy / "events.db").read_bytes()
    text = event.user_id.encode()
    (copy / "events.db").write_bytes(content.replace(text, bytes([text[0] ^ 4]) + text[1:]))
    return copy


def read_all(folder: Path) -> list[Event] | None:
    """What a log gives out; `None` if it refuses."""
    try:
        log = opened(folder)
    except (Unavailable, Misconfigured):
        return None
    try:
        return [logged.event for logged in log.read(0, limit=10_000)]
    except Unavailable:
        return None
    finally:
        log.close()


def test_an_event_with_a_flipped_bit_is_missed_and_told_and_its_neighbours_are_kept(
    written: Path, tmp_path: Path, said: list[structlog.typing.EventDict]
) -> None:
    log = opened(with_damaged(event_of("17"), written, tmp_path / "copy"))

    read = log.read(0, limit=1_000)

    assert [logged.event for logged in read] == [event_of(str(n)) for n in range(EVENTS) if n != 17]
    assert log.damaged == [18]
    assert [line["sequence"] for line in said if line["event"] == "event_damaged"] == [18]
    log.read(17, limit=1)
    assert len([line for line in said if line["event"] == "event_damaged"]) == 1
    assert unaccounted(log) == []
    log.close()


def wrong_after(written: Path, folder: Path, *, flips: int, seed: int) -> list[str]:
    """Flips after which something was read that nobody wrote."""
    rng = random.Random(seed)
    size = (written / "events.db").stat().st_size
    true = [event_of(str(number)) for number in range(EVENTS)]
    wrong = []
    for trial in range(flips):
        byte, bit = rng.randrange(size), rng.randrange(8)
        read = read_all(flipped(written, folder / str(trial), byte=byte, bit=bit))
        if read is not None and [event for event in true if event in read] != read:
            wrong.append(f"seed {seed}, flip {trial}: byte {byte}, bit {bit}")
        shutil.rmtree(folder / str(trial))
    return wrong


def test_whichever_bit_flips_only_true_events_are_read_in_order_or_none(written: Path, tmp_path: Path) -> None:
    assert wrong_after(written, tmp_path, flips=FLIPS, seed=random.randrange(10**9)) == []


@pytest.mark.slow
def test_of_a_thousand_flipped_bits_none_makes_a_wrong_event(written: Path, tmp_path: Path) -> None:
    assert wrong_after(written, tmp_path, flips=MANY_FLIPS, seed=random.randrange(10**9)) == []


def test_mending_leaves_damaged_events_behind_and_never_gives_out_their_places_again(
    written: Path, tmp_path: Path
) -> None:
    folder = with_damaged(event_of(str(EVENTS - 1)), written, tmp_path / "copy")
    (folder / "suspect").write_text('{"file": "events.db", "reason": "somebody said so"}')

    log = opened(folder)
    receipts = log.append([event_of("new"), event_of("3")])

    assert [(receipt.outcome, receipt.sequence) for receipt in receipts] == [("stored", EVENTS + 1), ("duplicate", 4)]
    assert [logged.sequence for logged in log.read(0, limit=1_000)] == [*range(1, EVENTS), EVENTS + 1]
    assert (folder / "events.db").exists()
    assert unaccounted(log) == []
    log.close()


def with_cut_wal(folder: Path, copy: Path, *, length: int, tail: bytes = b"") -> SqliteEventLog:
    shutil.copytree(folder, copy)
    wal = copy / "events.db-wal"
    wal.write_bytes(wal.read_bytes()[:length] + tail)
    (copy / "events.db-shm").unlink(missing_ok=True)
    return opened(copy)


def test_wherever_the_tail_is_cut_or_spoilt_all_earlier_commits_are_kept(tmp_path: Path) -> None:
    log = opened(tmp_path / "log")
    wal = tmp_path / "log/events.db-wal"
    log.append([event_of("0"), event_of("1")])
    before = wal.stat().st_size
    log.append([event_of("2"), event_of("3")])
    after = wal.stat().st_size
    shutil.copytree(tmp_path / "log", tmp_path / "running")
    log.close()

    for length in [*range(before, after, 211), after - 1, after]:
        for tail in (b"", b"\0" * 5_000, random.Random(length).randbytes(5_000)):
            folder = tmp_path / f"{length}-{tail[:1].hex()}"
            cut = with_cut_wal(tmp_path / "running", folder, length=length, tail=tail)
            kept = [logged.event.event_id for logged in cut.read(0, limit=10)]
            cut.close()
            assert kept == (["0", "1", "2", "3"] if length == after else ["0", "1"])


def test_a_file_of_a_later_release_is_refused_and_left_as_it_is(written: Path) -> None:
    file = apsw.Connection(str(written / "events.db"))
    file.pragma("user_version", 99)
    file.close()
    before = (written / "events.db").read_bytes()

    with pytest.raises(Misconfigured) as refused:
        opened(written)
    assert refused.value.code == "schema_newer"
    assert (written / "events.db").read_bytes() == before


def test_a_file_that_is_no_database_is_refused_and_never_replaced_by_an_empty_one(written: Path) -> None:
    (written / "events.db").write_bytes(b"no database at all" * 100)

    codes = []
    for _ in range(3):
        with pytest.raises(Unavailable) as refused:
            opened(written)
        codes.append(refused.value.code)

    assert codes == ["storage_unavailable", "log_damaged", "log_damaged"]
    assert [each.name for each in written.glob("*.db")] == ["events.db"]
