"""MovieLens: timed ratings, genres and tags, from GroupLens' zip file or the CSV files in it.

Harper, Konstan: *The MovieLens Datasets: History and Context*, ACM TiiS 5(4), 2015. Ratings become interactions by one
rule: every rating is one, however few its stars, because it says that this person chose to watch this movie; the stars
are its value, and of several ratings of one movie the last counts. Reads `ml-latest-small`, `ml-latest` and the
20M, 25M and 32M sets.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tacit.data.catalog import Item
from tacit.data.imports import Source, TableSpec
from tacit.data.readers.archives import extracted, members
from tacit.data.readers.files import COMMAS, columns, dataset_name, find, first_line, need
from tacit.data.readers.reader import Opened, Reader
from tacit.data.readers.tags import ranked
from tacit.errors import BadInput

NAME = "movielens"
FILES = ("ratings.csv", "movies.csv", "tags.csv")
NO_GENRES = "(no genres listed)"

_ARTICLES = "The|A|An|Le|La|Les|L'|Un|Une|Il|Lo|Gli|Uno|Una|El|Los|Las|Der|Die|Das|Ein|Eine|Det|Den|De|Het|Os"
_ARTICLE_LAST = re.compile(
    rf"""
    (?:^|(?<=\()|(?<=a\.k\.a\.[ ]))  # a title begins here: at the beginning, or in brackets
    (?P<name>[^()]+?),[ ](?P<article>{_ARTICLES})
    (?=$|\)|[ ]\()                    # and ends here
    """,
    re.VERBOSE,
)

RATINGS = TableSpec(
    user="userId",
    item="movieId",
    value="rating",
    time="timestamp",
    time_format="seconds",
    delimiter=",",
    header=True,
    quoted=True,
    value_kind="number",
    merge="last",
)


def recognises(path: Path) -> bool:
    archive = _archive(path)
    if archive is None:
        return path.is_dir() and first_line(find(path, "ratings.csv")).startswith("userId,movieId,rating,timestamp")
    # A damaged archive with the publisher's name is recognised, so that opening it says what is wrong.
    return archive.name.startswith("ml-") or _holds_ratings(archive)


@contextmanager
def opened(path: Path) -> Iterator[Opened]:
    archive = _archive(path)
    if archive is None:
        yield _opened_folder(path)
        return
    with extracted(archive, FILES) as folder:
        yield _opened_folder(folder)


def read_catalog(movies: Path, tags: Path | None) -> tuple[tuple[Item, ...], Mapping[str, int]]:
    """The movies with their genres and tags, and how many rows could not be used, by reason."""
    skipped: Counter[str] = Counter()
    votes: dict[str, Counter[str]] = defaultdict(Counter)
    if tags is not None:
        for movie, tag in columns(tags, ("movieId", "tag"), skipped, dialect=COMMAS):
            votes[movie][tag.strip().lower()] += 1
    rows = columns(movies, ("movieId", "title", "genres"), skipped, dialect=COMMAS)
    return tuple(_item(movie, title, genres, votes=votes.get(movie, {})) for movie, title, genres in rows), +skipped


def _opened_folder(folder: Path) -> Opened:
    ratings, movies, tags = need(folder, "ratings.csv"), need(folder, "movies.csv"), find(folder, "tags.csv")
    catalog, skipped = read_catalog(movies, tags)
    files = (movies,) if tags is None else (movies, tags)
    return Opened(Source(NAME, ((ratings, RATINGS),), catalog_files=files, catalog_skipped=skipped), catalog)


def read_title(title: str) -> str:
    """A title as people say it: `Matrix, The (1999)` is `The Matrix (1999)`, and so is what stands in brackets."""
    return _ARTICLE_LAST.sub(_article_first, title)


def _article_first(found: re.Match[str]) -> str:
    name, article = found["name"], found["article"]
    return article + name if article.endswith("'") else f"{article} {name}"


def _item(movie: str, title: str, genres: str, *, votes: Mapping[str, int]) -> Item:
    categories = () if genres in {"", NO_GENRES} else tuple(genres.split("|"))
    return Item(movie, read_title(title) or movie, categories, tuple(tag for tag, _ in ranked(votes)))


def _archive(path: Path) -> Path | None:
    """The zip file that is meant: the path itself, or the one in a folder without unpacked files."""
    if path.is_file():
        return path if path.suffix == ".zip" else None
    if find(path, "ratings.csv") is not None:
        return None
    return next(iter(sorted(path.glob("ml-*.zip"))), None) if path.is_dir() else None


def _holds_ratings(archive: Path) -> bool:
    try:
        return len(members(archive, ("ratings.csv", "movies.csv"))) == 2
    except BadInput:
        return False


def _dataset(path: Path) -> str:
    name = dataset_name(_archive(path) or path)
    return name if name.startswith("ml-") else NAME


READER = Reader(
    name=NAME,
    summary="MovieLens (zip or CSV files): every rating is an interaction with its stars as value; genres and tags.",
    looks_for="an ml-*.zip of GroupLens, or a folder with it or with ratings.csv and movies.csv",
    recognises=recognises,
    open=opened,
    dataset=_dataset,
    aliases=("ml-latest-small", "ml-latest", "ml-20m", "ml-25m", "ml-32m"),
)
