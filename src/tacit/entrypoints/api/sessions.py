"""The route that recommends by a session: to somebody without a name, of whom nothing is kept."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from tacit.data.event_rules import MAX_WEIGHT, EventRules
from tacit.entrypoints.api.body_fields import ids, known_fields, one_id, session
from tacit.entrypoints.api.guarding import requires
from tacit.entrypoints.api.parameters import MAX_ITEMS, MAX_LIMIT, Query, checked_limit
from tacit.entrypoints.api.rendering import answer_body, json_response
from tacit.entrypoints.api.schemas import AnswerBody, problems
from tacit.entrypoints.api.strict_json import read_json_body
from tacit.errors import BadInput
from tacit.serving.sessions import Sessions

_ID: dict[str, Any] = {"type": "string", "description": "Id of an item."}
_STEP: dict[str, Any] = {
    "type": "object",
    "required": ["item_id"],
    "additionalProperties": False,
    "properties": {
        "item_id": _ID,
        "type": {"type": "string", "description": "Type of the event, as in POST /api/v1/events; it has a weight."},
        "weight": {
            "type": "number",
            "minimum": -MAX_WEIGHT,
            "maximum": MAX_WEIGHT,
            "default": 1,
            "description": "How much it says for the item, or below 0 against it; not beside a type.",
        },
        "occurred_at": {
            "anyOf": [{"type": "string"}, {"type": "integer"}],
            "description": "When: ISO 8601 with a zone, or milliseconds since 1970.",
        },
    },
}
SESSION: dict[str, Any] = {
    "session": {
        "type": "array",
        "items": {"anyOf": [_ID, _STEP]},
        "minItems": 1,
        "maxItems": MAX_ITEMS,
        "description": "What somebody did, the latest last; each step counts less than the one after it.",
    }
}
"""A session as a field of a body."""

_FIELDS = ("session", "limit", "exclude", "category")
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "A session, and what is wanted.",
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["session"],
                    "additionalProperties": False,
                    "properties": {
                        **SESSION,
                        "limit": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": 10},
                        "exclude": {"type": "array", "items": _ID, "maxItems": MAX_ITEMS},
                        "category": {"type": "string", "description": "The only category to recommend from."},
                    },
                },
                "example": {"session": ["…"], "limit": 10},
            }
        },
    }
}


def session_routes(sessions: Sessions, rules: EventRules) -> APIRouter:
    """The route over a service.

    Args:
        sessions: Answers.
        rules: The types of events that a session may name.
    """
    routes = APIRouter(prefix="/api/v1/sessions", tags=["recommendations"], dependencies=[requires("lists:read")])

    @routes.post(
        "/recommendations",
        response_model=AnswerBody,
        responses=problems(400, 404, 413, 415, 422, 503),
        openapi_extra=_BODY,
    )
    def session_recommendations(request: Request, body: Annotated[bytes, Depends(read_json_body)]) -> Response:
        """What somebody without a name may like next, by what they did just now; nothing of it is kept."""
        Query.of(request)
        given = known_fields(body, _FIELDS, "session")
        answer = sessions.recommend(
            session(given["session"], rules),
            limit=checked_limit(_limit(given.get("limit", 10))),
            exclude=frozenset(ids(given.get("exclude", []), "exclude")),
            category=one_id(given["category"], "category") if "category" in given else None,
        )
        return json_response(answer_body(answer))

    return routes


def _limit(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadInput("type", "limit must be a whole number.", field="limit", fix="Send a whole number.")
    return value
