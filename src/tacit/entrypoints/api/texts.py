"""What may stand in an id, a name or a search text (pure)."""

from __future__ import annotations

import unicodedata

from tacit.errors import BadInput

MAX_ID_BYTES = 256

_PROBLEMS = {
    "string_surrogate": "holds half of a surrogate pair, which is no character",
    "string_nul": "holds a NUL character",
    "string_control": "holds a control character",
    "string_format_char": "holds an invisible formatting character",
    "id_too_long": f"is longer than {MAX_ID_BYTES} bytes in UTF-8",
    "id_empty": "is empty",
}


def checked_id(text: str, field: str) -> str:
    """An id in the form in which it is stored: normalised to NFC, otherwise unchanged.

    Raises:
        BadInput: `string_surrogate`, `string_nul`, `string_control`, `string_format_char`, `id_too_long`, `id_empty`.
    """
    checked = checked_text(text, field)
    if not checked.strip():
        raise _bad("id_empty", field)
    return checked


def checked_text(text: str, field: str) -> str:
    """The same for a text that may be empty."""
    # The length first: what is far too long is not looked at.
    if len(text) > MAX_ID_BYTES or len(text.encode("utf-8", "surrogatepass")) > MAX_ID_BYTES:
        raise _bad("id_too_long", field)
    if problem := _character_problem(text):
        raise _bad(problem, field)
    return unicodedata.normalize("NFC", text)


def shown(text: str) -> str:
    """At most 64 characters of a foreign text, safe to show."""
    return text[:64].encode("unicode_escape").decode("ascii")[:64]


def _character_problem(text: str) -> str | None:
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


def _bad(code: str, field: str) -> BadInput:
    return BadInput(code, f"{field} {_PROBLEMS[code]}.", field=field, fix="Send it exactly as it is listed here.")
