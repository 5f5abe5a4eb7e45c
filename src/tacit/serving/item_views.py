"""What is shown of an item: what a version knows of it, and above that what the catalogue's door said (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from msgspec import structs

from tacit.data.catalog_edits import item_unknown
from tacit.data.catalog_entries import ItemEntry
from tacit.serving.answers import ItemView, Reason, Recommendation
from tacit.serving.live_catalogue import LiveCatalogue
from tacit.serving.model_pool import LoadedVersion
from tacit.serving.retrieval import view


def item_view(loaded: LoadedVersion | None, entry: ItemEntry | None, *, item_id: str, now_ms: int) -> ItemView:
    """An item as it is now.

    Args:
        loaded: The version that answers, if there is one.
        entry: What was said of the item, if anything was.
        item_id: Which item.
        now_ms: When, in milliseconds since 1970.

    Raises:
        NotFound: `item_unknown`, also if it was removed.
    """
    row = None if loaded is None else loaded.model.item_rows.get(item_id)
    known = ItemView(item_id, item_id, (), (), 0) if loaded is None or row is None else view(loaded.model, row)
    if entry is None:
        if row is None:
            raise item_unknown()
        return known
    if entry.deleted:
        raise item_unknown()
    return said_of(known, entry, now_ms=now_ms)


def said_of(known: ItemView, entry: ItemEntry, *, now_ms: int) -> ItemView:
    """What a version knows of an item, and above it what was said."""
    return replace(
        known,
        title=entry.title or known.title,
        categories=known.categories if entry.categories is None else entry.categories,
        tags=known.tags if entry.tags is None else entry.tags,
        available=entry.is_shown(now_ms),
        labels=entry.labels,
        expires_at_ms=entry.expires_at_ms,
        updated_at_ms=entry.updated_at_ms,
    )


def as_said(items: Sequence[Recommendation], catalogue: LiveCatalogue, *, now_ms: int) -> tuple[Recommendation, ...]:
    """A list as the catalogue is now: with the titles and categories that were said, and nothing that is hidden.

    What is hidden was left out when the list was made; a list that was made earlier, and the reasons, have their last
    look here.  A reason that is hidden is not told; the shares of the others stay what they are.
    """
    if not catalogue.revision:
        return tuple(items)
    looked_at = (_recommendation(item, catalogue, now_ms) for item in items)
    return tuple(item for item in looked_at if item is not None)


def _recommendation(item: Recommendation, catalogue: LiveCatalogue, now_ms: int) -> Recommendation | None:
    because = tuple(_reasons(item.because, catalogue, now_ms))
    entry = catalogue.entry(item.item_id)
    if entry is None:
        return item if because == item.because else structs.replace(item, because=because)
    if not entry.is_shown(now_ms):
        return None
    categories = item.categories if entry.categories is None else entry.categories
    return structs.replace(item, title=entry.title or item.title, categories=categories, because=because)


def _reasons(reasons: Sequence[Reason], catalogue: LiveCatalogue, now_ms: int) -> list[Reason]:
    told = []
    for reason in reasons:
        entry = catalogue.entry(reason.item_id)
        if entry is None:
            told.append(reason)
        elif entry.is_shown(now_ms):
            told.append(structs.replace(reason, title=entry.title or reason.title))
    return told
