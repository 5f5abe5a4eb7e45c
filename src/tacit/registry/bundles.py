"""A version as one file: a plain tar of a fixed order and nothing that varies, read back as if its sender were hostile.

The file holds what was said of the version and the signature of that, then the version's folder:

    bundle.json  bundle_signature.json  version/manifest.json  version/signature.json  version/…

Only plain files of safe names are taken, each once; no link, no folder, no extension that would have a reader make
room for what a header claims.  Nothing is interpreted here: who unpacks verifies first.
"""

from __future__ import annotations

import os
import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tacit.errors import BadInput
from tacit.registry.manifests import is_safe_name

FACTS_FILE = "bundle.json"
FACTS_SIGNATURE_FILE = "bundle_signature.json"
MOST_FILES = 100
"""Files a bundle may hold."""
MOST_FACTS_BYTES = 4 * 1024 * 1024
"""Bytes that what is said of a version may take, and its signature."""

_FOLDER = "version/"
_BLOCK = tarfile.BLOCKSIZE
_PIECE = 1 << 20
_PLAIN = (tarfile.REGTYPE, tarfile.AREGTYPE)
_FIX = "Export the version anew with `tacit models export`, and see that the file arrives whole."


@dataclass(frozen=True)
class Facts:
    """What a bundle says of its version, before anybody knows whether to believe it.

    Attributes:
        said: Canonical JSON.
        signature: The signature of exactly these bytes.
    """

    said: bytes
    signature: bytes


def pack(stream: BinaryIO, facts: Facts, folder: Path) -> None:
    """Write a bundle: the same bytes for the same facts and files, wherever and whenever it is done."""
    for name, content in ((FACTS_FILE, facts.said), (FACTS_SIGNATURE_FILE, facts.signature)):
        stream.write(_header(name, len(content)))
        stream.write(content + _padding(len(content)))
    names = sorted(path.name for path in folder.iterdir())
    seals = [name for name in ("manifest.json", "signature.json") if name in names]
    for name in [*seals, *(name for name in names if name not in seals)]:
        with (folder / name).open("rb") as source:
            size = os.fstat(source.fileno()).st_size
            stream.write(_header(_FOLDER + name, size))
            for piece in _pieces(source, size, name):
                stream.write(piece)
            stream.write(_padding(size))
    stream.write(bytes(2 * _BLOCK))


def unpack(stream: BinaryIO, folder: Path, *, believe: Callable[[Facts], None], most_bytes: int) -> Facts:
    """Put a bundle's files into an empty folder, and give what it says of them.

    Args:
        stream: The bundle, from its beginning.
        folder: Empty; what lies in it after a refusal is to be thrown away.
        believe: Asked before a file is written; refuses facts that nobody we trust has signed.
        most_bytes: How large the bundle may be.

    Raises:
        BadInput: `bundle_too_large`, or `bundle_invalid` naming what is wrong with it.
    """
    size = os.fstat(stream.fileno()).st_size
    if size > most_bytes:
        raise BadInput(
            "bundle_too_large",
            f"The file has {size:,} bytes; {most_bytes:,} are taken at most.",
            field="file",
            fix="Raise registry.import_limit_mib if you know where it comes from.",
        )
    members = _members(stream)
    facts = Facts(*(_said(stream, members, wanted) for wanted in (FACTS_FILE, FACTS_SIGNATURE_FILE)))
    believe(facts)
    met: set[str] = set()
    for name, length in members:
        if name in (*met, FACTS_FILE, FACTS_SIGNATURE_FILE) or len(met) == MOST_FILES:
            raise _invalid(f"it holds {ascii(name)[:80]} twice, or more than {MOST_FILES} files")
        met.add(name)
        _write(folder / name.removeprefix(_FOLDER), _pieces(stream, length, name))
        _skip(stream, -length % _BLOCK)
    return facts


def _said(stream: BinaryIO, members: Iterator[tuple[str, int]], wanted: str) -> bytes:
    """One of the two files that a bundle begins with."""
    name, length = next(members, ("", 0))
    if name != wanted:
        raise _invalid(f"{wanted} is missing from its beginning")
    if length > MOST_FACTS_BYTES:
        raise _invalid(f"{name} is larger than {MOST_FACTS_BYTES:,} bytes")
    content = b"".join(_pieces(stream, length, name))
    _skip(stream, -length % _BLOCK)
    return content


def _members(stream: BinaryIO) -> Iterator[tuple[str, int]]:
    """Name and size of each file, the stream standing at its first byte; ends at the end of the archive."""
    while True:
        block = stream.read(_BLOCK)
        if len(block) < _BLOCK:
            raise _invalid("it ends before its end, or is no tar file")
        if not any(block):
            _check_end(stream)
            return
        yield _described(block)


def _described(block: bytes) -> tuple[str, int]:
    """What a header says, once it speaks of a plain file whose name is safe."""
    try:
        header = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
    except (tarfile.HeaderError, ValueError) as error:
        raise _invalid("it is no tar file, or a header in it is damaged") from error
    if header.type not in _PLAIN or header.size < 0:
        raise _invalid(f"{ascii(header.name)[:80]} is not a plain file")
    if header.name not in (FACTS_FILE, FACTS_SIGNATURE_FILE) and not _is_of_a_version(header.name):
        raise _invalid(f"{ascii(header.name)[:80]} is not a name that a version's file may have")
    return header.name, header.size


def _is_of_a_version(name: str) -> bool:
    return name.startswith(_FOLDER) and is_safe_name(name.removeprefix(_FOLDER))


def _check_end(stream: BinaryIO) -> None:
    """Only zeros may follow, as tar programs pad."""
    if len(rest := stream.read(_BLOCK)) < _BLOCK or any(rest):
        raise _invalid("it ends before its end")
    while piece := stream.read(_PIECE):
        if any(piece):
            raise _invalid("something follows its end")


def _header(name: str, size: int) -> bytes:
    header = tarfile.TarInfo(name)
    header.size, header.mode = size, 0o644
    return header.tobuf(tarfile.GNU_FORMAT, "utf-8", "strict")


def _padding(size: int) -> bytes:
    return bytes(-size % _BLOCK)


def _pieces(stream: BinaryIO, length: int, name: str) -> Iterator[bytes]:
    """So many bytes, in pieces; no more is ever held than was really there."""
    while length:
        piece = stream.read(min(length, _PIECE))
        if not piece:
            raise _invalid(f"it ends in the middle of {ascii(name)[:80]}")
        length -= len(piece)
        yield piece


def _write(path: Path, pieces: Iterable[bytes]) -> None:
    with path.open("xb") as target:
        for piece in pieces:
            target.write(piece)


def _skip(stream: BinaryIO, length: int) -> None:
    """Pass over what fills up a block: zeros, so that nothing is carried along unseen."""
    if stream.read(length) != bytes(length):
        raise _invalid("it ends before its end, or something stands between its files")


def _invalid(problem: str) -> BadInput:
    return BadInput("bundle_invalid", f"The file is not a bundle of a version: {problem}.", field="file", fix=_FIX)
