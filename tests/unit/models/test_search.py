"""Settings found by trying."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from itertools import count

import numpy as np
import pytest
from scipy import sparse

from tacit.errors import Refused
from tacit.models.recommender.als import AlsSettings, train
from tacit.models.recommender.confidence import Confidence
from tacit.models.recommender.engines.matrix import Matrix
from tacit.models.recommender.engines.numpy_engine import NumpyEngine
from tacit.models.recommender.factor_lister import FactorLister, weighted
from tacit.models.recommender.search import WORTH, Budget, SearchResult, search
from tacit.models.recommender.search_space import Point
from tacit.models.recommender.search_trials import Ground
from tacit.models.recommender.validation_fold import CUTOFF, ValidationFold, cut_fold

ENGINE = NumpyEngine()


def circles(*, users: int = 240, items: int = 60, each: int = 12, seed: int = 2) -> sparse.csr_array:
    """Everybody chooses from the items near their place on a circle: what factors can learn and popularity cannot."""
    generator = np.random.default_rng(seed)
    rows = []
    for user in range(users):
        near = (user * items // users + np.arange(-10, 11)) % items
        rows.append(np.sort(generator.choice(near, each, replace=False)))
    indptr = np.arange(0, users * each + 1, each)
    return sparse.csr_array(
        (np.ones(users * each, np.float32), np.concatenate(rows).astype(np.int32), indptr), shape=(users, items)
    )


@cache
def found(trials: int = 10) -> SearchResult:
    return search(circles(), ENGINE, budget=Budget(trials, minutes=60), most_factors=32)


def of_factors(result: SearchResult) -> list[float]:
    return [trial.ndcg for trial in result.trials if trial.voice is None]


def test_nothing_much_better_than_what_it_chose_was_tried() -> None:
    result = found()

    assert result.ndcg >= result.default_ndcg
    assert result.ndcg * WORTH >= max(of_factors(result))
    assert result.trials[0].stage == "default"
    assert result.trials[0].ndcg == result.default_ndcg


def test_what_it_found_beats_popularity_by_far() -> None:
    result = found()

    assert result.ndcg > 1.5 * result.popularity > 0


def test_the_same_trials_find_the_same_settings_again() -> None:
    again = search(circles(), ENGINE, budget=Budget(10, minutes=60), most_factors=32)

    assert again.settings == found().settings
    assert [(trial.stage, trial.ndcg) for trial in again.trials] == [(t.stage, t.ndcg) for t in found().trials]


def scored(fold: ValidationFold, settings: AlsSettings) -> float:
    """Mean NDCG@20 of what resolved settings learn, judged once, at the end."""
    values = Matrix.of(fold.training)
    confidence = Confidence.fitted(settings.curve, settings.alpha or 0.0, values.data)
    learnt = train(weighted(values, confidence), settings, ENGINE)
    lister = FactorLister.of_factors(learnt.item_factors, settings, confidence, engine=ENGINE)
    return float(fold.ndcg(lister.lists(fold.seen, CUTOFF)).mean())


def test_training_again_with_what_it_found_scores_what_it_said() -> None:
    result = found()
    fold = cut_fold(circles(), share=0.2)
    chosen = result.settings
    said = {
        trial.ndcg
        for trial in result.trials
        if (trial.factors, trial.alpha, trial.regularization) == (chosen.factors, chosen.alpha, chosen.regularization)
        and trial.voice is None
    }

    assert scored(fold, chosen) == pytest.approx(max(said), abs=1e-9)


@pytest.mark.parametrize("trials", [1, 2, 5, 10])
def test_no_more_is_tried_than_the_budget_allows(trials: int) -> None:
    result = found(trials)

    voices = {(trial.voice, str(trial.parameters)) for trial in result.trials if trial.voice}
    assert 1 <= len(of_factors(result)) + len(voices) <= trials
    assert result.ended_by == "trials"


def ticking(seconds: float) -> Callable[[], float]:
    """A clock that is read again after so many seconds, every time."""
    ticks = count()
    return lambda: next(ticks) * seconds


def test_a_search_whose_time_is_over_ends_with_what_it_has() -> None:
    result = search(circles(), ENGINE, budget=Budget(500, minutes=1), most_factors=32, clock=ticking(10))

    assert result.ended_by == "minutes"
    assert 1 <= len(of_factors(result)) <= 6
    assert result.ndcg == max(of_factors(result))


def test_its_result_can_be_told_as_json() -> None:
    told = json.loads(json.dumps(found().as_dict(), allow_nan=False))

    assert told["settings"]["factors"] == found().settings.factors
    assert len(told["trials"]) == len(found().trials)


def test_progress_rises_to_the_end_and_may_stop_it() -> None:
    shares: list[float] = []

    def stop(step: str, share: float) -> None:
        shares.append(share)
        if share > 0.3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(circles(), ENGINE, budget=Budget(6), most_factors=16, progress=stop)

    assert shares == sorted(shares)
    assert all(0 <= share <= 1 for share in shares)


def test_the_training_matrix_is_left_as_it_was() -> None:
    training = circles()
    before = training.copy()

    search(training, ENGINE, budget=Budget(2), most_factors=8)

    assert np.array_equal(training.data, before.data)
    assert np.array_equal(training.indices, before.indices)
    assert np.array_equal(training.indptr, before.indptr)


def test_too_few_users_to_judge_by_are_refused() -> None:
    with pytest.raises(Refused) as refused:
        search(circles(users=19), ENGINE)

    assert refused.value.code == "nothing_to_judge_by"


def test_factors_that_popularity_beats_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ground, "popularity", lambda self: 1.1)

    with pytest.raises(Refused) as refused:
        search(circles(), ENGINE, budget=Budget(1), most_factors=8)

    assert refused.value.code == "factors_below_popularity"
    assert refused.value.context["popularity_ndcg"] == 1.1


@pytest.mark.parametrize(
    "point", [Point(), Point(alpha=0.5, strength=2.0), Point(alpha=2.0, strength=0.5, frequency_exponent=0.75)]
)
def test_a_point_is_read_relative_to_the_rule(point: Point) -> None:
    fold = cut_fold(circles(), share=0.2)
    ground = Ground(fold, Matrix.of(fold.training), ENGINE, AlsSettings())
    rule = AlsSettings().resolved(ground.values)

    settings = ground.resolved(point, 8)

    assert settings.alpha == pytest.approx((rule.alpha or 0) * point.alpha)
    assert settings.factors == 8
    assert settings.frequency_exponent == point.frequency_exponent
    if point == Point():
        assert settings.regularization == pytest.approx(rule.regularization)
