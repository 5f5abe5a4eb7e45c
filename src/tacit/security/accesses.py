"""Who read or changed what is kept of whom, and when: one row a call, under a pseudonym (pure, with its interface)."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Literal, Protocol

from tacit.security.chains import ChainedRow, Head, canonical_json
from tacit.security.principals import Scope as Right

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
        body_digest: `digest_of_body` of what was sent, so that a copy can be compared with it later.
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
        """Write some together, each user under their pseudonym.

        Raises:
            Unavailable: Not now; none of them is written.
            ValueError: One of them cannot be held, now or ever; none of them is written.
        """
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


def body_key(pepper: bytes) -> bytes:
    """The key of an installation's digests of bodies; from it nothing is known of the pepper, which keys depend on."""
    return hmac.digest(pepper, b"tacit bodies in the trail of accesses", "sha256")


def digest_of_body(key: bytes, body: bytes) -> str:
    """HMAC-SHA-256 in hex, empty for no body: without the key, nobody can try what a short one may have been."""
    return hmac.digest(key, body, "sha256").hex() if body else ""


def decision_of(status: int) -> Decision:
    """What became of a call."""
    if status in (401, 403, 429):
        return "refused"
    return "failed" if status >= 400 else "allowed"


_KINDS: Mapping[Right, Kind] = {"lists:read": "list", "users:read": "personal", "events:write": "event"}


def kind_of_call(right: Right | None, *, names_user: bool) -> Kind | None:
    """What sort of call it is that takes a right; `None` for one that takes none, which leaves no row in any case.

    A right that is not known here counts as administrative: what it opens is written down until somebody decides
    otherwise.

    Args:
        right: What a caller needs.
        names_user: Whether it is about one user, whom its path names.
    """
    if names_user and right in ("events:write", "catalogue:write"):
        return "personal"  # what they chose, or what is said of them
    return None if right is None else _KINDS.get(right, "administrative")


def is_written(kind: Kind | None, scope: Scope) -> bool:
    """Whether a call of a kind leaves a row."""
    if kind is None or scope == "none":
        return False
    return scope == "all" or kind in ("personal", "administrative")
