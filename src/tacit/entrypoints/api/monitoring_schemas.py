"""The shapes of metrics and of runs in MLflow's words."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class SeriesBody(_Body):
    """One series of a metric."""

    labels: dict[str, str]
    value: float | None = Field(description="Null where there is no number yet.")


class MetricBody(_Body):
    """A metric."""

    name: str
    kind: str
    help: str
    series: list[SeriesBody]


class MetricsBody(_Body):
    """What a process measures."""

    metrics: list[MetricBody]


class MlflowInfoBody(_Body):
    """What a run is."""

    run_id: str
    run_name: str
    experiment_id: str
    status: Literal["FINISHED", "KILLED", "FAILED"]
    start_time: int = Field(description="Milliseconds since 1970, UTC.")
    end_time: int


class MlflowMetricBody(_Body):
    """A score."""

    key: str
    value: float


class MlflowParamBody(_Body):
    """A setting, or a fact."""

    key: str
    value: str


class MlflowDataBody(_Body):
    """What a run scored, and what it was run with."""

    metrics: list[MlflowMetricBody]
    params: list[MlflowParamBody]
    tags: list[MlflowParamBody]


class MlflowRun(_Body):
    """A run."""

    info: MlflowInfoBody
    data: MlflowDataBody


class MlflowRunBody(_Body):
    """One run."""

    run: MlflowRun


class MlflowRunsBody(_Body):
    """Runs."""

    runs: list[MlflowRun]
