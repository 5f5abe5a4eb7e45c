"""The shapes of quarantine over the wire, for the interface's description."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tacit.entrypoints.api.parameters import MAX_ITEMS


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class QuarantinedBody(_Body):
    """An event that was set aside, and where it comes from."""

    quarantine_id: int
    state: Literal["held", "released", "applied", "repeated"] = Field(
        description="`released` waits to be applied; `repeated` turned out to have been here before."
    )
    reason: str = Field(description="Why it was set aside last.", examples=["entity_unknown"])
    detail: str
    tries: int = Field(description="How often it was set aside.")
    source: str = Field(description="The way it came.")
    sequence: int | None = Field(description="Its place in the event log; null if it never was there.")
    received_at_ms: int
    event: dict[str, Any] = Field(description="The event as it was sent.")
    mended: dict[str, Any] | None = Field(description="What is applied in its place.")


class QuarantineBody(_Body):
    """A page of quarantine."""

    entries: list[QuarantinedBody]
    next_cursor: int | None = Field(description="The `cursor` of the next page; null on the last.")
    reasons: dict[str, int] = Field(description="How many there are in all, by reason.")


class ReleasedBody(_Body):
    """What a release did."""

    released: int = Field(description="How many were held until now.")


class PurgedBody(_Body):
    """What a purge did."""

    purged: int


_IDS = {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 1, "maxItems": MAX_ITEMS}
_REASON = {"type": "string", "description": "All that were set aside for this reason, instead of `ids`."}


def _body(properties: dict[str, Any] | None = None, *, ref: str = "", required: tuple[str, ...] = ()) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": properties or {}}
    if required:
        schema["required"] = list(required)
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{ref}"} if ref else schema}}
    return {"requestBody": {"required": True, "content": content}}


CHOSEN_BODY = _body({"ids": _IDS, "reason": _REASON})
"""Which entries are meant."""

PURGE_BODY = _body({"ids": _IDS, "reason": _REASON, "confirm": {"const": True}}, required=("confirm",))
"""The same, and that it is meant."""

WHOLE_BODY = _body(ref="EventBody")
"""An event in the place of another."""

_FIELDS = ("event_id", "user_id", "item_id", "type", "value", "occurred_at", "recommendation_id", "properties")

FIX_BODY = _body({name: {"description": "As in an event; null leaves it out."} for name in _FIELDS})
"""Fields of an event that change."""
