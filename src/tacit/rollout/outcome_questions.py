"""Questions about what came of the lists that were shown, as a person puts them (pure but for the store asked)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from tacit.data.validation import escaped
from tacit.errors import BadInput
from tacit.rollout.outcomes import OutcomeReports, Outcomes
from tacit.rollout.traffic import TrafficStore

WAYS = ("source", "version", "arm")
"""By what lists may be counted."""

_AGO = re.compile(r"([0-9]{1,6})([smhd])")
_MILLISECONDS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of lists.

    Attributes:
        by: By what they are counted: `source`, `version` or `arm`.
        since_ms: Since when they were shown, in milliseconds since 1970, UTC.
        split_id: The split whose arms they are counted by.
        outcomes: What came of those shown to known users.
        anonymous: By source, what came of those shown to nobody known; only where all are counted by source.
    """

    by: str
    since_ms: int
    split_id: str | None
    outcomes: Mapping[str, Outcomes]
    anonymous: Mapping[str, Outcomes]

    def as_dict(self) -> dict[str, Any]:
        """The answer as plain values; a rate of nothing is `None`."""
        told = {name: _told(getattr(self, name)) for name in ("outcomes", "anonymous")}
        return {"by": self.by, "since_ms": self.since_ms, "split_id": self.split_id, **told}


@dataclass(frozen=True)
class OutcomeDesk:
    """Where somebody asks what came of lists.

    Attributes:
        outcomes: Knows it.
        traffic: Knows which split is in force.
        name: The model whose users are divided.
    """

    outcomes: OutcomeReports
    traffic: TrafficStore
    name: str

    def ask(self, by: str, *, since_ms: int, split_id: str | None = None) -> Answer:
        """What came of the lists since some moment.

        Args:
            by: By what to count them.
            since_ms: The moment.
            split_id: The split whose arms are meant; else the one in force.

        Raises:
            BadInput: `value_range` for another way to count, `field_missing` where no split is in force and none named.
        """
        if by == "source":
            found, nobody = self.outcomes.by_source(since_ms=since_ms), self.outcomes.anonymous(since_ms=since_ms)
            return Answer(by, since_ms, None, found, nobody)
        if by == "version":
            return Answer(by, since_ms, None, self.outcomes.by_version(since_ms=since_ms), {})
        if by == "arm":
            split_id = split_id or self._split_in_force()
            return Answer(by, since_ms, split_id, self.outcomes.by_arm(split_id, since_ms=since_ms), {})
        detail = f"by is '{escaped(by)}', which is none of {', '.join(WAYS)}."
        raise BadInput("value_range", detail, field="by", fix="Choose one of them.")

    def _split_in_force(self) -> str:
        split = self.traffic.plan(self.name).split
        if split is None:
            detail = "No users are divided now, and it is not said of which split the arms are meant."
            raise BadInput("field_missing", detail, field="split", fix="Name it: `ab-1`, `rollout-1`.")
        return split.split_id


def moment_of(text: str, *, now_ms: int, field: str = "since") -> int:
    """The moment that somebody means by `24h`, `7d`, or a time in ISO 8601 with a zone; in milliseconds since 1970.

    Raises:
        BadInput: `timestamp_unit`.
    """
    if ago := _AGO.fullmatch(text):
        return max(0, now_ms - int(ago[1]) * _MILLISECONDS[ago[2]])
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        detail = f"{field} is '{escaped(text)}', which is neither a while ago nor a time with a zone."
        raise BadInput("timestamp_unit", detail, field=field, fix="Write 24h, 7d, or 2026-01-31T12:00:00Z.")
    return max(0, round((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1_000))


def _told(outcomes: Mapping[str, Outcomes]) -> dict[str, Any]:
    return {key: {**asdict(each), "ctr": each.ctr if each.lists else None} for key, each in outcomes.items()}
