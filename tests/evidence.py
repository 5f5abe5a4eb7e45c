"""Made-up evidence for the gate: a champion and a candidate on the same cases, and everything else in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from tacit.models.interfaces import Evaluation, Shown
from tacit.rollout.policies import Policy, Succession
from tacit.rollout.rehearsal import Cost, Replay
from tacit.rollout.verdicts import Evidence, Incumbent

GENERATOR = np.random.default_rng(7)
TASTE = GENERATOR.beta(2, 5, size=2_000)
WEEK_OLD = Succession(is_newer=True, newer="its data end 7 days later", age_days=7.0, is_refit=True)
ITEMS = 400


def scored(
    values: np.ndarray,
    *,
    first_case: int = 0,
    lists: np.ndarray | None = None,
    heavy: int | None = None,
    **metrics: float,
) -> Evaluation:
    """An evaluation with these values of NDCG; the last `heavy` cases are heavy users, the others light ones."""
    cases = np.arange(first_case, first_case + len(values))
    is_heavy = np.arange(len(values)) >= len(values) - (len(values) // 4 if heavy is None else heavy)
    named = {name.replace("_at_", "@"): value for name, value in metrics.items()}
    usual = {"coverage@10": 0.3, "popularity@10": 0.8, "gini@10": 0.7}
    mean = float(values.mean()) if len(values) else 0.0
    shown = Shown(
        tuple(f"i{place}" for place in range(ITEMS)), even_lists(len(values)) if lists is None else lists, len(values)
    )
    members = {"light": ~is_heavy, "heavy": is_heavy}
    return Evaluation({"ndcg@10": mean, **usual, **named}, {}, {}, cases, {"ndcg@10": values}, 0.0, members, shown)


def even_lists(cases: int) -> np.ndarray:
    return np.full(ITEMS, cases * 10 // ITEMS, np.int64)


def quick(**other: float) -> Cost:
    values: Mapping[str, float] = {"p95_seconds": 0.002, "size_bytes": 1e7, "memory_bytes": 2e7, **other}
    return Cost(answers=100, **values)  # type: ignore[arg-type]


ANSWERED = Replay(requests=100, failed=0, p95_seconds=0.002, overlap=0.7, score_shift=0.01)


def evidence(
    candidate: Evaluation,
    champion: Evaluation | None = None,
    *,
    policy: str = "refresh",
    baseline: Evaluation | None = None,
    **other: object,
) -> Evidence:
    """Evidence on a candidate, in which nothing but what is given stands in the way."""
    cases = candidate.case_ids
    weak = scored(np.full(len(cases), 0.01), first_case=int(cases[0]) if len(cases) else 0)
    incumbent = None if champion is None else Incumbent("the champion recommender/1", champion, quick(), WEEK_OLD)
    asked = Policy("first" if champion is None else policy, "It is a test.")  # type: ignore[arg-type]
    found = Evidence(
        candidate, Incumbent("popularity", baseline or weak), asked, champion=incumbent, cost=quick(), replay=ANSWERED
    )
    return replace(found, **other)
