"""The shapes of what goes over the wire, for the interface's description."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tacit.entrypoints.api.parameters import MAX_ITEMS, MAX_LIMIT

_ID = {"type": "string", "description": "Id of an item."}


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
    source: Literal["personal", "similar", "category", "popular"]
    degraded: bool = Field(description="Whether a step that should have answered failed.")
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


class ItemsBody(_Body):
    """Items found."""

    items: list[ItemBody]


class HealthBody(_Body):
    """How well we can answer."""

    status: Literal["healthy", "degraded", "unhealthy"]
    model_loaded: bool
    model_version: str | None
    reasons: list[str]


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


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors an operation describes."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemBody"}}}
    words = {400: "Cannot be read", 404: "Unknown", 413: "Too large", 415: "Not JSON", 422: "Wrong", 503: "Not now"}
    return {status: {"description": words[status], "content": content} for status in statuses}


LIKES_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["liked"],
                    "additionalProperties": False,
                    "properties": {
                        "liked": {"type": "array", "items": _ID, "minItems": 1, "maxItems": MAX_ITEMS},
                        "limit": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": 10},
                        "exclude": {"type": "array", "items": _ID, "maxItems": MAX_ITEMS},
                        "category": {"type": "string", "description": "The only category to recommend from."},
                    },
                }
            }
        },
    }
}
"""A list of likes as the body of a request."""
