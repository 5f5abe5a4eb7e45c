"""The questions that come in a body, taken apart field by field (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tacit.entrypoints.api.json_values import ids, listed, whole
from tacit.entrypoints.api.parameters import MAX_ITEMS, checked_limit, field_unknown, too_many_items
from tacit.entrypoints.api.rules import NAMES, rules_in
from tacit.entrypoints.api.strict_json import parse_object
from tacit.errors import BadInput
from tacit.serving.rules import Rules

USER_FIELDS = ("limit", *NAMES)
LIKES_FIELDS = ("liked", "limit", *(name for name in NAMES if name != "explore"))


@dataclass(frozen=True)
class ListQuestion:
    """How long a list is wanted, and what holds for it."""

    limit: int
    rules: Rules


@dataclass(frozen=True)
class LikesQuestion(ListQuestion):
    """What somebody likes, and what they want to know.

    Attributes:
        liked: Each once, in the order given.
    """

    liked: tuple[str, ...]


def parse_list(body: bytes) -> ListQuestion:
    """The question for a user's list in a body.

    Raises:
        BadInput: What is wrong with the JSON or with one of its fields: `field_unknown`, `type`, `limit_range`,
            `too_many_items`, the code of an id, or what is wrong with the rules.
    """
    given = _fields(body, USER_FIELDS)
    return ListQuestion(_limit(given), rules_in(given))


def parse_likes(body: bytes) -> LikesQuestion:
    """The question in a body.

    Raises:
        BadInput: What is wrong with the JSON or with one of its fields: `field_unknown`, `field_missing`, `type`,
            `limit_range`, `too_many_items`, the code of an id, or what is wrong with the rules.
    """
    given = _fields(body, LIKES_FIELDS)
    if "liked" not in given:
        raise BadInput("field_missing", "liked is missing.", field="liked", fix="List the ids of items that are liked.")
    return LikesQuestion(liked=_liked(given["liked"]), limit=_limit(given), rules=rules_in(given))


def _fields(body: bytes, known: Sequence[str]) -> Mapping[str, object]:
    given = parse_object(body)
    for name in given:
        if name not in known:
            raise field_unknown(name, known)
    return given


def _limit(given: Mapping[str, object]) -> int:
    return checked_limit(whole(given.get("limit", 10), "limit"))


def _liked(value: object) -> tuple[str, ...]:
    given = listed(value, "liked", "an array of strings")
    if len(given) > MAX_ITEMS:
        raise too_many_items("liked", len(given))
    return tuple(dict.fromkeys(ids(given, "liked")))
