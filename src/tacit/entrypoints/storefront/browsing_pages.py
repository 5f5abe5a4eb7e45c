"""The pages of whoever looks around: moods, charts, draws, single items, and what is like something."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from tacit.data.catalog_edits import item_unknown
from tacit.data.moods import checked_name
from tacit.entrypoints.api.guarding import requires
from tacit.entrypoints.storefront.facts import facts_of, plain_tags
from tacit.entrypoints.storefront.frame import Frame
from tacit.entrypoints.storefront.persons import person_of
from tacit.entrypoints.storefront.selection import MAX_QUERY_LENGTH, plain_text
from tacit.entrypoints.storefront.tiles import choice_of
from tacit.errors import BadInput, NotFound
from tacit.serving.browsing import Browsing, Shown, seed_of
from tacit.serving.discovery import new_seed

LIST_LENGTH = 12
CHART_LENGTH = 20
BESIDE_LENGTH = 8
FOUND_LENGTH = 24

_Route = tuple[str, str, Callable[..., Response], Sequence[Any]]


class BrowsingPages:
    """Each asks one thing of whoever knows moods and charts, and renders it."""

    def __init__(self, frame: Frame, browsing: Browsing) -> None:
        self._frame, self._browsing = frame, browsing
        self._service = frame.service

    def routes(self) -> list[_Route]:
        """Path, method, page and what it takes."""
        reads = [requires("lists:read")]
        return [
            ("/moods", "GET", self.moods, reads),
            ("/moods/{mood}", "GET", self.mood, reads),
            ("/charts", "GET", self.charts, reads),
            ("/discover", "GET", self.discover, reads),
            ("/alike", "GET", self.ask_alike, reads),
            ("/item/{item_id:path}", "GET", self.item, reads),
        ]

    def moods(self, request: Request) -> Response:
        """Every mood, with the items that stand for it."""
        return self._frame.page("moods.html", request, moods=self._browsing.moods())

    def mood(self, request: Request, mood: str) -> Response:
        """What suits a mood: for somebody who is known by their taste as well."""
        view = self._browsing.mood(checked_name(mood))
        shown = self._for_mood(view.mood.name, self._user_id(request)) if view.profile.why_empty is None else None
        listing = None if shown is None else self._frame.listing(shown.answer, wanted="mood")
        return self._frame.page("mood.html", request, view=view, listing=listing)

    def charts(self, request: Request, chart: str = "overall", category: str | None = None) -> Response:
        """What most people met, or what rises; of everything or of a category."""
        if chart not in ("overall", "trending"):
            raise BadInput("chart_unknown", "There is no such chart.", field="chart")
        within = plain_text(category, field="category") if category else None
        is_trending = chart == "trending"
        ask = self._browsing.trending if is_trending else self._browsing.chart
        shown = ask(category=within, limit=CHART_LENGTH)
        wanted = "trending" if is_trending else ("category" if within else "popular")
        listing = self._frame.listing(shown.answer, wanted=wanted, category=within)
        choice = choice_of(self._service.categories(), within)
        return self._frame.page(
            "charts.html", request, listing=listing, kind=shown.kind, is_trending=is_trending, choice=choice
        )

    def discover(self, request: Request, seed: str = "", category: str | None = None) -> Response:
        """A draw, under an address of its own, so that it can be shown to somebody else."""
        if not seed:
            return RedirectResponse(_discover(new_seed(), category), 303)
        within = plain_text(category, field="category") if category else None
        shown = self._draw(seed_of(plain_text(seed, field="seed")), self._user_id(request), within)
        listing = self._frame.listing(shown.answer, wanted="discovery", category=within)
        choice = choice_of(self._service.categories(), within)
        return self._frame.page("discover.html", request, listing=listing, seed=seed, choice=choice)

    def ask_alike(self, request: Request, q: str = "") -> Response:
        """Where an item is found by name to see what is like it."""
        prefix = plain_text(q.strip(), field="q", max_length=MAX_QUERY_LENGTH)
        found = self._service.search(prefix, limit=FOUND_LENGTH)
        return self._frame.page("ask_alike.html", request, prefix=prefix, found=found)

    def item(self, request: Request, item_id: str) -> Response:
        """All that is known of an item, and what is like it."""
        item = self._service.item(plain_text(item_id, field="item"))
        if not item.available:
            raise item_unknown()
        answer = self._service.similar(item.item_id, limit=BESIDE_LENGTH)
        return self._frame.page(
            "item.html",
            request,
            item=item,
            facts=facts_of(item),
            tags=plain_tags(item),
            categories={name for name, _ in self._service.categories()},
            listing=self._frame.listing(answer, wanted="similar"),
        )

    def _user_id(self, request: Request) -> str | None:
        return person_of(request).user_id

    def _for_mood(self, name: str, user_id: str | None) -> Shown:
        try:
            return self._browsing.for_mood(name, user_id=user_id, limit=LIST_LENGTH)
        except NotFound as error:
            if not _is_unknown(error, user_id):
                raise
            return self._browsing.for_mood(name, limit=LIST_LENGTH)

    def _draw(self, seed: str, user_id: str | None, category: str | None) -> Shown:
        try:
            return self._browsing.discover(seed=seed, user_id=user_id, limit=LIST_LENGTH, category=category)
        except NotFound as error:
            if not _is_unknown(error, user_id):
                raise
            return self._browsing.discover(seed=seed, limit=LIST_LENGTH, category=category)


def _is_unknown(error: NotFound, user_id: str | None) -> bool:
    """Whether it is only that nothing is known yet of who asks."""
    return user_id is not None and error.code == "user_unknown"


def _discover(seed: str, category: str | None) -> str:
    return f"/discover?{urlencode([('seed', seed), *([('category', category)] if category else [])])}"
