"""A version's folder: describe its files, sign the description, and refuse the folder if one byte differs."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path, PurePath
from types import MappingProxyType

from tacit.errors import Refused, Unavailable
from tacit.registry.arrays import array_header
from tacit.registry.interfaces import Signature, Signer, Verifier
from tacit.registry.manifests import (
    RESTORE,
    is_safe_name,
    manifest_bytes,
    parse_manifest,
    parse_signature,
    signature_bytes,
)
from tacit.registry.versions import FileEntry, Manifest

MANIFEST_FILE = "manifest.json"
SIGNATURE_FILE = "signature.json"
ORIGIN_PREFIX = "origin_"
"""How the files are called that say where an imported version came from."""
SAFE_FORMATS = frozenset({".npy", ".arrow", ".parquet", ".json", ".onnx", ".safetensors", ".md", ".txt"})
"""What a version may consist of: formats that hold values, never code."""

_SEALS: Mapping[str, int] = MappingProxyType({MANIFEST_FILE: 16 * 1024 * 1024, SIGNATURE_FILE: 64 * 1024})


def digest(raw: bytes) -> str:
    """SHA-256 in lower-case hex."""
    return hashlib.sha256(raw).hexdigest()


def describe_files(folder: Path) -> tuple[FileEntry, ...]:
    """Name, size and digest of each file that a manifest has to vouch for, by name.

    Raises:
        Refused: `manifest_mismatch` for a name, link or subfolder that no version may hold; `artifact_format` for a
            format that could carry code; `array_size_mismatch` for an array that is not what its header says.
        Unavailable: `artifact_unreadable`.
    """
    return tuple(_describe(folder / name) for name in _file_names(folder) if name not in _SEALS)


def seal_folder(folder: Path, manifest: Manifest, signer: Signer) -> str:
    """Write the manifest and its signature beside the files they vouch for.

    Returns:
        The digest of the manifest's bytes.

    Raises:
        Refused: `manifest_invalid` if the manifest cannot be spelled canonically.
    """
    raw = manifest_bytes(manifest)
    (folder / MANIFEST_FILE).write_bytes(raw)
    (folder / SIGNATURE_FILE).write_bytes(signature_bytes(signer.sign(raw)))
    return digest(raw)


def verify_folder(folder: Path, verifier: Verifier, *, is_pruned: bool = False) -> Manifest:
    """Vouch for every byte of a version's folder, before anything in it is interpreted.

    The signature is checked before the manifest is parsed, and the digests before any file is loaded.

    Args:
        folder: The version's.
        verifier: Knows the keys that are trusted.
        is_pruned: Whether files that the manifest vouches for may be missing; those that are there must be right.

    Raises:
        Refused: `signature_invalid`, `manifest_invalid`, `manifest_mismatch`, `artifact_format` or
            `array_size_mismatch`; each names the file and what is wrong with it.
        Unavailable: `artifact_unreadable` if the storage fails.
    """
    names = _file_names(folder)
    manifest = verified_manifest(folder, verifier)
    _check_names(names, manifest, is_pruned=is_pruned)
    for entry in manifest.files:
        if entry.name in names:
            _check_file(folder / entry.name, entry)
    return manifest


def verified_manifest(folder: Path, verifier: Verifier) -> Manifest:
    """The manifest of a version, vouched for by its signature; the files it speaks of are not looked at.

    Raises:
        Refused: `signature_invalid`, `manifest_invalid`, or `manifest_mismatch` if it is missing.
        Unavailable: `artifact_unreadable`.
    """
    raw = _read_seal(folder, MANIFEST_FILE, code="manifest_mismatch")
    signature = parse_signature(_read_seal(folder, SIGNATURE_FILE, code="signature_invalid"))
    _check_signature(raw, signature, verifier)
    return parse_manifest(raw)


def signature_digest(folder: Path) -> str:
    """SHA-256 of the file that holds a version's signature.

    Raises:
        Refused: `signature_invalid` if it is missing.
        Unavailable: `artifact_unreadable`.
    """
    return digest(_read_seal(folder, SIGNATURE_FILE, code="signature_invalid"))


def is_metadata(name: str) -> bool:
    """Whether a file stays when its version is pruned: what says what it was, and nothing that it was made of."""
    return name in _SEALS or name.startswith(ORIGIN_PREFIX) or PurePath(name).suffix == ".md"


def _file_names(folder: Path) -> list[str]:
    """The folder's names, sorted, once each is known to be a plain file in a format that holds no code."""
    if folder.is_symlink() or not folder.is_dir():
        raise _mismatch(folder.name, "the version's folder is missing")
    try:
        with os.scandir(folder) as entries:
            kinds = {entry.name: entry.is_file(follow_symlinks=False) for entry in entries}
    except OSError as error:
        raise _unreadable(folder, error) from error
    for name in sorted(kinds):
        _check_kind(name, is_plain=kinds[name])
    return sorted(kinds)


def _check_kind(name: str, *, is_plain: bool) -> None:
    if not is_safe_name(name):
        raise _mismatch(ascii(name)[:64], "the name is not safe; names match ^[a-z0-9][a-z0-9._-]{0,63}$")
    if not is_plain:
        raise _mismatch(name, "it is a link or a folder, not a plain file")
    if PurePath(name).suffix not in SAFE_FORMATS:
        formats = ", ".join(sorted(SAFE_FORMATS))
        raise Refused(
            "artifact_format", f"{name}: only {formats} may be in a version; nothing is unpickled.", field=name
        )


def _read_seal(folder: Path, name: str, *, code: str) -> bytes:
    """The bytes of the manifest or of the signature."""
    path = folder / name
    try:
        if path.stat().st_size > _SEALS[name]:
            raise Refused(code, f"{name}: it is larger than {_SEALS[name]} bytes.", field=name, fix=RESTORE)
        return path.read_bytes()
    except FileNotFoundError as error:
        raise Refused(code, f"{name}: the file is missing.", field=name, fix=RESTORE) from error
    except OSError as error:
        raise _unreadable(path, error) from error


def _check_signature(raw: bytes, signature: Signature, verifier: Verifier) -> None:
    try:
        verifier.verify(raw, signature)
    except Refused as error:
        raise Refused(
            error.code, f"{MANIFEST_FILE}: {error.detail}", field=MANIFEST_FILE, fix=error.fix, context=error.context
        ) from error


def _check_names(names: list[str], manifest: Manifest, *, is_pruned: bool) -> None:
    expected = {entry.name for entry in manifest.files} | _SEALS.keys()
    if (missing := sorted(expected - set(names))) and not is_pruned:
        raise _mismatch(missing[0], "the manifest vouches for it, but it is missing")
    if extra := sorted(set(names) - expected):
        raise _mismatch(extra[0], "the manifest does not vouch for it")


def _check_file(path: Path, entry: FileEntry) -> None:
    actual = _measure(path, size=entry.size)
    if actual.sha256 != entry.sha256:
        raise _mismatch(path.name, f"its SHA-256 is {actual.sha256[:16]}…, the manifest says {entry.sha256[:16]}…")
    if path.suffix == ".npy":
        array_header(path)


def _describe(path: Path) -> FileEntry:
    if path.suffix == ".npy":
        array_header(path)
    return _measure(path)


def _measure(path: Path, *, size: int | None = None) -> FileEntry:
    """Size and digest of one and the same open file, read in pieces; a link is not followed.

    A file that has not the expected size is refused before it is read.
    """
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as stream:
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise _mismatch(path.name, "it is not a plain file")
            if size not in (None, status.st_size):
                raise _mismatch(path.name, f"it has {status.st_size} bytes, the manifest says {size}")
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
            return FileEntry(name=path.name, size=stream.tell(), sha256=sha256)
    except OSError as error:
        raise _unreadable(path, error) from error


def _mismatch(name: str, problem: str) -> Refused:
    return Refused("manifest_mismatch", f"{name}: {problem}.", field=name, fix=RESTORE)


def _unreadable(path: Path, error: OSError) -> Unavailable:
    return Unavailable(
        "artifact_unreadable",
        f"{path.name}: {error.strerror or 'it cannot be read'}.",
        field=path.name,
        fix="See that the home folder can be read, and try again.",
    )
