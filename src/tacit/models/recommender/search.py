"""Settings found by trying: factors tuned on a validation fold, carried upward in `k`, then joined by a second voice.

The search sees the training part alone.  It cuts a fold from it, trains what it tries on the rest and judges by the
mean NDCG@20 of full rankings on the fold, each trial at its best iteration.  The order of trials follows what Rendle
et al. (RecSys 2022, §4.2) found on such data: what suits few factors nearly suits many, so that the weight and the
regularisation are tuned where a trial costs a second, and only the winners are tried with longer vectors:

1. the shipped default, so that nothing worse is ever chosen;
2. points spread over the box around the density rule, at 64 factors;
3. points in smaller boxes around the best so far, one of them at the other frequency exponent;
4. the best at as many factors as the rule for them says, and at twice as many, each also with more and with less
   regularisation and weight, one after the other;
5. second voices beside the best factors, chosen only where they win by more than noise.

Given a number of trials the outcome does not depend on the machine's speed; a budget in minutes only ends it earlier.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from tacit.data.interfaces import Progress, silent
from tacit.errors import Refused
from tacit.models.recommender.als import AlsSettings
from tacit.models.recommender.blend_choice import BlendTrial, choose_blend, second_voices
from tacit.models.recommender.engines.interfaces import Engine
from tacit.models.recommender.engines.matrix import Matrix
from tacit.models.recommender.neighbours import CoOccurrence, rp3beta
from tacit.models.recommender.search_space import Box, Point, lengths
from tacit.models.recommender.search_trials import Ground, Trial, Tried
from tacit.models.recommender.training_plan import VoiceRecipe
from tacit.models.recommender.validation_fold import cut_fold
from tacit.models.recommender.voices import VoiceSettings

FIRST_FACTORS = 64
"""Where weight and regularisation are tuned."""

MOST_FACTORS = 1_024

WORTH = 1.005
"""Longer vectors cost memory and time in every answer: they must be so much better to be chosen."""

TURN = 1.5
"""Longer vectors are also tried with so many times more and less of regularisation and of weight."""

OTHER_EXPONENT = 0.75

VOICE_WEIGHTS = (0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8, 1.0)

_LEAST_JUDGED = 20


@dataclass(frozen=True)
class Budget:
    """How much a search may cost: whichever runs out first.

    Attributes:
        trials: How many settings are tried, second voices among them, at least 1.
        minutes: No further trial begins after so long; the one under way is finished.
    """

    trials: int = 28
    minutes: float = 10.0

    @property
    def of_voices(self) -> int:
        """Trials kept for second voices."""
        return min(5, self.trials // 5)

    @property
    def of_lengths(self) -> int:
        """Trials kept for longer vectors."""
        return min(8, self.trials // 3)

    @property
    def of_points(self) -> int:
        """Trials around the density rule at few factors."""
        return self.trials - 1 - self.of_voices - self.of_lengths


@dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Attributes:
        settings: Of the factors: resolved, with the number of iterations that was best.
        voice: The second voice, where one won.
        ndcg: Mean NDCG@20 on the fold of both together.
        default_ndcg: The shipped default's.
        popularity: Popularity's.
        trials: Everything tried, in order.
        judged_users: How many users the fold judges by.
        seconds: How long it took.
        ended_by: `trials` or `minutes`, whichever ran out.
    """

    settings: AlsSettings
    voice: VoiceRecipe | None
    ndcg: float
    default_ndcg: float
    popularity: float
    trials: tuple[Trial, ...]
    judged_users: int
    seconds: float
    ended_by: str

    def chosen(self) -> dict[str, float]:
        """The settings of the factors that were searched, by name."""
        return {name: getattr(self.settings, name) for name in CHOSEN}

    def as_dict(self) -> dict[str, object]:
        """As plain values."""
        voice = None if self.voice is None else asdict(self.voice)
        return {
            "settings": self.chosen(),
            "voice": voice,
            "ndcg@20": self.ndcg,
            "default_ndcg@20": self.default_ndcg,
            "popularity_ndcg@20": self.popularity,
            "judged_users": self.judged_users,
            "seconds": round(self.seconds, 3),
            "ended_by": self.ended_by,
            "trials": [trial.as_dict() for trial in self.trials],
        }


CHOSEN = ("factors", "iterations", "alpha", "regularization", "frequency_exponent")
"""The settings that a search chooses."""


def search(
    training: Any,
    engine: Engine,
    *,
    budget: Budget | None = None,
    settings: AlsSettings | None = None,
    most_factors: int = MOST_FACTORS,
    progress: Progress = silent,
    clock: Callable[[], float] = time.monotonic,
) -> SearchResult:
    """Find settings for a training matrix by trying them on a fold cut from it.

    Args:
        training: `(users, items)` CSR of values; a snapshot's training part, never its hold-out.
        engine: Runs the algebra.
        budget: How much it may cost.
        settings: What is not searched: the curve, the seed, the solver.  What is searched there is ignored.
        most_factors: The longest vectors to try.
        progress: Told several times a second; whatever it raises stops the search.
        clock: Seconds.

    Raises:
        Refused: `nothing_to_judge_by` if fewer than twenty users have anything to hold out;
            `factors_below_popularity` if nothing tried beats what is popular.
    """
    fold = cut_fold(training)
    if len(fold.judged) < _LEAST_JUDGED:
        raise _nothing_to_judge_by(len(fold.judged))
    ground = Ground(fold, Matrix.of(fold.training), engine, settings or AlsSettings())
    run = _Run(ground, budget or Budget(), most_factors=most_factors, progress=progress, clock=clock)
    return run.result()


class _Run:
    """A search under way: what was tried, and the best of it."""

    def __init__(
        self, ground: Ground, budget: Budget, *, most_factors: int, progress: Progress, clock: Callable[[], float]
    ) -> None:
        self._ground, self._budget, self._progress, self._clock = ground, budget, progress, clock
        self._started = clock()
        self._most_factors = max(1, min(most_factors, ground.values.rows, ground.values.columns))
        self._popularity = ground.popularity()
        self._trials: list[Trial] = []

    def result(self) -> SearchResult:
        """Run all stages."""
        default = self._try(Point(), self._default_factors(), stage="default")
        best = self._winner(default, self._tune(default))
        voice, ndcg = self._second_voice(best)
        return SearchResult(
            settings=best.settings,
            voice=voice,
            ndcg=ndcg,
            default_ndcg=default.trial.ndcg,
            popularity=self._popularity,
            trials=tuple(self._trials),
            judged_users=len(self._ground.fold.judged),
            seconds=self._clock() - self._started,
            ended_by="minutes" if self._is_late() else "trials",
        )

    def _default_factors(self) -> int:
        return min(AlsSettings().resolved(self._ground.values).k, self._most_factors)

    def _tune(self, default: Tried) -> Tried | None:
        """The rule's own values, then points spread around them, then closer to the best, twice; at few factors."""
        total = self._budget.of_points
        near, closest = total // 4, total // 6
        k, box = min(FIRST_FACTORS, self._most_factors), Box()
        found = default if default.settings.k == k else self._all([Point()][:total], k, stage="rule")
        found = self._all(box.points(total - near - closest - 1), k, stage="spread", best=found)
        for count, stage in ((near, "near"), (closest, "closest")):
            if found is not None:
                box = box.around(found.point)
                found = self._all(_closer(box, found.point, count, stage=stage), k, stage=stage, best=found)
        return found

    def _all(self, points: Iterable[Point], factors: int, *, stage: str, best: Tried | None = None) -> Tried | None:
        """Try points while there is time; the best of them and of what was best before."""
        for point in points:
            if self._is_late():
                break
            best = _better(best, self._try(point, factors, stage=stage))
        return best

    def _lengthen(self, tuned: Tried, default: Tried) -> Tried:
        """Carry the best point to the rule's length, and to twice that if the first step paid; what was worth it."""
        left, best = self._budget.of_lengths, tuned
        for factors in lengths(tuned.settings.k, default.settings.k, most=self._most_factors):
            if left == 0 or self._is_late():
                break
            stage = f"{factors} factors"
            found = self._try(best.point, factors, stage=stage)
            if default.settings.k == factors:
                found = _better(default, found)
            found, left = self._turned(found, left - 1, stage=stage)
            if found.trial.ndcg < WORTH * best.trial.ndcg:
                break
            best = found
        return best

    def _turned(self, found: Tried, left: int, *, stage: str) -> tuple[Tried, int]:
        """One setting after the other: more of it while that is better, else less; and how many trials are left."""
        for name in ("strength", "alpha"):
            for ratio in (TURN, 1 / TURN):
                first = found
                while left > 0 and not self._is_late():
                    point = replace(found.point, **{name: getattr(found.point, name) * ratio})
                    turned = _better(found, self._try(point, found.settings.k, stage=stage))
                    left -= 1
                    if turned is found:
                        break
                    found = turned
                if found is not first:
                    break
        return found, left

    def _winner(self, default: Tried, tuned: Tried | None) -> Tried:
        """The better of both; what popularity beats is refused."""
        best = default if tuned is None else _better(default, self._lengthen(tuned, default))
        if not best.trial.ndcg > self._popularity:
            raise _below_popularity(best.trial, self._popularity)
        return best

    def _second_voice(self, best: Tried) -> tuple[VoiceRecipe | None, float]:
        """The voice and weight that win beside the best factors, and what they come to; or the factors alone."""
        by_user = self._ground.values
        by_item = self._ground.engine.transpose(by_user)
        wanted = [] if self._is_late() else candidate_voices(by_user.columns)[: self._budget.of_voices]
        choice = choose_blend(
            self._ground.engine,
            best.item_factors,
            self._ground.cases(best),
            voices=(each.fit(self._ground.engine, by_user, by_item, progress=self._told()) for each in wanted),
            weights=VOICE_WEIGHTS,
            progress=self._told(),
        )
        self._trials.extend(_voice_trial(best.trial, trial) for trial in choice.trials)
        won = choice.winner
        if won is None:
            return None, best.trial.ndcg
        return VoiceRecipe(won.kind, won.parameters, won.weight), won.ndcg

    def _try(self, point: Point, factors: int, *, stage: str) -> Tried:
        tried = self._ground.trained(point, factors, stage=stage, progress=self._told(), clock=self._clock)
        self._trials.append(tried.trial)
        return tried

    def _told(self) -> Progress:
        done, total = len(self._trials), self._budget.trials
        return lambda step, share: self._progress(
            f"trial {min(done + 1, total)} of {total}", min(1.0, (done + min(share, 1.0)) / total)
        )

    def _is_late(self) -> bool:
        return self._clock() - self._started >= 60 * self._budget.minutes


def candidate_voices(n_items: int) -> tuple[VoiceSettings, ...]:
    """Second voices worth trying, those that are good on any data first."""
    return (
        *second_voices(n_items),
        rp3beta(),
        CoOccurrence(0.5, 0.2, 0.5),
        CoOccurrence(0.5, 0.6, 0.5),
        CoOccurrence(0.5, 0.4, 0.2),
    )


def _closer(box: Box, best: Point, count: int, *, stage: str) -> Iterator[Point]:
    """So many points of a smaller box; the first time, one of them is the best at the other frequency exponent."""
    if stage == "near" and count:
        yield replace(best, frequency_exponent=OTHER_EXPONENT)
        count -= 1
    yield from box.points(count, frequency_exponent=best.frequency_exponent)


def _better(best: Tried | None, tried: Tried) -> Tried:
    return tried if best is None or tried.trial.ndcg > best.trial.ndcg else best


def _voice_trial(factors: Trial, tried: BlendTrial) -> Trial:
    return replace(
        factors,
        stage="second voice",
        ndcg=tried.ndcg,
        seconds=0.0,
        voice=tried.kind,
        parameters=tried.parameters,
        weight=tried.weight,
    )


def _nothing_to_judge_by(users: int) -> Refused:
    return Refused(
        "nothing_to_judge_by",
        f"Only {users} users have interactions enough to hold one out; settings chosen by fewer than "
        f"{_LEAST_JUDGED} would be chosen by chance.",
        field="dataset",
        fix="Import more, or train with the defaults.",
    )


def _below_popularity(best: Trial, popularity: float) -> Refused:
    return Refused(
        "factors_below_popularity",
        f"The best of what was tried has an NDCG@20 of {best.ndcg:.4f} on the validation fold; "
        f"what is popular has {popularity:.4f}.",
        field="dataset",
        fix="Look at the data: nothing personal can be learnt from what is there.",
        context={"ndcg": best.ndcg, "popularity_ndcg": popularity},
    )
