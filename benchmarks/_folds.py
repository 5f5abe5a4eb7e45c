"""Interactions to learn from, and two folds of held-out ones: kept as plain arrays, read back without copying."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Csr = Any
Counts = NDArray[np.int64]

PARTS = ("train", "validation", "test")
REAL = ("gowalla", "amazon-cds")
"""The public data sets that retrieval is also measured on."""


@dataclass(frozen=True)
class Folds:
    """One data set, divided.

    A user's held-out items are in no other part; a user who is in no fold has an empty row there.

    Attributes:
        train: `(users, items)` CSR float32 of counts, sorted.
        validation: The same shape: what settings and iterations are chosen by.
        test: The same shape: looked at once.
    """

    train: Csr
    validation: Csr
    test: Csr

    @property
    def density(self) -> float:
        """Training pairs over cells."""
        return float(self.train.nnz / max(1, self.train.shape[0] * self.train.shape[1]))

    def save(self, folder: Path) -> None:
        """Write each part as three `.npy` files."""
        folder.mkdir(parents=True, exist_ok=True)
        for part in PARTS:
            save_csr(getattr(self, part), folder / part)

    @classmethod
    def load(cls, folder: Path) -> Folds:
        """What `save` wrote, memory-mapped."""
        return cls(*(load_csr(folder / part) for part in PARTS))


def save_csr(matrix: Csr, path: Path) -> None:
    """Write a CSR matrix as `path.{indptr,indices,data,shape}.npy`."""
    for name in ("indptr", "indices", "data"):
        np.save(path.with_name(f"{path.name}.{name}.npy"), getattr(matrix, name))
    np.save(path.with_name(f"{path.name}.shape.npy"), np.array(matrix.shape))


def load_csr(path: Path, *, mapped: bool = True) -> Csr:
    """What `save_csr` wrote; memory-mapped, or in memory of its own."""
    mode = "r" if mapped else None
    indptr, indices, data = (
        np.load(path.with_name(f"{path.name}.{name}.npy"), mmap_mode=mode) for name in ("indptr", "indices", "data")
    )
    shape = tuple(int(side) for side in np.load(path.with_name(f"{path.name}.shape.npy")))
    return sparse.csr_matrix((data, indices, indptr), shape=shape, copy=False)


def log_weights(counts: Csr) -> Csr:
    """`log(1 + count)` over its mean: weights of mean 1, the form in which every side receives the training part."""
    shaped = np.log1p(counts.data)
    data = (shaped / max(float(shaped.mean(dtype=np.float64)), 1e-12)).astype(np.float32)
    return sparse.csr_matrix((data, counts.indices, counts.indptr), shape=counts.shape, copy=False)


def held_out(pairs: Csr, *, users: int, share: float, seed: int) -> Folds:
    """Two disjoint groups of users, each with a share of their items (at least one) moved to a fold.

    Args:
        pairs: `(users, items)` CSR of counts, sorted.
        users: How many users a fold takes, of those with five items or more; fewer where there are too few.
        share: Which part of their items.
        seed: Of the choice.
    """
    random = np.random.default_rng(seed)
    counts = np.diff(pairs.indptr)
    able = random.permutation(np.flatnonzero(counts >= 5))
    users = min(users, len(able) // 2)
    fold_of = np.zeros(pairs.shape[0], np.int8)  # 0: whole in training, 1: validation, 2: test
    fold_of[able[:users]], fold_of[able[users : 2 * users]] = 1, 2
    row = np.repeat(np.arange(pairs.shape[0]), counts)
    chosen = _some_of_each(row, fold_of[row] > 0, share=share, random=random)
    parts = (~chosen, chosen & (fold_of[row] == 1), chosen & (fold_of[row] == 2))
    return Folds(*(_kept(pairs, row, mask) for mask in parts))


def _some_of_each(
    row: Counts, eligible: NDArray[np.bool_], *, share: float, random: np.random.Generator
) -> NDArray[np.bool_]:
    """A random `share`, rounded up, of the eligible entries of each row; `row` ascends."""
    entries = np.flatnonzero(eligible)
    shuffled = entries[np.lexsort((random.random(len(entries)), row[entries]))]
    owner = row[shuffled]
    starts = np.flatnonzero(np.r_[True, owner[1:] != owner[:-1]]) if len(owner) else owner
    sizes = np.diff(np.r_[starts, len(owner)])
    place = np.arange(len(owner)) - np.repeat(starts, sizes)
    chosen = np.zeros(len(row), np.bool_)
    chosen[shuffled[place < np.repeat(np.ceil(share * sizes), sizes)]] = True
    return chosen


def _kept(pairs: Csr, row: Counts, mask: NDArray[np.bool_]) -> Csr:
    indptr = np.r_[0, np.cumsum(np.bincount(row[mask], minlength=pairs.shape[0]))].astype(np.int32)
    return sparse.csr_matrix((pairs.data[mask], pairs.indices[mask], indptr), shape=pairs.shape)


def real_folder(data: Path | None) -> Path | None:
    """Where the public data sets are: the folder named, or `../shared/data` beside the repository; else none."""
    found = data or Path(__file__).parents[2] / "shared" / "data"
    return found if any((found / name).is_dir() for name in REAL) else None


def read_published(folder: Path) -> tuple[Csr, Csr]:
    """A published split, `train.txt[.gz]` and `test.txt[.gz]`: one line a user, `user item item …`.

    Returns:
        Training and test parts of one shape, `(users, items)` CSR float32 of ones, sorted.
    """
    parts = [list(_lines(folder, name)) for name in ("train.txt", "test.txt")]
    users = 1 + max(user for part in parts for user, _ in part)
    items = 1 + max((max(listed) for part in parts for _, listed in part if listed), default=0)
    train, test = (_of_lines(part, (users, items)) for part in parts)
    return train, test


def _lines(folder: Path, name: str) -> Iterator[tuple[int, Sequence[int]]]:
    packed = folder / f"{name}.gz"
    text = gzip.decompress(packed.read_bytes()) if packed.exists() else (folder / name).read_bytes()
    for line in text.splitlines():
        user, *items = (int(word) for word in line.split())
        yield user, items


def _of_lines(part: list[tuple[int, Sequence[int]]], shape: tuple[int, int]) -> Csr:
    rows = np.repeat([user for user, _ in part], [len(listed) for _, listed in part])
    columns = np.array([item for _, listed in part for item in listed], np.int32)
    matrix = sparse.csr_matrix((np.ones(len(columns), np.float32), (rows, columns)), shape=shape)
    matrix.sort_indices()
    matrix.data[:] = 1
    return matrix
