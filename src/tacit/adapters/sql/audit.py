"""What the audit trail asks of the database."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, Select, func, insert, select

from tacit.adapters.sql.engine import Database
from tacit.adapters.sql.tables import audit
from tacit.security.audit import AuditEntry
from tacit.security.audit_chain import AuditLink, facts_json, linked
from tacit.security.trail_questions import ActQuestion, TrailPage, paged


class SqlAuditTrail:
    """An `AuditTrail` in the relational database, each entry chained to the one before it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, entry: AuditEntry) -> None:
        latest = select(audit).order_by(audit.c.sequence.desc()).limit(1)
        with self._database.writing() as connection:
            row = connection.execute(latest).one_or_none()
            link = linked(entry, None if row is None else _link(row))
            values = {
                "sequence": link.sequence,
                "action": entry.action,
                "actor": entry.actor,
                "subject": entry.subject,
                "at": entry.at,
                "facts": facts_json(entry),
                "digest": link.digest,
            }
            connection.execute(insert(audit).values(values))

    def entries(self, *, limit: int = 100) -> Sequence[AuditEntry]:
        latest = select(audit).order_by(audit.c.sequence.desc()).limit(limit)
        with self._database.reading() as connection:
            return [_link(row).entry for row in connection.execute(latest)]

    def newest(self) -> AuditLink | None:
        latest = select(audit).order_by(audit.c.sequence.desc()).limit(1)
        with self._database.reading() as connection:
            row = connection.execute(latest).one_or_none()
        return None if row is None else _link(row)

    def page(self, question: ActQuestion, *, before: int | None, limit: int) -> TrailPage[AuditLink]:
        """The latest entries that fit, of those before a place if one is given."""
        asked = _asked(question).order_by(audit.c.sequence.desc()).limit(limit + 1)
        asked = asked if before is None else asked.where(audit.c.sequence < before)
        with self._database.reading(patient=True) as connection:
            found = [_link(row) for row in connection.execute(asked)]
        return paged(found, [each.sequence for each in found], limit=limit)

    def links(self) -> Sequence[AuditLink]:
        """The whole trail, oldest first, for `first_broken` to go through."""
        with self._database.reading(patient=True) as connection:
            return [_link(row) for row in connection.execute(select(audit).order_by(audit.c.sequence))]


def _asked(question: ActQuestion) -> Select[Any]:
    """The entries that fit; texts begin with each other letter for letter, which `LIKE` does not promise."""
    asked = select(audit)
    for column, begins in ((audit.c.action, question.action), (audit.c.subject, question.subject)):
        if begins:
            asked = asked.where(func.substr(column, 1, len(begins)) == begins)
    asked = asked if question.actor is None else asked.where(audit.c.actor == question.actor)
    asked = asked if question.since is None else asked.where(audit.c.at >= question.since)
    return asked if question.until is None else asked.where(audit.c.at < question.until)


def _link(row: Row[Any]) -> AuditLink:
    entry = AuditEntry(action=row.action, actor=row.actor, subject=row.subject, at=row.at, facts=json.loads(row.facts))
    return AuditLink(sequence=row.sequence, entry=entry, digest=row.digest)
