"""Sign-ins that last: browser sessions and families of refresh tokens, and where they are kept."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

Kind = Literal["token", "browser"]

GRACE_MS = 2_000
"""How long the one who refreshed may ask again and be told the same."""

_PREFIX = "tacit_refresh_"


@dataclass(frozen=True)
class SessionRules:
    """How long sign-ins last, in milliseconds.

    Attributes:
        idle_ms: A browser session that nobody used for so long is over.
        longest_ms: A browser session lasts no longer, used or not.
        refresh_ms: A refresh token that nobody used for so long is worth nothing.
        family_ms: So long after signing in with a password, refreshing ends.
    """

    idle_ms: int = 30 * 60_000
    longest_ms: int = 12 * 3_600_000
    refresh_ms: int = 14 * 86_400_000
    family_ms: int = 90 * 86_400_000


@dataclass(frozen=True)
class Session:
    """One sign-in: a browser's session, or a family of refresh tokens that each replaced the one before.

    Attributes:
        session_id: Names it; no secret.
        account_id: Whose it is.
        kind: What it lives on.
        secret: A browser's: digest of the cookie's secret. A family's: what its tokens are derived with.
        began_at_ms: When they signed in.
        seen_at_ms: When it was last used, to the minute.
        ends_at_ms: When it is over however much it is used.
        revoked_at_ms: When it was ended before that.
    """

    session_id: str
    account_id: str
    kind: Kind
    secret: str
    began_at_ms: int
    seen_at_ms: int
    ends_at_ms: int
    revoked_at_ms: int | None = None

    def is_alive(self, now_ms: int, rules: SessionRules) -> bool:
        """Whether it counts at a time."""
        idle_ms = rules.idle_ms if self.kind == "browser" else rules.refresh_ms
        return self.revoked_at_ms is None and now_ms < min(self.ends_at_ms, self.seen_at_ms + idle_ms)


@dataclass(frozen=True)
class RefreshToken:
    """A refresh token as it is kept.

    Attributes:
        digest: SHA-256 of what the client holds.
        session_id: Its family.
        issued_at_ms: When it was given out.
        spent_at_ms: When it was replaced.
        spent_by: Digest of the client that had it replaced.
    """

    digest: str
    session_id: str
    issued_at_ms: int
    spent_at_ms: int | None = None
    spent_by: str | None = None


class SessionStore(Protocol):
    """Every sign-in that may still count, what was revoked of late, and from where people are known to sign in."""

    def begin(self, session: Session) -> None: ...
    def session(self, session_id: str) -> Session | None: ...
    def of_account(self, account_id: str) -> Sequence[Session]:
        """Those of an account that were not revoked, the latest first."""
        ...

    def touch(self, session_id: str, at_ms: int) -> None:
        """It was used."""
        ...

    def revoke(self, session_id: str, at_ms: int) -> bool:
        """End one; false if it has ended before, or never was."""
        ...

    def revoke_all(self, account_id: str, at_ms: int) -> Sequence[str]:
        """End all of an account; the ids of those that went on until now."""
        ...

    def revoked_since(self, at_ms: int) -> Sequence[str]:
        """Ids of those revoked at a time or later."""
        ...

    def add_token(self, token: RefreshToken) -> None: ...
    def token(self, digest: str) -> RefreshToken | None: ...
    def spend(self, digest: str, at_ms: int, by: str) -> bool:
        """Have a token replaced; false if it was before."""
        ...

    def remember_place(self, account_id: str, place: str, at_ms: int) -> None:
        """Somebody signed in from there."""
        ...

    def knows_place(self, account_id: str, place: str, since_ms: int) -> bool:
        """Whether they did so since a time."""
        ...

    def forget(self, before_ms: int) -> int:
        """Remove sign-ins that were over before a time, with their tokens, and places not seen since; how many."""
        ...


def new_secret() -> str:
    """256 random bits."""
    return secrets.token_urlsafe(32)


def new_refresh_token() -> str:
    """The first of a family."""
    return _PREFIX + new_secret()


def successor(token: str, family_secret: str) -> str:
    """What replaces a refresh token: the same for whoever asks again, and known only to who holds the one before.

    Only digests of tokens are kept, so an answer that was lost on its way could not be given again otherwise.
    """
    derived = hmac.digest(family_secret.encode(), token.encode(), "sha256")
    return _PREFIX + base64.urlsafe_b64encode(derived).rstrip(b"=").decode()


def is_refresh_token(text: str) -> bool:
    """Whether a text has the form of one."""
    return text.startswith(_PREFIX) and len(text) == len(_PREFIX) + 43 and text.isascii()


def digest_of(secret: str) -> str:
    """What is kept of a secret that is itself random."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
