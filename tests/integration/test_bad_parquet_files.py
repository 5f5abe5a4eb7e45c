"""What can be wrong with a Parquet table, one case each, numbered as in the catalogue of bad input."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.orc as orc
import pyarrow.parquet as pq
import pytest

from tests.import_desk import PLAYS, TIMED, Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def table(**columns: object) -> pa.Table:
    return pa.table({"user": ["ann", "bob"], "item": ["x", "y"], **columns})


def test_106_a_text_that_is_parquet_is_refused(desk: Desk) -> None:
    pq.write_table(table(plays=[1, 2]), desk.folder / "a.csv")

    assert desk.refusal(desk.folder / "a.csv").code == "format_mismatch"


def flipped(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 0xFF
    path.write_bytes(bytes(content))


def test_107_damaged_parquet_is_refused_with_its_row_group(desk: Desk) -> None:
    path = desk.folder / "a.parquet"
    rows = pa.table({"user": [f"u{n}" for n in range(4000)], "item": ["x"] * 4000, "plays": range(1, 4001)})
    pq.write_table(rows, path, row_group_size=1000, write_page_checksum=True, use_dictionary=False)
    column = pq.ParquetFile(path).metadata.row_group(2).column(0)
    flipped(path, column.data_page_offset + column.total_compressed_size // 2)
    page = desk.refusal(path)
    whole = path.read_bytes()
    desk.put("cut.parquet", whole[:-100])
    desk.put("magic.parquet", whole[:-4] + b"NOPE")

    assert (page.code, page.context) == ("parquet_corrupt", {"row_group": 2})
    assert desk.refusal(desk.folder / "cut.parquet").code == "parquet_corrupt"
    assert desk.refusal(desk.folder / "magic.parquet").code == "parquet_corrupt"


def test_108_nested_and_drifting_columns_are_refused_by_name(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    pq.write_table(table(plays=[[1], [2]]), desk.folder / "nested.parquet")
    pq.write_table(pa.table({"user": [1.0, 2.0], "item": ["x", "y"], "plays": [1, 2]}), desk.folder / "float.parquet")
    pq.write_table(table(count=[1, 2]), desk.folder / "drift.parquet")
    pq.write_table(table(plays=[1, 2]), desk.folder / "groups.parquet", row_group_size=1)
    monkeypatch.setattr("tacit.data.tables.parquet.MAX_ROW_GROUPS", 1)

    nested, floating, drift, groups = (
        desk.refusal(desk.folder / f"{name}.parquet") for name in ("nested", "float", "drift", "groups")
    )
    assert (nested.code, nested.field) == ("column_type", "plays")
    assert (floating.code, floating.field) == ("column_type", "user")
    assert (drift.code, drift.field) == ("column_missing", "plays")
    assert groups.code == "parquet_row_groups"


def test_108_a_dictionary_of_endless_ids_stays_small(desk: Desk) -> None:
    # One 1 MB id named by 20,000 rows would be 20 GB if each row held its own.
    users = pa.DictionaryArray.from_arrays(pa.array([0] * 20_000, pa.int32()), pa.array(["u" * 1_000_000]))
    rows = pa.table({"user": users, "item": ["x"] * 20_000, "plays": [1] * 20_000})
    pq.write_table(rows, desk.folder / "a.parquet", compression="zstd")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    report = desk.load(desk.folder / "a.parquet")

    assert report.quarantined == {"user_too_long": 20_000}
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < 1_500_000_000


INSTANT = datetime(2024, 2, 13, 10, 0, 0, 123_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        pytest.param(pa.array([INSTANT] * 2, pa.timestamp("ns", "UTC")), 1_707_818_400_123, id="109-ns"),
        pytest.param(pa.array([INSTANT] * 2, pa.timestamp("us")), 1_707_818_400_123, id="109-us"),
        pytest.param(pa.array([INSTANT] * 2, pa.timestamp("ms", "Europe/Berlin")), 1_707_818_400_123, id="109-ms"),
        pytest.param(pa.array([date(2024, 2, 13)] * 2), 1_707_782_400_000, id="109-date"),
        pytest.param(pa.array([1_707_818_400] * 2), 1_707_818_400_000, id="109-seconds"),
        pytest.param(pa.array(["2024-02-13T10:00:00.123Z"] * 2), 1_707_818_400_123, id="109-text"),
    ],
)
@pytest.mark.parametrize("int96", [False, True])
def test_parquet_times_of_any_unit_are_converted_exactly(
    desk: Desk, *, times: pa.Array, expected: int, int96: bool
) -> None:
    path = desk.folder / "a.parquet"
    pq.write_table(table(at=times), path, use_deprecated_int96_timestamps=int96)
    desk.load(path, TIMED)

    assert desk.history.interactions("d").last_at_ms.tolist() == [expected, expected]


def test_109_parquet_numbers_are_converted_exactly(desk: Desk) -> None:
    rows = pa.table(
        {
            "user": pa.array([2**64 - 1, 2**63 + 1, 7], pa.uint64()),
            "item": pa.array([Decimal("1.50"), Decimal("2.00"), None], pa.decimal128(9, 2)),
            "plays": pa.array([Decimal("2.5"), None, Decimal("1.0")], pa.decimal128(5, 1)),
        }
    )
    pq.write_table(rows, desk.folder / "a.parquet")
    report = desk.load(desk.folder / "a.parquet")

    assert desk.pairs() == {("18446744073709551615", "1.50"): 2.5}
    assert report.quarantined == {"item_missing": 1, "value_missing": 1}
    assert [(row.line, row.raw) for row in desk.history.quarantined("d")] == [
        (2, "9223372036854775809\t2.00"),
        (3, "7\t1.0"),
    ]


def test_parquet_rows_obey_the_rules_of_text_rows(desk: Desk) -> None:
    rows = pa.table(
        {
            "user": ["ann", "a\0b", None, "a\nb", "bob", "bob", "bob"],
            "item": ["x"] * 7,
            "plays": [1.0, 1.0, 1.0, 1.0, float("nan"), -1.0, 1.5],
        }
    )
    pq.write_table(rows, desk.folder / "a.parquet")
    report = desk.load(desk.folder / "a.parquet", replace(PLAYS, value_kind="count"))

    assert report.accepted == 1
    assert [row.reason for row in desk.history.quarantined("d")] == [
        "nul",
        "user_missing",
        "user_control",
        "number_not_finite",
        "value_range",
        "number",
    ]


def test_110_metadata_of_other_libraries_is_never_unpickled(desk: Desk) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
            return (os.mkdir, (str(desk.folder / "sprung"),))

    poisoned = __import__("pickle").dumps(Trap())
    extension = {"ARROW:extension:name": "arrow.py_extension_type", "ARROW:extension:metadata": poisoned}
    schema = pa.schema(
        [pa.field("user", pa.string(), metadata=extension), ("item", pa.string()), ("plays", pa.int64())],
        metadata={"pandas": poisoned},
    )
    pq.write_table(pa.table([["ann"], ["x"], [1]], schema=schema), desk.folder / "a.parquet")
    report = desk.load(desk.folder / "a.parquet")

    assert report.accepted == 1
    assert not (desk.folder / "sprung").exists()


def test_111_other_table_formats_are_refused(desk: Desk) -> None:
    feather.write_feather(table(), desk.folder / "a.feather")
    orc.write_table(table(), desk.folder / "a.orc")
    with pa.OSFile(str(desk.folder / "a.arrow"), "wb") as file, pa.ipc.new_file(file, table().schema) as writer:
        writer.write_table(table())

    codes = [desk.refusal(desk.folder / name).code for name in ("a.feather", "a.orc", "a.arrow")]
    assert codes == ["format_unsupported"] * 3
