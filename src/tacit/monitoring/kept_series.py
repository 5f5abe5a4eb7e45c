"""The series of one metric, each looked up once: for who changes some of them at every answer."""

from __future__ import annotations

from tacit.monitoring.interfaces import MetricSink, Series
from tacit.monitoring.metric import Metric


class KeptSeries(dict[str, Series]):
    """Series by the value of their one label.

    Args:
        metrics: Where they are.
        metric: What has one label.
    """

    def __init__(self, metrics: MetricSink, metric: Metric) -> None:
        super().__init__()
        self._metrics, self._metric = metrics, metric
        [self._label] = metric.labels

    def __missing__(self, value: str) -> Series:
        found = self[value] = self._metrics.series(self._metric, **{self._label: value})
        return found
