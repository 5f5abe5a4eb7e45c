"""The settings of work in the background: what is done by itself, when, and what it may take."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

Cadence = Literal["daily", "weekly", "monthly", "quarterly", "off"]


class Retraining(BaseModel):
    """Training that happens by itself; what comes of it is a candidate, and reaches nobody by itself."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True)

    schedule: Cadence = "weekly"
    """How often a candidate is trained on what is new."""
    warm_start: bool = True
    """Whether what is trained so, or out of turn, goes on from what the champion learnt, instead of from nothing."""
    full_refit: Cadence = "monthly"
    """How often one is trained from nothing."""
    search: Cadence = "quarterly"
    """How often better settings are looked for."""
    precompute: Cadence = "daily"
    """How often everybody's list is made beforehand, for when there is no time to work one out."""
    precompute_count: int = Field(default=100, ge=1, le=1_000)
    """How long such a list is."""
    hour: int = Field(default=3, ge=0, le=23)
    """The hour, UTC, from which it is begun: on Mondays, on the first of a month, of a quarter."""
    stale_days: float | None = Field(default=30.0, gt=0, le=36_500)
    """Age of the newest version, in days, at which one is trained out of turn."""
    drift_trigger: float = Field(default=0.6, ge=0, le=1)
    """Drift score above which one is trained out of turn."""
    cooldown_hours: float = Field(default=24.0, ge=0, le=8_760)
    """How long after a training none is begun out of turn, but by a person."""
    tries: int = Field(default=3, ge=1, le=20)
    """How often a job is begun at most, where the system was at fault."""
    retry_seconds: float = Field(default=30.0, ge=0, le=86_400)
    """The pause before a second try; each further one is twice as long, up to an hour, less what chance takes off."""
    search_minutes: float = Field(default=10.0, ge=0.01, le=1_440)
    """How long a search goes on at most."""
    niceness: int = Field(default=15, ge=0, le=19)
    """How far a job's process steps back behind others; with 19, it gets only time that nobody else wants.

    Less than 10 is for machines that answer nobody.
    """
    threads: int | None = Field(default=None, ge=1, le=1_024)
    """Threads of a job's process; unset, one for each processor but one, so that answering has one to itself."""
    memory_limit_mib: int | None = Field(default=None, ge=64)
    """Memory a job's process may hold, in MiB, before it is ended; unset, as much as there is."""
    keep_days: int = Field(default=400, ge=1)
    """Age at which a job that ended is forgotten, and its log."""
    runner: Literal["process", "celery"] = "process"
    """Who runs jobs: the server, in a process beside it, or Celery's workers (needs the extra `celery`)."""
    broker_url: SecretStr | None = None
    """Celery's broker, as `redis://:password@host:6379/1`.

    Give it in the environment rather than in a file that others read: it may hold a password, which is never shown.
    """

    @model_validator(mode="after")
    def _workers_can_be_told(self) -> Retraining:
        if self.runner == "celery" and self.broker_url is None:
            raise ValueError("runner is celery, and broker_url names no broker; set it")
        return self
