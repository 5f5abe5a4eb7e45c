"""From the bytes of a text table to blocks of whole, clean UTF-8 lines that still know their line numbers."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tacit.errors import BadInput

MAX_BAD_ENCODING_SHARE = 0.001
"""Share of the lines that may hold undecodable bytes; beyond it the file has another encoding altogether."""

# The longer marks first: UTF-32-LE begins with the mark of UTF-16-LE.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

# What "é", "’", "Ж" and an emoji become when UTF-8 is read as Latin-1 or CP1252 and written as UTF-8 once more.
_DOUBLE_ENCODED = (b"\xc3\x83\xc2", b"\xc3\xa2\xe2\x82\xac", b"\xc3\x90\xc2", b"\xc3\xb0\xc5\xb8")


@dataclass(frozen=True)
class FlaggedLine:
    """One line that cannot be read as text.

    Attributes:
        line: 1-based line number.
        reason: `nul` or `encoding`.
        raw: The line with NUL and undecodable bytes escaped.
    """

    line: int
    reason: str
    raw: str


@dataclass(frozen=True)
class Block:
    r"""Consecutive whole lines of one file.

    Attributes:
        first_line: 1-based number of the first of them.
        data: The lines as UTF-8, each ended by `\n`; a flagged line stands here as an empty one.
        line_ends: `(lines,)` int64, where each `\n` stands in `data`.
        flagged: The lines that cannot be read.
    """

    first_line: int
    data: bytes
    line_ends: NDArray[np.int64]
    flagged: tuple[FlaggedLine, ...] = ()


def utf8_chunks(chunks: Iterable[bytes], *, name: str) -> Iterator[bytes]:
    """Strip a byte order mark, and turn UTF-16 and UTF-32 that carry one into UTF-8; other chunks pass untouched.

    Raises:
        BadInput: `encoding` if UTF-16 or UTF-32 is damaged, or there without its mark.
    """
    stream = iter(chunks)
    head = next(stream, b"")
    mark, encoding = next((known for known in _MARKS if head.startswith(known[0])), (b"", "utf-8"))
    if not mark:
        _refuse_unmarked_utf16(head[:4096], name)
    if encoding == "utf-8":
        yield head[len(mark) :]
        yield from stream
    else:
        yield from _transcoded(head[len(mark) :], stream, name=name, encoding=encoding)


def _refuse_unmarked_utf16(head: bytes, name: str) -> None:
    # Latin text in UTF-16 has a zero in nearly every other byte; a table with a stray NUL does not.
    half = len(head) // 2
    if half >= 4 and max(head[0::2].count(0), head[1::2].count(0)) > 0.6 * half:
        raise _not_utf8(name, 0, "looks like UTF-16 without a byte order mark", encoding="UTF-16LE")


def _transcoded(head: bytes, rest: Iterator[bytes], *, name: str, encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    offset = 0
    chunk: bytes = head
    while True:
        following = next(rest, b"")
        held = len(decoder.getstate()[0])
        try:
            text = decoder.decode(chunk, final=not following)
        except UnicodeDecodeError as error:
            raise _not_utf8(name, offset - held + error.start, f"is damaged {encoding.upper()}") from error
        yield text.encode("utf-8")
        if not following:
            return
        offset += len(chunk)
        chunk = following


def _not_utf8(name: str, offset: int, what: str, *, encoding: str = "WINDOWS-1252") -> BadInput:
    return BadInput(
        "encoding",
        f"{name!r} {what}; the first undecodable byte is at offset {offset}.",
        field=name,
        fix=f"Convert it to UTF-8, for example with `iconv -f {encoding} -t UTF-8`.",
        context={"offset": offset},
    )


def unix_newlines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    r"""Turn `\r\n` and a lone `\r` into `\n`, wherever a chunk ends."""
    held = b""
    for chunk in chunks:
        if held or b"\r" in chunk:
            chunk = held + chunk
            # What follows a last \r decides whether it is half a line end or a whole one.
            held = b"\r" if chunk.endswith(b"\r") else b""
            chunk = chunk.removesuffix(held).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        yield chunk
    if held:
        yield b"\n"


class LineReader:
    """Cuts a stream of bytes into blocks of whole lines and screens each.

    Attributes:
        lines: Lines seen so far that are not empty.
        bad_encoding: How many of them held undecodable bytes.
        is_mojibake: Whether text that was encoded twice has been seen.
    """

    def __init__(self, *, name: str, max_line_bytes: int) -> None:
        self.lines = 0
        self.bad_encoding = 0
        self.is_mojibake = False
        self._name = name
        self._max_line_bytes = max_line_bytes

    def blocks(self, chunks: Iterable[bytes]) -> Iterator[Block]:
        r"""The blocks of a stream whose only line end is `\n`; a last line without one gets it.

        Raises:
            BadInput: `line_too_long`, before more than one chunk and one line were held in memory.
        """
        carry = b""
        first_line = 1
        for chunk in chunks:
            cut = chunk.rfind(b"\n") + 1
            if cut == 0:
                carry += chunk
                self._refuse_long(len(carry), first_line)
                continue
            block = self._screen(first_line, carry + chunk[:cut])
            yield block
            carry = chunk[cut:]
            first_line += len(block.line_ends)
        if carry:
            yield self._screen(first_line, carry + b"\n")

    def _screen(self, first_line: int, data: bytes) -> Block:
        line_ends = _line_ends(data)
        lengths = np.diff(line_ends, prepend=-1) - 1
        longest = int(lengths.argmax())
        self._refuse_long(int(lengths[longest]), first_line + longest)
        self.lines += int(np.count_nonzero(lengths))
        self.is_mojibake = self.is_mojibake or any(needle in data for needle in _DOUBLE_ENCODED)
        if b"\0" not in data and is_utf8(data):
            return Block(first_line, data, line_ends)
        data, flagged = _without_unreadable(first_line, data)
        self.bad_encoding += sum(line.reason == "encoding" for line in flagged)
        return Block(first_line, data, _line_ends(data), flagged)

    def _refuse_long(self, length: int, line: int) -> None:
        if length > self._max_line_bytes:
            raise BadInput(
                "line_too_long",
                f"Line {line} of {self._name!r} has more than {self._max_line_bytes} bytes.",
                field=self._name,
                fix="Check that the file is a table with one row per line.",
                context={"line": line},
            )


def refuse_encoding(reader: LineReader, offset: int | None, *, name: str) -> None:
    """Judge a file once all its lines were seen.

    Args:
        reader: What has read it.
        offset: Where its first undecodable byte stands, if it has one.
        name: What the file is called.

    Raises:
        BadInput: `encoding` if more than `MAX_BAD_ENCODING_SHARE` of its lines are undecodable.
    """
    if offset is not None and reader.bad_encoding > MAX_BAD_ENCODING_SHARE * reader.lines:
        raise _not_utf8(name, offset, f"is not UTF-8 ({reader.bad_encoding} of {reader.lines} lines)")


def first_undecodable(chunks: Iterable[bytes]) -> int | None:
    """Offset of the first byte that is not UTF-8 in a stream, or `None`."""
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    offset = 0
    for chunk in chunks:
        held = len(decoder.getstate()[0])
        try:
            decoder.decode(chunk)
        except UnicodeDecodeError as error:
            return offset - held + error.start
        offset += len(chunk)
    held = len(decoder.getstate()[0])
    return offset - held if held else None


def is_utf8(data: bytes) -> bool:
    """Whether bytes are valid UTF-8; asks Arrow, which is several times faster than decoding."""
    whole = np.array([0, len(data)], dtype=np.int32)
    try:
        pa.BinaryArray.from_buffers(pa.binary(), 1, [None, pa.py_buffer(whole), pa.py_buffer(data)]).cast(pa.string())
    except pa.ArrowInvalid:
        return False
    return True


def _line_ends(data: bytes) -> NDArray[np.int64]:
    return np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == ord("\n"))


def _without_unreadable(first_line: int, data: bytes) -> tuple[bytes, tuple[FlaggedLine, ...]]:
    lines = data.split(b"\n")
    flagged = []
    for index, line in enumerate(lines):
        reason = "encoding" if not is_decodable(line) else "nul" if b"\0" in line else None
        if reason is not None:
            raw = line[:4096].decode("utf-8", "backslashreplace").replace("\0", "\\x00")
            flagged.append(FlaggedLine(first_line + index, reason, raw))
            lines[index] = b""
    return b"\n".join(lines), tuple(flagged)


def is_decodable(line: bytes) -> bool:
    """Whether one line is valid UTF-8."""
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
