"""What a catalogue says of an item beyond its categories, in words for a page: level, language, length, year (pure)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from tacit.serving.answers import ItemView

MAX_FACTS = 4

_YEAR_AT_END = re.compile(r"\((\d{4})\)\s*$")
_PLACES = {
    "level": ("level", "difficulty"),
    "language": ("language", "lang"),
    "length": ("duration_minutes", "duration_min", "minutes", "runtime", "duration"),
    "seconds": ("duration_seconds", "seconds"),
    "year": ("year", "release_year", "released"),
}
"""Names under which labels say each, the first one that is there; a tag says it as `level:beginner`."""


def facts_of(item: ItemView) -> tuple[str, ...]:
    """What can be said of an item in a few words each: `Beginner`, `English`, `2 h 10 min`, `1995`."""
    labels = _labels(item.labels)
    said = {part: _first(labels, names) for part, names in _PLACES.items()}
    for tag in item.tags:
        part, colon, value = tag.partition(":")
        if colon and value and said.get(part) is None:
            said[part] = value
    year = _YEAR_AT_END.search(item.title)
    # A title that says its year itself need not be told twice.
    facts = (
        _level(said["level"]),
        _word(said["language"]),
        _length(said["length"], said["seconds"]),
        None if year else _year(said["year"]),
    )
    return tuple(each for each in facts if each)[:MAX_FACTS]


def plain_tags(item: ItemView, *, most: int = 8) -> tuple[str, ...]:
    """Its free words, without those that are facts or categories already."""
    known = {name.casefold() for name in item.categories}
    return tuple(tag for tag in item.tags if ":" not in tag and tag.casefold() not in known)[:most]


def length_of(minutes: float) -> str:
    """A length as people say it."""
    hours, rest = divmod(round(minutes), 60)
    if not hours:
        return f"{max(rest, 1)} min"
    return f"{hours} h {rest} min" if rest else f"{hours} h"


def _labels(text: str) -> Mapping[str, Any]:
    # What is kept was checked when it was taken in.
    found = json.loads(text)
    return found if isinstance(found, dict) else {}


def _first(labels: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((labels[name] for name in names if labels.get(name) not in (None, "")), None)


def _word(value: Any) -> str | None:
    if not isinstance(value, str) or not value.strip():
        return None
    text = value.strip()[:40]
    return text[:1].upper() + text[1:]


def _level(value: Any) -> str | None:
    word = _word(value)
    return "All levels" if word in ("All", "Any") else word


def _length(minutes: Any, seconds: Any) -> str | None:
    for value, share in ((minutes, 1.0), (seconds, 1 / 60)):
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e6:
            return length_of(value * share)
    return _word(minutes)


def _year(value: Any) -> str | None:
    text = str(value)[:4] if value is not None and not isinstance(value, bool) else ""
    return text if text.isdigit() and len(text) == 4 else None
