"""Statements that SQLite and PostgreSQL spell differently, and what else the store must know of the database it has."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import lru_cache
from itertools import chain, islice
from typing import Any, Protocol

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Dialect,
    Engine,
    Integer,
    Table,
    bindparam,
    cast,
    select,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.base import ReadOnlyColumnCollection
from sqlalchemy.sql.dml import Insert
from sqlalchemy.sql.functions import FunctionElement

Incoming = ReadOnlyColumnCollection[str, ColumnElement[Any]]
"""The columns of a row that met one of its key."""

_AT_ONCE = (500, 100, 10, 1)
"""Rows of one statement, where the driver takes them so."""


class Backend(Protocol):
    """A kind of database: how units of work begin, wait and fail there.

    Attributes:
        engine: Connections to it.
        reader: The same connections, each unit with one view of all it reads.
        writer: The same connections, to write.
        driver_errors: What the driver raises where SQLAlchemy does not see it.
    """

    @property
    def engine(self) -> Engine: ...

    @property
    def reader(self) -> Engine: ...

    @property
    def writer(self) -> Engine: ...

    @property
    def driver_errors(self) -> tuple[type[Exception], ...]: ...

    def seconds(self, *, is_writing: bool, is_patient: bool) -> float:
        """How long a unit of work may take; infinite where nothing can hang."""
        ...

    def lane(self, *, is_patient: bool) -> AbstractContextManager[None]:
        """Where a unit of work may be at work.

        Raises:
            Unavailable: `database_busy` where too many are.
        """
        ...

    def take_place(self, connection: Connection) -> None:
        """Wait until every other unit that took its place is over; nothing where that was done already."""
        ...

    def code_of(self, error: BaseException | None) -> str:
        """Our word for a driver's error."""
        ...

    def words_of(self, error: BaseException | None) -> str:
        """A driver's error in one line, without what users did and without a password."""
        ...

    def fix_of(self, code: str) -> str:
        """What to do about an error."""
        ...


def insert_new(table: Table) -> Insert:
    """An insert that passes over rows whose key is there already."""
    return postgresql.insert(table).on_conflict_do_nothing()


def insert_merging(table: Table, merged: Callable[[Incoming], Mapping[str, ColumnElement[Any]]]) -> Insert:
    """An insert that changes the row whose key is there already.

    Args:
        table: The table.
        merged: The new values of that row, given the columns of the one that came.
    """
    # SQLite took this clause over from PostgreSQL, so PostgreSQL's form of it compiles for both.
    statement = postgresql.insert(table)
    return statement.on_conflict_do_update(index_elements=table.primary_key, set_=merged(statement.excluded))


def insert_all(
    connection: Connection, statement: Insert, rows: Sequence[tuple[Any, ...]], *, names: tuple[str, ...]
) -> None:
    """Insert many rows at the driver's own speed; SQLAlchemy's look at every value of every row costs as much again.

    If one fails, some may have been inserted: the unit of work must fail with it.

    Args:
        connection: Where to.
        statement: An insert.
        rows: Values that the driver takes as they are.
        names: The columns that they are of, as the table orders them.
    """
    statements = _for_the_driver(statement, connection.dialect, names)
    if len(statements) == 1 and rows:
        connection.exec_driver_sql(statements[1], [dict(zip(names, row, strict=True)) for row in rows])
        return
    start = 0
    for size, sql in statements.items():
        while len(rows) - start >= size:
            connection.exec_driver_sql(sql, tuple(chain.from_iterable(rows[start : start + size])))
            start += size


def insert_columns(
    connection: Connection, statement: Insert, columns: Sequence[Sequence[Any]], *, names: tuple[str, ...]
) -> None:
    """`insert_all` of rows given as columns, of which one that holds nothing is not bound value by value.

    Args:
        connection: Where to.
        statement: An insert.
        columns: Values that the driver takes as they are, as many in each.
        names: The columns that they are of, as the table orders them.
    """
    empty = frozenset(
        name
        for name, column in zip(names, columns, strict=True)
        if column[0] is None and column.count(None) == len(column)
    )
    statements = _for_the_driver(statement, connection.dialect, names, empty=empty)
    if len(statements) == 1:
        insert_all(connection, statement, list(zip(*columns, strict=True)), names=names)
        return
    held = [column for name, column in zip(names, columns, strict=True) if name not in empty]
    rows, left = zip(*held, strict=True), len(columns[0])
    for size, sql in statements.items():
        for _ in range(left // size):
            connection.exec_driver_sql(sql, tuple(chain.from_iterable(islice(rows, size))))
        left %= size


@lru_cache(maxsize=64)
def _for_the_driver(
    statement: Insert, dialect: Dialect, names: tuple[str, ...], *, empty: frozenset[str] = frozenset()
) -> Mapping[int, str]:
    """A statement as text by how many rows it inserts, all of whose values in some columns are NULL."""
    compiled = statement.compile(dialect=dialect, column_keys=names)
    sql, order = str(compiled), getattr(compiled, "positiontup", None)
    if order is None:
        return {1: sql}
    if tuple(order) != names:
        raise ValueError(f"{names} is not the order of the columns, {tuple(order)}")
    row = f"({', '.join('?' * len(names))})"
    bound = f"({', '.join('NULL' if name in empty else '?' for name in names)})"
    # What fails takes its transaction with it; SQLite need not keep a journal of each statement for that.
    sql = sql.replace("INSERT INTO", "INSERT OR FAIL INTO", 1)
    # One statement for many rows runs without the interpreter; one for each hands it back and forth, and whoever else
    # computes meanwhile keeps it for milliseconds each time.
    return {size: sql.replace(row, ", ".join([bound] * size), 1) for size in _AT_ONCE}


def is_listed(column: ColumnElement[str], name: str) -> ColumnElement[bool]:
    """Whether a text is in the `listing` given under a name; for hundreds, whose parameters would outweigh the search.

    Args:
        column: The text.
        name: The parameter's name.
    """
    return column.in_(select(_listed(bindparam(name)).table_valued("value").c.value))


def is_key_listed(column: ColumnElement[int], name: str) -> ColumnElement[bool]:
    """`is_listed` of a whole number."""
    value = _listed(bindparam(name)).table_valued("value").c.value
    return column.in_(select(cast(value, BigInteger().with_variant(Integer, "sqlite"))))


def listing(values: Iterable[str | int]) -> str:
    """Texts or whole numbers as the value of one parameter."""
    return json.dumps(list(values))


def is_in_list(column: ColumnElement[str], texts: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether a text is in the JSON array of texts that another column holds."""
    return column.in_(select(_listed(texts).table_valued("value").c.value))


class _listed(FunctionElement[Any]):  # noqa: N801 - SQL functions are written in lower case
    """The texts of a `listing`, as rows."""

    name = "json_each"
    inherit_cache = True


@compiles(_listed)
def _as_sqlite_has_it(element: _listed, compiler: Any, **options: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **options)})"


@compiles(_listed, "postgresql")
def _as_postgresql_has_it(element: _listed, compiler: Any, **options: Any) -> str:
    return f"json_array_elements_text(CAST({compiler.process(element.clauses, **options)} AS JSON))"
