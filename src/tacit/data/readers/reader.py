"""What a named reader is: it recognises one publisher's files and says how to import them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from tacit.data.catalog import Item
from tacit.data.imports import Source


@dataclass(frozen=True)
class Opened:
    """A source that can be imported for as long as its reader holds it open.

    Attributes:
        source: The tables to import, and what was left out of the catalogue.
        catalog: The items the files describe; `None` where they describe none.
    """

    source: Source
    catalog: tuple[Item, ...] | None = None

    @property
    def items(self) -> Callable[[], Iterator[Item]] | None:
        """The catalogue as an importer takes it."""
        return None if self.catalog is None else self.catalog.__iter__


@dataclass(frozen=True)
class Reader:
    """One format, by name.

    Attributes:
        name: What `tacit import` calls it.
        summary: One line for the command's help: what is read, and by which rule it becomes interactions.
        looks_for: The files by which it recognises its format, for a person.
        recognises: Whether a folder or file is of this format; reads a few bytes at most and never raises.
        open: Finds the files, reads the catalogue and holds whatever it had to unpack until the context ends.
            Raises `BadInput` if a file is missing or cannot be read as what it should be.
        dataset: Name of the dataset these files become unless another is given.
        aliases: Other names it answers to.
    """

    name: str
    summary: str
    looks_for: str
    recognises: Callable[[Path], bool]
    open: Callable[[Path], AbstractContextManager[Opened]]
    dataset: Callable[[Path], str]
    aliases: tuple[str, ...] = ()
