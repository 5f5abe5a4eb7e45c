"""Who asks, and what they may: scopes, the roles that bundle them, and a caller as a value (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

Scope = Literal[
    "lists:read",
    "users:read",
    "events:write",
    "catalogue:write",
    "operations:read",
    "operations:write",
    "security:admin",
]
"""One thing a caller may be allowed.

`lists:read` asks for lists, items and charts; `users:read` reads what is kept of users; `events:write` sends events and
says what users chose; `catalogue:write` says what is so of items and users; `operations:read` looks at versions,
rollouts, tests, jobs, quarantine; `operations:write` changes them; `security:admin` gives out keys and accounts, blocks
callers and reads the audit trail.
"""

SCOPES: tuple[Scope, ...] = get_args(Scope)

Role = Literal["reader", "writer", "operator", "admin"]

_READER: frozenset[Scope] = frozenset({"lists:read", "users:read"})
_WRITER: frozenset[Scope] = _READER | {"events:write", "catalogue:write"}
_OPERATOR: frozenset[Scope] = _WRITER | {"operations:read", "operations:write"}

ROLES: Mapping[Role, frozenset[Scope]] = {
    "reader": _READER,
    "writer": _WRITER,
    "operator": _OPERATOR,
    "admin": _OPERATOR | {"security:admin"},
}
"""What each role may; each may all that the one before it may."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who asks.

    Attributes:
        kind: How they said who they are; `anonymous` did not.
        name: Stands for them in the audit trail, in limits and in logs (`key:ab12cd34`, `account:6f…`, `anonymous`);
            never a name of a person, never a secret.
        scopes: What they may.
        user_id: The only user they may read and write for; `None` for no such bound.
        is_exempt: Whether limits are only counted for them.
    """

    kind: Literal["anonymous", "key", "account", "local"]
    name: str
    scopes: frozenset[Scope]
    user_id: str | None = None
    is_exempt: bool = False

    def may(self, scope: Scope) -> bool:
        """Whether they are allowed this."""
        return scope in self.scopes

    def may_touch(self, user_id: str) -> bool:
        """Whether what belongs to a user may be theirs to read or write, given the scope for it."""
        return self.user_id is None or self.user_id == user_id


LOCAL = Principal("local", "local", ROLES["admin"])
"""Who asks where nobody is authenticated: whoever reaches the loopback address."""

NOBODY = Principal("anonymous", "anonymous", frozenset())
"""Somebody of whom nothing is known, and who may nothing."""
