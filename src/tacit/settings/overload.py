"""The settings of overload."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator


class MemorySteps(BaseModel):
    """Shares of the memory in use at which something is given up."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True)

    warn: float = Field(default=0.80, gt=0, le=1)
    """From here on a warning is logged, and the metric says so."""
    critical: float = Field(default=0.85, gt=0, le=1)
    """From here on kept lists are given up, and jobs are refused."""
    degraded: float = Field(default=0.90, gt=0, le=1)
    """From here on health is `degraded`, and only health, events and users' lists are answered."""

    @model_validator(mode="after")
    def _steps_go_up(self) -> MemorySteps:
        if not self.warn <= self.critical <= self.degraded:
            raise ValueError("memory.warn, critical and degraded must not go down; raise the later ones")
        return self


class Overload(BaseModel):
    """What is given up first where there is more to do than can be done."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True)

    soft_ms: int = Field(default=300, ge=1, le=60_000)
    """Milliseconds after which a list comes from a cheaper step of the chain, and says `degraded`."""
    hard_ms: int = Field(default=2_000, ge=10, le=600_000)
    """Milliseconds after which a request is answered 503 `deadline_exceeded`, whatever it waits for."""
    least_at_once: int = Field(default=4, ge=1, le=1_024)
    """Questions that may be worked on at once, however slow answers have become."""
    most_at_once: int = Field(default=40, ge=1, le=1_024)
    """Questions that may be worked on at once, however fast answers are; also the threads there are for them."""
    operator_threads: int = Field(default=4, ge=1, le=256)
    """Threads for what operators ask, apart from those that answer."""
    page_threads: int = Field(default=8, ge=1, le=256)
    """Threads for pages, likewise."""
    queue_ms: int = Field(default=100, ge=0, le=10_000)
    """Longest that a question waits for its turn, in milliseconds; 0 refuses at once."""
    reduced_limit: int = Field(default=10, ge=1, le=1_000)
    """The longest list while questions have to wait; one that is cut to it says `degraded`."""
    head_seconds: float = Field(default=10.0, gt=0, le=600)
    """How long the head of a request may take to arrive."""
    body_idle_seconds: float = Field(default=10.0, gt=0, le=600)
    """How long a body may pause while it arrives, and an answer while it is fetched."""
    body_seconds: float = Field(default=60.0, gt=0, le=3_600)
    """How long a whole body may take to arrive."""
    memory: MemorySteps = MemorySteps()

    @model_validator(mode="after")
    def _soft_comes_first(self) -> Overload:
        if self.soft_ms > self.hard_ms:
            raise ValueError("soft_ms is above hard_ms; set it to no more")
        if self.least_at_once > self.most_at_once:
            raise ValueError("least_at_once is above most_at_once; set it to no more")
        return self
