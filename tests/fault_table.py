"""The table of faults that were tried, printed at the end of a run: what was broken, and what was found."""

from __future__ import annotations

import re
from typing import Any

ROWS: set[tuple[str, str, str]] = set()
"""What this process has found so far: the row of the fault matrix, the fault, and what came of it."""


def tell(row: str, fault: str, found: str) -> None:
    """Have a finding stand in the table."""
    ROWS.add((row, fault, found))
    print(f"| {row} | {fault} | {found} |")


def lines() -> list[str]:
    """The table, in the order of the matrix; nothing where no fault was tried."""
    if not ROWS:
        return []
    found = sorted(ROWS, key=lambda each: (_place(each[0]), each[1:]))
    return ["| row | fault | found |", "| --- | --- | --- |", *(f"| {' | '.join(each)} |" for each in found)]


def take(found: Any) -> None:
    """Add what another process of the same run found."""
    ROWS.update((str(row), str(fault), str(what)) for row, fault, what in found)


def _place(row: str) -> tuple[str, int, str]:
    group, number = re.match(r"([A-Z]*)(\d*)", row).groups()  # type: ignore[union-attr]
    return group, int(number or 0), row
