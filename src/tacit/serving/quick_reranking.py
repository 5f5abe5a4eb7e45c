"""Candidates in a user's order as columns: no object is made for any of them, and the answer is joined.

What is answered here is what `Reranking.for_user` would answer, to the byte; where that takes a closer look, it is left
to it, and nobody was told of anything by then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from tacit.models.recommender.engines.interfaces import Floats, Positions
from tacit.monitoring import tracing
from tacit.serving.budgets import current_budget
from tacit.serving.candidates import best_first, popularity, scores_by_taste
from tacit.serving.item_texts import ItemTexts, Pieces, PlainQuestion, pieces_of
from tacit.serving.model_pool import LoadedVersion
from tacit.serving.profiles import STRANGER, Profile
from tacit.serving.reasons import strongest_reasons
from tacit.serving.retrieval import Positions as Wide
from tacit.serving.retrieval import Taste, has_learnt, spoken
from tacit.serving.workbench import Workbench

Mask = NDArray[np.bool_]

_NO_REASONS = np.empty((0, 1), np.int32), np.empty((0, 1), np.float32)


@dataclass(frozen=True, slots=True)
class InColumns:
    """Candidates in order, as they are written.

    Attributes:
        recommendation_id: Names the answer.
        model_version: The version all of it comes from.
        user_id: Whose order it is; all of it is personal.
        items: The items that the version knows, as JSON, with a comma between them.
        unknown: The others that may be shown, which stand behind those.
        left_out: Those that must not be shown, in the order given.
    """

    recommendation_id: str
    model_version: str
    user_id: str
    items: bytes
    unknown: tuple[str, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _SortedOut:
    """Candidates that may be shown, in the order given.

    Attributes:
        positions: `(n,)` int32, of those that the version knows.
        item_ids: Theirs.
        unknown: Those that nobody knows.
    """

    positions: Positions
    item_ids: tuple[str, ...]
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Order:
    """Candidates that a version knows, in order.

    Attributes:
        positions: `(n,)` int32.
        scores: `(n,)` float32.
        reasons: `(t, m)` int32 of the first `t`, -1 for nothing more.
        shares: `(t, m)` float32.
        item_ids: Of the positions.
    """

    positions: Positions
    scores: Floats
    reasons: Positions
    shares: Floats
    item_ids: tuple[str, ...]


class QuickReranking:
    """Answers what is asked plainly, of users whose order is all their own.

    Args:
        bench: The parts that answers are made with.
        most: The most candidates.
        most_explained: The most that may be told why.
    """

    def __init__(self, bench: Workbench, *, most: int, most_explained: int) -> None:
        self._bench = bench
        self._most, self._most_explained = most, most_explained

    def question(self, body: bytes) -> tuple[LoadedVersion, PlainQuestion] | None:
        """What a body asks of the version that answers now; `None` where it has to be looked at closely."""
        loaded = self._bench.pool.loaded
        texts = None if loaded is None else loaded.texts
        if loaded is None or texts is None:
            return None
        asked = texts.question(body, most=self._most, most_explained=self._most_explained)
        return None if asked is None else (loaded, asked)

    def answer(self, user_id: str, loaded: LoadedVersion, asked: PlainQuestion) -> InColumns | None:
        """Their order; `None` where it is not all their own, or something about it takes a closer look.

        Raises:
            NotFound: `user_unknown`.
        """
        started = self._bench.timer()
        if current_budget().is_spent or not self._bench.users.are_undivided or loaded.texts is None:
            return None
        profile = self._bench.making.profile(loaded, user_id)
        if not profile.is_current or not self._is_personal(loaded, profile.taste):
            return None
        try:
            return self._answered(user_id, asked, loaded=loaded, profile=profile, started=started)
        except Exception as error:
            # What is wrong with the question comes up again where it is answered for; what is wrong here does not.
            self._bench.making.note_failure("personal", loaded.label, error)
            return None

    def _is_personal(self, loaded: LoadedVersion, taste: Taste) -> bool:
        return has_learnt(loaded.model, taste.items, self._bench.limits.coldstart.personal_from)

    def _answered(
        self, user_id: str, asked: PlainQuestion, *, loaded: LoadedVersion, profile: Profile, started: float
    ) -> InColumns | None:
        with tracing.step("rules"):
            sorted_out = self._sorted_out(user_id, asked, loaded=loaded, profile=profile)
        texts = loaded.texts
        if sorted_out is None or texts is None or not sorted_out.item_ids:
            return None
        with tracing.step("personal"):
            order = self._ordered(profile.taste, sorted_out, asked.explained, loaded=loaded, texts=texts)
        said = self._said(order, sorted_out.unknown, loaded)
        if said is None:
            return None
        items = texts.written(order.positions, order.scores, reasons=order.reasons, shares=order.shares, said=said)
        if items is None:
            return None
        ranked = (*order.item_ids, *sorted_out.unknown)
        name = self._bench.telling.shown(
            "rerank", ("personal", loaded.label), ranked[: asked.shown], started=started, user_id=user_id
        )
        return InColumns(name, loaded.label, user_id, items, sorted_out.unknown, _others(asked.item_ids, ranked))

    def _sorted_out(
        self, user_id: str, asked: PlainQuestion, *, loaded: LoadedVersion, profile: Profile
    ) -> _SortedOut | None:
        """The candidates that may be shown; `None` where one of them is new, and not the version's."""
        newcomers = self._bench.making.newcomers(loaded)
        off, seen = self._bench.making.hidden_by(user_id), STRANGER.items
        unknown: tuple[str, ...] = ()
        if asked.filter_seen:
            off |= {*profile.standing.elsewhere, *profile.preferences.item_ids}
            seen = profile.taste.seen
        is_kept = asked.positions >= 0
        if not is_kept.all():
            others = [asked.item_ids[at] for at in np.flatnonzero(~is_kept).tolist()]
            if newcomers is not None and not newcomers.rows.keys().isdisjoint(others):
                return None
            unknown = tuple([each for each in others if each not in off])
        if off or asked.filter_seen or len(self._bench.live.hidden(loaded)):
            barred = self._bench.making.question(loaded, seen, off, limit=1).wanted.barred
            is_kept &= ~np.isin(asked.positions, barred)
        if is_kept.all():
            return _SortedOut(asked.positions, asked.item_ids, unknown)
        kept = tuple([asked.item_ids[at] for at in np.flatnonzero(is_kept).tolist()])
        return _SortedOut(asked.positions[is_kept], kept, unknown)

    def _ordered(
        self, taste: Taste, given: _SortedOut, explained: int, *, loaded: LoadedVersion, texts: ItemTexts
    ) -> _Order:
        """As `candidates` orders them, the best first."""
        model, newcomers = loaded.model, self._bench.making.newcomers(loaded)
        said, among = spoken(model, taste), cast(Wide, given.positions)
        scores = scores_by_taste(model, taste, among, newcomers=newcomers, said=said)
        ranked, has_why = texts.ranked(given.positions, scores, given.item_ids), None
        if ranked is None:
            places = best_first(scores, popularity(model, among))
            ids = tuple([given.item_ids[at] for at in places.tolist()])
            ranked, has_why = (given.positions[places], scores[places], ids), ~np.isnan(scores[places][:explained])
        positions, scores, item_ids = ranked
        top = cast(Wide, positions[:explained])
        strongest = strongest_reasons(
            model,
            taste,
            top if has_why is None else top[has_why],
            most=self._bench.limits.max_reasons,
            newcomers=newcomers,
            said=said,
        )
        reasons, shares = _NO_REASONS if strongest is None else _spread(*strongest, has_why=has_why)
        return _Order(positions, scores, reasons, shares, item_ids)

    def _said(self, order: _Order, unknown: Sequence[str], loaded: LoadedVersion) -> Mapping[int, Pieces] | None:
        """What is said of items now, hidden reasons taken out; `None` where somebody else has to look at it."""
        live = self._bench.live
        if not live.revision:
            return {}
        now_ms, items = self._bench.now_ms(), loaded.model.items
        said: dict[int, Pieces] = {}
        if any(live.entry(each) is not None for each in unknown):
            return None
        for position in dict.fromkeys([*order.positions.tolist(), *order.reasons.ravel().tolist()]):
            entry = None if position < 0 else live.entry(items[position].item_id)
            if entry is None:
                continue
            known = items[position]
            if entry.is_shown(now_ms):
                categories = known.categories if entry.categories is None else entry.categories
                said[position] = pieces_of(known.item_id, entry.title or known.title, categories)
            elif position in order.positions:
                return None  # hidden since it was sorted out
            else:
                order.reasons[order.reasons == position] = -1
        return said


def _spread(reasons: Wide, shares: Floats, *, has_why: Mask | None) -> tuple[Positions, Floats]:
    """Reasons of some items in the rows of all."""
    if has_why is None or has_why.all():
        return reasons.astype(np.int32), shares
    all_reasons = np.full((len(has_why), reasons.shape[1]), -1, np.int32)
    all_shares = np.zeros(all_reasons.shape, np.float32)
    all_reasons[has_why], all_shares[has_why] = reasons, shares
    return all_reasons, all_shares


def _others(item_ids: Sequence[str], ranked: Sequence[str]) -> tuple[str, ...]:
    """The candidates that are not among those in order."""
    if len(item_ids) == len(ranked):
        return ()
    there = frozenset(ranked)
    return tuple([each for each in item_ids if each not in there])
