"""Where looks at drift are kept, and where what they need is read, over the database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tacit.adapters.sql.engine import Database
    from tacit.monitoring.drift.interfaces import DriftSource, DriftStore


@dataclass(frozen=True)
class DriftParts:
    """Where looks are kept, and where what they need is read."""

    store: DriftStore
    source: DriftSource


def drift_parts(database: Database) -> DriftParts:
    """Both over the database."""
    from tacit.adapters.sql.drift import SqlDriftSource, SqlDriftStore

    return DriftParts(SqlDriftStore(database), SqlDriftSource(database))
