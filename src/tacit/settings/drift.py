"""The settings of drift: how often somebody looks, at what, and from where on it matters."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Drift(BaseModel):
    """Whether users still do what they did.  A training is asked for above `retraining.drift_trigger`."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True)

    every_minutes: float = Field(default=60.0, ge=0, le=10_080)
    """How often a server looks, in minutes; 0 for never."""
    window_hours: float = Field(default=24.0, gt=0, le=2_160)
    """How far back what is looked at reaches."""
    reference_days: float = Field(default=28.0, gt=0, le=3_650)
    """How far back what it is held against reaches before that; twice as much before it calibrates it."""
    warn: float = Field(default=0.3, ge=0, le=1)
    """The score from which somebody is told; 0.3 is the edge of what the history does by itself."""
    alarm_share: float = Field(default=0.005, gt=0, lt=0.5)
    """How often a look at users who do what they did may warn all the same, all features together."""
    least_effect: float = Field(default=0.05, ge=0, lt=1)
    """The least change that is worth a word, as a share of complete change, however surely it is there."""
    least_units: int = Field(default=100, ge=20, le=100_000)
    """Events, or lists, that a window must have; with fewer, there is not enough data."""
    most_events: int = Field(default=200_000, ge=1_000, le=5_000_000)
    """Events that are read at most, the latest; they bound what a look takes, about 300 bytes each."""
    most_lists: int = Field(default=100_000, ge=1_000, le=5_000_000)
    """Lists that are read at most, the latest."""
    settle_minutes: float = Field(default=30.0, gt=0, le=1_440)
    """How long after a list a click on it counts here; younger lists are not looked at yet."""
    keep_days: int = Field(default=400, ge=1)
    """Age at which a look is forgotten, and with the last one of a day its report."""
    is_seasonal: bool = True
    """Whether a reference is weighed as the window lies in the day and the week, so that Sundays meet Sundays."""
