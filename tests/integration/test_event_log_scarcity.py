"""No files left to open, no inodes, files that do not belong together: the event log goes on, or says what is wrong."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tacit.adapters.event_log import SqliteEventLog
from tacit.adapters.memory_store import MemoryEventStore
from tacit.adapters.sql.engine import open_database
from tacit.adapters.sql.events import SqlEventStore
from tacit.data.ingestion import Admission, EventStore, Ingestion
from tacit.errors import Misconfigured, Unavailable
from tests.conservation import TYPES, unaccounted, unbalanced
from tests.event_stores import everything
from tests.faults.event_log_child import event_of
from tests.integration.test_event_log_disk import ROOT, environment, ids_in


def opened(folder: Path) -> SqliteEventLog:
    return SqliteEventLog(folder, clock=lambda: datetime.now(UTC))


CROWDED = """
import os, resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from tests.integration.test_event_log_scarcity import ids_in, opened
from tests.faults.event_log_child import event_of
log = opened(Path(sys.argv[1]))
log.append([event_of("before")])
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/proc/self/fd"))), hard))
try:
    open("/dev/null")
except OSError as error:
    print(error.strerror)
for number in range(50):
    log.append([event_of(f"during {number}")])
print(len(ids_in(log)), log.fault)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
log.close()
"""


def test_a_process_without_any_file_left_to_open_goes_on_taking_events(tmp_path: Path) -> None:
    found = subprocess.run(
        [sys.executable, "-c", CROWDED, tmp_path / "events", ROOT],
        capture_output=True,
        text=True,
        env=environment(),
        check=False,
        timeout=60,
    )

    assert found.stdout.splitlines() == ["Too many open files", "51 None"], found.stderr


@pytest.fixture
def few_inodes(tmp_path: Path) -> Iterator[Path]:
    """A disk with space and hardly any inodes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    options = "size=8m,nr_inodes=40"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", disk], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.decode().strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


def use_up(disk: Path) -> list[Path]:
    """Empty files until no other can be made."""
    made: list[Path] = []
    try:
        for number in range(100):
            made.append(disk / f"empty {number}")
            made[-1].touch()
    except OSError:
        made.pop()
    return made


def test_a_disk_without_inodes_takes_events_and_refuses_a_new_log_with_the_reason(few_inodes: Path) -> None:
    log = opened(few_inodes / "events")
    log.append([event_of("before")])
    made = use_up(few_inodes)
    outcome = log.append([event_of("during")])[0].outcome
    read = ids_in(log)
    log.close()
    with pytest.raises((Misconfigured, Unavailable)) as refusal:
        opened(few_inodes / "other")
    for path in made:
        path.unlink()
    again = opened(few_inodes / "events")

    assert (outcome, read) == ("stored", {"before", "during"})
    assert refusal.value.code in ("home_unusable", "storage_full")
    assert ids_in(again) == {"before", "during"}
    assert unaccounted(again) == []
    again.close()


@pytest.mark.parametrize(
    "spoil",
    [lambda path: path.unlink(), lambda path: path.write_bytes(b"\xff" * 32_768), lambda path: path.write_bytes(b"")],
    ids=["gone", "garbage", "empty"],
)
def test_the_memory_that_readers_share_may_be_lost_between_two_runs(
    tmp_path: Path, spoil: Callable[[Path], object]
) -> None:
    log = opened(tmp_path / "log")
    log.append([event_of(str(number)) for number in range(300)])
    shutil.copytree(tmp_path / "log", tmp_path / "killed")
    log.close()
    spoil(tmp_path / "killed" / "events.db-shm")

    again = opened(tmp_path / "killed")

    assert len(ids_in(again)) == 300
    assert unaccounted(again) == []
    again.close()


def follow(log: SqliteEventLog, store: EventStore) -> None:
    steps = Ingestion(log, store, TYPES, admission=Admission("accept"))
    while steps.step().read:
        pass


def test_an_older_write_ahead_log_put_back_is_noticed_by_whoever_follows(tmp_path: Path) -> None:
    folder, store = tmp_path / "log", MemoryEventStore()
    log = opened(folder)
    log.append([event_of(str(number)) for number in range(40)])
    older = (folder / "events.db-wal").read_bytes()
    log.close()
    log = opened(folder)
    log.append([event_of(str(number)) for number in range(40, 4_000)])
    follow(log, store)
    log.close()
    (folder / "events.db-wal").write_bytes(older)
    (folder / "events.db-shm").unlink(missing_ok=True)

    said = ""
    try:
        log = opened(folder)
        follow(log, store)
        true = {str(number) for number in range(4_000)}
        assert ids_in(log) <= true
        said = "" if ids_in(log) == true else "events are missing and nobody said so"
        log.close()
    except (Misconfigured, Unavailable) as error:
        said = error.code

    assert said in ("event_log_replaced", "log_damaged", "storage_unavailable", "")
    assert (len(store.applied(0, limit=10_000)), unbalanced(store)) == (4_000, [])


def test_a_store_that_is_lost_is_built_again_from_the_log(tmp_path: Path) -> None:
    log = opened(tmp_path / "log")
    log.append([event_of(str(number)) for number in range(2_000)])
    stores = []
    for name in ("first", "second"):
        database = open_database(f"sqlite:///{tmp_path}/{name}.db")
        store = SqlEventStore(database)
        follow(log, store)
        stores.append(everything(store))
        database.close()

    assert stores[0] == stores[1]
    log.close()
