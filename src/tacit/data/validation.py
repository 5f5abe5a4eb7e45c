r"""May it enter? The rules for files, columns, ids and budgets, as functions of values (pure).

What the rules leave open in the common specification of tables, they settle so:

* Columns nobody asked for are ignored without a word; a column that is asked for must stand there exactly once, under
  exactly that name (a difference in case or spaces is refused, and the near name is shown).
* The only tokens that mean "no value" are the empty field, `NULL` and `\N`.
* Ids are text: `007` and `1e5` stay what they are, Unicode is normalised to NFC, surrounding spaces are kept, and an
  id of nothing but spaces is missing.
* Numbers are plain decimals with a point: no exponent, no digit grouping, no other digits than 0-9. A count may be
  written `3.0`, not `3.7`.
* A title is never a reason to keep a row out.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence

from tacit.data.imports import Limits
from tacit.errors import BadInput, Misconfigured, Refused

NULL_TOKENS = ("", "NULL", "\\N")
MIN_VALUE = 1e-12
"""Smallest value a row may carry: sums are exact to twelve decimals."""
MAX_VALUE_BOUND = 1e15
"""Largest `Limits.max_value`: beyond it sums to twelve decimals would not be exact."""

REASONS: Mapping[str, str] = {
    "ragged": "more or fewer fields than the table has columns, or quotes that make no sense",
    "nul": "holds a NUL byte",
    "encoding": "holds bytes that are not UTF-8",
    "user_missing": "no user id",
    "user_too_long": "user id longer than `max_id_bytes`",
    "user_control": "control character in the user id",
    "item_missing": "no item id",
    "item_too_long": "item id longer than `max_id_bytes`",
    "item_control": "control character in the item id",
    "value_missing": "no value where the table has a column for it",
    "number": "not a plain decimal number, or not a whole one where it counts something",
    "number_not_finite": "NaN or infinity",
    "value_range": "zero, negative, below 1e-12, or above `max_value`",
    "time_missing": "no time where the table has a column for it",
    "time_format": "a time that is not written as the others",
    "time_range": "before 1970 or too far ahead of now",
}
"""Why a row may not enter, in the order in which the rules are asked: a row is kept aside for the first that holds."""

_DATASET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def escaped(text: str) -> str:
    """At most 64 characters of a foreign text, safe to show."""
    return text[:64].encode("unicode_escape").decode("ascii")[:64]


def check_dataset_name(name: str) -> None:
    """A dataset's name becomes a folder's.

    Raises:
        BadInput: `dataset_name_invalid`.
    """
    if not _DATASET_NAME.fullmatch(name):
        raise BadInput(
            "dataset_name_invalid",
            f"'{escaped(name)}' cannot name a dataset.",
            field="dataset",
            fix="Use 1 to 64 letters, digits, points, hyphens and underscores, the first a letter or a digit.",
        )


def check_limits(limits: Limits) -> None:
    """Limits outside of what the engine can keep are an operator's mistake.

    Raises:
        Misconfigured: `limit_out_of_range`.
    """
    fix = "Set it within that range."
    if not 0 <= limits.bad_row_budget <= 1:
        raise Misconfigured("limit_out_of_range", "It is a share, from 0 to 1.", field="bad_row_budget", fix=fix)
    if not 0 < limits.max_id_bytes < 4096:
        raise Misconfigured("limit_out_of_range", "It must be above 0 and below 4096.", field="max_id_bytes", fix=fix)
    if not 0 < limits.max_value <= MAX_VALUE_BOUND:
        raise Misconfigured("limit_out_of_range", "It must be above 0 and at most 1e15.", field="max_value", fix=fix)


def check_budget(
    read: int, quarantined: Mapping[str, int], *, limits: Limits, first_rows: Sequence[Mapping[str, object]]
) -> None:
    """Stop an import that has more bad rows than it may.

    Raises:
        Refused: `bad_row_budget`, with the counts by reason and the first bad rows.
    """
    bad = sum(quarantined.values())
    if bad > limits.bad_row_budget * read:
        most = max(quarantined, key=lambda reason: quarantined[reason])
        raise Refused(
            "bad_row_budget",
            f"{bad} of {read} rows are bad ({bad / read:.2%}); at most {limits.bad_row_budget:.2%} may be. "
            f"Most often: {REASONS.get(most, most)} ({most}).",
            field="bad_row_budget",
            fix="Check that columns, delimiter and formats are those of the file; nothing was imported.",
            context={"read": read, "quarantined": dict(quarantined), "first_rows": list(first_rows)},
        )


def normal_id(item_id: str) -> str:
    """An id in the form in which it is stored."""
    return unicodedata.normalize("NFC", item_id)


def item_problem(item_id: str, limits: Limits) -> str | None:
    """The first reason why an id may not name an item, or `None`."""
    if item_id in NULL_TOKENS or not item_id.strip(" "):
        return "item_missing"
    if len(item_id.encode("utf-8", "surrogatepass")) > limits.max_id_bytes:
        return "item_too_long"
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in item_id):
        return "item_control"
    return None
