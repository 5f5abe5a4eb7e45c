"""Effect sizes say how much, the score says how much beyond the usual, and both keep to their bounds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from tacit.monitoring.drift.calibration import Null
from tacit.monitoring.drift.effects import Geometry, chi2_p_value, cramers_v

APART = np.array([[40.0, 0.0, 0.0, 60.0], [0.0, 30.0, 70.0, 0.0]])
LINE = np.abs(np.subtract.outer(np.arange(4.0), np.arange(4.0)))
GEOMETRIES = (
    Geometry("nominal"),
    Geometry("metric", distances=LINE),
    Geometry("ordered"),
    Geometry("amount", amounts=np.array([1.0, 2.0, 3.0, 4.0])),
)


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=lambda each: each.scale)
def test_an_effect_is_nothing_for_the_same_and_never_more_than_everything(geometry: Geometry) -> None:
    rng = np.random.default_rng(0)
    pairs = rng.integers(0, 50, (200, 2, 4)).astype(np.float64) + 0.01

    effects = [geometry.effect(now, before) for now, before in pairs]

    assert geometry.effect(pairs[0, 0], 3 * pairs[0, 0]) == pytest.approx(0.0, abs=1e-7)
    assert 0 <= min(effects) <= max(effects) <= 1


def test_two_samples_with_nothing_in_common_are_at_the_end_of_the_scale() -> None:
    assert Geometry("nominal").effect(*APART) == 1.0
    assert Geometry("ordered").effect(np.array([5.0, 0.0]), np.array([0.0, 9.0])) == 1.0
    assert Geometry("metric", distances=LINE[:2, :2]).effect(np.array([5.0, 0.0]), np.array([0.0, 9.0])) == 1.0


@pytest.mark.requirement("DRIFT-006")
def test_effects_and_p_values_are_those_of_the_textbook() -> None:
    rng = np.random.default_rng(1)
    now, before = rng.integers(5, 60, (2, 8)).astype(np.float64)

    assert Geometry("nominal").effect(now, before) == pytest.approx(jensenshannon(now, before, base=2))
    assert chi2_p_value(now, before) == pytest.approx(stats.chi2_contingency([now, before], correction=False).pvalue)
    one, other = (np.repeat(np.arange(8), each.astype(int)) for each in (now, before))
    assert Geometry("ordered").effect(now, before) == pytest.approx(stats.ks_2samp(one, other).statistic)
    assert cramers_v(*APART) == pytest.approx(1.0, abs=0.01)


def test_a_p_value_falls_as_samples_grow_and_an_effect_does_not() -> None:
    now, before = np.array([30.0, 70.0]), np.array([40.0, 60.0])

    p_values = [chi2_p_value(now * size, before * size) for size in (1, 10, 100)]
    effects = [Geometry("nominal").effect(now * size, before * size) for size in (1, 10, 100)]

    assert p_values[0] > 0.1 > 1e-3 > p_values[1] > 1e-9 > p_values[2]
    assert effects == pytest.approx([effects[0]] * 3)


def test_a_shuffled_taste_is_told_from_one_that_moved_by_permutations() -> None:
    metric = Geometry("metric", distances=LINE)

    assert metric.p_value(np.array([20.0, 20, 20, 20]), np.array([200.0, 200, 200, 200])) > 0.5
    assert metric.p_value(np.array([60.0, 10, 5, 5]), np.array([200.0, 200, 200, 200])) == pytest.approx(1 / 200)


@pytest.mark.requirement("DRIFT-008")
def test_the_score_of_a_steady_window_means_the_same_at_every_size() -> None:
    rng, alarm, rates = np.random.default_rng(2), 0.005, []
    chances = np.array([0.4, 0.3, 0.2, 0.1])
    for size in (100, 500, 5_000):
        windows = rng.multinomial(size, chances, 3_160).astype(np.float64)
        before = rng.multinomial(20 * size, chances).astype(np.float64)
        effects = [Geometry("nominal").effect(each, before) for each in windows]
        null = Null.fitted(effects[:160], windows=160, alarm=alarm)
        rates.append(float(np.mean([null.score(each, least=0.0) >= 0.3 for each in effects[160:]])))

    assert max(rates) <= 2 * alarm
    assert sum(rates) >= alarm / 10


def test_a_shift_of_one_size_scores_alike_in_long_windows_and_not_at_all_below_what_is_worth_a_word() -> None:
    null = Null.fitted([0.02, 0.03, 0.025, 0.02, 0.03, 0.021], windows=6, alarm=0.01)
    certain = Null.fitted([0.001, 0.0011, 0.0009] * 50, windows=150, alarm=0.01)

    assert certain.score(0.04, least=0.05) < 0.3 <= certain.score(0.06, least=0.05)
    scores = [null.score(effect) for effect in np.linspace(0, 1, 101)]
    assert scores == sorted(scores)
    assert (scores[0], scores[-1]) == (0.0, 1.0)
    assert null.chance(0.025) > 0.2 > 1e-3 > null.chance(0.5)


def test_a_short_history_asks_for_more_before_it_warns() -> None:
    effects = [0.05, 0.06, 0.055, 0.07, 0.04, 0.05, 0.065, 0.06]

    edges = [Null.fitted(effects, windows=count, alarm=0.001).edge for count in (3, 8, 100)]

    assert edges[0] > edges[1] > edges[2] > max(effects)
