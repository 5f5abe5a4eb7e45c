"""What came of simulated traffic: counted while it runs, told in the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tacit.client import Recommendations, Report, Undelivered
from tacit.errors import TacitError

_KEPT_TIMES = 100_000


@dataclass
class Lists:
    """Lists that somebody with a name looked at.

    Attributes:
        shown: How many.
        clicked: How many of them were clicked, once or more.
        chances: The sum of the chances that they would be.
    """

    shown: int = 0
    clicked: int = 0
    chances: float = 0.0

    def add(self, *, is_clicked: bool, chance: float) -> None:
        """One more."""
        self.shown += 1
        self.clicked += is_clicked
        self.chances += chance

    def told(self) -> dict[str, Any]:
        """Counts and rates; the expected rate is the one without the noise of the clicks."""
        per_list = max(1, self.shown)
        rates = {"ctr": round(self.clicked / per_list, 4), "expected_ctr": round(self.chances / per_list, 4)}
        return {"shown": self.shown, "clicked": self.clicked, **rates}


@dataclass
class Tally:
    """Everything counted."""

    asked: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    unknown: int = 0
    late: int = 0
    degraded: int = 0
    whole: Lists = field(default_factory=Lists)
    by_source: dict[str, Lists] = field(default_factory=dict)
    by_version: dict[str, Lists] = field(default_factory=dict)
    dropped: Counter[str] = field(default_factory=Counter)
    _times: list[float] = field(default_factory=list)

    def answered(self, question: str, seconds: float) -> None:
        """Something was asked and answered, the tries of it together in so many seconds."""
        self.asked[question] += 1
        if len(self._times) < _KEPT_TIMES:
            self._times.append(seconds)

    def refused(self, question: str, error: TacitError) -> None:
        """Something was asked and not answered."""
        self.asked[question] += 1
        self.failed[error.code] += 1

    def looked_at(self, shown: Recommendations, *, is_clicked: bool, chance: float) -> None:
        """Somebody with a name looked at a list."""
        by = (self.by_source, shown.source), (self.by_version, shown.model_version)
        for lists in (self.whole, *(counted.setdefault(name, Lists()) for counted, name in by)):
            lists.add(is_clicked=is_clicked, chance=chance)

    def gave_up(self, event: Undelivered) -> None:
        """An event has no effect."""
        self.dropped[event.code] += 1

    def told(self, seconds: float, report: Report | None = None) -> dict[str, Any]:
        """All of it as plain values.

        Args:
            seconds: How long it took.
            report: What became of events since none was told.
        """
        asked = sum(self.asked.values())
        return {
            "seconds": round(seconds, 1),
            "asked": asked,
            "per_minute": round(asked / max(seconds, 1e-9) * 60, 1),
            "questions": dict(self.asked.most_common()),
            "unknown_users": self.unknown,
            "failed": dict(self.failed.most_common()),
            "late": self.late,
            "degraded": self.degraded,
            "lists": self.whole.told(),
            "sources": {name: each.told() for name, each in sorted(self.by_source.items())},
            "versions": {name: each.told() for name, each in sorted(self.by_version.items())},
            "events": {**_events(report), "dropped": dict(self.dropped)},
            "latency_ms": {"p50": _at(self._times, 0.5), "p95": _at(self._times, 0.95), "p99": _at(self._times, 0.99)},
        }


def _events(report: Report | None) -> dict[str, int]:
    if report is None:
        return {}
    return {"stored": report.stored, "duplicates": report.duplicates, "unsent": len(report.unsent)}


def _at(times: Sequence[float], share: float) -> float | None:
    """A quantile in milliseconds."""
    if not times:
        return None
    return round(sorted(times)[min(len(times) - 1, int(share * len(times)))] * 1_000, 2)
