"""The route that answers many users at once, and with it all routes that are asked for many things."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from tacit.data.event_rules import EventRules
from tacit.entrypoints.api.body_fields import flag, ids, known_fields, one_id, whole
from tacit.entrypoints.api.checkpoints import DEADLINE
from tacit.entrypoints.api.guarding import requires
from tacit.entrypoints.api.parameters import MAX_ITEMS, MAX_LIMIT, Query
from tacit.entrypoints.api.rendering import answer_body
from tacit.entrypoints.api.reranking import reranking_routes
from tacit.entrypoints.api.schemas import AnswerBody, problems
from tacit.entrypoints.api.sessions import session_routes
from tacit.entrypoints.api.strict_json import JSON, JSON_LINES, read_json_body
from tacit.serving.bulk import MOST_USERS, BulkAnswers, BulkEntry, BulkQuestion
from tacit.serving.reranking import Reranking
from tacit.serving.sessions import Sessions
from tacit.serving.workbench import Workbench

_MOST_SECONDS = 10.0
"""What a question for many may take where nobody set a deadline."""

_WRITING_SECONDS = 0.2
"""What is left of a deadline for writing the answer down."""

_ENCODER = msgspec.json.Encoder()
_FIELDS = ("user_ids", "limit", "exclude", "category", "reasons")
_IDS: dict[str, Any] = {"type": "array", "items": {"type": "string"}}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The users, and what is wanted for each.",
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["user_ids"],
                    "additionalProperties": False,
                    "properties": {
                        "user_ids": {**_IDS, "minItems": 1, "maxItems": MOST_USERS, "description": "Who."},
                        "limit": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": 10},
                        "exclude": {**_IDS, "maxItems": MAX_ITEMS, "description": "Ids of items for nobody."},
                        "category": {"type": "string", "description": "The only category to recommend from."},
                        "reasons": {
                            "type": "boolean",
                            "default": False,
                            "description": "Whether each item says why; that costs more than finding it.",
                        },
                    },
                },
                "example": {"user_ids": ["…"], "limit": 10},
            }
        },
    }
}


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class UserProblemBody(BaseModel):
    """Why a user has no answer."""

    model_config = ConfigDict(extra="allow", strict=True)

    code: str
    detail: str
    field: str | None = None
    fix: str | None = None


class UserResultBody(_Body):
    """What became of one user."""

    user_id: str
    answer: AnswerBody | None
    error: UserProblemBody | None


class BulkBody(_Body):
    """What became of all users, in the order given."""

    model_version: str = Field(examples=["recommender/3"])
    results: list[UserResultBody]


def many_routes(bench: Workbench, rules: EventRules) -> tuple[APIRouter, ...]:
    """The routes of re-ranking, of sessions and of many users.

    Args:
        bench: The parts that answers are made with.
        rules: The types of events that a session may name.
    """
    return (
        reranking_routes(Reranking(bench), rules),
        session_routes(Sessions(bench), rules),
        bulk_routes(BulkAnswers(bench)),
    )


def bulk_routes(answers: BulkAnswers) -> APIRouter:
    """The route over a service; whoever is bound to one user may not ask for many."""
    guards = [requires("lists:read", everyone=True)]
    routes = APIRouter(prefix="/api/v1/recommendations", tags=["recommendations"], dependencies=guards)

    @routes.post(
        "/bulk", response_model=BulkBody, responses=problems(400, 404, 413, 415, 422, 503), openapi_extra=_BODY
    )
    def bulk_recommendations(request: Request, body: Annotated[bytes, Depends(read_json_body)]) -> Response:
        """Lists for many users, from one version; each has an answer or an error.

        With `Accept: application/x-ndjson` the results come one a line.  At most 50,000 items in all.
        """
        Query.of(request)
        until = min(request.scope.get(DEADLINE, math.inf) - _WRITING_SECONDS, time.monotonic() + _MOST_SECONDS)
        found = answers.answer(_question(body), until=until)
        # One by one, so that no more than one of them is there as plain values.
        results = (_ENCODER.encode(_result(entry)) for entry in found.entries)
        if JSON_LINES in request.headers.get("accept", ""):
            return Response(b"".join(line + b"\n" for line in results), media_type=JSON_LINES)
        named = _ENCODER.encode(found.model_version)
        body = b'{"model_version":' + named + b',"results":[' + b",".join(results) + b"]}"
        return Response(body, media_type=JSON)

    return routes


def _question(body: bytes) -> BulkQuestion:
    given = known_fields(body, _FIELDS, "user_ids")
    return BulkQuestion(
        ids(given["user_ids"], "user_ids", most=MOST_USERS),
        whole(given.get("limit", 10), "limit", least=1, most=MAX_LIMIT),
        frozenset(ids(given.get("exclude", []), "exclude")),
        one_id(given["category"], "category") if "category" in given else None,
        flag(given.get("reasons", False), "reasons"),
    )


def _result(entry: BulkEntry) -> Mapping[str, object]:
    return {
        "user_id": entry.user_id,
        "answer": None if entry.answer is None else answer_body(entry.answer),
        "error": None if entry.problem is None else entry.problem.as_dict(),
    }
