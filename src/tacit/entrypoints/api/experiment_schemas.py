"""The shapes of experiments over the wire, for the interface's description."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class RunBody(_Body):
    """A run: what decided it, what it scored, what it cost."""

    run_id: str
    kind: Literal["sweep", "search", "final", "training"] = Field(
        description="`final` is what a sweep or search chose; `training` is that of a version."
    )
    experiment: str = Field(examples=["seven"])
    name: str = Field(description="The configuration, the trial, or the version.", examples=["production"])
    dataset: str
    snapshot: str = Field(description="Fingerprint of the data.")
    code: str = Field(description="Digest of the code that trained.")
    fold: Literal["validation", "holdout"] = Field(description="What it was scored on.")
    parameters: dict[str, Any]
    key: str = Field(description="Digest of all that decided it; runs with one key learn the same factors.")
    seed: int | None
    state: Literal["complete", "pruned", "failed"]
    metrics: dict[str, float] = Field(description="Over full rankings.", examples=[{"ndcg@10": 0.31}])
    curves: dict[str, list[list[float]]] = Field(description="What was measured by iteration.")
    seconds: float = Field(description="Of training.")
    peak_memory: int | None = Field(description="Most bytes that the process held.")
    factor_bytes: int
    factors_digest: str | None
    problem: str | None = Field(description="Why it failed.")
    started_at: str
    ended_at: str
    copy_of: str | None = Field(description="The run whose outcome it repeats.")


class RunsBody(_Body):
    """Runs, the latest first."""

    runs: list[RunBody]


class ChoiceBody(_Body):
    """Which run of an experiment was chosen, and why."""

    choice_id: str
    experiment: str
    snapshot: str
    run_id: str
    rule: dict[str, Any]
    rationale: str
    actor: str
    at: str


class ChoicesBody(_Body):
    """Choices, the latest first."""

    choices: list[ChoiceBody]
