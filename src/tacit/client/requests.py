"""The questions a client can ask, each as a value: what is sent, and how the answer is read (pure)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from tacit.client import answers
from tacit.client.options import Keep
from tacit.client.values import Item, Preferences, Recommendations, User
from tacit.errors import BadInput

Value = TypeVar("Value")

JSON = "application/json"
JSON_LINES = "application/x-ndjson"
Params = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Question(Generic[Value]):
    """One request and how its answer is read; sent twice, it does the same as sent once.

    Attributes:
        is_done_if_gone: Whether 404 is what was wanted, where an earlier try may have arrived.
    """

    method: str
    path: str
    read: Callable[[Any], Value]
    params: Params = ()
    body: bytes | None = None
    media_type: str = JSON
    is_done_if_gone: bool = False


def recommend(
    user_id: str, *, limit: int | None, exclude: Iterable[str], category: str | None
) -> Question[Recommendations]:
    """What a user may like next."""
    path = f"/api/v1/users/{_segment(user_id, 'user_id')}/recommendations"
    return Question("GET", path, answers.recommendations, _filters(limit, exclude, category))


def recommend_for_likes(
    liked: Iterable[str], *, limit: int | None, exclude: Iterable[str], category: str | None
) -> Question[Recommendations]:
    """What somebody may like of whom only some likes are known."""
    asked = {"liked": list(liked), "limit": limit, "exclude": list(exclude), "category": category}
    body = _encoded({name: value for name, value in asked.items() if value not in (None, [])})
    return Question("POST", "/api/v1/recommendations", answers.recommendations, body=body)


def similar_items(
    item_id: str, *, limit: int | None, exclude: Iterable[str], category: str | None
) -> Question[Recommendations]:
    """What is like an item."""
    path = f"/api/v1/items/{_segment(item_id, 'item_id')}/similar"
    return Question("GET", path, answers.recommendations, _filters(limit, exclude, category))


def popular(*, limit: int | None, exclude: Iterable[str], category: str | None) -> Question[Recommendations]:
    """What most users met."""
    return Question("GET", "/api/v1/popular", answers.recommendations, _filters(limit, exclude, category))


def item(item_id: str) -> Question[Item]:
    """What is known of an item."""
    return Question("GET", _item_path(item_id), answers.item)


def put_item(item_id: str, said: Mapping[str, object]) -> Question[Item]:
    """Say all there is to say of an item."""
    return Question("PUT", _item_path(item_id), answers.item, body=_said(said))


def patch_item(item_id: str, said: Mapping[str, object]) -> Question[Item]:
    """Say something else of an item."""
    return Question("PATCH", _item_path(item_id), answers.item, body=_said(said))


def delete_item(item_id: str) -> Question[None]:
    """Remove an item."""
    return Question("DELETE", _item_path(item_id), lambda _: None, is_done_if_gone=True)


def put_user(user_id: str, *, labels: Mapping[str, Any] | None, preferences: Preferences | None) -> Question[User]:
    """Say all there is to say of a user."""
    said = {"labels": labels, "preferences": None if preferences is None else _choice(preferences)}
    return Question("PUT", _user_path(user_id), answers.user, body=_encoded(said))


def set_preferences(user_id: str, chosen: Preferences) -> Question[Preferences]:
    """Say what a user chose."""
    return Question("POST", f"{_user_path(user_id)}/preferences", answers.preferences, body=_encoded(_choice(chosen)))


def _choice(chosen: Preferences) -> dict[str, list[str]]:
    return {"items": list(chosen.items), "categories": list(chosen.categories), "moods": list(chosen.moods)}


def _said(said: Mapping[str, object]) -> bytes:
    named = {name: value for name, value in said.items() if not isinstance(value, Keep)}
    return _encoded({name: _plain(value) for name, value in named.items()})


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value


def _encoded(body: object) -> bytes:
    try:
        return json.dumps(body, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as problem:
        raise BadInput("not_json", f"What was given cannot be said in JSON: {str(problem)[:200]}.") from problem


def _filters(limit: int | None, exclude: Iterable[str], category: str | None) -> Params:
    found = [("limit", str(limit))] if limit is not None else []
    found += [("exclude", each) for each in exclude]
    return (*found, ("category", category)) if category is not None else tuple(found)


def _item_path(item_id: str) -> str:
    return f"/api/v1/items/{_segment(item_id, 'item_id')}"


def _user_path(user_id: str) -> str:
    return f"/api/v1/users/{_segment(user_id, 'user_id')}"


def _segment(text: str, field: str) -> str:
    """An id as part of an address, where dots alone would mean a way up."""
    if not isinstance(text, str) or not text:
        raise BadInput("type", f"{field} is {type(text).__name__}; it must be text, and not empty.", field=field)
    try:
        quoted = quote(text, safe="")
    except UnicodeEncodeError as problem:
        raise BadInput("string_surrogate", f"{field} holds half a character.", field=field) from problem
    return quoted.replace(".", "%2E") if not text.strip(".") else quoted
