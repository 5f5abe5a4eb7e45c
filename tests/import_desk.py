"""A desk to import files at: a folder, a history, and what is to be seen of both."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tacit.adapters.history import ParquetHistory
from tacit.data.imports import ImportReport, Limits, Source, TableSpec
from tacit.data.interactions import Interactions
from tacit.errors import BadInput

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LENIENT = Limits(bad_row_budget=1.0)
PLAYS = TableSpec(value="plays")
TIMED = TableSpec(time="at")
GOOD = "user,item,plays\nann,x,3\nbob,y,1\n"


class Desk:
    """A folder to put files in, and a history to import them into."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.history = ParquetHistory(folder / "history", clock=lambda: NOW)

    def put(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def load(self, path: Path, spec: TableSpec = PLAYS, limits: Limits = LENIENT) -> ImportReport:
        return self.history.load(Source("table", ((path, spec),)), None, dataset="d", limits=limits)

    def refusal(self, path: Path, spec: TableSpec = PLAYS, limits: Limits = LENIENT) -> BadInput:
        with pytest.raises(BadInput) as caught:
            self.load(path, spec, limits)
        assert self.history.datasets() == ()
        assert leftovers(self.folder) == []
        return caught.value

    def pairs(self) -> dict[tuple[str, str], float]:
        return pairs_of(self.history.interactions("d"))


def pairs_of(found: Interactions) -> dict[tuple[str, str], float]:
    rows = zip(found.users, found.items, found.values, strict=True)
    return {(found.user_ids[user], found.item_ids[item]): float(value) for user, item, value in rows}


def leftovers(folder: Path) -> list[str]:
    """Whatever an import left lying about that is not a committed import."""
    history = folder / "history"
    return [str(path.relative_to(history)) for path in history.rglob("*") if path.is_file() and path.name != ".lock"]


def stored_tables(home: Path) -> dict[str, bytes]:
    """Every stored table of a history, byte by byte."""
    return {str(path.relative_to(home)): path.read_bytes() for path in sorted(home.rglob("*.parquet"))}
