"""Answers as JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from starlette.responses import Response

from tacit.data.catalog_entries import Preferences
from tacit.serving.answers import Answer, ItemView
from tacit.serving.ladder import UNSCORED
from tacit.serving.quick_reranking import InColumns
from tacit.serving.reranking import Reranked, UnknownItem
from tacit.serving.user_desk import UserView

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ENCODER = msgspec.json.Encoder()


def written(body: object) -> str:
    """Plain values as JSON text."""
    return _ENCODER.encode(body).decode()


def json_response(body: object, *, status: int = 200) -> Response:
    """Plain values as a response."""
    return Response(_ENCODER.encode(body), status, media_type="application/json")


def answer_body(answer: Answer) -> dict[str, Any]:
    """An answer as values that the encoder knows; a score that is no number is null."""
    return {
        "recommendation_id": answer.recommendation_id,
        "model_version": answer.model_version,
        "source": answer.source,
        "degraded": answer.degraded,
        "rehearsed": answer.rehearsed,
        "user_id": answer.user_id,
        "unknown_items": answer.unknown_items,
        # The encoder writes these as they are, each field by its own name.
        "items": answer.items,
    }


def reranked_response(found: Reranked) -> Response:
    """Candidates in order as a response."""
    more = {"unknown_candidates": found.unknown_candidates, "left_out": found.left_out}
    return json_response({**answer_body(found.answer), **more})


def columns_response(found: InColumns) -> Response:
    """The same of candidates whose items are written already, to the byte."""
    unknown = _ENCODER.encode(found.unknown)
    more = b"".join([b",%b" % _ENCODER.encode(UnknownItem(each, each, (), UNSCORED)) for each in found.unknown])
    body = (
        b'{"recommendation_id":"%b","model_version":"%b","source":"personal","degraded":false,"rehearsed":false,'
        b'"user_id":%b,"unknown_items":[],"items":[%b%b],"unknown_candidates":%b,"left_out":%b}'
    )
    name, version, user = found.recommendation_id.encode(), found.model_version.encode(), _ENCODER.encode(found.user_id)
    said = (name, version, user, found.items, more, unknown, _ENCODER.encode(found.left_out))
    return Response(body % said, media_type="application/json")


def item_body(item: ItemView) -> dict[str, Any]:
    """An item as plain values."""
    return {
        "item_id": item.item_id,
        "title": item.title,
        "categories": item.categories,
        "tags": item.tags,
        "listeners": item.listeners,
        "labels": json.loads(item.labels),
        "available": item.available,
        "expires_at": moment(item.expires_at_ms),
        "updated_at": moment(item.updated_at_ms),
    }


def user_body(user: UserView) -> dict[str, Any]:
    """A user as plain values."""
    return {
        "user_id": user.user_id,
        "labels": json.loads(user.labels),
        "preferences": preferences_body(user.preferences),
        "interactions": user.interactions,
        "updated_at": moment(user.updated_at_ms),
    }


def preferences_body(chosen: Preferences) -> dict[str, Any]:
    """A choice as plain values."""
    return {"items": chosen.item_ids, "categories": chosen.categories, "moods": chosen.moods}


def moment(at_ms: int | None) -> str | None:
    """A moment as text; `None` stays what it is."""
    if at_ms is None:
        return None
    return (_EPOCH + timedelta(milliseconds=at_ms)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
