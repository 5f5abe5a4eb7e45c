"""What can be wrong with a text table as a whole, one case each, numbered as in the catalogue of bad input."""

from __future__ import annotations

import gzip
import re
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from tacit.data.imports import TableSpec
from tests.import_desk import GOOD, PLAYS, TIMED, Desk

GZIP = gzip.compress(GOOD.encode())
ZSTD = pa.compress(GOOD.encode(), "zstd").to_pybytes()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "spec", "code"),
    [
        pytest.param("a.csv", "", PLAYS, "file_empty", id="81-no-bytes"),
        pytest.param("a.csv", "\ufeff", PLAYS, "file_no_rows", id="81-only-a-byte-order-mark"),
        pytest.param("a.csv", "user,item,plays\n", PLAYS, "file_no_rows", id="82-header-only"),
        pytest.param("a.csv", "\n\n\n", PLAYS, "file_no_rows", id="82-empty-lines-only"),
        pytest.param("a.csv", "ann,x,3\nbob,y,1\n", PLAYS, "header_missing", id="83-no-header"),
        pytest.param("a.csv", "user,song,plays\nann,x,3\n", PLAYS, "column_missing", id="84-missing-column"),
        pytest.param("a.tsv", "a\tb\n", TableSpec("0", "7"), "column_missing", id="84-position-beyond-the-width"),
        pytest.param("a.csv", "user,item,item,plays\na,x,x,3\n", PLAYS, "column_duplicated", id="85-duplicated"),
        pytest.param("a.csv", "User,item,plays\nann,x,3\n", PLAYS, "column_missing", id="85-other-case"),
        pytest.param("a.csv", "user, item,plays\nann,x,3\n", PLAYS, "column_missing", id="85-other-spaces"),
        pytest.param("a.csv", "user;item;plays\nann;x;3\n", PLAYS, "delimiter_mismatch", id="86-semicolon"),
        pytest.param("a.csv", "user\titem\tplays\nann\tx\t3\n", PLAYS, "delimiter_mismatch", id="86-tab"),
        pytest.param("a.tsv", "user|item|plays\nann|x|3\n", PLAYS, "delimiter_mismatch", id="86-bar"),
        pytest.param("a.tsv", "ann,x,3\n", TableSpec("0", "1"), "delimiter_mismatch", id="86-comma-without-header"),
        pytest.param("a.csv", "user,item,plays\nanné,x,3\n".encode("latin-1"), PLAYS, "encoding", id="87-latin-1"),
        pytest.param("a.csv", "user,item,plays\nЖук,x,3\n".encode("cp1251"), PLAYS, "encoding", id="87-cp1251"),
        pytest.param("a.csv", "user,item,plays\n音乐,x,3\n".encode("gbk"), PLAYS, "encoding", id="87-gbk"),
        pytest.param("a.csv", GOOD.encode("utf-16-le"), PLAYS, "encoding", id="87-utf-16-without-its-mark"),
        pytest.param("a.csv", GOOD.encode("utf-16")[:-1], PLAYS, "encoding", id="87-utf-16-cut-in-a-character"),
        pytest.param("a.csv", b"user,item,plays\n" + b"\xff,x,1\n" * 9, PLAYS, "encoding", id="89-too-many-bad-lines"),
        pytest.param("a.csv", 'user,item,plays\n"ann,x,3\nbob,y,1\n', PLAYS, "quote_unbalanced", id="93-open-quote"),
        pytest.param(
            "a.csv", 'user,item,plays\n"ann,x,3\nbob,"y",1\n', PLAYS, "quote_unbalanced", id="93-quote-swallows-a-row"
        ),
        pytest.param("a.csv", "user,item,at\na,x,13/02/2024\n", TIMED, "time_format", id="102-day-first"),
        pytest.param("a.csv", "user,item,at\na,x,02/13/24\n", TIMED, "time_format", id="102-two-digit-year"),
        pytest.param(
            "a.csv", "user,item,at\na,x,1700000000\nb,x,1700000000000\n", TIMED, "timestamp_unit", id="102-mixed-units"
        ),
        pytest.param("a.csv.gz", GZIP[:-9], PLAYS, "compressed_truncated", id="103-cut-short"),
        pytest.param("a.csv.gz", GZIP[:-8] + bytes(8), PLAYS, "compressed_corrupt", id="103-crc"),
        pytest.param("a.csv.zst", ZSTD[:-4], PLAYS, "compressed_truncated", id="103-zst"),
        pytest.param("a.csv.gz", gzip.compress(gzip.compress(b"x")), PLAYS, "format_unsupported", id="104-nested"),
        pytest.param("a.csv", gzip.compress(b"x"), PLAYS, "format_mismatch", id="106-csv-is-gzip"),
        pytest.param("a.csv", b"PK\x03\x04rest", PLAYS, "format_mismatch", id="106-csv-is-zip"),
        pytest.param("a.csv.gz", GOOD, PLAYS, "format_mismatch", id="106-gz-is-csv"),
        pytest.param("a.parquet", GOOD, PLAYS, "format_mismatch", id="106-parquet-is-csv"),
        pytest.param("a.xlsx", b"PK\x03\x04rest", PLAYS, "format_unsupported", id="111-xlsx"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_such_table_is_refused(
    desk: Desk, *, name: str, content: str | bytes, spec: TableSpec, code: str
) -> None:
    refused = desk.refusal(desk.put(name, content), spec)

    assert refused.code == code
    assert refused.field
    assert refused.fix


def test_83_a_missing_header_is_shown(desk: Desk) -> None:
    refused = desk.refusal(desk.put("a.csv", "ann\x1b,x,3\n"))

    assert "ann\\x1b,x,3" in refused.detail


def test_84_a_missing_column_is_named_beside_those_there_are(desk: Desk) -> None:
    refused = desk.refusal(desk.put("a.csv", "user,items,plays\nann,x,3\n"))

    assert refused.context == {"missing": ["item"], "found": ["user", "items", "plays"]}
    assert "'items'" in (refused.fix or "")


def test_85_columns_that_nobody_asked_for_are_ignored(desk: Desk) -> None:
    report = desk.load(desk.put("a.csv", "when,item,mood,user,plays\n1,x,sad,ann,3\n"))

    assert report.accepted == 1
    assert desk.pairs() == {("ann", "x"): 3.0}


@pytest.mark.parametrize(("text", "guess"), [("user;item;plays\na;x;3\n", ";"), ("user\titem\tplays\na\tx\t3\n", "\t")])
def test_86_another_delimiter_is_guessed(desk: Desk, text: str, guess: str) -> None:
    refused = desk.refusal(desk.put("a.csv", text))

    assert refused.context["guess"] == guess
    assert desk.load(desk.folder / "a.csv", replace(PLAYS, delimiter=guess)).accepted == 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_87_marked_encodings_are_read(desk: Desk, encoding: str) -> None:
    report = desk.load(desk.put("a.csv", "user,item,plays\nBjörk,音乐,3\n".encode(encoding)))

    assert report.accepted == 1
    assert desk.pairs() == {("Björk", "音乐"): 3.0}


@pytest.mark.parametrize("encoding", ["utf-16-be", "utf-16-le"])
def test_87_utf_16_is_read_across_chunks(desk: Desk, encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tacit.data.tables.sources.CHUNK_BYTES", 7)
    text = "\ufeffuser,item,plays\r\nBjörk,🎵,3\r\nbob,y,1"

    report = desk.load(desk.put("a.csv", text.encode(encoding)))

    assert report.accepted == 2
    assert desk.pairs() == {("Björk", "🎵"): 3.0, ("bob", "y"): 1.0}


def test_87_the_offset_of_the_first_undecodable_byte_is_told(desk: Desk) -> None:
    refused = desk.refusal(desk.put("a.csv", b"user,item,plays\r\nann,x,1\r\nb\xe9a,x,1\r\n"))

    assert refused.context["offset"] == 27


def test_88_text_that_was_encoded_twice_is_warned_of(desk: Desk) -> None:
    twice = "Beyoncé".encode().decode("latin-1")
    report = desk.load(desk.put("a.csv", f"user,item,plays\nann,{twice},3\n"))

    assert report.warnings == ("mojibake_suspect",)
    assert desk.load(desk.put("b.csv", "user,item,plays\nann,Beyoncé,3\n")).warnings == ()


def test_89_a_few_undecodable_lines_are_kept_aside(desk: Desk) -> None:
    lines = [f"u{n},x,1".encode() for n in range(2000)]
    lines[1234] = b"caf\xe9,x,1"
    report = desk.load(desk.put("a.csv", b"user,item,plays\n" + b"\n".join(lines)))

    (row,) = desk.history.quarantined("d")
    assert (report.read, report.accepted, report.quarantined) == (2000, 1999, {"encoding": 1})
    assert (row.line, row.reason, row.raw) == (1236, "encoding", "caf\\xe9,x,1")


def test_90_a_nul_byte_keeps_its_row_aside(desk: Desk) -> None:
    report = desk.load(desk.put("a.csv", "user,item,plays\nann,x,1\nb\0b,y,1\n"))

    (row,) = desk.history.quarantined("d")
    assert report.quarantined == {"nul": 1}
    assert (row.line, row.raw) == (3, "b\\x00b,y,1")


@pytest.mark.parametrize(
    "text",
    [
        "user,item,plays\rann,x,3\rbob,y,1\r",
        "user,item,plays\r\nann,x,3\r\nbob,y,1\r\n",
        "user,item,plays\nann,x,3\r\nbob,y,1\r",
        "user,item,plays\nann,x,3\nbob,y,1",
    ],
    ids=["91-cr", "91-crlf", "91-mixed", "91-no-last-newline"],
)
@pytest.mark.parametrize("chunk_bytes", [4 << 20, 1, 17])
def test_line_ends_of_any_kind_are_accepted_wherever_a_chunk_ends(
    desk: Desk, *, text: str, chunk_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tacit.data.tables.sources.CHUNK_BYTES", chunk_bytes)
    desk.load(desk.put("a.csv", text))

    assert desk.pairs() == {("ann", "x"): 3.0, ("bob", "y"): 1.0}


@pytest.mark.parametrize("chunk_bytes", [4 << 20, 5])
def test_92_quoted_fields_may_hold_delimiters_quotes_and_line_ends(
    desk: Desk, chunk_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tacit.data.tables.sources.CHUNK_BYTES", chunk_bytes)
    text = 'user,item,note,plays\nann,"a, ""b""","two\nlines",3\nbob,plain,,2\nbob,y,"",x\n,"q",,1\n'
    report = desk.load(desk.put("a.csv", text))

    rows = desk.history.quarantined("d")
    assert report.read == 4
    assert desk.pairs() == {("ann", 'a, "b"'): 3.0, ("bob", "plain"): 2.0}
    assert [(row.line, row.reason, row.raw) for row in rows] == [
        (5, "number", 'bob,y,"",x'),
        (6, "user_missing", ',"q",,1'),
    ]


def test_92_a_quote_inside_a_field_of_an_unquoted_table_is_a_letter(desk: Desk) -> None:
    desk.load(desk.put("a.tsv", 'user\titem\tplays\nann\t"Heroes"\t3\nann\t12" mix\t1\n'))

    assert desk.pairs() == {("ann", '"Heroes"'): 3.0, ("ann", '12" mix'): 1.0}


def test_93_a_quote_that_swallows_a_million_lines_is_stopped_at_the_line_where_it_opens(desk: Desk) -> None:
    text = "user,item,plays\nann,x,1\n" + 'bob,"y,1\n' + "cat,z,1\n" * 1_000_000
    refused = desk.refusal(desk.put("a.csv", text))

    assert refused.code == "quote_unbalanced"
    assert refused.context["line"] == 3


def test_94_ragged_rows_are_kept_aside(desk: Desk) -> None:
    report = desk.load(desk.put("a.csv", 'user,item,plays\nann,x,1\nann,x\nann,x,1,2\n"a"b,x,1\n'))

    assert (report.accepted, report.quarantined) == (1, {"ragged": 3})
    assert [row.line for row in desk.history.quarantined("d")] == [3, 4, 5]


def test_95_one_endless_line_is_refused_within_64_mb(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    with path.open("wb") as file:
        file.write(b"user,item,plays\nann,x,1\n")
        for _ in range(500):
            file.write(b"z" * 1_000_000)
    code = f"""
import resource
from pathlib import Path
from tacit.data.imports import Limits, TableSpec
from tacit.data.tables.sources import digest
from tacit.data.tables.text import open_text
from tacit.errors import BadInput
original = digest(Path({str(path)!r}))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    table = open_text(original, TableSpec(), container="plain", limits=Limits(), told=lambda _: None)
    list(table.batches)
except BadInput as error:
    print(error.code, error.context["line"], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert out[:2] == ["line_too_long", "3"]
    assert int(out[2]) * 1024 <= 64_000_000


def test_104_a_gzip_bomb_is_stopped_and_many_members_are_read(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tacit.data.tables.sources.EXPANSION_FLOOR_BYTES", 1_000_000)
    bomb = desk.put("bomb.csv.gz", gzip.compress(GOOD.encode() + b"ann,x,1\n" * 500_000))
    refused = desk.refusal(bomb)
    half = len(GOOD) // 2
    members = gzip.compress(GOOD[:half].encode()) + gzip.compress(GOOD[half:].encode())

    assert refused.code == "decompressed_too_large"
    assert desk.load(desk.put("many.csv.gz", members)).accepted == 2


def test_seconds_that_count_from_elsewhere_are_taken_in_order_and_warned_of(desk: Desk) -> None:
    report = desk.load(desk.put("a.csv", "user,item,at\nann,x,90000.000\nann,y,0.000\n"), TIMED)

    found = desk.history.interactions("d")

    assert report.warnings == ("times_before_1973",)
    assert dict(zip(found.item_ids, found.last_at_ms.tolist(), strict=True)) == {"x": 90_000_000, "y": 0}


def test_a_file_packed_with_zstandard_is_read_like_any_other(desk: Desk) -> None:
    report = desk.load(desk.put("a.csv.zst", ZSTD))

    assert report.accepted == 2


def test_105_archives_are_not_opened_and_nothing_of_them_is_written(desk: Desk) -> None:
    with zipfile.ZipFile(desk.folder / "a.zip", "w") as archive:
        archive.writestr("../../escaped.csv", GOOD)
    with tarfile.open(desk.folder / "a.tar", "w") as tar:
        tar.add(desk.put("plain.csv", GOOD), arcname="/absolute.csv")

    codes = [desk.refusal(desk.folder / name).code for name in ("a.zip", "a.tar")]
    assert codes == ["format_unsupported", "format_unsupported"]
    assert not (desk.folder.parent / "escaped.csv").exists()


def test_every_case_of_the_catalogue_has_a_test() -> None:
    suites = ("bad_data_files", "bad_rows", "bad_parquet_files", "imports_on_disk")
    source = "".join((Path(__file__).parent / f"test_{suite}.py").read_text() for suite in suites)
    named = {int(number) for number in re.findall(r"(?:def test_|\")(\d{2,3})[-_]", source)}

    assert sorted(set(range(81, 121)) - named) == []
