"""Where somebody asks how far the world has moved: now, over time, and on one day."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from tacit.errors import BadInput, NotFound
from tacit.monitoring.drift.interfaces import DriftStore
from tacit.monitoring.drift.page import report_page
from tacit.monitoring.drift.report import DriftReport, Thresholds

MOST = 1_000
"""Looks that one question may ask for."""
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_FIX = "Run `tacit drift run`, or let a server run: it looks every `drift.every_minutes`."


@dataclass(frozen=True)
class DriftPoint:
    """One look, as a chart over time shows it.

    Attributes:
        at_ms: When it was made.
        overall: Its overall score; `None` where nothing was known.
        state: What that came to.
        scores: The score of each feature; `None` where there was not enough data.
        retraining: What was done about it.
    """

    at_ms: int
    overall: float | None
    state: str
    scores: dict[str, float | None]
    retraining: str

    @classmethod
    def of(cls, report: DriftReport) -> DriftPoint:
        """What a chart needs of a look."""
        scores = {each.name: each.score for each in report.features}
        return cls(report.at_ms, report.overall, report.state, scores, report.retraining)

    def as_dict(self) -> dict[str, Any]:
        """The point as plain values."""
        return {
            "at_ms": self.at_ms,
            "overall": self.overall,
            "state": self.state,
            "scores": self.scores,
            "retraining": self.retraining,
        }


@dataclass(frozen=True)
class DriftDesk:
    """Answers questions about drift from the looks that were kept.

    Attributes:
        store: Where they are.
        clock: Tells the time, in milliseconds since 1970.
        thresholds: Which scores mean something.
    """

    store: DriftStore
    clock: Callable[[], int]
    thresholds: Thresholds = field(default_factory=Thresholds)

    def latest(self) -> DriftReport | None:
        """The last look: drift, estimated and measured quality; `None` if there was none."""
        return self.store.latest()

    def shown(self) -> DriftReport:
        """The last look.

        Raises:
            NotFound: `drift_unknown` if there was none.
        """
        found = self.latest()
        if found is None:
            raise NotFound("drift_unknown", "Nobody has looked for drift yet.", fix=_FIX)
        return found

    def history(self, *, limit: int = 200) -> Sequence[DriftPoint]:
        """The last looks, oldest first, as a chart wants them."""
        return [DriftPoint.of(each) for each in reversed(self.store.looks(limit=min(limit, MOST)))]

    def of_day(self, day: str) -> DriftReport:
        """The last look of a day in UTC.

        Raises:
            BadInput: `date_invalid`.
            NotFound: `report_unknown`.
        """
        chosen = _day(day)
        began = datetime(chosen.year, chosen.month, chosen.day, tzinfo=UTC)
        end_ms = int((began + timedelta(days=1)).timestamp() * 1_000)
        found = self.store.looks(limit=1, before_ms=end_ms)
        if not found or found[0].at_ms < int(began.timestamp() * 1_000):
            raise NotFound("report_unknown", f"There is no report of {chosen}.", field="date", fix=_FIX)
        return found[0]

    def page(self, report: DriftReport) -> str:
        """The daily report: HTML that needs nothing else, with the two weeks before it."""
        points = [DriftPoint.of(each) for each in self.store.looks(limit=MOST, before_ms=report.at_ms + 1)]
        since = report.at_ms - 14 * 86_400_000
        recent = [each for each in reversed(points) if each.at_ms >= since]
        return report_page(report, [(each.at_ms, each.overall) for each in recent], self.thresholds)


def day_of(at_ms: int) -> str:
    """The day in UTC that a moment lies in, as `2026-11-22`."""
    return datetime.fromtimestamp(at_ms / 1_000, UTC).date().isoformat()


def _day(text: str) -> date:
    fix = "Give a day as 2026-11-22."
    if not _DAY.fullmatch(text):
        raise BadInput("date_invalid", "That is no day.", field="date", fix=fix)
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise BadInput("date_invalid", "There is no such day.", field="date", fix=fix) from error
