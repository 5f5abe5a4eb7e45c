"""The shapes of the questions for a list that come in a body, for the interface's description."""

from __future__ import annotations

from typing import Any

from tacit.entrypoints.api.parameters import MAX_ITEMS, MAX_LIMIT
from tacit.serving.rules import (
    KINDS,
    LEAST_FACTOR,
    MAX_BOOSTS,
    MAX_CAP,
    MAX_CATEGORIES,
    MAX_IDS,
    MAX_RANGES,
    MOST_FACTOR,
)

_ID = {"type": "string", "description": "Id of an item."}
_CATEGORY = {"type": "string", "description": "The only category to recommend from."}
_FACTOR = {"type": "number", "minimum": LEAST_FACTOR, "maximum": MOST_FACTOR}
_SHARE = {"type": "number", "minimum": 0, "maximum": 1}


def _object(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {
        "type": "object",
        "required": list(required),
        "additionalProperties": False,
        "properties": properties,
    }


_RULES: dict[str, Any] = {
    "limit": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": 10},
    "exclude": {"type": "array", "items": _ID, "maxItems": MAX_IDS},
    "include": {"type": "array", "items": _ID, "maxItems": MAX_IDS, "description": "The only items that may be."},
    "category": {
        "anyOf": [_CATEGORY, {"type": "array", "items": {"type": "string"}, "maxItems": MAX_CATEGORIES}],
        "description": "The only category, or categories that an item must all belong to.",
    },
    "boost": {
        "type": "array",
        "maxItems": MAX_BOOSTS,
        "description": "What counts more, or with a factor below 1 less.",
        "items": {"oneOf": [_object({kind: {"type": "string"}, "factor": _FACTOR}, kind, "factor") for kind in KINDS]},
    },
    "range": {
        "type": "array",
        "maxItems": MAX_RANGES,
        "description": "Bounds, both included, of numbers among an item's labels, or of `listeners`.",
        "items": _object(
            {"field": {"type": "string"}, "least": {"type": "number"}, "most": {"type": "number"}}, "field"
        ),
    },
    "cap": {"type": "integer", "minimum": 1, "maximum": MAX_CAP, "description": "The most items of any one category."},
    "diversity": {**_SHARE, "description": "How far what is unlike is preferred to what is best."},
}
_EXPLORE = {"explore": {**_SHARE, "description": "How probable it is that chance decides of a place."}}
_LIKED = {"liked": {"type": "array", "items": _ID, "minItems": 1, "maxItems": MAX_ITEMS}}


def _body(schema: dict[str, Any], example: dict[str, Any]) -> dict[str, Any]:
    content = {"application/json": {"schema": schema, "example": example}}
    return {"requestBody": {"required": True, "content": content}}


LIST_BODY = _body(
    _object({**_RULES, **_EXPLORE}),
    {"limit": 10, "boost": [{"category": "\u2026", "factor": 2}], "cap": 3, "diversity": 0.3},
)
"""What is asked of a user's list as the body of a request."""

LIKES_BODY = _body(_object({**_LIKED, **_RULES}, "liked"), {"liked": ["\u2026"], "limit": 10})
"""A list of likes as the body of a request."""
