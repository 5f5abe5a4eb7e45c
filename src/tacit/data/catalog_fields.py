"""What each field of an item's or a user's entry may hold, and the form in which it is kept (pure).

Ids are those of events.  A title is text for people: it may hold what only shapes text, such as the joiner of an emoji,
but nothing that ends a line.  `null` stands everywhere for what holds if nothing is said.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from tacit.data.catalog_entries import Preferences
from tacit.data.event_fields import canonical_properties, checked_id, sent_moment_ms, wrong_type
from tacit.data.validation import escaped
from tacit.errors import BadInput

MAX_TITLE_BYTES = 1_024
MAX_WORDS = 50
"""Most categories, and most tags, of one item; most categories of one choice."""
MAX_MOODS = 64
"""Most moods of one choice; and most bytes of each."""
MAX_CHOSEN_ITEMS = 1_000
LAST_MOMENT_MS = 253_402_300_799_999
"""The end of the year 9999, behind which no calendar of ours goes."""

PREFERENCE_FIELDS = ("items", "categories", "moods")

_TIME_WANTED = "Send 2026-01-31T12:00:00Z or whole milliseconds since 1970; null for never."
_LABELS = {
    "event_too_large": ("labels_too_large", "has more than 16,384 bytes as JSON"),
    "json_depth": ("json_depth", "is nested deeper than 200 levels"),
    "string_nul": ("string_nul", "has a NUL character"),
    "string_surrogate": ("string_surrogate", "has half of a surrogate pair, which is no character"),
}
_TEXTS = {
    "Cs": ("string_surrogate", "half of a surrogate pair, which is no character"),
    "Cc": ("string_control", "a control character"),
    "Zl": ("string_control", "a line separator"),
    "Zp": ("string_control", "a paragraph separator"),
}

Read = Callable[[object], Any]
"""Makes of a field's value what is kept, or raises `BadInput`."""


def read_fields(raw: object, readers: Mapping[str, tuple[str, Read]], *, of: str) -> dict[str, Any]:
    """What an object says, by the names under which it is kept; what is not named, or null, is left out or `None`.

    Args:
        raw: A JSON value, as parsed.
        readers: For each field the name under which it is kept, and what reads it.
        of: What the object is, in words.

    Raises:
        BadInput: `type`, `field_unknown`, or what is wrong with a field.
    """
    if not isinstance(raw, Mapping):
        raise wrong_type(raw, of, "an object")
    for name in raw:
        if name not in readers:
            raise unknown_field(name, tuple(readers), of=of)
    return {
        kept: None if raw[name] is None else read(raw[name]) for name, (kept, read) in readers.items() if name in raw
    }


def unknown_field(name: object, known: Sequence[str], *, of: str) -> BadInput:
    """A field that nobody reads, and what may have been meant."""
    shown = escaped(str(name))
    near = get_close_matches(str(name)[:64].casefold(), known, n=3)
    fix = f"Did you mean {' or '.join(near)}?" if near else f"The fields are: {', '.join(known)}."
    context = {"near": near, "known": list(known)}
    return BadInput("field_unknown", f"The {of} has no field '{shown}'.", field=shown, fix=fix, context=context)


def title(value: object) -> str:
    """A title, normalised to NFC.

    Raises:
        BadInput: `type`, `title_too_long`, `title_empty`, `string_surrogate`, `string_nul`, `string_control`.
    """
    if not isinstance(value, str):
        raise wrong_type(value, "title", "text")
    # The length first: what is far too long is not looked at.
    if len(value) > MAX_TITLE_BYTES or len(value.encode("utf-8", "surrogatepass")) > MAX_TITLE_BYTES:
        detail = f"title is longer than {MAX_TITLE_BYTES} bytes in UTF-8."
        raise BadInput("title_too_long", detail, field="title", fix="Send a shorter one.")
    if "\0" in value:
        raise BadInput("string_nul", "title has a NUL character.", field="title", fix="Leave it out.")
    for category, (code, problem) in _TEXTS.items():
        if any(unicodedata.category(character) == category for character in value):
            raise BadInput(code, f"title has {problem}.", field="title", fix="Leave it out.")
    if not value.strip():
        raise BadInput("title_empty", "title has no character but spaces.", field="title", fix="Send a title, or null.")
    return unicodedata.normalize("NFC", value)


def words(value: object, name: str, *, most: int = MAX_WORDS, longest: int | None = None) -> tuple[str, ...]:
    """Ids or words, each once, in the order given.

    Args:
        value: What was sent.
        name: Its field.
        most: How many there may be.
        longest: Most bytes of each, if fewer than an id may have.

    Raises:
        BadInput: `type`, `too_many_items`, `word_too_long`, or what is wrong with one, as with an id.
    """
    if not isinstance(value, list):
        raise wrong_type(value, name, "an array of texts")
    if len(value) > most:
        detail = f"{name} has {len(value)} entries; the most are {most}."
        raise BadInput("too_many_items", detail, field=name, fix="Send fewer.")
    checked = [checked_id(each, f"{name}[{at}]") for at, each in enumerate(value)]
    for at, each in enumerate(checked):
        if longest is not None and len(each.encode()) > longest:
            detail = f"{name}[{at}] is longer than {longest} bytes in UTF-8."
            raise BadInput("word_too_long", detail, field=f"{name}[{at}]", fix="Send a shorter one.")
    return tuple(dict.fromkeys(checked))


def labels(value: object) -> str:
    """Facts as JSON text that is the same whenever they say the same.

    Raises:
        BadInput: `type`, `labels_too_large`, `json_depth`, `string_nul`, `string_surrogate`, `number_not_finite`,
            `number_out_of_range`.
    """
    if not isinstance(value, dict):
        raise wrong_type(value, "labels", "an object")
    try:
        return canonical_properties(value)
    except BadInput as error:
        code, problem = _LABELS.get(error.code, (error.code, "has a number that cannot be kept"))
        raise BadInput(code, f"labels {problem}.", field="labels", fix="Send less, or other values.") from error


def flag(value: object, name: str) -> bool:
    """A yes or no.

    Raises:
        BadInput: `type`.
    """
    if not isinstance(value, bool):
        raise wrong_type(value, name, "true or false")
    return value


def moment_ms(value: object, name: str) -> int:
    """A time from 1970 to 9999, past or to come, in milliseconds since 1970, UTC.

    Raises:
        BadInput: `type`, `timestamp_unit`, `timestamp_range`, `number_not_finite`, `number_out_of_range`.
    """
    found = sent_moment_ms(value, name, fix=_TIME_WANTED)
    if not 0 <= found <= LAST_MOMENT_MS:
        detail = f"{name} lies before 1970 or after 9999."
        raise BadInput("timestamp_range", detail, field=name, fix=_TIME_WANTED)
    return found


def preferences(value: object) -> Preferences:
    """What somebody chose; whether there are such items and categories is not asked here.

    Raises:
        BadInput: `type`, `field_unknown`, `too_many_items`, `word_too_long`, or what is wrong with one, as with an id.
    """
    said = read_fields(value, _PREFERENCES, of="preferences")
    return Preferences(**{name: each for name, each in said.items() if each is not None})


_PREFERENCES: Mapping[str, tuple[str, Read]] = {
    "items": ("item_ids", lambda value: words(value, "items", most=MAX_CHOSEN_ITEMS)),
    "categories": ("categories", lambda value: words(value, "categories")),
    "moods": ("moods", lambda value: words(value, "moods", most=MAX_MOODS, longest=MAX_MOODS)),
}
