"""JODIE's Wikipedia log: one month of page edits in time order.

Kumar, Zhang, Leskovec: *Predicting Dynamic Embedding Trajectory in Temporal Interaction Networks*, KDD 2019. The
columns are the row's number, the user, the page and the seconds since the log began, so that times count from
1970-01-01. An edit is an event; the edits of one user on one page become one interaction with their number as value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tacit.data.imports import Source, TableSpec
from tacit.data.readers.files import find_at, first_line, need
from tacit.data.readers.reader import Opened, Reader

NAME = "jodie-wikipedia"
FILE = "wikipedia.tsv"

EDITS = TableSpec(
    user="1",
    item="2",
    time="3",
    time_format="seconds",
    delimiter="\t",
    header=False,
    quoted=False,
    merge="sum",
)


def recognises(path: Path) -> bool:
    return re.fullmatch(r"\d+\t\d+\t\d+\t\d+(\.\d+)?", first_line(find_at(path, FILE))) is not None


@contextmanager
def opened(path: Path) -> Iterator[Opened]:
    yield Opened(Source(NAME, ((find_at(path, FILE) or need(path, FILE), EDITS),)))


READER = Reader(
    name=NAME,
    summary="JODIE Wikipedia: a month of page edits; repeated edits of a page add up.",
    looks_for=f"{FILE}, or the folder that holds it",
    recognises=recognises,
    open=opened,
    dataset=lambda _: NAME,
)
