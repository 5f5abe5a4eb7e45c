"""Having the disk keep what was written, so that losing power does not undo it."""

from __future__ import annotations

import os
from pathlib import Path


def flush(path: Path) -> None:
    """Have the disk keep what a file or folder holds now."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_tree(folder: Path) -> None:
    """Have the disk keep a folder and everything in it."""
    for path in sorted(folder.rglob("*"), reverse=True):
        flush(path)
    flush(folder)
