"""The shapes of blocks and limits over the wire, for the interface's description."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class BlockBody(_Body):
    """Somebody kept out."""

    block_id: str
    caller: str = Field(description="An address, a network, or the name of a key or an account.")
    reason: str
    source: Literal["manual", "automatic"]
    by: str
    at_ms: int
    until_ms: int
    level: int = Field(description="How many there were of this caller within a day.")
    appeal: str
    review: str
    reviewed_by: str
    lifted_at_ms: int | None
    holds: bool


class BlocksBody(_Body):
    """Blocks, the latest first."""

    blocks: list[BlockBody]


class StrictBody(_Body):
    """Whether every limit is a fraction of itself."""

    strict: bool
    changed: bool


def _body(properties: dict[str, Any], required: tuple[str, ...]) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


_TEXT = {"type": "string", "minLength": 1, "maxLength": 500}

MAKE_BODY = _body(
    {
        "caller": {"type": "string", "example": "203.0.113.7"},
        "seconds": {"type": "number", "minimum": 1, "maximum": 31_536_000},
        "reason": _TEXT,
    },
    ("caller", "seconds", "reason"),
)
REVIEW_BODY = _body({"decision": {"enum": ["kept", "lifted"]}, "finding": _TEXT}, ("decision", "finding"))
APPEAL_BODY = _body({"appeal": _TEXT}, ("appeal",))
STRICT_BODY = _body({"strict": {"type": "boolean"}, "reason": _TEXT}, ("strict", "reason"))
