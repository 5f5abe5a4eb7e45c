"""What API keys ask of the database."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, case, func, insert, or_, select, true, update

from tacit.adapters.sql.dialects import Incoming, insert_merging
from tacit.adapters.sql.engine import Database
from tacit.adapters.sql.key_tables import api_key_secrets, api_key_uses, api_keys, auth_standing
from tacit.security.key_store import KeyUse, Standing, check_not_ended, key_taken
from tacit.security.keys import ApiKey, KeySecret, key_unknown

_STANDING = "keys"
"""The name of the one row."""


class SqlKeyStore:
    """A `KeyStore` in the relational database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, key: ApiKey) -> None:
        with self._database.writing() as connection:
            if _key(connection, key.key_id) is not None:
                raise key_taken()
            connection.execute(insert(api_keys).values(_row_of(key)))
            for number, secret in enumerate(reversed(key.secrets), start=1):
                connection.execute(insert(api_key_secrets).values(_secret_row(key.key_id, number, secret)))
            _raise_revision(connection)

    def key(self, key_id: str) -> ApiKey | None:
        with self._database.reading() as connection:
            return _key(connection, key_id)

    def keys(self) -> Sequence[ApiKey]:
        with self._database.reading(patient=True) as connection:
            return _found(connection, true())

    def alive(self, now_ms: int) -> Sequence[ApiKey]:
        is_ahead = or_(api_keys.c.expires_at_ms.is_(None), api_keys.c.expires_at_ms > now_ms)
        with self._database.reading() as connection:
            return _found(connection, api_keys.c.revoked_at_ms.is_(None) & is_ahead)

    def rotate(self, key_id: str, secret: KeySecret, *, old_until_ms: int) -> ApiKey:
        own = api_key_secrets.c.key_id == key_id
        with self._database.writing() as connection:
            key = _known(connection, key_id)
            check_not_ended(key, secret.made_at_ms)
            after = key.rotated(secret, old_until_ms=old_until_ms)
            last = connection.scalar(select(func.max(api_key_secrets.c.number)).where(own)) or 0
            for place, each in enumerate(after.secrets[1:]):
                ended = update(api_key_secrets).where(own, api_key_secrets.c.number == last - place)
                connection.execute(ended.values(ends_at_ms=each.ends_at_ms))
            connection.execute(insert(api_key_secrets).values(_secret_row(key_id, last + 1, secret)))
            _raise_revision(connection)
            return after

    def revoke(self, key_id: str, *, by: str, at_ms: int) -> ApiKey:
        there = update(api_keys).where(api_keys.c.key_id == key_id, api_keys.c.revoked_at_ms.is_(None))
        with self._database.writing() as connection:
            _known(connection, key_id)
            if connection.execute(there.values(revoked_at_ms=at_ms, revoked_by=by)).rowcount:
                _raise_revision(connection)
            return _known(connection, key_id)

    def standing(self) -> Standing:
        with self._database.reading() as connection:
            return _standing(connection)

    def require(self, is_required: bool) -> Standing:
        with self._database.writing() as connection:
            if _standing(connection).is_required != is_required:
                _raise_revision(connection, is_required=is_required)
            return _standing(connection)

    def note_uses(self, uses: Mapping[str, KeyUse]) -> None:
        statement = insert_merging(api_key_uses, _added)
        rows = [
            {"key_id": key_id, "uses": use.count, "last_used_at_ms": use.last_at_ms}
            for key_id, use in sorted(uses.items())
        ]
        with self._database.writing() as connection:
            connection.execute(statement, rows)

    def uses(self) -> Mapping[str, KeyUse]:
        with self._database.reading() as connection:
            rows = connection.execute(select(api_key_uses))
            return {row.key_id: KeyUse(row.uses, row.last_used_at_ms) for row in rows}


def _added(incoming: Incoming) -> Mapping[str, ColumnElement[Any]]:
    own, latest = api_key_uses.c, incoming["last_used_at_ms"]
    last = case((own.last_used_at_ms > latest, own.last_used_at_ms), else_=latest)
    return {"uses": own.uses + incoming["uses"], "last_used_at_ms": last}


def _known(connection: Connection, key_id: str) -> ApiKey:
    key = _key(connection, key_id)
    if key is None:
        raise key_unknown()
    return key


def _key(connection: Connection, key_id: str) -> ApiKey | None:
    found = _found(connection, api_keys.c.key_id == key_id)
    return found[0] if found else None


def _found(connection: Connection, which: ColumnElement[bool]) -> list[ApiKey]:
    own = select(api_keys).where(which).order_by(api_keys.c.created_at_ms.desc(), api_keys.c.key_id)
    theirs = select(api_key_secrets).join(api_keys, api_keys.c.key_id == api_key_secrets.c.key_id).where(which)
    kept: dict[str, list[KeySecret]] = defaultdict(list)
    for row in connection.execute(theirs.order_by(api_key_secrets.c.number.desc())):
        kept[row.key_id].append(KeySecret(row.digest, row.made_at_ms, row.ends_at_ms))
    return [_of(row, tuple(kept[row.key_id])) for row in connection.execute(own)]


def _standing(connection: Connection) -> Standing:
    row = connection.execute(select(auth_standing).where(auth_standing.c.name == _STANDING)).one_or_none()
    return Standing() if row is None else Standing(row.revision, bool(row.is_required))


def _raise_revision(connection: Connection, *, is_required: bool | None = None) -> None:
    before = _standing(connection)
    chosen = before.is_required if is_required is None else is_required
    row = {"revision": before.revision + 1, "is_required": int(chosen)}
    statement = insert_merging(auth_standing, lambda incoming: {column: incoming[column] for column in row})
    connection.execute(statement.values(name=_STANDING, **row))


def _row_of(key: ApiKey) -> dict[str, Any]:
    same = ("key_id", "name", "owner", "role", "user_id", "created_at_ms", "created_by", "expires_at_ms")
    others = {name: getattr(key, name) for name in (*same, "revoked_at_ms", "revoked_by")}
    return {**others, "scopes": json.dumps(sorted(key.scopes)), "is_exempt": int(key.is_exempt)}


def _secret_row(key_id: str, number: int, secret: KeySecret) -> dict[str, Any]:
    times = {"made_at_ms": secret.made_at_ms, "ends_at_ms": secret.ends_at_ms}
    return {"key_id": key_id, "number": number, "digest": secret.digest, **times}


def _of(row: Row[Any], secrets: tuple[KeySecret, ...]) -> ApiKey:
    return ApiKey(
        row.key_id,
        row.name,
        row.owner,
        frozenset(json.loads(row.scopes)),
        row.role,
        row.created_at_ms,
        row.created_by,
        secrets,
        row.user_id,
        bool(row.is_exempt),
        row.expires_at_ms,
        row.revoked_at_ms,
        row.revoked_by,
    )
