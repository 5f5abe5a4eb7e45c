"""Whether a request that changes something was made by a page of ours (pure)."""

from __future__ import annotations

from urllib.parse import urlsplit

from tacit.errors import Forbidden

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def refuse_foreign(method: str, *, host: str | None, origin: str | None, fetch_site: str | None) -> None:
    """Refuse what a browser sends of itself, cookie and all, because somebody else's page told it to.

    Args:
        method: Of the request.
        host: Its `Host`.
        origin: Its `Origin`.
        fetch_site: Its `Sec-Fetch-Site`.

    Where the browser says what site a request comes from, that decides: a page that sends no referrer has its own forms
    say `Origin: null`.

    Raises:
        Forbidden: `origin_foreign`. Also where neither header says where the request comes from: every browser of
            today says it, and a program has no need of cookies.
    """
    if method in SAFE_METHODS:
        return
    if fetch_site is not None:
        is_own = fetch_site in ("same-origin", "none")
    else:
        is_own = origin is not None and host is not None and _is_own(origin, host)
    if not is_own:
        raise _foreign()


def _is_own(origin: str, host: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()


def _foreign() -> Forbidden:
    detail = "This changes something, came with a cookie, and was not sent by a page of this address."
    return Forbidden("origin_foreign", detail, fix="Programs: send a token in Authorization instead of a cookie.")
