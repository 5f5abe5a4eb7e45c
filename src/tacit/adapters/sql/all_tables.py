"""Every table there is, gathered for whoever compares the schema with the migrations."""

from __future__ import annotations

from tacit.adapters.sql import (
    ab_tables,
    account_tables,
    drift_tables,
    guard_tables,
    hiding_tables,
    job_tables,
    key_tables,
    ledger_tables,
    mood_tables,
    rollout_tables,
    run_tables,
    traffic_tables,
)
from tacit.adapters.sql.tables import APPEND_ONLY, metadata

__all__ = ["APPEND_ONLY", "MODULES", "metadata"]

MODULES = (
    ab_tables,
    account_tables,
    drift_tables,
    guard_tables,
    hiding_tables,
    job_tables,
    key_tables,
    ledger_tables,
    mood_tables,
    rollout_tables,
    run_tables,
    traffic_tables,
)
"""The modules that add tables to those of `tables`."""
