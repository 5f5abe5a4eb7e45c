"""The shapes of what goes over the wire, for the interface's description."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tacit.data.event_validation import MAX_BATCH
from tacit.serving.answers import Source


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class ReasonBody(_Body):
    """An item of the user's own history that speaks for a recommendation."""

    item_id: str
    title: str
    share: float = Field(gt=0, le=1, description="How much of all that speaks for it comes from this item.")


class RecommendationBody(_Body):
    """One item of an answer."""

    item_id: str
    title: str
    categories: list[str]
    score: float = Field(description="What the list is ordered by; comparable within one answer only.")
    because: list[ReasonBody]


class AnswerBody(_Body):
    """A list for somebody."""

    recommendation_id: str
    model_version: str = Field(examples=["recommender/3"])
    source: Source = Field(description="The step that answered.")
    degraded: bool = Field(description="Whether a step that should have answered failed.")
    rehearsed: bool = Field(description="Whether a lower step was chosen on purpose, so that it is in use every day.")
    user_id: str | None
    unknown_items: list[str] = Field(description="Liked items that are not in the catalogue.")
    items: list[RecommendationBody]


class ItemBody(_Body):
    """What we know of an item."""

    item_id: str
    title: str
    categories: list[str]
    tags: list[str]
    listeners: int = Field(description="How many users met it.")
    labels: dict[str, Any] = Field(description="Further facts.")
    available: bool = Field(description="Whether it may be shown now.")
    expires_at: str | None = Field(description="When it may no longer be shown; null for never.")
    updated_at: str | None = Field(description="When something was last said of it here; null if nothing was.")


class ItemsBody(_Body):
    """Items found, or a page of all by id."""

    items: list[ItemBody]
    next_cursor: str | None = Field(
        default=None, description="Where the next page begins; null behind the last one; a search has no pages."
    )


class EventHealthBody(_Body):
    """How it stands with events."""

    taken: bool = Field(description="Whether they are acknowledged now; recommendations go on either way.")
    lag: int | None = Field(description="How many are durable and not applied yet; null while that is not known.")


class HealthBody(_Body):
    """How well we can answer."""

    status: Literal["healthy", "degraded", "unhealthy"]
    role: Literal["all", "reader"] = Field(description="Whether this process takes events, or only answers.")
    model_loaded: bool
    model_version: str | None
    reasons: list[str]
    events: EventHealthBody | None = Field(description="Null where no events are taken.")


class EventBody(_Body):
    """One thing that somebody did."""

    event_id: str = Field(description="Names the event; sent again, it is the same event. At most 256 bytes.")
    user_id: str = Field(description="Who.")
    item_id: str = Field(description="What with.")
    type: str = Field(description="A type of the profile in force: `play`, `like`, `skip`, …", examples=["play"])
    value: float | None = Field(default=None, description="How much, where the type has an amount: seconds, stars.")
    occurred_at: str | int | None = Field(
        default=None, description="When: ISO 8601 with a zone, or milliseconds since 1970; just now unless given."
    )
    recommendation_id: str | None = Field(default=None, description="The answer that led to it.")
    properties: dict[str, Any] | None = Field(default=None, description="Further facts; at most 16 KiB.")
    schema_version: Literal[1] | None = Field(default=None, description="Version of this form.")


class TakenEventBody(BaseModel):
    """What became of one event."""

    model_config = ConfigDict(extra="allow", strict=True)

    index: int = Field(description="Its place in what was sent, from 0; lines without content do not count.")
    event_id: str | None = Field(description="Its id, if that is in order.")
    outcome: Literal["stored", "duplicate", "quarantined", "rejected"]
    code: str | None = Field(default=None, description="Why it was not stored.")
    detail: str | None = None
    field: str | None = None
    fix: str | None = None


class TakenEventsBody(_Body):
    """What became of the events of a request; `received` is the sum of the four others."""

    results: list[TakenEventBody]
    received: int
    stored: int = Field(description="Durable now.")
    deduplicated: int = Field(description="Durable before.")
    quarantined: int = Field(description="Kept for somebody to look at, without effect.")
    rejected: int = Field(description="Not kept.")


class ProblemBody(BaseModel):
    """What went wrong, and what to do about it (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    code: str
    detail: str
    field: str | None = None
    fix: str | None = None
    request_id: str
    trace_id: str | None = None


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors an operation describes."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemBody"}}}
    words = {
        400: "Cannot be read",
        401: "Who asks is unknown",
        403: "Who asks may not",
        404: "Unknown",
        409: "Another of this id came first",
        413: "Too large",
        415: "Not JSON",
        422: "Wrong",
        429: "Too often",
        503: "Not now",
        507: "No space left",
    }
    return {status: {"description": words[status], "content": content} for status in statuses}


_EVENT = {"$ref": "#/components/schemas/EventBody"}
_EVENTS = {"type": "array", "items": _EVENT, "minItems": 1, "maxItems": MAX_BATCH}

EVENTS_BODY: dict[str, Any] = {
    "required": True,
    "description": "One event, an array of events, or an object with one as `events`.",
    "content": {
        "application/json": {
            "schema": {
                "anyOf": [
                    _EVENT,
                    _EVENTS,
                    {
                        "type": "object",
                        "required": ["events"],
                        "additionalProperties": False,
                        "properties": {"events": _EVENTS},
                    },
                ]
            },
            "example": {"event_id": "…", "user_id": "…", "item_id": "…", "type": "play"},
        },
        "application/x-ndjson": {"schema": {"type": "string", "description": "One event a line."}},
    },
}
"""Events as the body of a request."""
