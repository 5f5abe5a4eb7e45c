"""The drift score by the name that whoever automates asks for: `detector.get_drift_score()`."""

from __future__ import annotations

from tacit.monitoring.drift.report import DriftReport, State

__all__ = ["DriftDetector", "detector"]


class DriftDetector:
    """The score of the last look that this process knows of."""

    def __init__(self) -> None:
        self._report: DriftReport | None = None

    def tell(self, report: DriftReport | None) -> None:
        """Take note of a look; a server does so whenever there is a new one."""
        self._report = report

    @property
    def state(self) -> State:
        """What the score comes to: `not_enough_data` while it rests on nothing."""
        return "not_enough_data" if self._report is None else self._report.state

    def get_drift_score(self) -> float:
        """The overall drift score, from 0 to 1; 0 while nothing is known, which `state` tells from stillness."""
        overall = None if self._report is None else self._report.overall
        return 0.0 if overall is None else overall


detector = DriftDetector()
"""The one of this process."""
