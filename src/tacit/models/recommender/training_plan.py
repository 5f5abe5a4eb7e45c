"""What a training decides on a validation fold before it learns from everything: how long, and with which blend.

The fold is cut from the training part, never from the hold-out, and what is learnt without it only decides; the factors
that ship are then learnt from all of the training part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tacit.data.interfaces import Progress, silent
from tacit.errors import Refused
from tacit.models.recommender.als import AlsSettings, Factors, train
from tacit.models.recommender.blend_choice import BlendChoice, Cases, choose_blend, second_voices
from tacit.models.recommender.confidence import Confidence
from tacit.models.recommender.engines.interfaces import Engine
from tacit.models.recommender.engines.matrix import Matrix
from tacit.models.recommender.factor_lister import FactorLister, weighted
from tacit.models.recommender.popularity import Popularity
from tacit.models.recommender.validation_fold import CUTOFF, ValidationFold, cut_fold

Csr = Any
Doubles = NDArray[np.float64]

LEAST_CASES = 50
"""Users to judge by below which a fold tells nothing, and none is cut."""

_MOST_BLEND_CASES = 3_000
"""Users by whom voices are compared, each at every weight: pairs tell one per cent apart."""

_CERTAIN = 2.5
"""Standard errors by which popularity must win before a training is refused."""


@dataclass(frozen=True)
class VoiceRecipe:
    """A second voice, chosen already.

    Attributes:
        kind: Its formula.
        parameters: The formula's numbers.
        weight: Its weight in the blend.
    """

    kind: str
    parameters: Mapping[str, float]
    weight: float


def recipe_of(facts: Mapping[str, object]) -> VoiceRecipe | None:
    """The second voice of a version, as the facts of its training name it; `None` if it has none."""
    match facts:
        case {
            "voice": str(kind),
            "voice_parameters": Mapping() as parameters,
            "voice_weight": int() | float() as weight,
        }:
            return VoiceRecipe(kind, {str(name): float(value) for name, value in parameters.items()}, float(weight))
    return None


@dataclass(frozen=True)
class PlanRules:
    """What a training may decide on a validation fold.

    Attributes:
        early_stopping: Whether the fold decides after how many iterations to stop.
        blend: `auto` lets the fold choose a second voice, or none; `off` trains factors alone; a recipe is followed.
    """

    early_stopping: bool = False
    blend: Literal["auto", "off"] | VoiceRecipe = "off"

    @property
    def asks_a_fold(self) -> bool:
        """Whether anything is left to decide."""
        return self.early_stopping or self.blend == "auto"


@dataclass(frozen=True)
class Plan:
    """What was decided.

    Attributes:
        iterations: How many.
        voice: The second voice, if one won or was prescribed.
        validation: Mean NDCG on the fold by name (`popularity`, `factors`, `blend`), and `cases`; empty without a fold.
    """

    iterations: int
    voice: VoiceRecipe | None = None
    validation: Mapping[str, float] | None = None


def planned(
    training: Csr,
    settings: AlsSettings,
    rules: PlanRules,
    *,
    engine: Engine,
    start: Factors | None = None,
    progress: Progress = silent,
) -> Plan:
    """Decide what the rules leave open.

    Factors that popularity beats on the fold, by more than noise, are refused, unless a blend was allowed and beats
    popularity: then its voice, which may weigh 1 and so speak alone, makes up for them.

    Args:
        training: `(users, items)` CSR of values.
        settings: What to train; resolved.
        rules: What to decide.
        engine: Runs the algebra.
        start: What the training will start from, where it is a warm one; the trial starts there too.
        progress: Told several times a second.

    Raises:
        Refused: `factors_below_popularity`.
    """
    prescribed = rules.blend if isinstance(rules.blend, VoiceRecipe) else None
    if not rules.asks_a_fold:
        return Plan(settings.iterations, prescribed)
    fold = cut_fold(training)
    if len(fold.judged) < LEAST_CASES:
        return Plan(settings.iterations, prescribed)
    trial = _Trial.of(fold, settings, rules, engine=engine, start=start, progress=progress)
    choice = trial.choice(progress) if rules.blend == "auto" else None
    scores = trial.scores(choice)
    trial.refuse_below_popularity(scores)
    voice = _recipe(choice) or prescribed
    return Plan(trial.learnt.iteration, voice, {"cases": len(fold.judged), **scores})


@dataclass(frozen=True)
class _Trial:
    """Factors learnt without the fold, and what they and popularity come to on it.

    Attributes:
        fold: What is learnt from and judged by.
        engine: Runs the algebra.
        confidence: How values become weights.
        settings: What was trained.
        learnt: The factors.
        popularity: NDCG of each case's list by popularity.
    """

    fold: ValidationFold
    engine: Engine
    confidence: Confidence
    settings: AlsSettings
    learnt: Factors
    popularity: Doubles

    @classmethod
    def of(
        cls,
        fold: ValidationFold,
        settings: AlsSettings,
        rules: PlanRules,
        *,
        engine: Engine,
        start: Factors | None,
        progress: Progress,
    ) -> _Trial:
        confidence = Confidence.fitted(settings.curve, settings.alpha or 0.0, fold.training.data)
        weights = weighted(Matrix.of(fold.training), confidence)
        judge = _judge(fold, settings, confidence, engine=engine) if rules.early_stopping else None
        learnt = train(weights, settings, engine, start=start, judge=judge, progress=_within(progress, "trying"))
        ids = tuple(map(str, range(weights.columns)))
        popular = fold.ndcg(Popularity.fit(fold.training, ids).lists(fold.seen, CUTOFF))
        return cls(fold, engine, confidence, settings, learnt, popular)

    def choice(self, progress: Progress) -> BlendChoice:
        """The second voice that wins beside the factors, or none."""
        by_user = Matrix.of(self.fold.training)
        by_item = self.engine.transpose(by_user)
        settings = second_voices(by_user.columns)
        voices = (each.fit(self.engine, by_user, by_item, progress=progress) for each in settings)
        factors = self.learnt.item_factors
        return choose_blend(self.engine, factors, self._cases(), voices=voices, cutoff=CUTOFF, progress=progress)

    def _cases(self) -> Cases:
        """Users to choose a voice by: some of the judged, evenly spaced."""
        chosen = np.arange(0, len(self.fold.judged), -(-len(self.fold.judged) // _MOST_BLEND_CASES))
        seen = self.fold.seen.select(chosen)
        return Cases(self._lister.folded(seen), seen, Matrix.of(self.fold.wanted[chosen]))

    def scores(self, choice: BlendChoice | None) -> dict[str, float]:
        """Mean NDCG on the fold by name."""
        alone = self._alone if choice is None else choice.factors.ndcg
        found = {"popularity": float(self.popularity.mean()), "factors": float(alone.mean())}
        recipe = _recipe(choice)
        if choice is None or recipe is None:
            return found
        tried = {(each.kind, each.weight, *sorted(each.parameters.items())): each.ndcg for each in choice.trials}
        return {**found, "blend": tried[recipe.kind, recipe.weight, *sorted(recipe.parameters.items())]}

    def refuse_below_popularity(self, scores: Mapping[str, float]) -> None:
        """Refuse if popularity wins by more than noise over the best there is."""
        best = max(scores["factors"], scores.get("blend", 0.0))
        error = float(self.popularity.std(ddof=1)) / len(self.popularity) ** 0.5
        if scores["popularity"] - best <= _CERTAIN * error:
            return
        raise Refused(
            "factors_below_popularity",
            f"On {len(self.popularity)} users of a validation fold the factors reach NDCG@{CUTOFF} {best:.4f}, what is "
            f"popular {scores['popularity']:.4f}.",
            field="als",
            fix="Leave alpha and regularization to the rule, raise the number of factors, or run `tacit search`.",
        )

    @property
    def _lister(self) -> FactorLister:
        return FactorLister.of_factors(self.learnt.item_factors, self.settings, self.confidence, engine=self.engine)

    @property
    def _alone(self) -> Doubles:
        return self.fold.ndcg(self._lister.lists(self.fold.seen, CUTOFF))


def _judge(
    fold: ValidationFold, settings: AlsSettings, confidence: Confidence, *, engine: Engine
) -> Callable[[Factors], float]:
    """Asks factors for the judged users' lists, users folded in exactly, as the evaluation does."""

    def judge(factors: Factors) -> float:
        lister = FactorLister.of_factors(factors.item_factors, settings, confidence, engine=engine)
        return float(fold.ndcg(lister.lists(fold.seen, CUTOFF)).mean())

    return judge


def _recipe(choice: BlendChoice | None) -> VoiceRecipe | None:
    if choice is None or choice.blend is None:
        return None
    return VoiceRecipe(choice.blend.voice.kind, choice.blend.voice.parameters, choice.blend.weight)


def _within(progress: Progress, doing: str) -> Progress:
    return lambda step, share: progress(f"{doing} {step}", share)
