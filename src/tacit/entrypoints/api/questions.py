"""The questions that come in a body, taken apart field by field (pure)."""

from __future__ import annotations

from dataclasses import dataclass

from tacit.entrypoints.api.parameters import (
    MAX_ITEMS,
    checked_limit,
    field_unknown,
    too_many_items,
)
from tacit.entrypoints.api.strict_json import kind_of, parse_object
from tacit.entrypoints.api.texts import checked_id
from tacit.errors import BadInput

_FIELDS = ("liked", "limit", "exclude", "category")


@dataclass(frozen=True)
class LikesQuestion:
    """What somebody likes, and what they want to know.

    Attributes:
        liked: Each once, in the order given.
    """

    liked: tuple[str, ...]
    limit: int
    exclude: frozenset[str]
    category: str | None


def parse_likes(body: bytes) -> LikesQuestion:
    """The question in a body.

    Raises:
        BadInput: What is wrong with the JSON or with one of its fields: `field_unknown`, `field_missing`, `type`,
            `limit_range`, `too_many_items`, or the code of an id.
    """
    given = parse_object(body)
    for name in given:
        if name not in _FIELDS:
            raise field_unknown(name, _FIELDS)
    if "liked" not in given:
        raise BadInput("field_missing", "liked is missing.", field="liked", fix="List the ids of items that are liked.")
    return LikesQuestion(
        liked=_ids(given["liked"], "liked"),
        limit=checked_limit(_whole(given.get("limit", 10), "limit")),
        exclude=frozenset(_ids(given.get("exclude", []), "exclude")),
        category=checked_id(_string(given["category"], "category"), "category") if "category" in given else None,
    )


def _ids(value: object, name: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise _wrong_type(value, name, "an array of strings")
    if len(value) > MAX_ITEMS:
        raise too_many_items(name, len(value))
    ids = [checked_id(_string(each, f"{name}[{index}]"), f"{name}[{index}]") for index, each in enumerate(value)]
    return tuple(dict.fromkeys(ids))


def _whole(value: object, name: str) -> int:
    # True is an int to Python, not to JSON.
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong_type(value, name, "a whole number")
    return value


def _string(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise _wrong_type(value, name, "a string")
    return value


def _wrong_type(value: object, name: str, wanted: str) -> BadInput:
    return BadInput("type", f"{name} is {kind_of(value)}; it must be {wanted}.", field=name, fix=f"Send {wanted}.")
