"""Versions as folders on a disk: written out of sight, made durable, then moved into place in one step."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from pathlib import Path

from tacit.errors import BadInput, Refused
from tacit.registry.manifests import is_safe_name

_STAGING = ".staging"


class FolderArtifacts:
    """An `ArtifactStore` under one root: `<root>/<name>/<number>/`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def stage(self) -> Path:
        staging = self._root / _STAGING
        staging.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(dir=staging))

    def publish(self, staged: Path, name: str, number: int) -> Path:
        target = self.folder(name, number)
        target.parent.mkdir(parents=True, exist_ok=True)
        for path in staged.iterdir():
            _sync(path)
            path.chmod(path.stat().st_mode & ~0o222)
        _sync(staged)
        try:
            # Refused by the kernel if the target holds anything, so that of two who publish one wins.
            staged.rename(target)
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                detail = f"{name}/{number} exists and never changes."
                raise Refused("version_immutable", detail, field="number") from error
            raise
        for folder in (target.parent, self._root):
            _sync(folder)
        return target

    def discard(self, staged: Path) -> None:
        shutil.rmtree(staged, ignore_errors=True)

    def folder(self, name: str, number: int) -> Path:
        if not is_safe_name(name) or number < 1:
            raise BadInput("name_invalid", f"{ascii(name)[:64]}/{number} cannot name a version.", field="name")
        return self._root / name / str(number)


def _sync(path: Path) -> None:
    """Have the disk keep what the file or folder holds now."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
