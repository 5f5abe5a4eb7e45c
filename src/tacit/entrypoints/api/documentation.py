"""The interface described: one page, made from the OpenAPI document, on which every operation can be tried.

Its three files come with the package, so that it works without a network and under the strictest policy.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from tacit.entrypoints.api.errors import ERROR, RefusalPage
from tacit.entrypoints.api.event_window import EventWindow
from tacit.entrypoints.api.guarding import PUBLIC, requires
from tacit.entrypoints.api.list_window import ListWindow
from tacit.entrypoints.api.question_window import QuestionWindow
from tacit.entrypoints.api.schemas import EventBody, ProblemBody, problems
from tacit.entrypoints.api.turnstile import Turnstile
from tacit.errors import Unauthenticated

_POLICY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}


class DescribedApi(FastAPI):
    """A FastAPI whose description holds what no signature names: our problem document, and an event.

    Attributes:
        lanes: Who answers some requests in its place, by method and path.
        fast: Who answers those requests that are told by looking at method and path.
        window: Where the server may hand in single events without asking any application.
        lists: Where it may ask for lists that lie ready, likewise.
        questions: Where it may hand in questions with a body, likewise.
        turnstile: Where it may have requests turned away for which there is no room, likewise.
        shed: Gives up the answers that are kept ready, to have their memory; to be called from any thread.
    """

    def __init__(self, **choices: Any) -> None:
        super().__init__(**choices)
        self.lanes: dict[tuple[str, str], ASGIApp] = {}
        self.fast: tuple[Callable[[str, str], bool], ASGIApp] | None = None
        self.window: EventWindow | None = None
        self.lists: ListWindow | None = None
        self.questions: QuestionWindow | None = None
        self.turnstile: Turnstile | None = None
        self.shed: Callable[[], None] = _nothing_kept

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        lane = self._lane(scope["method"], _path_as_sent(scope)) if scope["type"] == "http" else None
        await (super().__call__ if lane is None else lane)(scope, receive, send)

    def _lane(self, method: str, path: str) -> ASGIApp | None:
        found = self.lanes.get((method, path))
        if found is None and self.fast is not None and self.fast[0](method, path):
            return self.fast[1]
        return found

    def openapi(self) -> dict[str, Any]:
        document = super().openapi()
        schemas = document["components"]["schemas"]
        for body in (EventBody, ProblemBody):
            schemas.setdefault(body.__name__, body.model_json_schema())
        for path, methods in document["paths"].items():
            for method, described in methods.items():
                if (method.upper(), path) not in PUBLIC:
                    described["responses"] = _sorted({**described["responses"], **_REFUSED})
        return document


def _nothing_kept() -> None:
    pass


_REFUSED = {str(status): said for status, said in problems(401, 403).items()}
"""What every operation may answer that asks who one is."""


def _sorted(responses: dict[str, Any]) -> dict[str, Any]:
    return dict(sorted(responses.items()))


def _path_as_sent(scope: Scope) -> str:
    """The path still percent-encoded, so that another spelling of an address leads where it always did."""
    raw: bytes | None = scope.get("raw_path")
    return scope["path"] if raw is None else raw.decode("latin-1")


@dataclass(frozen=True)
class Field:
    """One thing that can be filled in.

    Attributes:
        place: `path`, `query` or `body`.
    """

    name: str
    place: str
    description: str
    sample: str
    is_required: bool


@dataclass(frozen=True)
class Operation:
    """One thing that can be asked."""

    name: str
    method: str
    path: str
    description: str
    fields: tuple[Field, ...]
    statuses: tuple[tuple[str, str], ...]


def operations(document: dict[str, Any]) -> list[Operation]:
    """The operations of an OpenAPI document, in its order."""
    return [
        Operation(
            name=described["operationId"],
            method=method.upper(),
            path=path,
            description=described.get("description", described.get("summary", "")),
            fields=tuple(_fields(described)),
            statuses=tuple((status, each["description"]) for status, each in described["responses"].items()),
        )
        for path, methods in document["paths"].items()
        for method, described in methods.items()
    ]


def documentation_routes(app: FastAPI, refusal_page: RefusalPage | None = None) -> APIRouter:
    """The page and its files, for an application whose routes are complete by the time it is asked.

    Args:
        app: The application.
        refusal_page: For browsers; without it they get a problem document, as programs do.
    """
    templates = Environment(
        loader=PackageLoader(__package__, "static"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    static = files(__package__) / "static"
    kind = APIRoute if refusal_page is None else _page_to_browsers(refusal_page)
    routes = APIRouter(include_in_schema=False, route_class=kind)
    guards = [requires("lists:read")]

    @routes.get("/openapi.json", dependencies=guards)
    def description() -> Response:
        """The interface as OpenAPI describes it."""
        return JSONResponse(app.openapi())

    @routes.get("/docs", dependencies=guards)
    def docs_page() -> Response:
        """The page."""
        page = templates.get_template("docs.html")
        return HTMLResponse(
            page.render(title=app.title, version=app.version, operations=operations(app.openapi())), headers=_POLICY
        )

    @routes.get("/docs/docs.js")
    def docs_script() -> Response:
        return Response((static / "docs.js").read_bytes(), media_type="text/javascript")

    @routes.get("/docs/docs.css")
    def docs_style() -> Response:
        return Response((static / "docs.css").read_bytes(), media_type="text/css")

    return routes


def _page_to_browsers(refusal_page: RefusalPage) -> type[APIRoute]:
    class DescriptionRoute(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            answer = super().get_route_handler()

            async def always(request: Request) -> Response:
                try:
                    return await answer(request)
                except Unauthenticated as error:
                    if "text/html" not in request.headers.get("accept", ""):
                        raise
                    request.scope[ERROR] = error
                    return refusal_page(request, error)

            return always

    return DescriptionRoute


def _fields(described: dict[str, Any]) -> list[Field]:
    fields = [
        Field(
            name=parameter["name"],
            place=parameter["in"],
            description=parameter.get("description", ""),
            sample=str(parameter.get("schema", {}).get("default", "")),
            is_required=parameter["required"],
        )
        for parameter in described.get("parameters", ())
    ]
    if "requestBody" in described:
        fields.append(_body_field(described["requestBody"]))
    return fields


def _body_field(body: dict[str, Any]) -> Field:
    sample = body["content"]["application/json"].get("example", {"liked": ["…"], "limit": 10})
    said = body.get("description", "A JSON object.")
    return Field("body", "body", said, json.dumps(sample, ensure_ascii=False), is_required=True)
