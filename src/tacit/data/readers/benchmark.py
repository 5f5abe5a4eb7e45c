"""Published benchmark splits: `train.txt` and `test.txt`, a user and all their items on each line.

The form of NGCF (Wang et al., SIGIR 2019), LightGCN and UltraGCN. Every item counts 1; the publisher's split is kept
as the fold of each interaction, so that published figures can be compared. Where an `item_list.txt` translates the
renumbered ids, an item's title is its original id.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tacit.data.catalog import Item
from tacit.data.imports import Source, TableSpec
from tacit.data.readers.files import Dialect, columns, dataset_name, find, first_line, need
from tacit.data.readers.reader import Opened, Reader

NAME = "benchmark"
TRAIN = TableSpec(user="0", item="1", delimiter=" ", header=False, quoted=False, layout="baskets", fold=1)
TEST = TableSpec(user="0", item="1", delimiter=" ", header=False, quoted=False, layout="baskets", fold=2)


def recognises(path: Path) -> bool:
    return path.is_dir() and all(
        re.fullmatch(r"\d+( \d+)+ ?", first_line(find(path, name))) for name in ("train.txt", "test.txt")
    )


@contextmanager
def opened(path: Path) -> Iterator[Opened]:
    tables = ((need(path, "train.txt"), TRAIN), (need(path, "test.txt"), TEST))
    names = find(path, "item_list.txt")
    if names is None:
        yield Opened(Source(NAME, tables))
        return
    skipped: Counter[str] = Counter()
    rows = columns(names, ("remap_id", "org_id"), skipped, dialect=Dialect(delimiter=" "))
    catalog = tuple(Item(item, title) for item, title in rows)
    yield Opened(Source(NAME, tables, catalog_files=(names,), catalog_skipped=skipped), catalog)


READER = Reader(
    name=NAME,
    summary="Benchmark splits (Gowalla, Amazon-CDs, MovieLens 1M of UltraGCN, …): train.txt and test.txt, kept apart.",
    looks_for="a folder with train.txt and test.txt, each line `user item item …`",
    recognises=recognises,
    open=opened,
    dataset=dataset_name,
    aliases=("gowalla", "amazon-cds", "ml-1m-ultragcn"),
)
