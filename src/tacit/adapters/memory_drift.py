"""Looks at drift, in memory: for tests and for trying things out."""

from __future__ import annotations

from collections.abc import Sequence

from tacit.monitoring.drift.report import DriftReport


class MemoryDriftStore:
    """A `DriftStore` that forgets with its process."""

    def __init__(self) -> None:
        self._looks: dict[int, DriftReport] = {}

    def add(self, report: DriftReport) -> None:
        self._looks[report.at_ms] = report

    def latest(self) -> DriftReport | None:
        return next(iter(self.looks(limit=1)), None)

    def looks(self, *, limit: int, before_ms: int | None = None) -> Sequence[DriftReport]:
        kept = sorted((at for at in self._looks if before_ms is None or at < before_ms), reverse=True)
        return [self._looks[at] for at in kept[:limit]]

    def prune(self, before_ms: int) -> int:
        last = max(self._looks, default=0)
        gone = [at for at in self._looks if at < before_ms and at != last]
        for at in gone:
            del self._looks[at]
        return len(gone)
