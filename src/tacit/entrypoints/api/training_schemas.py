"""The shapes of training over the wire, for the interface's description."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

KindName = Literal["train", "full_refit", "search", "evaluate", "precompute", "drift"]
StateName = Literal["queued", "running", "succeeded", "failed", "cancelled"]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class JobProblemBody(_Body):
    """Why a job, or its last try, came to nothing."""

    code: str
    detail: str
    fix: str | None


class JobBody(_Body):
    """A job in the background; times are milliseconds since 1970, UTC."""

    job_id: str
    kind: KindName
    parameters: dict[str, Any]
    why: Literal["schedule", "staleness", "drift", "person"] = Field(description="What asked for it.")
    actor: str = Field(description="Who.")
    state: StateName
    tries: int = Field(description="How often it was begun.")
    queued_at_ms: int
    start_after_ms: int = Field(description="Not before then is it begun: later where a try failed.")
    started_at_ms: int | None
    ended_at_ms: int | None
    step: str = Field(description="What is being done.")
    share: float = Field(description="How much of that step is done, from 0 to 1.")
    cancelled_by: str | None
    outcome: dict[str, Any] | None = Field(description="What it brought; null until it succeeded.")
    problem: JobProblemBody | None


class LoggedJobBody(JobBody):
    """A job with what it said."""

    log: str = Field(description="The end of what it said.")


class JobsBody(_Body):
    """The latest jobs, newest first."""

    jobs: list[JobBody]


class EvaluationBody(_Body):
    """What the model of a run scored on what was held out."""

    run_id: str
    version: str = Field(examples=["recommender/3"])
    metrics: dict[str, float | None]
    intervals: dict[str, list[float | None]]
    segments: dict[str, dict[str, float | None]]
    baselines: dict[str, dict[str, float | None]]
    gate: dict[str, Any] | None = Field(description="What the gate said; null where nothing was judged.")


def _parameters(**properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": properties}


_WHOLE: dict[str, Any] = {"type": "integer", "minimum": 1}
_AMOUNT = {"type": "number", "minimum": 1e-9, "maximum": 1e9}

PRECOMPUTE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "An object, empty for the champion's lists.",
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {
                        "version": {**_WHOLE, "maximum": 2**31 - 1, "description": "Number of a version."},
                        "count": {**_WHOLE, "maximum": 1_000, "description": "How long a list is; else the setting."},
                    },
                },
                "example": {"count": 100},
            }
        },
    }
}
"""Which lists are to be made beforehand, as the body of a request."""

TRAIN_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["model_type"],
                    "additionalProperties": False,
                    "properties": {
                        "model_type": {"type": "string", "enum": ["als"]},
                        "parameters": _parameters(
                            dataset={"type": "string", "description": "What to learn from; else the setting."},
                            factors={**_WHOLE, "maximum": 4_096},
                            iterations={**_WHOLE, "maximum": 1_000},
                            alpha=_AMOUNT,
                            regularization=_AMOUNT,
                            seed={"type": "integer", "minimum": 0, "maximum": 2**31 - 1},
                            warm_start={
                                "anyOf": [{**_WHOLE, "maximum": 2**31 - 1}, {"type": "string", "enum": ["champion"]}],
                                "description": "Number of a version whose item factors to start from.",
                            },
                        ),
                    },
                },
                "example": {"model_type": "als", "parameters": {"factors": 100, "iterations": 50}},
            }
        },
    }
}
"""What to train, as the body of a request."""
