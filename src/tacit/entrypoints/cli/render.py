"""How answers look: one line of JSON for a program, tables and sentences for a person."""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    Human = Callable[[], Iterable[RenderableType]]


def show(value: object, human: Human, *, is_json: bool) -> None:
    """Answer on stdout: the value as one line of JSON, or the sentences and tables a person is told."""
    if is_json:
        print_json(value)
        return
    for part in human():
        sys.stdout.write(part + "\n" if isinstance(part, str) else drawn(part))


def print_json(value: object) -> None:
    """One line of JSON on stdout, at once."""
    sys.stdout.write(json.dumps(_plain(value), allow_nan=False) + "\n")
    sys.stdout.flush()


def say(text: str) -> None:
    """Tell a person something beside the answer, on stderr."""
    sys.stderr.write(f"{printable(text)}\n")
    sys.stderr.flush()


def drawn(part: RenderableType) -> str:
    """What a table looks like on the terminal at hand, without the blanks at the ends of its lines."""
    from rich.console import Console

    console = Console(markup=False, highlight=False, emoji=False, color_system=None, width=_width())
    with console.capture() as captured:
        console.print(part)
    return "".join(f"{line.rstrip()}\n" for line in captured.get().splitlines())


def _width() -> int:
    """Columns of the terminal, or of `COLUMNS`; a file or pipe is as wide as a page of code."""
    is_known = sys.stdout.isatty() or "COLUMNS" in os.environ
    return shutil.get_terminal_size().columns if is_known else 120


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: Sequence[str] = ()) -> Table:
    """A table; the columns named in `numbers` are flush right."""
    from rich import box
    from rich.table import Table

    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in columns:
        grid.add_column(name, justify="right" if name in numbers else "left", overflow="fold")
    for row in rows:
        grid.add_row(*(printable(cell) for cell in row))
    return grid


def facts(pairs: Mapping[str, object]) -> Table:
    """Names and values, one pair a line."""
    from rich.table import Table

    grid = Table.grid(padding=(0, 2))
    for name, value in pairs.items():
        grid.add_row(name, printable(value))
    return grid


def printable(value: object) -> str:
    """A value as a terminal may show it: control characters, which could steer the terminal, are spelt out."""
    text = "–" if value is None else str(value)
    return "".join(
        letter if letter.isprintable() or letter == "\n" else letter.encode("unicode_escape").decode()
        for letter in text
    )


def _plain(value: object) -> object:
    """What JSON can say; a number that is none becomes null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
