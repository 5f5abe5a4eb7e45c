"""Everybody's list by a version as arrays in a folder: there wholly or not at all, and mapped by who answers."""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
import time
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tacit.adapters.flushing import flush, flush_tree
from tacit.errors import Refused, Unavailable
from tacit.models.recommender.lists import ListChunk
from tacit.serving.precomputed import PrecomputedLists

_ARRAYS = ("users", "items", "scores")
_TYPES = {"users": np.int32, "items": np.int32, "scores": np.float32}
_STAGED = ".staged-"
_FORGOTTEN_SECONDS = 86_400.0
"""How long what a killed writer left is let lie: a job that still writes takes no day."""


class PrecomputedFolder:
    """Keeps lists by the digest of the version's manifest, the newest of each.

    Args:
        root: Where.
        clock: Tells the time in seconds since 1970.
    """

    def __init__(self, root: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._root = root
        self._clock = clock

    def write(self, digest: str, chunks: Iterable[ListChunk], *, count: int) -> int:
        """Write lists chunk by chunk, then have them take the place of those there were; returns how many.

        Args:
            digest: Of the manifest of the version that the positions are of.
            chunks: The lists, by rising user.
            count: The longest list.
        """
        self._root.mkdir(parents=True, exist_ok=True)
        staged = self._root / f"{_STAGED}{secrets.token_hex(8)}"
        staged.mkdir()
        try:
            users = self._arrays(staged, chunks, count)
            self._describe(staged, digest, users=users, count=count)
            flush_tree(staged)
            target = self._root / f"{digest}-{int(self._clock() * 1_000):015d}-{secrets.token_hex(2)}"
            staged.rename(target)
        except BaseException:
            shutil.rmtree(staged, ignore_errors=True)
            raise
        flush(self._root)
        for older in self._of(digest)[:-1]:
            shutil.rmtree(older, ignore_errors=True)  # who has it mapped keeps it
        return users

    def newest(self, digest: str) -> str | None:
        """Names the newest lists of a version; another name, other lists."""
        found = self._of(digest)
        return found[-1].name if found else None

    def read(self, name: str, digest: str, *, shape: tuple[int, int]) -> PrecomputedLists:
        """Lists, each file checked against its checksum and then mapped.

        Args:
            name: As `newest` names them.
            digest: Of the manifest of the version.
            shape: How many users and items that has.

        Raises:
            Refused: `precomputed_invalid`.
            Unavailable: `precomputed_unreadable`.
        """
        folder = self._root / name
        try:
            said = json.loads((folder / "manifest.json").read_text())
            users, items, scores = (self._checked(folder, said, array) for array in _ARRAYS)
            made_at_ms = int(said["made_at_ms"])
        except OSError as error:
            detail = f"The precomputed lists {name} cannot be read: {error.strerror}."
            raise Unavailable("precomputed_unreadable", detail, field=name) from error
        except (ValueError, TypeError, KeyError) as error:
            raise _invalid(name, "are not as they were written") from error
        lists = PrecomputedLists(users, items, scores, made_at_ms)
        if said["version"] != digest or not _fits(lists, shape):
            raise _invalid(name, "are of another version")
        return lists

    def prune(self, keep: Collection[str]) -> int:
        """Remove the lists of versions other than these, and what killed writers left; returns how many."""
        gone = 0
        for folder in self._root.iterdir() if self._root.is_dir() else ():
            if folder.name.startswith(_STAGED):
                is_over = self._clock() - folder.stat().st_mtime > _FORGOTTEN_SECONDS
            else:
                is_over = folder.name.partition("-")[0] not in keep
            if is_over:
                shutil.rmtree(folder, ignore_errors=True)
                gone += 1
        return gone

    def _of(self, digest: str) -> list[Path]:
        return sorted(self._root.glob(f"{digest}-*"))

    def _arrays(self, folder: Path, chunks: Iterable[ListChunk], count: int) -> int:
        """Append each chunk to raw files, so that memory is that of one; how many lists there are."""
        written = 0
        with (
            (folder / "users").open("wb") as users,
            (folder / "items").open("wb") as items,
            (folder / "scores").open("wb") as scores,
        ):
            for chunk in chunks:
                users.write(np.ascontiguousarray(chunk.users, np.int32).tobytes())
                items.write(_wide(chunk.items, np.int32, count=count, filler=-1).tobytes())
                scores.write(_wide(chunk.scores, np.float32, count=count, filler=-np.inf).tobytes())
                written += len(chunk.users)
        return written

    def _describe(self, folder: Path, digest: str, *, users: int, count: int) -> None:
        checksums = {name: _checksum(folder / name) for name in _ARRAYS}
        said = {
            "version": digest,
            "users": users,
            "count": count,
            "made_at_ms": int(self._clock() * 1_000),
            "sha256": checksums,
        }
        (folder / "manifest.json").write_text(json.dumps(said, indent=1, sort_keys=True))

    def _checked(self, folder: Path, said: dict[str, object], name: str) -> NDArray[Any]:
        checksums, users, count = said["sha256"], int(str(said["users"])), int(str(said["count"]))
        if not isinstance(checksums, dict) or _checksum(folder / name) != checksums[name]:
            raise ValueError("checksum")
        shape = (users,) if name == "users" else (users, count)
        if not users:
            return np.empty(shape, _TYPES[name])
        return np.memmap(folder / name, dtype=_TYPES[name], mode="r", shape=shape)


def _wide(part: NDArray[Any], kind: type[np.generic], *, count: int, filler: float) -> NDArray[Any]:
    whole = np.full((len(part), count), filler, kind)
    whole[:, : part.shape[1]] = part
    return whole


def _fits(lists: PrecomputedLists, shape: tuple[int, int]) -> bool:
    """Whether every user and item is one of the version's: a wrong position would be somebody else's title."""
    if not len(lists.users):
        return True
    rows = lists.users.astype(np.int64)
    is_of_users = rows[0] >= 0 and rows[-1] < shape[0] and bool((np.diff(rows) > 0).all())
    return bool(is_of_users and lists.items.min() >= -1 and lists.items.max() < shape[1])


def _checksum(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _invalid(name: str, what: str) -> Refused:
    detail = f"The precomputed lists {name} {what}."
    return Refused("precomputed_invalid", detail, field=name, fix="Make them anew: tacit jobs run precompute")
