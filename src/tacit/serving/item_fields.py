"""What is known of each item by position, for the rules: the version's words and, above them, what was said since."""

from __future__ import annotations

import json
import threading
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tacit.data.catalog_entries import ItemEntry
from tacit.errors import BadInput
from tacit.serving.labels import Labels
from tacit.serving.live_catalogue import LiveCatalogue
from tacit.serving.model_pool import LoadedVersion
from tacit.serving.newcomers import Newcomers
from tacit.serving.rules import Boost, Range, Rules, factors_of

Doubles = NDArray[np.float64]
Mask = NDArray[np.bool_]
Positions = NDArray[np.intp]
Numbers = Mapping[str, float]

LISTENERS = ("listeners", "popularity")
EXPIRES_AT = "expires_at"
_MASKS = 128
"""Categories and words whose items are remembered."""
MOST_NAMED = 20
"""Fields that a refusal names."""


def numbers_of(entry: ItemEntry) -> Numbers:
    """The numbers among an item's labels, by name; what is no number is in no range."""
    told = json.loads(entry.labels)
    return {
        name: float(value)
        for name, value in told.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300
    }


class ItemFields:
    """One version's items as the catalogue has them at one revision.

    Args:
        loaded: The version.
        newcomers: The items beside those it learnt.
        said: Everything that was said over the catalogue's door.
        numbers: The numbers among the labels of those entries that have any, by item id.
    """

    def __init__(
        self,
        loaded: LoadedVersion,
        newcomers: Newcomers | None,
        said: Iterable[ItemEntry],
        *,
        numbers: Mapping[str, Numbers],
    ) -> None:
        self._model = loaded.model
        self._version = weakref.ref(loaded)
        self._new = {} if newcomers is None else newcomers.rows
        known = len(self._model.items)
        last = 0 if newcomers is None or not len(newcomers.positions) else int(newcomers.positions[-1]) + 1
        self.count = max(known, last)
        rows = ((self.position(entry.item_id), entry) for entry in said)
        self._said = {row: entry for row, entry in rows if row is not None}
        self._numbers = numbers
        self._masks: dict[tuple[str, str], Mask] = {}

    def position(self, item_id: str) -> int | None:
        """Where an item stands, if anywhere."""
        return self._model.item_rows.get(item_id, self._new.get(item_id))

    def positions(self, item_ids: Iterable[str]) -> Positions:
        """Where items stand; ids that name nothing are passed over."""
        rows = (self.position(item_id) for item_id in item_ids)
        return np.array([row for row in rows if row is not None], np.intp)

    def categories_at(self, position: int) -> Sequence[str]:
        """The categories of an item as they are now."""
        entry = self._said.get(position)
        if entry is not None and entry.categories is not None:
            return entry.categories
        return self._model.items[position].categories if position < len(self._model.items) else ()

    def in_category(self, name: str) -> Mask:
        """`(count,)` which items belong to a category now."""
        return self._remembered(("category", name), lambda: self._in_category(name))

    def bearing(self, word: str) -> Mask:
        """`(count,)` which items bear a word now, as a category or a tag, whatever its case."""
        return self._remembered(("word", word.casefold()), lambda: self._bearing(word))

    def _in_category(self, name: str) -> Mask:
        mask = self._as_trained(name)
        for row, entry in self._said.items():
            if entry.categories is not None:
                mask[row] = name in entry.categories
        return mask

    def _bearing(self, word: str) -> Mask:
        mask = np.zeros(self.count, bool)
        mask[self._labels().bearing(word)] = True
        wanted = word.casefold()
        for row, entry in self._said.items():
            if entry.categories is not None or entry.tags is not None:
                mask[row] = any(each.casefold() == wanted for each in self._words_at(row, entry))
        return mask

    def numbers(self, field: str) -> Doubles:
        """`(count,)` the numbers of a field; NaN where an item has none."""
        if field in LISTENERS:
            found = np.zeros(self.count)
            found[: len(self._model.items)] = self._model.listeners
            return found
        found = np.full(self.count, np.inf if field == EXPIRES_AT else np.nan)
        for row, entry in self._said.items():
            if field == EXPIRES_AT:
                found[row] = np.inf if entry.expires_at_ms is None else entry.expires_at_ms
            else:
                found[row] = self._numbers.get(entry.item_id, {}).get(field, np.nan)
        return found

    def within(self, wanted: Range) -> Mask:
        """`(count,)` which items lie in a range; one without the field lies in none."""
        numbers = self.numbers(wanted.field)
        return (numbers >= wanted.least) & (numbers <= wanted.most)

    def allowed(self, rules: Rules) -> Mask:
        """`(count,)` which items the filters of some rules let through: `include`, `categories`, `ranges`; O(count).

        Of the first category only what was taken out of it since the version was trained is barred: the version's own
        filter leaves out the rest.
        """
        may = np.ones(self.count, bool)
        if rules.include is not None:
            may[:] = False
            may[self.positions(rules.include)] = True
        for place, category in enumerate(rules.categories):
            now = self.in_category(category)
            # The first is looked for by the version's own list; only what was taken out of it since is left to bar.
            may &= now | ~self._as_found(category) if place == 0 else now
        for each in rules.ranges:
            may &= self.within(each)
        return may

    def factors(self, rules: Rules) -> Doubles | None:
        """`(count,)` what each item's score is lifted by; `None` where all count alike."""
        return factors_of(rules.boosts, self._matched, self.count)

    def _matched(self, boost: Boost) -> Mask:
        if boost.kind == "category":
            return self.in_category(boost.name)
        if boost.kind == "tag":
            return self.bearing(boost.name)
        mask = np.zeros(self.count, bool)
        mask[self.positions([boost.name])] = True
        return mask

    def _words_at(self, row: int, entry: ItemEntry) -> tuple[str, ...]:
        tags = entry.tags
        if tags is None:
            tags = self._model.items[row].tags if row < len(self._model.items) else ()
        return (*self.categories_at(row), *tags)

    def _labels(self) -> Labels:
        """The version's words, made only where somebody asks for one; the version is held weakly here."""
        loaded = self._version()
        return Labels(self._model.items) if loaded is None else loaded.labels

    def _as_trained(self, category: str) -> Mask:
        found = np.zeros(self.count, bool)
        mask = self._model.categories.get(category)
        if mask is not None:
            found[: len(mask)] = mask
        return found

    def _as_found(self, category: str) -> Mask:
        """What may be found as an item of a category; newcomers may have been prepared before something was said."""
        found = self._as_trained(category)
        found[len(self._model.items) :] = True
        return found

    def _remembered(self, key: tuple[str, str], made: Callable[[], Mask]) -> Mask:
        mask = self._masks.get(key)
        if mask is None:
            mask = made()
            mask.flags.writeable = False
            if len(self._masks) >= _MASKS:
                self._masks.clear()
            self._masks[key] = mask
        return mask


@dataclass(frozen=True)
class _Kept:
    """Fields, and what they were made of; the version itself is held weakly."""

    version: weakref.ref[LoadedVersion]
    revision: int
    newcomers: Newcomers | None
    fields: ItemFields


class FieldShelf:
    """The fields of each version's items, made anew when the catalogue or the newcomers change.

    Making them costs one pass over what was said; labels are read once for each entry.

    Args:
        live: The catalogue as it is now.
    """

    def __init__(self, live: LiveCatalogue) -> None:
        self._live = live
        self._lock = threading.Lock()
        self._kept: dict[int, _Kept] = {}
        self._read: dict[str, tuple[ItemEntry, Numbers]] = {}
        self._numbers: Mapping[str, Numbers] = {}
        self._numbered_at = -1

    def fields(self, loaded: LoadedVersion, newcomers: Newcomers | None) -> ItemFields:
        """What is known of a version's items now."""
        key = id(loaded)
        revision = self._live.revision
        kept = self._kept.get(key)
        if kept is not None and kept.revision == revision and kept.newcomers is newcomers:
            return kept.fields
        with self._lock:
            said = self._live.said()
            made = ItemFields(loaded, newcomers, said, numbers=self._read_numbers(said, revision))
            # Made of their version's files: kept beyond it, they would hold on to one that is gone.
            gone = weakref.ref(loaded, lambda _: self._kept.pop(key, None))
            self._kept[key] = _Kept(gone, revision, newcomers, made)
        return made

    def check(self, rules: Rules) -> None:
        """Refuse a range over a field that no item has as a number.

        Raises:
            BadInput: `range_field_unknown`, naming those there are.
        """
        asked = [each.field for each in rules.ranges if each.field not in (*LISTENERS, EXPIRES_AT)]
        if not asked:
            return
        with self._lock:
            numbers = self._read_numbers(self._live.said(), self._live.revision)
        known = sorted({name for each in numbers.values() for name in each})
        for field in asked:
            if field not in known:
                named = (*known[:MOST_NAMED], LISTENERS[0], EXPIRES_AT)
                raise BadInput(
                    "range_field_unknown",
                    f"No item has a number called {ascii(field)[:64]} among its labels.",
                    field="range",
                    fix=f"Choose among {', '.join(map(ascii, named))}.",
                )

    def _read_numbers(self, said: Sequence[ItemEntry], revision: int) -> Mapping[str, Numbers]:
        """The numbers of every entry; those of entries that did not change are not read again."""
        if revision != self._numbered_at or revision == 0:
            before, self._read = self._read, {}
            for entry in said:
                old = before.get(entry.item_id)
                same = old is not None and old[0] is entry
                self._read[entry.item_id] = old if same and old is not None else (entry, numbers_of(entry))
            self._numbers = {item_id: numbers for item_id, (_, numbers) in self._read.items() if numbers}
            self._numbered_at = revision
        return self._numbers
