"""Choosing a blend: one that helps is chosen, noise is not, and the winner tells how it was made."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from scipy import sparse

from tacit.errors import Refused
from tacit.models.recommender.blend_choice import (
    WEIGHTS,
    Cases,
    choose_blend,
    list_quality,
    second_voices,
    voice_settings,
)
from tacit.models.recommender.ease import Ease
from tacit.models.recommender.engines.matrix import Matrix
from tacit.models.recommender.engines.numpy_engine import NumpyEngine
from tacit.models.recommender.neighbours import CoOccurrence, rp3beta
from tacit.models.recommender.ranking_metrics import per_user_metrics
from tacit.models.recommender.voices import Voice, VoiceSettings

ENGINE = NumpyEngine()
USERS, ITEMS, GROUP = 300, 60, 10


def sparse_of(values: np.ndarray) -> Matrix:
    return Matrix.of(sparse.csr_array(values.astype(np.float32)))


@pytest.fixture(scope="module")
def met() -> tuple[np.ndarray, np.ndarray]:
    """Users who meet most of one group of ten items and a few others: what was learnt from, and what was held out."""
    generator = np.random.default_rng(1)
    chance = np.full((USERS, ITEMS), 0.03)
    for user in range(USERS):
        group = user % (ITEMS // GROUP)
        chance[user, group * GROUP : (group + 1) * GROUP] = 0.6
    everything = generator.random((USERS, ITEMS)) < chance
    held_out = everything & (generator.random((USERS, ITEMS)) < 0.3)
    judged = held_out.any(axis=1) & (everything & ~held_out).any(axis=1)
    return (everything & ~held_out)[judged].astype(np.float32), held_out[judged].astype(np.float32)


def cases(met: tuple[np.ndarray, np.ndarray], user_factors: np.ndarray) -> Cases:
    return Cases(user_factors, sparse_of(met[0]), sparse_of(met[1]))


def voices(met: tuple[np.ndarray, np.ndarray], *wanted: VoiceSettings) -> Sequence[Voice]:
    by_user = sparse_of(met[0])
    return [each.fit(ENGINE, by_user, ENGINE.transpose(by_user)) for each in wanted]


def noise(rows: int, *, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, (rows, 4)).astype(np.float32)


def groups(met: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Factors that know everything there is to know: the group of each item, and how much of it each user met."""
    of_items = np.repeat(np.eye(ITEMS // GROUP), GROUP, axis=0).astype(np.float32)
    return met[0] @ of_items, of_items


def test_a_voice_that_knows_more_than_the_factors_is_chosen(met: tuple[np.ndarray, np.ndarray]) -> None:
    people = len(met[0])

    choice = choose_blend(
        ENGINE, noise(ITEMS, seed=2), cases(met, noise(people, seed=3)), voices=voices(met, CoOccurrence())
    )

    assert choice.blend is not None
    assert choice.blend.weight >= 0.35
    chosen = max(choice.trials, key=lambda trial: trial.ndcg)
    assert chosen.weight == choice.blend.weight
    assert chosen.ndcg > 2 * choice.factors.ndcg.mean()


def test_a_voice_of_pure_noise_is_never_chosen(met: tuple[np.ndarray, np.ndarray]) -> None:
    users, items = groups(met)
    for seed in range(8):
        generator = np.random.default_rng(seed)
        nonsense = generator.random((ITEMS, ITEMS)) * (generator.random((ITEMS, ITEMS)) < 0.3)
        np.fill_diagonal(nonsense, 0)

        choice = choose_blend(ENGINE, items, cases(met, users), voices=[Voice("item_knn", sparse_of(nonsense))])

        assert choice.blend is None
        assert len(choice.trials) == len(WEIGHTS)


def test_a_gain_within_its_noise_is_not_enough(met: tuple[np.ndarray, np.ndarray]) -> None:
    some = (met[0][:12], met[1][:12])  # too few users to tell
    users, items = groups(some)
    users += noise(len(users), seed=1) @ noise(6, seed=2).T * 0.3

    choice = choose_blend(ENGINE, items, cases(some, users.astype(np.float32)), voices=voices(met, CoOccurrence()))

    assert any(trial.gain > 0 for trial in choice.trials)
    assert all(trial.deviations < 2.5 for trial in choice.trials)
    assert choice.blend is None


def test_the_better_of_two_voices_is_chosen(met: tuple[np.ndarray, np.ndarray]) -> None:
    people = len(met[0])
    good = voices(met, CoOccurrence())[0]
    bad = Voice("rp3beta", sparse_of(np.random.default_rng(1).random((ITEMS, ITEMS))))

    choice = choose_blend(
        ENGINE, noise(ITEMS, seed=2), cases(met, noise(people, seed=3)), voices=[bad, good], weights=(0.5,)
    )

    assert choice.blend is not None
    assert choice.blend.voice.kind == "item_knn"


def test_nothing_is_chosen_where_nobody_can_be_judged_by() -> None:
    nobody = (np.zeros((0, ITEMS), np.float32), np.zeros((0, ITEMS), np.float32))

    choice = choose_blend(
        ENGINE, noise(ITEMS, seed=2), cases(nobody, noise(0, seed=3)), voices=voices(nobody, CoOccurrence())
    )

    assert choice.blend is None
    assert {trial.deviations for trial in choice.trials} == {0.0}


def test_the_winner_tells_all_that_makes_it_anew(met: tuple[np.ndarray, np.ndarray]) -> None:
    people, wanted = len(met[0]), CoOccurrence(0.5, 0.4, 0.5, keep=12)

    choice = choose_blend(ENGINE, noise(ITEMS, seed=2), cases(met, noise(people, seed=3)), voices=voices(met, wanted))

    assert choice.blend is not None
    assert choice.winner is not None
    assert choice.winner.weight == choice.blend.weight
    for told in (choice.winner, choice.blend.voice):
        assert voice_settings(told.kind, told.parameters) == wanted


def test_quality_is_what_the_evaluation_calls_ndcg_and_recall() -> None:
    generator = np.random.default_rng(4)
    lists = np.argsort(generator.random((30, 50)), axis=1)[:, :20]
    lists[3, 15:] = -1
    held_out = generator.random((30, 50)) < 0.2
    held_out[:, 0] |= ~held_out.any(axis=1)
    wanted = sparse_of(held_out)

    found = list_quality(lists, wanted)

    expected = per_user_metrics(lists, wanted.scipy(), np.ones(50, np.int64), users=30, cutoffs=(20,))
    np.testing.assert_allclose(found.ndcg, expected["ndcg@20"])
    np.testing.assert_allclose(found.recall, expected["recall@20"])


@pytest.mark.parametrize(
    "made_with",
    [CoOccurrence(0.4, 0.3, 0.6, keep=7, by_target=False), rp3beta(0.8, 0.2, keep=9), Ease(40.0, keep=3)],
    ids=lambda settings: settings.kind,
)
def test_a_voice_tells_what_it_was_made_with(made_with: VoiceSettings, met: tuple[np.ndarray, np.ndarray]) -> None:
    voice = voices(met, made_with)[0]

    assert voice_settings(voice.kind, voice.parameters) == made_with


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [("oracle", {}), ("ease", {"keep": 3}), ("item_knn", {"source": "much"}), ("ease", {"regularization": None})],
)
def test_voices_that_are_not_known_here_are_refused(kind: str, parameters: dict[str, float]) -> None:
    with pytest.raises(Refused) as refusal:
        voice_settings(kind, parameters)

    assert refusal.value.code == "voice_unknown"


def test_the_usual_candidates_can_all_be_made(met: tuple[np.ndarray, np.ndarray]) -> None:
    made = voices(met, *second_voices(ITEMS))

    assert len(made) >= 2
    assert all(voice.similarity.nnz for voice in made)
