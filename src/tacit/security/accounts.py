"""Accounts: people who sign in, what they may, and where they are kept."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, get_args

from tacit.errors import BadInput, NotFound, Refused
from tacit.security.principals import ROLES, Principal, Role

_LOGIN = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,127}")
_ROLES: tuple[Role, ...] = get_args(Role)


@dataclass(frozen=True)
class Account:
    """Somebody who signs in.

    Attributes:
        account_id: Names the account for ever; 32 hexadecimal digits.
        login: What they call themselves when they sign in; lower case.
        role: What they may.
        created_at_ms: When it was made, in milliseconds since 1970.
        password_hash: Of their password; `None` for somebody who signs in elsewhere.
        is_disabled: Whether they may not sign in.
        user_id: The only user they may read and write for.
        subject: Digest of who they are to an identity provider, where they sign in there.
    """

    account_id: str
    login: str
    role: Role
    created_at_ms: int
    password_hash: str | None = None
    is_disabled: bool = False
    user_id: str | None = None
    subject: str | None = None

    @property
    def name(self) -> str:
        """Stands for them wherever something is written down."""
        return name_of(self.account_id)


class AccountStore(Protocol):
    """Every account there is."""

    def add(self, account: Account) -> None:
        """Keep a new account.

        Raises:
            Refused: `login_taken` if its login, or its subject, is another's.
        """
        ...

    def put(self, account: Account) -> bool:
        """Keep an account in place of the one of its id; false if there is none."""
        ...

    def account(self, account_id: str) -> Account | None: ...
    def by_login(self, login: str) -> Account | None: ...
    def by_subject(self, subject: str) -> Account | None: ...
    def accounts(self) -> Sequence[Account]:
        """All of them, by login."""
        ...


def name_of(account_id: str) -> str:
    """What stands for an account in the audit trail, in limits and in logs."""
    return f"account:{account_id[:8]}"


def principal_of(account_id: str, role: Role, user_id: str | None) -> Principal:
    """An account as somebody who asks."""
    return Principal("account", name_of(account_id), ROLES[role], user_id)


def account_as_dict(account: Account) -> dict[str, object]:
    """An account as plain values, without what it signs in with."""
    return {
        "account_id": account.account_id,
        "login": account.login,
        "role": account.role,
        "is_disabled": account.is_disabled,
        "user_id": account.user_id,
        "signs_in": "elsewhere" if account.password_hash is None else "password",
        "created_at_ms": account.created_at_ms,
    }


def folded(login: str) -> str | None:
    """A login as accounts are kept by it; `None` if it can be nobody's."""
    lowered = login.strip().lower()
    return lowered if _LOGIN.fullmatch(lowered) else None


def checked_login(login: str) -> str:
    """A login that may be an account's.

    Raises:
        BadInput: `login_invalid`.
    """
    wanted = folded(login)
    if wanted is None:
        detail = f"The login has {len(login)} characters and is not of the form that one must have."
        fix = "Use up to 128 of a-z, 0-9 and . _ @ + -, beginning with a letter or a digit."
        raise BadInput("login_invalid", detail, field="login", fix=fix)
    return wanted


def checked_role(role: str) -> Role:
    """A role, if there is one of that name.

    Raises:
        BadInput: `role_unknown`.
    """
    for known in _ROLES:
        if role == known:
            return known
    fix = f"Use one of: {', '.join(_ROLES)}."
    raise BadInput("role_unknown", f"There is no role {ascii(role)[:40]}.", field="role", fix=fix)


def login_taken(login: str) -> Refused:
    """Why an account is not added."""
    fix = "Take another, or change the one there is."
    return Refused("login_taken", f"There is an account {ascii(login)[:140]} already.", field="login", fix=fix)


def account_unknown() -> NotFound:
    """Why nothing is done to an account."""
    fix = "`tacit accounts list` says which there are."
    return NotFound("account_unknown", "There is no such account.", field="account", fix=fix)
