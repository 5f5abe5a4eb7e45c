"""Access tokens: what one says, who makes and reads them, and who asks with one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tacit.errors import Unauthenticated
from tacit.security.accounts import principal_of
from tacit.security.principals import Principal, Role
from tacit.security.revocations import Revocations


def token_invalid() -> Unauthenticated:
    """The one answer to every token that does not hold; what of it is wrong is not told apart."""
    return Unauthenticated("token_invalid", "The token does not hold.", fix="Sign in again, or refresh it.")


@dataclass(frozen=True)
class AccessClaims:
    """What an access token says of who holds it.

    Attributes:
        account_id: Whose it is.
        session_id: The sign-in it came from; it ends with that one.
        role: What they may, since they signed in; another role ends the sign-in.
        user_id: The only user they may read and write for.
    """

    account_id: str
    session_id: str
    role: Role
    user_id: str | None = None


class TokenMint(Protocol):
    """Makes tokens that nobody else can make, and reads them."""

    @property
    def seconds(self) -> int:
        """How long one lasts."""
        ...

    def issue(self, claims: AccessClaims) -> str: ...
    def read(self, token: str) -> AccessClaims:
        """What a token says, if it holds at this moment.

        Raises:
            Unauthenticated: `token_invalid`, whatever is wrong with it.
        """
        ...


@dataclass(frozen=True)
class TokenChecker:
    """The `CredentialChecker` of access tokens; it waits for nothing."""

    mint: TokenMint
    revocations: Revocations
    is_immediate: bool = True

    def principal(self, credential: str) -> Principal | None:
        # Nothing else that is shown here has a dot in it.
        if "." not in credential and not credential.startswith("ey"):
            return None
        claims = self.mint.read(credential)
        if self.revocations.has(claims.session_id):
            raise token_invalid()
        return principal_of(claims.account_id, claims.role, claims.user_id)
