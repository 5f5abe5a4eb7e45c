"""Who read or changed what is kept of whom, and when: one row a call, under a pseudonym (pure, with its interface)."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Literal, Protocol

from tacit.security.chains import ChainedRow, Head, canonical_json

Kind = Literal["personal", "administrative", "list", "event", "trail"]
Scope = Literal["none", "personal", "all"]
Decision = Literal["allowed", "refused", "failed"]

OPENED, CLOSED, LOST = "opened", "closed", "lost"
"""What a writer says of itself in a row of the kind `trail`."""


@dataclass(frozen=True, slots=True)
class Access:
    """One call, as it waits to be written.

    Attributes:
        at_ms: When it was answered.
        kind: What sort of call.
        method: Of HTTP.
        route: The route's template, never the path: that would name users.
        principal: Who asked, by the name that stands for them.
        client: From where, as it is counted.
        user_id: Of whom, in the clear; only its pseudonym is written.
        decision: Whether it was done.
        status: Of the answer.
        request_id: As in the log.
        body_digest: SHA-256 of what was sent, so that a copy can be compared with it later.
        facts: What else is told of it, redacted, in canonical JSON.
    """

    at_ms: int
    kind: Kind
    method: str
    route: str
    principal: str
    client: str
    user_id: str | None
    decision: Decision
    status: int
    request_id: str
    body_digest: str = ""
    facts: str = "{}"


@dataclass(frozen=True)
class KeptAccess:
    """One call, as it was written.

    Attributes:
        subject: Pseudonym of the user; empty where the call was about none.
    """

    sequence: int
    at_ms: int
    kind: str
    method: str
    route: str
    principal: str
    client: str
    subject: str
    decision: str
    status: int
    request_id: str
    body_digest: str
    facts: str
    digest: str

    def canonical(self) -> str:
        """All of it but its place and its digest."""
        return canonical_json({name: getattr(self, name) for name in _SAID})

    def row(self) -> ChainedRow:
        """Its link of the chain."""
        return ChainedRow(self.sequence, self.canonical(), self.digest)


_SAID = tuple(each.name for each in fields(KeptAccess) if each.name not in ("sequence", "digest"))


class AccessTrail(Protocol):
    """Append-only, and chained."""

    def append(self, accesses: Sequence[Access]) -> None:
        """Write some together, each user under their pseudonym."""
        ...

    def latest(self, *, limit: int, user_id: str | None = None, principal: str | None = None) -> Sequence[KeptAccess]:
        """The latest, newest first; of one user, as far as their key was not destroyed."""
        ...

    def rows(self) -> Iterator[ChainedRow]:
        """The whole trail, oldest first."""
        ...

    def head(self, at: str) -> Head: ...
    def forget(self, user_id: str) -> bool:
        """Destroy the key of a user's pseudonym, so that nobody can say any more which rows are theirs."""
        ...


def pseudonym(key: bytes, user_id: str) -> str:
    """What stands for a user: nothing of them can be found from it without the key, which is theirs alone."""
    return "user:" + hmac.new(key, user_id.encode(), hashlib.sha256).hexdigest()[:32]


def decision_of(status: int) -> Decision:
    """What became of a call."""
    if status in (401, 403, 429):
        return "refused"
    return "failed" if status >= 400 else "allowed"


_LISTS = (
    *("/api/v1/recommend", "/api/v1/items", "/api/v1/similar", "/api/v1/charts", "/api/v1/moods", "/api/v1/discover"),
    *("/recommend", "/similar", "/popular", "/mood", "/trending", "/discover"),
)
_PERSONAL = ("/api/v1/users", "/users")


@lru_cache(maxsize=1_024)
def kind_of_call(method: str, route: str) -> Kind | None:
    """What sort of call a route's template is; `None` for one that leaves no row in any case.

    What is not known here and belongs to the interface counts as administrative: a route that is added is written down
    until somebody decides otherwise.
    """
    if route.startswith("/api/v1/events"):
        return "event"
    if route.startswith(_PERSONAL):
        return "personal"
    if route.startswith(_LISTS) and (method == "GET" or not route.startswith("/api/v1/items")):
        return "list"
    return "administrative" if route.startswith("/api/") else None


def is_written(kind: Kind | None, scope: Scope) -> bool:
    """Whether a call of a kind leaves a row."""
    if kind is None or scope == "none":
        return False
    return scope == "all" or kind in ("personal", "administrative")
