"""What the last look at drift found, as metrics."""

from __future__ import annotations

import math
from collections.abc import Callable

from tacit.monitoring import drift_metrics as catalogue
from tacit.monitoring.drift.report import FEATURES, STATE_NUMBERS, DriftReport
from tacit.monitoring.interfaces import MetricSink


class DriftNumbers:
    """Sets the gauges of drift; until there is a look, every feature stands at `not enough data`.

    Args:
        metrics: Where they are.
        clock: Tells the time, in milliseconds since 1970.
    """

    def __init__(self, metrics: MetricSink, clock: Callable[[], int]) -> None:
        self._metrics = metrics
        self._clock = clock
        self._at_ms: int | None = None
        metrics.watch(catalogue.DRIFT_LOOK_AGE, self._age)
        self.show(None)

    def show(self, report: DriftReport | None) -> None:
        """Say what a look found."""
        self._at_ms = None if report is None else report.at_ms
        self._metrics.set(catalogue.DRIFT_OVERALL, 0.0 if report is None else report.overall or 0.0)
        self._features(report)
        self._quality(report)
        for rate in catalogue.DRIFT_RATE_CHANGES.labels["rate"]:
            changes = () if report is None else [each for each in report.rates if each.rate == rate]
            self._metrics.set(catalogue.DRIFT_RATE_CHANGES, len(changes), rate=rate)
        self._metrics.set(catalogue.DRIFT_BURSTS, 0 if report is None else len(report.bursts))

    def _features(self, report: DriftReport | None) -> None:
        for name in FEATURES:
            found = None if report is None else report.feature(name)
            score, p_value = (None, None) if found is None else (found.score, found.p_value)
            state = STATE_NUMBERS["not_enough_data" if found is None else found.state]
            self._metrics.set(catalogue.DRIFT_SCORE, score or 0.0, feature=name)
            self._metrics.set(catalogue.DRIFT_P_VALUE, 1.0 if p_value is None else p_value, feature=name)
            self._metrics.set(catalogue.DRIFT_STATE, state, feature=name)

    def _quality(self, report: DriftReport | None) -> None:
        found = {} if report is None else {each.metric: each for each in report.quality}
        for metric in catalogue.QUALITIES:
            for column in catalogue.DRIFT_QUALITY.labels["column"]:
                value = getattr(found.get(metric), column, None)
                shown = math.nan if value is None else value
                self._metrics.set(catalogue.DRIFT_QUALITY, shown, metric=metric, column=column)

    def _age(self) -> float:
        return math.nan if self._at_ms is None else (self._clock() - self._at_ms) / 1_000
