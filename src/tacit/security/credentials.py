"""How somebody says who they are, and who can tell (pure)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from tacit.errors import Unauthenticated
from tacit.security.principals import Principal

ANONYMOUS = Principal("anonymous", "anonymous", frozenset({"lists:read"}), user_id="")
"""Who asks without credentials where these are optional: what belongs to no user is theirs to read, and nothing else.

No user has an empty id, so that they may touch nobody: a user's list tells what that user did.
"""


class CredentialChecker(Protocol):
    """Tells who sends a key or a token.

    Attributes:
        is_immediate: Whether it answers from memory alone, so that it may be asked in an event loop.
    """

    @property
    def is_immediate(self) -> bool: ...

    def principal(self, credential: str) -> Principal | None:
        """Whose a credential is; `None` if it is none of this kind.

        Raises:
            Unauthenticated: It is of this kind and does not hold: `credentials_invalid` whatever is wrong with it.
            Unavailable: Whether it holds cannot be told now.
        """
        ...


@runtime_checkable
class LastingChecker(Protocol):
    """A checker that can tell whether a credential that held still does, for less than looking at it again."""

    def lasting(self, credential: str) -> Callable[[], bool] | None:
        """How to; `None` of a credential that is not of its kind, or does not hold now."""
        ...


class CookieChecker(CredentialChecker, Protocol):
    """The same of what a browser sends by itself.

    Attributes:
        cookie: The name of the cookie that is looked at.
    """

    @property
    def cookie(self) -> str: ...


def credentials_missing() -> Unauthenticated:
    """That somebody must say who they are."""
    return Unauthenticated(
        "credentials_missing",
        "Nothing in the request says who asks.",
        field="Authorization",
        fix="Send `Authorization: Bearer KEY`, or the key as `X-API-Key`; `tacit keys create` makes one.",
    )


def credentials_invalid() -> Unauthenticated:
    """That what somebody sent does not hold; nobody is told why, for that would help who tries."""
    return Unauthenticated(
        "credentials_invalid",
        "These credentials do not hold.",
        field="Authorization",
        fix="Send a key that is neither expired nor revoked, as `Authorization: Bearer KEY`, and never in the address.",
    )
