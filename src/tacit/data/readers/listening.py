"""The synthetic listening community, read back like any other data set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tacit.data.catalog import Item
from tacit.data.imports import Source, TableSpec
from tacit.data.readers.files import TABS, columns, find, first_line, need
from tacit.data.readers.reader import Opened, Reader
from tacit.data.synthetic import ARTIST_COLUMNS, ARTISTS_FILE, DATASET, PLAY_COLUMNS, PLAYS_FILE

PLAYS = TableSpec(
    user="user_id",
    item="artist_id",
    value="plays",
    time="last_played_at",
    time_format="seconds",
    delimiter="\t",
    header=True,
    quoted=False,
    value_kind="count",
    merge="sum",
)


def recognises(path: Path) -> bool:
    return (
        path.is_dir()
        and first_line(find(path, PLAYS_FILE)) == "\t".join(PLAY_COLUMNS)
        and first_line(find(path, ARTISTS_FILE)) == "\t".join(ARTIST_COLUMNS)
    )


@contextmanager
def opened(path: Path) -> Iterator[Opened]:
    plays, artists = need(path, PLAYS_FILE), need(path, ARTISTS_FILE)
    skipped: Counter[str] = Counter()
    catalog = tuple(_item(row) for row in columns(artists, ARTIST_COLUMNS, skipped, dialect=TABS))
    source = Source(DATASET, ((plays, PLAYS),), catalog_files=(artists,), catalog_skipped=skipped)
    yield Opened(source, catalog)


def _item(row: tuple[str, ...]) -> Item:
    artist, name, categories, tags = row
    return Item(artist, name or artist, tuple(categories.split("|")), tuple(tags.split("|")))


READER = Reader(
    name=DATASET,
    summary="The synthetic listening community that Tacit invents when there is no real data set.",
    looks_for=f"a folder with {PLAYS_FILE} and {ARTISTS_FILE} as Tacit writes them",
    recognises=recognises,
    open=opened,
    dataset=lambda _: DATASET,
)
