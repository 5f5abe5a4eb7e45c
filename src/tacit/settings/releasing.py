"""The settings of how versions reach users: rollouts, what counts for a list, A/B tests, and where runs are told of."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

_FROZEN = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True)


class RolloutChoices(BaseModel):
    """How a version is brought to users, and what ends that."""

    model_config = _FROZEN

    steps: tuple[float, ...] = (5.0, 25.0, 100.0)
    """Percentages of the users who meet it, one after the other; the last is 100."""
    advance: Literal["automatic", "manual"] = "automatic"
    """Whether a stage that passed leads on by itself, or waits for `tacit rollout advance`."""
    bake_minutes: float = Field(default=10.0, ge=0, le=10_080)
    """How long each stage lasts at least."""
    watch_minutes: float = Field(default=30.0, ge=0, le=10_080)
    """How long the new champion is watched."""
    return_days: float = Field(default=7.0, ge=0, le=365)
    """For how long a version that was champion, and was replaced by a better one, goes back without baking."""
    every_seconds: float = Field(default=2.0, gt=0, le=60)
    """How often each server looks."""
    settling_seconds: float = Field(default=3.0, ge=0, le=60)
    """How long servers may take to follow a stage; lists shown until then are not judged."""
    min_requests: int = Field(default=200, ge=30)
    """Requests that a stage needs."""
    min_users: int = Field(default=20, ge=1)
    """Users that a stage needs."""
    min_mirrored: int = Field(default=200, ge=30)
    """Requests that it must have answered in secret before any user meets it."""
    max_error_rise: float = Field(default=0.005, ge=0, lt=1)
    """How much larger the share of its failed requests may be than the champion's."""
    max_errors: float = Field(default=0.02, gt=0, lt=1)
    """The share of failed requests that is too much where there is no champion to compare with."""
    max_degraded_rise: float = Field(default=0.05, ge=0, lt=1)
    """How much larger the share of its degraded answers may be than the champion's."""
    latency_ratio: float = Field(default=1.5, ge=1, le=100)
    """How many times as long as the champion's its slow requests may take."""
    latency_budget_seconds: float = Field(default=0.05, ge=0, le=10)
    """And how much longer than that."""
    max_latency_seconds: float = Field(default=0.8, gt=0, le=10)
    """What slow requests may take where there is no champion to compare with."""
    max_ctr_drop: float = Field(default=0.1, ge=0, lt=1)
    """Largest relative drop of the click-through rate."""
    clicks: Literal["required", "ignored"] = "required"
    """Whether a stage passes only once clicks are known, or they are not looked at."""
    min_overlap: float = Field(default=0.05, ge=0, le=1)
    """Mean share of a list that it must have in common with the champion's, while it is asked in secret."""
    max_score_shift: float | None = Field(default=None, gt=0)
    """Largest mean difference between its scores and the champion's; unset, any."""

    @model_validator(mode="after")
    def _steps_go_up_to_all(self) -> RolloutChoices:
        if not self.steps or self.steps[-1] != 100 or self.steps[0] <= 0 or sorted(set(self.steps)) != [*self.steps]:
            raise ValueError("steps are not rising percentages that end with 100; set them as [5, 25, 100]")
        return self


class Attribution(BaseModel):
    """Which events count for a list that was shown."""

    model_config = _FROZEN

    window_hours: float = Field(default=24.0, gt=0, le=720)
    """How long after a list was shown an event that names it still counts for it."""


class Ab(BaseModel):
    """A/B tests."""

    model_config = _FROZEN

    enabled: bool = True
    """Whether any may run; off, those that run are ended by whichever server is there, and none can be started."""
    check_seconds: float = Field(default=30.0, gt=0, le=3_600)
    """How often a server looks whether a test must end, and what came of the lists that were shown."""


class Experiments(BaseModel):
    """Where runs are told of beside our own ledger."""

    model_config = _FROZEN

    tracker: Literal["none", "mlflow"] = "none"
    """Who is told of every run beside our own ledger; `mlflow` needs the extra `mlflow`."""
    tracking_uri: SecretStr | None = None
    """Where MLflow keeps runs: `http://host:5000`, `sqlite:///…`, …; unset, a SQLite file in `home`.

    Give it in the environment rather than in a file that others read: it may hold a password, which is never shown.
    """
    tracker_seconds: float = Field(default=30.0, gt=0, le=3_600)
    """How long one call to the tracker may take; after one that failed or took longer it is left alone."""
