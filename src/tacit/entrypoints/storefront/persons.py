"""Who looks at a page: somebody signed in, a visitor whom a cookie tells, or nobody in particular."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Request

from tacit.entrypoints.api.callers import principal_of
from tacit.entrypoints.api.visiting import is_welcome, visitor_of
from tacit.errors import Forbidden
from tacit.security.visitors import Visitor


@dataclass(frozen=True, slots=True)
class Person:
    """Whoever looks at a page.

    Attributes:
        user_id: The user they are; `None` for nobody in particular.
        may_act: Whether what they do is taken.
        is_signed_in: Whether they have an account.
        visitor: What their browser is to keep, where they have none.
    """

    user_id: str | None = None
    may_act: bool = False
    is_signed_in: bool = False
    visitor: Visitor | None = None


NOBODY = Person()


def person_of(request: Request) -> Person:
    """Who looks at a page; an account that is bound to no user is a user of its own."""
    principal = principal_of(request)
    if principal.kind == "account":
        return Person(principal.user_id or principal.name, principal.may("events:write"), is_signed_in=True)
    if principal.kind == "key":
        return Person(principal.user_id, principal.user_id is not None and principal.may("events:write"))
    visitor = visitor_of(request)
    return Person(None if visitor is None else visitor.user_id, is_welcome(request), visitor=visitor)


def acting_user(person: Person) -> str:
    """The user in whose name something is done.

    Raises:
        Forbidden: `user_unsaid` where nobody can tell whose act it would be.
    """
    if person.user_id is None or not person.may_act:
        raise Forbidden(
            "user_unsaid",
            "Nobody can tell whose choice this would be.",
            fix="Sign in with an account that may send events, or have storefront.visitors be true.",
        )
    return person.user_id
