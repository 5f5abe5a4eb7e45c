"""What `quality` compares, each in a process of its own: search and refit, shipped default, baselines, implicit's ALS.

Every side gets the folder of a split, learns from its training part alone, and is scored once on its test part by the
same code: lists of twenty over all items, those of training left out; recall over all of a user's test items, NDCG
against an ideal list of `min(20, |test|)` (the protocol of LightGCN).  Scoring the test part is off every clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import _ours
from benchmarks._folds import Csr, log_weights, read_published
from benchmarks._meter import Meter
from benchmarks._trainers import Floats, Recipe, implicit
from tacit.data.datasets import Snapshot
from tacit.models.recommender.als import AlsSettings
from tacit.models.recommender.blend_choice import list_quality
from tacit.models.recommender.engines.matrix import Matrix
from tacit.models.recommender.evaluation import Lister
from tacit.models.recommender.factor_lister import FactorLister
from tacit.models.recommender.model import RecommenderModel
from tacit.models.recommender.popularity import Popularity
from tacit.models.recommender.search import Budget, candidate_voices, search
from tacit.models.recommender.search_space import Box, Point
from tacit.models.recommender.training_plan import PlanRules
from tacit.models.recommender.validation_fold import CUTOFF, ValidationFold, cut_fold
from tacit.models.recommender.voice_lister import VoiceLister
from tacit.models.recommender.voices import VoiceSettings
from tacit.models.recommender.workload import RecommenderWorkload
from tacit.settings import Als

_PORTION = 2_048


def searched(meter: Meter, *, split: str, trials: int, minutes: float, threads: int) -> dict[str, Any]:
    """Search on a fold of the training part, refit on all of it, test once."""
    snapshot, test = _snapshot(Path(split))
    engine = _ours.engine(threads)
    with meter.running():
        found = search(snapshot.training, engine, budget=Budget(trials, minutes))
    searching = meter.cpu
    with meter.running():
        rules = PlanRules(blend=found.voice or "off")
        model = RecommenderWorkload(found.settings, rules=rules, engine=engine).fit(snapshot).model
    told = found.as_dict()
    return {
        **_scores(FactorLister.of(model), snapshot.training, test),
        "alone": _scores(FactorLister.of(_without_voice(model)), snapshot.training, test),
        "settings": told["settings"],
        "voice": told["voice"],
        "fold": {key: told[key] for key in ("ndcg@20", "default_ndcg@20", "popularity_ndcg@20", "judged_users")},
        "trials": len({(t.stage, t.factors, t.alpha, t.voice, str(t.parameters)) for t in found.trials}),
        "factor_trials": sum(trial.voice is None for trial in found.trials),
        "search_cpu_seconds": searching,
        "ended_by": found.ended_by,
        "engine": engine.name,
    }


def shipped(meter: Meter, *, split: str, threads: int) -> dict[str, Any]:
    """`tacit train` without a setting."""
    snapshot, test = _snapshot(Path(split))
    chosen = Als()
    names = {each.name for each in fields(AlsSettings)}
    settings = AlsSettings(**{name: value for name, value in chosen.model_dump().items() if name in names})
    rules = PlanRules(chosen.early_stopping, chosen.blend)
    with meter.running():
        fitted = RecommenderWorkload(settings, rules=rules, engine=_ours.engine(threads)).fit(snapshot)
    facts = fitted.hyperparameters
    return {
        **_scores(FactorLister.of(fitted.model), snapshot.training, test),
        "alone": _scores(FactorLister.of(_without_voice(fitted.model)), snapshot.training, test),
        "settings": {name: facts[name] for name in ("factors", "iterations", "alpha", "regularization")},
        "voice": facts["voice"] and {"kind": facts["voice"], "weight": facts["voice_weight"]},
    }


def baselines(meter: Meter, *, split: str, threads: int) -> dict[str, Any]:
    """Popularity, and of each kind of second voice the one that is best alone on a fold of the training part."""
    train, test = read_published(Path(split))
    engine = _ours.engine(threads)
    fold, ids = cut_fold(train), ("",) * train.shape[1]
    with meter.running():
        by_user = Matrix.of(fold.training)
        by_item = engine.transpose(by_user)
        best: dict[str, tuple[float, VoiceSettings]] = {}
        for settings in candidate_voices(by_user.columns):
            voice = settings.fit(engine, by_user, by_item)
            ndcg = float(fold.ndcg(VoiceLister(ids, engine, voice).lists(fold.seen, CUTOFF)).mean())
            best[settings.kind] = max(
                best.get(settings.kind, (-1.0, settings)), (ndcg, settings), key=lambda each: each[0]
            )
        whole = Matrix.of(train)
        turned = engine.transpose(whole)
        voices = {kind: settings.fit(engine, whole, turned) for kind, (_, settings) in best.items()}
    return {
        "popularity": _scores(Popularity.fit(train, ids), train, test),
        **{
            kind: {**_scores(VoiceLister(ids, engine, voice), train, test), "parameters": dict(voice.parameters)}
            for kind, voice in voices.items()
        },
    }


def peer(meter: Meter, *, split: str, trials: int, most_factors: int, threads: int) -> dict[str, Any]:
    """ALS of implicit: as many configurations as our factors had, on the same fold; refitted; tested once."""
    train, test = read_published(Path(split))
    fold = cut_fold(train)
    with meter.running():
        tried = _tuned(fold, trials=trials, most_factors=most_factors, threads=threads)
        best = max(tried, key=lambda each: each.ndcg)
        users, items = implicit(log_weights(train), best.recipe)
    return {
        **_scores(_Products(users, items, threads), train, test),
        "settings": {name: getattr(best.recipe, name) for name in ("factors", "iterations", "alpha", "share")},
        "fold": {"ndcg@20": best.ndcg},
        "trials": len(tried),
    }


@dataclass(frozen=True)
class _Tried:
    recipe: Recipe
    ndcg: float


def _tuned(fold: ValidationFold, *, trials: int, most_factors: int, threads: int) -> list[_Tried]:
    """The plan of our own search, as far as it goes: spread at 64 factors, closer, then longer vectors."""
    tried: list[_Tried] = []
    longer = [k for k in (128, 256, 512, 1024) if k <= most_factors]
    spread = max(1, (trials - len(longer)) * 2 // 3)
    wide = Box(alpha=(1 / 8, 2.0), strength=(0.1, 2.5))
    best = max(
        (_try(fold, point, 64, tried=tried, threads=threads) for point in wide.points(spread)), key=lambda each: each[0]
    )
    close = wide.around(best[1]).points(max(0, trials - len(longer) - spread))
    best = max(
        [best, *(_try(fold, point, 64, tried=tried, threads=threads) for point in close)], key=lambda each: each[0]
    )
    for k in longer:
        _try(fold, best[1], k, tried=tried, threads=threads)
    return tried


def _try(fold: ValidationFold, point: Point, factors: int, *, tried: list[_Tried], threads: int) -> tuple[float, Point]:
    """Fifteen iterations, judged at every third; the best is kept."""
    alpha, share = _ours.rule(fold.training.nnz / (fold.training.shape[0] * fold.training.shape[1]))
    recipe = Recipe(factors, 15, alpha * point.alpha, share * point.strength, seed=1, threads=threads)
    judged: list[tuple[float, int]] = []

    def after(iteration: int, users: Floats, items: Floats) -> None:
        if iteration % 3 == 0:
            lists = _Products(users[fold.judged], items, threads).lists(fold.seen, CUTOFF)
            judged.append((float(fold.ndcg(lists).mean()), iteration))

    implicit(log_weights(fold.training), recipe, after)
    ndcg, iteration = max(judged)
    kept = Recipe(factors, iteration, recipe.alpha, recipe.share, seed=1, threads=threads)
    tried.append(_Tried(kept, ndcg))
    return ndcg, point


class _Products:
    """Lists by products of factors; the rows asked for must be those of the users, in order."""

    item_ids: tuple[str, ...] = ()

    def __init__(self, users: Floats, items: Floats, threads: int) -> None:
        self._users, self._done = np.ascontiguousarray(users, np.float32), 0
        self._index = _ours.engine(threads).index(np.ascontiguousarray(items, np.float32))

    def lists(self, histories: Matrix, count: int, *, allowed: Any = None) -> Any:
        """The next `histories.rows` users' lists."""
        rows = slice(self._done, self._done + histories.rows)
        self._done = rows.stop
        return self._index.search_many(self._users[rows], count, excluded=histories).items


def _scores(lister: Lister, train: Csr, test: Csr) -> dict[str, float]:
    """Recall@20 and NDCG@20 over every user with a test item."""
    recall, ndcg, cases = 0.0, 0.0, 0
    for users in _portions(test.shape[0]):
        lists = lister.lists(Matrix.of(train[users]), CUTOFF)
        judged = np.diff(test[users].indptr) > 0
        quality = list_quality(lists[judged], Matrix.of(test[users][judged]))
        recall, ndcg, cases = recall + quality.recall.sum(), ndcg + quality.ndcg.sum(), cases + int(judged.sum())
    return {"recall@20": float(recall / max(1, cases)), "ndcg@20": float(ndcg / max(1, cases))}


def _portions(users: int) -> Iterator[slice]:
    return (slice(start, min(start + _PORTION, users)) for start in range(0, users, _PORTION))


def _without_voice(model: RecommenderModel) -> RecommenderModel:
    return replace(model, blend=None)


def _snapshot(split: Path) -> tuple[Snapshot, Csr]:
    """A published split as a snapshot, its users and items numbered as published, and the test part."""
    train, test = read_published(split)
    # A sum of training entries of 1 and test entries of 2 tells them apart; what is in both counts as training.
    both = (train + 2 * test).tocsr()
    both.sort_indices()
    return _ours.snapshot(both, held=both.data == 2, dataset=split.name), test
