"""Items: what can be recommended, and what we know of each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that can be recommended.

    Attributes:
        item_id: The publisher's own id, as text, unchanged.
        title: What a person calls it; the id where the data names nothing.
        categories: Broad groups to filter by (genres, course categories, moods), most typical first.
        tags: Free words people attached to it, most frequent first.
    """

    item_id: str
    title: str
    categories: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


def item_table(items: Iterable[Item]) -> pa.Table:
    """Items as a table of `item_id`, `title`, `categories`, `tags`, in their order."""
    rows = list(items)
    words = pa.list_(pa.string())
    return pa.table(
        {
            "item_id": pa.array([item.item_id for item in rows], pa.string()),
            "title": pa.array([item.title for item in rows], pa.string()),
            "categories": pa.array([list(item.categories) for item in rows], words),
            "tags": pa.array([list(item.tags) for item in rows], words),
        }
    )


def items_of(table: pa.Table) -> tuple[Item, ...]:
    """The items of a table that `item_table` made, in its order."""
    columns = (table[name].to_pylist() for name in ("item_id", "title", "categories", "tags"))
    return tuple(
        Item(item_id, title, tuple(categories), tuple(tags))
        for item_id, title, categories, tags in zip(*columns, strict=True)
    )
