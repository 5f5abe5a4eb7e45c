"""This package's own source files, as what trained a version."""

from __future__ import annotations

import hashlib
from pathlib import Path

import tacit


def code_digest() -> str:
    """SHA-256 (hex) over the package's own source files."""
    root = Path(tacit.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(f"{path.relative_to(root).as_posix()}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
