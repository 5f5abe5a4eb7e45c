"""When a page cannot be shown as asked: what a visitor is told instead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tacit.entrypoints.api.errors import status_of
from tacit.entrypoints.storefront.wording import Wording
from tacit.errors import BadInput, Forbidden, Misconfigured, NotFound, Refused, TacitError, Unauthenticated, Unavailable


@dataclass(frozen=True)
class Failure:
    """A failure in words.

    Attributes:
        code: The error's own code; a page may offer something that mends it.
        status: The HTTP status.
        heading: What happened, in a few words.
        detail: The same in a sentence.
        advice: What to do next, where we know.
        way_in: Where to sign in, if that is what it takes.
    """

    code: str
    status: int
    heading: str
    detail: str
    advice: str | None = None
    way_in: str | None = None


UNEXPECTED = Failure(
    "internal_error",
    500,
    "Something broke on our side",
    "This page could not be put together. It has been written down, and what you picked is safe in the address.",
    "Try again in a moment.",
)

_HEADINGS: Mapping[type[TacitError], str] = {
    BadInput: "That does not add up",
    NotFound: "Nothing by that name",
    Unauthenticated: "Not without a key",
    Forbidden: "Not with this key",
    Refused: "That is not possible",
    Unavailable: "Not just now",
    Misconfigured: "Something is set up wrong",
}

UNREAD = frozenset({"database_unavailable", "database_timeout", "database_busy"})
"""Codes of a database that cannot be read now."""
_UNREAD = ("Not just now", "What is kept here cannot be read at the moment. Nothing of it is lost.")

# An error of a room speaks to whoever calls the interface; these are the same for whoever looks at a page.
_SAID: Mapping[str, tuple[str, str]] = {
    "user_unknown": ("Nobody by that id", "There is no {person} with this id here."),
    "item_unknown": ("Not in this catalogue", "There is no {item} with this id here."),
    "items_unknown": ("None of these is here", "The {items} in this address belong to another catalogue."),
    "category_unknown": ("No such category", "No {item} here belongs to this category."),
    "oidc_refused": ("Not signed in", "Signing in there did not come to a valid end."),
    "model_not_loaded": ("Almost ready", "There is nothing to recommend from yet: no trained model is in use."),
    **dict.fromkeys(UNREAD, _UNREAD),
    "database_damaged": ("Not just now", "What is kept here cannot be read at the moment."),
    "deadline_exceeded": ("Not just now", "This page took too long to put together."),
}


_SIGN_IN_FIRST = "Sign\N{NO-BREAK SPACE}in first"
_NO_ACCOUNT: str | None = "If you have no account here, ask whoever operates this installation."


def failure_of(error: TacitError, wording: Wording) -> Failure:
    """How an error of the platform is told to a visitor."""
    by_kind = next(heading for kind, heading in _HEADINGS.items() if isinstance(error, kind))
    heading, detail = _SAID.get(error.code, (by_kind, error.detail.replace("{", "{{").replace("}", "}}")))
    said = detail.format(item=wording.item, items=wording.items, person=wording.person)
    return Failure(error.code, status_of(error), heading, said, _advice(error))


def sign_in_first(error: Unauthenticated, *, way_in: str, is_over: bool) -> Failure:
    """How somebody is told that nobody knows who they are, where people sign in.

    Args:
        error: Why not.
        way_in: Where they sign in.
        is_over: Whether they were signed in before.
    """
    said, advice = "What was sent to say who you are does not hold.", _NO_ACCOUNT
    if is_over:
        said, advice = "Your sign-in is over: too much time went by, or it was ended.", None
    elif error.code == "credentials_missing":
        said = "This page is for people who are signed in."
    return Failure(error.code, status_of(error), _SIGN_IN_FIRST, said, advice, way_in)


def since(then_ms: int | None, now_ms: int) -> str | None:
    """For how long something has been so, in words; `None` where it is not, or has only just begun."""
    minutes = 0 if then_ms is None else (now_ms - then_ms) // 60_000
    if minutes < 1:
        return None
    if minutes < 120:
        return "for a minute" if minutes == 1 else f"for {minutes} minutes"
    return f"for {minutes // 60} hours"


def _advice(error: TacitError) -> str | None:
    if isinstance(error, Unavailable):
        return "Try again in a moment."
    is_said = isinstance(error, BadInput) and error.code not in _SAID
    return error.fix if is_said or isinstance(error, Unauthenticated) else None
