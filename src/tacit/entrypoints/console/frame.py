"""The frame that every page of the console stands in: who looks, what they may, how a page is answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from tacit.bootstrap.repeating import now_ms
from tacit.entrypoints.api.callers import principal_of
from tacit.entrypoints.api.guarding import requires
from tacit.entrypoints.console import wording
from tacit.entrypoints.console.failures import UNEXPECTED, failure_of
from tacit.entrypoints.console.flash import Flash, clear_flash, flash_of, put_flash
from tacit.entrypoints.console.live import Part, Source, Streams
from tacit.entrypoints.console.navigation import GROUPS
from tacit.entrypoints.console.rendering import Renderer, new_renderer
from tacit.entrypoints.storefront.frame import address_of
from tacit.entrypoints.storefront.routes import page_route
from tacit.entrypoints.storefront.ways_in import SIGN_IN, say_unknown, way_in
from tacit.errors import TacitError, Unauthenticated
from tacit.security.principals import Scope

ROOT = "/console"
"""Where the console is."""

Facts = Callable[[], Mapping[str, object]]
"""What every page is told beside its own facts, asked for each time."""
Banner = Callable[[], str | None]
"""Something that every page must say as long as it holds, such as that alerts cannot be sent; `None` while all is well.
"""


def _nothing() -> Mapping[str, object]:
    return {}


def _never() -> None:
    return None


@dataclass(frozen=True)
class ConsolePages:
    """What the pages are made with; one of them serves all pages of a process.

    Attributes:
        renderer: Fills the templates.
        streams: Keeps pages told.
        facts: What the frame shows of the installation: `installation` (its dataset) and `champion` (the version in
            use, or `None`).
        banners: What every page says while it holds.
        lost_since_ms: Since when the database cannot be asked; `None` while it can.
        clock_ms: Tells the time in milliseconds since 1970.
    """

    renderer: Renderer = field(default_factory=new_renderer)
    streams: Streams = field(default_factory=Streams)
    facts: Facts = _nothing
    banners: Sequence[Banner] = ()
    lost_since_ms: Callable[[], int | None] = _never
    clock_ms: Callable[[], int] = now_ms

    def router(self) -> APIRouter:
        """An empty router under `/console`, whose routes answer with a page whatever happens."""
        return APIRouter(prefix=ROOT, include_in_schema=False, route_class=page_route(self.failure))

    def page(self, request: Request, template: str, *, here: str, status: int = 200, **facts: object) -> Response:
        """A page.

        Args:
            request: Who asks is who it is rendered for.
            template: Its file; it extends `layout.html`.
            here: The entry of the navigation it belongs to, such as `data`.
            status: Its status.
            facts: What the template needs.
        """
        flash = flash_of(request)
        known = {**self._common(request), "here": here, "flash": flash, **facts}
        response = self.renderer.page(template, status=status, **known)
        if flash is not None:
            clear_flash(response)
        return response

    def part(self, request: Request, element_id: str, template: str, *, facts: Facts) -> Part:
        """A fragment of a page that is kept up to date: a source for `stream`.

        Args:
            request: Whom it is rendered for.
            element_id: The id of the element that the template renders, whole.
            template: Its file, which the page includes as well.
            facts: What it needs, asked for at every look.
        """
        common = self._common(request)

        def render() -> str:
            return self.renderer.text(template, **{**common, **self._now(), **facts()})

        return Part(element_id, render)

    def stream(self, request: Request, *sources: Source) -> Response:
        """What keeps a page told; for a route that is `async`, so that it holds no thread."""
        return self.streams.stream(request, *sources)

    def done(self, path: str, said: str) -> Response:
        """What follows an act: another page, which says once what was done."""
        return self._after(path, Flash(said))

    def refused(self, path: str, error: TacitError) -> Response:
        """What follows an act that was not done, where the page it was asked on can say why and be tried again."""
        return self._after(path, Flash(error.detail, "bad", error.fix))

    def failure(self, request: Request, error: Exception) -> Response:
        """The page that is shown where another one cannot be."""
        told = failure_of(error, way_in=_way_in(request, error)) if isinstance(error, TacitError) else UNEXPECTED
        # Who is nobody to us is told nothing of the installation, not even by the frame.
        template = "failure.html" if principal_of(request).may("operations:read") else "outside.html"
        again = address_of(request) if request.method == "GET" and told.status == 503 else None
        response = self.page(request, template, here="", status=told.status, failure=told, again=again)
        if told.status == 503:
            response.headers["Retry-After"] = "5"
        if isinstance(error, Unauthenticated):
            say_unknown(response, request)
        return response

    def _after(self, path: str, flash: Flash) -> Response:
        response = RedirectResponse(path, 303)
        put_flash(response, flash)
        return response

    def _common(self, request: Request) -> dict[str, Any]:
        principal = principal_of(request)
        may_read = principal.may("operations:read")
        return {
            "installation": "",
            "champion": None,
            **(self.facts() if may_read else {}),
            "lost_since_ms": self.lost_since_ms() if may_read else None,
            "banners": [said for each in self.banners if may_read and (said := each()) is not None],
            "groups": GROUPS,
            "root": ROOT,
            "who": principal.name,
            "is_signed_in": principal.kind == "account",
            "can_operate": principal.may("operations:write"),
            "can_secure": principal.may("security:admin"),
            **self._now(),
        }

    def _now(self) -> dict[str, Any]:
        now = self.clock_ms()
        return {"now_ms": now, "ago": lambda then_ms: wording.ago(then_ms, now)}


def shown(router: APIRouter, path: str, page: Callable[..., Any], *, scope: Scope = "operations:read") -> None:
    """Add a page, or what a page fetches."""
    router.add_api_route(path, page, methods=["GET"], response_model=None, dependencies=[requires(scope)])


def acted(router: APIRouter, path: str, act: Callable[..., Any], *, scope: Scope = "operations:write") -> None:
    """Add what a form of a page does; the form it takes is a parameter `form: Sent`."""
    router.add_api_route(path, act, methods=["POST"], response_model=None, dependencies=[requires(scope)])


def _way_in(request: Request, error: TacitError) -> str:
    # What was to be done is not done by signing in: one comes back to where it can be asked again.
    return way_in(request, error) if request.method == "GET" else f"{SIGN_IN}?next={ROOT}"
