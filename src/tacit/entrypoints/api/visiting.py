"""Who looks at the pages without having signed in: known by a cookie from the first thing they do.

The interface for programs never looks at it.  On pages a visitor is bound to the user that they are, like a key that is
bound to one; where nobody is authenticated, whoever asks stays who may everything, and is known besides.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from urllib.parse import unquote

from fastapi import Request, Response
from starlette.requests import cookie_parser

from tacit.bootstrap import App
from tacit.entrypoints.api.callers import REFUSAL
from tacit.entrypoints.api.checkpoints import PRINCIPAL, Again, Scope, freely
from tacit.security.origins import SAFE_METHODS
from tacit.security.principals import NOBODY, Principal
from tacit.security.visitors import Visitor, Visitors

VISITOR = "tacit.visitor"
"""Where the scope holds the `Visitor` who looks at a page, or `None` where somebody may become one."""


_PAGES = frozenset(
    {
        "/", "/start", "/acts", "/opinion", "/you", "/you/forget", "/search", "/moods", "/charts", "/discover",
        "/alike", "/listener",
    }
)  # fmt: skip
_UNDER = ("/moods/", "/alike/", "/item/", "/listener/")
"""The pages on which somebody is a visitor, whole and by what they lie under; everywhere else nobody is one."""


def is_page(path: str) -> bool:
    """Whether an address, decoded and without its query, is a page's on which there are visitors."""
    return path in _PAGES or path.startswith(_UNDER)


class Visiting:
    """A checkpoint that knows visitors of the pages, and makes one of whoever does something there.

    Args:
        visitors: Makes and knows them.
        is_secure: Whether their browsers come over TLS.

    Attributes:
        cookie: Name of the cookie.
    """

    is_immediate = True

    def __init__(self, visitors: Visitors, *, is_secure: bool) -> None:
        self._visitors, self._is_secure = visitors, is_secure
        # With the prefix, browsers take it from this very host alone; without TLS they would not take it at all.
        self.cookie = "__Host-visitor" if is_secure else "visitor"

    async def enter(self, scope: Scope) -> None:
        principal: Principal = scope.get(PRINCIPAL, NOBODY)
        is_welcome = principal.kind == "local" or (principal.kind == "anonymous" and principal.may("lists:read"))
        if REFUSAL in scope or not is_welcome or not is_page(_path_of(scope)):
            return
        visitor = self._known(scope)
        if visitor is None and scope["method"] not in SAFE_METHODS:
            visitor = self._visitors.new()
        scope[VISITOR] = visitor
        if visitor is not None and principal.kind == "anonymous":
            scope[PRINCIPAL] = visitor.principal

    def lasting(self, scope: Scope) -> Again | None:
        return freely

    def leave(self, scope: Scope, *, status: int, seconds: float) -> None:
        """Nothing is held."""

    def remember(self, response: Response, visitor: Visitor) -> None:
        """Have a browser keep who it is, unless it does."""
        if visitor.cookie is not None:
            self._set(response, visitor.cookie, seconds=self._visitors.keep_seconds)

    def forget(self, response: Response) -> None:
        """Have a browser forget it."""
        self._set(response, "", seconds=0)

    def _known(self, scope: Scope) -> Visitor | None:
        kept = self.cookie.encode()
        for name, value in scope["headers"]:
            if name == b"cookie" and kept in value:
                given = cookie_parser(value.decode("latin-1")).get(self.cookie)
                return None if given is None else self._visitors.known(given)
        return None

    def _set(self, response: Response, value: str, *, seconds: int) -> None:
        response.set_cookie(
            self.cookie, value, max_age=seconds, path="/", secure=self._is_secure, httponly=True, samesite="lax"
        )


def _path_of(scope: Scope) -> str:
    """What was asked, as routes will match it; where a request is answered at its head, only the raw path is there."""
    path: str | None = scope.get("path")
    return unquote((scope.get("raw_path") or b"").decode("latin-1")) if path is None else path


def visiting_of(app: App, *, clock: Callable[[], float] = time.time) -> Visiting | None:
    """The checkpoint of an installation; `None` where only who signs in is known."""
    chosen = app.settings.storefront
    if not chosen.visitors:
        return None
    people = app.people
    visitors = Visitors(lambda: people.secret, clock=clock, keep_days=chosen.visitor_days)
    is_secure = app.settings.auth.tls == "proxy" or app.settings.limits.tls_in_front
    return Visiting(visitors, is_secure=is_secure)


def visitor_of(request: Request) -> Visitor | None:
    """Who looks at a page, as far as a cookie tells."""
    found: Visitor | None = request.scope.get(VISITOR)
    return found


def is_welcome(request: Request) -> bool:
    """Whether somebody who is not signed in may do something here."""
    return VISITOR in request.scope
