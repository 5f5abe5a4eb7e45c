"""HetRec 2011 Last.fm 2K: who played which artist how often, and what people call those artists.

Cantador, Brusilovsky, Kuflik: *Second Workshop on Information Heterogeneity and Fusion in Recommender Systems*,
RecSys 2011. The listening rows carry no time. `artists.dat` and the tables of numbers are UTF-8, `tags.dat` is
Latin-1; nothing is quoted, and names contain quotation marks.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tacit.data.catalog import Item
from tacit.data.imports import Source, TableSpec
from tacit.data.readers.files import TABS, Dialect, columns, find, first_line, need, pairs
from tacit.data.readers.reader import Opened, Reader
from tacit.data.readers.tags import music_categories, ranked

NAME = "hetrec2011-lastfm-2k"

PLAYS = TableSpec(
    user="userID",
    item="artistID",
    value="weight",
    delimiter="\t",
    header=True,
    quoted=False,
    value_kind="count",
    merge="sum",
)


def recognises(path: Path) -> bool:
    return path.is_dir() and first_line(find(path, "user_artists.dat")).startswith("userID\tartistID\tweight")


@contextmanager
def opened(path: Path) -> Iterator[Opened]:
    plays = need(path, "user_artists.dat")
    files = tuple(need(path, name) for name in ("artists.dat", "tags.dat", "user_taggedartists.dat"))
    catalog, skipped = read_catalog(*files)
    source = Source(NAME, ((plays, PLAYS),), catalog_files=files, catalog_skipped=skipped)
    yield Opened(source, catalog)


def read_catalog(artists: Path, tags: Path, taggings: Path) -> tuple[tuple[Item, ...], Mapping[str, int]]:
    """The artists with their tags, genres and moods, and what could not be used, by reason.

    `artist_unknown` counts tagged artists that `artists.dat` does not name; the rows of a damaged file are counted
    as `columns` or `encoding`.
    """
    skipped: Counter[str] = Counter()
    votes = _votes(tags, taggings, skipped)
    names = pairs(artists, ("id", "name"), skipped, dialect=TABS)
    items = tuple(_item(artist, name, votes.pop(artist, {})) for artist, name in names.items())
    skipped["artist_unknown"] += len(votes)
    return items, +skipped


def _votes(tags: Path, taggings: Path, skipped: Counter[str]) -> dict[str, dict[str, int]]:
    """Per artist, how many people gave each tag. Only the counts matter, so impossible years do no harm."""
    words = pairs(tags, ("tagID", "tagValue"), skipped, dialect=Dialect(encoding="latin-1"))
    votes: dict[str, dict[str, int]] = defaultdict(Counter)
    for artist, tag in columns(taggings, ("artistID", "tagID"), skipped, dialect=TABS):
        if tag in words:
            votes[artist][words[tag]] += 1
        else:
            skipped["tag_unknown"] += 1
    return votes


def _item(artist: str, name: str, votes: Mapping[str, int]) -> Item:
    tags = ranked(votes)
    return Item(artist, name or artist, music_categories(tags), tuple(tag for tag, _ in tags))


READER = Reader(
    name=NAME,
    summary="HetRec 2011 Last.fm 2K: play counts per user and artist, tags turned into genres and moods.",
    looks_for="a folder with user_artists.dat, artists.dat, tags.dat and user_taggedartists.dat",
    recognises=recognises,
    open=opened,
    dataset=lambda _: NAME,
    aliases=("lastfm-2k", "hetrec-lastfm"),
)
