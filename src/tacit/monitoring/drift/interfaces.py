"""Where looks at drift are kept, and where what they need is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tacit.monitoring.drift.happenings import Longs, Shown
from tacit.monitoring.drift.report import DriftReport


class DriftStore(Protocol):
    """Every look, in the order of time."""

    def add(self, report: DriftReport) -> None:
        """Keep a look; another one of the same millisecond takes its place."""
        ...

    def latest(self) -> DriftReport | None:
        """The last look; `None` if there was none."""
        ...

    def looks(self, *, limit: int, before_ms: int | None = None) -> Sequence[DriftReport]:
        """The last looks, newest first.

        Args:
            limit: At most so many.
            before_ms: Only those made before this moment.
        """
        ...

    def prune(self, before_ms: int) -> int:
        """Forget the looks made before some moment, but for the last one; how many these were."""
        ...


class DriftSource(Protocol):
    """What was shown, and what was set aside."""

    def shown(self, *, since_ms: int, until_ms: int, settle_ms: int, limit: int) -> Shown:
        """The lists of a time, in the order of time.

        Args:
            since_ms: Shown at this moment or later.
            until_ms: And before that one.
            settle_ms: How long after a list an event still counts for it.
            limit: At most so many, the latest.
        """
        ...

    def received(self, *, since_ms: int, limit: int) -> Longs:
        """When events came in, since a moment, that were set aside: at most so many, the latest, in order."""
        ...
