"""The desk where accounts are made and changed: every change is in the trail, and what it takes away ends sign-ins."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from tacit.errors import Refused
from tacit.security.accounts import (
    Account,
    AccountStore,
    account_unknown,
    checked_login,
    checked_role,
    folded,
)
from tacit.security.audit import AuditRecorder
from tacit.security.passwords import PasswordHasher, checked_password
from tacit.security.revocations import Revocations
from tacit.security.sessions import SessionStore


@dataclass(frozen=True)
class AccountDesk:
    """Accounts over their stores.

    Attributes:
        store: Where accounts are.
        sessions: Where their sign-ins are.
        hasher: Of passwords.
        revocations: Told at once of what is revoked here.
        audit: Told of every change.
        clock: Tells the time in milliseconds since 1970.
        transaction: Opens a unit of work that stores and trail share.
    """

    store: AccountStore
    sessions: SessionStore
    hasher: PasswordHasher
    revocations: Revocations
    audit: AuditRecorder
    clock: Callable[[], int]
    transaction: Callable[[], AbstractContextManager[object]] = nullcontext

    def create(self, login: str, password: str, *, role: str, actor: str, user_id: str | None = None) -> Account:
        """Make an account.

        Raises:
            BadInput: `login_invalid`, `role_unknown`, or what `checked_password` says.
            Refused: `login_taken`.
        """
        wanted, may = checked_login(login), checked_role(role)
        kept = self.hasher.hashed(checked_password(password, login=wanted))
        account = Account(uuid.uuid4().hex, wanted, may, self.clock(), kept, user_id=user_id)
        with self.transaction():
            self.store.add(account)
            self._record("account_created", account, actor, role=may)
        return account

    def all(self) -> Sequence[Account]:
        """Every account, by login."""
        return self.store.accounts()

    def found(self, which: str) -> Account:
        """An account by its id or its login.

        Raises:
            NotFound: `account_unknown`.
        """
        login = folded(which)
        account = self.store.account(which.strip()) or (None if login is None else self.store.by_login(login))
        if account is None:
            raise account_unknown()
        return account

    def disable(self, which: str, *, actor: str) -> Account:
        """Let nobody sign in with an account any more, and end its sign-ins.

        Raises:
            NotFound: `account_unknown`.
            Refused: `last_admin`.
        """
        with self.transaction():
            account = self._changed(which, is_disabled=True)
            ended = self._end(account)
            self._record("account_disabled", account, actor, sign_ins_ended=len(ended))
        self.revocations.tell(*ended)
        return account

    def enable(self, which: str, *, actor: str) -> Account:
        """Let somebody sign in again; raises `NotFound` (`account_unknown`)."""
        with self.transaction():
            account = self._changed(which, is_disabled=False)
            self._record("account_enabled", account, actor)
        return account

    def set_role(self, which: str, role: str, *, actor: str) -> Account:
        """Change what somebody may; they sign in anew, with what they may now.

        Raises:
            BadInput: `role_unknown`.
            NotFound: `account_unknown`.
            Refused: `last_admin`.
        """
        may = checked_role(role)
        with self.transaction():
            account = self._changed(which, role=may)
            ended = self._end(account)
            self._record("account_role_set", account, actor, role=may, sign_ins_ended=len(ended))
        self.revocations.tell(*ended)
        return account

    def set_password(self, which: str, password: str, *, actor: str) -> Account:
        """Give an account another password, and end its sign-ins.

        Raises:
            BadInput: What `checked_password` says.
            NotFound: `account_unknown`.
        """
        account = self.found(which)
        kept = self.hasher.hashed(checked_password(password, login=account.login))
        with self.transaction():
            account = self._changed(account.account_id, password_hash=kept)
            ended = self._end(account)
            self._record("account_password_set", account, actor, sign_ins_ended=len(ended))
        self.revocations.tell(*ended)
        return account

    def end_sign_ins(self, which: str, *, actor: str) -> int:
        """End every sign-in of an account; how many there were. Raises `NotFound` (`account_unknown`)."""
        with self.transaction():
            account = self.found(which)
            ended = self._end(account)
            self._record("sign_ins_revoked", account, actor, sign_ins_ended=len(ended))
        self.revocations.tell(*ended)
        return len(ended)

    def record_rotation(self, kid: str, *, drop_old: bool, actor: str) -> None:
        """Write down that access tokens are signed with another key."""
        self.audit.record(
            "token_key_rotated", actor=actor, subject=f"key:{kid}", at=self._now(), facts={"old_dropped": drop_old}
        )

    def _changed(self, which: str, **facts: object) -> Account:
        before = self.found(which)
        after = replace(before, **facts)  # type: ignore[arg-type]
        if _is_admin(before) and not _is_admin(after) and sum(map(_is_admin, self.store.accounts())) == 1:
            detail = "This is the last account that may look after accounts."
            raise Refused("last_admin", detail, field="account", fix="Make another admin first.")
        self.store.put(after)
        return after

    def _end(self, account: Account) -> Sequence[str]:
        return self.sessions.revoke_all(account.account_id, self.clock())

    def _record(self, action: str, account: Account, actor: str, **facts: object) -> None:
        self.audit.record(action, actor=actor, subject=account.name, at=self._now(), facts=facts)

    def _now(self) -> str:
        return datetime.fromtimestamp(self.clock() / 1_000, UTC).isoformat(timespec="milliseconds")


def _is_admin(account: Account) -> bool:
    return account.role == "admin" and not account.is_disabled
