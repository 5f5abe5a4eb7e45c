"""Answers as JSON."""

from __future__ import annotations

import json
from typing import Any

from starlette.responses import Response

from tacit.serving.answers import Answer, ItemView, Recommendation

_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def json_response(body: object, *, status: int = 200) -> Response:
    """Plain values as a response."""
    return Response(_ENCODER.encode(body).encode(), status, media_type="application/json")


def answer_body(answer: Answer) -> dict[str, Any]:
    """An answer as plain values."""
    return {
        "recommendation_id": answer.recommendation_id,
        "model_version": answer.model_version,
        "source": answer.source,
        "degraded": answer.degraded,
        "user_id": answer.user_id,
        "unknown_items": answer.unknown_items,
        "items": [_recommendation_body(item) for item in answer.items],
    }


def item_body(item: ItemView) -> dict[str, Any]:
    """An item as plain values."""
    return {
        "item_id": item.item_id,
        "title": item.title,
        "categories": item.categories,
        "tags": item.tags,
        "listeners": item.listeners,
    }


def _recommendation_body(item: Recommendation) -> dict[str, Any]:
    return {
        "item_id": item.item_id,
        "title": item.title,
        "categories": item.categories,
        "score": item.score,
        "because": [
            {"item_id": reason.item_id, "title": reason.title, "share": reason.share} for reason in item.because
        ],
    }
