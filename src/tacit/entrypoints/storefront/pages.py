"""The pages: picks and what follows from them, somebody's own list, what is like an item, and the search."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import RedirectResponse

from tacit.data.catalog_edits import item_unknown
from tacit.entrypoints.api.callers import is_cookie_at_fault
from tacit.entrypoints.api.guarding import requires
from tacit.entrypoints.storefront.assets import PREFIX, Assets, read_assets
from tacit.entrypoints.storefront.failures import UNEXPECTED, Failure, failure_of, sign_in_first
from tacit.entrypoints.storefront.rendering import new_renderer
from tacit.entrypoints.storefront.routes import page_route
from tacit.entrypoints.storefront.selection import MAX_QUERY_LENGTH, Selection, plain_text, selection_of
from tacit.entrypoints.storefront.tiles import choice_of, notice_of, tiles_of
from tacit.entrypoints.storefront.ways_in import say_unknown, way_in
from tacit.entrypoints.storefront.wording import is_synthetic, wording_of
from tacit.errors import NotFound, TacitError, Unauthenticated
from tacit.serving.answers import ItemView
from tacit.serving.recommend import RecommendationService

LIST_LENGTH = 12
HISTORY_LENGTH = 12
SUGGESTIONS = 8
FOUND_LENGTH = 24
RETRY_SECONDS = 5

_Likes = Annotated[list[str] | None, Query()]


def storefront_router(
    service: RecommendationService,
    *,
    dataset: Callable[[], str],
    example_users: tuple[str, ...] = (),
    has_sign_in: bool = False,
) -> APIRouter:
    """All pages and their files, to be included at the root of an application.

    Args:
        service: Answers.
        dataset: Names the dataset in use, as its reader does; decides what things are called, and never raises.
        example_users: Ids of known users to offer to whoever knows none.
        has_sign_in: Whether people sign in here, so that whoever is not known is led there.
    """
    return storefront(service, dataset=dataset, example_users=example_users, has_sign_in=has_sign_in).router()


def storefront(
    service: RecommendationService,
    *,
    dataset: Callable[[], str],
    example_users: tuple[str, ...] = (),
    has_sign_in: bool = False,
) -> Storefront:
    """The same before they are routes, for whoever shows what could not be done in the same way."""
    return Storefront(service, read_assets(), dataset=dataset, example_users=example_users, has_sign_in=has_sign_in)


class Storefront:
    """The pages of one installation; each takes the address apart, asks one thing of the service and renders."""

    def __init__(
        self,
        service: RecommendationService,
        assets: Assets,
        *,
        dataset: Callable[[], str],
        example_users: tuple[str, ...],
        has_sign_in: bool,
    ) -> None:
        self._service = service
        self._assets, self._renderer = assets, new_renderer(assets)
        self._dataset = dataset
        self._example_users = example_users
        self._has_sign_in = has_sign_in

    def router(self) -> APIRouter:
        """The pages as routes, and their files."""
        router = APIRouter(include_in_schema=False, route_class=page_route(self.failure))
        reads, reads_of_users = [requires("lists:read")], [requires("users:read")]
        for path, page, guards in (
            ("/", self.home, reads),
            ("/search", self.search, reads),
            ("/listener", self.ask_listener, reads),
            ("/listener/{user_id:path}", self.listener, reads_of_users),
            ("/alike/{item_id:path}", self.similar, reads),
        ):
            router.add_api_route(path, page, response_model=None, dependencies=guards)
        router.add_api_route(PREFIX + "/{digest}/{name}", _sender(self._assets), response_model=None)
        return router

    def home(self, like: _Likes = None, category: str | None = None) -> Response:
        """The picks and what follows from them; without picks, what is popular, to pick from."""
        selection = selection_of(like or (), category)
        if selection.likes:
            wanted = "personal"
            answer = self._service.for_likes(selection.likes, limit=LIST_LENGTH, category=selection.category)
        else:
            wanted = "category" if selection.category else "popular"
            answer = self._service.popular(limit=LIST_LENGTH, category=selection.category)
        return self._page(
            "home.html",
            selection=selection,
            picks=self._known(selection.likes),
            unknown_count=len(answer.unknown_items),
            answer=answer,
            tiles=tiles_of(answer.items, category=selection.category),
            notice=notice_of(answer, wanted=wanted, wording=wording_of(self._dataset())),
            choice=choice_of(self._service.categories(), selection.category),
            narrowed=lambda name: selection.within(name).home,
        )

    def search(
        self,
        q: str = "",
        like: _Likes = None,
        category: str | None = None,
        *,
        hx_request: Annotated[str, Header()] = "",
    ) -> Response:
        """Items by the beginning of their name: a list to pick from under the field, or a page of its own."""
        selection = selection_of(like or (), category)
        prefix = plain_text(q.strip(), field="q", max_length=MAX_QUERY_LENGTH)
        is_typing = hx_request == "true"
        length = SUGGESTIONS if is_typing else FOUND_LENGTH
        matches = self._service.search(prefix, limit=length + len(selection.likes)) if prefix else ()
        found = [item for item in matches if item.item_id not in selection.likes][:length]
        template = "suggestions.html" if is_typing else "search.html"
        return self._page(template, selection=selection, prefix=prefix, found=found)

    def ask_listener(self, id: str = "") -> Response:  # noqa: A002 - the name of the field in the address
        """Where an id is entered; given one, on to its page."""
        user_id = plain_text(id.strip(), field="id")
        if user_id:
            return RedirectResponse(Selection().listener(user_id), 303)
        return self._page("ask_listener.html")

    def listener(self, user_id: str, category: str | None = None) -> Response:
        """What somebody knows, and what follows from it."""
        user_id = plain_text(user_id, field="id")
        if not user_id:
            return self.ask_listener()
        selection = selection_of((), category)
        history = self._service.history(user_id, HISTORY_LENGTH)
        answer = self._service.for_user(user_id, limit=LIST_LENGTH, category=selection.category)
        return self._page(
            "listener.html",
            selection=selection,
            user_id=user_id,
            history=history,
            answer=answer,
            tiles=tiles_of(answer.items, category=selection.category),
            notice=notice_of(answer, wanted="personal", wording=wording_of(self._dataset())),
            choice=choice_of(self._service.categories(), selection.category),
            narrowed=lambda name: selection.within(name).listener(user_id),
        )

    def similar(self, item_id: str, like: _Likes = None, category: str | None = None) -> Response:
        """What is like an item."""
        selection = selection_of(like or (), category)
        item = self._service.item(plain_text(item_id, field="item"))
        if not item.available:
            raise item_unknown()
        answer = self._service.similar(item.item_id, limit=LIST_LENGTH)
        return self._page(
            "similar.html",
            selection=selection,
            item=item,
            answer=answer,
            tiles=tiles_of(answer.items),
            notice=notice_of(answer, wanted="similar", wording=wording_of(self._dataset())),
        )

    def failure(self, request: Request, error: Exception) -> Response:
        """The page that is shown where another one cannot be."""
        failure = self._told(request, error)
        response = self._page("failure.html", status=failure.status, failure=failure)
        if failure.status == 503:
            response.headers["Retry-After"] = str(RETRY_SECONDS)
        if isinstance(error, Unauthenticated):
            say_unknown(response, request)
        return response

    def _told(self, request: Request, error: Exception) -> Failure:
        if isinstance(error, Unauthenticated) and self._has_sign_in:
            is_over = is_cookie_at_fault(request.scope)
            return sign_in_first(error, way_in=way_in(request, error), is_over=is_over)
        return failure_of(error, wording_of(self._dataset())) if isinstance(error, TacitError) else UNEXPECTED

    def _page(self, template: str, *, status: int = 200, **values: object) -> Response:
        dataset = self._dataset()
        return self._renderer.page(
            template,
            status=status,
            dataset=dataset,
            wording=wording_of(dataset),
            is_synthetic=is_synthetic(dataset),
            example_users=self._example_users,
            **{"selection": Selection(), **values},
        )

    def _known(self, item_ids: tuple[str, ...]) -> list[ItemView]:
        return [item for item in map(self._item, item_ids) if item is not None and item.available]

    def _item(self, item_id: str) -> ItemView | None:
        try:
            return self._service.item(item_id)
        except NotFound:
            return None


def _sender(assets: Assets) -> Callable[[str, str], Response]:
    """Sends a file; for good if the address names its content, and for now if a page of another release asks."""

    def send(digest: str, name: str) -> Response:
        asset = assets.by_name.get(name)
        if asset is None:
            raise NotFound("route_unknown", "There is no file at this address.")
        kept = "public, max-age=31536000, immutable" if digest == assets.digest else "no-cache"
        headers = {"Cache-Control": kept, "X-Content-Type-Options": "nosniff"}
        return Response(asset.content, media_type=asset.media_type, headers=headers)

    return send
