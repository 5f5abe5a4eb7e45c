"""The stage on which a candidate answers before any user meets it, with the serving room's own means."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tacit.rollout.rehearsal import Answer, Recorded

if TYPE_CHECKING:
    from tacit.models.recommender.model import RecommenderModel
    from tacit.registry.interfaces import ArtifactStore


@dataclass(frozen=True)
class ServingStage:
    """A `Stage` for recommenders.

    Attributes:
        artifacts: Lends folders on the disk that versions are kept on.
        recent: The latest lists that were shown, newest first, at most so many.
    """

    artifacts: ArtifactStore
    recent: Callable[[int], Sequence[Recorded]]

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        staged = self.artifacts.stage()
        try:
            yield staged
        finally:
            self.artifacts.discard(staged)

    def users(self, model: RecommenderModel) -> Sequence[str]:
        return model.user_ids

    def answer(self, model: RecommenderModel, user_id: str, count: int) -> Answer:
        from tacit.serving.retrieval import Wanted, barred, by_popularity, by_taste, learnt_from, taste_for, taste_of

        row = model.user_rows.get(user_id)
        taste = taste_for((), 1.0) if row is None else taste_of(model, row)
        wanted = Wanted(count, barred(model, taste.seen, ()))
        is_personal = learnt_from(model, taste.items) > 0
        found = by_taste(model, taste, wanted) if is_personal else by_popularity(model, wanted)
        item_ids = tuple(model.items[position].item_id for position in found.items)
        return Answer(item_ids, tuple(found.scores.tolist()), is_personal)

    def memory_bytes(self, model: RecommenderModel) -> int:
        """What arrays, indexes and names take; what is memory-mapped counts as if all of it had been read."""
        indexes = model.index.memory_bytes + model.unit_index.memory_bytes + model.unit_factors.nbytes
        names = (*model.user_ids, *(item.item_id for item in model.items))
        tables = sys.getsizeof(model.user_rows) + sys.getsizeof(model.item_rows)
        return indexes + _arrays(model) + tables + sum(map(sys.getsizeof, names))

    def recorded(self, limit: int) -> Sequence[Recorded]:
        return self.recent(limit)


def _arrays(model: RecommenderModel) -> int:
    kept = (model.user_factors, model.item_factors, model.indptr, model.indices, model.values, model.listeners)
    voice = 0
    if model.blend is not None:
        similarity = model.blend.voice.similarity
        voice = sum(each.nbytes for each in (similarity.indptr, similarity.indices, similarity.data))
    return voice + sum(each.nbytes for each in kept) + sum(each.nbytes for each in model.popular.values())
