"""Bytes become whole, clean, numbered lines, wherever the chunks are cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.data.tables.lines import Block, LineReader, first_undecodable, is_utf8, unix_newlines, utf8_chunks
from tacit.data.tables.quoting import Record, unquoted_blocks


def chunks_of(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def blocks_of(data: bytes, size: int = 1 << 20) -> list[Block]:
    return list(LineReader(name="a", max_line_bytes=1000).blocks(chunks_of(data, size)))


@given(data=st.binary(max_size=60).map(lambda raw: raw.replace(b"\0", b"")), size=st.integers(1, 9))
def test_line_ends_are_the_same_however_the_bytes_are_cut(data: bytes, size: int) -> None:
    assert b"".join(unix_newlines(chunks_of(data, size))) == data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


# A NUL after the mark of UTF-16 would spell the mark of UTF-32; no table begins with one.
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)


@given(text=TEXT, size=st.integers(1, 9), encoding=st.sampled_from(["utf-16", "utf-32", "utf-8-sig"]))
def test_marked_encodings_come_out_as_utf_8_however_the_bytes_are_cut(text: str, size: int, encoding: str) -> None:
    data = text.encode(encoding)
    head, rest = data[:4], chunks_of(data[4:], size)

    assert b"".join(utf8_chunks([head, *rest], name="a")) == text.encode()


@given(lines=st.lists(st.sampled_from(["", "a", "é\tx", "long " * 9]), max_size=12), size=st.integers(1, 30))
def test_no_line_is_lost_or_misnumbered(lines: list[str], size: int) -> None:
    blocks = blocks_of("".join(f"{line}\n" for line in lines).encode(), size)

    assert b"".join(block.data for block in blocks).decode().split("\n")[:-1] == lines
    numbers = [block.first_line + place for block in blocks for place in range(len(block.line_ends))]
    assert numbers == list(range(1, len(lines) + 1))


def test_a_line_that_cannot_be_read_leaves_an_empty_one_in_its_place() -> None:
    (block,) = blocks_of(b"one\nt\xffo\nth\0ree\nfour\n")

    assert block.data == b"one\n\n\nfour\n"
    assert [(line.line, line.reason, line.raw) for line in block.flagged] == [
        (2, "encoding", "t\\xffo"),
        (3, "nul", "th\\x00ree"),
    ]


@given(data=st.binary(max_size=12))
def test_utf_8_is_what_python_decodes(data: bytes) -> None:
    try:
        data.decode()
        offset = None
    except UnicodeDecodeError as error:
        offset = error.start

    assert is_utf8(data) == (offset is None)
    assert first_undecodable(chunks_of(data, 2)) == offset


FIELD = st.text(st.sampled_from('a,"\n é'), max_size=5)


@pytest.mark.parametrize("size", [3, 1 << 20])
@given(rows=st.lists(st.tuples(FIELD, FIELD, FIELD), min_size=1, max_size=8))
def test_quoted_rows_come_back_as_they_were_written(size: int, rows: list[tuple[str, str, str]]) -> None:
    quoted = [",".join('"' + field.replace('"', '""') + '"' for field in row) for row in rows]
    blocks = blocks_of("".join(f"{row}\n" for row in quoted).encode(), size)
    parts = list(unquoted_blocks(blocks, delimiter=",", name="a", max_record_bytes=1000))

    records = [record for part in parts if isinstance(part, list) for record in part]
    first_lines = [1 + sum(row.count("\n") + 1 for row in quoted[:place]) for place in range(len(quoted))]
    assert [tuple(record.text.split("\x1f")) for record in records] == rows
    assert [record.line for record in records] == first_lines


def test_a_block_without_quotes_keeps_its_shape() -> None:
    (part,) = unquoted_blocks(blocks_of(b"a,b\nc,d\n"), delimiter=",", name="a", max_record_bytes=1000)

    assert isinstance(part, Block)
    assert part.data == b"a\x1fb\nc\x1fd\n"
    assert not isinstance(part, Record)
