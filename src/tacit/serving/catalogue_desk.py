"""The catalogue's door, behind the counter: items read as they are now, and changed so that the next answer knows."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import islice

from tacit.data.catalog_edits import (
    Edit,
    EditableCatalog,
    Rule,
    Settled,
    patch_item,
    put_item,
    remove_item,
    settled,
)
from tacit.data.catalog_entries import ItemEntry
from tacit.serving.answers import ItemView
from tacit.serving.interfaces import Clock
from tacit.serving.item_views import item_view
from tacit.serving.live_catalogue import FollowedCatalogue
from tacit.serving.model_pool import ModelPool

ItemRules = Callable[[Callable[[str], bool], int], Rule[ItemEntry]]
"""Makes a rule, given who knows an item from an import, and the time."""


class CatalogueDesk:
    """Reads and changes what is said of items.

    A change is durable, and in force for every answer of this process, when a call returns; the edits of a call that
    may be kept are kept all or none.

    Args:
        store: Keeps what is said.
        catalogue: Follows it, for the answers.
        pool: Keeps the version whose items these are.
        clock: Tells the time.
    """

    def __init__(self, store: EditableCatalog, catalogue: FollowedCatalogue, pool: ModelPool, *, clock: Clock) -> None:
        self._store = store
        self._catalogue = catalogue
        self._pool = pool
        self._clock = clock

    def item(self, item_id: str) -> ItemView:
        """An item as it is now.

        Raises:
            NotFound: `item_unknown`, also if it was removed.
            Unavailable: `model_not_loaded`, if nothing was said of it: nobody can tell then whether it exists.
        """
        entry = self._catalogue.entry(item_id)
        loaded = self._pool.current() if entry is None else self._pool.loaded
        return item_view(loaded, entry, item_id=item_id, now_ms=self._now_ms())

    def page(self, after: str, *, limit: int) -> tuple[tuple[ItemView, ...], bool]:
        """Items behind an id in the order of code points, and whether they are the last.

        Those that may not be shown now are among them, removed ones are not.

        Raises:
            Unavailable: What was said cannot be read now.
        """
        loaded, now_ms = self._pool.loaded, self._now_ms()
        known = () if loaded is None else loaded.listed_items
        # Lazily: any number of removed ones may stand in a row.
        trained = ((each, self._catalogue.entry(each)) for each in islice(known, bisect_right(known, after), None))
        listed = ((each, entry) for each, entry in trained if entry is None or not entry.deleted)
        entries = dict(islice(listed, limit + 1))
        entries.update((entry.item_id, entry) for entry in self._store.items_after(after, limit=limit + 1))
        ids = sorted(entries)
        views = (item_view(loaded, entries[each], item_id=each, now_ms=now_ms) for each in ids[:limit])
        return tuple(views), len(ids) <= limit

    def put(self, edits: Sequence[Edit]) -> tuple[Settled, ...]:
        """Have each edit be all that is said of its item; an item that nobody knows comes into being."""
        return self._settle(edits, put_item)

    def patch(self, edits: Sequence[Edit]) -> tuple[Settled, ...]:
        """Change what each edit names; `item_unknown` where nobody knows the item."""
        return self._settle(edits, patch_item)

    def remove(self, edits: Sequence[Edit]) -> tuple[Settled, ...]:
        """Take items out of the catalogue; `item_unknown` where nobody knows one."""
        return self._settle(edits, remove_item)

    def _settle(self, edits: Sequence[Edit], rules: ItemRules) -> tuple[Settled, ...]:
        rule = rules(self._is_trained, self._now_ms())
        ids = [edit.subject for edit in edits]
        fates = self._store.edit_items(ids, lambda before: settled(edits, before, rule))
        self._catalogue.refresh()
        return fates

    def _is_trained(self, item_id: str) -> bool:
        """Whether the version that answers knows an item; nothing else tells what was imported."""
        loaded = self._pool.loaded
        return loaded is not None and item_id in loaded.model.item_rows

    def _now_ms(self) -> int:
        return int(self._clock() * 1_000)
