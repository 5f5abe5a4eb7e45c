"""What may stand in an id that comes over the wire, whoever checks it (pure)."""

from __future__ import annotations

import unicodedata

MAX_ID_BYTES = 256

# NFC leaves at least one character of four, so that what is longer than this is too long in any form.
_MAX_SENT_ID = 4 * MAX_ID_BYTES


def normal_form(text: str) -> str:
    """A text in the form in which it is kept, NFC, for which its limit holds; of one far too long, too much of it."""
    return unicodedata.normalize("NFC", text[: _MAX_SENT_ID + 1])


def text_problem(text: str) -> str | None:
    """Why a text cannot be an id or part of one: `id_too_long`, `string_surrogate`, `string_nul`, … or `None`.

    An empty text has no problem here.
    """
    # The length first: what is far too long is not looked at.
    if len(text) > MAX_ID_BYTES or len(text.encode("utf-8", "surrogatepass")) > MAX_ID_BYTES:
        return "id_too_long"
    if text.isascii() and text.isprintable():
        return None
    categories = {unicodedata.category(character) for character in text}
    if "Cs" in categories:
        return "string_surrogate"
    if "\0" in text:
        return "string_nul"
    # Line and paragraph separators end a line of a log as a newline does.
    if categories & {"Cc", "Zl", "Zp"}:
        return "string_control"
    return "string_format_char" if "Cf" in categories else None
