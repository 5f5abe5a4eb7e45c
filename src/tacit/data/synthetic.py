"""An invented listening community, so that there is always something sensible to recommend.

People have tastes in a latent space whose directions are genres; they drift between an early and a late taste. Artists
sit in the same space, their popularity follows a power law and changes with time, and some appear only late. Whom a
person plays is drawn without replacement in proportion to `exp(popularity + taste · artist)`, by the Gumbel-top-k trick
(Kool, van Hoof, Welling, ICML 2019); how often is heavy-tailed. Everything is invented and labelled synthetic.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tacit.data.synthetic_names import artist_names
from tacit.errors import BadInput

DATASET = "synthetic-listening"
PLAYS_FILE = "plays.tsv"
ARTISTS_FILE = "artists.tsv"
LABEL_FILE = "README.txt"
PLAY_COLUMNS = ("user_id", "artist_id", "plays", "last_played_at")
ARTIST_COLUMNS = ("artist_id", "name", "categories", "tags")
LABEL = "Synthetic listening community: every person, artist and play in these files is invented.\n"

GENRES = (
    "Rock", "Pop", "Electronic", "Hip-hop", "Indie", "Metal",
    "R&B and soul", "Jazz", "Folk", "Classical", "Punk", "Latin",
)  # fmt: skip
MOODS = (
    "Heartbreak", "Party", "Chill", "Motivation", "Focus", "Happy",
    "Melancholy", "Romantic", "Workout", "Sleep", "Nostalgic", "Road trip",
)  # fmt: skip

MIN_USERS = 10
MIN_ITEMS = 100
MIN_ARTISTS_PER_USER = 5
SPAN_SECONDS = 2 * 365 * 86_400
ENDS_AT = 1_735_689_600
"""2025-01-01: a fixed end, since the same seed must give the same bytes on any day."""

DIMENSIONS = 16
POPULARITY_EXPONENT = 0.7
TASTE_WEIGHT = 7.6
DRIFT = 0.35
LATE_ARTIST_SHARE = 0.12
USERS_PER_BLOCK = 256

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Artists:
    """Everything there is to know of the invented artists.

    Attributes:
        genres: `(items, 2)` main and second genre, positions in `GENRES`; equal where there is only one.
        moods: `(items, 2)` positions in `MOODS`.
        vectors: `(items, DIMENSIONS)` place in the space of tastes.
        popularity: `(2, items)` log-popularity early and late; `-inf` where the artist was not there yet.
    """

    genres: Ints
    moods: Ints
    vectors: Floats
    popularity: Floats


@dataclass(frozen=True)
class Plays:
    """Who played whom how often, and when last; all arrays have one entry per row."""

    users: Ints
    artists: Ints
    counts: Ints
    last_played_at: Ints


def generate(
    folder: Path, *, seed: int = 1, users: int = 2_000, items: int = 1_500, artists_per_user: int = 60
) -> Path:
    """Write a synthetic listening community as ordinary files.

    Args:
        folder: Where the files go; created if need be, files of the same names are replaced.
        seed: The same seed and sizes give the same bytes.
        users: How many people, at least `MIN_USERS`.
        items: How many artists, at least `MIN_ITEMS`.
        artists_per_user: How many artists a person plays on average; who plays how many is heavy-tailed.

    Returns:
        The folder, ready to be imported.

    Raises:
        BadInput: `community_too_small` if a size is below its minimum.
    """
    _check_sizes(users, items, artists_per_user)
    rng = np.random.default_rng(seed)
    centers = _unit(rng.normal(size=(len(GENRES), DIMENSIONS)))
    artists = _artists(rng, items, centers)
    names = artist_names(rng, items)
    plays = _plays(rng, artists, centers, sizes=_activity(rng, users, mean=artists_per_user, most=items // 3))
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / LABEL_FILE, [LABEL, f"Seed {seed}, {users} users, {items} artists, {len(plays.users)} rows.\n"])
    _write(folder / ARTISTS_FILE, _artist_lines(names, artists))
    _write(folder / PLAYS_FILE, _play_lines(plays))
    return folder


def _check_sizes(users: int, items: int, artists_per_user: int) -> None:
    sizes = {
        "users": (users, MIN_USERS),
        "items": (items, MIN_ITEMS),
        "artists_per_user": (artists_per_user, MIN_ARTISTS_PER_USER),
    }
    for field, (size, least) in sizes.items():
        if size < least:
            raise BadInput(
                "community_too_small", f"A community needs {field} of at least {least}, not {size}.", field=field
            )


def _artists(rng: np.random.Generator, items: int, centers: Floats) -> Artists:
    shares = 1 / np.sqrt(np.arange(1, len(GENRES) + 1))
    genres = rng.choice(len(GENRES), size=(items, 2), p=shares / shares.sum())
    genres[:, 1] = np.where(rng.random(items) < 0.4, genres[:, 1], genres[:, 0])
    vectors = _unit(centers[genres[:, 0]] + 0.6 * centers[genres[:, 1]] + rng.normal(0, 0.14, (items, DIMENSIONS)))
    mood_centers = _unit(rng.normal(size=(len(MOODS), DIMENSIONS)))
    affinity = vectors @ mood_centers.T + rng.normal(0, 0.1, (items, len(MOODS)))
    return Artists(genres, np.argsort(-affinity, axis=1)[:, :2], vectors, _popularity(rng, items))


def _popularity(rng: np.random.Generator, items: int) -> Floats:
    early = -POPULARITY_EXPONENT * np.log(rng.permutation(items) + 1.0)
    late = early + rng.normal(0, 0.3, items)
    early[rng.random(items) < LATE_ARTIST_SHARE] = -np.inf
    return np.stack([early, late])


def _activity(rng: np.random.Generator, users: int, *, mean: int, most: int) -> Ints:
    """How many artists each person plays: log-normal, cut at both ends."""
    spread = 0.6
    sizes = rng.lognormal(np.log(mean) - spread**2 / 2, spread, users)
    return np.clip(np.round(sizes), MIN_ARTISTS_PER_USER, most).astype(np.int64)


def _plays(rng: np.random.Generator, artists: Artists, centers: Floats, *, sizes: Ints) -> Plays:
    early = _tastes(rng, len(sizes), centers)
    late = _unit(early + DRIFT * _tastes(rng, len(sizes), centers))
    blocks = [
        _block(rng, artists, np.stack([early[at], late[at]]), users=at, sizes=sizes[at])
        for at in np.array_split(np.arange(len(sizes)), -(-len(sizes) // USERS_PER_BLOCK))
    ]
    columns = (np.concatenate(column) for column in zip(*blocks, strict=True))
    return Plays(*columns)


def _tastes(rng: np.random.Generator, users: int, centers: Floats) -> Floats:
    """`(users, DIMENSIONS)`: a few genres each, the popular ones more often."""
    weights = rng.dirichlet(0.25 / np.sqrt(np.arange(1, len(centers) + 1)), users)
    return _unit(weights @ centers + rng.normal(0, 0.05, (users, DIMENSIONS)))


def _block(
    rng: np.random.Generator, artists: Artists, tastes: Floats, *, users: Ints, sizes: Ints
) -> tuple[Ints, Ints, Ints, Ints]:
    """The rows of a few people; `tastes` is `(2, people, DIMENSIONS)`, early and late."""
    liking = TASTE_WEIGHT * (tastes @ artists.vectors.T)  # (2, people, items)
    appeal = liking + artists.popularity[:, None, :]
    appeal += rng.gumbel(size=appeal.shape)
    n_early = sizes // 2
    is_early = _largest(appeal[0], n_early)
    appeal[1][is_early] = -np.inf  # each artist stands once, in the half it was drawn in
    is_late = _largest(appeal[1], sizes - n_early)
    people, chosen = np.nonzero(is_early | is_late)
    era = is_late[people, chosen].astype(np.int64)
    fondness = liking[era, people, chosen]
    counts = 1 + np.exp(rng.normal(1.2, 0.8, len(sizes))[people] + 0.25 * fondness + rng.normal(0, 1.1, len(people)))
    order = np.lexsort((seconds := _seconds(rng, era), people))
    plays = np.minimum(counts, 50_000).astype(np.int64)
    return users[people][order], chosen[order].astype(np.int64), plays[order], seconds[order]


def _largest(scores: Floats, sizes: Ints) -> NDArray[np.bool_]:
    """Mark the `sizes[row]` largest scores of each row."""
    ranks = np.empty(scores.shape, dtype=np.int64)
    np.put_along_axis(ranks, np.argsort(-scores, axis=1), np.arange(scores.shape[1])[None, :], axis=1)
    return ranks < sizes[:, None]


def _seconds(rng: np.random.Generator, era: Ints) -> Ints:
    """When each row was played last: the early half in the first year, the late half in the second."""
    half = SPAN_SECONDS // 2
    return ENDS_AT - SPAN_SECONDS + era * half + rng.integers(0, half, len(era))


def _unit(vectors: Floats) -> Floats:
    lengths: Floats = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / lengths


def _artist_lines(names: Iterable[str], artists: Artists) -> Iterator[str]:
    yield "\t".join(ARTIST_COLUMNS) + "\n"
    for number, (name, genres, moods) in enumerate(zip(names, artists.genres, artists.moods, strict=True)):
        categories = dict.fromkeys([*(GENRES[genre] for genre in genres), *(MOODS[mood] for mood in moods)])
        tags = [*(category.lower() for category in categories), "synthetic"]
        yield f"{_artist_id(number)}\t{name}\t{'|'.join(categories)}\t{'|'.join(tags)}\n"


def _play_lines(plays: Plays) -> Iterator[str]:
    yield "\t".join(PLAY_COLUMNS) + "\n"
    rows = zip(
        *(column.tolist() for column in (plays.users, plays.artists, plays.counts, plays.last_played_at)), strict=True
    )
    for user, artist, count, seconds in rows:
        yield f"{user + 1}\t{_artist_id(artist)}\t{count}\t{seconds}\n"


def _artist_id(number: int) -> str:
    return f"a{number + 1}"


def _write(path: Path, lines: Iterable[str]) -> None:
    """Write a file wholly or not at all, so that half a community is never taken for one."""
    partial = path.with_name(f"{path.name}.partial")
    with partial.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(lines)
    partial.replace(path)
