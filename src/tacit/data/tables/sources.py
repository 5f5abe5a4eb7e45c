"""Original files: opened safely, recognised by their first bytes, digested, decompressed, and watched for change."""

from __future__ import annotations

import errno
import gzip
import hashlib
import os
import stat
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import pyarrow as pa

from tacit.data.imports import Limits
from tacit.errors import BadInput, Refused

CHUNK_BYTES = 4 << 20
EXPANSION_FLOOR_BYTES = 100_000_000
"""Decompressed size that is never too large, so that a tiny file of one repeated line still passes."""

Container = Literal["plain", "gzip", "zstd", "parquet"]

# Offset, bytes there, name, and the endings under which a file of that kind is honest about what it is. Magics that
# are words (PAR1) are taken with the byte that must follow, so that a text may begin with them.
_MAGICS: tuple[tuple[int, bytes, str, tuple[str, ...]], ...] = (
    (0, b"PAR1\x15", "Parquet", (".parquet", ".pq")),
    (0, b"\x1f\x8b", "gzip", (".gz",)),
    (0, b"\x28\xb5\x2f\xfd", "Zstandard", (".zst",)),
    (0, b"PK\x03\x04", "zip", (".zip", ".xlsx", ".ods", ".npz")),
    (0, b"PK\x05\x06", "zip", (".zip",)),
    (0, b"ARROW1\x00", "Arrow", (".arrow", ".feather", ".ipc")),
    (0, b"FEA1", "Feather", (".feather",)),
    (0, b"ORC\x0a", "ORC", (".orc",)),
    (0, b"Obj\x01", "Avro", (".avro",)),
    (0, b"\xd0\xcf\x11\xe0", "Excel", (".xls",)),
    (4, b"1AY&SY", "bzip2", (".bz2",)),
    (0, b"\xfd7zXZ\x00", "xz", (".xz",)),
    (0, b"7z\xbc\xaf", "7-Zip", (".7z",)),
    (0, b"SQLite format 3\x00", "SQLite", (".db", ".sqlite", ".sqlite3")),
    (257, b"ustar", "tar", (".tar",)),
)
_CONTAINERS: dict[str, Container] = {"Parquet": "parquet", "gzip": "gzip", "Zstandard": "zstd"}
_SUPPORTED_SUFFIXES = {".parquet": "Parquet", ".pq": "Parquet", ".gz": "gzip", ".zst": "Zstandard"}


@dataclass(frozen=True)
class Original:
    """One file as it was when we digested it.

    Attributes:
        path: Where it lies.
        sha256: Digest (hex) of its bytes as they lie there, compressed or not.
        size: Its size in bytes.
        mtime_ns: When it was last written.
        inode: Which file the path named.
    """

    path: Path
    sha256: str
    size: int
    mtime_ns: int
    inode: int

    def is_still(self, found: os.stat_result) -> bool:
        """Whether a later look at the file found the same one."""
        return (self.size, self.mtime_ns, self.inode) == (found.st_size, found.st_mtime_ns, found.st_ino)


def confine(path: Path, root: Path | None) -> Path:
    """The path, if it lies under `root` once every symbolic link is followed (or if there is no root).

    Raises:
        Refused: `path_outside_root`.
    """
    if root is not None and not path.resolve().is_relative_to(root.resolve()):
        raise Refused(
            "path_outside_root",
            "The file lies outside the folder that imports may read from.",
            field=path.name,
            fix="Move the file into the import folder; links that lead out of it are not followed.",
        )
    return path


@contextmanager
def open_regular(path: Path) -> Iterator[BinaryIO]:
    """Open a regular file for reading; a pipe or device is refused at once instead of being waited for.

    Raises:
        BadInput: `file_unreadable`.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise _unreadable(path, os.strerror(error.errno or errno.EIO)) from error
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        kind = "a directory" if stat.S_ISDIR(mode) else "a pipe, socket or device"
        raise _unreadable(path, f"it is {kind}, not a regular file")
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        yield file


def _unreadable(path: Path, why: str) -> BadInput:
    return BadInput(
        "file_unreadable",
        f"{path.name[:64]!r} cannot be read: {why}.",
        field=path.name,
        fix="Give a regular file that this process may read.",
    )


def digest(path: Path, told: Callable[[int], None] = lambda _: None) -> Original:
    """Read a file once for its SHA-256 and its state.

    Args:
        path: A regular file.
        told: Called with the number of bytes of each chunk read.

    Raises:
        BadInput: `file_unreadable`, `file_empty`, or `file_changed` if it was written to meanwhile.
    """
    digester = hashlib.sha256()
    with open_regular(path) as file:
        before = os.fstat(file.fileno())
        while chunk := file.read(CHUNK_BYTES):
            digester.update(chunk)
            told(len(chunk))
        original = Original(path, digester.hexdigest(), before.st_size, before.st_mtime_ns, before.st_ino)
        _refuse_change(original, os.fstat(file.fileno()))
    if original.size == 0:
        raise BadInput("file_empty", f"{path.name!r} holds no bytes.", field=path.name, fix="Export it again.")
    return original


@contextmanager
def open_unchanged(original: Original) -> Iterator[BinaryIO]:
    """Open a file that was digested before, and hold that it stays the same until we are done.

    Raises:
        BadInput: `file_changed` if it is another file now, or becomes one while it is being read.
    """
    with open_regular(original.path) as file:
        _refuse_change(original, os.fstat(file.fileno()))
        yield file
        if not file.closed:  # Arrow closes what it has read to its end; the look below still happens then
            _refuse_change(original, os.fstat(file.fileno()))
    refuse_if_changed(original)


def refuse_if_changed(original: Original) -> None:
    """Look at the path once more.

    Raises:
        BadInput: `file_changed`.
    """
    try:
        _refuse_change(original, original.path.stat())
    except OSError as error:
        raise _changed(original) from error


def _refuse_change(original: Original, found: os.stat_result) -> None:
    if not original.is_still(found):
        raise _changed(original)


def _changed(original: Original) -> BadInput:
    return BadInput(
        "file_changed",
        f"{original.path.name!r} was written to, replaced or removed while it was being read.",
        field=original.path.name,
        fix="Import it again once nothing writes to it any more; nothing was kept.",
    )


def table_suffix(path: Path) -> str:
    """The ending that says what the table is, lower case, without one for the compression: `.csv` of `a.csv.gz`."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in (".gz", ".zst"):
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def recognise(name: str, head: bytes) -> Container:
    """What a file is, by its first 512 bytes; its name must not say otherwise.

    Archives and spreadsheets are never opened here: a reader that knows one kind of archive takes out its members.

    Raises:
        BadInput: `format_mismatch` if name and content contradict each other, `format_unsupported` if they agree on a
            format that is not read.
    """
    suffix = Path(name).suffix.lower()
    kind, honest = _kind_of(head)
    expected = _SUPPORTED_SUFFIXES.get(suffix)
    if expected is not None and expected != kind:
        raise _mismatch(name, expected, kind or "neither that nor any other binary format")
    if kind is None:
        return "plain"
    if suffix not in honest:
        raise _mismatch(name, "text", kind)
    if kind not in _CONTAINERS or Path(name).with_suffix("").suffix.lower() in (".parquet", ".pq"):
        raise BadInput(
            "format_unsupported",
            f"{name!r} is a {kind} file, which is not imported.",
            field=name,
            fix="Export it as CSV, TSV (plain, .gz or .zst) or Parquet.",
        )
    return _CONTAINERS[kind]


def _kind_of(head: bytes) -> tuple[str | None, tuple[str, ...]]:
    for offset, magic, kind, honest in _MAGICS:
        if head.startswith(magic, offset):
            return kind, honest
    return None, ()


def _mismatch(name: str, said: str, found: str) -> BadInput:
    return BadInput(
        "format_mismatch",
        f"{name!r} is named like {said} but its content is {found}.",
        field=name,
        fix="Give the file the ending of what it is, or export it again.",
    )


def decompressed(file: BinaryIO, original: Original, *, container: Container, limits: Limits) -> Iterator[bytes]:
    """The content of a plain, gzip (of any number of members) or Zstandard file, in chunks of at most `CHUNK_BYTES`.

    Raises:
        BadInput: `compressed_truncated`, `compressed_corrupt`, `format_unsupported` if there is another compressed
            file or archive inside, `decompressed_too_large` beyond `limits.max_expansion`.
    """
    chunks = iter(lambda: file.read(CHUNK_BYTES), b"") if container == "plain" else _expand(file, original, container)
    total = 0
    cap = max(EXPANSION_FLOOR_BYTES, limits.max_expansion * original.size)
    for chunk in chunks:
        if total == 0 and container != "plain":
            _refuse_nested(original.path.name, chunk)
        total += len(chunk)
        if container != "plain" and total > cap:
            raise BadInput(
                "decompressed_too_large",
                f"{original.path.name!r} has {original.size} bytes and expands to more than {int(cap)}.",
                field=original.path.name,
                fix="Give the file decompressed, or raise the limit if you trust it.",
            )
        yield chunk


def _expand(file: BinaryIO, original: Original, container: Container) -> Iterator[bytes]:
    name = original.path.name
    try:
        if container == "gzip":
            with gzip.GzipFile(fileobj=file, mode="rb") as stream:
                while chunk := stream.read(CHUNK_BYTES):
                    yield chunk
        else:
            with pa.CompressedInputStream(pa.PythonFile(file, "r"), "zstd") as stream:
                while chunk := stream.read(CHUNK_BYTES):
                    yield chunk
    except EOFError as error:
        raise _broken(name, "compressed_truncated", "ends in the middle of its compressed data") from error
    except (OSError, zlib.error, pa.ArrowException) as error:
        truncated = "runcated" in str(error)
        code, what = (
            ("compressed_truncated", "ends in the middle of its compressed data")
            if truncated
            else ("compressed_corrupt", "holds damaged compressed data")
        )
        raise _broken(name, code, what) from error


def _broken(name: str, code: str, what: str) -> BadInput:
    return BadInput(code, f"{name!r} {what}.", field=name, fix="Copy or download it again; nothing was kept.")


def _refuse_nested(name: str, head: bytes) -> None:
    kind, _ = _kind_of(head[:512])
    if kind is not None:
        raise BadInput(
            "format_unsupported",
            f"{name!r} holds a {kind} file inside its compression.",
            field=name,
            fix="Unpack the outer file; tables may be compressed once.",
        )
