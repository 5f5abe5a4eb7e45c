"""What the platform answers, read into values and errors (pure).

Fields that are not known here are passed over, so that a newer platform can be asked; a field that is missing makes the
answer unreadable.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from tacit.client.values import Item, Preferences, Reason, Recommendation, Recommendations, User
from tacit.errors import (
    BadInput,
    Forbidden,
    Misconfigured,
    NotFound,
    Refused,
    TacitError,
    Unauthenticated,
    Unavailable,
)

Value = TypeVar("Value")

AGAIN = frozenset({429, 502, 503, 504, 507})
"""Statuses that say that the same request may succeed later."""

KEPT = AGAIN | {401}
"""Statuses after which events are not given up: a key that was just made is known everywhere a second later."""

LONGEST_ASKED_SECONDS = 300.0
"""More than this nobody waits, whatever was asked for."""

_KINDS: Mapping[int, type[TacitError]] = {
    400: BadInput,
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    405: Misconfigured,
    413: BadInput,
    414: BadInput,
    415: BadInput,
    422: BadInput,
}


@dataclass(frozen=True, slots=True)
class Reply:
    """A response, as far as it matters here.

    Attributes:
        retry_after: The header of that name.
    """

    status: int
    content: bytes
    retry_after: str | None = None

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


def error_of(reply: Reply) -> TacitError:
    """The error in a response that is none of success."""
    facts = _problem(reply.content)
    status = reply.status
    kind = _KINDS.get(status, Unavailable if status >= 500 or status == 429 else Refused)
    code, detail = facts.pop("code", f"http_{status}"), facts.pop("detail", f"The answer has the status {status}.")
    field, fix = facts.pop("field", None), facts.pop("fix", None)
    return kind(code, detail, field=field, fix=fix, context={"status": status, **facts})


def asked_wait(reply: Reply, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> float | None:
    """How long the platform asks one to wait, in seconds; `None` if it does not say, or nothing that can be read."""
    text = (reply.retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), LONGEST_ASKED_SECONDS)
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # the second of a zone that is no number one could reckon with
        return None
    seconds = ((until if until.tzinfo else until.replace(tzinfo=UTC)) - now()).total_seconds()
    return min(max(0.0, seconds), LONGEST_ASKED_SECONDS)


def read(reply: Reply, reader: Callable[[Any], Value]) -> Value:
    """What a reader makes of a response's JSON.

    Raises:
        Unavailable: `answer_unreadable`.
    """
    try:
        return reader(json.loads(reply.content))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as problem:
        detail = "The answer is not what this client can read; something else may be listening there."
        raise Unavailable("answer_unreadable", detail, context={"status": reply.status}) from problem


def recommendations(body: Any) -> Recommendations:
    """A list for somebody."""
    return Recommendations(
        str(body["recommendation_id"]),
        str(body["model_version"]),
        str(body["source"]),
        bool(body["degraded"]),
        tuple(_recommendation(each) for each in body["items"]),
        body["user_id"],
        tuple(body["unknown_items"]),
    )


def item(body: Any) -> Item:
    """An item."""
    return Item(
        str(body["item_id"]),
        str(body["title"]),
        tuple(body["categories"]),
        tuple(body["tags"]),
        int(body["listeners"]),
        bool(body.get("available", True)),
        dict(body.get("labels") or {}),
        _moment(body.get("expires_at")),
        _moment(body.get("updated_at")),
    )


def user(body: Any) -> User:
    """A user."""
    return User(
        str(body["user_id"]),
        dict(body["labels"]),
        preferences(body["preferences"]),
        int(body["interactions"]),
        _moment(body["updated_at"]),
    )


def preferences(body: Any) -> Preferences:
    """What a user chose."""
    return Preferences(*(tuple(body[name]) for name in ("items", "categories", "moods")))


def _recommendation(body: Any) -> Recommendation:
    because = tuple(Reason(str(each["item_id"]), str(each["title"]), float(each["share"])) for each in body["because"])
    return Recommendation(
        str(body["item_id"]), str(body["title"]), tuple(body["categories"]), float(body["score"]), because
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _problem(content: bytes) -> dict[str, Any]:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(body, dict) or not isinstance(body.get("code"), str):
        return {}
    known = {name: body[name] for name in ("code", "detail", "field", "fix") if isinstance(body.get(name), str)}
    return {**body, **known}
