"""A trained recommender in memory: whom it knows, what it knows, and the algebra that answers with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from tacit.data.catalog import Item
from tacit.models.recommender.blend import Blend
from tacit.models.recommender.confidence import Confidence
from tacit.models.recommender.engines.explaining import Explainer
from tacit.models.recommender.engines.interfaces import (
    Bonus,
    Engine,
    Filter,
    FixedSide,
    Floats,
    Found,
    Index,
    Lists,
    Ridge,
)
from tacit.models.recommender.engines.matrix import Matrix
from tacit.models.recommender.folding import NOTHING_AGAINST, Against, Eigenbasis, folded
from tacit.models.recommender.kept_histories import KeptByHistory, key_of
from tacit.models.recommender.leaving_out import first_left

Positions = NDArray[np.intp]
Mask = NDArray[np.bool_]

_NOTHING = (np.empty(0, np.int32), np.empty(0, np.float32))


@dataclass(frozen=True)
class RecommenderModel:
    """Factors, the index that names their rows, and the history they are explained by.

    Items are numbered so that those with factors come first, in order of popularity; the others are known by name
    alone. All arrays may be memory-mapped; none is ever written to.

    Attributes:
        user_ids: Every known user.
        items: Every known item, the first `len(item_factors)` of which have factors.
        user_factors: `(users, k)` float32, solved over each user's whole history.
        item_factors: `(n_items, k)` float32.
        indptr: `(users + 1,)` int64, each user's slice of the two arrays below.
        indices: `(rows,)` int32, item positions, ascending within a user.
        values: `(rows,)` float32.
        listeners: `(items,)` int64, how many users met each item.
        popular: Item positions by popularity, the best first, overall (key "") and by category.
        confidence: How values become weights.
        regularization: `λ` of the training run.
        frequency_exponent: `ν` of the training run.
        engine: Runs the algebra; no part of what is learnt, and never saved.
        blend: The second voice that speaks beside the factors, if one was chosen.
        nearest: `(m, d)` int32, for each of the first `m` items with factors the `d` most like it, the best first; none
            of an item that is not among them, or of a version that was trained without.
    """

    user_ids: Sequence[str]
    items: Sequence[Item]
    user_factors: Floats
    item_factors: Floats
    indptr: NDArray[np.int64]
    indices: NDArray[np.int32]
    values: Floats
    listeners: NDArray[np.int64]
    popular: Mapping[str, NDArray[np.int32]]
    confidence: Confidence
    regularization: float
    frequency_exponent: float
    engine: Engine = field(repr=False, compare=False)
    blend: Blend | None = None
    nearest: NDArray[np.int32] | None = None

    @cached_property
    def user_rows(self) -> dict[str, int]:
        """Row of each user, by id."""
        return {user_id: row for row, user_id in enumerate(self.user_ids)}

    @cached_property
    def item_rows(self) -> dict[str, int]:
        """Position of each item, by id."""
        return {item.item_id: row for row, item in enumerate(self.items)}

    @property
    def ridge(self) -> Ridge:
        """How training regularised rows of either side."""
        return Ridge(self.regularization, self.frequency_exponent, self.confidence.mean_weight)

    @cached_property
    def side(self) -> FixedSide:
        """The item factors, prepared to fold users in."""
        return self.engine.fixed_side(np.ascontiguousarray(self.item_factors), self.ridge)

    @cached_property
    def _users_turned(self) -> Eigenbasis:
        """What folding items in needs of the user factors."""
        return Eigenbasis.of_factors(self.user_factors)

    @cached_property
    def index(self) -> Index:
        """Finds what suits a taste best."""
        return self.engine.index(np.ascontiguousarray(self.item_factors))

    @cached_property
    def unit_index(self) -> Index:
        """Finds what is most like an item."""
        return self.engine.index(self.unit_factors)

    @cached_property
    def unit_factors(self) -> Floats:
        """Item factors scaled to length 1, for cosine similarity; a zero vector stays zero."""
        norms = np.linalg.norm(self.item_factors, axis=1, keepdims=True)
        return np.ascontiguousarray(self.item_factors / np.maximum(norms, 1e-12), dtype=np.float32)

    @cached_property
    def categories(self) -> Mapping[str, Mask]:
        """For each category, which items belong to it: `(items,)` bool."""
        members: dict[str, list[int]] = {}
        for row, item in enumerate(self.items):
            for category in item.categories:
                members.setdefault(category, []).append(row)
        masks = {category: np.zeros(len(self.items), bool) for category in sorted(members)}
        for category, rows in members.items():
            masks[category][rows] = True
        return masks

    @cached_property
    def ranked(self) -> Positions:
        """All items that anybody met, most listeners first, ties by position."""
        order = np.argsort(-self.listeners, kind="stable")
        return order[self.listeners[order] > 0]

    def category_filter(self, category: str, *, of: Index | None = None) -> Filter:
        """Only the items of a category, prepared once for `index`, or for the index given."""
        index = self.index if of is None else of
        key = (id(index), category)
        if key not in self._filters:
            self._filters[key] = index.filter(self.categories[category][: len(self.item_factors)])
        return self._filters[key]

    @cached_property
    def _filters(self) -> dict[tuple[int, str], Filter]:
        return {}

    def history(self, row: int) -> tuple[NDArray[np.int32], Floats]:
        """Items a user met and their values, ascending by position."""
        part = slice(self.indptr[row], self.indptr[row + 1])
        return self.indices[part], self.values[part]

    def histories(self, rows: slice) -> Matrix:
        """What users met of the items with factors: `(rows, n_items)` values."""
        start, stop, _ = rows.indices(len(self.user_ids))
        entries = slice(int(self.indptr[start]), int(self.indptr[stop]))
        indptr = self.indptr[start : stop + 1] - self.indptr[start]
        known = self.indices[entries] < len(self.item_factors)
        if known.all():
            return Matrix.trusted(indptr, self.indices[entries], self.values[entries], columns=len(self.item_factors))
        so_far = np.concatenate(([0], np.cumsum(known, dtype=np.int64)))
        items, values = self.indices[entries][known], self.values[entries][known]
        return Matrix.trusted(so_far[indptr], items, values, columns=len(self.item_factors))

    def fold_in(self, items: NDArray[np.int32], values: Floats, *, against: Against = NOTHING_AGAINST) -> Floats:
        """The factors that training would give a user with this history, the items fixed: `(k,)` float32.

        This is the user half of one iteration (Hu et al. 2008, eq. 4), exact for these item factors; items without
        factors are passed over. O(d k min(d, k)) for `d` items.

        Args:
            items: Item positions, ascending.
            values: How much of each.
            against: What speaks against others: observed, and not preferred.
        """
        known, weights = self._weighted(items, values)
        opposed, of_opposed = self._weighted(against.items, against.values) if len(against.items) else _NOTHING
        if not len(opposed):
            return self.engine.solve_row(self.side, known, weights)
        turned = self.side.rotated[np.concatenate((known, opposed))].astype(np.float64)
        over = Eigenbasis.of_side(self.side)
        return folded(turned, np.concatenate((weights, of_opposed)), len(known), over=over, ridge=self.ridge)

    def fold_in_item(self, users: NDArray[np.int32], values: Floats) -> Floats:
        """The factors that training would give an item with these listeners, the users fixed: `(k,)` float32.

        Args:
            users: `(d,)` rows of users, each once.
            values: `(d,)` how much of the item each of them had.
        """
        weights = self.confidence.weights(np.asarray(values, np.float32))
        turned = self.user_factors[users].astype(np.float64) @ self._users_turned.basis
        return folded(turned, weights, len(users), over=self._users_turned, ridge=self.ridge)

    def query(self, factors: Floats, met: NDArray[np.int32], *, row: int | None = None) -> tuple[Floats, Bonus | None]:
        """What the index is asked for somebody: `(k,)` float32, and what the second voice adds, if there is one.

        Args:
            factors: `(k,)`, theirs.
            met: `(d,)` positions of their history, ascending.
            row: The user whose both are, if they are one of the model's; what was said to them last is kept.
        """
        query = np.ascontiguousarray(factors, np.float32)
        if self.blend is None:
            return query, None
        ask = partial(self.blend.query, self.engine, query, met)
        return ask() if row is None else self._said.of(row, ask)

    @cached_property
    def _said(self) -> KeptByHistory[tuple[Floats, Bonus]]:
        return KeptByHistory(lambda said: sum(each.nbytes for each in (said[0], said[1].items, said[1].scores)))

    def recommend(
        self, factors: Floats, count: int, *, met: NDArray[np.int32], excluded: Positions, only: Filter | None = None
    ) -> Found:
        """What suits somebody best of the items with factors, exactly: by factors, and by the second voice if any.

        Args:
            factors: `(k,)`, theirs.
            count: How many items, at most 1,000.
            met: `(d,)` positions of their history, ascending.
            excluded: Positions of any items, in any order, that must not be found.
            only: The only items that may be, of `category_filter`.
        """
        query, bonus = self.query(factors, met)
        return self.find(query, count, excluded=excluded, only=only, bonus=bonus)

    def find(
        self, query: Floats, count: int, *, excluded: Positions, only: Filter | None = None, bonus: Bonus | None = None
    ) -> Found:
        """What has the highest product with a query, as `recommend` for what `query` gave."""
        return self.index.search(query, count, excluded=self._with_factors(excluded), only=only, bonus=bonus)

    def scores(self, query: Floats, positions: Positions, *, bonus: Bonus | None = None) -> Floats:
        """What `find` would order items with factors by: `(p,)` float32 for `(p,)` positions, each once."""
        return self.index.products(query, positions.astype(np.int32), bonus=bonus)

    def recommend_many(
        self,
        factors: Floats,
        count: int,
        *,
        histories: Matrix,
        excluded: Matrix | None = None,
        only: Filter | None = None,
    ) -> Lists:
        """`recommend` for `(users, k)` factors at once, excluding what the `(users, n_items)` histories hold.

        Args:
            factors: Theirs.
            count: How many items each, at most 1,000.
            histories: What they met.
            excluded: What is excluded in place of that.
            only: The only items that may be found, for all.
        """
        queries, bonus = np.ascontiguousarray(factors), None
        if self.blend is not None:
            queries, bonus = self.blend.queries(self.engine, queries, histories)
        return self.index.search_many(
            queries, count, excluded=histories if excluded is None else excluded, only=only, bonus=bonus
        )

    def queries(self, factors: Floats, histories: Matrix) -> tuple[Floats, Matrix | None]:
        """`query` for `(users, k)` factors at once: `(users, k)`, and what the second voice adds, if there is one."""
        queries = np.ascontiguousarray(factors)
        return (queries, None) if self.blend is None else self.blend.queries(self.engine, queries, histories)

    def similar(self, item: int, count: int, *, excluded: Positions, only: Filter | None = None) -> Found:
        """The `count` items most like one that has factors, by cosine; the filter is one of `unit_index`."""
        return self.alike(self.unit_factors[item], count, excluded=np.append(excluded, item), only=only)

    def similar_at_hand(
        self, item: int, count: int, *, excluded: Positions, category: str | None = None
    ) -> Found | None:
        """What `similar` finds, out of what was found with the version: `None` where that does not reach far enough.

        The best that are left of the nearest are the best of all that are left, as long as there are so many.

        Args:
            item: Position of one that has factors.
            count: How many.
            excluded: Positions of any items, in any order, that must not be found.
            category: The only category whose items may be.
        """
        if self.nearest is None or item >= len(self.nearest):
            return None
        every = self.nearest[item]
        left = every if category is None else every[self.categories[category][every]]
        # No item is among its own nearest.
        is_alone = len(excluded) == 1 and int(excluded[0]) == item
        left = left[:count] if is_alone else first_left(left, excluded, count, beyond=len(self.item_factors))
        if len(left) < count and len(every) < len(self.item_factors) - 1:
            return None
        return Found(left, self.unit_index.products(self.unit_factors[item], left))

    def alike(self, direction: Floats, count: int, *, excluded: Positions, only: Filter | None = None) -> Found:
        """The items of highest cosine with a direction, `(k,)` of length 1; the filter is one of `unit_index`."""
        return self.unit_index.search(direction, count, excluded=self._with_factors(excluded), only=only)

    def contributions(
        self,
        items: NDArray[np.int32],
        values: Floats,
        targets: Positions,
        *,
        against: Against = NOTHING_AGAINST,
        bonus: Bonus | None = None,
    ) -> tuple[Positions, Floats]:
        """What each item of a history adds to the score of each target; the terms add up to the score.

        For the factors this is Hu et al. 2008, §5, eq. 7: with `A = YᵀY + λ_u I + Σ_j w_j y_j y_jᵀ`, the score of
        target `i` is `Σ_j (1 + w_j) y_jᵀ A⁻¹ y_i`, and each term is the share that item `j` of the history owns. A
        second voice is a sum over the history by itself (see `Blend`). What speaks against an item is in `A` and owns
        no share.

        Args:
            items: The history's item positions.
            values: Their values.
            targets: Item positions to explain.
            against: What speaks against others.
            bonus: What `query` gave for this history; found out anew unless given.

        Returns:
            The positions that can explain, `(d,)`, and their contributions, `(targets, d)` float32.
        """
        explaining, of_factors = self._shares(items, values, self.side.rotated[targets], against=against)
        if self.blend is None:
            return explaining.astype(np.intp), of_factors
        if bonus is None or bonus.scale is None:
            bonus = self.blend.query(self.engine, self.fold_in(items, values, against=against), explaining)[1]
        at, scale = targets.astype(np.int32), bonus.scale or 0.0
        blended = self.blend.contributions(self.engine, explaining, targets=at, of_factors=of_factors, scale=scale)
        return explaining.astype(np.intp), blended

    def explainer(
        self, items: NDArray[np.int32], values: Floats, *, against: Against = NOTHING_AGAINST, row: int | None = None
    ) -> Explainer | None:
        """What explains scores by a history as `contributions` does; `None` where a second voice has a say in them.

        Args:
            items: The history's item positions.
            values: Their values.
            against: What speaks against others.
            row: The user whose history it is, if it is one of the model's.
        """
        if self.blend is not None:
            return None
        key = key_of(items, values, against=against, row=row)
        return self._explainers.of(key, lambda: self._explainer(items, values, against))

    @cached_property
    def _explainers(self) -> KeptByHistory[Explainer]:
        return KeptByHistory(lambda explainer: explainer.memory_bytes)

    def _explainer(self, items: NDArray[np.int32], values: Floats, against: Against) -> Explainer:
        explaining, observed, weights = self._observed(items, values, against)
        return self.engine.explainer(self.side, observed, weights, explaining=len(explaining))

    def contributions_to(
        self, items: NDArray[np.int32], values: Floats, factors: Floats, *, against: Against = NOTHING_AGAINST
    ) -> Floats:
        """What each item of a history that has factors adds to the score of `(t, k)` factors: `(t, d)` float32.

        Such an item is none of the model's, so that a second voice has nothing to say of it.
        """
        return self._shares(items, values, factors @ self.side.basis, against=against)[1]

    def _shares(
        self, items: NDArray[np.int32], values: Floats, wanted: Floats, *, against: Against
    ) -> tuple[NDArray[np.int32], Floats]:
        """The items that explain, `(d,)`, and what each adds to the factors' score of targets, `(t, k)` in the
        eigenbasis: `(t, d)`.
        """
        explaining, observed, weights = self._observed(items, values, against)
        return explaining, self.engine.shares(self.side, observed, weights, wanted=wanted, explaining=len(explaining))

    def _observed(
        self, items: NDArray[np.int32], values: Floats, against: Against
    ) -> tuple[NDArray[np.int32], NDArray[np.int32], Floats]:
        """The items that explain; behind them those that only weigh, all with factors; and what each weighs."""
        explaining, weights = self._weighted(items, values)
        if not len(against.items):
            return explaining, explaining, weights
        opposed, of_opposed = self._weighted(against.items, against.values)
        return explaining, np.concatenate((explaining, opposed)), np.concatenate((weights, of_opposed))

    def _weighted(self, items: NDArray[np.int32], values: Floats) -> tuple[NDArray[np.int32], Floats]:
        """The items of a history that have factors, and their weights."""
        known = np.asarray(items) < len(self.item_factors)
        if known.all():
            return np.asarray(items, np.int32), self.confidence.weights(np.asarray(values, np.float32))
        return np.asarray(items, np.int32)[known], self.confidence.weights(np.asarray(values, np.float32)[known])

    def _with_factors(self, positions: Positions) -> NDArray[np.int32]:
        if not len(positions) or int(positions.max()) < len(self.item_factors):
            return positions.astype(np.int32)
        return positions[positions < len(self.item_factors)].astype(np.int32)
