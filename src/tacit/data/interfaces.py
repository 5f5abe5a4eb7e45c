"""What the data room asks of the outside world."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from tacit.data.imports import ImportReport, Limits, Source

if TYPE_CHECKING:  # named in signatures alone; importing them would load the array libraries
    from tacit.data.catalog import Item
    from tacit.data.interactions import Interactions

Progress = Callable[[str, float], None]
"""Told what is being done and how much of it is done, from 0 to 1, so that a door can draw a bar."""


def silent(step: str, share: float) -> None:
    """A `Progress` for whoever does not want to hear."""


@dataclass(frozen=True, slots=True)
class QuarantinedRow:
    """One row that may not enter, kept as it came.

    Attributes:
        import_id: The import that met it.
        file: Name of the file it stands in.
        line: 1-based line (or row) number in that file.
        reason: Stable name of what is wrong with it.
        raw: The row as it was, at most 4,096 characters, undecodable bytes escaped.
    """

    import_id: str
    file: str
    line: int
    reason: str
    raw: str


class RecentRow(NamedTuple):
    """What one user's events with one item amounted to, and when the last was."""

    user_id: str
    item_id: str
    value: float
    at_ms: int


class HistoryStore(Protocol):
    """Everything ever imported, one Parquet data set per dataset; an import is visible wholly or not at all."""

    def datasets(self) -> tuple[str, ...]:
        """Names of the datasets that hold at least one import, the most recently imported last."""
        ...

    def imports(self, dataset: str) -> tuple[ImportReport, ...]:
        """The imports of a dataset, oldest first."""
        ...

    def interactions(self, dataset: str) -> Interactions:
        """All imports of a dataset merged.

        Raises:
            NotFound: `dataset_unknown` if nothing was imported under that name.
        """
        ...

    def items(self, dataset: str) -> Iterator[Item]:
        """The catalogue of a dataset, by item id; of an item described twice the latest import counts."""
        ...

    def recent(self, dataset: str, *, since_ms: int, limit: int) -> Sequence[RecentRow]:
        """The interactions of a dataset whose last event was at some moment or later, oldest first.

        Args:
            dataset: Which.
            since_ms: The moment, in milliseconds since 1970, UTC.
            limit: At most so many, the latest.
        """
        ...

    def quarantined(self, dataset: str, *, limit: int = 100) -> Sequence[QuarantinedRow]:
        """Rows kept aside, newest import first, in line order."""
        ...


class Importer(Protocol):
    """Reads tables of any size into the history, or refuses them whole."""

    def load(
        self,
        source: Source,
        items: Callable[[], Iterator[Item]] | None,
        *,
        dataset: str,
        limits: Limits,
        force: bool = False,
        progress: Progress = silent,
    ) -> ImportReport:
        """Import one source.

        Args:
            source: The files, and how to read each.
            items: Reads the catalogue that goes with them, when the time comes; `None` if there is none.
            dataset: Where the rows go.
            limits: What the files may contain.
            force: Import again although the same files were imported before, replacing that import.
            progress: Told of each step.

        Raises:
            BadInput: The files cannot be read as they are; the code says why (`file_empty`, `encoding`, …).
            Refused: `bad_row_budget` if too many rows are bad. Nothing was committed then.
        """
        ...
