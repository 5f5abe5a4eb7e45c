"""Versions as folders on a disk: written out of sight, made durable, then moved into place in one step."""

from __future__ import annotations

import errno
import fcntl
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tacit.adapters.flushing import flush
from tacit.adapters.locks import flocked
from tacit.errors import BadInput, Refused, Unavailable
from tacit.registry.manifests import is_safe_name

_STAGING = ".staging"


class FolderArtifacts:
    """An `ArtifactStore` under one root: `<root>/<name>/<number>/`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._holds: dict[Path, ExitStack] = {}

    def stage(self) -> Path:
        """A new empty folder, and no more of what processes that were killed left in theirs."""
        staging = self._root / _STAGING
        staging.mkdir(parents=True, exist_ok=True)
        # Everybody who writes a version holds the folder; if nobody does, what lies in it is left over.
        with flocked(staging, fcntl.LOCK_EX | fcntl.LOCK_NB) as is_alone:
            if is_alone:
                _empty(staging)
        with ExitStack() as hold:
            hold.enter_context(flocked(staging, fcntl.LOCK_SH))
            staged = Path(tempfile.mkdtemp(dir=staging))
            self._holds[staged] = hold.pop_all()
        return staged

    def publish(self, staged: Path, name: str, number: int) -> Path:
        target = self.folder(name, number)
        target.parent.mkdir(parents=True, exist_ok=True)
        for path in staged.iterdir():
            flush(path)
            path.chmod(path.stat().st_mode & ~0o222)
        flush(staged)
        try:
            # Refused by the kernel if the target holds anything, so that of two who publish one wins.
            staged.rename(target)
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                detail = f"{name}/{number} exists and never changes."
                raise Refused("version_immutable", detail, field="number") from error
            raise
        for folder in (target.parent, self._root):
            flush(folder)
        self._let_go(staged)
        return target

    def discard(self, staged: Path) -> None:
        shutil.rmtree(staged, ignore_errors=True)
        self._let_go(staged)

    def folder(self, name: str, number: int) -> Path:
        if not is_safe_name(name) or number < 1:
            raise BadInput(
                "name_invalid",
                f"{ascii(name)[:64]}/{number} cannot name a version.",
                field="name",
                fix="Give a model's name and a whole number from 1, as `tacit models` lists them.",
            )
        return self._root / name / str(number)

    @contextmanager
    def reading(self, name: str, number: int) -> Iterator[None]:
        folder = self.folder(name, number)
        if not folder.is_dir():
            # Whoever opens it is told what is missing, in words of their own.
            yield
            return
        with ExitStack() as hold:
            try:
                hold.enter_context(flocked(folder, fcntl.LOCK_SH))
            except OSError as error:
                raise Unavailable(
                    "artifact_unreadable",
                    f"{name}/{number}: {error.strerror or 'it cannot be held'}.",
                    fix="See that the home folder can be read, and try again.",
                ) from error
            yield

    def remove_files(self, name: str, number: int, keep: Callable[[str], bool]) -> bool:
        folder = self.folder(name, number)
        if not folder.is_dir():
            return True
        with flocked(folder, fcntl.LOCK_EX | fcntl.LOCK_NB) as is_alone:
            if is_alone:
                for path in sorted(folder.iterdir()):
                    if not keep(path.name):
                        path.unlink()
                flush(folder)
        return is_alone

    def _let_go(self, staged: Path) -> None:
        self._holds.pop(staged, ExitStack()).close()


def _empty(staging: Path) -> None:
    for left in staging.iterdir():
        shutil.rmtree(left, ignore_errors=True)
