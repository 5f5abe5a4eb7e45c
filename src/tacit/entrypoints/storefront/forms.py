"""What forms of our own pages send: read whole, bounded, and from nowhere else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fastapi import Request

from tacit.entrypoints.api.sent_forms import form_pairs

MAX_FORM_BYTES = 16_384
_LARGE_FORM_BYTES = 262_144
_FEW, _MANY = 20, 80


@dataclass(frozen=True)
class Filled:
    """A form as it was filled in.

    Attributes:
        pairs: Name and value of each field, in the page's order.
    """

    pairs: Sequence[tuple[str, str]]

    @property
    def fields(self) -> Mapping[str, str]:
        """The fields by name; one that is there twice counts as not there."""
        names = [name for name, _ in self.pairs]
        return {name: value for name, value in self.pairs if names.count(name) == 1}

    def all(self, name: str) -> list[str]:
        """Every value of a field that may be there more than once."""
        return [value for each, value in self.pairs if each == name]


async def filled(request: Request) -> Filled:
    """The fields of a form that a page of ours sent, of which there may be many.

    Raises:
        Forbidden: `origin_foreign`.
        BadInput: `body_too_large`, `media_type`, `request_malformed`.
    """
    return Filled(await form_pairs(request, most_bytes=_LARGE_FORM_BYTES, most_fields=_MANY))


async def few_fields(request: Request) -> Mapping[str, str]:
    """The fields of a small form; one that is there twice counts as not there.

    Raises:
        Forbidden: `origin_foreign`.
        BadInput: As `filled`.
    """
    return Filled(await form_pairs(request, most_bytes=MAX_FORM_BYTES, most_fields=_FEW)).fields
