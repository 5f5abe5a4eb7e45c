"""Keys, accounts, sign-ins and blocks as the console shows them (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tacit.entrypoints.console.forms import Form
from tacit.security.accounts import Account
from tacit.security.blocks import Block
from tacit.security.key_store import KeyUse
from tacit.security.keys import ApiKey
from tacit.security.principals import SCOPES, Role, Scope
from tacit.security.sessions import Session

SCOPES_SAID: dict[Scope, str] = {
    "lists:read": "ask for lists, items and charts",
    "users:read": "read what is kept of users",
    "events:write": "send events, and say what users chose",
    "catalogue:write": "say what is so of items and users",
    "operations:read": "look at versions, rollouts, jobs, quarantine",
    "operations:write": "change them",
    "security:admin": "give out keys and accounts, block callers, read the trails",
}
"""What a scope allows, in words."""
ROLES_SAID: dict[Role, str] = {
    "reader": "asks for lists, and reads what is kept of users",
    "writer": "also sends events, and edits the catalogue",
    "operator": "also runs the platform: versions, rollouts, jobs",
    "admin": "also gives out keys and accounts, and reads the trails",
}
"""What a role may, in words; each may all that the one before it may."""
LIFETIMES = (("30d", "30 days"), ("90d", "90 days"), ("365d", "A year"), ("", "Never"))
"""How long a key may hold, as the form offers it."""
OVERLAPS = (("0", "Not at all"), ("1h", "An hour"), ("1d", "A day"), ("7d", "A week"))
"""How long the old secret of a key holds beside the new one."""
BLOCK_SECONDS = (("3600", "An hour"), ("86400", "A day"), ("604800", "A week"), ("2592000", "30 days"))
"""How long a block holds."""


@dataclass(frozen=True)
class KeyRow:
    """A key in the list.

    Attributes:
        key_id: Names it.
        name: What it is for.
        owner: Who is asked when it misbehaves.
        state: `active`, `expired` or `revoked`.
        may: Its role, or its scopes.
        scopes: What it allows, in words.
        user_id: The only user it is for.
        is_exempt: Whether limits are only counted for it.
        created_ms: When it was made.
        created_by: By whom.
        expires_ms: From when it holds no more.
        is_expiring: Whether that is within a week.
        revoked_ms: When it was revoked.
        revoked_by: By whom.
        old_until_ms: Until when an old secret holds beside the new one.
        uses: Requests that it was sent with.
        used_ms: When it was last.
    """

    key_id: str
    name: str
    owner: str
    state: str
    may: str
    scopes: tuple[str, ...]
    user_id: str | None
    is_exempt: bool
    created_ms: int
    created_by: str
    expires_ms: int | None
    is_expiring: bool
    revoked_ms: int | None
    revoked_by: str | None
    old_until_ms: int | None
    uses: int
    used_ms: int | None

    @property
    def is_active(self) -> bool:
        return self.state == "active"


@dataclass(frozen=True)
class AccountRow:
    """An account in the list."""

    account_id: str
    name: str
    login: str
    role: str
    is_disabled: bool
    user_id: str | None
    is_elsewhere: bool
    created_ms: int
    sign_ins: int

    @property
    def state(self) -> str:
        return "disabled" if self.is_disabled else "active"


@dataclass(frozen=True)
class SignInRow:
    """A sign-in that counts now."""

    session_id: str
    kind: str
    began_ms: int
    seen_ms: int
    ends_ms: int


@dataclass(frozen=True)
class BlockRow:
    """A block in the list."""

    block_id: str
    caller: str
    reason: str
    by: str
    is_automatic: bool
    state: str
    at_ms: int
    until_ms: int
    level: int
    appeal: str
    review: str
    reviewed_by: str

    @property
    def holds(self) -> bool:
        return self.state == "blocked"


def key_row(key: ApiKey, use: KeyUse | None, *, now_ms: int) -> KeyRow:
    """A key in the list."""
    soon = key.expires_at_ms is not None and now_ms < key.expires_at_ms <= now_ms + 7 * 86_400_000
    overlapping = [each.ends_at_ms for each in key.secrets[1:] if each.ends_at_ms is not None and each.holds(now_ms)]
    return KeyRow(
        key.key_id,
        key.name,
        key.owner,
        key.state(now_ms),
        key.role or f"{len(key.scopes)} scope{'s' if len(key.scopes) != 1 else ''}",
        tuple(each for each in SCOPES if each in key.scopes),
        key.user_id,
        key.is_exempt,
        key.created_at_ms,
        key.created_by,
        key.expires_at_ms,
        soon and key.revoked_at_ms is None,
        key.revoked_at_ms,
        key.revoked_by,
        max(overlapping, default=None),
        0 if use is None else use.count,
        None if use is None else use.last_at_ms,
    )


def account_row(account: Account, sign_ins: int) -> AccountRow:
    """An account in the list.

    Args:
        account: The account.
        sign_ins: How many of its sign-ins count now.
    """
    return AccountRow(
        account.account_id,
        account.name,
        account.login,
        account.role,
        account.is_disabled,
        account.user_id,
        account.password_hash is None,
        account.created_at_ms,
        sign_ins,
    )


def sign_in_rows(sessions: Sequence[Session]) -> tuple[SignInRow, ...]:
    """The sign-ins of an account."""
    return tuple(
        SignInRow(
            each.session_id,
            "A browser" if each.kind == "browser" else "A program",
            each.began_at_ms,
            each.seen_at_ms,
            each.ends_at_ms,
        )
        for each in sessions
    )


def block_row(block: Block, *, now_ms: int) -> BlockRow:
    """A block in the list."""
    state = "lifted" if block.lifted_at_ms is not None else "blocked" if block.holds_at(now_ms) else "over"
    return BlockRow(
        block.block_id,
        block.caller,
        block.reason,
        block.by,
        block.source == "automatic",
        state,
        block.at_ms,
        block.until_ms,
        block.level,
        block.appeal,
        block.review,
        block.reviewed_by,
    )


def wish_said(form: Form) -> dict[str, object]:
    """The key that a form wishes for, as `wish_of` reads it: by a role, or by the scopes that are ticked."""
    said: dict[str, object] = {"name": form.text("name")}
    if form.text("may") == "scopes":
        said["scopes"] = list(form.all("scope"))
    else:
        said["role"] = form.text("may")
    for name in ("owner", "user_id", "expires"):
        if form.text(name):
            said[name] = form.text(name)
    if form.is_on("exempt"):
        said["exempt"] = True
    return said
