"""What every history promises: wholly imported or not at all, read back merged, and nothing forgotten."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tacit.adapters.history import ParquetHistory
from tacit.adapters.import_folders import ImportFolders
from tacit.data.catalog import Item
from tacit.data.imports import ImportReport, Limits, Merge, Source, TableSpec
from tacit.data.interactions import NO_TIME, Interactions
from tacit.data.interfaces import HistoryStore, Importer
from tacit.errors import BadInput, Misconfigured, NotFound, Unavailable

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PAIRS = TableSpec("0", "1")
COUNTED = TableSpec("0", "1", value="2")
BASKETS = TableSpec(layout="baskets")
LENIENT = Limits(bad_row_budget=1.0)


@pytest.fixture
def history(tmp_path: Path) -> ParquetHistory:
    return ParquetHistory(tmp_path / "history", clock=lambda: NOW)


def put(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def load(
    history: Importer, *tables: tuple[Path, TableSpec], dataset: str = "d", items: Sequence[Item] = ()
) -> ImportReport:
    return history.load(Source("table", tables), lambda: iter(items), dataset=dataset, limits=LENIENT)


def pairs_of(found: Interactions) -> dict[tuple[str, str], float]:
    rows = zip(found.users, found.items, found.values, strict=True)
    return {(found.user_ids[user], found.item_ids[item]): float(value) for user, item, value in rows}


def test_the_parquet_history_is_both_a_store_and_an_importer(history: ParquetHistory) -> None:
    store: HistoryStore = history
    importer: Importer = history

    assert store.datasets() == ()
    assert importer is history


def test_interactions_are_sorted_arrays_of_the_promised_types(history: ParquetHistory, tmp_path: Path) -> None:
    rows = "".join(f"u{n * 7919 % 503}\ti{n * 31 % 97}\t{n % 5 + 0.5}\n" for n in range(3000))
    load(history, (put(tmp_path, "a.tsv", rows), COUNTED))
    found = history.interactions("d")

    places = found.users.astype(np.int64) * len(found.item_ids) + found.items
    assert list(found.user_ids) == sorted(found.user_ids)
    assert list(found.item_ids) == sorted(found.item_ids)
    assert bool((np.diff(places) > 0).all())
    assert [column.dtype for column in (found.users, found.items, found.values, found.last_at_ms, found.folds)] == [
        np.int32, np.int32, np.float32, np.int64, np.int8,
    ]  # fmt: skip
    assert set(found.last_at_ms.tolist()) == {NO_TIME}


def test_ids_are_in_the_order_of_their_text(history: ParquetHistory, tmp_path: Path) -> None:
    ids = ["b", "B", "é", "z", "🎵", "ﬁ", "10", "9"]
    load(history, (put(tmp_path, "a.tsv", "".join(f"{each}\t{each}\n" for each in ids)), PAIRS))

    assert list(history.interactions("d").user_ids) == sorted(ids)


def test_imports_of_a_dataset_add_up_and_stay_in_order(history: ParquetHistory, tmp_path: Path) -> None:
    first = load(history, (put(tmp_path, "z.tsv", "ann\tx\t1\nann\ty\t1\n"), COUNTED))
    second = load(history, (put(tmp_path, "a.tsv", "ann\tx\t2\nbob\tx\t4\n"), COUNTED))
    found = history.interactions("d")

    assert pairs_of(found) == {("ann", "x"): 3.0, ("ann", "y"): 1.0, ("bob", "x"): 4.0}
    assert found.import_ids == (first.import_id, second.import_id)
    assert history.imports("d") == (first, second)


@pytest.mark.parametrize(("merge", "value"), [("sum", 11.0), ("last", 2.0), ("max", 5.0)])
def test_imports_are_merged_as_rows_are(history: ParquetHistory, tmp_path: Path, *, merge: Merge, value: float) -> None:
    spec = TableSpec("0", "1", value="2", time="3", merge=merge)
    load(history, (put(tmp_path, "a.tsv", "ann\tx\t2\t1700000009\n"), spec))
    load(history, (put(tmp_path, "b.tsv", "ann\tx\t5\t1700000001\nann\tx\t4\t1700000002\n"), spec))

    assert pairs_of(history.interactions("d")) == {("ann", "x"): value}
    assert history.interactions("d").last_at_ms.tolist() == [1_700_000_009_000]


def test_without_times_the_last_is_the_later_line_of_the_later_import(history: ParquetHistory, tmp_path: Path) -> None:
    spec = TableSpec("0", "1", value="2", merge="last")
    load(history, (put(tmp_path, "b.tsv", "ann\tx\t9\n"), spec))
    load(history, (put(tmp_path, "a.tsv", "ann\tx\t5\nann\tx\t4\n"), spec))

    assert pairs_of(history.interactions("d")) == {("ann", "x"): 4.0}


def test_the_dataset_imported_last_stands_last_even_if_nothing_was_new(history: ParquetHistory, tmp_path: Path) -> None:
    path = put(tmp_path, "a.tsv", "ann\tx\n")
    for dataset in ("one", "two", "three"):
        load(history, (path, PAIRS), dataset=dataset)
    again = load(history, (path, PAIRS), dataset="two")

    assert again.repeated
    assert history.datasets() == ("one", "three", "two")


def test_an_import_is_named_by_its_content_its_columns_and_its_dataset(history: ParquetHistory, tmp_path: Path) -> None:
    path = put(tmp_path, "a.tsv", "ann\tx\t2\n")
    moved = put(tmp_path, "elsewhere.tsv", "ann\tx\t2\n")
    first = load(history, (path, PAIRS))

    assert load(history, (moved, PAIRS)).import_id == first.import_id
    assert load(history, (path, COUNTED)).import_id != first.import_id
    assert load(history, (path, PAIRS), dataset="e").import_id != first.import_id


def test_a_forced_import_replaces_the_one_before(history: ParquetHistory, tmp_path: Path) -> None:
    source = Source("table", ((put(tmp_path, "a.tsv", "ann\tx\n"), PAIRS),))
    history.load(source, lambda: iter([Item("x", "Old")]), dataset="d", limits=LENIENT)
    for title in ("New", "Newest"):
        items = iter([Item("x", title)])
        history.load(source, lambda items=items: items, dataset="d", limits=LENIENT, force=True)

    assert [item.title for item in history.items("d")] == ["Newest"]
    assert len(history.imports("d")) == 1
    assert len(list((tmp_path / "history" / "d").glob("*/import.json"))) == 2


def test_baskets_count_every_pair_and_a_user_without_items_is_no_row(history: ParquetHistory, tmp_path: Path) -> None:
    path = put(tmp_path, "train.txt", "0 10 11  12 \n1\n2 10 10\n\n3 \\N\n")
    report = load(history, (path, BASKETS))

    assert (report.read, report.accepted, report.merged, report.quarantined) == (6, 4, 1, {"item_missing": 1})
    assert pairs_of(history.interactions("d"))[("2", "10")] == 2.0
    assert [(row.line, row.raw) for row in history.quarantined("d")] == [(5, "3 \\N")]


def test_a_pair_the_publisher_trains_on_is_not_tested_on(history: ParquetHistory, tmp_path: Path) -> None:
    train = put(tmp_path, "train.txt", "0 1 2\n")
    test = put(tmp_path, "test.txt", "0 2 3\n")
    load(history, (test, TableSpec(layout="baskets", fold=2)), (train, TableSpec(layout="baskets", fold=1)))

    assert history.interactions("d").folds.tolist() == [1, 1, 2]


def test_files_of_one_name_are_told_apart_by_their_folder(history: ParquetHistory, tmp_path: Path) -> None:
    first, second = put(tmp_path / "a", "p.tsv", "ann\tx\n"), put(tmp_path / "b", "p.tsv", "bob\t\n")
    report = load(history, (first, PAIRS), (second, PAIRS))

    assert list(report.files) == ["a/p.tsv", "b/p.tsv"]
    assert history.quarantined("d")[0].file == "b/p.tsv"


def test_the_catalogue_is_accounted_for_and_the_last_description_counts(
    history: ParquetHistory, tmp_path: Path
) -> None:
    items = [Item("x", "Old"), Item("x", "New", ("rock",), ("loud", "fast")), Item("", "Nobody"), Item("a\nb", "Odd")]
    report = load(history, (put(tmp_path, "a.tsv", "ann\tx\n"), PAIRS), items=items)

    assert report.catalog == {
        "read": 4, "accepted": 1, "merged": 1, "quarantined": {"item_missing": 1, "item_control": 1},
    }  # fmt: skip
    assert list(history.items("d")) == [Item("x", "New", ("rock",), ("loud", "fast"))]
    assert [(row.file, row.line) for row in history.quarantined("d")] == [("catalogue", 3), ("catalogue", 4)]


def test_a_title_beside_an_interaction_serves_where_there_is_no_description(
    history: ParquetHistory, tmp_path: Path
) -> None:
    spec = TableSpec("0", "1", title="2")
    path = put(tmp_path, "a.tsv", "ann\tx\t\nann\tx\tThe\x07X\nann\tx\tLater\nann\ty\tY\nann\tz\t\\N\n")
    load(history, (path, spec), items=[Item("y", "Described")])
    load(history, (put(tmp_path, "b.tsv", "bob\ty\tOnly a title\n"), spec))

    assert [(item.item_id, item.title) for item in history.items("d")] == [("x", "The X"), ("y", "Described")]


def test_an_item_without_an_id_is_named_by_another_column_where_that_is_declared(
    history: ParquetHistory, tmp_path: Path
) -> None:
    path = put(tmp_path, "a.tsv", "ann\tm1\tOne\nann\t\tTwo\nann\t\t\n")
    report = load(history, (path, TableSpec("0", "1", item_or="2", title="2")))

    assert list(history.interactions("d").item_ids) == ["m1", "name:Two"]
    assert report.quarantined == {"item_missing": 1}


def test_quarantined_rows_come_newest_import_first_and_no_more_than_asked(
    history: ParquetHistory, tmp_path: Path
) -> None:
    old = load(history, (put(tmp_path, "a.tsv", "ann\tx\n\ty\n\tz\n"), PAIRS))
    new = load(history, (put(tmp_path, "b.tsv", "bob\tx\nbob\t\n"), PAIRS))

    rows = history.quarantined("d", limit=2)
    assert [(row.import_id, row.line) for row in rows] == [(new.import_id, 2), (old.import_id, 2)]


def test_an_unknown_dataset_is_not_found(history: ParquetHistory) -> None:
    for ask in (history.interactions, history.items, history.quarantined):
        with pytest.raises(NotFound, match="Nothing was imported"):
            ask("nowhere")


@pytest.mark.parametrize("name", ["", ".hidden", "../up", "a/b", "a\0b", "x" * 65])
def test_a_name_that_could_lead_out_of_the_home_is_refused(history: ParquetHistory, tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput, match="cannot name a dataset"):
        load(history, (put(tmp_path, "a.tsv", "ann\tx\n"), PAIRS), dataset=name)


@pytest.mark.parametrize("limits", [Limits(bad_row_budget=1.5), Limits(max_value=1e16), Limits(max_id_bytes=0)])
def test_limits_the_engine_cannot_keep_are_refused(history: ParquetHistory, tmp_path: Path, limits: Limits) -> None:
    source = Source("table", ((put(tmp_path, "a.tsv", "ann\tx\n"), PAIRS),))

    with pytest.raises(Misconfigured):
        history.load(source, None, dataset="d", limits=limits)


def test_two_imports_at_once_do_not_meet(history: ParquetHistory, tmp_path: Path) -> None:
    path = put(tmp_path, "a.tsv", "ann\tx\n")
    load(history, (path, PAIRS))
    descriptor = os.open(tmp_path / "history" / ".lock", os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)

    with pytest.raises(Unavailable, match="Another import"):
        load(history, (path, PAIRS), dataset="e")

    os.close(descriptor)
    assert load(history, (path, PAIRS), dataset="e").accepted == 1


def test_a_failing_catalogue_leaves_nothing_behind(history: ParquetHistory, tmp_path: Path) -> None:
    def broken() -> Iterator[Item]:
        yield Item("x", "X")
        raise BadInput("encoding", "the catalogue is damaged")

    source = Source("table", ((put(tmp_path, "a.tsv", "ann\tx\n"), PAIRS),))
    with pytest.raises(BadInput, match="damaged"):
        history.load(source, broken, dataset="d", limits=LENIENT)

    assert history.datasets() == ()
    assert not (tmp_path / "history" / ".staging").exists()


def test_progress_only_grows_and_reaches_the_end(history: ParquetHistory, tmp_path: Path) -> None:
    told: list[tuple[str, float]] = []
    source = Source("table", ((put(tmp_path, "a.tsv", "ann\tx\n" * 1000), PAIRS),))
    history.load(source, None, dataset="d", limits=LENIENT, progress=lambda *step: told.append(step))

    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert {step for step, _ in told} == {"digest", "read", "merge", "committed"}


IDS = st.sampled_from(["a", "b", "c", "007", "é", "e\u0301", "a b", "", " ", "NULL", "x" * 300, "t\x01"])
VALUES = st.one_of(
    st.sampled_from(["", "0", "-2", "nan", "1e3", "x", "\\N"]),
    st.integers(1, 10**6).map(str),
    st.decimals("0.001", 1000, places=3).map(str),
)
TIMES = st.integers(1_700_000_000, 1_700_000_003).map(str)
ROWS = st.lists(st.tuples(IDS, IDS, VALUES, TIMES), min_size=1, max_size=40)


def reference(rows: Sequence[tuple[str, str, str, str]], merge: Merge) -> tuple[dict[tuple[str, str], Fraction], int]:
    """The merged values, and how many rows are bad, by the rules in plain Python."""

    def is_good(row: tuple[str, str, str, str]) -> bool:
        has_ids = all(each.strip() not in ("", "NULL") and len(each) < 256 and "\x01" not in each for each in row[:2])
        return has_ids and row[2].replace(".", "", 1).isdigit() and Fraction(row[2]) > 0

    groups: dict[tuple[str, str], list[tuple[str, int, Fraction]]] = {}
    good = [row for row in rows if is_good(row)]
    for line, (user, item, value, time) in enumerate(good):
        pair = user.replace("e\u0301", "é"), item.replace("e\u0301", "é")
        groups.setdefault(pair, []).append((time, line, Fraction(value)))
    amount = {
        "sum": lambda group: sum(value for _, _, value in group),
        "max": lambda group: max(value for _, _, value in group),
        "last": lambda group: max(group)[2],
    }[merge]
    return {pair: amount(group) for pair, group in groups.items()}, len(rows) - len(good)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS, merge=st.sampled_from(["sum", "last", "max"]))
def test_any_table_is_accounted_for_and_merged_as_plain_python_would(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str, str]], merge: Merge
) -> None:
    folder = tmp_path_factory.mktemp("any")
    path = put(folder, "a.tsv", "".join("\t".join(row) + "\n" for row in rows))
    history = ParquetHistory(folder / "history", clock=lambda: NOW)
    report = load(history, (path, TableSpec("0", "1", value="2", time="3", time_format="seconds", merge=merge)))
    merged, bad = reference(rows, merge)

    assert report.balances
    assert (report.read, report.accepted, sum(report.quarantined.values())) == (len(rows), len(merged), bad)
    assert pairs_of(history.interactions("d")) == {pair: float(np.float32(float(v))) for pair, v in merged.items()}
    assert len(history.quarantined("d")) == bad


def test_a_replaced_import_stays_until_whoever_reads_it_is_done(history: ParquetHistory, tmp_path: Path) -> None:
    path = put(tmp_path, "a.tsv", "ann\tx\n")
    source = Source("table", ((path, PAIRS),))
    load(history, (path, PAIRS))

    with ImportFolders(tmp_path / "history").reading("d") as (replaced,):
        history.load(source, None, dataset="d", limits=LENIENT, force=True)
        load(history, (path, PAIRS), dataset="e")
        is_kept = replaced.folder.exists()
    load(history, (path, PAIRS), dataset="f")

    assert is_kept
    assert not replaced.folder.exists()


@pytest.mark.parametrize("name", ["why?", "a [b] *c", "it's", "100%41 #1", "é ö", "bucket=9"])
def test_a_history_works_in_a_folder_of_any_name(tmp_path: Path, name: str) -> None:
    history = ParquetHistory(tmp_path / name / "history")
    rows = "".join(f"u{n % 7}\ti{n % 5}\n" for n in range(70))

    report = load(history, (put(tmp_path, "a.tsv", rows + "\ti1\n"), PAIRS))

    assert (report.accepted, report.merged, dict(report.quarantined)) == (35, 35, {"user_missing": 1})
    assert len(history.interactions("d")) == 35


INTERRUPTED = """
import os, signal, sys
from pathlib import Path
from tacit.adapters.duck.connection import open_duckdb
with open_duckdb(Path(sys.argv[1]), memory_limit_bytes=10**8, threads=1) as connection:
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    connection.execute("SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b")
"""


def test_ctrl_c_while_the_database_works_is_an_interruption_and_no_bug(tmp_path: Path) -> None:
    command = [sys.executable, "-c", INTERRUPTED, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert "KeyboardInterrupt" in done.stderr.splitlines()[-1]
