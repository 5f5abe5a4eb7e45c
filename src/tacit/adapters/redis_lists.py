"""How a kept list is written in Redis, and read so that nothing odd is ever believed."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NoReturn, get_args

from tacit.serving.answers import Reason, Recommendation, Source
from tacit.serving.list_cache import CachedList

SCHEMA = 1
"""The version of this form; it is also in every key, so that another release's lists are not even met."""

MAX_BYTES = 1_000_000
"""What is longer is not parsed."""

_SOURCES = frozenset(get_args(Source))
_FIELDS = {"schema", "user_id", "question", "stamp", "source", "stored_at_ms", "items"}
_ITEM_FIELDS = {"item_id", "title", "categories", "score", "because"}
_REASON_FIELDS = {"item_id", "title", "share"}


class OddValue(ValueError):
    """What stands under our key is no list that we wrote for this user and question."""


def encoded(user_id: str, question: str, found: CachedList) -> bytes:
    """A list as JSON that says whose it is and what was asked.

    Raises:
        ValueError: A score is not finite, or a text cannot be written.
    """
    facts = {
        "schema": SCHEMA,
        "user_id": user_id,
        "question": question,
        "stamp": found.stamp,
        "source": found.source,
        "stored_at_ms": found.stored_at_ms,
        "items": [_item_facts(item) for item in found.items],
    }
    return _ENCODER.encode(facts).encode()


def decoded(raw: bytes, *, user_id: str, question: str) -> CachedList:
    """The list in some bytes.

    Raises:
        OddValue: They are too long, no JSON, of another form, or of another user or question.
    """
    facts = _fields(_json(raw), _FIELDS)
    if (facts["schema"], facts["user_id"], facts["question"]) != (SCHEMA, user_id, question):
        raise OddValue("it is of another form, user or question")
    if type(facts["source"]) is not str or facts["source"] not in _SOURCES:
        raise OddValue("its source is none of ours")
    items = tuple(_item(each) for each in _list(facts["items"]))
    source: Any = facts["source"]
    return CachedList(_text(facts["stamp"]), source, items, _whole(facts["stored_at_ms"]))


def _item_facts(item: Recommendation) -> dict[str, object]:
    because = [{"item_id": each.item_id, "title": each.title, "share": each.share} for each in item.because]
    facts = {"item_id": item.item_id, "title": item.title, "categories": item.categories}
    return {**facts, "score": item.score, "because": because}


def _item(value: object) -> Recommendation:
    facts = _fields(value, _ITEM_FIELDS)
    return Recommendation(
        _text(facts["item_id"]),
        _text(facts["title"]),
        tuple(_text(each) for each in _list(facts["categories"])),
        _number(facts["score"]),
        tuple(_reason(each) for each in _list(facts["because"])),
    )


def _reason(value: object) -> Reason:
    facts = _fields(value, _REASON_FIELDS)
    return Reason(_text(facts["item_id"]), _text(facts["title"]), _number(facts["share"]))


def _json(raw: bytes) -> object:
    if len(raw) > MAX_BYTES:
        raise OddValue("it is too long")
    try:
        return _DECODER.decode(raw.decode())
    except (ValueError, RecursionError) as problem:
        raise OddValue("it is no JSON") from problem


def _fields(value: object, names: set[str]) -> Mapping[str, object]:
    if not isinstance(value, dict) or value.keys() != names:
        raise OddValue("it has other fields")
    return value


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise OddValue("it has no list where one belongs")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise OddValue("it has no text where one belongs")
    return value


def _whole(value: object) -> int:
    if type(value) is not int:
        raise OddValue("it has no whole number where one belongs")
    return value


def _number(value: object) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):  # type: ignore[arg-type]
        raise OddValue("it has no number where one belongs")
    return float(value)  # type: ignore[arg-type]


def _refuse(name: str) -> NoReturn:
    raise OddValue(f"{name} is no number")


_ENCODER = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":"))
_DECODER = json.JSONDecoder(parse_constant=_refuse)
