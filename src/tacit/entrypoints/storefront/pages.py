"""The pages: picks and what follows from them, somebody's own list, what is like an item, and the search."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import RedirectResponse

from tacit.data.catalog_edits import item_unknown
from tacit.entrypoints.api.guarding import requires
from tacit.entrypoints.storefront.assets import PREFIX, Assets, read_assets
from tacit.entrypoints.storefront.behind import Behind
from tacit.entrypoints.storefront.browsing_pages import BrowsingPages
from tacit.entrypoints.storefront.failures import UNREAD
from tacit.entrypoints.storefront.frame import Frame
from tacit.entrypoints.storefront.own_pages import OwnPages
from tacit.entrypoints.storefront.picking import Picking
from tacit.entrypoints.storefront.routes import page_route
from tacit.entrypoints.storefront.selection import MAX_QUERY_LENGTH, Selection, plain_text, selection_of
from tacit.errors import NotFound, Unavailable
from tacit.serving.recommend import RecommendationService

LIST_LENGTH = 12
HISTORY_LENGTH = 12
SUGGESTIONS = 8
FOUND_LENGTH = 24

_OWN_IS_AWAY = "Your own list cannot be read at the moment; nothing of it is lost. Meanwhile, this is what many like."

_Many = Annotated[list[str] | None, Query()]
_Route = tuple[str, str, Callable[..., Response], Sequence[Any]]


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
    behind: Behind | None = None,
) -> Storefront:
    """The same before they are routes, for whoever shows what could not be done in the same way.

    With `behind`, people are known and do something here, and there are moods, charts and draws.
    """
    assets = read_assets()
    frame = Frame(service, assets, dataset=dataset, example_users=example_users, has_sign_in=has_sign_in, behind=behind)
    return Storefront(frame, assets)


class Storefront:
    """The pages of one installation; each takes the address apart, asks one thing of the service and renders."""

    def __init__(self, frame: Frame, assets: Assets) -> None:
        self._frame, self._assets = frame, assets
        self._service = frame.service
        self._picking = Picking(frame)
        self._own = None if frame.behind is None else OwnPages(frame, frame.behind, self._picking)

    def router(self) -> APIRouter:
        """The pages as routes, and their files."""
        router = APIRouter(include_in_schema=False, route_class=page_route(self.failure))
        for path, method, page, guards in self._routes():
            router.add_api_route(path, page, methods=[method], response_model=None, dependencies=guards)
        router.add_api_route(PREFIX + "/{digest}/{name}", sender(self._assets), response_model=None)
        return router

    def _routes(self) -> list[_Route]:
        reads = [requires("lists:read")]
        routes: list[_Route] = [
            ("/", "GET", self.home, reads),
            ("/search", "GET", self.search, reads),
            ("/listener", "GET", self.ask_listener, reads),
            ("/listener/{user_id:path}", "GET", self.listener, [requires("users:read")]),
            ("/alike/{item_id:path}", "GET", self.similar, reads),
        ]
        frame = self._frame
        if frame.behind is None or self._own is None:
            return routes
        return [*routes, *self._own.routes(), *BrowsingPages(frame, frame.behind.browsing).routes()]

    def home(
        self, request: Request, *, like: _Many = None, mood: _Many = None, category: str | None = None
    ) -> Response:
        """Somebody's own list where there is one; otherwise the picks and what follows from them."""
        selection = selection_of(like or (), category, mood or ())
        try:
            own = None if self._own is None or not selection.is_empty else self._own.own(request, selection.category)
        except Unavailable as error:
            if error.code not in UNREAD:
                raise
            return self._picking.shown(request, selection, notice=_OWN_IS_AWAY)
        return self._picking.shown(request, selection) if own is None else own

    def search(
        self,
        request: Request,
        q: str = "",
        *,
        like: _Many = None,
        mood: _Many = None,
        category: str | None = None,
        start: str = "",
        hx_request: Annotated[str, Header()] = "",
    ) -> Response:
        """Items by the beginning of their name: a list to pick from under the field, or a page of its own."""
        selection = selection_of(like or (), category, mood or (), is_start=bool(start))
        prefix = plain_text(q.strip(), field="q", max_length=MAX_QUERY_LENGTH)
        is_typing = hx_request == "true"
        length = SUGGESTIONS if is_typing else FOUND_LENGTH
        matches = self._service.search(prefix, limit=length + len(selection.likes)) if prefix else ()
        found = [item for item in matches if item.item_id not in selection.likes][:length]
        template = "suggestions.html" if is_typing else "search.html"
        return self._frame.page(template, request, selection=selection, prefix=prefix, found=found)

    def ask_listener(self, request: Request, id: str = "") -> Response:  # noqa: A002 - the name of the field
        """Where an id is entered; given one, on to its page."""
        user_id = plain_text(id.strip(), field="id")
        if user_id:
            return RedirectResponse(Selection().listener(user_id), 303)
        return self._frame.page("ask_listener.html", request)

    def listener(self, request: Request, user_id: str, category: str | None = None) -> Response:
        """What somebody knows, and what follows from it."""
        user_id = plain_text(user_id, field="id")
        if not user_id:
            return self.ask_listener(request)
        selection = selection_of((), category)
        history = self._service.history(user_id, HISTORY_LENGTH)
        answer = self._service.for_user(user_id, limit=LIST_LENGTH, category=selection.category)
        return self._frame.page(
            "listener.html",
            request,
            selection=selection,
            user_id=user_id,
            history=history,
            listing=self._frame.listing(answer, wanted="personal", category=selection.category),
            choice=self._picking.choice(selection.category),
            narrowed=lambda name: selection.within(name).listener(user_id),
        )

    def similar(
        self, request: Request, item_id: str, *, like: _Many = None, mood: _Many = None, category: str | None = None
    ) -> Response:
        """What is like an item."""
        selection = selection_of(like or (), category, mood or ())
        item = self._service.item(plain_text(item_id, field="item"))
        if not item.available:
            raise item_unknown()
        answer = self._service.similar(item.item_id, limit=LIST_LENGTH)
        listing = self._frame.listing(answer, wanted="similar")
        return self._frame.page("similar.html", request, selection=selection, item=item, listing=listing)

    def failure(self, request: Request, error: Exception) -> Response:
        """The page that is shown where another one cannot be."""
        return self._frame.failure(request, error)


def sender(assets: Assets) -> Callable[[str, str], Response]:
    """Sends a file; for good if the address names its content, and for now if a page of another release asks."""

    def send(digest: str, name: str) -> Response:
        asset = assets.by_name.get(name)
        if asset is None:
            raise NotFound("route_unknown", "There is no file at this address.")
        kept = "public, max-age=31536000, immutable" if digest == assets.digest else "no-cache"
        headers = {"Cache-Control": kept, "X-Content-Type-Options": "nosniff"}
        return Response(asset.content, media_type=asset.media_type, headers=headers)

    return send
