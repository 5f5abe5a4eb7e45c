"""Made-up listening histories of the shape of Last.fm-360K: the same pairs, skew and spread, and tastes to be found.

How a history comes about. Items belong to topics, topics to genres, both of power-law size; within a topic popularity
is a power law too. A user has a few topics, most of them of one genre, and a liking for the obvious or the obscure.
Each draw takes one of the user's topics, sometimes a sibling in the genre, sometimes anything, and an item of it by
rank. Drawn twice is one pair, played more. Play counts are log-normal around the user's own level.

So there are hundreds of directions to be learnt, more than factors are affordable: more factors find more of them,
and popularity alone finds little. What a generator claims it must show: `validated` refuses what has lost its shape.

Scale multiplies the users and the pairs; items, genres and topics grow with its square root, so that a small sample
is denser than the whole, as a small shop is.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from benchmarks._folds import Csr, Folds, held_out

USERS = 358_622
ITEMS = 126_442
PAIRS = 13_900_000
FOLD_USERS = 10_000
HELD_OUT_SHARE = 0.2
GENRES, TOPICS_OF_A_GENRE = 40, 36

TASTES = 6
"""Topics of a user."""
DRAWS_PER_PAIR = 3.5
"""Draws fall on what was drawn already; so many are needed for a pair, with something to spare."""
SIBLING, ANYTHING = 0.1, 0.05
"""How often a draw leaves the user's topics: for the genre, for everything."""
CHUNK_USERS = 20_000

Ints = NDArray[np.int64]
Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Shape:
    """How large a data set is made.

    Attributes:
        users: Rows.
        items: Columns.
        pairs: Training pairs, to a hundredth.
        fold_users: Users of each fold.
        genres: Groups of topics.
        topics: Topics of each genre.
    """

    users: int
    items: int
    pairs: int
    fold_users: int
    genres: int
    topics: int

    @classmethod
    def at(cls, scale: float) -> Shape:
        """The shape at a scale; 1 is Last.fm-360K."""
        users = max(200, round(USERS * scale))
        items = max(300, round(ITEMS * scale**0.5))
        # Where there are too few items for 39 different ones a user, users have fewer.
        pairs = min(round(PAIRS * users / USERS), users * items // 20)
        genres = max(5, round(GENRES * scale**0.25))
        return cls(
            users, items, pairs, min(FOLD_USERS, users // 8), genres, max(4, round(TOPICS_OF_A_GENRE * scale**0.25))
        )


@dataclass(frozen=True)
class World:
    """What there is to listen to.

    Attributes:
        weights: `(genres · topics,)` float64, how often each topic is chosen; sums to 1.
        starts: `(genres · topics + 1,)` int64, where each topic's items begin.
        items: `(items,)` int64 items by topic, the most popular of each first.
        topics_of_a_genre: How many.
    """

    weights: Doubles
    starts: Ints
    items: Ints
    topics_of_a_genre: int


def generate(shape: Shape, *, seed: int) -> Folds:
    """A data set: the same for the same shape and seed.

    Time and memory are those of its draws: under a minute and 3 GB at full size.

    Raises:
        ValueError: If it did not come out as promised.
    """
    random = np.random.default_rng([seed, shape.users, shape.items])
    world = _world(shape, random)
    needed = shape.pairs + _held_out_pairs(shape)
    keys = _distinct(shape, world, needed, random=random)
    keys = _every_item(keys, shape, random)
    if len(keys) > needed:
        keys = np.delete(keys, random.choice(len(keys), len(keys) - needed, replace=False))
    pairs = _counted(keys, shape, random)
    folds = held_out(pairs, users=shape.fold_users, share=HELD_OUT_SHARE, seed=seed)
    return validated(folds, shape)


def _held_out_pairs(shape: Shape) -> int:
    return round(2 * shape.fold_users * HELD_OUT_SHARE * shape.pairs / shape.users)


def _zipf(count: int, exponent: float) -> Doubles:
    weights = np.arange(1, count + 1, dtype=np.float64) ** -exponent
    return np.asarray(weights / weights.sum())


def _world(shape: Shape, random: np.random.Generator) -> World:
    topics = shape.genres * shape.topics
    weights = np.outer(_zipf(shape.genres, 0.8), _zipf(shape.topics, 0.8)).ravel()
    # A topic twice as popular has fewer than twice the items: its items are the more popular for it.
    spread = weights**0.1 / np.sum(weights**0.1)
    sizes = np.bincount(random.choice(topics, shape.items - topics, p=spread), minlength=topics) + 1
    starts = np.r_[0, np.cumsum(sizes)]
    return World(weights, starts, random.permutation(shape.items), shape.topics)


def _distinct(shape: Shape, world: World, needed: int, *, random: np.random.Generator) -> Ints:
    """At least `needed` different pairs as `user · items + item`, ascending."""
    level = random.lognormal(0, 0.5, shape.users)
    draws = np.ceil(level / level.mean() * DRAWS_PER_PAIR * needed / shape.users).astype(np.int64)
    found: list[Ints] = []
    for first in range(0, shape.users, CHUNK_USERS):
        users = np.arange(first, min(first + CHUNK_USERS, shape.users))
        found.append(_different(_drawn(shape, world, users, draws=draws[users], random=random)))
    keys = np.concatenate(found)
    if len(keys) < needed:
        raise ValueError(f"{len(keys)} different pairs were drawn, {needed} are needed")
    return keys


def _drawn(shape: Shape, world: World, users: Ints, *, draws: Ints, random: np.random.Generator) -> Ints:
    """The draws of some users as keys, in no order, with repeats."""
    tastes = _tastes(shape, world, len(users), random=random)
    owner = np.repeat(np.arange(len(users)), draws)
    # The first tastes matter most: a geometric distribution cut at the last.
    which = np.minimum(random.geometric(0.35, len(owner)) - 1, TASTES - 1)
    topic = tastes[owner, which]
    kind = random.random(len(owner))
    sibling = topic - topic % world.topics_of_a_genre + random.integers(0, world.topics_of_a_genre, len(owner))
    topic = np.where(kind < SIBLING, sibling, topic)
    away = kind > 1 - ANYTHING
    topic[away] = random.choice(len(world.weights), int(away.sum()), p=world.weights)
    # Rank of density r^-s over a topic of m items: r = m U^(1 / (1 - s)), with s between 0.7 and 0.9 by the user.
    steepness = 1 / (1 - random.uniform(0.7, 0.9, len(users)))
    size = np.diff(world.starts)[topic]
    rank = (size * random.random(len(owner)) ** steepness[owner]).astype(np.int64)
    return np.asarray((users[0] + owner) * shape.items + world.items[world.starts[topic] + rank])


def _different(keys: Ints) -> Ints:
    """Each key once, ascending (`np.unique` hashes integers, which is ten times slower than sorting these)."""
    ascending = np.sort(keys)
    return ascending[np.r_[True, ascending[1:] != ascending[:-1]]]


def _tastes(shape: Shape, world: World, users: int, *, random: np.random.Generator) -> Ints:
    """`(users, TASTES)` topics: most of the genre of the first."""
    tastes = random.choice(len(world.weights), (users, TASTES), p=world.weights)
    home = tastes[:, :1] - tastes[:, :1] % shape.topics
    inside = home + (tastes % shape.topics)
    stays = random.random((users, TASTES)) < 0.6
    return np.where(stays, inside, tastes)


def _every_item(keys: Ints, shape: Shape, random: np.random.Generator) -> Ints:
    """The pairs with one more for each item that nobody drew."""
    missing = np.flatnonzero(np.bincount(keys % shape.items, minlength=shape.items) == 0)
    added = random.integers(0, shape.users, len(missing)) * shape.items + missing
    return _different(np.r_[keys, added])


def _counted(keys: Ints, shape: Shape, random: np.random.Generator) -> Csr:
    """Pairs with play counts: log-normal, as are the users' levels, at most 400,000."""
    user = keys // shape.items
    level = random.normal(3.0, 1.0, shape.users)
    plays = np.minimum(np.exp(level[user] + random.normal(0, 1.3, len(keys))) + 1, 400_000)
    indptr = np.r_[0, np.cumsum(np.bincount(user, minlength=shape.users))].astype(np.int32)
    parts = (np.floor(plays).astype(np.float32), (keys % shape.items).astype(np.int32), indptr)
    return sparse.csr_matrix(parts, shape=(shape.users, shape.items))


def gini(counts: NDArray[Any]) -> float:
    """Gini coefficient of non-negative counts: 0 where all are equal, towards 1 where one has everything."""
    ascending = np.sort(np.asarray(counts, np.float64))
    place = np.arange(1, len(ascending) + 1)
    return float((2 * place - len(ascending) - 1) @ ascending / (len(ascending) * ascending.sum()))


def validated(folds: Folds, shape: Shape) -> Folds:
    """The data set itself, if it is what it should be.

    Raises:
        ValueError: If its shape, its pairs, the skew of its items, the spread of its users or the tail of its counts
            is not what is promised, or if a held-out pair is also trained on.
    """
    train = folds.train
    overlap = sum(int(train.multiply(fold).nnz) for fold in (folds.validation, folds.test))
    popularity, activity = np.bincount(train.indices, minlength=shape.items), np.diff(train.indptr)
    promises = {
        "shape": train.shape == (shape.users, shape.items),
        "pairs": abs(train.nnz - shape.pairs) <= 0.01 * shape.pairs,
        "folds": min(folds.validation.nnz, folds.test.nnz) >= shape.fold_users and overlap == 0,
        "popularity": 0.5 <= gini(popularity) <= 0.97,
        "activity": 0.15 <= gini(activity) <= 0.6,
        "counts": float(train.data.max()) >= 50 * float(np.median(train.data)) and float(train.data.min()) >= 1,
    }
    broken = [name for name, kept in promises.items() if not kept]
    if broken:
        raise ValueError(f"the generator broke its promise of {', '.join(broken)}")
    return folds


def cached(scale: float, *, seed: int, folder: Path | None = None) -> Path:
    """The folder of a data set, generated unless it is there already; its name follows from all that decides it."""
    shape = Shape.at(scale)
    code = Path(__file__).read_bytes() + Path(__file__).with_name("_folds.py").read_bytes()
    digest = hashlib.sha256(repr((asdict(shape), seed)).encode() + code).hexdigest()[:12]
    home = folder or Path(tempfile.gettempdir()) / "tacit-benchmarks"
    place = home / f"synthetic-{scale:g}-{seed}-{digest}"
    if not place.is_dir():
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home) as draft:
            generate(shape, seed=seed).save(Path(draft) / "made")
            shutil.move(Path(draft) / "made", place)
    return place
