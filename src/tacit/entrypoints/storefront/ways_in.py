"""The way to the page to sign in at, and back from it to where somebody was."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from fastapi import Request, Response

from tacit.entrypoints.api.callers import is_cookie_at_fault
from tacit.entrypoints.storefront.cookies import clear_session
from tacit.errors import TacitError

SIGN_IN = "/signin"
_LONGEST = 4_000
"""Characters of an address that is led back to; three times as many must fit an address once more."""


def own_path(following: str, *, otherwise: str = "/account") -> str:
    """An address of ours, so that no link to the sign-in leads anywhere else; another of ours instead of a foreign."""
    if not (following.isascii() and following.isprintable()) or "\\" in following:
        return otherwise
    try:
        parts = urlsplit(following)
    except ValueError:
        return otherwise
    is_own = not parts.scheme and not parts.netloc and following.startswith("/") and not following.startswith("//")
    return following if is_own else otherwise


def way_in(request: Request, error: TacitError) -> str:
    """The address to sign in at, from where one comes back to what was asked here.

    Args:
        request: What was asked.
        error: Why it is not shown; where it may be because of a key in the address, only the path is come back to.
    """
    asked = (request.scope.get("raw_path") or b"").decode("latin-1")
    query = request.scope["query_string"].decode("latin-1")
    if query and (error.code == "credentials_missing" or is_cookie_at_fault(request.scope)):
        asked = f"{asked}?{query}"
    back = own_path(asked, otherwise="/") if len(asked) <= _LONGEST else "/"
    return f"{SIGN_IN}?next={quote(back)}"


def say_unknown(response: Response, request: Request) -> None:
    """Have an answer say what HTTP wants said to whom nobody knows, and a browser forget a cookie that did not hold."""
    response.headers["WWW-Authenticate"] = "Bearer"
    if is_cookie_at_fault(request.scope):
        clear_session(response)
