"""What a server shows of drift: who is asked about it, and the gauges that follow the last look."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tacit.bootstrap.repeating import now_ms, repeated

if TYPE_CHECKING:
    from tacit.bootstrap.app import App
    from tacit.bootstrap.drift_numbers import DriftNumbers
    from tacit.monitoring.drift.desk import DriftDesk
    from tacit.monitoring.drift.report import DriftReport, Thresholds
    from tacit.monitoring.interfaces import MetricSink
    from tacit.settings import Settings

FOLLOW_SECONDS = 5.0
"""How soon a server shows what a look found."""


def drift_desk(app: App) -> DriftDesk:
    """Where somebody asks about drift."""
    from tacit.monitoring.drift.desk import DriftDesk

    return DriftDesk(app.drift.store, now_ms, thresholds_of(app.settings))


def thresholds_of(settings: Settings) -> Thresholds:
    """Which scores mean something."""
    from tacit.monitoring.drift.report import Thresholds

    return Thresholds(settings.drift.warn, settings.retraining.drift_trigger)


@contextmanager
def watching_drift(app: App, metrics: MetricSink, *, every_seconds: float = FOLLOW_SECONDS) -> Iterator[DriftDesk]:
    """Have the gauges, and this process's detector, say what the last look found, for as long as a server runs."""
    from tacit.bootstrap.drift_numbers import DriftNumbers
    from tacit.monitoring.drift_detection import detector

    desk, numbers = drift_desk(app), DriftNumbers(metrics, now_ms)
    with repeated(_following(desk, numbers, detector.tell), name="drift", every_seconds=every_seconds):
        yield desk


def _following(
    desk: DriftDesk, numbers: DriftNumbers, tell: Callable[[DriftReport | None], None]
) -> Callable[[], None]:
    def follow() -> None:
        report = desk.latest()
        numbers.show(report)
        tell(report)

    return follow
