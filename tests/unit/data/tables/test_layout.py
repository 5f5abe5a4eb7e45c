"""Columns are found, and times understood, from the first lines alone."""

from __future__ import annotations

import pytest

from tacit.data.imports import TableSpec
from tacit.data.tables.layout import TextLayout, decide_time_format, guess_delimiter, lay_out
from tacit.errors import BadInput


def laid_out(spec: TableSpec, *lines: str, suffix: str = ".tsv") -> TextLayout:
    return lay_out(spec, lines, name=f"a{suffix}", suffix=suffix)


def test_columns_are_found_by_name_in_any_order() -> None:
    layout = laid_out(TableSpec(value="n"), "n\titem\tuser", "1\tx\tann")

    assert dict(layout.positions) == {"user": 2, "item": 1, "value": 0}
    assert (layout.has_header, layout.width, layout.is_quoted) == (True, 3, False)


def test_positions_mean_that_there_is_no_header() -> None:
    layout = laid_out(TableSpec("0", "2"), "ann\t-\tx")

    assert not layout.has_header
    assert dict(layout.positions) == {"user": 0, "item": 2}


def test_one_torn_first_line_does_not_decide_the_width() -> None:
    layout = laid_out(TableSpec("0", "1"), "ann\tx\ttorn", "ann\tx", "bob\ty")

    assert layout.width == 2


def test_a_quoted_header_is_read_without_its_quotes() -> None:
    layout = laid_out(TableSpec("the user", "item"), '"the user","item"', suffix=".csv")

    assert dict(layout.positions) == {"user": 0, "item": 1}


@pytest.mark.parametrize(
    ("line", "delimiter"),
    [("a\tb c", "\t"), ("1::2::3", "::"), ("a;1,5", ";"), ("a|b", "|"), ("a,b", ","), ("0 1 2", " "), ("abc", None)],
)
def test_a_delimiter_is_guessed_from_one_line(line: str, delimiter: str | None) -> None:
    assert guess_delimiter(line) == delimiter


@pytest.mark.parametrize(
    ("times", "decided"),
    [
        (["1700000000", "1300000000.5"], "seconds"),
        (["1700000000000"], "milliseconds"),
        (["2024-02-13T10:00:00Z"], "iso"),
        (["0.000", "36.000"], "seconds"),
        (["", "NULL"], "seconds"),
    ],
)
def test_times_that_leave_no_doubt_are_understood(times: list[str], decided: str) -> None:
    assert decide_time_format(TableSpec(time="at"), times, name="a") == decided


@pytest.mark.parametrize("times", [["1700000000", "1700000000000"], ["1700000000000000"], ["Feb 13"]])
def test_times_that_leave_a_doubt_are_refused(times: list[str]) -> None:
    with pytest.raises(BadInput, match="more than one way"):
        decide_time_format(TableSpec(time="at"), times, name="a")


def test_a_declared_format_is_never_questioned() -> None:
    assert decide_time_format(TableSpec(time="at", time_format="seconds"), ["12"], name="a") == "seconds"
