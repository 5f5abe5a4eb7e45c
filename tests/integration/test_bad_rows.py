"""What can be wrong with a row, one case each, numbered as in the catalogue of bad input."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tacit.data.imports import Limits, TableSpec
from tests.import_desk import PLAYS, TIMED, Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        pytest.param('"1,5"', "number", "number", id="96-decimal-comma"),
        pytest.param("1 000", "number", "number", id="96-grouped"),
        pytest.param("١٢", "number", "number", id="96-arabic-digits"),
        pytest.param("3.0", "count", 3.0, id="97-whole-float"),
        pytest.param("3.7", "count", "number", id="97-fraction-of-a-count"),
        pytest.param("1e3", "count", "number", id="97-exponent"),
        pytest.param("3.7", "number", 3.7, id="97-decimal"),
        pytest.param(".5", "number", 0.5, id="97-bare-fraction"),
        pytest.param("NaN", "number", "number_not_finite", id="98-nan"),
        pytest.param("-inf", "number", "number_not_finite", id="98-infinity"),
        pytest.param("NULL", "number", "value_missing", id="98-null"),
        pytest.param("\\N", "number", "value_missing", id="98-backslash-n"),
        pytest.param("", "number", "value_missing", id="98-empty"),
        pytest.param("null", "number", "number", id="98-other-tokens-mean-nothing"),
        pytest.param("0", "number", "value_range", id="98-zero"),
        pytest.param("-1", "count", "value_range", id="98-negative"),
        pytest.param("1" + "0" * 400, "count", "value_range", id="98-beyond-all-numbers"),
    ],
)
def test_a_value_is_a_plain_number_or_its_row_is_kept_aside(
    desk: Desk, *, value: str, kind: str, expected: float | str
) -> None:
    report = desk.load(desk.put("a.csv", f"user,item,plays\nann,x,{value}\n"), replace(PLAYS, value_kind=kind))

    if isinstance(expected, str):
        assert report.quarantined == {expected: 1}
    else:
        assert desk.pairs() == {("ann", "x"): pytest.approx(expected)}


@pytest.mark.parametrize(
    ("user", "item", "reason"),
    [
        ("", "x", "user_missing"),
        ("NULL", "x", "user_missing"),
        ("   ", "x", "user_missing"),
        ("u" * 257, "x", "user_too_long"),
        ("é" * 129, "x", "user_too_long"),
        ("a\x07b", "x", "user_control"),
        ("a\x85b", "x", "user_control"),
        ("ann", "\\N", "item_missing"),
        ("ann", "i" * 257, "item_too_long"),
        ("ann", "a\x7fb", "item_control"),
    ],
)
def test_an_id_that_names_nothing_keeps_its_row_aside(desk: Desk, *, user: str, item: str, reason: str) -> None:
    report = desk.load(desk.put("a.tsv", f"user\titem\tplays\n{user}\t{item}\t1\n"))

    assert report.quarantined == {reason: 1}


def test_99_ids_that_look_like_numbers_are_kept_as_text(desk: Desk) -> None:
    desk.load(desk.put("a.csv", "user,item,plays\n007,1e5,1\n7,100000,1\n7.0, 7 ,1\n"))

    assert desk.pairs() == {("007", "1e5"): 1.0, ("7", "100000"): 1.0, ("7.0", " 7 "): 1.0}


def test_99_ids_are_normalised_so_that_one_name_is_one_item(desk: Desk) -> None:
    report = desk.load(desk.put("a.csv", "user,item,plays\nann,caf\u00e9,1\nann,cafe\u0301,1\n"))

    assert report.merged == 1
    assert desk.pairs() == {("ann", "caf\u00e9"): 2.0}


@pytest.mark.requirement("DATA-008")
@pytest.mark.parametrize(("merge", "value"), [("sum", 6.0), ("last", 1.0), ("max", 3.0)])
def test_100_rows_of_one_pair_are_merged_as_declared_and_counted(desk: Desk, merge: str, value: float) -> None:
    text = "user,item,plays,at\nann,x,3,1700000000\nann,x,2,1700000001\nann,x,1,1700000001\n"
    report = desk.load(desk.put("a.csv", text), replace(PLAYS, time="at", merge=merge))

    assert (report.read, report.accepted, report.merged) == (3, 1, 2)
    assert desk.pairs() == {("ann", "x"): value}
    assert desk.history.interactions("d").last_at_ms.tolist() == [1_700_000_001_000]


def test_101_a_single_row_and_rows_all_alike_are_imported(desk: Desk) -> None:
    assert desk.load(desk.put("one.csv", "user,item,plays\nann,x,1\n")).accepted == 1
    assert desk.load(desk.put("same.csv", "user,item,plays\n" + "bob,y,1\n" * 50)).merged == 49
    assert desk.pairs() == {("ann", "x"): 1.0, ("bob", "y"): 50.0}


@pytest.mark.parametrize(
    ("written", "declared", "expected"),
    [
        ("13/02/2024", "%d/%m/%Y", 1_707_782_400_000),
        ("2024-02-13", None, 1_707_782_400_000),
        ("2024-02-13T12:00:00+02:00", None, 1_707_818_400_000),
        ("13/02/24 12:00 +0200", "%d/%m/%y %H:%M %z", 1_707_818_400_000),
        ("2024-02-13 10:00:00.25", "iso", 1_707_818_400_250),
        ("1707818400", None, 1_707_818_400_000),
        ("1707818400.123", None, 1_707_818_400_123),
        ("1707818400123", None, 1_707_818_400_123),
        ("86400", "seconds", 86_400_000),
    ],
)
def test_102_a_time_is_read_as_declared_or_where_there_is_no_doubt(
    desk: Desk, *, written: str, declared: str | None, expected: int
) -> None:
    path = desk.put("a.csv", f"user,item,at\nann,x,{written}\n")
    desk.load(path, replace(TIMED, time_format=declared))

    assert desk.history.interactions("d").last_at_ms.tolist() == [expected]


def test_102_a_time_that_cannot_be_keeps_its_row_aside(desk: Desk) -> None:
    times = ["1700000000", "", "yesterday", "-5", "1767312001", "1767312000"]
    rows = "".join(f"u{n},x,{time}\n" for n, time in enumerate(times))
    report = desk.load(desk.put("a.csv", "user,item,at\n" + rows), replace(TIMED, time_format="seconds"))

    reasons = [(row.line, row.reason) for row in desk.history.quarantined("d")]
    assert report.accepted == 2
    assert reasons == [(3, "time_missing"), (4, "time_format"), (5, "time_range"), (6, "time_range")]


def test_102_a_pattern_that_is_none_is_refused(desk: Desk) -> None:
    path = desk.put("a.csv", "user,item,at\nann,x,1\n")

    assert desk.refusal(path, replace(TIMED, time_format="%Q")).code == "time_format"


def test_117_a_bad_row_in_ten_thousand_is_kept_aside_with_its_line(desk: Desk) -> None:
    lines = [f"u{n % 5000},i{n},1" for n in range(200_000)]
    bad = range(7, 200_000, 10_000)
    for number in bad:
        lines[number] = f"u{number},i{number},oops"
    report = desk.load(desk.put("a.csv", "user,item,plays\n" + "\n".join(lines) + "\n"), limits=Limits())

    assert (report.accepted, report.quarantined) == (199_980, {"number": 20})
    assert [row.line for row in desk.history.quarantined("d")] == [number + 2 for number in bad]


def test_120_literal_tabs_in_names_are_kept_aside_as_they_came(desk: Desk) -> None:
    rows = "".join(f"u{n}\tm{n}\tname {n}\t3\n" for n in range(50))
    path = desk.put("plays.tsv", rows + "u\tm\ttorn\tname\t4\n")
    report = desk.load(path, TableSpec("0", "1", title="2", value="3", value_kind="count"), Limits())

    (row,) = desk.history.quarantined("d")
    assert (report.read, report.accepted, report.quarantined) == (51, 50, {"ragged": 1})
    assert (row.line, row.raw) == (51, "u\tm\ttorn\tname\t4")
