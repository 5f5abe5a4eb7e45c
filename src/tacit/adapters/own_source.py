"""This package's own code, as what trained a version: its Python files, and the sources of its native extension."""

from __future__ import annotations

import hashlib
from pathlib import Path

import tacit
from tacit.models.recommender.engines.native_build import native_build


def code_digest() -> str:
    """SHA-256 (hex) over the package's own source files and over those that its extension was built from.

    The extension says itself which those were, so that the digest is the same on every machine and with every compiler,
    and another one where there is no extension.
    """
    root = Path(tacit.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(f"{path.relative_to(root).as_posix()}\n".encode())
        digest.update(path.read_bytes())
    native = native_build()
    digest.update(f"native {native.built_from if native else 'none'}\n".encode())
    return digest.hexdigest()
