"""The shapes of A/B tests over the wire, for the interface's description."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tacit.entrypoints.api.outcomes import OutcomesBody
from tacit.rollout.ab import AB_METRICS
from tacit.rollout.ab_plans import ARM_SETTINGS, MAX_ARMS, MAX_TITLE_BYTES

Metric = Literal["ctr", "clicked_lists", "watch_seconds"]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class AbArmBody(_Body):
    """A part of the users, and what answers them."""

    name: str
    share: float
    version: int | None = Field(description="The version that answers; null for the champion.")
    settings: dict[str, float] = Field(description="Settings that are other for this arm.")


class AbGuardrailBody(_Body):
    """What no arm may do harm to."""

    metric: Metric
    harm_limit: float


class AbPlanBody(_Body):
    """What a test is to find out, and what it may cost."""

    title: str
    arms: list[AbArmBody] = Field(description="The first is the control.")
    metric: Metric
    harm_limit: float = Field(description="Certainty of more harm than this share ends the test.")
    guardrails: list[AbGuardrailBody]
    expected_effect: float
    min_users: int
    max_days: float
    history_days: float


class AbTestBody(_Body):
    """An A/B test."""

    number: int
    state: Literal["draft", "running", "stopped", "finished"]
    reason: str = Field(description="Why it ended.")
    split_id: str = Field(description="Names its split, in exposures and in `/api/v1/outcomes?by=arm&split=`.")
    created_at_ms: int
    started_at_ms: int | None
    ended_at_ms: int | None
    plan: AbPlanBody


class AbTestsBody(_Body):
    """All A/B tests, newest first."""

    tests: list[AbTestBody]


class AbEffectBody(_Body):
    """What an arm does to a metric beside the control; null where too few users say anything."""

    arm: str
    metric: Metric
    is_guardrail: bool
    finding: Literal["better", "worse", "harmful", "undecided", "too_few_users"]
    control: float | None
    value: float | None
    low: float | None = Field(description="Lower end of the interval of `value - control`; it holds at every look.")
    high: float | None
    relative: float | None
    relative_low: float | None
    relative_high: float | None
    reduction: float | None = Field(description="Share of the variance that users' history took away.")


class AbReportBody(AbTestBody):
    """What is known of a test now."""

    outcomes: dict[str, OutcomesBody]
    effects: list[AbEffectBody]
    mismatch_p: float = Field(description="P-value of users being divided as planned, valid at every look.")
    stop: Literal["shares", "harm"] | None = Field(description="Why it must end; null while it may go on.")
    winner: str | None = Field(description="The arm that is better with certainty; nobody promotes it but you.")
    verdict: str


_METRIC = {"type": "string", "enum": list(AB_METRICS)}
_LIMIT = {"type": "number", "minimum": 0.001, "maximum": 1}
_INTERACTIONS = {"type": "integer", "minimum": 1, "maximum": 10_000}
_ARM = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name", "share"],
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]{0,31}$"},
        "share": {"type": "number", "minimum": 0.001, "maximum": 0.999},
        "version": {"type": "integer", "minimum": 1, "nullable": True},
        "settings": {
            "type": "object",
            "additionalProperties": False,
            "properties": dict.fromkeys(ARM_SETTINGS, _INTERACTIONS),
        },
    },
}
_GUARDRAIL = {
    "type": "object",
    "additionalProperties": False,
    "required": ["metric", "harm_limit"],
    "properties": {"metric": _METRIC, "harm_limit": _LIMIT},
}


def _body(required: list[str], properties: dict[str, Any]) -> dict[str, Any]:
    schema = {"type": "object", "additionalProperties": False, "required": required, "properties": properties}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


PLAN_BODY = _body(
    ["title", "arms"],
    {
        "title": {"type": "string", "minLength": 1, "maxLength": MAX_TITLE_BYTES},
        "arms": {"type": "array", "items": _ARM, "minItems": 2, "maxItems": MAX_ARMS},
        "metric": {**_METRIC, "default": "ctr"},
        "harm_limit": {**_LIMIT, "default": 0.05},
        "guardrails": {"type": "array", "items": _GUARDRAIL, "maxItems": len(AB_METRICS) - 1},
        "expected_effect": {"type": "number", "minimum": 0.001, "maximum": 10, "default": 0.1},
        "min_users": {"type": "integer", "minimum": 50, "maximum": 10**9, "default": 200},
        "max_days": {"type": "number", "minimum": 0.001, "maximum": 365, "default": 28},
        "history_days": {"type": "number", "minimum": 0, "maximum": 365, "default": 28},
    },
)
"""The plan of a test."""

REASON_BODY = _body(["reason"], {"reason": {"type": "string", "minLength": 1, "maxLength": 500}})
"""Why a test ends."""
