"""What sign-ins ask of the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Row, delete, insert, or_, select, update

from tacit.adapters.sql.account_tables import refresh_tokens, sessions, sign_in_places
from tacit.adapters.sql.engine import Database
from tacit.security.sessions import RefreshToken, Session


class SqlSessionStore:
    """A `SessionStore` in the relational database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, session: Session) -> None:
        with self._database.writing() as connection:
            connection.execute(insert(sessions).values(asdict(session)))

    def session(self, session_id: str) -> Session | None:
        with self._database.reading() as connection:
            row = connection.execute(select(sessions).where(sessions.c.session_id == session_id)).one_or_none()
        return None if row is None else _session(row)

    def of_account(self, account_id: str) -> Sequence[Session]:
        wanted = select(sessions).where(sessions.c.account_id == account_id, sessions.c.revoked_at_ms.is_(None))
        with self._database.reading() as connection:
            ordered = wanted.order_by(sessions.c.began_at_ms.desc(), sessions.c.session_id)
            return [_session(row) for row in connection.execute(ordered)]

    def touch(self, session_id: str, at_ms: int) -> None:
        is_older = (sessions.c.session_id == session_id, sessions.c.seen_at_ms < at_ms)
        with self._database.writing() as connection:
            connection.execute(update(sessions).where(*is_older).values(seen_at_ms=at_ms))

    def revoke(self, session_id: str, at_ms: int) -> bool:
        goes_on = (sessions.c.session_id == session_id, sessions.c.revoked_at_ms.is_(None))
        with self._database.writing() as connection:
            return connection.execute(update(sessions).where(*goes_on).values(revoked_at_ms=at_ms)).rowcount == 1

    def revoke_all(self, account_id: str, at_ms: int) -> Sequence[str]:
        going_on = (sessions.c.account_id == account_id, sessions.c.revoked_at_ms.is_(None))
        change = update(sessions).where(*going_on).values(revoked_at_ms=at_ms)
        with self._database.writing() as connection:
            return list(connection.scalars(change.returning(sessions.c.session_id)))

    def revoked_since(self, at_ms: int) -> Sequence[str]:
        with self._database.reading() as connection:
            return list(connection.scalars(select(sessions.c.session_id).where(sessions.c.revoked_at_ms >= at_ms)))

    def add_token(self, token: RefreshToken) -> None:
        with self._database.writing() as connection:
            connection.execute(insert(refresh_tokens).values(asdict(token)))

    def token(self, digest: str) -> RefreshToken | None:
        with self._database.reading() as connection:
            row = connection.execute(select(refresh_tokens).where(refresh_tokens.c.digest == digest)).one_or_none()
        return None if row is None else RefreshToken(**row._mapping)  # noqa: SLF001 - the mapping's public name

    def spend(self, digest: str, at_ms: int, by: str) -> bool:
        is_whole = (refresh_tokens.c.digest == digest, refresh_tokens.c.spent_at_ms.is_(None))
        change = update(refresh_tokens).where(*is_whole).values(spent_at_ms=at_ms, spent_by=by)
        with self._database.writing() as connection:
            return connection.execute(change).rowcount == 1

    def remember_place(self, account_id: str, place: str, at_ms: int) -> None:
        key = (sign_in_places.c.account_id == account_id, sign_in_places.c.place == place)
        with self._database.writing() as connection:
            seen = connection.scalar(select(sign_in_places.c.seen_at_ms).where(*key))
            if seen is None:
                row = {"account_id": account_id, "place": place, "seen_at_ms": at_ms}
                connection.execute(insert(sign_in_places).values(row))
            elif seen < at_ms:
                connection.execute(update(sign_in_places).where(*key).values(seen_at_ms=at_ms))

    def knows_place(self, account_id: str, place: str, since_ms: int) -> bool:
        key = (sign_in_places.c.account_id == account_id, sign_in_places.c.place == place)
        with self._database.reading() as connection:
            seen = connection.scalar(select(sign_in_places.c.seen_at_ms).where(*key))
        return seen is not None and seen >= since_ms

    def forget(self, before_ms: int) -> int:
        is_over = or_(sessions.c.ends_at_ms < before_ms, sessions.c.revoked_at_ms < before_ms)
        theirs = refresh_tokens.c.session_id.in_(select(sessions.c.session_id).where(is_over))
        with self._database.writing() as connection:
            connection.execute(delete(refresh_tokens).where(or_(theirs, refresh_tokens.c.spent_at_ms < before_ms)))
            connection.execute(delete(sign_in_places).where(sign_in_places.c.seen_at_ms < before_ms))
            return connection.execute(delete(sessions).where(is_over)).rowcount


def _session(row: Row[Any]) -> Session:
    return Session(**row._mapping)  # noqa: SLF001 - the mapping's public name
