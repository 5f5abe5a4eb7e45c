"""Choosing a second voice and its weight on a validation fold, and only where the win is larger than its noise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tacit.data.interfaces import Progress, silent
from tacit.errors import Refused
from tacit.models.recommender.blend import Blend, covariance, mix
from tacit.models.recommender.ease import Ease
from tacit.models.recommender.engines.interfaces import Engine, Floats, Index
from tacit.models.recommender.engines.matrix import Matrix
from tacit.models.recommender.neighbours import CoOccurrence
from tacit.models.recommender.ranking_metrics import hit_matrix, ndcg
from tacit.models.recommender.voices import Voice, VoiceSettings

Doubles = NDArray[np.float64]

WEIGHTS = (0.05, 0.1, 0.15, 0.2, 0.35, 0.5, 1.0)
"""Weights that are tried; the best lay from 0.1 to 0.35 on all public sets looked at, lower the more factors."""

LEAST_DEVIATIONS = 2.5
"""How many standard errors a blend must win by: the best of a dozen tries wins by chance at two."""

_QUICK_EASE = 1_500
"""The most items for which EASE^R is tried unasked."""

_PORTION = 512
"""Users whose second voice is held at once: some thousand entries each."""


@dataclass(frozen=True)
class Cases:
    """Users to judge by, each with something held out.

    Attributes:
        user_factors: `(cases, k)`, folded in from `histories`.
        histories: `(cases, n_items)`: what was learnt from; lists leave it out.
        held_out: `(cases, n_items)`: what ought to be found; at least one item in each row.
    """

    user_factors: Floats
    histories: Matrix
    held_out: Matrix

    def portions(self) -> Iterator[Cases]:
        """The same users a few at a time."""
        for start in range(0, self.histories.rows, _PORTION):
            rows = slice(start, start + _PORTION)
            yield Cases(self.user_factors[rows], self.histories.part(rows), self.held_out.part(rows))


@dataclass(frozen=True)
class Quality:
    """How good lists are, user by user, both `(cases,)` float64.

    Attributes:
        ndcg: Against an ideal list of `min(width, held out)` hits.
        recall: Share of the held-out items that the list holds.
    """

    ndcg: Doubles
    recall: Doubles


@dataclass(frozen=True)
class BlendTrial:
    """What one voice at one weight came to.

    Attributes:
        kind: Of the voice.
        parameters: Of the voice.
        weight: `w`.
        ndcg: Mean over the cases.
        recall: Mean over the cases.
        gain: Mean of the NDCG over the factors' alone, user by user.
        deviations: That gain in standard errors.
    """

    kind: str
    parameters: Mapping[str, float]
    weight: float
    ndcg: float
    recall: float
    gain: float
    deviations: float


@dataclass(frozen=True)
class BlendChoice:
    """What was tried, and what won.

    Attributes:
        blend: The winner; `None` where the factors alone are as good, up to noise.
        factors: How good the factors are alone.
        trials: Everything tried, in order.
        winner: The trial that the blend comes from.
    """

    blend: Blend | None
    factors: Quality
    trials: tuple[BlendTrial, ...]
    winner: BlendTrial | None = None


def second_voices(n_items: int) -> tuple[VoiceSettings, ...]:
    """The few voices worth trying on any data: item neighbours as they come, and EASE^R where it costs under a second.

    Measured beside factors on public sets: exponents move a blend by about 1 %, and EASE^R brings no more than
    neighbours at many times their cost.  Random folds of two sets (check-ins, films) prefer few neighbours, of each
    column, by 1 to 4 %: they hide single items of an episode whose others are still there.  Folds by time, which is
    what a platform is asked, prefer many, kept of each row, by 1 to 3 % on all three sets that have times.  So those
    are the default, and a random fold is not asked.
    """
    return (CoOccurrence(), Ease()) if n_items <= _QUICK_EASE else (CoOccurrence(),)


def choose_blend(
    engine: Engine,
    item_factors: Floats,
    cases: Cases,
    *,
    voices: Iterable[Voice],
    weights: Sequence[float] = WEIGHTS,
    cutoff: int = 20,
    least_deviations: float = LEAST_DEVIATIONS,
    progress: Progress = silent,
) -> BlendChoice:
    """The voice and weight of highest mean NDCG, if it beats the factors alone by more than noise.

    Every blend is compared with the factors user by user, so that users who are hard for both cancel out; the gain
    must be `least_deviations` standard errors above 0.

    Args:
        engine: Does the searching.
        item_factors: `(n_items, k)`, learnt without what the cases hold out.
        cases: Users to judge by; a few thousand tell one per cent apart.
        voices: Likewise learnt without it; one is held at a time.
        weights: What to try for each.
        cutoff: Length of the lists.
        least_deviations: See above.
        progress: Told after each portion.
    """
    judge = _Judge(engine, engine.index(item_factors), covariance(item_factors), cases, cutoff)
    alone = judge.of_factors()
    trials: list[BlendTrial] = []
    best: tuple[BlendTrial, Voice] | None = None
    for voice in voices:
        for trial in judge.trials(voice, weights, alone=alone, progress=progress):
            trials.append(trial)
            if trial.deviations >= least_deviations and (best is None or trial.ndcg > best[0].ndcg):
                best = trial, voice
    if best is None:
        return BlendChoice(None, alone, tuple(trials))
    winner, voice = best
    return BlendChoice(Blend(voice, winner.weight, judge.spread), alone, tuple(trials), winner)


def list_quality(lists: NDArray[np.integer], held_out: Matrix) -> Quality:
    """NDCG and recall of `(cases, width)` lists, the best first and -1 where one is shorter.

    `recall` is over all held-out items, the ideal of `ndcg` holds `min(width, held out)` (the LightGCN protocol).
    """
    hits = hit_matrix(np.asarray(lists, np.intp), held_out.scipy())
    recall = hits.sum(axis=1) / np.maximum(held_out.counts, 1)
    return Quality(ndcg(hits, held_out.counts), np.asarray(recall))


def voice_settings(kind: str, parameters: Mapping[str, float]) -> VoiceSettings:
    """The settings that a voice was made with, from what it says of itself: to make it anew from more data.

    Raises:
        Refused: `voice_unknown` for a kind, or parameters, that this program does not know.
    """
    try:
        if kind == "ease":
            return Ease(float(parameters["regularization"]), keep=int(parameters["keep"]))
        if kind in ("item_knn", "rp3beta"):
            return CoOccurrence(
                float(parameters["source"]),
                float(parameters["target"]),
                float(parameters["user"]),
                keep=int(parameters["keep"]),
                by_target=bool(parameters["by_target"]),
                kind="rp3beta" if kind == "rp3beta" else "item_knn",
            )
    except (KeyError, TypeError, ValueError) as problem:
        raise _unknown(kind, f"lacks a number, or has one that cannot be read ({problem})") from problem
    raise _unknown(kind, "is not known here")


@dataclass(frozen=True)
class _Judge:
    """Scores lists of factors and of blends on the same cases.

    Attributes:
        engine: Does the products.
        index: Finds the lists.
        spread: Covariance of the item factors.
        cases: Whom to judge by.
        cutoff: Length of the lists.
    """

    engine: Engine
    index: Index
    spread: Doubles
    cases: Cases
    cutoff: int

    def of_factors(self) -> Quality:
        return _joined([self._judged(part.user_factors, part) for part in self.cases.portions()])

    def trials(
        self, voice: Voice, weights: Sequence[float], *, alone: Quality, progress: Progress
    ) -> Iterator[BlendTrial]:
        """One voice at every weight; what it says to each user is worked out once."""
        parts: list[list[Quality]] = [[] for _ in weights]
        done = 0
        for part in self.cases.portions():
            said = voice.scores(self.engine, part.histories)
            for weight, found in zip(weights, parts, strict=True):
                queries, bonus = mix(said, part.user_factors, weight=weight, covariance_of_items=self.spread)
                found.append(self._judged(queries, part, bonus=bonus))
            done += part.histories.rows
            progress(f"blending with {voice.kind}", done / self.cases.histories.rows)
        for weight, found in zip(weights, parts, strict=True):
            yield _trial(voice, weight, quality=_joined(found), alone=alone)

    def _judged(self, queries: Floats, part: Cases, *, bonus: Matrix | None = None) -> Quality:
        found = self.index.search_many(queries, self.cutoff, excluded=part.histories, bonus=bonus)
        return list_quality(found.items, part.held_out)


def _joined(parts: Sequence[Quality]) -> Quality:
    nothing: Doubles = np.empty(0)
    return Quality(
        np.concatenate([nothing, *(part.ndcg for part in parts)]),
        np.concatenate([nothing, *(part.recall for part in parts)]),
    )


def _trial(voice: Voice, weight: float, *, quality: Quality, alone: Quality) -> BlendTrial:
    gains = quality.ndcg - alone.ndcg
    n = len(gains)
    gain = float(gains.mean()) if n else 0.0
    error = float(gains.std(ddof=1)) / n**0.5 if n > 1 else 0.0
    return BlendTrial(
        kind=voice.kind,
        parameters=voice.parameters,
        weight=weight,
        ndcg=float(quality.ndcg.mean()) if n else 0.0,
        recall=float(quality.recall.mean()) if n else 0.0,
        gain=gain,
        deviations=gain / error if error > 0 else 0.0,
    )


def _unknown(kind: str, problem: str) -> Refused:
    return Refused(
        "voice_unknown",
        f"The second voice {ascii(kind)[:40]} {problem}.",
        field="voice",
        fix="Use item_knn, rp3beta or ease, with all their parameters.",
    )
