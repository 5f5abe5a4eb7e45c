"""A training that starts from the item factors of a version that is there already."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tacit.data.datasets import Snapshot, SnapshotRules, freeze
from tacit.errors import Refused
from tacit.models.recommender.als import AlsSettings
from tacit.models.recommender.model import RecommenderModel
from tacit.models.recommender.workload import RecommenderWorkload
from tests.communities import interactions, rows_of, two_tastes

LONG = RecommenderWorkload(AlsSettings(factors=8, iterations=15))
SHORT = replace(LONG, settings=AlsSettings(factors=8, iterations=1))


def snapshot(prefix: str = "") -> Snapshot:
    rows = [(row[0], prefix + row[1], *row[2:]) for row in rows_of(two_tastes())]
    return freeze(interactions(rows), (), SnapshotRules())


@pytest.fixture(scope="module")
def learnt() -> RecommenderModel:
    return LONG.fit(snapshot()).model


def test_one_iteration_from_a_version_ends_lower_than_one_from_nothing(learnt: RecommenderModel) -> None:
    cold, warm = SHORT.fit(snapshot()), replace(SHORT, start=learnt).fit(snapshot())

    assert warm.losses[-1] < 0.99 * cold.losses[-1]


def test_items_are_matched_by_their_ids_wherever_they_stand(learnt: RecommenderModel) -> None:
    n = len(learnt.item_factors)
    turned = replace(
        learnt, items=[*reversed(learnt.items[:n]), *learnt.items[n:]], item_factors=learnt.item_factors[::-1].copy()
    )

    straight, reverse = (replace(SHORT, start=start).fit(snapshot()) for start in (learnt, turned))

    assert straight.losses == reverse.losses


def test_a_version_that_knows_none_of_the_items_is_no_start(learnt: RecommenderModel) -> None:
    with pytest.raises(Refused, match="None of the") as refused:
        replace(SHORT, start=learnt).fit(snapshot("other-"))

    assert refused.value.code == "start_unrelated"
