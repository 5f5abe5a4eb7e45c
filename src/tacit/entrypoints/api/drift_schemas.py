"""The shapes of drift over the wire, for the interface's description."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

StateName = Literal["ok", "warn", "retrain", "not_enough_data"]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class BarBody(_Body):
    """One cell of a feature: its shares of the reference and of the window."""

    label: str
    before: float
    now: float


class FeatureBody(_Body):
    """How far one feature has moved."""

    name: str
    title: str
    state: StateName
    units: int = Field(description="Events, or lists, in the window.")
    score: float | None = Field(description="From 0 to 1; 0.3 is the edge of what its history does by itself.")
    effect: float | None = Field(description="The bounded effect size as it is.")
    measure: str = Field(description="Which effect size it is.")
    edge: float | None = Field(description="The effect at which the score is 0.3.")
    chance: float | None = Field(description="How often a stable window gets so far, by its history.")
    p_value: float | None = Field(description="That of the textbook test, which takes all for independent.")
    cramers_v: float | None
    reference_units: int
    windows: float = Field(description="Windows side by side in the history behind the calibration.")
    season: Literal["none", "day", "week"]
    bars: list[BarBody] = Field(description="The cells that moved most.")


class QualityBody(_Body):
    """One measure of quality: what it was, what it should be without asking a click, what the clicks say."""

    metric: str
    baseline: float | None
    estimated: float | None
    measured: float | None
    low: float | None
    high: float | None
    units: int
    state: StateName


class RateChangeBody(_Body):
    """A change of an online rate that the streaming detector saw."""

    rate: str
    at_ms: int
    before: float
    after: float


class BurstBody(_Body):
    """An item that is chosen far more often than it was."""

    item: str
    name: str
    count: int
    expected: float
    z: float


class DriftBody(_Body):
    """One look at drift; times are milliseconds since 1970, UTC."""

    at_ms: int
    from_ms: int
    to_ms: int
    reference_from_ms: int
    version: int | None
    overall: float | None = Field(description="The largest score; null where there was not enough data for any.")
    state: StateName
    features: list[FeatureBody]
    quality: list[QualityBody] = Field(description="Drift is not damage: estimated and measured quality beside it.")
    rates: list[RateChangeBody]
    bursts: list[BurstBody]
    retraining: Literal["none", "asked", "answered", "held"]
    job_id: str | None


class DriftPointBody(_Body):
    """One look, as a chart over time shows it."""

    at_ms: int
    overall: float | None
    state: StateName
    scores: dict[str, float | None]
    retraining: str


class DriftHistoryBody(_Body):
    """The last looks, oldest first."""

    looks: list[DriftPointBody]
