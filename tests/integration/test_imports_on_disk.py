"""What an import leaves on the disk, whatever happens to it; numbered as in the catalogue of bad input."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tacit.adapters.history import ParquetHistory
from tacit.data.imports import Limits, Source
from tacit.errors import BadInput, Refused
from tests.import_desk import GOOD, LENIENT, PLAYS, Desk, leftovers, stored_tables


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.mark.parametrize("change", ["grown", "replaced", "removed"])
def test_112_a_file_that_changes_while_it_is_read_is_refused(desk: Desk, change: str) -> None:
    path = desk.put("a.csv", GOOD)

    def meddle(step: str, share: float) -> None:
        if step == "merge":
            if change == "grown":
                path.write_text(GOOD + "cat,z,1\n")
            elif change == "replaced":
                desk.put("b.csv", GOOD).replace(path)
            else:
                path.unlink(missing_ok=True)

    with pytest.raises(BadInput, match="being read") as caught:
        desk.history.load(Source("table", ((path, PLAYS),)), None, dataset="d", limits=LENIENT, progress=meddle)

    assert caught.value.code == "file_changed"
    assert desk.history.datasets() == ()


@pytest.mark.parametrize("kind", ["missing", "directory", "fifo", "device", "forbidden"])
def test_113_what_is_no_readable_regular_file_is_refused_at_once(desk: Desk, kind: str) -> None:
    path = desk.folder / "a.csv"
    if kind == "directory":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "device":
        path = Path("/dev/zero")
    elif kind == "forbidden":
        desk.put("a.csv", GOOD).chmod(0)
        if os.access(path, os.R_OK):
            pytest.skip("this user may read everything")

    assert desk.refusal(path).code == "file_unreadable"


def test_114_paths_that_lead_out_of_the_import_folder_are_refused(desk: Desk) -> None:
    root = desk.folder / "uploads"
    root.mkdir()
    outside = desk.put("a.csv", GOOD)
    (root / "link.csv").symlink_to(outside)
    desk.history = ParquetHistory(desk.folder / "history", source_root=root)

    for path in (root / "link.csv", root / ".." / "a.csv", outside):
        with pytest.raises(Refused) as caught:
            desk.load(path)
        assert caught.value.code == "path_outside_root"
    assert desk.load(outside.rename(root / "inside.csv")).accepted == 2


KILLED = """
import os, signal, sys
from pathlib import Path
from tacit.adapters.history import ParquetHistory
from tacit.data.imports import Limits, Source, TableSpec
def kill(step, share):
    if step == sys.argv[3]:
        os.kill(os.getpid(), signal.SIGKILL)
source = Source("table", ((Path(sys.argv[1]), TableSpec(value="plays")),))
ParquetHistory(Path(sys.argv[2])).load(source, None, dataset="d", limits=Limits(), progress=kill)
"""


@pytest.mark.parametrize("step", ["read", "merge"])
def test_115_an_import_that_was_killed_and_done_again_gives_the_same_tables(desk: Desk, step: str) -> None:
    rows = "".join(f"u{n % 997},i{n % 89},{n % 7 + 1}\n" for n in range(30_000))
    path = desk.put("a.csv", "user,item,plays\n" + rows)
    home = desk.folder / "killed"
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path), str(home), step], check=False)
    again = ParquetHistory(home)

    assert killed.returncode == -signal.SIGKILL
    assert any(home.glob(".staging/*"))
    assert again.datasets() == ()
    desk.load(path, limits=Limits())
    again.load(Source("table", ((path, PLAYS),)), None, dataset="d", limits=Limits())
    assert stored_tables(home) == stored_tables(desk.folder / "history")
    assert not (home / ".staging").exists()


def test_116_importing_the_same_again_changes_nothing_unless_it_is_forced(desk: Desk) -> None:
    path = desk.put("a.csv", GOOD)
    first = desk.load(path)
    before = stored_tables(desk.folder / "history")
    again = desk.load(path)
    after = stored_tables(desk.folder / "history")
    forced = desk.history.load(Source("table", ((path, PLAYS),)), None, dataset="d", limits=LENIENT, force=True)

    assert again == replace(first, repeated=True)
    assert after == before
    assert not forced.repeated
    assert [report.import_id for report in desk.history.imports("d")] == [first.import_id]
    assert desk.pairs() == {("ann", "x"): 3.0, ("bob", "y"): 1.0}


def test_118_too_many_bad_rows_stop_the_import_before_anything_is_kept(desk: Desk) -> None:
    path = desk.put("a.csv", GOOD + "ann,z,x\n" + "bob,,1\n")

    with pytest.raises(Refused) as caught:
        desk.load(path, limits=Limits())

    assert caught.value.code == "bad_row_budget"
    assert caught.value.context["quarantined"] == {"item_missing": 1, "number": 1}
    assert caught.value.context["first_rows"] == [
        {"file": "a.csv", "line": 4, "reason": "number", "raw": "ann,z,x"},
        {"file": "a.csv", "line": 5, "reason": "item_missing", "raw": "bob,,1"},
    ]
    assert leftovers(desk.folder) == []
    json.dumps(caught.value.as_dict())


FULL = """
import resource, signal, sys
from pathlib import Path
import numpy, duckdb
from tacit.adapters.history import ParquetHistory
from tacit.data.imports import Limits, Source, TableSpec
from tacit.errors import Unavailable
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), int(sys.argv[3])))
source = Source("table", ((Path(sys.argv[1]), TableSpec(value="plays")),))
try:
    ParquetHistory(Path(sys.argv[2])).load(source, None, dataset="d", limits=Limits())
except Unavailable as error:
    print(error.code, file=sys.stderr)
"""


@pytest.mark.parametrize("room_bytes", [2_000, 20_000])
def test_119_a_full_disk_leaves_nothing_behind_and_the_import_succeeds_with_more_room(
    desk: Desk, room_bytes: int
) -> None:
    rows = "".join(f"{n * 7919 % 1_000_003:x}-{n:x},i{n * 31 % 8999},{n % 7 + 1}\n" for n in range(50_000))
    path = desk.put("a.csv", "user,item,plays\n" + rows)
    command = [sys.executable, "-c", FULL, str(path), str(desk.folder / "history"), str(room_bytes)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)

    assert result.stderr.strip() == "storage_full"
    assert leftovers(desk.folder) == []
    assert desk.load(path, limits=Limits()).accepted == 50_000


def test_what_a_killed_reader_spilled_is_swept_a_day_later(desk: Desk) -> None:
    desk.load(desk.put("a.csv", GOOD))
    history = desk.folder / "history"
    old, fresh = history / ".scratch-old", history / ".scratch-fresh"
    for folder in (old, fresh):
        folder.mkdir()
    os.utime(old, (0, 0))

    desk.load(desk.put("b.csv", GOOD + "cat,z,1\n"))

    assert [folder.exists() for folder in (old, fresh)] == [False, True]
