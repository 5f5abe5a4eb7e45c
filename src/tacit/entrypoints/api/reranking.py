"""The routes that put somebody else's candidates into order: a user's, or that of likes or a session."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import Field
from starlette.responses import Response

from tacit.data.event_rules import EventRules
from tacit.entrypoints.api.body_fields import flag, ids, known_fields, session, whole
from tacit.entrypoints.api.guarding import requires
from tacit.entrypoints.api.parameters import MAX_ITEMS, Query, path_id
from tacit.entrypoints.api.rendering import columns_response, reranked_response
from tacit.entrypoints.api.schemas import AnswerBody, RecommendationBody, problems
from tacit.entrypoints.api.sessions import SESSION
from tacit.entrypoints.api.strict_json import read_json_body
from tacit.errors import BadInput
from tacit.serving.reranking import MOST_CANDIDATES, MOST_EXPLAINED, Candidates, Reranking
from tacit.serving.sessions import Given, liked_clues, session_clues

RERANK = "/api/v1/users/{user_id}/rerank"
"""Where a user's candidates are put into order."""
_OPTIONS = ("filter_seen", "explain", "shown")
_CLUES = ("liked", "session")
_IDS: dict[str, Any] = {"type": "array", "items": {"type": "string"}, "minItems": 1}
_FIELDS: dict[str, Any] = {
    "candidates": {**_IDS, "maxItems": MOST_CANDIDATES, "description": "Ids of the items to put into order."},
    "filter_seen": {"type": "boolean", "default": False, "description": "Whether what was met before is left out."},
    "explain": {
        "type": "integer",
        "minimum": 0,
        "maximum": MOST_EXPLAINED,
        "default": 10,
        "description": "How many are told why, from the first on.",
    },
    "shown": {
        "type": "integer",
        "minimum": 1,
        "maximum": MOST_CANDIDATES,
        "default": 100,
        "description": "How many of them you are going to show: these are remembered as shown.",
    },
}


class RankedBody(RecommendationBody):
    """One candidate."""

    score: float | None = Field(  # type: ignore[assignment]  # unlike a list's, a candidate may be unknown
        description="What they are ordered by, comparable within one answer only; null where nothing says how good "
        "it is."
    )


class RerankedBody(AnswerBody):
    """Candidates in order: all of them but those left out, the unknown ones last, in the order given."""

    items: list[RankedBody]  # type: ignore[assignment]
    unknown_candidates: list[str] = Field(description="Candidates that are not in the catalogue.")
    left_out: list[str] = Field(description="Candidates that must not be shown.")


def reranking_routes(reranking: Reranking, rules: EventRules) -> APIRouter:
    """The routes over a service.

    Args:
        reranking: Puts candidates into order.
        rules: The types of events that a session may name.
    """
    routes = APIRouter(prefix="/api/v1", tags=["recommendations"], dependencies=[requires("lists:read")])

    @routes.post(
        "/users/{user_id}/rerank",
        response_model=RerankedBody,
        responses=problems(400, 404, 413, 415, 422, 503),
        openapi_extra=_described({}, {"candidates": ["…"], "shown": 10}),
    )
    def rerank_for_user(request: Request, user_id: str, body: Annotated[bytes, Depends(read_json_body)]) -> Response:
        """Given items in a known user's order, with reasons from their own history."""
        Query.of(request)
        return _ranked(reranking, user_id, body)

    @routes.post(
        "/rerank",
        response_model=RerankedBody,
        responses=problems(400, 404, 413, 415, 422, 503),
        openapi_extra=_described(
            {"liked": {**_IDS, "maxItems": MAX_ITEMS, "description": "Ids of items that are liked."}, **SESSION},
            {"candidates": ["…"], "liked": ["…"]},
        ),
    )
    def rerank_for_clues(request: Request, body: Annotated[bytes, Depends(read_json_body)]) -> Response:
        """Given items in the order of somebody of whom we know only some likes, or what they did just now."""
        Query.of(request)
        given = known_fields(body, ("candidates", *_CLUES, *_OPTIONS), "candidates")
        return reranked_response(reranking.for_clues(_clues(given, rules), _candidates(given)))

    return routes


def _ranked(reranking: Reranking, user_id: str, body: bytes) -> Response:
    """What a body asks for a user whose id is still percent-encoded: in columns, if it can be had so."""
    plain = reranking.quick.question(body)
    if plain is None:
        given = known_fields(body, ("candidates", *_OPTIONS), "candidates")
        return reranked_response(reranking.for_user(path_id(user_id, "user_id"), _candidates(given)))
    whose, (loaded, asked) = path_id(user_id, "user_id"), plain
    found = reranking.quick.answer(whose, loaded, asked)
    if found is not None:
        return columns_response(found)
    wanted = Candidates(asked.item_ids, asked.filter_seen, asked.explained, asked.shown)
    return reranked_response(reranking.for_user(whose, wanted))


def _candidates(given: Mapping[str, object]) -> Candidates:
    return Candidates(
        ids(given["candidates"], "candidates", most=MOST_CANDIDATES),
        flag(given.get("filter_seen", False), "filter_seen"),
        whole(given.get("explain", 10), "explain", least=0, most=MOST_EXPLAINED),
        whole(given.get("shown", 100), "shown", least=1, most=MOST_CANDIDATES),
    )


def _clues(given: Mapping[str, object], rules: EventRules) -> Given:
    named = [name for name in _CLUES if name in given]
    if len(named) != 1:
        code = "parameters_conflict" if named else "field_missing"
        detail = "Either liked or session says whose order is wanted."
        raise BadInput(code, detail, field="liked", fix="Send one of the two.")
    if named == ["liked"]:
        return liked_clues(ids(given["liked"], "liked"))
    return session_clues(session(given["session"], rules))


def _described(more: Mapping[str, Any], example: Mapping[str, Any]) -> dict[str, Any]:
    schema = {
        "type": "object",
        "required": ["candidates"],
        "additionalProperties": False,
        "properties": {**_FIELDS, **more},
    }
    return {
        "requestBody": {
            "required": True,
            "description": "The candidates, and whose order is wanted.",
            "content": {"application/json": {"schema": schema, "example": dict(example)}},
        }
    }
