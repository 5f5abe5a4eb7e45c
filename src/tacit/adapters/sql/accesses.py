"""What the trail of accesses asks of the database."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, insert, select

from tacit.adapters.sql.dialects import insert_all, insert_new, is_listed, listing
from tacit.adapters.sql.engine import Database, again_after_conflict, is_unstorable
from tacit.adapters.sql.guard_tables import accesses, subject_keys
from tacit.errors import Unavailable
from tacit.security.accesses import Access, KeptAccess, pseudonym
from tacit.security.audit_chain import ORIGIN
from tacit.security.chains import ChainedRow, Head, canonical_json, chain_digest
from tacit.security.trail_questions import AccessQuestion, TrailPage, paged

_KEY_BYTES = 32
_PAGE = 5_000
_COLUMNS = tuple(column.name for column in accesses.columns)
_KEYS_OF = select(subject_keys.c.user_id, subject_keys.c.key).where(is_listed(subject_keys.c.user_id, "users"))


class SqlAccessTrail:
    """An `AccessTrail` in the relational database.

    Args:
        database: Where it is.
        new_key: Makes the key of a user's pseudonym.
    """

    def __init__(
        self, database: Database, *, new_key: Callable[[], bytes] = lambda: secrets.token_bytes(_KEY_BYTES)
    ) -> None:
        self._database, self._new_key = database, new_key

    def append(self, given: Sequence[Access]) -> None:
        # One unit of work, however many they are: whoever hears that it failed brings all of them again.
        try:
            self._append(given)
        except Unavailable as error:
            if not is_unstorable(error):
                raise
            raise ValueError("the database cannot hold one of these accesses") from error

    @again_after_conflict(patient=True)
    def _append(self, given: Sequence[Access]) -> None:
        last = select(accesses.c.sequence, accesses.c.digest).order_by(accesses.c.sequence.desc()).limit(1)
        with self._database.writing(patient=True) as connection:
            keys = self._keys(connection, {each.user_id for each in given if each.user_id is not None})
            row = connection.execute(last).one_or_none()
            sequence, digest = (0, ORIGIN) if row is None else (row.sequence, row.digest)
            rows = []
            for access in given:
                sequence += 1
                said = _said(access, keys)
                digest = chain_digest(digest, canonical_json(said))
                rows.append((sequence, *said.values(), digest))
            insert_all(connection, insert(accesses), rows, names=_COLUMNS)

    def latest(self, *, limit: int, user_id: str | None = None, principal: str | None = None) -> Sequence[KeptAccess]:
        asked = select(accesses).order_by(accesses.c.sequence.desc()).limit(limit)
        asked = asked if principal is None else asked.where(accesses.c.principal == principal)
        with self._database.reading(patient=True) as connection:
            if user_id is not None:
                subject = _subject(connection, user_id)
                if subject is None:
                    return []
                asked = asked.where(accesses.c.subject == subject)
            return [_access(row) for row in connection.execute(asked)]

    def page(self, question: AccessQuestion, *, before: int | None, limit: int) -> TrailPage[KeptAccess]:
        """The latest rows that fit, of those before a place if one is given."""
        asked = _asked(question).order_by(accesses.c.sequence.desc()).limit(limit + 1)
        asked = asked if before is None else asked.where(accesses.c.sequence < before)
        with self._database.reading(patient=True) as connection:
            if question.user_id is not None:
                subject = _subject(connection, question.user_id)
                if subject is None:
                    return TrailPage(())
                asked = asked.where(accesses.c.subject == subject)
            found = [_access(row) for row in connection.execute(asked)]
        return paged(found, [each.sequence for each in found], limit=limit)

    def rows(self) -> Iterator[ChainedRow]:
        """The whole trail, oldest first, by the page: it may be larger than the memory."""
        after = -1
        while True:
            asked = select(accesses).where(accesses.c.sequence > after).order_by(accesses.c.sequence).limit(_PAGE)
            with self._database.reading(patient=True) as connection:
                found = connection.execute(asked).all()
            for row in found:
                yield _access(row).row()
            if len(found) < _PAGE:
                return
            after = found[-1].sequence

    def head(self, at: str) -> Head:
        last = select(accesses.c.sequence, accesses.c.digest).order_by(accesses.c.sequence.desc()).limit(1)
        with self._database.reading() as connection:
            row = connection.execute(last).one_or_none()
        return Head("accesses", 0, ORIGIN, at) if row is None else Head("accesses", row.sequence, row.digest, at)

    @again_after_conflict()
    def forget(self, user_id: str) -> bool:
        with self._database.writing() as connection:
            gone = connection.execute(delete(subject_keys).where(subject_keys.c.user_id == user_id))
        return gone.rowcount > 0

    def _keys(self, connection: Connection, users: set[str]) -> Mapping[str, bytes]:
        """Each user's key, made where there is none yet."""
        if not users:
            return {}
        known = {row.user_id: row.key for row in connection.execute(_KEYS_OF, {"users": listing(users)})}
        fresh = [(user_id, self._new_key().hex()) for user_id in sorted(users - known.keys())]
        insert_all(connection, insert_new(subject_keys), fresh, names=("user_id", "key"))
        known |= dict(fresh)
        return {user_id: bytes.fromhex(key) for user_id, key in known.items()}


def _subject(connection: Connection, user_id: str) -> str | None:
    """A user's pseudonym, while there is a key for it."""
    key = connection.scalar(select(subject_keys.c.key).where(subject_keys.c.user_id == user_id))
    return None if key is None else pseudonym(bytes.fromhex(key), user_id)


def _asked(question: AccessQuestion) -> Select[Any]:
    """The rows that fit, whoever they are about."""
    asked = select(accesses)
    told = (
        (accesses.c.kind, question.kind),
        (accesses.c.decision, question.decision),
        (accesses.c.principal, question.principal),
    )
    for column, wanted in told:
        asked = asked if wanted is None else asked.where(column == wanted)
    asked = asked if question.since_ms is None else asked.where(accesses.c.at_ms >= question.since_ms)
    return asked if question.until_ms is None else asked.where(accesses.c.at_ms < question.until_ms)


def _said(access: Access, keys: Mapping[str, bytes]) -> dict[str, Any]:
    """What is written of a call, as `KeptAccess.canonical` has it, in the order of the table's columns."""
    return {
        "at_ms": access.at_ms,
        "kind": access.kind,
        "method": access.method,
        "route": access.route,
        "principal": access.principal,
        "client": access.client,
        "subject": "" if access.user_id is None else pseudonym(keys[access.user_id], access.user_id),
        "decision": access.decision,
        "status": access.status,
        "request_id": access.request_id,
        "body_digest": access.body_digest,
        "facts": access.facts,
    }


def _access(row: Row[Any]) -> KeptAccess:
    return KeptAccess(**row._mapping)  # noqa: SLF001 - SQLAlchemy's own name for it
