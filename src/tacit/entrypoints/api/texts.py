"""What may stand in an id, a name or a search text (pure)."""

from __future__ import annotations

from collections.abc import Sequence

from tacit.data.texts import MAX_ID_BYTES, normal_form, text_problem
from tacit.errors import BadInput

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
    if are_plain_ids((text,)):
        return text  # its own normal form, and nothing in it is to be looked for
    checked = checked_text(text, field)
    if not checked.strip():
        raise _bad("id_empty", field)
    return checked


def are_plain_ids(values: Sequence[object]) -> bool:
    """Whether some values are ids of printable ASCII, told of all at once: none of them is anything but itself."""
    try:
        every = "".join(values)  # type: ignore[arg-type]  # what is no text is refused
    except TypeError:
        return False
    is_plain = every.isascii() and every.isprintable()
    return is_plain and all(0 < len(each.strip()) <= len(each) <= MAX_ID_BYTES for each in values)  # type: ignore[attr-defined,arg-type]


def checked_text(text: str, field: str) -> str:
    """The same for a text that may be empty."""
    normal = normal_form(text)
    if problem := text_problem(normal):
        raise _bad(problem, field)
    return normal


def _bad(code: str, field: str) -> BadInput:
    return BadInput(code, f"{field} {_PROBLEMS[code]}.", field=field, fix="Send it exactly as it is listed here.")
