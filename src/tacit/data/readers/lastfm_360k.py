"""Last.fm-360K: 17.5 million rows of user, artist and plays, in one file without a header.

Celma, *Music Recommendation and Discovery in the Long Tail*, 2010. The columns are the user's SHA-1, the artist's
MusicBrainz id, the artist's name and the play count. An artist without MusicBrainz id is identified by name: its item
id is `name:` followed by the name as written.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tacit.data.imports import Source, TableSpec
from tacit.data.readers.files import find_at, first_line, need
from tacit.data.readers.reader import Opened, Reader

NAME = "lastfm-360k"
FILE = "usersha1-artmbid-artname-plays.tsv"

PLAYS = TableSpec(
    user="0",
    item="1",
    item_or="2",
    title="2",
    value="3",
    delimiter="\t",
    header=False,
    quoted=False,
    value_kind="count",
    merge="sum",
)


def recognises(path: Path) -> bool:
    return first_line(find_at(path, FILE)).count("\t") == 3


@contextmanager
def opened(path: Path) -> Iterator[Opened]:
    yield Opened(Source(NAME, ((find_at(path, FILE) or need(path, FILE), PLAYS),)))


READER = Reader(
    name=NAME,
    summary="Last.fm-360K: play counts per user and artist; an artist without MusicBrainz id goes by name.",
    looks_for=f"{FILE}, or the folder that holds it",
    recognises=recognises,
    open=opened,
    dataset=lambda _: NAME,
    aliases=("lastfm-dataset-360k",),
)
