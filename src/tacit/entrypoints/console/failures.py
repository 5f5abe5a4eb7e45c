"""When a page of the console cannot be shown: what an operator is told, and what to do about it (pure)."""

from __future__ import annotations

from collections.abc import Mapping

from tacit.entrypoints.api.errors import status_of
from tacit.entrypoints.storefront.failures import Failure
from tacit.errors import BadInput, Forbidden, Misconfigured, NotFound, Refused, TacitError, Unauthenticated, Unavailable

UNEXPECTED = Failure(
    "internal_error",
    500,
    "Something broke on our side",
    "This page could not be put together. The log says why, under the id of the request.",
    "Load it again; if it stays so, look into the log for `page_failed`.",
)

_HEADINGS: Mapping[type[TacitError], str] = {
    BadInput: "That cannot be taken as it is",
    NotFound: "There is no such thing here",
    Unauthenticated: "Sign in first",
    Forbidden: "Not with these credentials",
    Refused: "The platform will not do this",
    Unavailable: "Not at this moment",
    Misconfigured: "Something is set up wrong",
}
_AWAY = frozenset({"database_unavailable", "database_timeout"})
"""Codes of a database that cannot be asked now."""
_OF_SCOPES = "Ask somebody who gives out accounts for a role that may: an operator acts, a reader does neither."


def failure_of(error: TacitError, *, way_in: str | None = None) -> Failure:
    """How an error of the platform is told to an operator.

    Args:
        error: What went wrong.
        way_in: Where people sign in, and come back from to what they asked.
    """
    heading = next(heading for kind, heading in _HEADINGS.items() if isinstance(error, kind))
    if error.code in _AWAY:
        detail = "It is asked again every few seconds, and this page is back as soon as it answers."
        return Failure(error.code, status_of(error), "The database does not answer", detail, error.fix)
    is_unknown = isinstance(error, Unauthenticated)
    if error.code == "route_unknown":
        return Failure(error.code, status_of(error), heading, "There is no page of the console at this address.")
    detail = "The console is for people who are signed in." if error.code == "credentials_missing" else error.detail
    advice = _OF_SCOPES if error.code == "scope_missing" else None if is_unknown else error.fix
    return Failure(error.code, status_of(error), heading, detail, advice, way_in if is_unknown else None)
