"""What a person may say of a table of their own, and how they are told when it cannot be meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from tacit.data.imports import TableSpec
from tacit.data.readers import reader_named, table_spec
from tacit.errors import BadInput


def test_columns_are_named_by_role() -> None:
    spec = table_spec("user=listener, item=artist,value=plays,time=played_at,title=name")

    assert spec == TableSpec(user="listener", item="artist", value="plays", time="played_at", title="name")


def test_columns_may_be_positions_and_what_else_was_said_is_kept() -> None:
    spec = table_spec("user=0,item=2", based_on=TableSpec(merge="last", time_format="iso", value="old"))

    assert spec == TableSpec(user="0", item="2", merge="last", time_format="iso")


@pytest.mark.parametrize("written", ["\t", "\\t", "\\\\t", "tab"])
def test_a_tab_may_be_written_in_every_way_a_shell_leaves_it(written: str) -> None:
    assert table_spec("user=a,item=b", delimiter=written).delimiter == "\t"


def test_a_column_name_may_hold_an_equals_sign_and_spaces() -> None:
    assert table_spec("user=the user,item=a=b").item == "a=b"


@pytest.mark.parametrize(
    ("columns", "code", "field"),
    [
        ("", "columns_malformed", "columns"),
        ("user", "columns_malformed", "columns"),
        ("user=,item=b", "columns_malformed", "columns"),
        ("user=a,item=b,", "columns_malformed", "columns"),
        ("user=a,itme=b", "columns_unknown", "columns"),
        ("user=a,user=b,item=c", "columns_repeated", "user"),
        ("user=a,item=a", "columns_repeated", "item"),
        ("item=b", "columns_missing", "user"),
        ("user=a,value=c", "columns_missing", "item"),
    ],
)
def test_columns_that_cannot_be_meant_are_refused_by_name(columns: str, code: str, field: str) -> None:
    with pytest.raises(BadInput) as caught:
        table_spec(columns)

    assert (caught.value.code, caught.value.field) == (code, field)


def test_a_misspelt_role_is_told_its_neighbour() -> None:
    with pytest.raises(BadInput) as caught:
        table_spec("user=a,itm=b")

    assert caught.value.fix == "Did you mean item?"


def test_a_long_and_strange_role_is_shown_short_and_escaped() -> None:
    with pytest.raises(BadInput) as caught:
        table_spec("\x1b[31m" + "x" * 500 + "=a")

    assert "\x1b" not in caught.value.detail
    assert len(caught.value.detail) < 120


@pytest.mark.parametrize("written", ["", ";;", "a", "1", '"', "\n", "\\n"])
def test_what_cannot_part_fields_is_no_delimiter(written: str) -> None:
    with pytest.raises(BadInput) as caught:
        table_spec("user=a,item=b", delimiter=written)

    assert caught.value.code == "delimiter_invalid"


def test_a_table_is_named_after_its_file(tmp_path: Path) -> None:
    file = tmp_path / "My Plays.2024.csv.gz"
    file.write_bytes(b"")

    assert reader_named("table", file, spec=TableSpec()).dataset(file) == "my-plays"


def test_a_folder_gives_its_tables_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv.gz", "c.parquet", "notes.md"):
        (tmp_path / name).write_bytes(b"")
    with reader_named("table", tmp_path, spec=TableSpec()).open(tmp_path) as found:
        names = [path.name for path, _ in found.source.tables]

    assert names == ["a.csv.gz", "b.csv", "c.parquet"]


def test_a_folder_without_tables_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught, reader_named("table", tmp_path, spec=TableSpec()).open(tmp_path):
        pass

    assert caught.value.code == "file_missing"


def test_a_table_nobody_described_is_not_guessed_at(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        reader_named("table", tmp_path)

    assert caught.value.code == "columns_missing"
