"""Bringing files in: what an import is asked to do, and what it says it did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Merge = Literal["sum", "last", "max"]
ValueKind = Literal["count", "number"]
Layout = Literal["rows", "baskets"]
TimeFormat = str
"""`seconds`, `milliseconds`, `iso`, or a `strptime` pattern such as `%d/%m/%Y`."""


@dataclass(frozen=True)
class TableSpec:
    """How to read interactions out of one table, whatever its file format.

    A column is named as in the header, or by 0-based position (`"0"`) where there is no header.

    Attributes:
        user: Column of the user id.
        item: Column of the item id.
        item_or: Column that names the item in rows whose `item` field is empty: the id is then `name:` followed by
            that column's text, unchanged (Last.fm-360K leaves the artist's MusicBrainz id empty). A row in which
            both are empty names no item and is quarantined as any row without an item id.
        value: Column of the play count, rating or weight; absent means every row counts 1.
        time: Column of the event time; absent means the data carries none.
        title: Column of the item's name, where the table itself carries it.
        delimiter: Field separator; `None` lets the file's name and first line decide.
        header: Whether the first line names the columns; `None` means: yes unless all columns are positions.
        quoted: Whether fields may be quoted as in RFC 4180; `None` means: yes for `.csv`.
        value_kind: `count` (whole numbers) or `number` (plain decimals).
        time_format: How times are written; `None` lets the first rows decide, and refuses what is ambiguous.
        merge: What becomes of several rows of one (user, item): their `sum`, the `last` or the `max`.
        layout: `rows` (one interaction per line) or `baskets` (a user and all their items per line, `user item item …`,
            separated by blanks; the columns above then say nothing, and every item on a line is one row read).
        fold: The publisher's split that every row of this file belongs to: 0 none, 1 training, 2 test.
    """

    user: str = "user"
    item: str = "item"
    item_or: str | None = None
    value: str | None = None
    time: str | None = None
    title: str | None = None
    delimiter: str | None = None
    header: bool | None = None
    quoted: bool | None = None
    value_kind: ValueKind = "number"
    time_format: TimeFormat | None = None
    merge: Merge = "sum"
    layout: Layout = "rows"
    fold: int = 0


@dataclass(frozen=True)
class Limits:
    """What an import may contain before it is refused.

    Attributes:
        bad_row_budget: Share of rows, from 0 to 1, that may be quarantined before the import fails.
        max_id_bytes: Longest user or item id, in UTF-8 bytes.
        max_line_bytes: Longest line; a longer one stops the import instead of filling the memory.
        max_value: Largest value one row may carry.
        max_expansion: How many times larger than the compressed file its content may be.
        max_future_seconds: How far ahead of now an event may lie before it is quarantined.
    """

    bad_row_budget: float = 0.05
    max_id_bytes: int = 256
    max_line_bytes: int = 1_000_000
    max_value: float = 1e9
    max_expansion: float = 100.0
    max_future_seconds: int = 86_400


@dataclass(frozen=True)
class ImportReport:
    """What an import did, every row accounted for: `read == accepted + merged + sum(quarantined)`.

    Attributes:
        import_id: Content-derived id: the same files and options give the same id.
        dataset: The dataset the rows went into.
        reader: Name of the reader that understood the files.
        files: SHA-256 (hex) of each file that was read, by file name.
        read: Data rows found (events; a header or an empty line is none).
        accepted: Rows that became an interaction.
        merged: Rows that were folded into an interaction accepted from an earlier row.
        quarantined: Rows kept aside, by reason.
        catalog: The same account for the item rows (`read`, `accepted`, `merged`, `quarantined`).
        users: Distinct users among the accepted rows.
        items: Distinct items among the accepted rows.
        seconds: How long it took.
        repeated: Whether these files had been imported before, so that nothing changed.
        warnings: Things worth knowing that did not stop the import (`mojibake_suspect`, …).
    """

    import_id: str
    dataset: str
    reader: str
    files: Mapping[str, str]
    read: int
    accepted: int
    merged: int
    quarantined: Mapping[str, int]
    catalog: Mapping[str, object]
    users: int
    items: int
    seconds: float
    repeated: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def balances(self) -> bool:
        """Whether every row read is accounted for."""
        return self.read == self.accepted + self.merged + sum(self.quarantined.values())


@dataclass(frozen=True)
class Source:
    """What a reader found in a folder or file: the tables to import and the items they speak of.

    Attributes:
        reader: Name of the reader.
        tables: The interaction files in order, each with how to read it.
        catalog_files: Further files read for the catalogue, so that they are part of the import's identity.
        catalog_skipped: Catalogue rows that could not become an item, by reason; the importer counts them as read and
            quarantined in the report's `catalog`.
    """

    reader: str
    tables: tuple[tuple[Path, TableSpec], ...]
    catalog_files: tuple[Path, ...] = field(default=())
    catalog_skipped: Mapping[str, int] = field(default_factory=dict)
