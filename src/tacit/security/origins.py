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

    Raises:
        Forbidden: `origin_foreign`. Also where neither header says where the request comes from: every browser of
            today says it, and a program has no need of cookies.
    """
    if method in SAFE_METHODS:
        return
    is_unsaid = fetch_site is None and origin is None
    if is_unsaid or is_foreign(host=host, origin=origin, fetch_site=fetch_site):
        raise origin_foreign()


def is_foreign(*, host: str | None, origin: str | None, fetch_site: str | None) -> bool:
    """Whether a browser says that somebody else's page had it send this; programs say nothing of it.

    Where the browser says what site a request comes from, that decides: a page that sends no referrer has its own forms
    say `Origin: null`.
    """
    if fetch_site is not None:
        return fetch_site not in ("same-origin", "none")
    return origin is not None and not (host is not None and _is_own(origin, host))


def origin_foreign() -> Forbidden:
    """That somebody else's page may not have a browser ask this."""
    return Forbidden(
        "origin_foreign",
        "This changes something, names no key or token, and was not sent by a page of this address.",
        fix="Programs: send a key or a token in Authorization. Pages elsewhere: have limits.cors_origins name them.",
    )


def _is_own(origin: str, host: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()
