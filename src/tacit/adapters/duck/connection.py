"""A private DuckDB for one piece of work, and how its failures are told."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from tacit.errors import Unavailable

_FULL = ("No space left", "File too large", "quota", "max_temp_directory_size", "failed to offload")


@contextmanager
def open_duckdb(temporary: Path, *, memory_limit_bytes: int, threads: int) -> Iterator[duckdb.DuckDBPyConnection]:
    """An in-memory database that spills into `temporary`, reads no extensions and asks no network.

    Raises:
        Unavailable: `storage_full` or `memory_exhausted` if the work inside fails for want of either.
        KeyboardInterrupt: The person at the keyboard wants it to end.
    """
    connection = duckdb.connect(
        config={
            "threads": threads,
            "memory_limit": f"{memory_limit_bytes}B",
            "temp_directory": str(temporary),
            "preserve_insertion_order": "false",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
    )
    try:
        # A time without a zone is UTC wherever we run.
        connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
        yield connection
    except duckdb.OutOfMemoryException as error:
        full = any(sign in str(error) for sign in _FULL)
        raise (storage_full() if full else _memory_exhausted()) from error
    except duckdb.IOException as error:
        if any(sign in str(error) for sign in _FULL):
            raise storage_full() from error
        raise
    except RuntimeError as error:
        # What the database makes of Ctrl-C.
        if "interrupted" in str(error):
            raise KeyboardInterrupt from error
        raise
    finally:
        connection.close()


def storage_full() -> Unavailable:
    """What to say when the disk is full."""
    return Unavailable(
        "storage_full",
        "There is no space left to write to; nothing was kept.",
        fix="Free some space in the home folder and do it again.",
    )


def _memory_exhausted() -> Unavailable:
    return Unavailable(
        "memory_exhausted",
        "The work does not fit into the memory it may use; nothing was kept.",
        fix="Raise the memory limit of imports and do it again.",
    )


def parquet_files(folder: Path, pattern: str) -> str:
    """The Parquet files of a folder that match a pattern, as an SQL relation, whatever the folder is called.

    A `bucket=3` in a path is a mere name here: the columns are those that stand in the files.
    """
    return f"read_parquet({literal(Path(glob.escape(str(folder))) / pattern)}, hive_partitioning = false)"


def literal(text: str | Path) -> str:
    """A text as an SQL literal, for the places where SQL takes no parameter."""
    return "'" + str(text).replace("'", "''") + "'"
