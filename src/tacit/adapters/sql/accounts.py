"""What accounts and attempts to sign in ask of the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, insert, or_, select, update

from tacit.adapters.sql.account_tables import accounts, sign_in_attempts
from tacit.adapters.sql.engine import Database
from tacit.security.accounts import Account, login_taken
from tacit.security.attempts import Tally


class SqlAccountStore:
    """An `AccountStore` in the relational database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, account: Account) -> None:
        alike = [accounts.c.login == account.login]
        if account.subject is not None:
            alike.append(accounts.c.subject == account.subject)
        # Writers queue, so that between the question and the insert nobody takes the same login.
        with self._database.writing() as connection:
            if connection.scalar(select(accounts.c.account_id).where(or_(*alike)).limit(1)) is not None:
                raise login_taken(account.login)
            connection.execute(insert(accounts).values(_row(account)))

    def put(self, account: Account) -> bool:
        change = update(accounts).where(accounts.c.account_id == account.account_id).values(_row(account))
        with self._database.writing() as connection:
            return connection.execute(change).rowcount == 1

    def account(self, account_id: str) -> Account | None:
        return self._one(accounts.c.account_id == account_id.replace("\0", ""))

    def by_login(self, login: str) -> Account | None:
        return self._one(accounts.c.login == login)

    def by_subject(self, subject: str) -> Account | None:
        return self._one(accounts.c.subject == subject)

    def accounts(self) -> Sequence[Account]:
        with self._database.reading() as connection:
            return [_account(row) for row in connection.execute(select(accounts).order_by(accounts.c.login))]

    def _one(self, wanted: ColumnElement[bool]) -> Account | None:
        with self._database.reading() as connection:
            row = connection.execute(select(accounts).where(wanted)).one_or_none()
        return None if row is None else _account(row)


class SqlAttemptStore:
    """An `AttemptStore` in the relational database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def tally(self, key: str) -> Tally | None:
        question = select(sign_in_attempts.c.failures, sign_in_attempts.c.last_at_ms)
        with self._database.reading() as connection:
            row = connection.execute(question.where(sign_in_attempts.c.key == key)).one_or_none()
        return None if row is None else Tally(row.failures, row.last_at_ms)

    def put(self, key: str, tally: Tally) -> None:
        values = {"key": key, **asdict(tally)}
        change = update(sign_in_attempts).where(sign_in_attempts.c.key == key).values(values)
        with self._database.writing() as connection:
            if connection.execute(change).rowcount == 0:
                connection.execute(insert(sign_in_attempts).values(values))

    def remove(self, key: str) -> None:
        with self._database.writing() as connection:
            connection.execute(delete(sign_in_attempts).where(sign_in_attempts.c.key == key))

    def forget(self, before_ms: int) -> None:
        with self._database.writing() as connection:
            connection.execute(delete(sign_in_attempts).where(sign_in_attempts.c.last_at_ms < before_ms))


def _row(account: Account) -> dict[str, Any]:
    return {**asdict(account), "is_disabled": int(account.is_disabled)}


def _account(row: Row[Any]) -> Account:
    facts = dict(row._mapping)  # noqa: SLF001 - the public name of the mapping
    return Account(**{**facts, "is_disabled": bool(row.is_disabled)})
