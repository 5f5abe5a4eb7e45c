"""A community with a catalogue as wide as Last.fm-360K's, in the files that an installation imports: in a minute.

What is listened to is drawn as `_synthetic` draws it, so that items by the hundred thousand cost what their plays do.
The platform's own invented community weighs each artist for each person instead, which takes half an hour here.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks._synthetic import Shape, _counted, _distinct, _every_item, _world
from tacit.data import synthetic

GENRES = 40
TOPICS_OF_A_GENRE = 36
_BEGAN = 1_640_995_200
_SECONDS = 2 * 365 * 86_400


def written(folder: Path, *, users: int, items: int, artists_per_user: int, seed: int = 1) -> Path:
    """Write the files of a community; each artist has at least one listener.

    Args:
        folder: Where they go.
        users: How many people.
        items: How many artists.
        artists_per_user: How many a person plays on average.
        seed: The same seed and sizes give the same files.
    """
    shape = Shape(users, items, users * artists_per_user, users // 8, GENRES, TOPICS_OF_A_GENRE)
    random = np.random.default_rng([seed, users, items])
    world = _world(shape, random)
    keys = _every_item(_distinct(shape, world, shape.pairs, random=random), shape, random)
    if len(keys) > shape.pairs:
        # The first pair of each artist stays, so that all of them stay.
        first = np.unique(keys % items, return_index=True)[1]
        others = np.setdiff1d(np.arange(len(keys)), first, assume_unique=True)
        kept = random.choice(others, max(0, shape.pairs - len(first)), replace=False)
        keys = keys[np.sort(np.r_[first, kept])]
    plays = _counted(keys, shape, random).tocoo()
    moments = random.integers(_BEGAN, _BEGAN + _SECONDS, plays.nnz)
    genre_of = np.empty(items, np.int64)
    genre_of[world.items] = np.repeat(np.arange(len(world.weights)), np.diff(world.starts)) // TOPICS_OF_A_GENRE
    folder.mkdir(parents=True)
    (folder / synthetic.LABEL_FILE).write_text(f"{synthetic.LABEL}{users} users, {items} artists.\n", "utf-8")
    with (folder / synthetic.ARTISTS_FILE).open("w", encoding="utf-8") as file:
        file.write("\t".join(synthetic.ARTIST_COLUMNS) + "\n")
        file.writelines(
            f"a{item + 1}\tArtist {item + 1}\tGenre {genre}\tgenre {genre}\n" for item, genre in enumerate(genre_of)
        )
    with (folder / synthetic.PLAYS_FILE).open("w", encoding="utf-8") as file:
        file.write("\t".join(synthetic.PLAY_COLUMNS) + "\n")
        columns = (plays.row.tolist(), plays.col.tolist(), plays.data.astype(np.int64).tolist(), moments.tolist())
        file.writelines(f"{u + 1}\ta{i + 1}\t{n}\t{at}\n" for u, i, n, at in zip(*columns, strict=True))
    return folder
