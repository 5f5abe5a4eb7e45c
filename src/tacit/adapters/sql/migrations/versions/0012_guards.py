"""Tables of blocks, allow-lists, accesses and exported heads of the audit trail."""

from __future__ import annotations

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""
