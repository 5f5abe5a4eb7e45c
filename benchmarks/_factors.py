"""Trained factors that retrieval and fold-in are measured on: of made-up listening and of public data sets."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import _ours
from benchmarks._folds import Csr, Folds, log_weights, read_published, save_csr
from benchmarks._synthetic import cached
from benchmarks._trainers import Recipe

Floats = NDArray[np.float32]

ITERATIONS = 8
SHARE_OF_RULE = 0.25
"""Of both settings of the rule: near the best on the synthetic data."""
_VERSION = 1


def synthetic(scale: float, *, factors: int, threads: int, folder: Path | None) -> Path:
    """A folder with `user_factors.npy`, `item_factors.npy` and the weights they were trained on."""
    place = cached(scale, seed=1, folder=folder)
    return _kept(Folds.load(place).train, place.name, factors=factors, threads=threads, home=place.parent)


def published(source: Path, *, factors: int, threads: int, folder: Path | None) -> Path:
    """The same for a public data set's training part."""
    train, _ = read_published(source)
    home = folder or Path(tempfile.gettempdir()) / "tacit-benchmarks"
    return _kept(train, source.name, factors=factors, threads=threads, home=home)


def _kept(train: Csr, name: str, *, factors: int, threads: int, home: Path) -> Path:
    alpha, share = (value * SHARE_OF_RULE for value in _ours.rule(train.nnz / (train.shape[0] * train.shape[1])))
    recipe = Recipe(factors, ITERATIONS, alpha, share, seed=1, threads=threads)
    digest = hashlib.sha256(repr((name, train.shape, train.nnz, asdict(recipe), _VERSION)).encode()).hexdigest()[:12]
    place = home / f"factors-{name}-{factors}-{digest}"
    if not place.is_dir():
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home) as draft:
            made = Path(draft) / "made"
            _write(made, train, recipe)
            shutil.move(made, place)
    return place


def _write(place: Path, train: Csr, recipe: Recipe) -> None:
    place.mkdir()
    weights = log_weights(train)
    user_factors, item_factors = _ours.train(weights, recipe)
    np.save(place / "user_factors.npy", user_factors)
    np.save(place / "item_factors.npy", item_factors)
    np.save(place / "settings.npy", np.array([recipe.alpha, recipe.share]))
    save_csr(weights, place / "weights")


def load(place: Path) -> tuple[Floats, Floats]:
    """User and item factors, in memory."""
    return np.load(place / "user_factors.npy"), np.load(place / "item_factors.npy")


def settings(place: Path) -> tuple[float, float]:
    """`(alpha, share)` they were trained with."""
    alpha, share = np.load(place / "settings.npy")
    return float(alpha), float(share)
