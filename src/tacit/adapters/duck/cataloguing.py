"""The items of one import as a table, and the account of those that may not enter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from tacit.data.catalog import Item
from tacit.data.imports import Limits
from tacit.data.validation import item_problem, normal_id

QUARANTINE_SCHEMA = pa.schema(
    [("file", pa.string()), ("line", pa.int64()), ("reason", pa.string()), ("raw", pa.string())]
)
ITEM_SCHEMA = pa.schema(
    [
        ("item_id", pa.string()),
        ("title", pa.string()),
        ("categories", pa.list_(pa.string())),
        ("tags", pa.list_(pa.string())),
        ("described", pa.bool_()),
    ]
)
"""Of `items.parquet`; `described` is false where all we have is a title beside an interaction."""

CATALOG_FILE = "catalogue"
"""What quarantined item rows give as their file; their line is their number in the catalogue."""


@dataclass(frozen=True)
class CatalogAccount:
    """What became of the item rows."""

    read: int
    accepted: int
    merged: int
    quarantined: Mapping[str, int]

    def with_skipped(self, skipped: Mapping[str, int]) -> CatalogAccount:
        """The account with the rows that the reader could not make an item of."""
        quarantined = dict(Counter(self.quarantined) + Counter(skipped))
        return replace(self, read=self.read + sum(skipped.values()), quarantined=quarantined)


def build_catalog(
    items: Iterator[Item], titles: Mapping[str, str | None], *, limits: Limits
) -> tuple[pa.Table, pa.Table, CatalogAccount]:
    """Items by id, the last description of each; those that only have a title beside an interaction join them.

    Returns:
        The table for `items.parquet`, the item rows to quarantine, and the account of the item rows.
    """
    described: dict[str, Item] = {}
    bad: list[tuple[int, str, str]] = []
    read = 0
    for read, item in enumerate(items, start=1):
        reason = item_problem(item.item_id, limits)
        if reason is not None:
            bad.append((read, reason, repr(item.item_id)[:64]))
        else:
            described[normal_id(item.item_id)] = item
    titled = {item_id: Item(item_id, title) for item_id, title in titles.items() if title and item_id not in described}
    reasons = [reason for _, reason, _ in bad]
    account = CatalogAccount(
        read,
        len(described),
        read - len(described) - len(bad),
        {reason: reasons.count(reason) for reason in set(reasons)},
    )
    return _item_table(described, titled), _bad_items(bad), account


def _item_table(described: Mapping[str, Item], titled: Mapping[str, Item]) -> pa.Table:
    rows = sorted({**described, **titled}.items())
    columns = [
        [item_id for item_id, _ in rows],
        [item.title or item_id for item_id, item in rows],
        [list(item.categories) for _, item in rows],
        [list(item.tags) for _, item in rows],
        [item_id in described for item_id, _ in rows],
    ]
    return pa.table([pa.array(c, f.type) for c, f in zip(columns, ITEM_SCHEMA, strict=True)], schema=ITEM_SCHEMA)


def _bad_items(bad: Sequence[tuple[int, str, str]]) -> pa.Table:
    rows = [{"file": CATALOG_FILE, "line": line, "reason": reason, "raw": raw} for line, reason, raw in bad]
    return pa.Table.from_pylist(rows, schema=QUARANTINE_SCHEMA)
