"""The routes of moods: which there are, what suits one, and how one is changed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from tacit.data.moods import checked_name
from tacit.entrypoints.api.browsing_schemas import MOOD_BODY, MoodBody, MoodsBody, mood_body
from tacit.entrypoints.api.callers import actor_of
from tacit.entrypoints.api.guarding import check_user, requires
from tacit.entrypoints.api.parameters import EXCLUDE, LIMIT, Parameter, Query, documented
from tacit.entrypoints.api.rendering import answer_body, json_response
from tacit.entrypoints.api.schemas import AnswerBody, problems
from tacit.entrypoints.api.strict_json import parse_object, read_json_body
from tacit.entrypoints.api.texts import checked_id
from tacit.serving.browsing import Browsing
from tacit.serving.mood_desk import MoodDesk

USER = Parameter("user_id", "For whom: ranked by their taste, without what they met; nobody, unless given.")


def user_of(request: Request, query: Query) -> str | None:
    """Whom a list is for, if who asks may ask for them.

    Raises:
        BadInput: What is wrong with the id.
        NotFound: `user_unknown` to who is bound to another.
    """
    given = query.values.get(USER.name)
    if given is None:
        return None
    user_id = checked_id(given[0], USER.name)
    check_user(request.scope, user_id)
    return user_id


def mood_routes(browsing: Browsing) -> APIRouter:
    """The routes that ask."""
    routes = APIRouter(prefix="/api/v1/moods", tags=["moods"], dependencies=[requires("lists:read")])

    @routes.get("", response_model=MoodsBody, responses=problems(422, 503))
    def moods(request: Request) -> Response:
        """Every mood, with the items that stand for it, and why nothing suits one where that is so."""
        Query.of(request)
        return json_response({"moods": [mood_body(view) for view in browsing.moods()]})

    @routes.get("/{mood}", response_model=MoodBody, responses=problems(404, 422, 503))
    def one_mood(request: Request, mood: str) -> Response:
        """One mood."""
        Query.of(request)
        return json_response(mood_body(browsing.mood(checked_name(mood))))

    @routes.get(
        "/{mood}/recommendations",
        response_model=AnswerBody,
        responses=problems(404, 422, 503),
        openapi_extra=documented(USER, LIMIT, EXCLUDE),
    )
    def mood_recommendations(request: Request, mood: str) -> Response:
        """What suits a mood: for a user by their taste too, for nobody what is most popular of it."""
        query = Query.of(request, USER, LIMIT, EXCLUDE)
        user_id, limit = user_of(request, query), query.limit()
        shown = browsing.for_mood(checked_name(mood), user_id=user_id, limit=limit, exclude=query.excluded())
        return json_response(answer_body(shown.answer))

    return routes


def mood_editing_routes(browsing: Browsing, desk: MoodDesk) -> APIRouter:
    """The routes that change moods."""
    guards = [requires("catalogue:write", everyone=True)]
    routes = APIRouter(prefix="/api/v1/moods", tags=["moods"], dependencies=guards)

    @routes.put(
        "/{mood}",
        response_model=MoodBody,
        responses={
            201: {"model": MoodBody, "description": "A new mood"},
            **problems(400, 409, 413, 415, 422, 503, 507),
        },
        openapi_extra=MOOD_BODY,
    )
    def put_mood(request: Request, mood: str, body: Annotated[bytes, Depends(read_json_body)]) -> Response:
        """Have this be all that is said of a mood: its title, its words, and the items picked for it.

        In force here at once, and in other processes within a second or two.
        """
        Query.of(request)
        _, is_new = desk.put(mood, parse_object(body), actor=actor_of(request))
        return json_response(mood_body(browsing.mood(mood)), status=201 if is_new else 200)

    @routes.delete("/{mood}", status_code=204, responses=problems(404, 422, 503, 507))
    def forget_mood(request: Request, mood: str) -> Response:
        """Forget what was said of a mood: one of the twelve is as it was shipped again, another is gone."""
        Query.of(request)
        desk.remove(checked_name(mood), actor=actor_of(request))
        return Response(status_code=204)

    return routes
