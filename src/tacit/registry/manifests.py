"""What is signed, as bytes: one spelling for each manifest and signature, and no other is read (pure)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import NoReturn, cast

from tacit.errors import Refused
from tacit.registry.interfaces import Signature
from tacit.registry.versions import FileEntry, Manifest

_SAFE_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_HEX = re.compile(r"(?:[0-9a-f]{2})+")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NUMBER_RANGE = range(1, 2**31)

RESTORE = "Restore the version's folder from a backup, or train another."
"""What to do about a version that is not what was registered: it is never mended in place."""


def is_safe_name(name: str) -> bool:
    """Whether a name means the same on every file system: `^[a-z0-9][a-z0-9._-]{0,63}$`."""
    return _SAFE_NAME.fullmatch(name) is not None


def canonical_json(value: object) -> bytes:
    """The one spelling of a JSON value: sorted keys, no spaces, UTF-8, finite numbers.

    Raises:
        Refused: `manifest_invalid` if the value has no such spelling (NaN, infinity, a foreign type).
    """
    try:
        return _ENCODER.encode(value).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise _invalid(f"it has no canonical JSON form: {error}") from error


def manifest_bytes(manifest: Manifest) -> bytes:
    """The manifest as it is signed and stored.

    Raises:
        Refused: `manifest_invalid` if `parse_manifest` would refuse these bytes.
    """
    values = {field.name: getattr(manifest, field.name) for field in fields(manifest)}
    raw = canonical_json({**values, "files": [asdict(entry) for entry in manifest.files]})
    parse_manifest(raw)
    return raw


def parse_manifest(raw: bytes) -> Manifest:
    """Read a manifest, and accept no spelling of it but the canonical one.

    Raises:
        Refused: `manifest_invalid`: not JSON, not canonical, a key missing or unknown, or a value of the wrong shape.
    """
    document = _object(raw, of=Manifest)
    if canonical_json(document) != raw:
        raise _invalid("its bytes are not the canonical ones (sorted keys, no spaces, UTF-8)")
    for key in ("name", "workload", "dataset", "snapshot", "code", "created_at"):
        if not isinstance(document[key], str):
            raise _invalid(f"{key} is not a string", field=key)
    for key in ("hyperparameters", "metrics", "gate", "lineage"):
        if not isinstance(document[key], dict):
            raise _invalid(f"{key} is not an object", field=key)
    if not is_safe_name(cast("str", document["name"])):
        raise _invalid("name does not match ^[a-z0-9][a-z0-9._-]{0,63}$", field="name")
    if not _is_whole(document["number"]) or document["number"] not in _NUMBER_RANGE:
        raise _invalid("number is not a whole number from 1", field="number")
    _check_metrics(cast("Mapping[str, object]", document["metrics"]))
    return Manifest(**{**document, "files": _file_entries(document["files"])})  # type: ignore[arg-type]


def signature_bytes(signature: Signature) -> bytes:
    """The signature as it is stored beside the manifest."""
    return canonical_json(asdict(signature))


def parse_signature(raw: bytes) -> Signature:
    """Read a signature, and accept no spelling of it but the canonical one.

    Raises:
        Refused: `signature_invalid`.
    """
    try:
        document = _object(raw, of=Signature)
        is_canonical = canonical_json(document) == raw
    except Refused as error:
        raise _unsigned(error.detail) from error
    values = [value for value in document.values() if isinstance(value, str)]
    if not is_canonical or len(values) != len(document):
        raise _unsigned("its bytes are not the canonical ones.")
    signature = Signature(**cast("dict[str, str]", document))
    if not _HEX.fullmatch(signature.value):
        raise _unsigned("value is not lower-case hex.")
    return signature


def _unsigned(problem: str) -> Refused:
    return Refused("signature_invalid", f"The signature cannot be read: {problem}", fix=RESTORE)


def _plain(value: object) -> object:
    """Spell any mapping like a dict, so that a read-only one may be used in a record."""
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not a JSON type")


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_plain)


def _object(raw: bytes, *, of: type) -> dict[str, object]:
    """The JSON object in some bytes, with exactly the keys of a dataclass."""
    try:
        document = json.loads(raw.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise _invalid(f"it is not JSON in UTF-8: {error}") from error
    if not isinstance(document, dict):
        raise _invalid("it is not a JSON object")
    expected = {field.name for field in fields(of)}
    if missing := sorted(expected - document.keys()):
        raise _invalid(f"{missing[0]} is missing", field=missing[0])
    if unknown := sorted(document.keys() - expected):
        raise _invalid(f"it has {len(unknown)} unknown keys, the first is {ascii(unknown[0])[:64]}")
    return document


def _file_entries(value: object) -> tuple[FileEntry, ...]:
    if not isinstance(value, list):
        raise _invalid("files is not a list", field="files")
    entries = tuple(_file_entry(each) for each in value)
    names = [entry.name for entry in entries]
    if names != sorted(set(names)):
        raise _invalid("files are not sorted by name, each once", field="files")
    return entries


def _file_entry(value: object) -> FileEntry:
    match value:
        case {"name": str(name), "size": int(size), "sha256": str(sha256), **others} if not others:
            if is_safe_name(name) and _is_whole(size) and size >= 0 and _SHA256.fullmatch(sha256):
                return FileEntry(name=name, size=size, sha256=sha256)
    raise _invalid("files has an entry that is not a safe name, a size and a SHA-256 in lower-case hex", field="files")


def _check_metrics(metrics: Mapping[str, object]) -> None:
    for name, value in metrics.items():
        if not (isinstance(value, float) or _is_whole(value)):
            raise _invalid(f"the metric {ascii(name)[:64]} is not a number", field="metrics")


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _invalid(problem: str, *, field: str | None = None) -> Refused:
    return Refused("manifest_invalid", f"The manifest cannot be used: {problem}.", field=field, fix=RESTORE)
