"""The shapes of alerts and silences over the wire, for the interface's description."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

_TEXT = {"type": "string", "minLength": 1, "maxLength": 500}


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class AlertBody(_Body):
    """Something that is wrong now."""

    name: str
    severity: str
    state: Literal["firing", "silenced", "inhibited"]
    since: str
    labels: dict[str, str]
    summary: str
    description: str
    runbook: str
    receivers: list[str] = Field(description="Who was told.")
    silence_ids: list[str]


class SilenceBody(_Body):
    """An agreement that nobody is told of something for a while."""

    silence_id: str
    alert: str = Field(description="The rule; empty for one that was written elsewhere, by labels alone.")
    labels: dict[str, str]
    since: str
    until: str
    by: str
    reason: str
    is_begun: bool


class TroubleBody(_Body):
    """One way in which nobody watches."""

    name: Literal["metrics_unscraped", "alertmanager_unreachable", "heartbeat_missing"]
    detail: str
    lasts_seconds: float


class WatchBody(_Body):
    """How a server finds itself watched."""

    is_expected: bool
    scraped_seconds_ago: float | None
    alertmanager: Literal["absent", "reachable", "unreachable"]
    troubles: list[TroubleBody]


class RuleBody(_Body):
    """Something that can be wrong."""

    name: str
    severity: str
    category: str
    owner: str
    summary: str
    threshold: str
    for_seconds: float
    runbook: str
    workload: str


class AlertsBody(_Body):
    """What is wrong now, as far as anybody knows."""

    state: Literal["watched", "unwatched", "unreachable"] = Field(
        description="Unless `watched`, nothing is known of alerts, which is not the same as none."
    )
    detail: str
    alerts: list[AlertBody]
    silences: list[SilenceBody]
    watch: WatchBody | None
    rules: list[RuleBody]
    prometheus: str | None


_SILENCE = {
    "type": "object",
    "properties": {
        "alert": {"type": "string", "example": "ErrorRateHigh"},
        "hours": {"type": "number", "exclusiveMinimum": 0, "maximum": 720, "example": 2},
        "reason": _TEXT,
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
    },
    "required": ["alert", "hours", "reason"],
    "additionalProperties": False,
}
SILENCE_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": _SILENCE}}}}
