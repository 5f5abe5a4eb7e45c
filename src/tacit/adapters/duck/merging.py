"""What several rows of one user and item amount to, the same whichever thread comes first."""

from __future__ import annotations

from tacit.data.imports import Merge

NO_TIME_SQL = "(-9223372036854775807 - 1)::BIGINT"


def merged_value(merge: Merge) -> str:
    """The value of a group of rows with the columns `value`, `last_at_ms` and `place`."""
    if merge == "max":
        return "max(value)"
    if merge == "last":
        return f"arg_max(value, row(coalesce(last_at_ms, {NO_TIME_SQL}), place))"
    # Decimals add up to the same in any order, doubles do not; most groups are one row and stay untouched.
    return "CASE WHEN count(*) = 1 THEN any_value(value) ELSE sum(value::DECIMAL(38, 12))::DOUBLE END"


# A pair that the publisher trains on cannot be tested on as well.
MERGED_FOLD = "coalesce(min(nullif(fold, 0)), 0)::TINYINT"
