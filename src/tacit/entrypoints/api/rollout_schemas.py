"""The shapes of rollouts over the wire, for the interface's description."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

RolloutState = Literal[
    "shadow", "canary", "flipping", "watching", "reverting", "done", "aborted", "failed", "superseded"
]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class LimitsBody(_Body):
    """What the version must show, and may not do; as in the settings under `rollout`."""

    min_requests: int
    min_users: int
    min_mirrored: int
    max_error_rise: float
    max_errors: float
    max_degraded_rise: float
    latency_ratio: float
    latency_budget_seconds: float
    max_latency_seconds: float
    max_ctr_drop: float
    clicks: Literal["required", "ignored"]
    min_overlap: float
    max_score_shift: float | None


class CourseBody(_Body):
    """What was agreed when it began."""

    steps: list[float] = Field(description="Percentages of the users; none where it goes back to what was good.")
    bake_seconds: float
    watch_seconds: float
    limits: LimitsBody


class RolloutBody(_Body):
    """A version on its way to users."""

    rollout_id: int
    version: str = Field(examples=["recommender/4"])
    replaces: str = Field(description="The champion when it began.", examples=["recommender/3"])
    state: RolloutState
    stage: str = Field(description="Within what requests are counted.", examples=["canary-5"])
    share: float = Field(description="The share of users who were last given the version, from 0 to 1.")
    advance: Literal["automatic", "manual"]
    forced: bool
    actor: str
    reason: str
    opened_at: str
    entered_at: str = Field(description="Since when it is in this state.")
    by: str = Field(description="Who brought it there; `rollout-keeper` is the platform itself.")
    reasons: list[str]
    revision: int
    course: CourseBody


class JudgedFindingBody(_Body):
    """One check of a stage."""

    gate: str = Field(examples=["errors", "latency_p95", "clicks"])
    outcome: Literal["pass", "fail", "insufficient"]
    reason: str
    numbers: dict[str, float | None] = Field(
        description="`measured` beside its `limit`, and what else it rests on; null for what is no number."
    )
    limits: dict[str, float] = Field(default={}, description="Empty: here the `limit` is among the numbers.")


class JudgedIdleBody(_Body):
    """A check that had nothing to go by, and stands in nobody's way."""

    gate: str
    reason: str


class JudgedBody(_Body):
    """What a stage comes to so far; empty where there is nothing to judge."""

    verdict: Literal["pass", "fail", "insufficient"] | None = None
    reasons: list[str] = []
    findings: list[JudgedFindingBody] = []
    idle: list[JudgedIdleBody] = []


class RolloutStepBody(_Body):
    """One step of its history."""

    rollout_id: int
    revision: int
    state: RolloutState
    stage: str
    actor: str
    at_ms: int
    at: str
    reasons: list[str]
    findings: JudgedBody = Field(description="The verdict it rests on; empty where a person decided without.")


class RolloutStatusBody(RolloutBody):
    """A rollout, what its stage comes to so far, and how it came there."""

    judged: JudgedBody
    history: list[RolloutStepBody]


class RolloutsBody(_Body):
    """The latest rollouts."""

    rollouts: list[RolloutBody] = Field(description="Newest first.")


def _body(properties: dict[str, Any], *, required: tuple[str, ...] = ()) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": properties}
    if required:
        schema["required"] = list(required)
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


_REASON = {"type": "string", "minLength": 1, "maxLength": 1000, "description": "Why; ledger and audit trail keep it."}

START_BODY = _body(
    {
        "version": {"type": "integer", "minimum": 1},
        "reason": _REASON,
        "advance": {"enum": ["automatic", "manual"]},
        "steps": {
            "type": "array",
            "items": {"type": "number", "exclusiveMinimum": 0, "maximum": 100},
            "minItems": 1,
            "maxItems": 100,
        },
        "force": {"type": "boolean", "description": "Although the gate's verdict is not pass; audited."},
    },
    required=("version", "reason"),
)
"""What is brought to users, and how."""

DECIDE_BODY = _body({"reason": _REASON}, required=("reason",))
"""Why somebody decides so."""

PROMOTE_BODY = _body({"reason": _REASON, "to": {"enum": ["next", "all"], "default": "next"}}, required=("reason",))
"""How far, and why."""
