"""Applied events are found by keys of 64 bits, in a table of their own, not by an index over their ids."""

from __future__ import annotations

from array import array
from hashlib import blake2b
from itertools import chain

import numpy as np
import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

WHOLE_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
AT_ONCE = 20_000


def upgrade() -> None:
    keys = op.create_table(
        "event_keys",
        sa.Column("event_key", WHOLE_NUMBER, nullable=False, autoincrement=False),
        sa.Column("turn", WHOLE_NUMBER, nullable=False, autoincrement=False),
        sa.PrimaryKeyConstraint("event_key", "turn", name="pk_event_keys"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    found = keys_of_all()
    for start in range(0, len(found), AT_ONCE):
        rows = found[start : start + AT_ONCE].tolist()
        op.get_bind().execute(sa.insert(keys), [{"event_key": key, "turn": turn} for key, turn in rows])
    op.drop_index("ix_applied_events_event_id", "applied_events")


def keys_of_all() -> np.ndarray:
    """Every event's key with its turn, int64 [events, 2], by key: in their order the table grows at its end."""
    rows = op.get_bind().execute(sa.text("SELECT event_id, turn FROM applied_events"))
    # Sixteen bytes for each, of which there may be tens of millions.
    numbers = array("q", chain.from_iterable((key_of(each), turn) for each, turn in rows))
    found = np.frombuffer(numbers, dtype=np.int64).reshape(-1, 2)
    return found[np.argsort(found[:, 0], kind="stable")]


def key_of(event_id: str) -> int:
    """As `id_keys` finds it; here as well, since what a revision does may not change with the code around it."""
    return int.from_bytes(blake2b(event_id.encode(), digest_size=8).digest(), "big", signed=True)
