"""Taking named members out of a zip file that nobody vouches for."""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from tacit.data.readers.files import shown
from tacit.errors import BadInput

MAX_DIRECTORY_BYTES = 100_000
"""Largest table of contents we read: about a thousand entries, where a data set has ten."""
MAX_MEMBER_BYTES = 4_000_000_000
MAX_EXPANSION = 100
CHUNK_BYTES = 1 << 20
END_RECORD = b"PK\x05\x06"
ZIP64_LOCATOR = b"PK\x06\x07"
END_RECORD_BYTES = 22
ZIP64_LOCATOR_BYTES = 20
MAX_COMMENT_BYTES = 65_535


@contextmanager
def extracted(archive: Path, wanted: Collection[str]) -> Iterator[Path]:
    """A folder of its own with the wanted members of an archive, removed when the context ends.

    A member is wanted by its file name, at the top of the archive or one folder down; all others are left where they
    are. An archive with any suspicious entry is refused whole, since nothing honest makes one.

    Raises:
        BadInput: `archive_corrupt`, `archive_entry_unsafe` or `archive_too_large`.
    """
    with TemporaryDirectory(prefix="tacit-") as name:
        folder = Path(name)
        for member in members(archive, wanted):
            _copy(archive, member, folder / PurePosixPath(member.filename).name)
        yield folder


def members(archive: Path, wanted: Collection[str]) -> tuple[zipfile.ZipInfo, ...]:
    """The wanted members of an archive whose table of contents is sound.

    Raises:
        BadInput: As `extracted`.
    """
    _check_directory(archive)
    with _opened(archive) as content:
        entries = content.infolist()
    for entry in entries:
        _check_entry(entry)
    found = tuple(entry for entry in entries if _is_wanted(entry, wanted))
    names = [PurePosixPath(entry.filename).name for entry in found]
    if len(set(names)) < len(names):
        raise _unsafe(f"{archive.name} holds the same file twice.")
    return found


def _check_directory(archive: Path) -> None:
    """Refuse a table of contents too large to be read, before anything reads it."""
    try:
        with archive.open("rb") as file:
            size = archive.stat().st_size
            file.seek(max(0, size - END_RECORD_BYTES - MAX_COMMENT_BYTES - ZIP64_LOCATOR_BYTES))
            tail = file.read()
    except OSError as error:
        raise BadInput(
            "file_unreadable",
            f"{archive.name} cannot be read: {error.strerror}.",
            field="from",
            fix="Give a regular file that this process may read.",
        ) from error
    at = tail.rfind(END_RECORD)
    if at < 0 or len(tail) - at < END_RECORD_BYTES:
        raise _corrupt(archive)
    directory_bytes = int.from_bytes(tail[at + 12 : at + 16], "little")
    is_zip64 = tail[max(0, at - ZIP64_LOCATOR_BYTES) : at].startswith(ZIP64_LOCATOR)
    if is_zip64 or directory_bytes > MAX_DIRECTORY_BYTES:
        raise _unsafe(f"{archive.name} lists far more files than a data set has.")


def _check_entry(entry: zipfile.ZipInfo) -> None:
    name = shown(entry.filename)
    path = PurePosixPath(entry.filename)
    if path.is_absolute() or ".." in path.parts or "\\" in entry.filename or ":" in entry.filename:
        raise _unsafe(f"The archive's entry {name} points outside its folder.")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
        raise _unsafe(f"The archive's entry {name} is neither a file nor a folder.")
    if entry.flag_bits & 1:
        raise _unsafe(f"The archive's entry {name} is encrypted.")


def _is_wanted(entry: zipfile.ZipInfo, wanted: Collection[str]) -> bool:
    path = PurePosixPath(entry.filename)
    return not entry.is_dir() and path.name in wanted and len(path.parts) <= 2


def _copy(archive: Path, member: zipfile.ZipInfo, target: Path) -> None:
    allowed = min(MAX_MEMBER_BYTES, MAX_EXPANSION * max(member.compress_size, CHUNK_BYTES // MAX_EXPANSION))
    with _opened(archive) as content, content.open(member) as source, target.open("wb") as file:
        while chunk := source.read(CHUNK_BYTES):
            allowed -= len(chunk)
            if allowed < 0:
                raise BadInput(
                    "archive_too_large",
                    f"{shown(member.filename)} in {archive.name} unpacks to far more than a data set has.",
                    fix="Unpack it yourself if you trust it, and point at the folder.",
                )
            file.write(chunk)


@contextmanager
def _opened(archive: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(archive) as content:
            yield content
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError) as error:
        raise _corrupt(archive) from error


def _corrupt(archive: Path) -> BadInput:
    return BadInput("archive_corrupt", f"{archive.name} is not a whole zip file.", fix="Copy or download it again.")


def _unsafe(detail: str) -> BadInput:
    return BadInput("archive_entry_unsafe", detail, fix="Unpack it yourself if you trust it, and point at the folder.")
