"""What a form of the console sends: read once, bounded, and only from a page of ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from tacit.entrypoints.api.sent_forms import form_pairs
from tacit.errors import BadInput

MAX_BYTES = 262_144
"""Most of one form: the text of a whole event fits, percent-encoded."""
MAX_FIELDS = 1_100
"""Most fields of one form: a page of entries that are chosen, and what is wanted of them."""


@dataclass(frozen=True)
class Form:
    """The fields that were sent, in their order."""

    fields: tuple[tuple[str, str], ...] = ()

    def text(self, name: str) -> str:
        """A field without the space around it; empty if it was not sent, or more than once."""
        found = self.all(name)
        return found[0].strip() if len(found) == 1 else ""

    def asked(self, name: str, what: str) -> str:
        """A field that must be filled in.

        Args:
            name: Its name.
            what: What it holds, as a page calls it.

        Raises:
            BadInput: `field_missing`.
        """
        text = self.text(name)
        if not text:
            raise BadInput("field_missing", f"{what} is missing.", field=name, fix="Fill it in, and send it again.")
        return text

    def number(self, name: str, what: str) -> int:
        """A field that must hold a whole number.

        Raises:
            BadInput: `field_missing`, `number_invalid`.
        """
        return whole_number(self.asked(name, what), name, what)

    def all(self, name: str) -> Sequence[str]:
        """Every value of a field that may be sent several times."""
        return [value for key, value in self.fields if key == name]

    def is_on(self, name: str) -> bool:
        """Whether a box is ticked."""
        return bool(self.all(name))


def whole_number(text: str, name: str, what: str) -> int:
    """A whole number of at most 18 digits, as somebody wrote it.

    Raises:
        BadInput: `number_invalid`.
    """
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise BadInput("number_invalid", f"{what} is no whole number.", field=name, fix="Write digits alone.")
    return int(text)


async def read_form(request: Request) -> Form:
    """The fields of a form that a page of ours sent.

    Raises:
        Forbidden: `origin_foreign`.
        BadInput: `body_too_large`, `media_type`, `request_malformed`.
    """
    return Form(tuple(await form_pairs(request, most_bytes=MAX_BYTES, most_fields=MAX_FIELDS)))


Sent = Annotated[Form, Depends(read_form)]
"""A form, as the parameter of a handler."""
