"""What becomes of every list that is given: a name and a label, a place in the counts, a record that it was shown."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from tacit.monitoring import metrics as catalogue
from tacit.monitoring.interfaces import MetricSink
from tacit.monitoring.kept_series import KeptSeries
from tacit.rollout.traffic import Place
from tacit.serving.answers import Answer, Recommendation, Source
from tacit.serving.budgets import current_budget
from tacit.serving.exploring import Chance
from tacit.serving.exposures import Exposure
from tacit.serving.interfaces import Clock, ExposureRecorder, IdMaker
from tacit.serving.item_views import as_said
from tacit.serving.kept_lists import KeptOutcome
from tacit.serving.live_catalogue import LiveCatalogue
from tacit.serving.routing import Given


@dataclass(frozen=True, slots=True)
class Repeated:
    """An answer that was given once more.

    Attributes:
        answer: As it was given before; not degraded, and for no arm.
        name: The new one's.
        question: What it answers.
        at_ms: When it was given.
        seconds: How long that took.
    """

    answer: Answer
    name: str
    question: str
    at_ms: int
    seconds: float


class Telling:
    """Turns what was found into answers.

    Args:
        exposures: Remembers what was shown.
        metrics: Counts.
        live: Knows what is said of items now.
        clock: Tells the time.
        new_id: Names answers.
        timer: Measures how long an answer takes, in seconds.
        random: Where chance comes from.
    """

    def __init__(
        self,
        exposures: ExposureRecorder,
        metrics: MetricSink,
        live: LiveCatalogue,
        *,
        clock: Clock,
        new_id: IdMaker,
        timer: Callable[[], float] = time.perf_counter,
        random: Random | None = None,
    ) -> None:
        self._exposures = exposures
        self._metrics = metrics
        self._live = live
        self._clock = clock
        self._new_id = new_id
        self._timer = timer
        self._answers = KeptSeries(metrics, catalogue.RECOMMENDATIONS)
        self._latency = KeptSeries(metrics, catalogue.RECOMMENDATION_LATENCY)
        self._hits = metrics.series(catalogue.LIST_CACHE, outcome="hit")
        self._random = random or Random()  # noqa: S311 - chance decides of places, not of secrets
        _watch(metrics, exposures)

    def told(
        self,
        question: str,
        kept: KeptOutcome,
        *,
        started: float,
        user_id: str | None = None,
        given: Given | None = None,
        chance: Chance | None = None,
        unknown_items: tuple[str, ...] = (),
    ) -> Answer:
        """Label an outcome, give places to chance where that is wanted, count it and remember what was shown.

        Args:
            question: What kind of question it answers.
            kept: What was found, and by which version.
            started: When the question came, by the timer.
            user_id: Whom it is for.
            given: What else is known of a user's list.
            chance: Gives places to what stands further down.
            unknown_items: Liked items that nobody knows.
        """
        place, rehearsed = (None, False) if given is None else (given.place, given.rehearsed)
        items, propensities = self._shown(kept, None if rehearsed else chance)
        is_degraded = kept.outcome.degraded or current_budget().is_cut
        is_repeatable = place is None and chance is None and not (is_degraded or rehearsed)
        answer = Answer(
            self._new_id(),
            kept.label,
            kept.outcome.source,
            is_degraded,
            items,
            user_id=user_id,
            unknown_items=unknown_items,
            rehearsed=rehearsed,
            holds_until_ms=kept.holds_until_ms if is_repeatable else None,
        )
        self._remember(answer, place, propensities)
        self._latency[question].observe(self._timer() - started)
        return answer

    def shown(
        self, question: str, by: tuple[Source, str], item_ids: tuple[str, ...], *, started: float, user_id: str
    ) -> str:
        """Count an answer that is written elsewhere, and remember what was shown; returns its name.

        Args:
            question: What kind of question it answers.
            by: The step that produced it, and the version all of it comes from.
            item_ids: What was shown, in that order.
            started: When the question came, by the timer.
            user_id: Whom it is for.
        """
        (source, label), name = by, self._new_id()
        self._answers[source].increment()
        self._exposures.record(
            Exposure(name, label, user_id, source, degraded=False, item_ids=item_ids, at_ms=self.now_ms)
        )
        self._latency[question].observe(self._timer() - started)
        return name

    def _shown(
        self, kept: KeptOutcome, chance: Chance | None
    ) -> tuple[tuple[Recommendation, ...], tuple[float, ...] | None]:
        """The items as they are said to be now, and where chance had a say, how probable each place was."""
        items = as_said(kept.outcome.items, self._live, now_ms=int(self._clock() * 1_000))
        return (items, None) if chance is None else chance.explored(items, self._random)

    def _remember(
        self, answer: Answer, place: Place | None = None, propensities: tuple[float, ...] | None = None
    ) -> None:
        self._answers[answer.source].increment()
        if answer.degraded:
            self._metrics.increment(catalogue.DEGRADED_ANSWERS, source=answer.source)
        if answer.rehearsed:
            self._metrics.increment(catalogue.TIER_REHEARSALS, source=answer.source)
        self._show(answer, answer.recommendation_id, place, propensities=propensities, at_ms=self.now_ms)

    def _show(
        self,
        answer: Answer,
        name: str,
        place: Place | None = None,
        *,
        at_ms: int,
        propensities: tuple[float, ...] | None = None,
    ) -> None:
        self._exposures.record(
            Exposure(
                recommendation_id=name,
                model_version=answer.model_version,
                user_id=answer.user_id,
                source=answer.source,
                degraded=answer.degraded,
                item_ids=tuple([item.item_id for item in answer.items]),
                at_ms=at_ms,
                place=place,
                propensities=propensities,
                rehearsed=answer.rehearsed,
            )
        )

    @property
    def now_ms(self) -> int:
        """Milliseconds since 1970, as exposures have them."""
        return int(self._clock() * 1_000)

    def new_name(self) -> str:
        """A name for an answer that is given once more."""
        return self._new_id()

    def repeated(self, given: Sequence[Repeated]) -> None:
        """Count and remember answers that were given once more, as they were."""
        for source, count in Counter([each.answer.source for each in given]).items():
            self._answers[source].increment(count)
        self._hits.increment(len(given))
        seconds: dict[str, list[float]] = {}
        for each in given:
            self._show(each.answer, each.name, at_ms=each.at_ms)
            seconds.setdefault(each.question, []).append(each.seconds)
        for question, taken in seconds.items():
            self._latency[question].observe(*taken)


def _watch(metrics: MetricSink, exposures: ExposureRecorder) -> None:
    metrics.watch(catalogue.EXPOSURES, lambda: exposures.counts().recorded, outcome="recorded")
    metrics.watch(catalogue.EXPOSURES, lambda: exposures.counts().written, outcome="written")
    metrics.watch(catalogue.EXPOSURES, lambda: exposures.counts().dropped, outcome="dropped")
