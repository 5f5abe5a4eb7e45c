"""What changes something and came with our cookie must have been sent by a page of ours."""

from __future__ import annotations

from starlette.datastructures import Headers

from tacit.entrypoints.api.checkpoints import Again, Scope, freely
from tacit.security.origins import refuse_foreign
from tacit.security.session_checker import COOKIE, cookie_value


class SameOrigin:
    """A checkpoint against requests that a browser is made to send by somebody else's page.

    It looks at those that hold a cookie of ours; a program with a key or a token has none.
    """

    is_immediate = True

    async def enter(self, scope: Scope) -> None:
        if scope["method"] in ("GET", "HEAD", "OPTIONS"):
            return
        headers = Headers(scope=scope)
        cookies = ";".join(headers.getlist("cookie"))
        if f"{COOKIE}=" in cookies:
            check_origin(scope["method"], headers)

    def lasting(self, scope: Scope) -> Again | None:
        return freely if scope["method"] == "GET" else None

    def leave(self, scope: Scope, *, status: int, seconds: float) -> None:
        """Nothing is held."""


def check_origin(method: str, headers: Headers) -> None:
    """Refuse what a page of somebody else's has a browser send.

    Raises:
        Forbidden: `origin_foreign`.
    """
    refuse_foreign(
        method, host=headers.get("host"), origin=headers.get("origin"), fetch_site=headers.get("sec-fetch-site")
    )


def our_cookie(headers: Headers) -> str | None:
    """The value of our cookie among the headers of a request."""
    return cookie_value(";".join(headers.getlist("cookie")))
