"""What changes something, and names nobody who asks, must not have been sent by somebody else's page."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.datastructures import Headers

from tacit.entrypoints.api.checkpoints import Again, Scope, freely
from tacit.security.edges import CorsRules
from tacit.security.origins import SAFE_METHODS, is_foreign, origin_foreign, refuse_foreign
from tacit.security.session_checker import COOKIE, cookie_value

_OURS = f"{COOKIE}=".encode()
_OF_BROWSERS = frozenset({b"origin", b"sec-fetch-site"})
_LOOKED_AT = _OF_BROWSERS | {b"cookie", b"authorization", b"x-api-key"}


class SameOrigin:
    """A checkpoint against requests that a browser is made to send by somebody else's page.

    It looks at those that hold a cookie of ours, and at those that name neither key nor token: where nobody is asked
    who they are, being able to reach us is all that counts, and every page that a browser shows here can.  A key or a
    token no page can send along unless we let its origin ask.

    Args:
        cors: Pages of other origins that may ask; with a cookie, only where they may send what a browser knows.
    """

    is_immediate = True

    def __init__(self, cors: CorsRules | None = None) -> None:
        self._cors = CorsRules() if cors is None else cors

    async def enter(self, scope: Scope) -> None:
        if scope["method"] in SAFE_METHODS:
            return
        said = {name: value for name, value in scope["headers"] if name in _LOOKED_AT}
        has_cookie = b"cookie" in said and _has_our_cookie(scope)
        if not has_cookie and (said.keys().isdisjoint(_OF_BROWSERS) or _names_somebody(said)):
            return
        headers = Headers(scope=scope)
        if self._lets_ask(headers.get("origin"), has_cookie=has_cookie):
            return
        if has_cookie:
            check_origin(scope["method"], headers)
        elif is_foreign(**_said(headers)):
            raise origin_foreign()

    def lasting(self, scope: Scope) -> Again | None:
        # All that is looked at is in the head, but for the method, and what is asked of one route has one method.
        return freely

    def leave(self, scope: Scope, *, status: int, seconds: float) -> None:
        """Nothing is held."""

    def _lets_ask(self, origin: str | None, *, has_cookie: bool) -> bool:
        return origin is not None and self._cors.allows(origin) and (self._cors.with_credentials or not has_cookie)


def check_origin(method: str, headers: Headers) -> None:
    """Refuse what a page of somebody else's has a browser send.

    Raises:
        Forbidden: `origin_foreign`.
    """
    refuse_foreign(method, **_said(headers))


def our_cookie(headers: Headers) -> str | None:
    """The value of our cookie among the headers of a request."""
    return cookie_value(";".join(headers.getlist("cookie")))


def _said(headers: Headers) -> dict[str, str | None]:
    """What a browser says of where a request comes from."""
    return {
        "host": headers.get("host"),
        "origin": headers.get("origin"),
        "fetch_site": headers.get("sec-fetch-site"),
    }


def _has_our_cookie(scope: Scope) -> bool:
    return any(name == b"cookie" and _OURS in value for name, value in scope["headers"])


def _names_somebody(said: Mapping[bytes, bytes]) -> bool:
    """Whether there is a key or a token.  Of itself a browser sends other schemes of `Authorization`, but not these."""
    return b"x-api-key" in said or said.get(b"authorization", b"").lstrip()[:7].lower() == b"bearer "
