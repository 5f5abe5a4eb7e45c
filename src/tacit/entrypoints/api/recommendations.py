"""The routes that recommend: for a user, for a list of likes, beside an item, for anyone."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from tacit.entrypoints.api.fast_routes import ANSWER
from tacit.entrypoints.api.guarding import requires
from tacit.entrypoints.api.parameters import Query, documented, path_id
from tacit.entrypoints.api.questions import parse_likes, parse_list
from tacit.entrypoints.api.rendering import answer_body, json_response
from tacit.entrypoints.api.rule_schemas import LIKES_BODY, LIST_BODY
from tacit.entrypoints.api.rules import EXPLORING, SHAPING, rules_of
from tacit.entrypoints.api.schemas import AnswerBody, problems
from tacit.entrypoints.api.strict_json import read_json_body
from tacit.serving.budgets import current_budget
from tacit.serving.recommend import RecommendationService

_SHAPED, _EXPLORED = documented(*SHAPING), documented(*EXPLORING)


def recommendation_routes(service: RecommendationService) -> APIRouter:
    """The routes over a service."""
    routes = APIRouter(prefix="/api/v1", tags=["recommendations"], dependencies=[requires("lists:read")])
    _add_personal(routes, service)
    _add_shaped(routes, service)
    _add_impersonal(routes, service)
    return routes


def _add_personal(routes: APIRouter, service: RecommendationService) -> None:
    @routes.get(
        "/users/{user_id}/recommendations",
        response_model=AnswerBody,
        responses=problems(404, 422, 503),
        openapi_extra=_EXPLORED,
    )
    def user_recommendations(request: Request, user_id: str) -> Response:
        """What a known user may like next, with reasons from their own history."""
        query = Query.of(request, *EXPLORING)
        answer = service.for_user(path_id(user_id, "user_id"), limit=query.list_limit(), rules=rules_of(query))
        request.scope[ANSWER] = answer
        return json_response(answer_body(answer))


def _add_shaped(routes: APIRouter, service: RecommendationService) -> None:
    @routes.post(
        "/users/{user_id}/recommendations",
        response_model=AnswerBody,
        responses=problems(400, 404, 413, 415, 422, 503),
        openapi_extra=LIST_BODY,
    )
    def shaped_recommendations(
        request: Request, user_id: str, body: Annotated[bytes, Depends(read_json_body)]
    ) -> Response:
        """The same, asked for in a body: for rules that are too long for an address."""
        Query.of(request)
        asked = parse_list(body)
        answer = service.for_user(
            path_id(user_id, "user_id"), limit=current_budget().fitted(asked.limit), rules=asked.rules
        )
        return json_response(answer_body(answer))

    @routes.post(
        "/recommendations",
        response_model=AnswerBody,
        responses=problems(400, 404, 413, 415, 422, 503),
        openapi_extra=LIKES_BODY,
    )
    def likes_recommendations(request: Request, body: Annotated[bytes, Depends(read_json_body)]) -> Response:
        """What somebody may like of whom we know only some items they like."""
        Query.of(request)
        asked = parse_likes(body)
        answer = service.for_likes(asked.liked, limit=current_budget().fitted(asked.limit), rules=asked.rules)
        return json_response(answer_body(answer))


def _add_impersonal(routes: APIRouter, service: RecommendationService) -> None:
    @routes.get(
        "/items/{item_id}/similar",
        response_model=AnswerBody,
        responses=problems(404, 422, 503),
        openapi_extra=_SHAPED,
    )
    def similar_items(request: Request, item_id: str) -> Response:
        """What is like an item."""
        query = Query.of(request, *SHAPING)
        answer = service.similar(path_id(item_id, "item_id"), limit=query.list_limit(), rules=rules_of(query))
        request.scope[ANSWER] = answer
        return json_response(answer_body(answer))

    @routes.get("/popular", response_model=AnswerBody, responses=problems(404, 422, 503), openapi_extra=_SHAPED)
    def popular_items(request: Request) -> Response:
        """What most users met."""
        query = Query.of(request, *SHAPING)
        answer = service.popular(limit=query.list_limit(), rules=rules_of(query))
        return json_response(answer_body(answer))
